"""From the parts of an encoder's output and the words of a text to the one unit vector that is stored and searched for.

    lexicon      words of a text -> one sparse row
    learnt       dense parts + reduced words, centred and whitened within categories -> one unit vector
    features     raw parts and words of every stored product by key: what a vote compares neighbours by
    prototypes   one vector per category, kept current by running sums

Build, update and query all pass through `Space.project`, so a query lies in the same space as what is stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.encoders import Encoded
from indexer.errors import SnapshotMismatch
from indexer.space.learnt import FILES, Learnt, unit
from indexer.space.lexicon import Lexicon, Rows

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

LEXICON = "space_rarity.npy"
RAW = "raw"


@dataclass(frozen=True, slots=True)
class Projected:
    """What an index keeps of n products. raw: float32 (n, parts together), each part a unit row or zeros.

    words: sparse (n, COLUMNS). vectors: float32 (n, dim) unit rows, zeros where a product has nothing to search by.
    """

    raw: Vectors
    words: Rows
    vectors: Vectors

    def __len__(self) -> int:
        """Return the number of products."""
        return len(self.vectors)

    def __getitem__(self, rows: slice | Mask | npt.NDArray[np.int64]) -> Self:
        """Return the products of a slice, a mask or an array of positions."""
        return type(self)(self.raw[rows], self.words[rows], self.vectors[rows])


@dataclass(frozen=True)
class Space:
    """Where search happens. parts: name and width of each part of the encoder. learnt: None in the raw space.

    The raw space, which needs no labels and no fit, is the parts side by side, rescaled to length one.
    """

    parts: Mapping[str, int]
    lexicon: Lexicon
    learnt: Learnt | None = None

    @classmethod
    def raw(cls, parts: Mapping[str, int], lexicon: Lexicon | None = None) -> Self:
        """Return the space in which nothing is learnt."""
        return cls(parts, lexicon or Lexicon.blank())

    @cached_property
    def name(self) -> str:
        """Fingerprint: "raw", or "learnt-" and a hash of all that was learnt."""
        if self.learnt is None:
            return RAW
        digest = hashlib.sha256(self.lexicon.rarity.tobytes())
        for array in self.learnt.arrays().values():
            digest.update(array.tobytes())
        return f"learnt-{digest.hexdigest()[:12]}"

    @property
    def dim(self) -> int:
        """Width of its vectors."""
        return sum(self.parts.values()) if self.learnt is None else self.learnt.dim

    def project(self, encoded: Encoded, texts: Sequence[str]) -> Projected:
        """Return what an index keeps of products with these parts and texts (`normalize.text_of`), in order."""
        rows: Vectors = np.concatenate([encoded.parts[part] for part in self.parts], axis=1, dtype=np.float32)
        words = self.lexicon.rows(texts)
        return Projected(rows, words, self.place(rows, words))

    def place(self, raw: Vectors, words: Rows) -> Vectors:
        """Return the search vectors, float32 (n, dim), of raw parts and words."""
        if self.learnt is not None:
            return self.learnt.place(raw, words)
        return unit(raw)

    def save(self, folder: Path) -> list[Path]:
        """Write what was learnt into `folder` and return the files written."""
        arrays = {LEXICON: self.lexicon.rarity, **(self.learnt.arrays() if self.learnt else {})}
        for name, array in arrays.items():
            np.save(folder / name, array, allow_pickle=False)
        return [folder / name for name in arrays]


def load(folder: Path, name: str, parts: Mapping[str, int]) -> Space:
    """Return the space that a snapshot names; raises SnapshotMismatch when the files in `folder` make another one."""
    lexicon = Lexicon(np.load(folder / LEXICON, allow_pickle=False))
    learnt = Learnt.load(folder, parts) if all((folder / file).is_file() for file in FILES.values()) else None
    space = Space(parts, lexicon, learnt)
    if space.name != name:
        raise SnapshotMismatch(f"{folder.name} searches in {name!r}, its files make {space.name!r}; rebuild it")
    return space


def present(vectors: Vectors) -> Mask:
    """Return bool (n,): False for rows of zeros, which products without any part have and no index holds."""
    mask: Mask = np.any(vectors, axis=1)
    return mask
