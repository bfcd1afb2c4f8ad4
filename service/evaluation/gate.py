"""The gate: whether one index is worse than another on the same questions, beyond what chance explains.

Were they equal, it would be chance which of them gave which answer. So the two answers to a product change places or
not by the toss of a coin, RESAMPLES times, and a measure is worse when a difference as low as what was seen comes of
LEVEL of the tosses at most, for all measures together (paired permutation test, Bonferroni): of a hundred gates between
equals about five are closed by chance. The bounds of a difference are of a bootstrap that weighs the products of both
alike, so that what is hard for both cancels out; they have to lie beyond the tolerance too.

A precision above the one that was asked for is no goal: there it is no worse to be less precise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from indexer.errors import SourceError
from service.evaluation.judged import Judged
from service.evaluation.measures import MEASURES, Outcomes, measured, resampled

RESAMPLES = 2_000
LEVEL = 0.05
LEAST = 30
"""Products under which a gate would hardly ever be closed, whatever is behind it."""
HALF = 0.5
ROUNDING = 1e-12
NO_OTHERS: Mapping[str, float] = MappingProxyType({})


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
    this: Judged,
    other: Judged,
    *,
    precision: float,
    tolerance: float = 0.0,
    tolerances: Mapping[str, float] = NO_OTHERS,
    seed: int = 0,
) -> list[Comparison]:
    """Compare two indexes on the products that both were asked about, by every measure that both have.

    precision: that was asked for. tolerance: how much worse is still let through; tolerances: by measures
    that have another. Raises SourceError when they share fewer than LEAST products.
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
    chances = _chances(first, second, measures, {"precision": precision}, seed)
    found = []
    for name in measures:
        values = [MEASURES[name](each, even) for each in (first, second)]
        low, high = np.quantile(samples[0][name] - samples[1][name], (share, 1 - share)).tolist()
        this_value, other_value, difference = (round(value, 4) for value in (*values, values[0] - values[1]))
        worse = chances[name] <= share and high < -tolerances.get(name, tolerance)
        found.append(Comparison(name, this_value, other_value, difference, round(low, 4), round(high, 4), worse))
    return found


def _chances(
    first: Outcomes, second: Outcomes, measures: Sequence[str], most: Mapping[str, float], seed: int
) -> dict[str, float]:
    """Return for each measure how likely so low a difference is between equals; most: above it no value counts more."""
    rng, size, even = np.random.default_rng(seed), len(first), np.ones(len(first))

    def differences(one: Outcomes, other: Outcomes) -> list[float]:
        values = [[min(MEASURES[name](each, even), most.get(name, 1.0)) for name in measures] for each in (one, other)]
        return [this - that for this, that in zip(*values, strict=True)]

    seen, low = np.array(differences(first, second)), np.zeros(len(measures))
    for _ in range(RESAMPLES):
        places = rng.random(size) < HALF
        low += np.array(differences(_mixed(first, second, places), _mixed(second, first, places))) <= seen + ROUNDING
    return dict(zip(measures, ((1 + low) / (1 + RESAMPLES)).tolist(), strict=True))


def _mixed(one: Outcomes, other: Outcomes, places: npt.NDArray[np.bool_]) -> Outcomes:
    """Return `one` with what `other` has in some places."""
    return Outcomes(*(np.where(places, getattr(other, name), getattr(one, name)) for name in Outcomes.__slots__))


def _in_order(judged: Judged, shared: set[str]) -> Judged:
    """Return the products of these ids in order of id."""
    rows = [row for row, product_id in enumerate(judged.ids) if product_id in shared]
    return judged[np.array(sorted(rows, key=judged.ids.__getitem__), np.int64)]
