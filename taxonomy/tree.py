"""The category tree: immutable, as arrays that the vote sums over and as paths that people read.

A node is a position, 0 to len(tree) - 1, and a parent always comes before its children. Outside the process (in files,
in the record store, over HTTP) a node is known by its id, which stays the same when the tree grows or is read in
another order. Files become trees in `taxonomy/files.py`, a product's category string a node in `taxonomy/mapping.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from taxonomy.growth import Growth, hex_of, walk
from taxonomy.names import (
    DEPTH_LIMIT,
    NAME_CHARS,
    NODE_LIMIT,
    NOTE_CHARS,
    SEPARATOR,
    Path,
    TaxonomyError,
    clean_name,
    name_fault,
    name_key,
    path_text,
)

__all__ = [
    "DEPTH_LIMIT",
    "NODE_LIMIT",
    "SEPARATOR",
    "Path",
    "TaxonomyError",
    "Tree",
    "clean_name",
    "name_key",
    "path_text",
]

Nodes = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Tree:
    """Categories with stable ids. Made by `from_paths`, `from_parents` or a reader, never changed.

    ids, names: one per node. parents: int32 (n,), -1 for a root. depths: int32 (n,), 1 for a root.
    lineage: int32 (n, deepest), row i holds the ancestors of i from its root down to i itself, then -1.
    leaves: bool (n,), True where nothing is below. notes: synonyms and description of each, "" without. version: 16 hex
    digits of all the rest, so equal versions have equal positions. Brothers have different names, compared by
    `name_key`; cousins may share theirs.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    parents: Nodes
    depths: Nodes
    lineage: Nodes
    leaves: npt.NDArray[np.bool_]
    notes: tuple[str, ...]
    version: str

    @classmethod
    def empty(cls) -> Self:
        """Return the tree without nodes."""
        return cls.from_parents((), (), ())

    @classmethod
    def from_paths(
        cls, paths: Iterable[Path], ids: Mapping[Path, str] | None = None, notes: Mapping[Path, str] | None = None
    ) -> Self:
        """Build from paths, in their order; ancestors that are missing are created just before they are needed.

        Of several spellings of one name the first is kept. `ids` gives the ids of some paths, in any spelling; every
        other node gets one derived from its path. `notes` gives what else some paths say of themselves. Raises
        TaxonomyError for a path over the limits or a repeated id.
        """
        growth = Growth([], [])
        for path in paths:
            growth.add(path)
        given: dict[int, str] = {}
        for path, node_id in (ids or {}).items():
            node = growth.find(path)
            if node is not None and given.setdefault(node, node_id) != node_id:
                raise TaxonomyError(f"{path_text(path)!r} has two ids, {given[node]!r} and {node_id!r}; keep one")
        said = [""] * len(growth.names)
        for path, note in (notes or {}).items():
            if (node := growth.find(path)) is not None:
                said[node] = clean_name(note)[:NOTE_CHARS].strip()
        return cls.from_parents(growth.ids(given), growth.names, growth.parents, said)

    @classmethod
    def from_parents(
        cls, ids: Sequence[str], names: Sequence[str], parents: Sequence[int], notes: Sequence[str] = ()
    ) -> Self:
        """Build from one id, one clean name and one parent position (-1 for a root) per node, checking every rule.

        notes: one per node or none at all.
        """
        notes = tuple(notes) or ("",) * len(ids)
        if not len(ids) == len(names) == len(parents):
            raise TaxonomyError(
                f"{len(ids)} ids, {len(names)} names and {len(parents)} parents; give one of each a node"
            )
        if len(notes) != len(ids):
            raise TaxonomyError(f"{len(notes)} notes for {len(ids)} categories; give one for each, or none at all")
        _check_ids(ids)
        depths = _depths(names, parents)
        lineage = np.full((len(ids), max(depths, default=0)), -1, np.int32)
        above, level = np.asarray(parents, np.int32), np.asarray(depths, np.int32)
        for depth in range(1, lineage.shape[1] + 1):
            rows = np.flatnonzero(level == depth)
            if depth > 1:
                lineage[rows, : depth - 1] = lineage[above[rows], : depth - 1]
            lineage[rows, depth - 1] = rows
        leaves = np.ones(len(ids), np.bool_)
        leaves[above[above >= 0]] = False
        for array in (above, level, lineage, leaves):
            array.setflags(write=False)
        version = _fingerprint(ids, names, parents, notes)
        return cls(tuple(ids), tuple(names), above, level, lineage, leaves, notes, version)

    def extended(self, paths: Iterable[Path]) -> Self:
        """Return a tree with what is missing of `paths` appended; every existing node keeps position, id and name.

        Returns the tree itself when nothing is missing.
        """
        missing = [path for path in dict.fromkeys(paths) if self.find(path) is None]
        if not missing:
            return self
        growth = Growth(list(self.names), self.parents.tolist())
        for path in missing:
            growth.add(path)
        notes = (*self.notes, *[""] * (len(growth.names) - len(self)))
        return type(self).from_parents(growth.ids(dict(enumerate(self.ids))), growth.names, growth.parents, notes)

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and self.version == other.version

    def __hash__(self) -> int:
        return hash(self.version)

    def path(self, node: int) -> Path:
        """Return the names from the root down to `node`."""
        return tuple(self.names[above] for above in self._line(node)[: self.depths[node]].tolist())

    def text(self, node: int) -> str:
        """Return the path of `node` as "A > B > C"."""
        return path_text(self.path(node))

    def index(self, node_id: str) -> int:
        """Return the node of an id; raises TaxonomyError when there is none."""
        node = self.of_id(node_id)
        if node is None:
            raise TaxonomyError(f"no category has the id {node_id[:80]!r} in taxonomy version {self.version}")
        return node

    def of_id(self, node_id: str) -> int | None:
        """Return the node of an id, or None."""
        return self._node_of_id.get(node_id)

    def find(self, path: Path) -> int | None:
        """Return the node of a path, ignoring case and spacing, or None."""
        return walk(self._node_of_name, path)

    def children(self, node: int | None) -> list[int]:
        """Return the nodes right below `node` in order of position; those of None are the roots."""
        return list(self._children.get(-1 if node is None else node, ()))

    def named(self, name: str) -> list[int]:
        """Return every node of that name, ignoring case and spacing, in order of position."""
        return list(self._named.get(name_key(name), ()))

    def totals(self, own: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the sum of `own`, int64 (n,), over each node and everything below it, int64 (n,)."""
        sums = np.zeros(len(self), np.int64)
        for level in self.lineage.T:
            here = level >= 0
            np.add.at(sums, level[here], own[here])
        return sums

    def deepest_common(self, a: int, b: int) -> int:
        """Return the deepest node that is an ancestor of, or equal to, both; -1 when their roots differ."""
        first = self._line(a)
        shared = int(np.count_nonzero((first == self._line(b)) & (first >= 0)))
        return int(first[shared - 1]) if shared else -1

    def _line(self, node: int) -> Nodes:
        if not 0 <= node < len(self.ids):  # a negative position would quietly mean another node
            raise TaxonomyError(f"node {node} is outside this tree of {len(self.ids):,} nodes")
        row: Nodes = self.lineage[node]
        return row

    @cached_property
    def _node_of_id(self) -> dict[str, int]:
        return {node_id: node for node, node_id in enumerate(self.ids)}

    @cached_property
    def _node_of_name(self) -> dict[tuple[int, str], int]:
        keys = zip(self.parents.tolist(), map(name_key, self.names), strict=True)
        return {key: node for node, key in enumerate(keys)}

    @cached_property
    def _children(self) -> dict[int, list[int]]:
        below: dict[int, list[int]] = {}
        for node, parent in enumerate(self.parents.tolist()):
            below.setdefault(parent, []).append(node)
        return below

    @cached_property
    def _named(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for (_, key), node in self._node_of_name.items():
            found.setdefault(key, []).append(node)
        return found


def _check_ids(ids: Sequence[str]) -> None:
    if len(ids) > NODE_LIMIT:
        raise TaxonomyError(f"the tree has {len(ids):,} nodes, the limit is {NODE_LIMIT:,}; leave out unused branches")
    seen: set[str] = set()
    for node_id in ids:
        if not node_id or node_id != clean_name(node_id) or len(node_id) > NAME_CHARS:
            raise TaxonomyError(
                f"the id {node_id[:40]!r} is refused; an id has 1 to {NAME_CHARS} visible characters and single spaces"
            )
        if node_id in seen:
            raise TaxonomyError(f"the id {node_id!r} stands for two categories; give each its own")
        seen.add(node_id)


def _depths(names: Sequence[str], parents: Sequence[int]) -> list[int]:
    depths: list[int] = []
    brothers: set[tuple[int, str]] = set()
    for node, (name, parent) in enumerate(zip(names, parents, strict=True)):
        if not -1 <= parent < node:
            raise TaxonomyError(f"node {node} has parent {parent}; a parent comes before its children, -1 is none")
        if fault := name_fault(name) or ("" if name == clean_name(name) else f"the name {name[:80]!r} is not clean"):
            raise TaxonomyError(fault)
        depth = depths[parent] + 1 if parent >= 0 else 1
        if depth > DEPTH_LIMIT:
            raise TaxonomyError(f"the category {name[:80]!r} is {depth} levels deep, the limit is {DEPTH_LIMIT}")
        if (parent, name_key(name)) in brothers:
            raise TaxonomyError(f"two categories named {name!r} have the same parent; merge or rename one")
        brothers.add((parent, name_key(name)))
        depths.append(depth)
    return depths


def _fingerprint(ids: Sequence[str], names: Sequence[str], parents: Sequence[int], notes: Sequence[str]) -> str:
    # No id, name or note contains a line break, see clean_name.
    parts = ["\n".join(ids), "\n".join(names), ",".join(map(str, parents))]
    return hex_of("\n".join([*parts, *notes] if any(notes) else parts), 8)
