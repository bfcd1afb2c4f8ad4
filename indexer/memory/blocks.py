"""Arrays that may begin in a file of a snapshot, and grow block by block: nothing that is there is copied again.

What a file holds is mapped, not read: the system keeps of it in memory what is looked at, shared by all processes, and
lets it go when memory is short. A row that is changed becomes this process's own; the file stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.int64]
Array = npt.NDArray[Any]

LEAST, MOST = 1_024, 2**25
"""Rows of a new block at least, and its bytes at most; between these it has as many rows as there are."""


class Blocks:
    """Rows of one type and width in blocks of memory; new rows are zeros. Rows are given and taken by their numbers."""

    def __init__(self, first: Array) -> None:
        self._blocks = [first]
        self._ends = np.array([len(first)], np.int64)

    def __len__(self) -> int:
        """Return how many rows there are."""
        return int(self._ends[-1])

    def reserve(self, rows: int) -> None:
        """Make sure that there are `rows` rows at least."""
        while len(self) < rows:
            first = self._blocks[0]
            most = MOST // max(1, first.dtype.itemsize * int(np.prod(first.shape[1:])))
            size = max(LEAST, min(len(self), most))
            self._blocks = [*self._blocks, np.zeros((size, *first.shape[1:]), first.dtype)]
            self._ends = np.append(self._ends, len(self) + size)

    def take(self, rows: Keys, columns: slice | None = None) -> Array:
        """Return a copy of rows, in any order and shape, of all their columns or some."""
        some = self._blocks if columns is None else [block[:, columns] for block in self._blocks]
        if len(some) == 1:
            return some[0][rows]
        flat = rows.ravel()
        number = np.searchsorted(self._ends, flat, side="right")
        used = np.flatnonzero(np.bincount(number, minlength=1))
        if len(used) == 1:
            only = int(used[0])
            return some[only][rows - self._start(only)]
        made = np.empty((len(flat), *some[0].shape[1:]), some[0].dtype)
        for each in used.tolist():
            here = number == each
            made[here] = some[each][flat[here] - self._start(each)]
        return made.reshape(*rows.shape, *made.shape[1:])

    def put(self, rows: Keys, values: Array | float) -> None:
        """Set rows (n,), which are there, to values (n, ...)."""
        number = np.searchsorted(self._ends, rows, side="right")
        used = np.flatnonzero(np.bincount(number, minlength=1)).tolist()
        for each in used:
            here = number == each if len(used) > 1 else slice(None)
            some = values[here] if isinstance(values, np.ndarray) else values
            self._blocks[each][rows[here] - self._start(each)] = some

    def save(self, file: Path, rows: int) -> Path:
        """Write the first `rows` rows as a .npy file, one block after the other, and return it."""
        first = self._blocks[0]
        header = {"descr": np.lib.format.dtype_to_descr(first.dtype), "fortran_order": False}
        with file.open("wb") as opened:
            np.lib.format.write_array_header_1_0(opened, {**header, "shape": (rows, *first.shape[1:])})
            for number, block in enumerate(self._blocks):
                block[: max(0, rows - self._start(number))].tofile(opened)
        return file

    def _start(self, number: int) -> int:
        return int(self._ends[number - 1]) if number else 0


def mapped(file: Path) -> Array:
    """Return the array in a .npy file, mapped: what is changed of it is changed in memory alone.

    Raises OSError, ValueError or EOFError when it is none.
    """
    return np.asarray(np.load(file, mmap_mode="c", allow_pickle=False))


def save(folder: Path, arrays: Sequence[tuple[str, Array]]) -> list[Path]:
    """Write arrays as .npy files of these names and return the files."""
    for name, array in arrays:
        np.save(folder / name, array, allow_pickle=False)
    return [folder / name for name, _ in arrays]
