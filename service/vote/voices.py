"""How much each neighbour counts: ridge weights, the vote's own learning, solved anew for every question.

    a = (K + noise)^-1 k        K: how alike the neighbours are among each other, k: to what is asked about

Kernel ridge regression (Saunders, Gammerman and Vovk 1998) over the neighbours alone: a category's score is the sum of
the voices of those that carry it. What neighbours have in common counts once, so fifty copies of a listing have about
the voice of one; what tells categories apart here weighs more than what they share. There is nothing to train: a label
counts in full from the next question on, and a product is asked about without itself by leaving it out.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from indexer.snapshots.snapshot import Built
from indexer.space import Projected
from indexer.space.features import Features, Kernel
from indexer.vectors import Keys

Floats = npt.NDArray[np.float32]

NOISE = 0.2
"""Added to a neighbour's likeness to itself, over its label's weight: how far one label alone is believed. 0.05 to 0.5
are within 0.1 points of each other on bestbuy_phones_3k, flipkart_20k and cdiscount_50k."""

PART, WORDS = 2.0, 2.0
"""Weight of a part's likeness and, until a calibration chooses it, of the words': docs/decision.md."""

ALONE = 32
"""Questions under which another thread costs more than it saves."""


def kernel(built: Built, words: float = WORDS, view: str | None = None) -> Kernel:
    """Return how an index compares its products, in one view or, without, in all of them together.

    words: weight of their words beside PART for each part.
    """
    spaces = [space for name, space in built.space.spaces.items() if view in {None, name}]
    looked = {part for space in spaces for part in space.parts}
    weights = tuple(PART if part in looked else 0.0 for part in built.space.parts)
    return Kernel(words if any(space.words for space in spaces) else 0.0, weights)


def voices(features: Features, keys: Keys, weights: Floats, asked: Projected, kernel: Kernel) -> Floats:
    """Return the voice of each neighbour of n questions: float32 (n, k), 0 for who has none; may be negative.

    keys: int64 (n, k); weights: float32 (n, k), 1 for a full label, 0 for a neighbour that does not vote. Against sum
    to about 1 where the neighbours are much like the question, and less the further they are.
    """
    made = np.zeros(keys.shape, np.float32)
    _one_thread_each()

    def solve(rows: range) -> None:
        for row in rows:
            voters = np.flatnonzero(weights[row] > 0)
            if len(voters):
                some = asked.raw[row : row + 1], asked.words[row : row + 1]
                alike = features.alike(keys[row, voters], some, features.had(kernel, *some))
                made[row, voters] = ridge(alike, NOISE / weights[row, voters])

    middle = len(keys) // 2
    if len(keys) < ALONE or (os.cpu_count() or 1) < 2:
        solve(range(len(keys)))
    else:
        list(_threads().map(solve, (range(middle), range(middle, len(keys)))))
    return made


def ridge(alike: Floats, noise: Floats) -> Floats:
    """Return the ridge weights of m neighbours, float32 (m,).

    alike: float32 (m, m + 1), among each other and, last, to the question; overwritten. noise: float32 (m,).
    """
    among = alike[:, :-1]
    among[np.diag_indices_from(among)] += noise
    solved: Floats = np.linalg.solve(among, alike[:, -1])
    return solved


@cache
def _one_thread_each() -> None:
    """Let BLAS take one thread from now on, in this whole process.

    Each question is a small system of its own. Threads of BLAS beside ours wait for each other: on two busy cores 512
    questions took 3.5 s with one thread each and more than 100 s with two.
    """
    threadpool_limits(1, user_api="blas")


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, thread_name_prefix="aisle-voices")
