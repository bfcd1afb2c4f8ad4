"""What an index holds of one view in memory: where its products lie, who stands for their categories, and by word.

Each is a cache of the record store, like labels and features, which all views share.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer import vectors as kinds
from indexer.errors import SnapshotDamaged
from indexer.memory.labels import UNLABELLED, Labels
from indexer.memory.listings import NOBODY, Listings
from indexer.space import Space, Vectors, present
from indexer.space.features import Features, mixed
from indexer.space.lexicon import Rows
from indexer.space.postings import Postings, Segment
from indexer.space.prototypes import Nodes, Prototypes
from indexer.vectors import Changing, Keys, VectorIndex
from indexer.vectors.approximate import ApproximateIndex

BATCH = 4_096
"""Products that are placed in the space at a time."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Products that are about to enter a view, as far as that can be worked out while it is searched.

    placed: float32 (n, dim) search vectors; here: bool (n,), who has the view; ahead: what the vectors' index knows of
    those who have. segment: the words of all.
    """

    placed: Vectors
    here: npt.NDArray[np.bool_]
    ahead: Keys | None
    segment: Segment | None

    def __getitem__(self, rows: slice) -> Ready:
        """Return some of the products."""
        ahead = None
        if self.ahead is not None:
            before = int(np.count_nonzero(self.here[: rows.start]))
            ahead = self.ahead[before : before + int(np.count_nonzero(self.here[rows]))]
        return Ready(self.placed[rows], self.here[rows], ahead, self.segment)


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
    listings: Listings = field(default_factory=Listings)
    """Products by category, content and voice: those of one listing count once in a prototype, as the first."""

    @classmethod
    def of(
        cls, name: str, space: Space, labels: Labels, features: Features, *, vectors: VectorIndex, nodes: int
    ) -> Self:
        """Return the view of all that is labelled or not, filed by word and by category; nodes: of the tree."""
        keys = np.flatnonzero(labels.known)
        postings = Postings.of(features, keys if space.words else keys[:0])
        made = cls(name, space, labels, features, vectors, Prototypes(nodes, space.dim), postings)
        return made.counted(keys)

    def twin(self, space: Space, vectors: VectorIndex, nodes: int) -> Self:
        """Return the same products as they lie in another space."""
        prototypes = Prototypes(nodes, space.dim)
        made = replace(self, space=space, vectors=vectors, prototypes=prototypes)
        return made.counted(np.flatnonzero(self.labels.known))

    def hurried(self, share: float) -> Self:
        """Return the same view, searched less widely, for who asks about everything; it holds no copy."""
        vectors = self.vectors.hurried(share) if isinstance(self.vectors, ApproximateIndex) else self.vectors
        return replace(self, vectors=vectors, postings=self.postings.hurried())

    def ready(self, keys: Keys, placed: Vectors, words: Rows) -> Ready:
        """Return what can be worked out of products with these search vectors (n, dim) and words before they enter."""
        here = present(placed)
        segment = self.postings.ready(keys, words) if self.space.words else None
        return Ready(placed, here, self.vectors.ahead(placed[here]), segment)

    def replanted(self, labels: Labels, came: Nodes) -> Self:
        """Return the same products in other categories, those of `labels`.

        came: int32 (nodes,), where each category was whose products are the same; the others, -1, are summed anew.
        """
        made = replace(self, labels=labels, prototypes=self.prototypes.replanted(came))
        return made.counted(np.flatnonzero(labels.known), came < 0)

    def leave(self, keys: Keys) -> None:
        """Take products out before labels or features change; those that are not known are no error."""
        self.count(keys[keys < self.labels.size], -1)
        self.postings.drop(keys)

    def enter(self, keys: Keys, ready: Ready) -> None:
        """File products by what labels and features say now, and by what was worked out of them before."""
        if ready.segment is not None:
            self.postings.enter(ready.segment, keys)
        here = ready.here
        self.vectors.upsert(keys[here], ready.placed[here], ready.ahead)
        self.vectors.delete(keys[~here])
        self.count(keys)

    def settle(self, changing: Changing = nullcontext) -> None:
        """Put in order what changes have left, after some of them; others are held off for moments only."""
        self.postings.settle(changing)

    def count(self, keys: Keys, sign: int = 1) -> None:
        """Let stored products come into the prototypes, or go (-1), each with its voice.

        Listings of one content and voice count once in a category, as the one with the lowest key: so it makes no
        difference in which order they came. Placed by their features, which give the same vectors whenever they are
        asked for: sums stay exact.
        """
        move = self.listings.add if sign > 0 else self.listings.remove
        gone, come = move(keys, self._said(keys))
        self._sum(np.array(gone, np.int64), -1)
        self._sum(np.array(come, np.int64), 1)

    def standing(self, keys: Keys) -> Keys:
        """Return who stands for each of `keys` in the prototype of its category: itself or an equal listing."""
        return self.listings.first(keys, self._said(keys))

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

    def _said(self, keys: Keys) -> Keys:
        """Return the listing of each product: NOBODY for one that speaks for no category, or lacks the view.

        Of category, content and voice, 62 bits: that two of a million differ and share one is one to 9 million.
        """
        nodes, voices = self.labels.spoken(keys), self.labels.voices(keys)
        label = nodes.astype(np.uint64) << np.uint64(32) | voices.view(np.uint32)
        content = self.features.fingerprints(keys, self.space).view(np.uint64)
        listing = (mixed(content ^ mixed(label)) >> np.uint64(2)).astype(np.int64) + NOBODY + 1
        return np.where((nodes != UNLABELLED) & self.seen(keys), listing, NOBODY)

    def counted(self, keys: Keys, anew: npt.NDArray[np.bool_] | None = None) -> Self:
        """Return the view with these products filed under their listings, and summed in the prototypes.

        anew: bool (nodes,), the categories whose prototypes are empty; all of them are when None.
        """
        listings = Listings.of(keys, self._said(keys))
        first = listings.standing()
        self._sum(first if anew is None else first[anew[self.labels.spoken(first)]], 1)
        return replace(self, listings=listings)

    def _sum(self, keys: Keys, sign: int) -> None:
        nodes, voices = self.labels.spoken(keys), self.labels.voices(keys)
        for start in range(0, len(keys), BATCH):
            rows = slice(start, start + BATCH)
            self.prototypes.add(nodes[rows], self.placed(keys[rows]), sign, voices[rows])

    def drop(self, keys: Keys) -> None:
        """Forget the search vectors of `keys`; those that are not known are no error."""
        self.vectors.delete(keys)

    def save(self, folder: Path) -> list[Path]:
        """Write vectors, prototypes, postings and listings into `folder` and return the files written."""
        folder.mkdir(exist_ok=True)
        parts = (self.vectors, self.prototypes, self.postings, self.listings)
        return [file for part in parts for file in part.save(folder)]

    @classmethod
    def load(cls, name: str, space: Space, labels: Labels, features: Features, *, folder: Path, kind: str) -> Self:
        """Read what `save` wrote; raises SnapshotDamaged when a file is not whole."""
        try:
            listings = Listings.load(folder)
        except (OSError, ValueError, EOFError) as error:
            raise SnapshotDamaged(f"the listings in {folder} cannot be read: {error}; rebuild the index") from error
        vectors, prototypes, postings = (
            kinds.load(folder, kind),
            Prototypes.load(folder),
            Postings.load(features, folder),
        )
        return cls(name, space, labels, features, vectors, prototypes, postings, listings)
