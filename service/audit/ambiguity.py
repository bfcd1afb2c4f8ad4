"""Pairs of categories that take each other's products: nobody tells them apart, so that they should perhaps be one.

Where one category is simply filled wrongly, its products belong in the other and not the other way round. In an
ambiguous pair a good part of both is doubted for the other's sake.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.audit.suspicion import Suspicions
from taxonomy.tree import Tree

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

RUNNER_UP = 0.3
"""Share that the other category has of what speaks for any, from which a product counts as taken by it."""
LEAST = 3
"""Products that each of two categories takes of the other at least."""
SHARE = 0.1
"""Share of its products that this is at least, in both."""
EXAMPLES = 2
"""Products of each of the two that are named as examples."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two categories by their ids, and how many products each holds that seem to belong in the other.

    one_of, other_of: products in each. examples: keys of some of both, those of `one` first, the clearest first.
    """

    one: str
    other: str
    one_to_other: int
    other_to_one: int
    one_of: int
    other_of: int
    examples: tuple[int, ...] = ()


def pairs(tree: Tree, doubts: Suspicions) -> list[Pair]:
    """Return the ambiguous pairs that suspicions about all labels show, those with most products first."""
    size = max(1, len(tree))
    taken = (doubts.runner_up >= RUNNER_UP) & (doubts.suggested >= 0)
    moves, many = np.unique(doubts.stored[taken].astype(np.int64) * size + doubts.suggested[taken], return_counts=True)
    held = np.bincount(doubts.stored, minlength=size)
    here, there = np.divmod(moves, size)
    back = np.searchsorted(moves, there * size + here).clip(0, max(0, len(moves) - 1))
    both = (here < there) & (moves[back] == there * size + here)
    least = np.maximum(LEAST, np.ceil(SHARE * held)).astype(np.int64)
    kept = np.flatnonzero(both & (many >= least[here]) & (many[back] >= least[there]))
    made = [
        Pair(
            tree.ids[here[at]],
            tree.ids[there[at]],
            int(many[at]),
            int(many[back[at]]),
            int(held[here[at]]),
            int(held[there[at]]),
            (*_examples(doubts, here[at], there[at]), *_examples(doubts, there[at], here[at])),
        )
        for at in kept.tolist()
    ]
    return sorted(made, key=lambda pair: (-pair.one_to_other - pair.other_to_one, pair.one, pair.other))


def _examples(doubts: Suspicions, stored: int, suggested: int) -> list[int]:
    """Return the keys of EXAMPLES products of one category for which the other speaks most."""
    rows = np.flatnonzero((doubts.stored == stored) & (doubts.suggested == suggested))
    told: list[int] = doubts.keys[rows[np.argsort(-doubts.runner_up[rows], kind="stable")[:EXAMPLES]]].tolist()
    return told


def ambiguous(tree: Tree, doubts: Suspicions, known: Sequence[Pair]) -> Mask:
    """Return which suspicions are between the two categories of an ambiguous pair: bool (n,)."""
    sides = [(tree.of_id(pair.one), tree.of_id(pair.other)) for pair in known]
    size = max(1, len(tree))
    codes: Numbers = np.array(
        [
            code
            for one, other in sides
            if one is not None and other is not None
            for code in (one * size + other, other * size + one)
        ],
        np.int64,
    )
    made: Mask = np.isin(doubts.stored.astype(np.int64) * size + doubts.suggested, codes) & (doubts.suggested >= 0)
    return made
