"""Which known tags a product names itself, and how plainly: in a spec, in its text, or only the value of `key:value`.

How far each way can be believed is learnt by `service/calibration/tagging.py`; here it is only found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.product import Product

UNNAMED, VALUE, TEXT, SPEC = range(4)
LEVELS = 4
"""Not named; of `key:value` the value alone in the text; all its words in a row in the text; said by a spec."""

LONGEST = 6
"""Words of a tag at most that are looked for in a text."""
TOKENS = 2_000
"""Words of a text at most that are looked at."""

_WORD = re.compile(r"[^\W_]+")
_PARTS = re.compile(r"[|;,/]")
_YES = frozenset({"yes", "true", "1", "y", "ja", "oui", "si", "sí", "x"})

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """Tags that n products name, flat: product `row[i]` names tag number `tag[i]` at `level[i]`; each pair once."""

    row: npt.NDArray[np.int64]
    tag: npt.NDArray[np.int64]
    level: npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class TagWords:
    """Tag numbers by the words that name them; `whole` by all words of the tag, `value` by those after its colon."""

    whole: Mapping[Words, tuple[int, ...]]
    value: Mapping[Words, tuple[int, ...]]
    longest: int

    @classmethod
    def of(cls, tags: Sequence[str], aliases: Mapping[str, str]) -> TagWords:
        """Learn the words of tags, numbered in their order; aliases: another word -> the tag."""
        number = {tag: place for place, tag in enumerate(tags)}
        whole: dict[Words, tuple[int, ...]] = {}
        value: dict[Words, tuple[int, ...]] = {}
        for word, tag in [*((tag, tag) for tag in tags), *aliases.items()]:
            if tag not in number:
                continue
            _add(whole, words_of(word), number[tag])
            _, colon, said = word.partition(":")
            if colon:
                _add(value, words_of(said), number[tag])
        longest = max((len(words) for words in (*whole, *value)), default=0)
        return cls(whole, value, min(longest, LONGEST))

    def named(self, products: Sequence[Product]) -> Named:
        """Return which tags each product names; of several levels the plainest counts."""
        rows: list[int] = []
        tags: list[int] = []
        levels: list[int] = []
        for row, product in enumerate(products):
            found = self._named(product)
            rows += [row] * len(found)
            tags += found.keys()
            levels += found.values()
        return Named(np.array(rows, np.int64), np.array(tags, np.int64), np.array(levels, np.int8))

    def _named(self, product: Product) -> dict[int, int]:
        found: dict[int, int] = {}
        for phrase in phrases_of(product, self.longest):
            for tag in self.value.get(phrase, ()):
                found.setdefault(tag, VALUE)
            for tag in self.whole.get(phrase, ()):
                found[tag] = TEXT
        for phrase in _said_by_specs(product):
            for tag in self.value.get(phrase, ()):
                found.setdefault(tag, VALUE)
            for tag in self.whole.get(phrase, ()):
                found[tag] = SPEC
        return found


def words_of(text: str) -> Words:
    """Return the words of a text, casefolded; what is neither letter nor digit parts them."""
    return tuple(word.casefold() for word in _WORD.findall(text))


def phrases_of(product: Product, longest: int) -> Iterator[Words]:
    """Yield every run of up to `longest` words of title, brand and description, none over two of these."""
    left = TOKENS
    for text in (product.title, product.brand, product.description):
        words = words_of(text[: 20 * left])[:left]
        left -= len(words)
        for start in range(len(words)):
            for end in range(start + 1, min(start + longest, len(words)) + 1):
                yield words[start:end]


def _said_by_specs(product: Product) -> Iterator[Words]:
    """Yield what specs say: each value, and each value with its name before it; of yes the name alone."""
    for name, value in product.specs:
        key = words_of(name)
        for part in _distinct([value, *_PARTS.split(value)]):
            said = words_of(part)
            if said:
                yield said
                yield (*key, *said)
            if len(said) == 1 and said[0] in _YES:
                yield key


def _distinct(texts: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(texts)


def _add(known: dict[Words, tuple[int, ...]], words: Words, tag: int) -> None:
    if words and tag not in known.get(words, ()):
        known[words] = (*known.get(words, ()), tag)
