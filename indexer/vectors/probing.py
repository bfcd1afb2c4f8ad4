"""How much of the truth a search finds, measured on what is stored while it is searched and changed.

    truth    some stored vectors and how near the true k-th of all others is, from a walk over everything that is stored
    share    what of that searches with some effort find

An index is touched inside `reading()` only, for about a millisecond at a time: whoever waits to change it never waits
for the whole measurement. What changes between two touches moves the figure by as much as it is part of the index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from indexer.vectors import SIMILARITY_STEP, Keys, Reading, Vectors

SLACK = 16 * SIMILARITY_STEP
"""How far a float32 matrix product may stand from the similarity that a search gives, which is rounded."""

BLOCK = 4_096
"""Stored vectors that are compared with the sample at a time."""

NONE = np.float32(-2)

Search = Callable[[Vectors, int], tuple[Keys, Vectors]]
"""Returns keys and similarities, (n, k) each, of rows of vectors."""


class Stretched(Protocol):
    """An index whose vectors can be looked through piece by piece."""

    def sizes(self) -> Keys:
        """Return how many vectors each stretch holds: int64 (stretches,)."""

    def stretch(self, number: int) -> tuple[Keys, Vectors]:
        """Return copies of the keys and the vectors, as they are stored, of one stretch."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Some stored vectors, float32 (n, dim), their keys (n,), and how similar the true k-th of the others is (n, 1)."""

    keys: Keys
    vectors: Vectors
    kth: Vectors
    k: int


def truth(index: Stretched, samples: int, k: int, seed: int, reading: Reading) -> Truth:
    """Return the truth about `samples` stored vectors, drawn by `seed`; of all, when there are fewer.

    k is less where fewer others are stored. Takes 2 s of one core per 256 samples and million vectors of 384.
    """
    with reading():
        sizes = index.sizes()
    total = int(sizes.sum())
    samples, k = min(samples, total), min(k, total - 1)
    if k < 1:
        return Truth(np.empty(0, np.int64), np.empty((0, 0), np.float32), np.empty((0, 1), np.float32), 0)
    places = np.sort(np.random.default_rng(seed).choice(total, samples, replace=False))
    keys, vectors = _drawn(index, places, sizes, reading)
    best = np.full((len(keys), k), NONE)
    for others, rows in _blocks(index, len(sizes), reading):
        similarity = vectors @ rows.T
        similarity[keys[:, None] == others] = NONE
        best = _highest(np.concatenate([best, similarity], axis=1), k)
    return Truth(keys, vectors, best.min(axis=1, keepdims=True), k)


def share(true: Truth, search: Search, reading: Reading) -> float:
    """Return the share of the true k nearest that `search` finds; 1 where there is nothing to find.

    What it finds counts when it is as similar as the true k-th: copies of one listing stand in for one another.
    """
    if not len(true.keys):
        return 1.0
    found = 0
    for row, key in enumerate(true.keys.tolist()):
        with reading():
            keys, similarity = search(true.vectors[row : row + 1], true.k + 1)
        others = similarity[0][keys[0] != key][: true.k]
        found += int((others >= true.kth[row, 0] - SLACK).sum())
    return found / (len(true.keys) * true.k)


def _drawn(index: Stretched, places: Keys, sizes: Keys, reading: Reading) -> tuple[Keys, Vectors]:
    """Return keys and vectors of the stored ones at `places`, counted over all stretches, ascending."""
    ends = np.cumsum(sizes)
    numbers = np.searchsorted(ends, places, side="right")
    keys, vectors = [], []
    for number in np.unique(numbers).tolist():
        with reading():
            some, rows = index.stretch(number)
        inside = places[numbers == number] - (ends[number] - sizes[number])
        inside = inside[inside < len(some)]  # fewer by now
        keys.append(some[inside])
        vectors.append(rows[inside])
    return np.concatenate(keys), np.concatenate(vectors)


def _blocks(index: Stretched, stretches: int, reading: Reading) -> Iterator[tuple[Keys, Vectors]]:
    """Yield all that is stored, small stretches together."""
    keys: list[Keys] = []
    vectors: list[Vectors] = []
    for number in range(stretches):
        with reading():
            some, rows = index.stretch(number)
        keys.append(some)
        vectors.append(rows)
        if sum(map(len, keys)) >= BLOCK or number == stretches - 1:
            yield np.concatenate(keys), np.concatenate(vectors)
            keys, vectors = [], []


def _highest(similarity: Vectors, k: int) -> Vectors:
    return -np.partition(-similarity, k - 1, axis=1)[:, :k]
