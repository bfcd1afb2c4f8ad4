"""What a scan knows of every product at once, as arrays: its key, who has the same content, its numbers and picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.space.features import mixed
from service.duplicates.verdicts.attributes import NUMBER_OF
from service.duplicates.verdicts.marks import Marks
from service.duplicates.verdicts.traits import Traits

Keys = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]

STATED = ("gtin", "mpn")
"""Article numbers that are given as such. Listings of one content that differ in them are no copies."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """n products by row. keys: int64 (n,), ascending. content: int64 (n,), a hash. first: int64 (n,), its first row.

    numbers: article numbers as hashes int64 (m,), with the row of each, and whether it is one for certain, being given
    as such. pictures: perceptual hashes uint64 (p,), and rows. Of copies only the first has numbers and pictures.
    titles: the marks of titles, (n,).
    """

    keys: Keys
    content: Keys
    first: Rows
    numbers: tuple[Keys, Rows, npt.NDArray[np.bool_]]
    pictures: tuple[npt.NDArray[np.uint64], Rows]
    titles: Marks

    def __len__(self) -> int:
        """Return the number of products."""
        return len(self.keys)

    @property
    def asked(self) -> Rows:
        """The rows that stand for all of their content."""
        return np.flatnonzero(self.first == np.arange(len(self.first)))

    def rows(self, keys: Keys) -> Rows:
        """Return the rows of keys of any shape, -1 for one that is not here."""
        if not len(self.keys):
            return np.full(keys.shape, -1, np.int64)
        place = np.searchsorted(self.keys, keys).clip(0, len(self.keys) - 1)
        return np.where(self.keys[place] == keys, place, -1)

    @classmethod
    def of(cls, keys: Keys, traits: Traits, apart: Keys) -> Self:
        """Return products by their traits; those of `apart` stand for themselves, whatever their content."""
        content = _content(traits)
        _, first, place = np.unique(content, return_index=True, return_inverse=True)
        rows = np.arange(len(keys))
        alone = np.isin(keys, apart)
        standing = np.full(len(first), len(keys), np.int64)
        np.minimum.at(standing, place[~alone], rows[~alone])
        chosen = np.where(alone, rows, standing[place])
        shown = np.flatnonzero(traits.pictured & (chosen == rows))
        pictures = traits.phash[shown], shown
        return cls(keys, content, chosen, _numbers(traits, chosen == rows), pictures, traits.title)


def _content(traits: Traits) -> Keys:
    """Return a number that is equal for listings which say the same and go by the same article numbers."""
    content = traits.content.copy()
    mute = np.flatnonzero(content == 0)  # who says nothing is no copy of anybody
    content[mute] = mute + 1
    for name in STATED:
        rows, values = traits.everything.having(NUMBER_OF[name])
        np.add.at(content, rows, mixed(values))
    return content.view(np.int64)


def _numbers(traits: Traits, standing: npt.NDArray[np.bool_]) -> tuple[Keys, Rows, npt.NDArray[np.bool_]]:
    """Return the article numbers of the rows that stand for themselves."""
    found = [(*traits.everything.having(NUMBER_OF[name]), name == "gtin", True) for name in STATED]
    found.append((*traits.title.having(NUMBER_OF["model"]), False, False))
    rows = np.concatenate([rows for rows, _, _, _ in found])
    values = np.concatenate([values.astype(np.int64) * 2 + is_gtin for _, values, is_gtin, _ in found])
    stated = np.concatenate([np.full(len(rows), sure) for rows, _, _, sure in found])
    kept = standing[rows]
    return values[kept], rows[kept], stated[kept]
