"""The precision dial: what share of the answers must be right, and from which probability on that holds. Pure numpy.

A threshold read off the data alone is too kind: it was picked because it looked good. So a threshold counts only when
an exact binomial test refuses, at LEVEL, that its answers are right less often than asked; thresholds are tried from
the highest down and the last before the first that fails is taken (fixed-sequence testing; Learn then Test,
Angelopoulos and others 2021). The surest few may be unlucky, so the first of them may be looked for a while; as that is
several tries, it has to pass at FIRST.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor, log
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Policy = Literal["auto", "leaf", "coverage"]
POLICIES: tuple[Policy, ...] = ("auto", "leaf", "coverage")

LEVEL = 0.2
"""Chance that a threshold holds less than it promises. Smaller costs coverage: see docs/decision.md."""
FIRST = LEVEL / 4
"""Level of the test that the first threshold has to pass. In catalogues that are right just too seldom at every
threshold, one was found in half of them at LEVEL, in 10 to 19 of a hundred at this; elsewhere coverage stays."""
ROUNDING = 1e-6
"""How far sums of voices may be from what they would be without rounding."""
STEPS = 200
"""Thresholds that a curve knows at most."""
UNCALIBRATED = 0.9
"""Threshold of an index that was never calibrated; a higher precision is asked of the probability itself."""


@dataclass(frozen=True, slots=True)
class Dial:
    """What one question asks for. precision: share of the `auto` answers that must be right, None for the service's.

    policy: "auto" answers with the deepest category that is sure enough, or abstains; "leaf" names the likeliest leaf
    always; "coverage" answers as "auto", and where that would abstain with the likeliest root. without_image: whether
    to say as well what the answer would be without the picture.
    """

    precision: float | None = None
    policy: Policy | None = None
    without_image: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """For falling thresholds, how many products were answered and how many of these rightly (by voice, not by copy)."""

    thresholds: tuple[float, ...]
    answered: tuple[float, ...]
    right: tuple[float, ...]
    total: float

    @classmethod
    def of(cls, levels: Doubles, right: Mask, counted: Doubles) -> Self:
        """Read off n answers: probability of each level (n, depth), never rising downwards, and whether it is right.

        The answer at a threshold is the deepest level that reaches it.
        """
        every = np.sort(levels[levels > 0])[::-1]
        places = np.unique(np.linspace(0, max(0, len(every) - 1), STEPS).astype(int))
        thresholds = np.unique(np.floor(every[places] * 1e6) / 1e6)[::-1]
        answered, good = [], []
        rows = np.arange(len(levels))
        for threshold in thresholds:
            deep = ((levels >= threshold) & (levels > 0)).sum(axis=1) - 1
            sure = deep >= 0
            answered.append(float(counted[sure].sum()))
            good.append(float(counted[sure & right[rows, deep]].sum()))
        return cls(tuple(thresholds.tolist()), tuple(answered), tuple(good), float(counted.sum()))

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Self:
        """Make of what JSON holds."""
        thresholds, answered, right = (tuple(map(float, said[name])) for name in ("thresholds", "answered", "right"))
        return cls(thresholds, answered, right, float(said["total"]))

    def threshold(self, precision: float) -> float | None:
        """Return the lowest threshold whose answers are that precise, with the bound; None when there is none."""
        return _lowest(self, precision)

    def coverage(self, threshold: float) -> float:
        """Return the share of products that was answered at a threshold."""
        place = int(np.searchsorted(-np.array(self.thresholds), -threshold, side="right")) - 1
        return self.answered[place] / self.total if place >= 0 and self.total else 0.0


def chance(answered: float, right: float, precision: float) -> float:
    """Return how likely `right` or more of `answered` are right when each is with probability `precision`.

    The upper tail of the binomial distribution, exactly; fractions of voices are rounded against us.
    """
    n, k = ceil(answered - ROUNDING), floor(right + ROUNDING)
    if k <= 0:
        return 1.0
    some = np.arange(k, n + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])  # of the factorials
    terms = logs[n] - logs[some] - logs[n - some] + some * log(precision) + (n - some) * np.log1p(-precision)
    return float(min(1.0, np.exp(terms).sum()))


@lru_cache(maxsize=64)
def _lowest(curve: Curve, precision: float) -> float | None:
    """Return what `Curve.threshold` does; every question asks for it, and hardly ever for another one."""
    least = ceil(log(LEVEL) / log(min(precision, 1 - 1e-9)))
    lowest = None
    for threshold, answered, right in zip(curve.thresholds, curve.answered, curve.right, strict=True):
        if answered < 2 * least:  # too few for the test to say anything
            continue
        if chance(answered, right, precision) > (FIRST if lowest is None else LEVEL):
            if lowest is None and answered < 20 * least:
                continue
            break
        lowest = threshold
    return lowest
