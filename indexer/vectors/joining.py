"""Every stored vector beside its nearest others, all at once: what a search for each finds, in a tenth of the time.

An index with lists is taken list by list: the vectors of a list are compared with those of the lists beside it, in one
matrix product. Searches of the same reach look into more lists, and each scans them for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from indexer.vectors import Keys, Reading, Vectors

BESIDE = 16
"""Lists that the vectors of one are compared with, its own among them. A pair whose lists are further apart is missed
here; how many second listings a scan finds so is measured by `benchmarks/duplicates_million.py`."""
ROWS = 512
"""Vectors that are compared at a time."""

Wanted = Callable[[Keys], npt.NDArray[np.bool_]]
"""Says which of some keys take part."""


@runtime_checkable
class Listed(Protocol):
    """An index that keeps near vectors in one list."""

    def sizes(self) -> Keys:
        """Return how many vectors each list holds: int64 (lists,)."""

    def stretch(self, number: int) -> tuple[Keys, Vectors]:
        """Return copies of the keys and the vectors of one list."""


@dataclass(frozen=True, slots=True)
class Joining:
    """How a join goes. k: others of each. wanted: who takes part, on either side. reading: holds off changes."""

    k: int
    wanted: Wanted
    reading: Reading
    threads: int = 1
    beside: int = BESIDE


def joined(index: Listed, joining: Joining) -> Iterator[tuple[Keys, Keys]]:
    """Yield keys (n,), and for each the keys of its k nearest in the lists beside, -1 where there are fewer.

    A key is among its own nearest, or not where many are equal; every key that is wanted comes once, list by list.
    """
    beside = _beside(index, joining)

    def join(number: int) -> list[tuple[Keys, Keys]]:
        keys, vectors = _taken(index, number, joining)
        if not len(keys):
            return []
        others = [_taken(index, each, joining) for each in beside[number].tolist() if each != number]
        near_keys = np.concatenate([keys, *(some for some, _ in others)])
        near = np.concatenate([vectors, *(some for _, some in others)]).T
        return [
            (keys[start : start + ROWS], _nearest(vectors[start : start + ROWS] @ near, near_keys, joining.k))
            for start in range(0, len(keys), ROWS)
        ]

    if joining.threads == 1:
        for number in range(len(beside)):
            yield from join(number)
        return
    with ThreadPoolExecutor(joining.threads) as pool:
        for some in pool.map(join, range(len(beside))):
            yield from some


def _taken(index: Listed, number: int, joining: Joining) -> tuple[Keys, Vectors]:
    """Return those of a list who take part."""
    with joining.reading():
        keys, vectors = index.stretch(number)
    kept = joining.wanted(keys)
    return keys[kept], vectors[kept]


def _beside(index: Listed, joining: Joining) -> Keys:
    """Return for each list those whose means are nearest to its own: int64 (lists, beside)."""
    with joining.reading():
        size = len(index.sizes())
    means = []
    for number in range(size):
        _, vectors = _taken(index, number, joining)
        means.append(vectors.mean(axis=0) if len(vectors) else np.zeros(vectors.shape[1], np.float32))
    middle = np.array(means)
    middle /= np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), 1e-9)
    many = min(joining.beside, size)
    rows = [
        np.argpartition(-(middle[start : start + ROWS] @ middle.T), many - 1, axis=1)[:, :many]
        for start in range(0, size, ROWS)
    ]
    return np.concatenate(rows).astype(np.int64) if rows else np.zeros((0, many), np.int64)


def _nearest(similarity: Vectors, keys: Keys, k: int) -> Keys:
    """Return the keys of the k most similar of each row, most similar first; of equal ones in no certain order."""
    if similarity.shape[1] <= k:
        order = np.argsort(-similarity, axis=1, kind="stable")
        short = np.full((len(similarity), k - similarity.shape[1]), -1, np.int64)
        return np.concatenate([keys[order], short], axis=1)
    best = np.argpartition(similarity, -k, axis=1)[:, -k:]
    order = np.argsort(-np.take_along_axis(similarity, best, axis=1), axis=1, kind="stable")
    return keys[np.take_along_axis(best, order, axis=1)]
