"""Which of many predictions is looked at next: one score, and the best is taken, one after the other. Pure.

    score = doubt * weight * (1 - likeness)

    doubt      uncertainty, novelty and disagreement, from 0 to 1 (`service/feedback/doubts.py`)
    weight     what it is worth to its owner: 2 v / (v + m) for a value v, as the price, where the candidates have the
               median m; 1 at the median and without a value, below 2 whatever it is
    likeness   the largest share of neighbours that it has in common with one that was looked at lately or was taken
               before it (Jaccard); of twenty copies of one case the second has next to nothing left

What the first teaches changes what the others are worth, and likeness stands for that until they are asked about again
(`anew.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

Near = frozenset[str]
"""Ids of the neighbours of one prediction."""
COPY = 0.65
"""Likeness from which a decision on one says something of another, so that it is asked about anew: of ten neighbours
eight. In a small catalogue that may be all of a shelf."""
SAME = 0.6
"""Share of the words of their titles that two have in common besides, from which one is a copy of the other."""
WORDED = 0.75
"""The same, whoever is near: what is like nothing that is known has any neighbours."""


@dataclass(frozen=True, slots=True)
class Case:
    """A prediction among which is chosen. value: what it is worth to its owner, in any unit, None when not known.

    words: of its title. waits: whether it can wait for the decision on one that it is a copy of, and be asked about
    anew then.
    """

    number: int
    doubt: float
    near: Near
    value: float | None = None
    words: frozenset[str] = frozenset()
    waits: bool = False


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


def choose(cases: Sequence[Case], lately: Iterable[Near], limit: int, *, held: Iterable[Case] = ()) -> list[Chosen]:
    """Return the `limit` cases with the highest scores, each taken with regard to those before it.

    lately: neighbours of what was looked at already. held: what somebody looks at now; copies of that, and of what is
    taken here, are left out where they can wait. Of equal scores the one that comes first is taken.
    """
    weights, likeness = weights_of(cases), Likeness([case.near for case in cases])
    before, taken = list(held), list[Chosen]()
    for near in (*lately, *(each.near for each in before)):
        likeness.see(near)
    left = [at for at, case in enumerate(cases) if not _waits(case, before)]
    while left and len(taken) < limit:
        best = max(left, key=lambda at: (cases[at].doubt * weights[at] * (1 - likeness[at]), -at))
        taken.append(Chosen(cases[best].number, cases[best].doubt, weights[best], likeness[best]))
        likeness.see(cases[best].near)
        left = [at for at in left if at != best and not _waits(cases[at], [cases[best]])]
    return taken


def _waits(case: Case, before: Sequence[Case]) -> bool:
    """Whether a case is left out for one that somebody looks at."""
    return case.waits and any(is_copy(case, each) for each in before)


def weights_of(cases: Sequence[Case]) -> list[float]:
    """Return what each case is worth, 1 for one that is worth as much as the median."""
    known = [case.value for case in cases if case.value is not None]
    middle = median(known) if known else 0.0
    return [1.0 if case.value is None or middle <= 0 else 2 * case.value / (case.value + middle) for case in cases]


def is_copy(one: Case, other: Case) -> bool:
    """Whether two are the same case: a decision on one answers the other."""
    words = likeness_of(one.words, other.words)
    return words >= WORDED or (words >= SAME and likeness_of(one.near, other.near) >= COPY)


def teaches(one: Case, other: Case) -> bool:
    """Whether a decision on one says something of the other."""
    return likeness_of(one.near, other.near) >= COPY or is_copy(one, other)


def likeness_of(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of neighbours, or words, that two have in common, 0 of none."""
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0


class Likeness:
    """How like each of some cases is to what was seen: the largest share of neighbours in common, 0 of none.

    Cases are found by their neighbours, so that those that have none in common cost nothing.
    """

    def __init__(self, cases: Sequence[Near]) -> None:
        self._sizes = [len(near) for near in cases]
        self._largest = [0.0] * len(cases)
        self._having: dict[str, list[int]] = {}
        for at, near in enumerate(cases):
            for name in near:
                self._having.setdefault(name, []).append(at)

    def see(self, near: Near) -> None:
        """Take note of what was looked at."""
        shared = Counter(at for name in near for at in self._having.get(name, ()))
        for at, both in shared.items():
            self._largest[at] = max(self._largest[at], both / (self._sizes[at] + len(near) - both))

    def __getitem__(self, at: int) -> float:
        """Return the likeness of one case."""
        return self._largest[at]
