"""Answers beside the truth, as arrays: what every figure and plot of an evaluation is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from indexer.intake.update import path_of
from indexer.product import Product
from indexer.vectors import Vectors
from service.decision import AUTO, decide
from service.hearing import Thought
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

Floats = npt.NDArray[np.float32]
Nodes = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

TOP = 5
DIAL = (0.8, 0.9, 0.95, 0.98, 0.99)
"""Precisions at which every product is decided upon."""


@dataclass(frozen=True, slots=True)
class Judged:
    """n products that were asked about; nodes are positions in `tree`, which has every category that occurs, or -1.

    truth int32 (n,), the category of the label, -1 without one; taught bool (n,), whether the index had it; nodes
    int32 (n, TOP) the likeliest categories, and likely float32 (n, TOP); line int32 (n, depth) and levels float32
    (n, depth), the likeliest path and its probabilities; nearest float32 (n,), similarity of the nearest labelled
    product; decided int32 (n,), the category answered, and kind int8 (n,), a place in `service.decision.KINDS`; dial
    int32 (n, len(DIAL)), what is `auto` at each precision; vectors float32 (n, dim), where the products lie in the
    space of the index that was asked; fold int32 (n,), equal for those asked of one. Given and true tags, ids, titles,
    paths.
    """

    tree: Tree
    truth: Nodes
    taught: Mask
    nodes: Nodes
    likely: Floats
    line: Nodes
    levels: Floats
    nearest: Floats
    decided: Nodes
    kind: npt.NDArray[np.int8]
    dial: Nodes
    vectors: Vectors
    fold: Nodes
    given: list[dict[str, float]]
    tags: list[tuple[str, ...]]
    ids: list[str]
    titles: list[str]
    paths: list[str]

    def __len__(self) -> int:
        """Return the number of products."""
        return len(self.truth)

    @classmethod
    def of(
        cls,
        products: Sequence[Product],
        thought: Thought,
        vectors: Vectors,
        asked: Tree,
        *,
        vocabulary: Vocabulary,
        tree: Tree,
        fold: int = 0,
    ) -> Self:
        """Put what an index thought of products beside their labels.

        asked, vocabulary: of the index. tree: has all that `asked` has, and the categories of the labels.
        """
        size, likely = len(products), thought.likely
        places = np.array([*(_position(tree, asked.path(node)) for node in range(len(asked))), -1], np.int32)
        paths = [product.category for product in products]
        nodes, share = np.full((size, TOP), -1, np.int32), np.zeros((size, TOP), np.float32)
        width = min(TOP, likely.nodes.shape[1])
        nodes[:, :width], share[:, :width] = places[likely.nodes[:, :width]], likely.own[:, :width]
        depth = tree.lineage.shape[1]
        line, levels = np.full((size, depth), -1, np.int32), np.zeros((size, depth), np.float32)
        deep = min(depth, likely.line.shape[1])
        line[:, :deep], levels[:, :deep] = places[likely.line[:, :deep]], likely.levels[:, :deep]
        truth = np.array([_position(tree, path_of(path)) if path else -1 for path in paths], np.int32)
        sure = np.full((size, len(DIAL)), -1, np.int32)
        for column, precision in enumerate(DIAL):
            decided = decide(likely, thought.nearest, thought.calibration, precision=precision, policy="auto")
            sure[:, column] = places[np.where(decided.kind == AUTO, decided.node, -1)]
        return cls(
            tree=tree,
            truth=truth,
            taught=(truth >= 0) & np.isin(truth, places[:-1]),
            nodes=nodes,
            likely=share,
            line=line,
            levels=levels,
            nearest=thought.nearest,
            decided=places[thought.decided.node],
            kind=thought.decided.kind,
            dial=sure,
            vectors=vectors,
            fold=np.full(size, fold, np.int32),
            given=[{tag.tag: tag.score for tag in tags} for tags in thought.tags],
            tags=[vocabulary.apply(product.tags) for product in products],
            ids=[product.id for product in products],
            titles=[product.title for product in products],
            paths=paths,
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return several batches over one tree as one; raises ValueError when there is none.

        Where spaces are of different widths, as those of two folds may be, the narrower vectors end in zeros.
        """
        if not parts:
            raise ValueError("nothing was asked")
        columns: dict[str, Any] = {"tree": parts[0].tree}
        for field in fields(cls)[1:]:
            values = [getattr(part, field.name) for part in parts]
            whole = isinstance(values[0], np.ndarray)
            columns[field.name] = _stacked(values) if whole else [each for some in values for each in some]
        return cls(**columns)

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> Self:
        """Return some of the products, by position."""
        columns: dict[str, Any] = {"tree": self.tree}
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            columns[field.name] = (
                value[rows] if isinstance(value, np.ndarray) else [value[row] for row in rows.tolist()]
            )
        return type(self)(**columns)

    @property
    def labelled(self) -> Mask:
        """Which products have a category to be compared with."""
        made: Mask = self.truth >= 0
        return made

    @property
    def exact(self) -> Mask:
        """Whether the likeliest category is that of the label."""
        made: Mask = (self.nodes[:, 0] == self.truth) & self.labelled
        return made

    @property
    def right(self) -> Mask:
        """Whether each level of the likeliest path is right: bool (n, depth), False past its end."""
        made: Mask = (self.line == self.tree.lineage[self.truth]) & (self.line >= 0) & self.labelled[:, None]
        return made

    def under(self, nodes: Nodes) -> Mask:
        """Return whether each product belongs at or under a category, int32 (n,); False for -1."""
        depths = self.tree.depths[nodes] - 1
        made: Mask = (self.tree.lineage[self.truth, depths] == nodes) & (nodes >= 0) & self.labelled
        return made


def _stacked(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    width = max(array.shape[-1] for array in arrays) if arrays[0].ndim > 1 else 0
    return np.concatenate(
        [np.pad(array, ((0, 0), (0, width - array.shape[1]))) if width else array for array in arrays]
    )


def _position(tree: Tree, path: Sequence[str]) -> int:
    found = tree.find(tuple(path)) if path else None
    return -1 if found is None else found
