"""Vectors laid out in the plane: some products, the landmarks, by t-SNE, and each other one is put to them.

t-SNE (van der Maaten and Hinton 2008) keeps near what is near, and takes time that grows faster than the number of
products: 1,500 take seconds, 100,000 an hour. So it sees a sample, and all others lie where the landmarks lie that are
most similar to them. What that keeps of the neighbourhoods is measured (`kept`), and told beside the map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.manifold import TSNE

from indexer.space import Vectors

Points = npt.NDArray[np.float32]

LANDMARKS = 1_500
"""Products that are laid out by t-SNE at most."""
ROUNDS = 500
"""Steps of t-SNE: twice as many move hardly anything."""
FEWEST = 5
"""Products under which there is nothing to lay out: they stand in a row."""
NEAREST = 5
"""Landmarks that say where another product lies."""
SHARPNESS = 0.05
"""How much less similar a landmark is that has a third of the say."""
APART = 0.05
"""Share of the width of the map beyond which a landmark is elsewhere: nobody is put half-way between two places."""
SPREAD = 0.004
"""Share of the width of the map within which those of one place lie around it, so that they do not cover each other."""
BATCH = 4_096
ASKED, AROUND = 500, 10
"""Products that are asked who is around them, to measure what the map keeps, and how many those are."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Landmarks: vectors float32 (m, dim), unit rows, and where they lie, float32 (m, 2) in [0, 1]."""

    marks: Vectors
    where: Points

    @classmethod
    def of(cls, vectors: Vectors, *, seed: int = 0) -> Layout:
        """Lay some products out, LANDMARKS at most; vectors: float32 (m, dim), unit rows."""
        if len(vectors) < FEWEST:
            row = np.linspace(0, 1, max(1, len(vectors)))[: len(vectors)]
            return cls(vectors, np.stack([row, np.full(len(row), 0.5)], axis=1).astype(np.float32))
        perplexity = min(30.0, (len(vectors) - 1) / 3)
        start = "pca" if vectors.shape[1] > 1 else "random"
        # Of unit rows the Euclidean order is that of similarity, and neighbours by it are found much faster.
        made = TSNE(perplexity=perplexity, max_iter=ROUNDS, init=start, random_state=seed, n_jobs=1).fit_transform(
            vectors
        )
        least, most = made.min(axis=0), made.max(axis=0)
        where = (made - (least + most) / 2) / max(float((most - least).max()), 1e-9) + 0.5
        return cls(vectors, where.astype(np.float32))

    def place(self, vectors: Vectors, seeds: npt.NDArray[np.int64], at: Callable[[int], None] | None = None) -> Points:
        """Return where products lie, float32 (n, 2) in [0, 1]; seeds: a number of each, by which it is put aside a bit.

        vectors: float32 (n, dim), unit rows. at: told after each batch how many are done.
        """
        made = np.full((len(vectors), 2), 0.5, np.float32)
        for start in range(0, len(vectors) if len(self.marks) else 0, BATCH):
            rows = slice(start, start + BATCH)
            made[rows] = self._beside(vectors[rows])
            if at:
                at(min(start + BATCH, len(vectors)))
        points: Points = np.clip(made + _aside(seeds), 0, 1)
        return points

    def _beside(self, vectors: Vectors) -> Points:
        similar = vectors @ self.marks.T
        few = min(NEAREST, len(self.marks))
        best = np.argpartition(-similar, few - 1, axis=1)[:, :few]
        likeness = np.take_along_axis(similar, best, axis=1)
        where = self.where[best]
        nearest = likeness.argmax(axis=1)
        rows = np.arange(len(vectors))
        home = where[rows, nearest]
        here = np.linalg.norm(where - home[:, None], axis=2) <= APART
        say = np.exp((likeness - likeness[rows, nearest][:, None]) / SHARPNESS) * here
        beside: Points = ((where * say[:, :, None]).sum(axis=1) / say.sum(axis=1, keepdims=True)).astype(np.float32)
        return beside


def kept(vectors: Vectors, points: Points, *, seed: int = 0) -> float:
    """Return the share of those around a product on the map who are among the nearest in the space, too.

    Of up to 500 products; around are the 10 nearest points, near the 100 most similar, or a tenth of all where that is
    more than 10 and less.
    """
    n = len(vectors)
    if n <= AROUND + 1:
        return 1.0
    asked = np.random.default_rng(seed).choice(n, min(ASKED, n), replace=False)
    near = min(n - 1, max(AROUND, min(10 * AROUND, n // 10)))
    found = 0
    for some in np.array_split(asked, max(1, len(asked) // 50)):
        apart = np.linalg.norm(points[some][:, None] - points[None], axis=2)
        similar = vectors[some] @ vectors.T
        rows = np.arange(len(some))
        apart[rows, some], similar[rows, some] = np.inf, -np.inf
        around = np.argpartition(apart, AROUND, axis=1)[:, :AROUND]
        nearest = np.argpartition(-similar, near - 1, axis=1)[:, :near]
        found += sum(len(np.intersect1d(a, b)) for a, b in zip(around, nearest, strict=True))
    return found / (AROUND * len(asked))


def _aside(seeds: npt.NDArray[np.int64]) -> Points:
    """Return how far each point is put aside: on a disc, always the same for the same number."""
    mixed = seeds.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    turn = (mixed >> np.uint64(40)).astype(np.float64) / 2**24 * 2 * np.pi
    far = np.sqrt((mixed >> np.uint64(16) & np.uint64(0xFFFFFF)).astype(np.float64) / 2**24) * SPREAD
    return np.stack([np.cos(turn) * far, np.sin(turn) * far], axis=1).astype(np.float32)
