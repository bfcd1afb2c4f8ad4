"""The tag words: how a cell becomes tags, one spelling for each, other words for it, and where it may be given."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeGuard

from taxonomy.names import SEPARATOR, TaxonomyError, clean_name, name_key
from taxonomy.names import Path as Names
from taxonomy.tree import Tree

PARTS = ("spellings", "aliases", "exclusions", "scopes", "conflicts")
BYTE_LIMIT = 20_000_000
SEPARATORS = "|;,"  # the first one that a cell contains is its separator


def split_tags(text: str) -> tuple[str, ...]:
    """Return the tags of one cell: a JSON list, else separated by "|", else by ";", else by ",".

    Each is cleaned; empty ones and repetitions in another case are dropped. A list that is no JSON, such as
    "['a', 'b']", is read as if its brackets and quotes were not there.
    """
    text = text.strip()
    if not text.startswith("["):
        return _distinct(_split(text))
    try:
        listed = json.loads(text)
        return _distinct([str(tag) for tag in listed if isinstance(tag, str | int | float)])
    except (ValueError, RecursionError):
        return _distinct(tag.strip().strip("'\"") for tag in _split(text.strip("[]")))


@dataclass(frozen=True)
class Vocabulary:
    """Tags by `name_key`. spellings: key -> the spelling to use. aliases: key of another word -> its tag's spelling.

    exclusions: keys of tags that are never given. scopes: key of a tag -> paths (`A > B`) of the categories that it may
    be given in, with all below them; a tag without one may be given everywhere. conflicts: groups of keys of tags of
    which a product has one at most, as in men and women.
    """

    spellings: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    exclusions: frozenset[str] = frozenset()
    scopes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    conflicts: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def from_tags(
        cls, tags: Iterable[str], *, aliases: Mapping[str, str] | None = None, exclusions: Iterable[str] = ()
    ) -> Vocabulary:
        """Count tags as products carry them; the most frequent spelling stands, equal ones decided by alphabet."""
        by_key = {name_key(word): clean_name(tag) for word, tag in (aliases or {}).items()}
        return cls({}, by_key, frozenset(map(name_key, exclusions))).spelt(Counter(tags))

    def spelt(self, counts: Mapping[str, int]) -> Vocabulary:
        """Return the vocabulary with a spelling for each tag in use: its own, else the one that most products carry."""
        cleaned: Counter[str] = Counter()
        for tag, count in counts.items():
            cleaned[clean_name(tag)] += count
        spellings = dict(self.spellings)
        for tag in sorted(filter(None, cleaned), key=lambda tag: (-cleaned[tag], tag)):
            spellings.setdefault(name_key(tag), tag)
        return replace(self, spellings=spellings)

    def canonical(self, tag: str) -> str:
        """Return the one spelling of a tag; a tag that is not known keeps its own, cleaned."""
        key = name_key(tag)
        tag = self.aliases.get(key, tag)
        return self.spellings.get(name_key(tag), clean_name(tag))

    def apply(self, tags: Iterable[str]) -> tuple[str, ...]:
        """Return the canonical tags, each once, in order, without those excluded under either word."""
        kept = (tag for tag in tags if name_key(tag) not in self.exclusions)
        return _distinct(word for tag in kept if name_key(word := self.canonical(tag)) not in self.exclusions)

    def oversights(self, tree: Tree) -> list[str]:
        """Return what of the vocabulary has no effect in a tree, or hardly one that was meant: a sentence for each."""
        return [*self._led_astray(), *self._misnamed(), *self._out_of_scope(tree)]

    def rescoped(self, tree: Tree, follow: Callable[[Tree, Names], Names | None]) -> Vocabulary:
        """Return it with the scopes of a changed tree; follow: as `Aliases.follow` leads from what was to what is."""

        def now(path: str) -> str:
            return SEPARATOR.join(follow(tree, tuple(path.split(SEPARATOR))) or (path,))

        return replace(self, scopes={tag: tuple(map(now, paths)) for tag, paths in self.scopes.items()})

    def _led_astray(self) -> Iterator[str]:
        for word, tag in sorted(self.aliases.items()):
            if name_key(tag) in self.exclusions:
                yield f"the alias {word!r} leads to {tag!r}, which is excluded: neither is given; drop one of the two"
            elif name_key(tag) in self.aliases:
                yield f"the alias {word!r} leads to {tag!r}, which is an alias itself; write {self.canonical(tag)!r}"

    def _misnamed(self) -> Iterator[str]:
        """Yield the scopes and conflicts of words that are no tag."""
        said = [("scope", tag) for tag in self.scopes] + [
            ("conflict", tag) for group in self.conflicts for tag in group
        ]
        for part, word in sorted(set(said)):
            if word in self.exclusions:
                yield f"the {part} of {word!r} has no effect, for {word!r} is excluded; drop one of the two"
            elif word in self.aliases:
                yield f"the {part} of {word!r} has no effect, for that is an alias; write {self.canonical(word)!r}"

    def _out_of_scope(self, tree: Tree) -> Iterator[str]:
        for tag, paths in sorted(self.scopes.items()):
            for path in paths:
                if tree.find(tuple(path.split(SEPARATOR))) is None:
                    yield f"the scope of {tag!r} names {path!r}, which the tree has not; write it like 'A > B'"
            if not paths:
                yield f"the scope of {tag!r} names no category, so that it is never given; exclude it or name some"

    def to_json(self) -> str:
        """Return everything as JSON text, in an order that does not depend on the input's."""
        parts = {
            "spellings": self.spellings,
            "aliases": self.aliases,
            "exclusions": sorted(self.exclusions),
            "scopes": self.scopes,
            "conflicts": self.conflicts,
        }
        return json.dumps(parts, ensure_ascii=False, indent=1, sort_keys=True)

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """Read a file in JSON; raises TaxonomyError when it cannot be read, is larger than BYTE_LIMIT or is none."""
        try:
            with path.open("rb") as file:
                raw = file.read(BYTE_LIMIT + 1)
        except OSError as error:
            raise TaxonomyError(f"{path} cannot be read: {error.strerror}") from error
        if len(raw) > BYTE_LIMIT:
            raise TaxonomyError(f"{path} holds more than {BYTE_LIMIT:,} bytes, the limit; leave out what is not needed")
        try:
            return cls.from_json(raw)
        except TaxonomyError as error:
            raise TaxonomyError(f"{path.name}: {error}") from error

    @classmethod
    def from_json(cls, text: str | bytes) -> Vocabulary:
        """Read `to_json`, or the same edited by hand; raises TaxonomyError naming what is no vocabulary."""
        try:
            parts = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise TaxonomyError(f"this vocabulary is no JSON: {error}") from error
        if not isinstance(parts, dict):
            raise TaxonomyError(f"a vocabulary is a JSON object with {', '.join(PARTS[:-1])} and {PARTS[-1]}")
        if unknown := sorted(set(parts) - set(PARTS)):
            raise TaxonomyError(f"a vocabulary has no part {unknown[0][:40]!r}; its parts are {', '.join(PARTS)}")
        spellings, aliases = (_words(parts, name) for name in ("spellings", "aliases"))
        exclusions, scopes, conflicts = parts.get("exclusions", []), parts.get("scopes", {}), parts.get("conflicts", [])
        if not _texts(exclusions):
            raise TaxonomyError("the exclusions of a vocabulary are a list of tags")
        if not isinstance(scopes, dict) or not all(map(_texts, scopes.values())):
            raise TaxonomyError("the scopes of a vocabulary are an object: for each tag a list of category paths")
        if not isinstance(conflicts, list) or not all(map(_texts, conflicts)):
            raise TaxonomyError("the conflicts of a vocabulary are a list of lists of tags")
        return cls(
            spellings,
            aliases,
            frozenset(map(name_key, exclusions)),
            {name_key(tag): tuple(paths) for tag, paths in scopes.items()},
            tuple(tuple(map(name_key, group)) for group in conflicts),
        )


def _texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _words(parts: Mapping[str, object], name: str) -> dict[str, str]:
    words = parts.get(name, {})
    if not isinstance(words, dict) or not all(isinstance(tag, str) for tag in words.values()):
        raise TaxonomyError(f"the {name} of a vocabulary are an object of words")
    return {name_key(word): clean_name(tag) for word, tag in words.items()}


def _split(text: str) -> list[str]:
    return text.split(next((mark for mark in SEPARATORS if mark in text), ","))


def _distinct(tags: Iterable[str]) -> tuple[str, ...]:
    first: dict[str, str] = {}
    for tag in tags:
        if cleaned := clean_name(tag):
            first.setdefault(name_key(cleaned), cleaned)
    return tuple(first.values())
