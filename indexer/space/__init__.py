"""From the parts of an encoder's output and the words of a text to the unit vectors that are stored and searched for.

    lexicon      words of a text -> one sparse row
    learnt       dense parts + reduced words, centred and whitened within categories -> one unit vector
    views        a product by what is written and by what is pictured: a space for each, never mixed
    bridge       what one view would look like in the other, for a question that has one only
    features     raw parts and words of every stored product by key: what a vote compares neighbours by
    prototypes   one vector per category, kept current by running sums

Build, update and query all pass through `Views.project`, so a query lies in the same spaces as what is stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.errors import EncoderError
from indexer.space.learnt import FILES, Learnt, unit
from indexer.space.lexicon import Rows, none

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

RAW = "raw"
TEXT, IMAGE = "text", "image"
"""The views. A part named `image`, or beginning so, is of the second; any other, and words, of the first."""


@dataclass(frozen=True, slots=True)
class Projected:
    """What an index keeps of n products. raw: float32 (n, parts together), each part a unit row or zeros.

    words: sparse (n, COLUMNS). vectors: by view float32 (n, its dim) unit rows, zeros where a product lacks the view.
    """

    raw: Vectors
    words: Rows
    vectors: Mapping[str, Vectors]

    def __len__(self) -> int:
        """Return the number of products."""
        return len(self.raw)

    def __getitem__(self, rows: slice | Mask | npt.NDArray[np.int64]) -> Self:
        """Return the products of a slice, a mask or an array of positions."""
        return type(self)(self.raw[rows], self.words[rows], {view: some[rows] for view, some in self.vectors.items()})


@dataclass(frozen=True)
class Space:
    """Where products of one view are searched for.

    parts: name and width of each part of the encoder that is of this view. start: where they begin in the raw rows of
    all parts. words: whether the view reads words. learnt: None in the raw space, which needs no labels and no fit: the
    parts side by side, rescaled to length one.
    """

    parts: Mapping[str, int]
    start: int = 0
    words: bool = True
    learnt: Learnt | None = None

    @property
    def columns(self) -> slice:
        """The columns of the raw rows that the view has."""
        return slice(self.start, self.start + sum(self.parts.values()))

    @cached_property
    def name(self) -> str:
        """Fingerprint: "raw", or "learnt-" and a hash of all that was learnt."""
        if self.learnt is None:
            return RAW
        digest = hashlib.sha256()
        for array in self.learnt.arrays().values():
            digest.update(array.tobytes())
        return f"learnt-{digest.hexdigest()[:12]}"

    @property
    def dim(self) -> int:
        """Width of its vectors."""
        return sum(self.parts.values()) if self.learnt is None else self.learnt.dim

    def read(self, words: Rows) -> Rows:
        """Return what of the words of n products the view reads: all of them, or none."""
        return words if self.words else none(words.shape[0])

    def seen(self, raw: Vectors, words: Rows) -> Mask:
        """Return which products have anything of this view: bool (n,)."""
        made: Mask = np.any(raw[:, self.columns], axis=1)
        return made | (np.diff(words.indptr) > 0) if self.words else made

    def place(self, raw: Vectors, words: Rows) -> Vectors:
        """Return the search vectors, float32 (n, dim), of raw rows of all parts and words; zeros without this view."""
        if self.learnt is not None:
            return self.learnt.place(raw[:, self.columns], self.read(words))
        return unit(raw[:, self.columns])

    def save(self, folder: Path) -> list[Path]:
        """Write what was learnt into `folder` and return the files written."""
        arrays = self.learnt.arrays() if self.learnt else {}
        for name, array in arrays.items():
            np.save(folder / name, array, allow_pickle=False)
        return [folder / name for name in arrays]

    def loaded(self, folder: Path) -> Self:
        """Return this space with what was learnt of it, as `save` wrote it; raises SnapshotDamaged for a misfit."""
        whole = all((folder / file).is_file() for file in FILES.values())
        return replace(self, learnt=Learnt.load(folder, self.parts) if whole else None)


def spaces_of(parts: Mapping[str, int]) -> dict[str, Space]:
    """Return the raw space of each view that an encoder's parts make, in their order.

    Raises EncoderError when the parts of one view do not stand together.
    """
    spaces: dict[str, Space] = {}
    start = 0
    for view, group in groupby(parts, view_of):
        some = {part: parts[part] for part in group}
        if view in spaces:
            raise EncoderError(f"the parts {', '.join(parts)} mix the views; put those of pictures last")
        spaces[view] = Space(some, start, words=view == TEXT)
        start += sum(some.values())
    return spaces


def view_of(part: str) -> str:
    """Return the view that a part of an encoder is of."""
    return IMAGE if part.startswith(IMAGE) else TEXT


def present(vectors: Vectors) -> Mask:
    """Return bool (n,): False for rows of zeros, which products without the view have and no index holds."""
    mask: Mask = np.any(vectors, axis=1)
    return mask
