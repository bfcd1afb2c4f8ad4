"""A small boosted forest as plain numbers: from the features of pairs to a score, in arrays.

Trees are taken down node by node: left where the feature is at most the threshold, or is missing and the node sends
those left. A leaf leads to itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int16]

TREES, NODES = 2_000, 512
"""How many a forest may have, and each of its trees."""


FEW = 256
"""Rows that are taken down all trees at once: of more, one tree after the other is faster."""


@dataclass(frozen=True, slots=True)
class _Ways:
    """Trees as they are gone through: the column of each node, (trees, nodes), and both its children, side by side."""

    width: int
    column: npt.NDArray[np.int64]
    child: npt.NDArray[np.int64]
    depths: list[int]


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees side by side, each array (trees, nodes). base: the score of no tree. depth: steps to a leaf at most.

    feature: column that a node looks at. threshold, float32. missing_left: bool. left, right: where it goes on. value:
    float32, of a leaf.
    """

    base: float
    depth: int
    feature: Places
    threshold: Floats
    missing_left: npt.NDArray[np.bool_]
    left: Places
    right: Places
    value: Floats
    _ways: list[_Ways] = field(default_factory=list, init=False, repr=False, compare=False)

    def scores(self, features: Floats) -> Floats:
        """Return the score of each row, float32 (n,), of features float32 (n, F); NaN is missing."""
        total = np.full(len(features), self.base, np.float32)
        missing, width = np.isnan(features), features.shape[1]
        # Twice side by side: what is missing goes right in one half, and left in the other.
        both = np.concatenate([np.where(missing, np.inf, features), np.where(missing, -np.inf, features)], axis=1)
        flat, start = both.astype(np.float32).ravel(), np.arange(len(features)) * 2 * width
        ways = self._found(width)
        if len(features) <= FEW:
            return self._few(flat, start, ways, total)
        for tree, depth in enumerate(ways.depths):
            column, child = ways.column[tree], ways.child[tree]
            threshold, node = self.threshold[tree], np.zeros(len(features), np.int64)
            for _ in range(depth):
                goes_right = flat.take(start + column.take(node)) > threshold.take(node)
                node = child.take(2 * node + goes_right)
            total += self.value[tree].take(node)
        return total

    def _few(self, flat: Floats, start: npt.NDArray[np.int64], ways: _Ways, total: Floats) -> Floats:
        """Take few rows down all trees at once; what these say is added up in their order, to the same numbers."""
        trees, nodes = self.feature.shape
        root = np.arange(trees)[:, None] * nodes
        node = np.zeros((trees, len(total)), np.int64)
        for _ in range(max(ways.depths)):
            place = root + node
            goes_right = flat.take(start + ways.column.take(place)) > self.threshold.take(place)
            node = ways.child.take(2 * place + goes_right)
        said = np.concatenate([total[None], self.value.take(root + node)])
        added: Floats = np.add.accumulate(said, axis=0)[-1]
        return added

    def _found(self, width: int) -> _Ways:
        """Return the ways through the trees, worked out when they are first needed."""
        known = self._ways[:1]
        if not known or known[0].width != width:
            column = self.feature.astype(np.int64) + width * self.missing_left
            child = np.stack([self.left, self.right], axis=2).astype(np.int64).reshape(len(self.left), -1)
            known = self._ways[:] = [_Ways(width, column, child, self._depths())]
        return known[0]

    def _depths(self) -> list[int]:
        """Return in how many steps everybody has reached a leaf, by tree."""
        own = np.arange(self.feature.shape[1])
        inner = (self.left != own) | (self.right != own)
        reached, depths = np.zeros(inner.shape, bool), np.zeros(len(inner), np.int64)
        reached[:, 0] = True
        for step in range(self.depth):
            tree, node = np.nonzero(reached & inner)
            depths[tree] = step + 1
            reached = np.zeros(inner.shape, bool)
            reached[tree, self.left[tree, node]] = True
            reached[tree, self.right[tree, node]] = True
        made: list[int] = depths.tolist()
        return made

    def as_lists(self, digits: int = 5) -> dict[str, Any]:
        """Return it as what JSON can hold, numbers rounded to significant digits."""

        def rounded(array: Floats) -> list[list[float]]:
            return [[float(f"{value:.{digits}g}") for value in row] for row in array.tolist()]

        return {
            "base": round(self.base, 6),
            "depth": self.depth,
            "feature": self.feature.tolist(),
            "threshold": rounded(self.threshold),
            "missing_left": self.missing_left.astype(int).tolist(),
            "left": self.left.tolist(),
            "right": self.right.tolist(),
            "value": rounded(self.value),
        }

    @classmethod
    def from_lists(cls, said: Mapping[str, Any], width: int) -> Self:
        """Return what `as_lists` wrote, of features (n, width); raises ValueError when it is no forest."""
        try:
            made = cls(
                base=float(said["base"]),
                depth=int(said["depth"]),
                feature=np.array(said["feature"], np.int16),
                threshold=np.array(said["threshold"], np.float32),
                missing_left=np.array(said["missing_left"], bool),
                left=np.array(said["left"], np.int16),
                right=np.array(said["right"], np.int16),
                value=np.array(said["value"], np.float32),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"the forest cannot be read: {error}") from error
        made._check(width)
        return made

    def _check(self, width: int) -> None:
        shape = self.feature.shape
        arrays = (self.threshold, self.missing_left, self.left, self.right, self.value)
        if len(shape) != 2 or not (0 < shape[0] <= TREES and 0 < shape[1] <= NODES):
            raise ValueError(f"a forest of {TREES:,} trees of {NODES} nodes at most was expected, this is {shape}")
        if any(each.shape != shape for each in arrays) or not 0 < self.depth <= shape[1]:
            raise ValueError("the arrays of a forest are of different sizes")
        inside = all(((each >= 0) & (each < shape[1])).all() for each in (self.left, self.right))
        if not inside or not ((self.feature >= 0) & (self.feature < width)).all():
            raise ValueError("a tree leads out of itself, or to a feature that there is not")
        if not (np.isfinite(self.threshold).all() and np.isfinite(self.value).all() and np.isfinite(self.base)):
            raise ValueError("a forest has numbers that are none")


def side_by_side(trees: Sequence[Sequence[Mapping[str, Any]]], base: float) -> Forest:
    """Return trees, each a list of nodes with the names of Forest's arrays, as one forest; a leaf has only a value."""
    shape = len(trees), max(map(len, trees))
    here = np.tile(np.arange(shape[1], dtype=np.int16), (shape[0], 1))
    feature, left, right = np.zeros(shape, np.int16), here.copy(), here.copy()
    threshold, value, missing = np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(shape, bool)
    for row, tree in enumerate(trees):
        for place, node in enumerate(tree):
            value[row, place] = node["value"]
            if "left" in node:
                feature[row, place], threshold[row, place] = node["feature"], node["threshold"]
                left[row, place], right[row, place] = node["left"], node["right"]
                missing[row, place] = node["missing_left"]
    return Forest(base, max(map(_depth, trees)), feature, threshold, missing, left, right, value)


def _depth(tree: Sequence[Mapping[str, Any]], place: int = 0) -> int:
    node = tree[place]
    return 1 + max(_depth(tree, node["left"]), _depth(tree, node["right"])) if "left" in node else 1
