"""Categories by what somebody types into a field: each word of it begins a word of the path.

The name counts before what is above it, and what a category says of itself besides (its notes) comes last. Nothing but
the text is needed, so an answer from a tree of 10,000 categories takes some milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from taxonomy.mapping import CategoryMapper, Unmapped
from taxonomy.names import name_key, without_accents
from taxonomy.tree import Tree

_MARKS = re.compile(r"[^\w]+")


class CategorySearch:
    """The categories of one tree, ready to be searched."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._names = [_plain(name) for name in tree.names]
        paths: list[str] = []
        for node, above in enumerate(tree.parents.tolist()):
            paths.append(self._names[node] if above < 0 else paths[above] + self._names[node])
        self._paths = paths
        self._notes = [_plain(note) for note in tree.notes]
        self._mapper = CategoryMapper(tree)

    def find(self, text: str, products: Sequence[int], limit: int, within: int = -1) -> list[int]:
        """Return up to `limit` nodes that `text` may mean, the best first.

        products: of each branch; of what fits equally well, that with more comes first. within: a node, for those
        below it alone. Where nothing fits, those come that are called nearly so.
        """
        words = _plain(text).split()
        if not words:
            return []
        starts = [f" {word}" for word in words]
        whole = " ".join(words)
        found = []
        for node, path in enumerate(self._paths):
            if all(word in path for word in starts):
                found.append((self._rank(node, starts, whole), -products[node], node))
            elif self._notes[node] and all(word in path or word in self._notes[node] for word in starts):
                found.append((len(words) + 3, -products[node], node))
        nodes = [node for *_, node in sorted(found)] or self._nearly(text)
        if within >= 0:
            nodes = [node for node in nodes if within in self.tree.lineage[node] and node != within]
        return nodes[:limit]

    def _rank(self, node: int, starts: Sequence[str], whole: str) -> int:
        """Return how far a name is from what was typed: it is that, begins so, has the words, has some of them."""
        name = self._names[node]
        if name.strip() == whole:
            return 0
        if name.startswith(f" {whole}"):
            return 1
        return 2 + sum(word not in name for word in starts)

    def _nearly(self, text: str) -> list[int]:
        found = self._mapper.resolve(text)
        return list(found.candidates) if isinstance(found, Unmapped) else [found] if found >= 0 else []


@lru_cache(maxsize=2)  # the tree that is served, and the one before it
def search_of(tree: Tree) -> CategorySearch:
    """Return the search of a tree, made once."""
    return CategorySearch(tree)


def _plain(text: str) -> str:
    """Return words as they are compared, a space before each: without case, accents and punctuation."""
    return "".join(f" {word}" for word in _MARKS.split(without_accents(name_key(text))) if word)
