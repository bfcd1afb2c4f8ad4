"""From the parts of an encoder's output to the one unit vector that is stored and searched for.

Build, update and query all pass through here, so a query lies in the same space as what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from indexer.encoders import Encoded
from indexer.errors import SnapshotMismatch

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


class Space(Protocol):
    """Where search happens."""

    @property
    def name(self) -> str:
        """Which space this is, as in the manifest."""

    @property
    def dim(self) -> int:
        """Width of its vectors."""

    def project(self, encoded: Encoded) -> Vectors:
        """Return float32 (n, dim) unit rows, zeros where a product has none of the parts."""

    def save(self, folder: Path) -> list[Path]:
        """Write what was learnt into `folder` and return the files written."""


@dataclass(frozen=True, slots=True)
class RawSpace:
    """The parts side by side, rescaled to length one: each part that a product has counts the same."""

    parts: Mapping[str, int]
    name: str = "raw"

    @property
    def dim(self) -> int:
        """Width of its vectors."""
        return sum(self.parts.values())

    def project(self, encoded: Encoded) -> Vectors:
        """Return float32 (n, dim) unit rows, zeros where a product has none of the parts."""
        rows: Vectors = np.concatenate([encoded.parts[part] for part in self.parts], axis=1, dtype=np.float32)
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        np.divide(rows, length, out=rows, where=length > 0)
        return rows

    def save(self, folder: Path) -> list[Path]:
        """Nothing was learnt, so nothing is written."""
        del folder
        return []


def load(folder: Path, name: str, parts: Mapping[str, int]) -> Space:
    """Return the space that a snapshot names; raises SnapshotMismatch when this aisle does not know it."""
    if name != "raw":
        raise SnapshotMismatch(f"{folder.name} searches in the space {name!r}, this aisle knows 'raw'; rebuild it")
    return RawSpace(parts)


def present(vectors: Vectors) -> Mask:
    """Return bool (n,): False for rows of zeros, which products without any part have and no index holds."""
    mask: Mask = np.any(vectors, axis=1)
    return mask
