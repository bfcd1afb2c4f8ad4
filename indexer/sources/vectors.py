"""Vectors that were made elsewhere, a row for each row of a source and in its order: `--image-vectors FILE.npy`."""

from __future__ import annotations

import json
from pathlib import Path
from tokenize import TokenError
from zipfile import is_zipfile

import numpy as np
import numpy.typing as npt

from indexer.errors import SettingError, SourceError
from indexer.sources.rows import Problem

Vector = npt.NDArray[np.float32]

PART = "image"
"""The part of an encoder that they stand for."""


class RowVectors:
    """The rows of a NumPy file, float16 or float32 (n, dim), read from disk as they are asked for; zeros are none."""

    def __init__(self, path: Path) -> None:
        """Raise SettingError when the file is not of that kind."""
        try:
            if is_zipfile(path):
                raise SettingError(f"{path} holds several arrays; write one with numpy.save")
            rows = np.lib.format.open_memmap(path, mode="r")
        except (OSError, ValueError, EOFError, TypeError, TokenError) as error:  # the last two of odd headers
            raise SettingError(f"the vectors in {path} cannot be read: {error}; write them with numpy.save") from error
        if rows.ndim != 2 or rows.dtype not in (np.float16, np.float32):
            found = f"{rows.dtype} {rows.shape}"
            raise SettingError(
                f"{path} holds {found}, wanted is one array of float16 or float32, a row for each row of the source"
            )
        self.path = path
        self.dim = int(rows.shape[1])
        self._rows = rows

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    def at(self, place: int) -> Vector | None:
        """Return the vector of the source's row `place`, from 0, or None where it is zero.

        Raises SourceError when there are fewer.
        """
        if place >= len(self):
            raise SourceError(f"{self.path} has {len(self):,} vectors, the source has more rows; {_REMEDY}")
        row = np.asarray(self._rows[place], np.float32)
        return row if row.any() else None

    def check(self, rows: int) -> None:
        """Raise SourceError unless there are as many as the source has rows."""
        if rows != len(self):
            raise SourceError(f"{self.path} has {len(self):,} vectors, the source has {rows:,} rows; {_REMEDY}")


_REMEDY = "give one for each row, in the order of the source, and zeros for a row without"


def vector_in(cell: str) -> Vector | Problem | None:
    """Return the vector in a cell, a JSON array of numbers; None when the cell is empty."""
    if not cell:
        return None
    try:
        numbers = json.loads(cell)
        if not isinstance(numbers, list):
            raise TypeError(type(numbers).__name__)
        row = np.array([float(each) for each in numbers], np.float32)
    except (ValueError, TypeError, OverflowError, RecursionError):
        return Problem(
            "invalid_vector", f"the image vector {cell[:40]!r} is no list of numbers; write it like [0.1, -0.2]"
        )
    return row if row.any() else None
