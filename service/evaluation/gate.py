"""The gate: whether one index is worse than another on the same questions, beyond what chance explains.

Paired bootstrap: both are measured on the same samples of the products, so that what is hard for both cancels out.
A measure is worse when its difference lies under zero in all but a share of the samples. That share is LEVEL for all
measures together (Bonferroni): of a hundred gates between equals, five at most are closed by chance. A precision above
the one that was asked for is no goal: there it is no worse to be less precise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from indexer.errors import SourceError
from service.evaluation.judged import Judged
from service.evaluation.measures import MEASURES, Outcomes, measured, resampled

RESAMPLES = 2_000
LEVEL = 0.05
LEAST = 30
"""Products under which a bootstrap takes chance for a difference."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure of this index and of the other; low and high bound the difference, this minus the other."""

    measure: str
    this: float
    other: float
    difference: float
    low: float
    high: float
    worse: bool


def compare(
    this: Judged, other: Judged, *, precision: float, tolerance: float = 0.0, seed: int = 0
) -> list[Comparison]:
    """Compare two indexes on the products that both were asked about, by every measure that both have.

    precision: that was asked for. tolerance: how much worse is still let through. Raises SourceError when they share
    fewer than LEAST products.
    """
    shared = set(this.ids) & set(other.ids)
    if len(shared) < LEAST:
        raise SourceError(
            f"both indexes were asked about {len(shared):,} products, and a comparison needs {LEAST} at least; "
            "name a SOURCE with more labelled products that are new to both, or give a larger --sample"
        )
    names: dict[str, int] = {}
    first, second = (Outcomes.of(_in_order(judged, shared), names) for judged in (this, other))
    even = np.ones(len(first))
    samples = [resampled(each, times=RESAMPLES, seed=seed) for each in (first, second)]
    measures = [name for name in measured(first) if name in measured(second)]
    share = LEVEL / len(measures)
    found = []
    for name in measures:
        values = [MEASURES[name](each, even) for each in (first, second)]
        low, high = np.quantile(samples[0][name] - samples[1][name], (share, 1 - share)).tolist()
        most = precision if name == "precision" else 1.0
        capped = np.minimum(samples[0][name], most) - np.minimum(samples[1][name], most)
        this_value, other_value, difference = (round(value, 4) for value in (*values, values[0] - values[1]))
        worse = bool(np.quantile(capped, 1 - share) < -tolerance)
        found.append(Comparison(name, this_value, other_value, difference, round(low, 4), round(high, 4), worse))
    return found


def _in_order(judged: Judged, shared: set[str]) -> Judged:
    """Return the products of these ids in order of id."""
    rows = [row for row, product_id in enumerate(judged.ids) if product_id in shared]
    return judged[np.array(sorted(rows, key=judged.ids.__getitem__), np.int64)]
