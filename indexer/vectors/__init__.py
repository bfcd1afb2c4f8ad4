"""What every vector index answers, and the register of the kinds that can be asked for by name.

`exact` is numpy and means "correct"; the kinds of `faiss` trade a little recall for speed and memory. A vector is
filed under its product's key, the integer that the record store gave it: neighbours, labels and tags are then looked
up as arrays, with no loop over strings (docs/adr/0003-integer-keys.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from indexer.errors import VectorError

Vectors = npt.NDArray[np.float32]
Keys = npt.NDArray[np.int64]
Reading = Callable[[], AbstractContextManager[object]]
"""Returns what holds off changes while it is entered."""
Changing = Callable[[], AbstractContextManager[object]]
"""Returns what holds off everybody else while it is entered."""

PROBED = 256
"""Stored vectors that a probe asks about: it is 0.006 off then, one standard deviation."""

SIMILARITY_STEP = 2.0**-20
"""Similarities are rounded to multiples of this (about 1e-6), so that equal vectors tie in every batch size and
backend and the order of ties, by key, is the same everywhere."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The k most similar stored vectors of n queries; k is the k asked for or the number stored, if that is smaller.

    keys:       int64 (n, k), most similar first; equal similarities in ascending order of key.
    similarity: float32 (n, k), cosine in [-1, 1], rounded to SIMILARITY_STEP.
    """

    keys: Keys
    similarity: Vectors


@runtime_checkable
class VectorIndex(Protocol):
    """Unit vectors by product key, searched by cosine similarity.

    Implementations agree with `exact.ExactIndex` up to their stated recall; `tests/test_vectors.py` holds them to it.
    Searches may run side by side; a change excludes everything else, which is the caller's duty.
    """

    @property
    def kind(self) -> str:
        """Name of the kind, as in the manifest."""

    @property
    def dim(self) -> int:
        """Width of the vectors."""

    @property
    def parameters(self) -> Mapping[str, int | float | str]:
        """What was chosen at build (nlist, nprobe, measured recall, ...), for the manifest; empty when nothing was."""

    def __len__(self) -> int:
        """Return the number of stored vectors."""

    def ahead(self, vectors: Vectors) -> Keys | None:
        """Return what can be worked out of vectors before they are filed, int64 (n,); None when it is nothing.

        It stays true whatever changes meanwhile, so searches need not wait for it.
        """

    def upsert(self, keys: Keys, vectors: Vectors, ahead: Keys | None = None) -> None:
        """File float32 (n, dim) unit rows under `keys` (n,), replacing what was there; the last of repeated keys wins.

        ahead: what `ahead` says of these rows, which saves finding it out. Raises DimensionMismatch when the width
        differs.
        """

    def delete(self, keys: Keys) -> None:
        """Forget `keys`; those that are not stored are no error."""

    def search(self, vectors: Vectors, k: int) -> Neighbours:
        """Return the `k` most similar stored vectors of each row of `vectors`, float32 (n, dim) unit rows.

        With fewer than `k` stored, all of them are returned: rows are shorter, never padded. Raises DimensionMismatch
        when the width differs and VectorError when k < 1.
        """

    @property
    def imbalance(self) -> float:
        """How many times as long a search takes as with lists of one length: 1 for even lists, and without any."""

    @property
    def outgrown(self) -> bool:
        """Whether twice as many vectors are stored as when it was tuned, so that it is time to `retune`."""

    def probe(self, samples: int = PROBED, k: int = 10, *, seed: int = 0, reading: Reading = nullcontext) -> float:
        """Return the share of the true `k` nearest that searches find, in [0, 1]: its recall as it is now.

        Asked about are `samples` stored vectors, each without itself; the truth is an exact search of what is stored,
        of codes as they decode. It may take seconds, and runs beside searches and changes: the index is touched inside
        `reading()` only, about a millisecond at a time.
        """

    def retune(self, *, seed: int = 0, reading: Reading = nullcontext) -> float:
        """Probe, search as much more widely from now on as the recall target asks for, and return the recall then.

        What is stored stays as it is. Takes a few probes' time and, like one, runs beside searches and changes.
        """

    def save(self, folder: Path) -> list[Path]:
        """Write the index into `folder` and return the files written; `load` of the same module reads them back."""


MODULES = {
    "exact": "exact",
    "flat": "faiss",
    "ivf": "faiss",
    "ivf_sq8": "faiss",
    "ivf_pq": "faiss",
    "hnsw": "faiss",
}
"""Kind -> the module of this folder that answers for it, imported when the kind is asked for."""

AUTO = "auto"
KINDS = (*MODULES, AUTO)

EXACT_UP_TO = 10_000
"""Vectors up to which `auto` is exact. Measured on titles of 384 dimensions: a batch of 256 costs the same as in lists
(0.2 ms a query; lists pull ahead between 20,000 and 40,000), one query alone 1 to 2 ms against 0.3, where encoding its
text takes 4 to 17 ms: recall 1 and no training are worth more than that."""


def build(
    kind: str, dim: int, keys: Keys, vectors: Vectors, *, recall_target: float = 0.95, seed: int = 0
) -> VectorIndex:
    """Return an index of that kind holding float32 (n, dim) unit rows under `keys` (n,).

    `auto` chooses by n and is never the kind of an index: it gives `exact` up to EXACT_UP_TO and `ivf` beyond. What a
    kind chooses is in its `parameters`. `recall_target`, in (0, 1], is the share of the true 10 nearest neighbours
    that a search must find on average. The same input and seed give the same index.

    Raises VectorError for an unknown kind or a target out of range, and what `VectorIndex.upsert` raises.
    """
    if not 0 < recall_target <= 1:
        raise VectorError(f"a recall target of {recall_target} asked for; give one above 0 and up to 1")
    if kind == AUTO:
        kind = "exact" if len(keys) <= EXACT_UP_TO else "ivf"
    index: VectorIndex = _module(kind).build(kind, dim, keys, vectors, recall_target=recall_target, seed=seed)
    return index


def load(folder: Path, kind: str) -> VectorIndex:
    """Return the index of that kind that was saved in `folder`; SnapshotDamaged when its files are not whole."""
    index: VectorIndex = _module(kind).load(folder, kind)
    return index


def _module(kind: str) -> ModuleType:
    if kind not in MODULES:
        raise VectorError(f"no vector index of kind {kind!r}; choose one of {', '.join(KINDS)}")
    return import_module(f"indexer.vectors.{MODULES[kind]}")
