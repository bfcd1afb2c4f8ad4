"""A tree while it is changed: where categories are renamed, moved, joined, sorted and dropped, each checked first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from taxonomy.aliases import NONE, Aliases
from taxonomy.changes import Change, Merge, Move, Rename, Retire, Split
from taxonomy.growth import free_id
from taxonomy.mapping import RETIRED, CategoryMapper, Unmapped
from taxonomy.names import Path, TaxonomyError, clean_name, name_fault, name_key, path_text, plain_id
from taxonomy.rules import Rule
from taxonomy.separators import Separators, parse_path
from taxonomy.tree import Tree

_WRITTEN = Separators(fixed=">")
TOP = ""
"""Stands for the parent of a root."""


class NameTaken(TaxonomyError):
    """A category cannot have a name, for another one has it in that place; the two may be merged."""


@dataclass(frozen=True, slots=True)
class Step:
    """Where products go in one change: from a category that goes to another one, or by rules, the first that matches.

    went: id -> id or NONE. node: the one that is split, and parts: ids and their rules.
    """

    went: Mapping[str, str] = field(default_factory=dict)
    below: bool = True
    node: str = ""
    parts: tuple[tuple[str, Rule], ...] = ()


class Bed:
    """A tree while it is changed. Every change is checked before it is begun."""

    def __init__(self, tree: Tree, before: Aliases | None = None) -> None:
        self._tree = tree
        self._before = before
        self._mapper: CategoryMapper | None = None
        self.names: dict[str, str] = {}
        self._parents: dict[str, str] = {}
        self._notes: dict[str, str] = {}
        self.below: dict[str, dict[str, str]] = {TOP: {}}
        self.made: dict[str, str] = {}
        self._taken = set(tree.ids)  # a category that goes in this version leaves its id to nobody
        for node, node_id in enumerate(tree.ids):
            parent = int(tree.parents[node])
            self.insert(node_id, tree.names[node], TOP if parent < 0 else tree.ids[parent], tree.notes[node])

    def insert(self, node_id: str, name: str, parent: str, note: str = "") -> None:
        """Put a category at the end of those below `parent`."""
        self.names[node_id], self._parents[node_id], self._notes[node_id] = name, parent, note
        self.below[parent][name_key(name)] = node_id
        self.below[node_id] = {}

    def tree(self) -> Tree:
        """Return the tree as it is by now: in the order of before where parents still come first."""
        order: list[str] = []
        seen: set[str] = set()
        for node_id in self.names:
            line = []
            while node_id != TOP and node_id not in seen:
                seen.add(node_id)
                line.append(node_id)
                node_id = self._parents[node_id]  # noqa: PLW2901 - up to the first that has its place
            order += reversed(line)
        place = {node_id: node for node, node_id in enumerate(order)} | {TOP: -1}
        return Tree.from_parents(
            order,
            [self.names[each] for each in order],
            [place[self._parents[each]] for each in order],
            [self._notes[each] for each in order],
        )

    def change(self, change: Change) -> tuple[Change, Step]:
        """Carry out one change; return it with ids in place of names, and where products go."""
        match change:
            case Rename():
                return self._rename(change)
            case Move():
                return self._move(change)
            case Merge():
                return self._merge(change)
            case Split():
                return self._split(change)
            case Retire():
                return self._retire(change)

    def _rename(self, change: Rename) -> tuple[Change, Step]:
        node, name = self._node(change.node), _name(change.name)
        if name == self.names[node]:
            raise TaxonomyError(f"the category {self._text(node)!r} is called so already; leave the change out")
        self._free(node, self._parents[node], name)
        self._lift(node)
        self.names[node] = name
        self._lower(node, self._parents[node])
        return replace(change, node=node, name=name), Step()

    def _move(self, change: Move) -> tuple[Change, Step]:
        node = self._node(change.node)
        parent = TOP if change.parent is None else self._node(change.parent)
        if parent in self._branch(node):
            raise TaxonomyError(f"{self._text(node)!r} cannot go below {self._text(parent)!r}, which is in its branch")
        if parent == self._parents[node]:
            raise TaxonomyError(f"the category {self._text(node)!r} is there already; leave the change out")
        self._free(node, parent, self.names[node])
        self._lift(node)
        self._lower(node, parent)
        return replace(change, node=node, parent=parent or None), Step()

    def _merge(self, change: Merge) -> tuple[Change, Step]:
        into = self._node(change.into)
        nodes = tuple(dict.fromkeys(self._node(each) for each in change.nodes))
        for node in nodes:
            if into in self._branch(node):
                raise TaxonomyError(
                    f"{self._text(node)!r} cannot be merged into {self._text(into)!r}, which is in its branch; "
                    "move that one out first, or merge the other way round"
                )
        went: dict[str, str] = {}
        for node in nodes:
            if node in self.names:  # it may have come along with another one
                self._join(node, into, went)
        return Merge(nodes, into), Step(_settled(went))

    def _split(self, change: Split) -> tuple[Change, Step]:
        node = self._node(change.node)
        anchor = self._parents[node] if change.beside else node
        parts = [replace(part, name=_name(part.name)) for part in change.parts]
        for part in parts:
            if self.below[anchor].get(name_key(part.name)) == node:
                raise TaxonomyError(f"the part {part.name!r} is called like the category that is split; rename it")
        ids = [self._part(part.name, anchor, node) for part in parts]
        rules = tuple((part_id, part.rule) for part_id, part in zip(ids, parts, strict=True))
        return Split(node, tuple(parts), change.beside), Step(node=node, parts=rules)

    def _retire(self, change: Retire) -> tuple[Change, Step]:
        node = self._node(change.node)
        branch = self._branch(node)
        to = NONE
        if not change.unlabelled:
            to = self._parents[node] if change.to is None else self._node(change.to)
            if to == TOP:
                raise TaxonomyError(
                    f"the category {self._text(node)!r} is at the top and has no parent that its products could go to; "
                    "name another one with `to`, or say `unlabelled`"
                )
            if to in branch:
                raise TaxonomyError(
                    f"the products of {self._text(node)!r} cannot go to {self._text(to)!r} in its branch"
                )
        self._lift(node)
        for each in branch:
            self._forget(each)
        known = Retire(node, None if change.unlabelled else to, change.unlabelled)
        return known, Step(dict.fromkeys(branch, to), below=False)

    def _join(self, node: str, into: str, went: dict[str, str]) -> None:
        """Put what is below `node` below `into`, joining those of one name, and drop it."""
        self._lift(node)
        for key, child in list(self.below[node].items()):
            twin = self.below[into].get(key)
            if twin is None:
                self._lift(child)
                self._lower(child, into)
            else:
                self._join(child, twin, went)
        self._forget(node)
        went[node] = into

    def _part(self, name: str, anchor: str, node: str) -> str:
        there = self.below[anchor].get(name_key(name))
        if there is not None:
            return there
        key = "\n".join(map(name_key, (*self._path(anchor), name)))
        new = free_id(key, self._taken)
        self._taken.add(new)
        self.insert(new, name, anchor)
        self.made[new] = node
        return new

    def _node(self, text: str) -> str:
        """Return the id of the category that `text` names."""
        node_id = plain_id(text)
        if node_id in self.names:
            return node_id
        path = parse_path(text, _WRITTEN)
        found = self._find(path) if isinstance(path, tuple) else None
        if found is not None:
            return found
        self._mapper = self._mapper or CategoryMapper(self._tree, before=self._before)
        meant = self._mapper.resolve(text)
        if isinstance(meant, Unmapped):
            raise TaxonomyError(meant.reason)
        if meant == RETIRED:
            raise TaxonomyError(f"the category {text[:80]!r} was retired and none took its place; name another one")
        if (node_id := self._tree.ids[meant]) not in self.names:
            raise TaxonomyError(f"the category {text[:80]!r} is gone by then; an earlier change took it away")
        return node_id

    def _find(self, path: Path) -> str | None:
        node: str | None = TOP
        for name in path:
            node = self.below[node].get(name_key(name)) if node is not None else None
        return node or None

    def _free(self, node: str, parent: str, name: str) -> None:
        """Raise NameTaken when another category has that name below `parent`."""
        there = self.below[parent].get(name_key(name))
        if there not in {None, node}:
            raise NameTaken(
                f"{self._text(node)!r} cannot become {path_text((*self._path(parent), name))!r}, which is there "
                "already; merge the two, or choose another name"
            )

    def _lift(self, node: str) -> None:
        del self.below[self._parents[node]][name_key(self.names[node])]

    def _lower(self, node: str, parent: str) -> None:
        self._parents[node] = parent
        self.below[parent][name_key(self.names[node])] = node

    def _forget(self, node: str) -> None:
        for about in (self.names, self._parents, self._notes, self.below, self.made):
            about.pop(node, None)

    def _branch(self, node: str) -> list[str]:
        """Return a category and all that is below it."""
        found = [node]
        for each in found:
            found += self.below[each].values()
        return found

    def _path(self, node: str) -> Path:
        names = []
        while node != TOP:
            names.append(self.names[node])
            node = self._parents[node]
        return tuple(reversed(names))

    def _text(self, node: str) -> str:
        return path_text(self._path(node))


def _name(text: str) -> str:
    name = clean_name(text)
    if fault := name_fault(name):
        raise TaxonomyError(fault)
    return name


def _settled(went: Mapping[str, str]) -> dict[str, str]:
    """Return where each went in the end: of a list of merges a later one may take the target of an earlier one."""
    made = dict(went)
    for node_id, to in went.items():
        while to in went:
            to = went[to]  # noqa: PLW2901 - one step further
        made[node_id] = to
    return made
