"""A tree while it grows: paths in, names, parents and stable ids out, which `taxonomy/tree.py` checks and freezes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

from taxonomy.names import NODE_LIMIT, Path, TaxonomyError, clean_name, depth_fault, name_fault, name_key, path_text


class Growth:
    """Names and parents while a tree grows; a spelling that was met before costs one look-up."""

    def __init__(self, names: list[str], parents: list[int]) -> None:
        self.names, self.parents = names, parents
        self._below = {key: node for node, key in enumerate(zip(parents, map(name_key, names), strict=True))}
        self._met: dict[Path, int] = {}

    def add(self, path: Path) -> int:
        """Return the node of `path`, made with its ancestors when it is new."""
        node = self._met.get(path)
        if node is not None:
            return node
        name = clean_name(path[-1]) if path else ""
        if fault := depth_fault(path) or name_fault(name):
            raise TaxonomyError(f"the path {path_text(path)[:80]!r} is refused: {fault}")
        parent = self.add(path[:-1]) if len(path) > 1 else -1
        node = self._below.setdefault((parent, name_key(name)), len(self.names))
        if node == len(self.names):
            if node >= NODE_LIMIT:
                raise TaxonomyError(
                    f"there are more than {NODE_LIMIT:,} categories, the limit; leave out unused branches"
                )
            self.names.append(name)
            self.parents.append(parent)
        self._met[path] = node
        return node

    def find(self, path: Path) -> int | None:
        """Return the node of `path`, or None."""
        return walk(self._below, path)

    def ids(self, given: Mapping[int, str]) -> list[str]:
        """Return every node's id: the one given, else "n" and 12 hex digits of the names' keys from the root down.

        Where a category was called so before and kept its id, another one is made of the same.
        """
        keys: list[str] = []
        taken = set(given.values())
        made: list[str] = []
        for node, (name, parent) in enumerate(zip(self.names, self.parents, strict=True)):
            # "\n" cannot occur in a key, so different paths never join to the same text.
            keys.append(name_key(name) if parent < 0 else f"{keys[parent]}\n{name_key(name)}")
            made.append(given[node] if node in given else free_id(keys[node], taken))
        return made


def free_id(key: str, taken: Collection[str]) -> str:
    """Return an id made of a path's key; where a node that was called so before has it, another one."""
    made = "n" + hex_of(key, 6)
    while made in taken:
        key += "\n"  # ends no key
        made = "n" + hex_of(key, 6)
    return made


def walk(below: Mapping[tuple[int, str], int], path: Path) -> int | None:
    """Follow `path` down from the roots; `below` gives the node of (parent or -1, name key). None where it ends."""
    node: int | None = None
    for name in path:
        node = below.get((-1 if node is None else node, name_key(name)))
        if node is None:
            return None
    return node


def hex_of(text: str, size: int) -> str:
    """Return `size` bytes of BLAKE2b as hex digits."""
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()
