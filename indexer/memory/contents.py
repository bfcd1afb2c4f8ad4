"""What an index holds in memory of its products: labels, features, names and views, which change together.

Each is a cache of the record store. They are filled by `indexer.build`, saved in a snapshot, and kept current by
`indexer.intake.update`; a search, a vote and a decision read them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.images.lookalikes import Lookalikes
from indexer.memory.codes import Codes
from indexer.memory.labels import Label, Labels
from indexer.memory.view import View
from indexer.space import Projected, Space
from indexer.space.features import Features, kept
from indexer.space.names import Names, Nodes
from indexer.space.titles import Titles, words_of
from indexer.vectors import Changing, Keys, VectorIndex

Floats = npt.NDArray[np.float32]

AT_ONCE = 16
"""Products that are changed while readers are held off: about a millisecond of 384 dimensions and 20 words."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The stored products by key, what their categories are called, and how they are found: by view, in order.

    lookalikes: the perceptual hash of each product's main picture. codes: what it is looked up by besides. titles: what
    it is called.
    """

    labels: Labels
    features: Features
    names: Names
    lookalikes: Lookalikes
    codes: Codes
    titles: Titles
    views: Mapping[str, View]

    def put(
        self,
        keys: Keys,
        labels: Sequence[Label],
        projected: Projected,
        phashes: Sequence[int | None] = (),
        *,
        codes: Sequence[tuple[int, ...]] = (),
        titles: Sequence[str] = (),
        changing: Changing = nullcontext,
    ) -> None:
        """File products under `keys` (n,), all different, replacing what was known of each.

        changing: entered for AT_ONCE products at a time, while whoever reads is held off. All that can be worked out
        before is, and what can be put in order later is, beside readers: one thread at a time changes contents.
        """
        if not len(keys):
            return
        words, called = kept(projected.words), words_of(titles or [""] * len(keys))
        naming = self.titles.ready(keys, called)
        ready = {name: view.ready(keys, projected.vectors[name], words) for name, view in self.views.items()}
        for start in range(0, len(keys), AT_ONCE):
            rows = slice(start, start + AT_ONCE)
            some, said = keys[rows], projected[rows]
            pieces = {name: each[rows] for name, each in ready.items()}
            with changing():
                for view in self.views.values():
                    view.leave(some)
                self.labels.put(labels[rows])
                self.features.put(some, said.raw, said.words)
                shown, hashes = hashed(some, phashes[rows])
                self.lookalikes.drop(np.setdiff1d(some, shown))
                self.lookalikes.put(shown, hashes)
                self.codes.put(some, codes[rows] or [()] * len(some))
                self.titles.put(some, called[rows], naming)
                for name, view in self.views.items():
                    view.enter(some, pieces[name])
        for view in self.views.values():
            view.settle(changing)
        self.codes.settle(changing)
        self.titles.settle(changing)

    def grow(self, names: Floats) -> None:
        """Make room for categories that joined the tree; names: float32 (n, all parts), what they say of themselves."""
        self.names.add(names)
        for view in self.views.values():
            view.prototypes.reserve(len(self.names))

    def replanted(self, names: Names, nodes: Nodes, came: Nodes) -> Self:
        """Return the same products in the categories of another tree; searches in these contents go on meanwhile.

        names: what its categories say of themselves. nodes: int32 (labels.size,), the category of each key. came: int32
        (nodes of the tree,), where a category was whose products are the same, -1 for any other. What is not about
        categories is shared, so that one of the two may be put to no further use.
        """
        labels = self.labels.replanted(nodes)
        views = {name: view.replanted(labels, came) for name, view in self.views.items()}
        return replace(self, labels=labels, names=names, views=views)

    def drop(self, keys: Keys, *, changing: Changing = nullcontext) -> None:
        """Forget `keys`; those that are not known are no error. changing: as for `put`."""
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            with changing():
                for view in self.views.values():
                    view.leave(some)
                    view.drop(some)
                self.labels.drop(some)
                self.features.drop(some)
                self.lookalikes.drop(some)
                self.codes.drop(some)
                self.titles.drop(some)

    @property
    def counts(self) -> Floats:
        """How many products each category has in the view that knows most of them: float32 (nodes,)."""
        made: Floats = np.max([view.prototypes.counts for view in self.views.values()], axis=0)
        return made

    @property
    def searched(self) -> int:
        """How many products can be found by any view."""
        if len(self.views) == 1:
            return sum(len(view.vectors) for view in self.views.values())
        known = np.flatnonzero(self.labels.known)
        return int(np.any([view.seen(known) for view in self.views.values()], axis=0).sum()) if len(known) else 0

    def save(self, folder: Path) -> list[Path]:
        """Write everything into `folder`, each view into a folder of its own, and return the files written."""
        parts = (self.labels, self.features, self.names, self.lookalikes, self.codes, self.titles)
        files = [file for part in parts for file in part.save(folder)]
        return files + [file for name, view in self.views.items() for file in view.save(folder / name)]

    @classmethod
    def of(
        cls,
        labels: Labels,
        features: Features,
        names: Names,
        lookalikes: Lookalikes,
        *,
        spaces: Mapping[str, Space],
        vectors: Mapping[str, VectorIndex],
        codes: Codes | None = None,
        titles: Titles | None = None,
    ) -> Self:
        """Return the contents with these labels, features and names, and in each space these vectors."""
        views = {
            name: View.of(name, space, labels, features, vectors=vectors[name], nodes=len(names))
            for name, space in spaces.items()
        }
        return cls(labels, features, names, lookalikes, codes or Codes(), titles or Titles(), views)

    @classmethod
    def load(
        cls, folder: Path, kinds: Mapping[str, str], spaces: Mapping[str, Space], parts: Mapping[str, int]
    ) -> Self:
        """Read what `save` wrote; kinds: of the vectors by view. Raises SnapshotDamaged when a file is not whole."""
        labels, features = Labels.load(folder), Features.load(folder, parts)
        views = {
            name: View.load(name, space, labels, features, folder=folder / name, kind=kinds[name])
            for name, space in spaces.items()
        }
        looked_up = Lookalikes.load(folder), Codes.load(folder), Titles.load(folder, labels.size)
        return cls(labels, features, Names.load(folder, parts), *looked_up, views)


def hashed(keys: Keys, phashes: Sequence[int | None]) -> tuple[Keys, npt.NDArray[np.uint64]]:
    """Return the keys that have a perceptual hash, and those hashes."""
    some = [(key, phash) for key, phash in zip(keys.tolist(), phashes, strict=False) if phash is not None]
    return np.array([key for key, _ in some], np.int64), np.array([phash for _, phash in some], np.uint64)
