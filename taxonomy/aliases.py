"""Where categories went that are not where they were: what turns a name of before into a category of now.

Sources go on writing what they always wrote. Whatever was renamed, moved, merged or retired is found by the path and
the id that it ever had, and what is written below it is looked for below what stands for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from taxonomy.names import SEPARATOR, Path, TaxonomyError, name_key
from taxonomy.tree import Tree

NONE = ""
"""Stands for the category of a product without one."""


@dataclass(frozen=True, slots=True)
class Alias:
    """What a category was called, path or id, and the id that stands for it now, NONE when none does.

    below: whether what was below it then is looked for below that one.
    """

    text: str
    node: str
    below: bool = True


class Aliases:
    """Aliases of every version, the oldest first; of one name the last meaning counts."""

    def __init__(self, some: Iterable[Alias] = ()) -> None:
        self._said: dict[Path, Alias] = {}
        for alias in some:
            self._said[_keys(tuple(alias.text.split(SEPARATOR)))] = alias

    def __len__(self) -> int:
        """Return how many names of before are known."""
        return len(self._said)

    @property
    def roots(self) -> frozenset[str]:
        """The first names of all paths of before, as `name_key` has them."""
        return frozenset(path[0] for path in self._said)

    def follow(self, tree: Tree, path: Path) -> Path | None:
        """Return the path that stands now for one of before, () for no category; None where there is none.

        A name that the tree has is never led elsewhere. What is below a name of before may be new to the tree.
        """
        led = False
        while True:
            known = _depth(tree, path)
            if known == len(path):
                return path if led else None
            keys = _keys(path)
            depths = range(len(path), known, -1)
            found = next(((self._said[keys[:depth]], depth) for depth in depths if keys[:depth] in self._said), None)
            if found is None:
                return path if led else None
            alias, depth = found
            node = self._standing(tree, alias.node)
            if node is None or node < 0:
                return None if node is None else ()
            path, led = tree.path(node) + (path[depth:] if alias.below else ()), True

    def _standing(self, tree: Tree, node_id: str) -> int | None:
        """Return the node that stands for an id, -1 for none at all; None where it leads nowhere."""
        seen: set[str] = set()
        while node_id != NONE and node_id not in seen:
            seen.add(node_id)
            try:
                return tree.index(node_id)
            except TaxonomyError:
                further = self._said.get((name_key(node_id),))
                if further is None:
                    return None
                node_id = further.node
        return -1 if node_id == NONE else None


def _depth(tree: Tree, path: Path) -> int:
    """Return how many levels of a path the tree has."""
    return next((depth for depth in range(len(path), 0, -1) if tree.find(path[:depth]) is not None), 0)


def _keys(path: Path) -> Path:
    return tuple(map(name_key, path))
