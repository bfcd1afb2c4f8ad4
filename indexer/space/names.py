"""What each category says of itself, its name, path, synonyms and description, encoded as a product's text would be.

It is what there is to go by while a category has no products, and it helps as long as it has few. Raw parts, not the
learnt space: that one was fitted to how products differ, and a name is none (docs/ablations.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.errors import SnapshotDamaged
from indexer.product import Product
from indexer.space import IMAGE, Space
from indexer.space.bridge import CAPTION
from indexer.space.learnt import edges_of
from taxonomy.tree import Tree

Floats = npt.NDArray[np.float32]
Nodes = npt.NDArray[np.int32]
FILE = "names_raw.npy"


def spoken_names(tree: Tree, start: int = 0) -> list[Product]:
    """Return what the categories from position `start` on say of themselves, each as a product, in order.

    The name first, then the path: of titles, name, path and both, both were best (flipkart_20k: of unknown categories
    79 in a hundred right by name and path, 40 by name, 69 by path).
    """
    nodes = range(start, len(tree))
    return [
        Product(tree.ids[node], title=tree.names[node], description=" ".join((*tree.path(node), tree.notes[node])))
        for node in nodes
    ]


class Names:
    """Raw parts of what categories say of themselves, by tree position: float32 (nodes, all parts); unit rows or 0."""

    def __init__(self, parts: Mapping[str, int], raw: npt.ArrayLike | None = None) -> None:
        self._edges = edges_of(parts)
        self._places = dict(zip(parts, pairwise(self._edges), strict=True))
        self._raw = np.zeros((0, self._edges[-1]), np.float32) if raw is None else np.asarray(raw, np.float32)

    def __len__(self) -> int:
        """Return the number of categories."""
        return len(self._raw)

    def add(self, raw: Floats) -> None:
        """Append the raw parts (n, all parts) of categories that joined the tree."""
        self._raw = np.concatenate([self._raw, raw])

    def similarity(self, raw: Floats, nodes: Nodes, space: Space) -> Floats:
        """Return how alike products (n, all parts) and the names of `nodes` (m,) are in a view: float32 (n, m).

        The mean cosine over the parts that both have; 0 where there is none. A picture is compared with captions, where
        one model makes both.
        """
        named = self._raw[nodes]
        total, parts = np.zeros((len(raw), len(nodes)), np.float32), np.zeros((len(raw), len(nodes)), np.float32)
        for part in space.parts:
            start, end = self._places[part]
            first, last = self._places.get(CAPTION, (start, end)) if part == IMAGE else (start, end)
            if last - first != end - start:
                continue
            asked, said = raw[:, start:end], named[:, first:last]
            total += asked @ said.T
            parts += np.any(asked, axis=1)[:, None] & np.any(said, axis=1)
        made: Floats = (total / np.maximum(parts, 1)).astype(np.float32)
        return made

    def save(self, folder: Path) -> list[Path]:
        """Write everything into `folder` and return the files written."""
        np.save(folder / FILE, self._raw.astype(np.float16), allow_pickle=False)
        return [folder / FILE]

    @classmethod
    def load(cls, folder: Path, parts: Mapping[str, int]) -> Self:
        """Read what `save` wrote; raises SnapshotDamaged when it is not whole."""
        try:
            made = cls(parts, np.load(folder / FILE, allow_pickle=False))
        except (OSError, ValueError, EOFError) as error:
            raise SnapshotDamaged(f"the names in {folder} cannot be read: {error}; rebuild the index") from error
        if made._raw.ndim != 2 or made._raw.shape[1] != made._edges[-1]:
            raise SnapshotDamaged(f"the names in {folder} have the shape {made._raw.shape}; rebuild the index")
        return made
