"""What every kind of vector index does alike: check what comes in, compare two rows, read its files back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.errors import DimensionMismatch, SnapshotDamaged, VectorError
from indexer.vectors import SIMILARITY_STEP, Keys, Vectors

BLOCK = 2**24
"""Numbers held at once while searching (64 MB of float32)."""


def cosine(left: Vectors, right: Vectors) -> Vectors:
    """Return the similarity of unit rows paired by broadcasting, rounded to SIMILARITY_STEP, in [-1, 1]."""
    products: npt.NDArray[np.float64] = np.vecdot(left, right, dtype=np.float64)
    return (np.rint(products.clip(-1, 1) / SIMILARITY_STEP) * SIMILARITY_STEP).astype(np.float32)


def asked(vectors: Vectors, k: int, dim: int, stored: int) -> tuple[Vectors, int]:
    """Return the queries, checked, and how many neighbours each can have."""
    if k < 1:
        raise VectorError(f"{k} neighbours asked for; ask for 1 or more")
    return checked(vectors, dim), min(k, stored)


def filed(keys: Keys, vectors: Vectors, dim: int) -> tuple[Keys, Vectors]:
    """Return `keys` and their vectors, checked, in ascending order of key, each key once: its last row."""
    keys, vectors = np.asarray(keys, dtype=np.int64), checked(vectors, dim)
    if keys.shape != (len(vectors),):
        raise VectorError(f"{keys.shape} keys given for {len(vectors)} vectors; give one key per row")
    if len(keys) and keys.min() < 0:
        raise VectorError(f"key {keys.min()} given; keys are 0 or more")
    if np.all(keys[1:] > keys[:-1]):
        return keys, vectors
    unique, from_end = np.unique(keys[::-1], return_index=True)
    return unique, vectors[len(keys) - 1 - from_end]


def checked(vectors: Vectors, dim: int) -> Vectors:
    """Return `vectors` as a contiguous float32 (n, dim) array, or raise DimensionMismatch or VectorError."""
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if rows.ndim != 2:
        raise VectorError(f"vectors of shape {rows.shape} given; give one row per product, shape (n, {dim})")
    if rows.shape[1] != dim:
        raise DimensionMismatch(rows.shape[1], dim)
    if not np.isfinite(rows).all():
        raise VectorError("a vector holds NaN or infinity; encode that product again")
    return rows


def read_array(path: Path, dtype: npt.DTypeLike, ndim: int) -> npt.NDArray[Any]:
    """Read a .npy file of that type and rank; SnapshotDamaged when it is anything else."""
    try:
        array: npt.NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise damaged(path, str(error)) from error
    if array.dtype != dtype or array.ndim != ndim:
        raise damaged(path, f"{array.ndim} axes of {array.dtype}, {ndim} of {np.dtype(dtype)} expected")
    return array


def damaged(path: Path, reason: str) -> SnapshotDamaged:
    """Return the error to raise for a file of the index that cannot be used."""
    return SnapshotDamaged(f"{path.name} of the index is damaged ({reason}); build the index again")
