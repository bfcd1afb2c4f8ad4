"""What an index holds of one view in memory: where its products lie, who stands for their categories, and by word.

Each is a cache of the record store, like labels and features, which all views share.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer import vectors as kinds
from indexer.labels import UNLABELLED, Labels
from indexer.space import Space, Vectors, present
from indexer.space.features import Features
from indexer.space.postings import Postings
from indexer.space.prototypes import Nodes, Prototypes
from indexer.vectors import Keys, VectorIndex

BATCH = 4_096
"""Products that are placed in the space at a time."""


@dataclass(frozen=True, slots=True)
class View:
    """The products that have this view: by vector and, where it reads words, by word; and their prototypes."""

    name: str
    space: Space
    labels: Labels
    features: Features
    vectors: VectorIndex
    prototypes: Prototypes
    postings: Postings
    listings: dict[int, list[int]] = field(default_factory=dict)
    """Keys, ascending, by a number for category, content and voice: in a prototype they count once, as the first."""

    @classmethod
    def of(
        cls, name: str, space: Space, labels: Labels, features: Features, *, vectors: VectorIndex, nodes: int
    ) -> Self:
        """Return the view of all that is labelled or not, filed by word and by category; nodes: of the tree."""
        keys = np.flatnonzero(labels.known)
        postings = Postings.of(features, keys if space.words else keys[:0])
        made = cls(name, space, labels, features, vectors, Prototypes(nodes, space.dim), postings)
        made.count(keys)
        return made

    def twin(self, space: Space, vectors: VectorIndex, nodes: int) -> Self:
        """Return the same products as they lie in another space."""
        prototypes = Prototypes(nodes, space.dim)
        made = replace(self, space=space, vectors=vectors, prototypes=prototypes, listings={})
        made.count(np.flatnonzero(self.labels.known))
        return made

    def replanted(self, labels: Labels, came: Nodes) -> Self:
        """Return the same products in other categories, those of `labels`.

        came: int32 (nodes,), where each category was whose products are the same; the others, -1, are summed anew.
        """
        made = replace(self, labels=labels, prototypes=self.prototypes.replanted(came), listings={})
        made._recount(came < 0)  # noqa: SLF001 - of its own class
        return made

    def _recount(self, anew: npt.NDArray[np.bool_]) -> None:
        """File all products under their listings, and sum those of the categories `anew` (nodes,)."""
        _, first = self._moved(np.flatnonzero(self.labels.known), 1)
        keys = np.array(first, np.int64)
        self._sum(keys[anew[self.labels.spoken(keys)]].tolist(), 1)

    def leave(self, keys: Keys) -> None:
        """Take products out before labels or features change; those that are not known are no error."""
        self.count(keys[keys < self.labels.size], -1)
        self.postings.drop(keys)

    def enter(self, keys: Keys, placed: Vectors) -> None:
        """File products by what labels and features say now, and by their search vectors (n, dim)."""
        if self.space.words:
            self.postings.put(keys)
        here = present(placed)
        self.vectors.upsert(keys[here], placed[here])
        self.vectors.delete(keys[~here])
        self.count(keys)

    def count(self, keys: Keys, sign: int = 1) -> None:
        """Let stored products come into the prototypes, or go (-1), each with its voice.

        Listings of one content and voice count once in a category, as the one with the lowest key: so it makes no
        difference in which order they came. Placed by their features, which give the same vectors whenever they are
        asked for: sums stay exact.
        """
        gone, come = self._moved(keys, sign)
        self._sum(gone, -1)
        self._sum(come, 1)

    def standing(self, keys: Keys) -> Keys:
        """Return who stands for each of `keys` in the prototype of its category: itself or an equal listing."""
        said = zip(keys.tolist(), self._said(keys), strict=True)
        return np.array([key if listing is None else self.listings[listing][0] for key, listing in said], np.int64)

    def placed(self, keys: Keys) -> Vectors:
        """Return the search vectors of stored products, float32 (n, dim), as their features give them."""
        made = np.empty((len(keys), self.space.dim), np.float32)
        for start in range(0, len(keys), BATCH):
            rows = slice(start, start + BATCH)
            made[rows] = self.space.place(self.features.raw(keys[rows]), self.features.words(keys[rows]))
        return made

    def seen(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Return which stored products have this view: bool (n,)."""
        return self.features.seen(keys, self.space)

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
        """Return a number for category, content and voice of each product, None for one that speaks for no category.

        Nor does a product that lacks the view.
        """
        nodes, voices = self.labels.spoken(keys).tolist(), self.labels.voices(keys).tolist()
        said = zip(nodes, self.features.fingerprints(keys, self.space), voices, strict=True)
        here = self.seen(keys).tolist()
        return [
            None if each[0] == UNLABELLED or not there else hash(each) for each, there in zip(said, here, strict=True)
        ]

    def _sum(self, counted: list[int], sign: int) -> None:
        keys = np.array(counted, np.int64)
        nodes, voices = self.labels.spoken(keys), self.labels.voices(keys)
        for start in range(0, len(keys), BATCH):
            rows = slice(start, start + BATCH)
            self.prototypes.add(nodes[rows], self.placed(keys[rows]), sign, voices[rows])

    def drop(self, keys: Keys) -> None:
        """Forget the search vectors of `keys`; those that are not known are no error."""
        self.vectors.delete(keys)

    def save(self, folder: Path) -> list[Path]:
        """Write vectors and prototypes into `folder` and return the files written."""
        folder.mkdir(exist_ok=True)
        return [*self.vectors.save(folder), *self.prototypes.save(folder)]

    @classmethod
    def load(cls, name: str, space: Space, labels: Labels, features: Features, *, folder: Path, kind: str) -> Self:
        """Read what `save` wrote; raises SnapshotDamaged when a file is not whole."""
        keys = np.flatnonzero(labels.known)
        postings = Postings.of(features, keys if space.words else keys[:0])
        made = cls(name, space, labels, features, kinds.load(folder, kind), Prototypes.load(folder), postings)
        made._moved(np.arange(labels.size), 1)  # the sums were saved
        return made
