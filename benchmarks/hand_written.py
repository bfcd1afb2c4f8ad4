"""Pairs of titles that a person wrote and judged, who had not seen the code: 300, in hand_written_pairs.csv.

Titles are all that is known of them, so they are harder than what stands in a catalogue. `other` is what some would
call a variant and some another article (a flavour, a generation): either is right. Half of them (`looked at`) were
looked at while the decider was worked on, the other half was only counted.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.paired import Hits, new_ones, sample
from indexer.product import Product
from service.duplicates.verdicts.decider import Decider
from service.duplicates.verdicts.verdict import DIFFERENT, IDENTICAL, SAME, VARIANT

PAIRS = Path(__file__).with_name("hand_written_pairs.csv")
RIGHT = {"same": (SAME, IDENTICAL), "variant": (VARIANT,), "different": (DIFFERENT,), "other": (VARIANT, DIFFERENT)}
SURE = 0.8


def hand_written(decider: Decider) -> dict[str, Any]:
    """Return how many pairs of each part are judged as the person did, by verdict, and of those called the same."""
    pairs = pd.read_csv(PAIRS, dtype=str)
    sides = [Product(id=f"{row} {side}", title=pairs[side][row]) for row in pairs.index for side in ("left", "right")]
    with closing(sample()) as engine, engine.live.reading():
        decided = decider.decide(*new_ones(engine, sides))
    right = np.array([code in RIGHT[wanted] for code, wanted in zip(decided.verdicts, pairs["verdict"], strict=True)])
    same, called = (pairs["verdict"] == "same").to_numpy(), np.isin(decided.verdicts, RIGHT["same"])
    sure, result = called & (decided.same >= SURE), {}
    for name in pairs["part"].unique():
        part = (pairs["part"] == name).to_numpy()
        rows = {wanted: part & (pairs["verdict"] == wanted).to_numpy() for wanted in RIGHT}
        result[name] = {
            "right": _of(right, part),
            "same_or_not_right": _of(called == same, part),
            **{wanted: _of(right, some) for wanted, some in rows.items()},
            f"called_same_below_{SURE}_right": _of(same, part & called & ~sure),
            f"called_same_from_{SURE}_right": _of(same, part & sure),
        }
    return result


def _of(right: Hits, rows: Hits) -> str:
    return f"{int(right[rows].sum())} of {int(rows.sum())}"
