"""What an index holds in memory of its products: labels, vectors, features and prototypes, which change together.

Each is a cache of the record store. They are filled by `indexer.build`, saved in a snapshot, and kept current by
`indexer.update`; a search, a vote and a decision read them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from indexer import vectors as kinds
from indexer.labels import Label, Labels
from indexer.space import Projected, Space, present
from indexer.space.features import Features
from indexer.space.prototypes import Prototypes
from indexer.vectors import Keys, VectorIndex

BATCH = 4_096
"""Products that are placed in the space at a time."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The stored products by key, and the prototypes of their categories."""

    labels: Labels
    vectors: VectorIndex
    features: Features
    prototypes: Prototypes

    def put(self, keys: Keys, labels: Sequence[Label], projected: Projected, space: Space) -> None:
        """File products under `keys` (n,), all different, replacing what was known of each."""
        self.count(keys[keys < self.labels.size], space, -1)
        self.labels.put(labels)
        self.features.put(keys, projected.raw, projected.words)
        here = present(projected.vectors)
        self.vectors.upsert(keys[here], projected.vectors[here])
        self.vectors.delete(keys[~here])
        self.count(keys, space)

    def count(self, keys: Keys, space: Space, sign: float = 1.0) -> None:
        """Let stored products come into the prototypes, or go (-1).

        Placed by their features, which give the same vectors whenever they are asked for: sums stay exact.
        """
        for start in range(0, len(keys), BATCH):
            some = keys[start : start + BATCH]
            placed = space.place(self.features.raw(some), self.features.words(some))
            self.prototypes.add(self.labels.spoken(some), placed, sign)

    def drop(self, keys: Keys, space: Space) -> None:
        """Forget `keys`; those that are not known are no error."""
        self.count(keys[keys < self.labels.size], space, -1)
        self.labels.drop(keys)
        self.features.drop(keys)
        self.vectors.delete(keys)

    def save(self, folder: Path) -> list[Path]:
        """Write everything into `folder` and return the files written."""
        parts = (self.labels, self.vectors, self.features, self.prototypes)
        return [file for part in parts for file in part.save(folder)]

    @classmethod
    def load(cls, folder: Path, kind: str, parts: Mapping[str, int]) -> Self:
        """Read what `save` wrote; raises SnapshotDamaged when a file is not whole."""
        return cls(Labels.load(folder), kinds.load(folder, kind), Features.load(folder, parts), Prototypes.load(folder))
