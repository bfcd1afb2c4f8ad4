"""Pairs of products to verdicts: the one way in which anything is judged, by look-up, scan and given pairs alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from indexer.live import Live
from indexer.product import Product
from indexer.space import Projected
from indexer.vectors import Keys
from service.duplicates.verdict import DIFFERENT, IDENTICAL, SAME, Codes, Floats, Judgements

ALIKE = 0.95


@dataclass(frozen=True)
class Judging:
    """Judges pairs of an open index. Call it while the index is being read (`live.reading()`)."""

    live: Live

    @classmethod
    def of(cls, live: Live) -> Self:
        """Return what judges pairs of this index, by its own decider where it has one."""
        return cls(live)

    def stored(self, left: Keys, right: Keys) -> Judgements:
        """Judge stored products in pairs, by key: int64 (n,) each."""
        features = self.live.contents.features
        return self._judged(features.cosines(features.raw(left), right[:, None])[:, 0])

    def asked(self, products: Sequence[Product], asked: Projected, rows: Keys, keys: Keys) -> Judgements:  # noqa: ARG002
        """Judge normalised products with stored ones: `products[rows[i]]` with the key `keys[i]`, int64 (n,) each.

        asked: the products as the index sees them, as `Engine.encode` returns them.
        """
        raw = np.asarray(asked.raw)[rows]
        return self._judged(self.live.contents.features.cosines(raw, keys[:, None])[:, 0])

    def _judged(self, alike: Floats) -> Judgements:
        verdicts: Codes = np.where(alike > 0.9999, IDENTICAL, np.where(alike >= ALIKE, SAME, DIFFERENT)).astype(np.int8)

        def tell(rows: Sequence[int]) -> list[tuple[str, ...]]:
            return [(f"similarity {alike[row]:.3f}",) for row in rows]

        return Judgements(verdicts, np.clip(alike, 0, 1), np.zeros_like(alike), tell)
