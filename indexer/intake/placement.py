"""Which category of the tree a product's category string stands for, before the product is stored.

A tree that was given is closed: a category that is not in it is refused. A tree that was inferred from labels is open:
a category that it lacks joins it. In both, what was renamed, moved, merged or retired is found by its names of before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from indexer.errors import ProductError
from taxonomy.aliases import Aliases
from taxonomy.mapping import RETIRED, CategoryMapper, Unmapped
from taxonomy.names import SEPARATOR, name_key
from taxonomy.separators import Invalid, Separators, parse_path
from taxonomy.tree import Path, TaxonomyError, Tree

CANONICAL = Separators(fixed=SEPARATOR.strip())
"""Paths as the record store and every answer write them."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node as the record store keeps it: canonical path text and id, both empty for a product without a category."""

    category: str = ""
    node_id: str = ""


class Placement:
    """Places category strings in one tree; an open one grows as strings arrive. Not for several threads at once.

    separators: how the source writes paths; where it is not known, a slash separates below a root of the tree.
    aliases: of the user. before: what categories were called in earlier versions of the tree; number: of its version.
    refuses_retired: whether a category that was retired is refused; a source that writes one has no label there.
    """

    def __init__(
        self,
        tree: Tree,
        *,
        grows: bool,
        separators: Separators | None = None,
        aliases: Mapping[str, str] | None = None,
        before: Aliases | None = None,
        number: int = 1,
        refuses_retired: bool = False,
    ) -> None:
        self.tree = tree
        self.number = number
        self._refuses_retired = refuses_retired
        self._before = before or Aliases()
        self.grows = grows
        self._separators = separators
        self._mapper = CategoryMapper(tree, separators, aliases, before)

    def place(self, texts: Sequence[str]) -> list[Place | ProductError]:
        """Return the place of each category string, an empty one for an empty string, or why it has none."""
        return self._place_open(texts) if self.grows else [self._place_closed(text) for text in texts]

    def _place_closed(self, text: str) -> Place | ProductError:
        if not text.strip():
            return Place()
        node = self._mapper.resolve(text)
        if node == RETIRED:
            return ProductError(_retired(text), "category") if self._refuses_retired else Place()
        return ProductError(node.reason, "category") if isinstance(node, Unmapped) else self._at(node)

    def _place_open(self, texts: Sequence[str]) -> list[Place | ProductError]:
        separators = self._separators or _separators_of(self.tree, self._before)
        paths = [self._path(text, separators) for text in texts]
        self.tree = self.tree.extended(path for path in paths if isinstance(path, tuple) and path)
        return [
            ProductError(path.reason, "category") if isinstance(path, Invalid) else self._of(path) for path in paths
        ]

    def _path(self, text: str, separators: Separators) -> Path | Invalid:
        if not text.strip():
            return ()
        try:
            return self.tree.path(self.tree.index(text.strip()))
        except TaxonomyError:  # no id, so a path: our own way of writing one comes first, a name may hold a slash
            canonical = parse_path(text, CANONICAL)
            if isinstance(canonical, tuple) and self.tree.find(canonical) is not None:
                return canonical
            for path in (canonical, written := parse_path(text, separators)):
                to = self._before.follow(self.tree, path) if isinstance(path, tuple) else None
                if to is not None:
                    return to if to or not self._refuses_retired else Invalid(_retired(text))
            return written

    def _of(self, path: Path) -> Place:
        node = self.tree.find(path)
        return Place() if node is None else self._at(node)

    def _at(self, node: int) -> Place:
        return Place(self.tree.text(node), self.tree.ids[node])


def _retired(text: str) -> str:
    return (
        f"the category {text[:80]!r} was retired, and no other stands for it; name another one, or take the change "
        "back (aisle taxonomy history)"
    )


def _separators_of(tree: Tree, before: Aliases) -> Separators:
    roots = frozenset(name_key(tree.names[root]) for root in tree.children(None))
    return Separators(roots=roots | before.roots)
