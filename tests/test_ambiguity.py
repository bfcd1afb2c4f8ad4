"""service/audit/ambiguity.py: categories that take each other's products."""

from __future__ import annotations

import numpy as np

from service.audit.ambiguity import Pair, ambiguous, pairs
from service.audit.suspicion import NEIGHBOURS, Suspicions, severity
from taxonomy.tree import Tree

TREE = Tree.from_paths([("Mugs",), ("Cups",), ("Pans",)])
MUGS, CUPS, PANS = range(3)


def doubts(moves: dict[tuple[int, int], int], runner_up: float = 0.4) -> Suspicions:
    """Return suspicions that so many products of one category seem to belong in another, -1 for where they are."""
    stored, suggested = np.array([move for move, many in moves.items() for _ in range(many)], np.int32).T
    size = len(stored)
    share = np.where(suggested >= 0, runner_up, 0).astype(np.float32)
    nobody = np.full((size, NEIGHBOURS), -1, np.int64)
    return Suspicions(
        np.arange(size),
        stored,
        suggested,
        (share / 10).astype(np.float32),
        severity(TREE, stored, suggested),
        share,
        nobody,
    )


def test_two_that_take_from_each_other_are_ambiguous() -> None:
    """Four of 30 mugs seem to be cups and three of 20 cups mugs; five of 30 mugs are pans, no pan is a mug."""
    some = doubts({(MUGS, CUPS): 4, (MUGS, PANS): 5, (MUGS, -1): 21, (CUPS, MUGS): 3, (CUPS, -1): 17, (PANS, -1): 20})
    mugs, cups = (TREE.ids[node] for node in (MUGS, CUPS))
    assert [Pair(mugs, cups, 4, 3, 30, 20, (0, 1, 30, 31))] == pairs(TREE, some)
    found = ambiguous(TREE, some, pairs(TREE, some))
    assert 7 == np.count_nonzero(found)
    assert {(MUGS, CUPS), (CUPS, MUGS)} == set(
        zip(some.stored[found].tolist(), some.suggested[found].tolist(), strict=True)
    )


def test_a_small_part_of_a_category_makes_no_pair() -> None:
    """Three of 40 are under a tenth; two are too few whatever the share; what hardly seems to belong does not count."""
    assert [] == pairs(TREE, doubts({(MUGS, CUPS): 3, (MUGS, -1): 37, (CUPS, MUGS): 3, (CUPS, -1): 17}))
    assert [] == pairs(TREE, doubts({(MUGS, CUPS): 2, (MUGS, -1): 5, (CUPS, MUGS): 3, (CUPS, -1): 7}))
    assert [] == pairs(TREE, doubts({(MUGS, CUPS): 4, (CUPS, MUGS): 4}, runner_up=0.2))


def test_without_suspicions_there_is_nothing() -> None:
    """No product; a pair of which one category is gone; a product for which nothing else speaks."""
    assert [] == pairs(TREE, Suspicions.none())
    assert [] == pairs(Tree.empty(), Suspicions.none())
    some = doubts({(CUPS, -1): 2})
    assert [False, False] == ambiguous(TREE, some, [Pair("gone", TREE.ids[CUPS], 3, 3, 9, 9)]).tolist()
    assert [False, False] == ambiguous(TREE, some, [Pair(TREE.ids[MUGS], TREE.ids[CUPS], 3, 3, 9, 9)]).tolist()
