"""The tag words: how a cell becomes tags, and one spelling for each tag, with aliases and exclusions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from taxonomy.names import TaxonomyError, clean_name, name_key

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

    exclusions: keys of tags that are never given.
    """

    spellings: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    exclusions: frozenset[str] = frozenset()

    @classmethod
    def from_tags(
        cls, tags: Iterable[str], *, aliases: Mapping[str, str] | None = None, exclusions: Iterable[str] = ()
    ) -> Vocabulary:
        """Count tags as products carry them; the most frequent spelling stands, equal ones decided by alphabet."""
        counts = Counter(cleaned for tag in tags if (cleaned := clean_name(tag)))
        spellings: dict[str, str] = {}
        for tag in sorted(counts, key=lambda tag: (-counts[tag], tag)):
            spellings.setdefault(name_key(tag), tag)
        by_key = {name_key(word): clean_name(tag) for word, tag in (aliases or {}).items()}
        return cls(spellings, by_key, frozenset(map(name_key, exclusions)))

    def canonical(self, tag: str) -> str:
        """Return the one spelling of a tag; a tag that is not known keeps its own, cleaned."""
        key = name_key(tag)
        tag = self.aliases.get(key, tag)
        return self.spellings.get(name_key(tag), clean_name(tag))

    def apply(self, tags: Iterable[str]) -> tuple[str, ...]:
        """Return the canonical tags, each once, in order, without those excluded under either word."""
        kept = (tag for tag in tags if name_key(tag) not in self.exclusions)
        return _distinct(word for tag in kept if name_key(word := self.canonical(tag)) not in self.exclusions)

    def to_json(self) -> str:
        """Return everything as JSON text, in an order that does not depend on the input's."""
        parts = {"spellings": self.spellings, "aliases": self.aliases, "exclusions": sorted(self.exclusions)}
        return json.dumps(parts, ensure_ascii=False, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Vocabulary:
        """Read `to_json`, or the same edited by hand; raises TaxonomyError naming what is no vocabulary."""
        try:
            parts = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise TaxonomyError(f"this vocabulary is no JSON: {error}") from error
        if not isinstance(parts, dict):
            raise TaxonomyError("a vocabulary is a JSON object with spellings, aliases and exclusions")
        spellings, aliases = (_words(parts, name) for name in ("spellings", "aliases"))
        exclusions = parts.get("exclusions", [])
        if not isinstance(exclusions, list) or not all(isinstance(tag, str) for tag in exclusions):
            raise TaxonomyError("the exclusions of a vocabulary are a list of tags")
        return cls(spellings, aliases, frozenset(map(name_key, exclusions)))


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
