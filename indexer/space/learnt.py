"""The learnt space: dense parts and reduced words, centred, whitened within categories, in as few dimensions as help.

    rows = [part - its mean, to length one | words reduced by a truncated SVD - mean, to length one]
    vector = unit((rows - mean) @ matrix)

`matrix` divides out how products of one category differ among themselves (Fukunaga 1990, chapter 10: the whitening of
linear discriminant analysis) and keeps the directions in which categories lie apart. It is fitted in closed form; a
category that comes later needs no new fit. `fit.py` chooses how much the within-category scatter is shrunk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy import sparse

from indexer.errors import SnapshotDamaged
from indexer.space.lexicon import Rows

Floats = npt.NDArray[np.float32]
FILES = {name: f"space_{name}.npy" for name in ("columns", "reduction", "centres", "matrix", "shift", "shrinkage")}


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was learnt.

    edges: where each part of the raw rows begins and ends. columns: int32 (v,) columns of words that are reduced,
    ascending; reduction: float32 (v, r). centres: float32 (parts + r,) means before rows are rescaled; matrix: float32
    (parts + r, dim); shift: float32 (dim,), what is subtracted after it (the mean's image). shrinkage: float32 (1,), of
    the within-category scatter, as `fit.py` chose it.
    """

    edges: tuple[int, ...]
    columns: npt.NDArray[np.int32]
    reduction: Floats
    centres: Floats
    matrix: Floats
    shift: Floats
    shrinkage: Floats

    @property
    def dim(self) -> int:
        """Width of its vectors."""
        return int(self.matrix.shape[1])

    def place(self, raw: Floats, words: Rows) -> Floats:
        """Return float32 (n, dim) unit rows; zeros where a product has neither a part nor a known word."""
        rows = joined(raw, reduced(words, self.columns, self.reduction), self.edges, self.centres)
        placed = rows @ self.matrix - self.shift * rows.any(axis=1, keepdims=True)
        return unit(placed)

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Return everything learnt by file name."""
        return {file: getattr(self, name) for name, file in FILES.items()}

    @classmethod
    def load(cls, folder: Path, parts: Mapping[str, int]) -> Self:
        """Read what was saved in `folder`; raises SnapshotDamaged when the arrays do not fit together."""
        try:
            made = cls(edges_of(parts), *(np.load(folder / file, allow_pickle=False) for file in FILES.values()))
        except (OSError, ValueError, EOFError) as error:
            raise SnapshotDamaged(f"the learnt space in {folder} cannot be read: {error}; rebuild the index") from error
        wide = made.edges[-1] + made.reduction.shape[1]
        if made.centres.shape != (wide,) or len(made.matrix) != wide or len(made.columns) != len(made.reduction):
            raise SnapshotDamaged(f"the learnt space in {folder} has arrays of different widths; rebuild the index")
        return made


def edges_of(parts: Mapping[str, int]) -> tuple[int, ...]:
    """Return where each part begins in the rows of all parts together, and the end."""
    return (0, *np.cumsum(list(parts.values()), dtype=int).tolist())


def reduced(words: Rows, columns: npt.NDArray[np.int32], reduction: Floats) -> Floats:
    """Return float32 (n, r): the words among `columns` times `reduction`."""
    if not len(columns):
        return np.zeros((words.shape[0], reduction.shape[1]), np.float32)
    where = np.searchsorted(columns, words.indices).clip(0, len(columns) - 1)
    kept = columns[where] == words.indices
    ends = np.concatenate([[0], np.cumsum(kept)])[words.indptr]
    narrow = sparse.csr_array((words.data[kept], where[kept], ends), shape=(words.shape[0], len(columns)))
    made: Floats = np.asarray(narrow @ reduction, np.float32)
    return made


def joined(raw: Floats, lexical: Floats, edges: tuple[int, ...], centres: Floats) -> Floats:
    """Return the parts and the reduced words side by side, each less its mean and of length one; missing ones zeros."""
    rows = np.hstack([raw, lexical]).astype(np.float32)
    for start, end in pairwise((*edges, rows.shape[1])):
        some = rows[:, start:end]
        here = some.any(axis=1, keepdims=True)
        rows[:, start:end] = unit((some - centres[start:end]) * here)
    return rows


def unit(rows: Floats) -> Floats:
    """Return rows of length one; zeros stay zeros."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    made: Floats = np.divide(rows, length, out=np.zeros_like(rows), where=length > 1e-12)
    return made
