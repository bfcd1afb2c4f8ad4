"""The measures of an evaluation, each a weighted sum over products, so that resampling them is reweighing them.

Intervals are of the Bayesian bootstrap (Rubin 1981): every product always counts a little. Drawn with replacement, the
categories with one or two products would be missing from most samples, and macro-F1 would lie outside its interval.

leaf              share of products whose likeliest category is that of their label
macro_f1          mean F1 of the categories that occur, as a label or as an answer
hierarchical_f1   F1 of the categories on the answered path and on the label's, summed (Kiritchenko and others 2005)
automatic         share of products that are decided `auto`, and rightly
precision         share of the products decided `auto` that belong at or under the category they got; without any, none
certainty         1 - Brier score of the probability of the likeliest category
tags_f1           F1 of the tags of all products that carry any, summed (micro); without any, none
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from service.decision import AUTO
from service.evaluation.judged import Judged
from taxonomy.names import name_key

Doubles = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

RESAMPLES = 1_000
LEVEL = 0.05
"""Chance that a figure lies outside its interval."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of n products. truth and said int64 (n,): numbers of categories, equal where the paths are.

    The rest float64 (n,): right 0 or 1; likely, the probability of `said`; shared, of how many categories on both
    paths, of said_depth and true_depth; auto and auto_right 0 or 1; hits tags that were given rightly, of given and
    carried.
    """

    truth: Numbers
    said: Numbers
    right: Doubles
    likely: Doubles
    shared: Doubles
    said_depth: Doubles
    true_depth: Doubles
    auto: Doubles
    auto_right: Doubles
    hits: Doubles
    given: Doubles
    carried: Doubles

    @classmethod
    def of(cls, judged: Judged, names: dict[str, int]) -> Self:
        """Read off the products that have a category; names: path -> number, and gets those that it lacks."""
        judged = judged[np.flatnonzero(judged.labelled)]
        tree, best = judged.tree, judged.nodes[:, 0]
        number = np.array([names.setdefault(name_key(tree.text(node)), len(names)) for node in range(len(tree))] + [-1])
        tags = np.array([_tags(*pair) for pair in zip(judged.given, judged.tags, strict=True)], np.float64)
        auto = judged.kind == AUTO
        columns = (
            judged.exact,
            judged.likely[:, 0],
            judged.right.sum(axis=1),
            (judged.line >= 0).sum(axis=1),
            tree.depths[judged.truth],
            auto,
            auto & judged.under(judged.decided),
            *tags.reshape(-1, 3).T,
        )
        return cls(number[judged.truth], number[best], *(np.asarray(column, np.float64) for column in columns))

    def __len__(self) -> int:
        """Return the number of products."""
        return len(self.truth)


def _tags(given: Mapping[str, float], carried: tuple[str, ...]) -> tuple[int, int, int]:
    """Return how many tags are right, given and carried; a product that carries none says nothing about tags."""
    true = set(map(name_key, carried))
    said = {name_key(tag) for tag in given} if true else set()
    return len(said & true), len(said), len(true)


def macro_f1(some: Outcomes, weight: Doubles) -> float:
    """Return the mean F1 of the categories that occur; a product without an answer is of none."""
    size = int(max(some.truth.max(initial=0), some.said.max(initial=0))) + 1
    told = some.said >= 0
    true = np.bincount(some.truth, weight, size)
    said = np.bincount(some.said[told], weight[told], size)
    hits = np.bincount(some.truth, weight * some.right, size)
    occurs = true + said > 0
    return float((2 * hits[occurs] / (true + said)[occurs]).mean()) if occurs.any() else 0.0


def _ratio(above: Any, below: Any) -> float:  # noqa: ANN401  (a number, as numpy has it)
    return float(above / below) if below > 0 else 0.0


Measure = Callable[[Outcomes, Doubles], float]

MEASURES: Mapping[str, Measure] = {
    "leaf": lambda some, weight: _ratio(weight @ some.right, weight.sum()),
    "macro_f1": macro_f1,
    "hierarchical_f1": lambda some, weight: _ratio(
        2 * weight @ some.shared, weight @ (some.said_depth + some.true_depth)
    ),
    "automatic": lambda some, weight: _ratio(weight @ some.auto_right, weight.sum()),
    "precision": lambda some, weight: _ratio(weight @ some.auto_right, weight @ some.auto),
    "certainty": lambda some, weight: 1 - _ratio(weight @ (some.likely - some.right) ** 2, weight.sum()),
    "tags_f1": lambda some, weight: _ratio(2 * weight @ some.hits, weight @ (some.given + some.carried)),
}


def measured(some: Outcomes) -> list[str]:
    """Return the measures that there is something to take of: no precision of no answers, no F1 of no tags."""
    without = {"precision": not some.auto.any(), "tags_f1": not some.carried.any()}
    return [name for name in MEASURES if not without.get(name)]


def resampled(some: Outcomes, *, times: int = RESAMPLES, seed: int = 0) -> dict[str, Doubles]:
    """Return every measure of `times` samples, float64 (times,), in which each product has a weight by chance.

    Equal seeds and sizes draw equal weights.
    """
    rng, size = np.random.default_rng(seed), len(some)
    found: dict[str, list[float]] = {name: [] for name in MEASURES}
    for _ in range(times):
        weight = rng.exponential(size=size)
        for name, measure in MEASURES.items():
            found[name].append(measure(some, weight))
    return {name: np.array(values) for name, values in found.items()}


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure with the interval that holds it but for LEVEL."""

    value: float
    low: float
    high: float


def figures_of(some: Outcomes, *, seed: int = 0) -> dict[str, Figure]:
    """Return the measures that there are, each with its bootstrap interval (percentile)."""
    even, samples = np.ones(len(some)), resampled(some, seed=seed)
    return {
        name: Figure(
            round(MEASURES[name](some, even), 4),
            *(round(float(each), 4) for each in np.quantile(samples[name], (LEVEL / 2, 1 - LEVEL / 2))),
        )
        for name in measured(some)
    }


def wilson(hits: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """Return the interval of a share that holds it with 95% (Wilson's score interval); (0, 1) of nothing."""
    if not of:
        return 0.0, 1.0
    share, inner = hits / of, z * z / of
    middle, half = share + inner / 2, z * float(np.sqrt(share * (1 - share) / of + inner / of / 4))
    return (middle - half) / (1 + inner), (middle + half) / (1 + inner)
