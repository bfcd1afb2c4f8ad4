"""A category tree as lines of text: `aisle taxonomy show`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from taxonomy.mapping import CategoryMapper, Unmapped
from taxonomy.tree import TaxonomyError, Tree

Numbers = npt.NDArray[np.int64]


def draw_tree(tree: Tree, products: Numbers | None, node: str | None = None, depth: int = 3) -> str:
    """Return a line for each category of `depth` levels, brothers by name, with what is in and below it.

    products: int64 (n,), how many are labelled with each category itself; None draws the tree alone. node: the id or
    path of the category to start from; raises TaxonomyError when there is none.
    """
    below = tree.totals(np.ones(len(tree), np.int64)) - 1
    drawing = _Drawing(tree, below, products, None if products is None else tree.totals(products))
    if node is None:
        shelved = "" if products is None else f", {int(products.sum()):,} products"
        head, tops = f"{len(tree):,} categories{shelved}", tree.children(None)
    else:
        top = CategoryMapper(tree).resolve(node)
        if isinstance(top, Unmapped):
            raise TaxonomyError(top.reason)
        head, tops = f"{tree.text(top)}{drawing.counts(top, shown=depth > 0)}", tree.children(top)
    return "\n".join([head, *drawing.lines(tops, depth)])


class _Drawing:
    """The tree with what is said of each category: how many are below it, and products in it and in its branch."""

    def __init__(self, tree: Tree, below: Numbers, own: Numbers | None, whole: Numbers | None) -> None:
        self._tree, self._below, self._own, self._whole = tree, below, own, whole

    def lines(self, brothers: list[int], depth: int, indent: str = "") -> Iterator[str]:
        """Yield the lines of brothers and of `depth` levels in all; `indent` stands before each."""
        brothers = sorted(brothers, key=lambda node: self._tree.names[node].casefold())
        for node in brothers:
            last = node == brothers[-1]
            branch = "└── " if last else "├── "
            yield f"{indent}{branch}{self._tree.names[node]}{self.counts(node, shown=depth > 1)}"
            if depth > 1:
                yield from self.lines(self._tree.children(node), depth - 1, indent + ("    " if last else "│   "))

    def counts(self, node: int, *, shown: bool) -> str:
        """Return what is in a category; `shown` says that the categories below it get lines of their own."""
        said = []
        if self._own is not None and self._whole is not None:
            own, whole = int(self._own[node]), int(self._whole[node])
            said.append(f"{whole:,}" if own in (0, whole) else f"{whole:,}, {own:,} of them right here")
        below = int(self._below[node])
        if below and not shown:
            said.append(f"{below:,} more below" if below > 1 else "1 more below")
        return f"  ({'; '.join(said)})" if said else ""
