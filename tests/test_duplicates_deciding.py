"""service/duplicates/standing/deciding.py: what others do while somebody decides, and decisions that are too large."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import DecisionConflict
from indexer.live import Change, Outcome
from indexer.product import Product
from indexer.store.twins import DUPLICATES, Member, Regrouped
from service.duplicates.standing.deciding import Verdict, decide
from service.engine import Engine
from service.settings import ServiceSettings

GROUP = "g1"


class Beaten(Engine):
    """An engine on which somebody deletes a product, once, right before a change."""

    loses = ""

    def change(self, changes: Sequence[Change], **said: Any) -> list[Outcome]:
        """Change products after the other one did."""
        if self.loses:
            super().change([self.loses])
            self.loses = ""
        return super().change(changes, **said)


@pytest.fixture
def engine(own_index: Path) -> Iterator[Beaten]:
    """Return an engine on an index of its own."""
    with closing(Beaten.open(ServiceSettings(index=own_index))) as opened:
        yield opened


def grouped(engine: Engine, size: int) -> None:
    """Store so many products and let all of them be in one group."""
    keys = [each.key for each in engine.live.put([Product(f"D{n}", title=f"Mug {n}") for n in range(size)])]  # type: ignore[union-attr]
    findings = engine.live.records.findings
    members = [Member(key, GROUP, "", survivor=key == keys[0]) for key in keys]
    assert findings.advance(DUPLICATES, findings.place(DUPLICATES), findings.end(), [Regrouped((), (), keys, members)])


def test_of_two_who_merge_each_other_one_is_refused(engine: Beaten) -> None:
    """Whoever is to be kept is there when the others go, so that the last listing of a product is never deleted."""
    grouped(engine, 2)
    engine.loses = "D0"
    with pytest.raises(DecisionConflict, match="'D0' was changed while it was decided about; nothing was changed"):
        decide(engine, GROUP, Verdict("merge", ["D1"], survivor="D0"))
    assert sorted(engine.live.records.get(["D0", "D1"])) == ["D1"]


def test_a_decision_about_many_pairs_is_refused_before_they_are_made(engine: Beaten) -> None:
    """A group of copies has more pairs than memory."""
    grouped(engine, 1_000)
    tracemalloc.start()
    try:
        with pytest.raises(DecisionConflict, match="about 499,500 pairs, 5,000 are taken at a time"):
            decide(engine, GROUP, Verdict("different"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000
