"""benchmarks/soak.py for two minutes, and whether it would notice."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.soak import Soak
from indexer.live import open_index
from indexer.product import Product

MINUTES = float(os.environ.get("AISLE_TEST_SOAK_MINUTES", "2"))
FAULTS = ("lost_writes", "phantom_rows", "wrong_answers", "failed_reads", "failed_writes")


@pytest.mark.slow
def test_two_minutes_of_kills_and_rebuilds_lose_nothing(tmp_path: Path) -> None:
    """Two services are killed and swapped while clients write and ask: no fault, and all of it did happen."""
    result = Soak(tmp_path, "exact", clients=3, minutes=MINUTES, disturbed=0.5).run()

    assert result["problems"] == []
    counts = result["counts"]
    assert {name: counts[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0)
    assert min(counts.get(name, 0) for name in ("kills", "swaps", "comparisons", "acknowledged_writes")) > 0
    assert result["recall_at_10"] == 1


@pytest.mark.slow
def test_a_soak_notices_what_is_lost_and_what_was_never_sent(tmp_path: Path) -> None:
    """Somebody deletes a product and adds another behind the clients' backs: one lost write, one phantom row."""
    soak = Soak(tmp_path, "exact", clients=1, minutes=0)
    with closing(open_index(soak.index)) as live:
        live.change(["base-1", Product("nobody's", "Stunt kite")])

    counts = soak.run()["counts"]

    # Each of two services says so, and what is stored in the end.
    assert (counts["lost_writes"], counts["phantom_rows"]) == (3, 3)
