"""Products that are about to be stored together, judged with each other: each with those that come before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Self

import numpy as np

from indexer.codes import codes_of, content_code
from indexer.product import Product, content_hash
from indexer.space import Projected
from indexer.vectors import Keys
from service.answer import Duplicate
from service.duplicates.lookup import NEAREST, ORDER, SHARED, Ruled, Wanted, said_of, told
from service.duplicates.verdicts.judging import Judging
from service.duplicates.verdicts.surroundings import cosines
from service.duplicates.verdicts.verdict import PICTURE_BITS

ALIKE = 0.5
"""Cosine in a view from which two products are worth judging."""
BLOCK = 256
"""Products that are compared with all before them in one step."""


@dataclass(frozen=True, slots=True)
class Within:
    """By row, the duplicates among those before it, with their rows, the surest first."""

    found: Sequence[Sequence[tuple[int, Duplicate]]]

    def before(self, row: int) -> Sequence[tuple[int, Duplicate]]:
        """Return who before a row it may be the same as."""
        return self.found[row]

    @classmethod
    def of(cls, judging: Judging, products: Sequence[Product], asked: Projected, wanted: Wanted) -> Self:
        """Judge products that are worth it with each other; call it while the index is being read."""
        made: list[list[tuple[int, Duplicate]]] = [[] for _ in products]
        rows, earlier = candidates(products, asked)
        if not len(rows):
            return cls(made)
        judged = judging.among(products, asked, rows, earlier)
        ids = [products[row].id for row in earlier.tolist()]
        ruled = Ruled.of(judged, rows, ids, said_of(judging.live, products))
        verdicts, probability = ruled.verdicts, ruled.probability
        order = np.lexsort((earlier, -probability, ORDER[verdicts], rows))
        order = order[told(verdicts, probability, wanted)[order]]
        alike = np.nan_to_num(cosines(asked.raw[rows[order]], asked.raw[earlier[order]]))
        for at, twin in zip(order.tolist(), ruled.duplicates(order, alike), strict=True):
            made[int(rows[at])].append((int(earlier[at]), twin))
        return cls(made)


def candidates(products: Sequence[Product], asked: Projected) -> tuple[Keys, Keys]:
    """Return pairs of rows worth judging, the later one first: near by vector, of one code, or of one picture."""
    pairs = {pair for vectors in asked.vectors.values() for pair in _near(np.asarray(vectors, np.float32))}
    having: dict[int, list[int]] = {}
    for row, (product, numbers) in enumerate(zip(products, codes_of(products), strict=True)):
        for code in (content_code(content_hash(product)), *numbers):
            having.setdefault(code, []).append(row)
    for rows in having.values():
        pairs.update((later, earlier) for at, later in enumerate(rows) for earlier in rows[max(0, at - SHARED) : at])
    shown = [(row, picture.phash) for row, each in enumerate(products) if (picture := each.main_picture)]
    if len(shown) <= BLOCK:
        pairs.update(
            (two[0], one[0]) for one, two in combinations(shown, 2) if (one[1] ^ two[1]).bit_count() <= PICTURE_BITS
        )
    made = np.array(sorted(pairs), np.int64).reshape(-1, 2)
    return made[:, 0], made[:, 1]


def _near(vectors: np.typing.NDArray[np.float32]) -> set[tuple[int, int]]:
    """Return each row with the NEAREST of those before it that are at least ALIKE."""
    pairs: set[tuple[int, int]] = set()
    for start in range(0, len(vectors), BLOCK):
        some = vectors[start : start + BLOCK]
        alike = some @ vectors[: start + len(some)].T
        alike[np.arange(alike.shape[1])[None, :] >= (start + np.arange(len(some)))[:, None]] = -1
        few = min(NEAREST, alike.shape[1])
        best = np.argpartition(-alike, few - 1, axis=1)[:, :few]
        at, place = np.nonzero(np.take_along_axis(alike, best, axis=1) >= ALIKE)
        pairs.update(zip((start + at).tolist(), best[at, place].tolist(), strict=True))
    return pairs
