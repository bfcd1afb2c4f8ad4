"""How often a branch with this much of the vote is right: by level, then by branch, each pooled where data are thin.

    log-odds(right) = a + b log-odds(mass) + offset of the branch

a and b are Platt's (1999) for every level, drawn to those of all levels together and these to (0, 1), which changes
nothing; b is kept positive, so a higher mass is never less likely. A branch's offset is drawn to its parent's. Pure
numpy. Smooth maps were taken over isotonic steps, which tie the answers that a threshold has to tell apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from service.newton import minimum

Doubles = npt.NDArray[np.float64]
Nodes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

SURE = 1e-4
"""No mass counts as nearer to 0 or 1 than this."""
ITSELF = 20.0
"""Observations that a mass taken at its word is worth to the map of all levels together. At 1, one wrong answer made
0.9 to 0.1; 20 lost least, of 1 to 20, with 5 to 300 observations, whether masses were honest, boastful or modest."""
POOLED = 50.0
"""Observations that the map of all levels together is worth to the map of one."""
BRANCH = 20.0
"""Observations that a parent's offset is worth to its child's."""
WIDEST = 2.0
"""A branch's offset is at most this, in log-odds."""
BINS = 15


@dataclass(frozen=True, slots=True)
class Reliability:
    """Maps of mass to probability. levels: (a, b) of each level from the root; offsets: by tree position."""

    levels: tuple[tuple[float, float], ...] = ()
    offsets: Mapping[int, float] = field(default_factory=dict)

    @classmethod
    def fit(cls, mass: Doubles, nodes: Nodes, right: Mask, lineage: Nodes, counted: Doubles) -> Self:
        """Learn from n answers. mass, nodes, right: (n, depth), -1 past a path's end; lineage: int32 (N, depth)."""
        there = nodes >= 0
        weight = np.broadcast_to(counted[:, None], mass.shape)
        odds = _odds(mass)
        pooled = _platt(odds[there], right[there], weight[there], (0.0, 1.0), ITSELF)
        levels = []
        expected = np.zeros_like(mass)
        for level in range(mass.shape[1]):
            here = there[:, level]
            line = _platt(odds[here, level], right[here, level], weight[here, level], pooled, POOLED)
            levels.append(line)
            expected[:, level] = _logistic(line[0] + line[1] * odds[:, level])
        return cls(tuple(levels), _offsets(expected, nodes, right, lineage, counted))

    def apply(self, mass: Doubles, nodes: Nodes) -> Doubles:
        """Return calibrated probabilities (n, depth), never rising on the way down, 0 past a path's end."""
        if not self.levels:
            return np.where(nodes >= 0, np.minimum.accumulate(np.clip(mass, 0, 1), axis=1), 0)
        known = len(self.levels)
        lines = np.array([self.levels[min(level, known - 1)] for level in range(mass.shape[1])])
        offset = np.zeros(mass.shape)
        if self.offsets:
            table = np.zeros(max(int(nodes.max(initial=0)), *self.offsets) + 1)
            table[list(self.offsets)] = list(self.offsets.values())
            offset = np.where(nodes >= 0, table[nodes], 0)
        likely = _logistic(lines[:, 0] + lines[:, 1] * _odds(mass) + offset)
        made: Doubles = np.where(nodes >= 0, np.minimum.accumulate(likely, axis=1), 0)
        return made

    def replanted(self, places: Nodes) -> Self:
        """Return the same for another tree; places: int32, where each node of the tree it was learnt in is, or -1."""
        offsets = {int(places[node]): offset for node, offset in self.offsets.items()}
        offsets.pop(-1, None)  # of categories that are gone
        return replace(self, offsets=offsets)

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Self:
        """Make of what JSON holds."""
        levels = tuple((float(a), float(b)) for a, b in said["levels"])
        return cls(levels, {int(node): float(offset) for node, offset in said["offsets"].items()})


def expected_error(likely: Sequence[float] | Doubles, right: Sequence[bool] | Mask, counted: Doubles) -> float:
    """Return the expected calibration error: mean |probability - share right| over BINS bins of equal size."""
    likely, right = np.asarray(likely, np.float64), np.asarray(right, np.float64)
    total = 0.0
    for some in np.array_split(np.argsort(likely, kind="stable"), BINS):
        total += abs(float((counted[some] * (likely[some] - right[some])).sum()))
    return total / float(counted.sum())


def _offsets(expected: Doubles, nodes: Nodes, right: Mask, lineage: Nodes, counted: Doubles) -> dict[int, float]:
    """Return the offset of every branch that answers lie in: one Newton step from its parent's, drawn to it."""
    offset = np.zeros(len(lineage))
    for level in range(nodes.shape[1]):
        here = nodes[:, level] >= 0
        at = nodes[here, level]
        above = offset[nodes[here, level - 1]] if level else np.zeros(len(at))
        likely = _logistic(np.log(expected[here, level] / (1 - expected[here, level])) + above)
        slope = np.bincount(at, counted[here] * (right[here, level] - likely), minlength=len(lineage))
        bend = np.bincount(at, counted[here] * likely * (1 - likely), minlength=len(lineage))
        seen = np.unique(at)
        parents = offset[lineage[seen, level - 1]] if level else np.zeros(len(seen))
        step = slope[seen] / (bend[seen] + BRANCH * MIDDLE)
        offset[seen] = np.clip(parents + step, -WIDEST, WIDEST)
    kept = np.flatnonzero(np.abs(offset) > 1e-3)
    return dict(zip(kept.tolist(), np.round(offset[kept], 4).tolist(), strict=True))


MIDDLE = 0.1
"""Variance p (1 - p) of a typical answer, which turns observations into curvature."""


def _platt(
    odds: Doubles, right: Mask, weight: Doubles, drawn_to: tuple[float, float], strength: float
) -> tuple[float, float]:
    """Return (a, b) of the likeliest logistic line, drawn to another by `strength` observations; b at least 0.05."""
    target = np.array(drawn_to)
    x = np.stack([np.ones_like(odds), odds], axis=1)
    pull = strength * MIDDLE * np.diag([1.0, 4.0])

    def loss(line: Doubles) -> float:
        chance = _logistic(x @ line)
        said = np.log(np.where(right, chance, 1 - chance))
        return float(-weight @ said + (line - target) @ pull @ (line - target) / 2)

    def bends(line: Doubles) -> tuple[Doubles, Doubles]:
        likely = _logistic(x @ line)
        slope = x.T @ (weight * (likely - right)) + pull @ (line - target)
        return slope, (x * (weight * likely * (1 - likely))[:, None]).T @ x + pull

    line = minimum(target, loss, bends)
    return round(float(line[0]), 6), round(max(0.05, float(line[1])), 6)


def _odds(mass: Doubles) -> Doubles:
    inside = np.clip(mass, SURE, 1 - SURE)
    odds: Doubles = np.log(inside / (1 - inside))
    return odds


def _logistic(x: Doubles) -> Doubles:
    made: Doubles = 1 / (1 + np.exp(-np.clip(x, -30, 30)))
    return made
