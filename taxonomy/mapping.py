"""From a category as somebody wrote it to a node of this tree, or to the reason why there is none.

Ingest asks it for the label of every product, the API for a path that a person sent; what stays unmapped goes to
quarantine with its reason. The same text always gives the same answer.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from taxonomy.aliases import Aliases
from taxonomy.names import Path, TaxonomyError, clean_name, name_key, plain_id
from taxonomy.separators import SLASH, STRONG, Invalid, Separators, parse_path
from taxonomy.tree import Tree

RETIRED = -1
"""Stands for a category that was retired and left its products without one."""
MEMORY = 20_000  # distinct texts whose answer is kept
SHOWN = 3
INDEXED_NAMES = 100_000  # with COMPARED_NAMES it bounds what one unknown category costs to about a millisecond
COMPARED_NAMES = 20
CLOSE = 0.6  # difflib's own default for "similar enough to show"


@dataclass(frozen=True, slots=True)
class Unmapped:
    """Why a category is no node of the tree, and up to three nodes that may have been meant."""

    reason: str
    candidates: tuple[int, ...] = ()


class CategoryMapper:
    """Resolves category strings on one tree.

    separators: how the source writes paths, when that was detected or given; every other separator is tried as well.
    aliases: a category that was renamed, merged or retired -> the id or path that stands for it now.
    before: what categories were called in earlier versions of the tree. Raises TaxonomyError when an alias leads
    nowhere.
    """

    def __init__(
        self,
        tree: Tree,
        separators: Separators | None = None,
        aliases: Mapping[str, str] | None = None,
        before: Aliases | None = None,
    ) -> None:
        self.tree = tree
        self._before = before or Aliases()
        self._separators = separators or Separators()
        self._aliases: dict[Path, int] = {}
        self._remembered = lru_cache(MEMORY)(self._look_up)
        for alias, target in (aliases or {}).items():
            node = self._exact(target, self._readings(target))
            if node is None:
                raise TaxonomyError(
                    f"the alias {alias[:80]!r} stands for {target[:80]!r}, which is not in this taxonomy; correct it"
                )
            self._aliases.update((_keys(path), node) for path in self._readings(alias)[:1])

    def resolve(self, text: str) -> int | Unmapped:
        """Return the node that `text` names, RETIRED for a category that was and that no other stands for.

        Tried in this order: an id; a full path, ignoring case and spacing; an alias; the id or path of an earlier
        version of the tree; a name that only one node has; the end of a path that only one node has.
        """
        return self._remembered(text)

    def resolve_many(self, texts: Iterable[str]) -> list[int | Unmapped]:
        """Resolve each text, in order."""
        return [self.resolve(text) for text in texts]

    def _look_up(self, text: str) -> int | Unmapped:
        readings = self._readings(text)
        node = self._exact(text, readings)
        if node is not None:
            return node
        for path in readings:
            if (node := self._aliases.get(_keys(path))) is not None:
                return node
        for path in readings:
            to = self._before.follow(self.tree, path)
            if to is not None and (to == () or self.tree.find(to) is not None):
                return RETIRED if (node := self.tree.find(to)) is None else node
        for path in readings:
            found = self._ending(path)
            if len(found) == 1:
                return found[0]
            if found:
                return self._ambiguous(text, found)
        written = parse_path(text, self._separators)
        return Unmapped(written.reason) if isinstance(written, Invalid) else self._unknown(text, written)

    def _readings(self, text: str) -> list[Path]:
        """Return the paths that `text` may mean: as its source writes them, as one name, by any other separator."""
        name = clean_name(text)
        ways = [self._separators, *(Separators(fixed=mark) for mark in (*STRONG, SLASH) if mark in text)]
        parsed = [path for way in ways if not isinstance(path := parse_path(text, way), Invalid)]
        return list(dict.fromkeys([*parsed[:1], *([(name,)] if name else []), *parsed[1:]]))

    def _exact(self, text: str, readings: Sequence[Path]) -> int | None:
        try:
            return self.tree.index(plain_id(text))
        except TaxonomyError:
            return next((node for path in readings if (node := self.tree.find(path)) is not None), None)

    def _ending(self, path: Path) -> list[int]:
        """Return every node whose path ends with `path`."""
        wanted = _keys(path)
        return [node for node in self.tree.named(path[-1]) if _keys(self.tree.path(node))[-len(path) :] == wanted]

    def _ambiguous(self, text: str, found: Sequence[int]) -> Unmapped:
        shown = tuple(found[:SHOWN])
        paths = " or ".join(repr(self.tree.text(node)) for node in shown)
        more = f" or {len(found) - len(shown)} more" if len(found) > len(shown) else ""
        return Unmapped(f"the category {text[:80]!r} may be {paths}{more}; write the full path or an id", shown)

    def _unknown(self, text: str, path: Path) -> Unmapped:
        closest = self._closest(path)
        if not closest:
            return Unmapped(f"the category {text[:80]!r} is not in the taxonomy; correct it, add it or give an alias")
        return Unmapped(
            f"the category {text[:80]!r} is not in the taxonomy; the closest is {self.tree.text(closest[0])!r}: "
            "correct it or give an alias",
            tuple(closest),
        )

    def _closest(self, path: Path) -> list[int]:
        """Return up to three nodes: those with names like the last one, most of the path shared first; or its start."""
        wanted = name_key(path[-1])
        sharing = Counter(name for gram in _grams(wanted) for name in self._names_with.get(gram, ()))
        near = [name for name, _ in sharing.most_common(COMPARED_NAMES)]
        close = difflib.get_close_matches(wanted, near, SHOWN, CLOSE)
        nodes = [node for name in close for node in self.tree.named(name)]
        if nodes:
            above = set(_keys(path[:-1]))
            return sorted(nodes, key=lambda node: -len(above & set(_keys(self.tree.path(node)))))[:SHOWN]
        starts = (self.tree.find(path[:depth]) for depth in range(len(path) - 1, 0, -1))
        return [node for node in starts if node is not None][:1]

    @cached_property
    def _names_with(self) -> dict[str, list[str]]:
        """Which names hold a run of three letters: what keeps the search for a similar one short."""
        index: dict[str, list[str]] = {}
        for name in list(dict.fromkeys(map(name_key, self.tree.names)))[:INDEXED_NAMES]:
            for gram in _grams(name):
                index.setdefault(gram, []).append(name)
        return index


def _keys(path: Path) -> Path:
    return tuple(map(name_key, path))


def _grams(name: str) -> list[str]:
    padded = f" {name} "
    return list(dict.fromkeys(padded[start : start + 3] for start in range(len(padded) - 2)))
