"""Answers beside the truth, as arrays: what every figure and plot of an evaluation is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from indexer.product import Product
from service.answer import Answer
from service.calibration.calibrate import Calibration, Probabilities
from service.engine import Engine
from taxonomy.names import SEPARATOR
from taxonomy.tree import Tree

Floats = npt.NDArray[np.float32]
Nodes = npt.NDArray[np.int32]
TOP = 5


@dataclass(frozen=True, slots=True)
class Judged:
    """n products that were asked about. tree and calibration: of the index; a true category that it lacks is -1.

    truth int32 (n,), and known int32 (n,), the deepest node of its path that the tree has; nodes
    int32 (n, TOP) the likeliest categories, -1 for none, and likely float32 (n, TOP); line
    int32 (n, depth) and levels float32 (n, depth), the likeliest path and its probabilities; nearest float32 (n,);
    decided int32 (n,), the node answered or -1, sure bool (n,) whether it was `auto`; given and true tags, and ids and
    titles, as lists of n.
    """

    tree: Tree
    calibration: Calibration
    truth: Nodes
    known: Nodes
    nodes: Nodes
    likely: Floats
    line: Nodes
    levels: Floats
    nearest: Floats
    decided: Nodes
    sure: npt.NDArray[np.bool_]
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
        answers: Sequence[Answer],
        likely: Probabilities,
        nearest: Floats,
        engine: Engine,
    ) -> Self:
        """Put answers and what was thought beside the labels of the products."""
        tree = engine.tree
        paths = [product.category for product in products]
        found = [_known(tree, path) for path in paths]
        nodes = np.full((len(products), TOP), -1, np.int32)
        share = np.zeros((len(products), TOP), np.float32)
        width = min(TOP, likely.nodes.shape[1])
        nodes[:, :width], share[:, :width] = likely.nodes[:, :width], likely.own[:, :width]
        decided = [tree.index(answer.category.id) if answer.category else -1 for answer in answers]
        return cls(
            tree=tree,
            calibration=engine.calibration,
            truth=np.array([node if whole else -1 for node, whole in found], np.int32),
            known=np.array([node for node, _ in found], np.int32),
            nodes=nodes,
            likely=share,
            line=likely.line,
            levels=likely.levels,
            nearest=nearest,
            decided=np.array(decided, np.int32),
            sure=np.array([answer.decision == "auto" for answer in answers], np.bool_),
            given=[{tag.tag: tag.score for tag in answer.tags} for answer in answers],
            tags=[engine.live.vocabulary.apply(product.tags) for product in products],
            ids=[product.id for product in products],
            titles=[product.title for product in products],
            paths=paths,
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return several batches of one index as one."""
        columns: dict[str, Any] = {}
        for field in fields(cls):
            values = [getattr(part, field.name) for part in parts]
            first = values[0]
            if isinstance(first, np.ndarray):
                columns[field.name] = np.concatenate(values)
            else:
                columns[field.name] = (
                    first if field.name in {"tree", "calibration"} else [each for some in values for each in some]
                )
        return cls(**columns)

    @property
    def likelihood(self) -> Probabilities:
        """What was thought, as a decision takes it."""
        return Probabilities(self.nodes, self.likely, self.line, self.levels)

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether each level of the likeliest path is right: bool (n, depth), False past its end."""
        known = self.tree.lineage[self.known] if len(self.tree) else np.full(self.line.shape, -1)
        made: npt.NDArray[np.bool_] = (self.line == known) & (self.line >= 0) & (self.known >= 0)[:, None]
        return made


def _known(tree: Tree, path: str) -> tuple[int, bool]:
    """Return the deepest node of a path that the tree has, -1 for none, and whether that is the whole of it."""
    names = tuple(path.split(SEPARATOR)) if path else ()
    for depth in range(len(names), 0, -1):
        node = tree.find(names[:depth])
        if node is not None:
            return node, depth == len(names)
    return -1, False
