"""By what a split sorts products: words of the title, brand, a spec, a tag. Data that is compared, nothing that runs.

There are no patterns and no expressions: a rule that comes from outside costs a look through the title, whatever it
says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from taxonomy.names import TaxonomyError, name_key

WORD_LIMIT = 200
"""Words and phrases in one list of a rule."""
CHARS = 200
"""Characters of one word, brand, spec or tag."""

_KEYS = ("words", "brand", "spec", "tag")
_LISTS = ("any", "all", "not")
_WORD = re.compile(r"\w+")


class Described(Protocol):
    """What a rule looks at in a product."""

    @property
    def title(self) -> str:
        """Its title."""

    @property
    def brand(self) -> str:
        """Its brand."""

    @property
    def specs(self) -> Sequence[tuple[str, str]]:
        """Its specs as (name, value)."""

    @property
    def tags(self) -> Sequence[str]:
        """Its tags."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Conditions that must all hold; case and spacing make no difference.

    some: words or phrases of which the title has one at least; every: of which it has each; none: of which it has none.
    brand and tag: that it has; specs: (name, value) that it has. A phrase is found as whole words side by side.
    """

    some: tuple[str, ...] = ()
    every: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
    brand: str = ""
    specs: tuple[tuple[str, str], ...] = ()
    tag: str = ""

    def __post_init__(self) -> None:
        if not any((self.some, self.every, self.none, self.brand, self.specs, self.tag)):
            raise TaxonomyError(f"this rule says nothing; give it some of {', '.join(_KEYS)}")

    def matches(self, product: Described) -> bool:
        """Say whether a product meets every condition."""
        return (
            self._worded(product.title)
            and (not self.brand or name_key(self.brand) == name_key(product.brand))
            and (not self.tag or name_key(self.tag) in map(name_key, product.tags))
            and all(_pair(spec) in map(_pair, product.specs) for spec in self.specs)
        )

    def _worded(self, title: str) -> bool:
        if not (self.some or self.every or self.none):
            return True
        said = _spaced(title)
        some = not self.some or any(_spaced(word) in said for word in self.some)
        return some and all(_spaced(word) in said for word in self.every) and not self._barred(said)

    def _barred(self, said: str) -> bool:
        return any(_spaced(word) in said for word in self.none)

    def to_json(self) -> dict[str, Any]:
        """Return what `read` reads, without what is not asked for."""
        words = {"any": list(self.some), "all": list(self.every), "not": list(self.none)}
        said = {
            "words": {name: some for name, some in words.items() if some},
            "brand": self.brand,
            "spec": dict(self.specs),
            "tag": self.tag,
        }
        return {name: value for name, value in said.items() if value}

    @classmethod
    def read(cls, said: object) -> Self:
        """Make a rule of what JSON holds; raises TaxonomyError naming what is none."""
        if not isinstance(said, Mapping):
            raise TaxonomyError(f"a rule is a JSON object with some of {', '.join(_KEYS)}, not {str(said)[:40]!r}")
        if unknown := sorted(set(said) - set(_KEYS)):
            raise TaxonomyError(f"a rule has no {str(unknown[0])[:40]!r}; it has some of {', '.join(_KEYS)}")
        some, every, none = _listed(said["words"]) if "words" in said else ((), (), ())
        specs = said.get("spec", {})
        if not isinstance(specs, Mapping) or ("spec" in said and not specs):
            raise TaxonomyError('the spec of a rule is an object like {"Closure": "Laces"}')
        pairs = tuple((_text(name, "spec"), _text(value, "spec")) for name, value in specs.items())
        brand, tag = (_text(said[name], name) if name in said else "" for name in ("brand", "tag"))
        return cls(some, every, none, brand, pairs, tag)


def _listed(words: object) -> tuple[tuple[str, ...], ...]:
    """Return the words of each list of a rule."""
    if isinstance(words, list):  # the usual case, written short
        words = {"any": words}
    if not isinstance(words, Mapping) or not words or set(words) - set(_LISTS):
        raise TaxonomyError(f"the words of a rule are an object with some of {', '.join(_LISTS)}, or a list")
    return tuple(_words(words[name], name) if name in words else () for name in _LISTS)


def _words(said: object, name: str) -> tuple[str, ...]:
    if not isinstance(said, list) or not 1 <= len(said) <= WORD_LIMIT:
        raise TaxonomyError(f"the words under {name!r} are a list of 1 to {WORD_LIMIT} words or phrases")
    words = tuple(_text(word, "word") for word in said)
    empty = next((word for word in words if not _WORD.search(word)), None)
    if empty is not None:
        raise TaxonomyError(f"the word {empty!r} of a rule has no letter or digit, and no title would have it")
    return words


def _text(said: object, name: str) -> str:
    if isinstance(said, bool | int | float):  # the value of a spec may be written as a number
        said = str(said)
    if not isinstance(said, str) or not said.strip() or len(said) > CHARS:
        raise TaxonomyError(f"the {name} of a rule is a text of 1 to {CHARS} characters, not {str(said)[:40]!r}")
    return said


def _pair(spec: tuple[str, str]) -> tuple[str, str]:
    return name_key(spec[0]), name_key(spec[1])


def _spaced(text: str) -> str:
    return f" {' '.join(_WORD.findall(name_key(text)))} "
