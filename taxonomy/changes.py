"""Changes of a tree as values: rename, move, merge, split and retire; from JSON and back.

    {"change": "rename", "node": "Shoes > Trainers", "name": "Sneakers"}
    {"change": "move",   "node": "Shoes > Slippers", "parent": "Home"}                   null moves it to the top
    {"change": "merge",  "nodes": ["Shoes > Boots", "Shoes > Booties"], "into": "Footwear > Boots"}
    {"change": "split",  "node": "Shoes > Sneakers", "parts": [{"name": "Running", "rule": {"words": ["running"]}}]}
    {"change": "retire", "node": "Shoes > Spats", "to": "Shoes > Other"}                 without "to": to its parent

A category is named by its id or its full path, as the tree is by then: a later change of a list may use the name that
an earlier one gave. `taxonomy/planting.py` carries them out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taxonomy.names import NAME_CHARS, TaxonomyError
from taxonomy.rules import Rule

CHANGE_LIMIT = 1_000
"""Changes in one list."""
PART_LIMIT = 200
"""Parts of one split."""
TEXT_CHARS = 5_000
"""Characters of a path."""


class ChangeRefused(TaxonomyError):
    """A change that the tree does not allow."""


class InvalidChange(ChangeRefused):
    """What is given is no change."""


@dataclass(frozen=True, slots=True)
class Rename:
    """A category gets another name; what is below it comes along."""

    node: str
    name: str

    def to_json(self) -> dict[str, Any]:
        """Return what `change_of` reads."""
        return {"change": "rename", "node": self.node, "name": self.name}


@dataclass(frozen=True, slots=True)
class Move:
    """A category goes below another one, with all that is below it; to the top where `parent` is None."""

    node: str
    parent: str | None

    def to_json(self) -> dict[str, Any]:
        """Return what `change_of` reads."""
        return {"change": "move", "node": self.node, "parent": self.parent}


@dataclass(frozen=True, slots=True)
class Merge:
    """Categories are joined with another one: products, and what is below them, join what is there of that name."""

    nodes: tuple[str, ...]
    into: str

    def to_json(self) -> dict[str, Any]:
        """Return what `change_of` reads."""
        return {"change": "merge", "nodes": list(self.nodes), "into": self.into}


@dataclass(frozen=True, slots=True)
class Part:
    """One of the categories that a split sorts products into: those that the rule matches, and no part before it."""

    name: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Split:
    """The products of a category itself are sorted into new ones below it, or beside it; the rest stays.

    A category of a part's name that is there already is taken.
    """

    node: str
    parts: tuple[Part, ...]
    beside: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what `change_of` reads."""
        parts = [{"name": part.name, "rule": part.rule.to_json()} for part in self.parts]
        return {"change": "split", "node": self.node, "parts": parts, "beside": self.beside}


@dataclass(frozen=True, slots=True)
class Retire:
    """A category goes, with all that is below it; its products go to its parent, to another one, or lose their label.

    to: that other one; None for the parent.
    """

    node: str
    to: str | None = None
    unlabelled: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what `change_of` reads."""
        where: dict[str, Any] = {"unlabelled": True} if self.unlabelled else {"to": self.to} if self.to else {}
        return {"change": "retire", "node": self.node} | where


Change = Rename | Move | Merge | Split | Retire


def changes_from_json(text: str | bytes) -> tuple[Change, ...]:
    """Read one change, a list of them, or an object with `changes`; raises InvalidChange naming what is none."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidChange(f"these changes are no JSON: {error}") from error
    return changes_of(said)


def changes_of(said: object) -> tuple[Change, ...]:
    """Make changes of what JSON holds, as `changes_from_json` does."""
    if isinstance(said, Mapping) and "changes" in said:
        if unknown := sorted(set(said) - {"changes"}):
            raise InvalidChange(f"an object with changes has nothing else, not {str(unknown[0])[:40]!r}")
        said = said["changes"]
    some = said if isinstance(said, list) else [said]
    if not 1 <= len(some) <= CHANGE_LIMIT:
        raise InvalidChange(f"there are {len(some):,} changes; one version takes 1 to {CHANGE_LIMIT:,}")
    made: list[Change] = []
    for place, each in enumerate(some):
        try:
            made.append(change_of(each))
        except TaxonomyError as error:
            raise InvalidChange(f"change {place + 1}: {error}" if len(some) > 1 else str(error)) from error
    return tuple(made)


def change_of(said: object) -> Change:
    """Make one change of what JSON holds; raises InvalidChange naming what is none."""
    kinds = ", ".join(_KINDS)
    kind = said.get("change") if isinstance(said, Mapping) else said
    if not isinstance(said, Mapping) or not isinstance(kind, str) or kind not in _KINDS:
        raise InvalidChange(f"a change is an object whose `change` is one of {kinds}, not {str(kind)[:40]!r}")
    fields, read = _KINDS[kind]
    if unknown := sorted(set(said) - {"change", *fields}):
        raise InvalidChange(f"a {kind} has no {str(unknown[0])[:40]!r}; it has {', '.join(fields)}")
    return read(said)


def _rename(said: Mapping[str, Any]) -> Change:
    return Rename(_text(said, "node"), _text(said, "name", NAME_CHARS))


def _move(said: Mapping[str, Any]) -> Change:
    if "parent" not in said:
        raise InvalidChange("a move needs `parent`: the category to move it below, or null for the top")
    return Move(_text(said, "node"), None if said["parent"] is None else _text(said, "parent"))


def _merge(said: Mapping[str, Any]) -> Change:
    return Merge(tuple(_text({"nodes": each}, "nodes") for each in _list(said, "nodes")), _text(said, "into"))


def _split(said: Mapping[str, Any]) -> Change:
    parts = [_part(each) for each in _list(said, "parts", PART_LIMIT)]
    return Split(_text(said, "node"), tuple(parts), _flag(said, "beside"))


def _part(said: object) -> Part:
    if not isinstance(said, Mapping) or set(said) != {"name", "rule"}:
        raise InvalidChange("a part of a split is an object with `name` and `rule`")
    name = _text(said, "name", NAME_CHARS)
    try:
        return Part(name, Rule.read(said["rule"]))
    except TaxonomyError as error:
        raise InvalidChange(f"the part {name!r}: {error}") from error


def _retire(said: Mapping[str, Any]) -> Change:
    to = None if said.get("to") is None else _text(said, "to")
    if to is not None and _flag(said, "unlabelled"):
        raise InvalidChange("a retire has either `to` or `unlabelled`; leave one out")
    return Retire(_text(said, "node"), to, _flag(said, "unlabelled"))


_KINDS: Mapping[str, tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Change]]] = {
    "rename": (("node", "name"), _rename),
    "move": (("node", "parent"), _move),
    "merge": (("nodes", "into"), _merge),
    "split": (("node", "parts", "beside"), _split),
    "retire": (("node", "to", "unlabelled"), _retire),
}


def _text(said: Mapping[str, Any], name: str, limit: int = TEXT_CHARS) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > limit:
        raise InvalidChange(f"a {said.get('change', 'change')} needs `{name}`: a text of 1 to {limit:,} characters")
    return value.strip()


def _list(said: Mapping[str, Any], name: str, limit: int = CHANGE_LIMIT) -> Sequence[object]:
    value = said.get(name)
    if not isinstance(value, list) or not 1 <= len(value) <= limit:
        raise InvalidChange(f"a {said['change']} needs `{name}`: a list of 1 to {limit:,}")
    return value


def _flag(said: Mapping[str, Any], name: str) -> bool:
    value = said.get(name, False)
    if not isinstance(value, bool):
        raise InvalidChange(f"`{name}` is true or false, not {str(value)[:40]!r}")
    return value
