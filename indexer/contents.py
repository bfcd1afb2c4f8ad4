"""What an index holds in memory of its products: labels, vectors, features and prototypes, which change together.

Each is a cache of the record store. They are filled by `indexer.build`, saved in a snapshot, and kept current by
`indexer.update`; a search, a vote and a decision read them.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer import vectors as kinds
from indexer.labels import UNLABELLED, Label, Labels
from indexer.space import Projected, Space, present
from indexer.space.features import Features
from indexer.space.names import Names
from indexer.space.postings import Postings
from indexer.space.prototypes import Prototypes
from indexer.vectors import Keys, VectorIndex

Floats = npt.NDArray[np.float32]

BATCH = 4_096
"""Products that are placed in the space at a time."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The stored products by key and by word, and the prototypes and names of their categories."""

    labels: Labels
    vectors: VectorIndex
    features: Features
    prototypes: Prototypes
    names: Names
    postings: Postings
    listings: dict[int, list[int]] = field(default_factory=dict)
    """Keys, ascending, by a number for category, content and voice: in a prototype they count once, as the first."""

    def put(self, keys: Keys, labels: Sequence[Label], projected: Projected, space: Space) -> None:
        """File products under `keys` (n,), all different, replacing what was known of each."""
        self.count(keys[keys < self.labels.size], space, -1)
        self.postings.drop(keys)
        self.labels.put(labels)
        self.features.put(keys, projected.raw, projected.words)
        self.postings.put(keys)
        here = present(projected.vectors)
        self.vectors.upsert(keys[here], projected.vectors[here])
        self.vectors.delete(keys[~here])
        self.count(keys, space)

    def grow(self, names: Floats) -> None:
        """Make room for categories that joined the tree; names: float32 (n, all parts), what they say of themselves."""
        self.names.add(names)
        self.prototypes.reserve(len(self.names))

    def count(self, keys: Keys, space: Space, sign: int = 1) -> None:
        """Let stored products come into the prototypes, or go (-1), each with its voice.

        Listings of one content and voice count once in a category, as the one with the lowest key: so it makes no
        difference in which order they came. Placed by their features, which give the same vectors whenever they are
        asked for: sums stay exact.
        """
        gone, come = self._moved(keys, sign)
        self._sum(gone, space, -1)
        self._sum(come, space, 1)

    def standing(self, keys: Keys) -> Keys:
        """Return who stands for each of `keys` in the prototype of its category: itself or an equal listing."""
        said = zip(keys.tolist(), self._said(keys), strict=True)
        return np.array([key if listing is None else self.listings[listing][0] for key, listing in said], np.int64)

    def _moved(self, keys: Keys, sign: int) -> tuple[list[int], list[int]]:
        """File products under their listings, or take them out (-1); return who no longer stands for one, who now."""
        gone: list[int] = []
        come: list[int] = []
        for key, listing in zip(keys.tolist(), self._said(keys), strict=True):
            if listing is None:
                continue
            same = self.listings.setdefault(listing, [])
            before = same[:1]
            if sign > 0:
                insort(same, key)
            else:
                same.remove(key)
            if same[:1] != before:
                gone += before
                come += same[:1]
            if not same:
                del self.listings[listing]
        return gone, come

    def _said(self, keys: Keys) -> list[int | None]:
        """Return a number for category, content and voice of each product, None for one that speaks for no category."""
        nodes, voices = self.labels.spoken(keys).tolist(), self.labels.voices(keys).tolist()
        said = zip(nodes, self.features.fingerprints(keys), voices, strict=True)
        return [None if each[0] == UNLABELLED else hash(each) for each in said]

    def _sum(self, counted: list[int], space: Space, sign: int) -> None:
        keys = np.array(counted, np.int64)
        nodes, voices = self.labels.spoken(keys), self.labels.voices(keys)
        for start in range(0, len(keys), BATCH):
            rows = slice(start, start + BATCH)
            placed = space.place(self.features.raw(keys[rows]), self.features.words(keys[rows]))
            self.prototypes.add(nodes[rows], placed, sign, voices[rows])

    def drop(self, keys: Keys, space: Space) -> None:
        """Forget `keys`; those that are not known are no error."""
        self.count(keys[keys < self.labels.size], space, -1)
        self.postings.drop(keys)
        self.labels.drop(keys)
        self.features.drop(keys)
        self.vectors.delete(keys)

    def save(self, folder: Path) -> list[Path]:
        """Write everything into `folder` and return the files written."""
        parts = (self.labels, self.vectors, self.features, self.prototypes, self.names)
        return [file for part in parts for file in part.save(folder)]

    @classmethod
    def of(cls, labels: Labels, vectors: VectorIndex, features: Features, names: Names, space: Space) -> Self:
        """Return the contents with these labels, vectors, features and names, filed by word and by category."""
        keys = np.flatnonzero(labels.known)
        made = cls(labels, vectors, features, Prototypes(len(names), space.dim), names, Postings.of(features, keys))
        made.count(keys, space)
        return made

    @classmethod
    def load(cls, folder: Path, kind: str, parts: Mapping[str, int]) -> Self:
        """Read what `save` wrote; raises SnapshotDamaged when a file is not whole."""
        labels, features = Labels.load(folder), Features.load(folder, parts)
        postings = Postings.of(features, np.flatnonzero(labels.known))
        prototypes, names = Prototypes.load(folder), Names.load(folder, parts)
        made = cls(labels, kinds.load(folder, kind), features, prototypes, names, postings)
        made._moved(np.arange(labels.size), 1)  # the sums were saved
        return made
