"""Which of many predictions is looked at next: one score, and the best is taken, one after the other. Pure.

    score = doubt * weight * (1 - likeness)

    doubt      uncertainty, novelty and disagreement, from 0 to 1 (`service/feedback/doubts.py`)
    weight     what it is worth to its owner: 2 v / (v + m) for a value v, as the price, where the candidates have the
               median m; 1 at the median and without a value, below 2 whatever it is
    likeness   the largest share of neighbours that it has in common with one that was looked at lately or was taken
               before it (Jaccard); of twenty copies of one case the second has next to nothing left

What the first teaches changes what the others are worth, and likeness stands for that until they are asked about again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import median

Near = frozenset[str]
"""Ids of the neighbours of one prediction."""


@dataclass(frozen=True, slots=True)
class Case:
    """A prediction among which is chosen. value: what it is worth to its owner, in any unit, None when not known."""

    number: int
    doubt: float
    near: Near
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen, and why: its score and what that is made of."""

    number: int
    doubt: float
    weight: float
    likeness: float

    @property
    def score(self) -> float:
        """Return the score."""
        return self.doubt * self.weight * (1 - self.likeness)


def choose(cases: Sequence[Case], lately: Collection[Near], limit: int) -> list[Chosen]:
    """Return the `limit` cases with the highest scores, each taken with regard to those before it.

    lately: neighbours of what was looked at already. Of equal scores the one that comes first is taken.
    """
    weights = weights_of(cases)
    likeness = [max((likeness_of(case.near, each) for each in lately), default=0.0) for case in cases]
    left = list(range(len(cases)))
    taken: list[Chosen] = []
    while left and len(taken) < limit:
        best = max(left, key=lambda at: (cases[at].doubt * weights[at] * (1 - likeness[at]), -at))
        left.remove(best)
        taken.append(Chosen(cases[best].number, cases[best].doubt, weights[best], likeness[best]))
        for at in left:
            likeness[at] = max(likeness[at], likeness_of(cases[at].near, cases[best].near))
    return taken


def weights_of(cases: Sequence[Case]) -> list[float]:
    """Return what each case is worth, 1 for one that is worth as much as the median."""
    known = [case.value for case in cases if case.value is not None]
    middle = median(known) if known else 0.0
    return [1.0 if case.value is None or middle <= 0 else 2 * case.value / (case.value + middle) for case in cases]


def likeness_of(one: Near, other: Near) -> float:
    """Return the share of the neighbours of two cases that they have in common; 0 without any."""
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0
