"""What a product says of itself, as phrases: up to LONGEST words in a row of its title and of what its specs say.

Anything but spaces and hyphens parts phrases, and numbers do. How a phrase is said tells more than how often: colours
stand alone in specs, articles and prepositions never stand last, units follow numbers. None of it needs to know the
language, but for the words that mean yes and no.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from zlib import crc32

from indexer.product import Product
from service.tags.words import words_of

LONGEST = 3
WORDS = 100
"""Words of one text that are looked at, and of all specs together three times as many."""
VALUE = 5
"""Words that stand between two marks in a spec; more are a sentence and no value."""

FIRST, LAST, ALONE, COUNTED, BRAND = (1 << place for place in range(5))
"""How a phrase is said: first, last or alone between two marks; after a number; as its brand or a part of that."""
WAYS = 5

NO = frozenset({"no", "false", "n", "nein", "non", "na", "n/a", "none", "null", "nil"})
YES = frozenset({"yes", "true", "y", "ja", "oui", "si", "sí"})
"""What a spec says of a property that is its name: `waterproof: yes`."""

_MARK = re.compile("[^\\w\\s'\u2019-]+|\\s-+\\s|_+")  # apostrophes and hyphens inside a phrase part nothing

Run = tuple[Sequence[str], int]
"""Words in a row, and the ways that hold for the whole of them."""


def said(product: Product) -> dict[str, tuple[int, int]]:
    """Return the phrases of a product: its ways, and a bit for the word that its title opens with beside the phrase.

    The bit is one of 64, by hash; 0 without such a word. Products of one family open alike, whatever their colour. A
    title is read without the brand that it begins with.
    """
    ways: dict[str, int] = {}
    title = _unbranded(product.title, product.brand)
    for run in _runs(title):
        _read(run, ways)
    for run in _of_specs(product.specs):
        _read(run, ways)
    brand = f" {' '.join(words_of(product.brand))} "
    opening = words_of(title[: 20 * WORDS])[: LONGEST + 1]
    bits = [1 << (crc32(word.encode("utf-8", "surrogatepass")) & 63) for word in opening]
    found = {}
    for phrase, way in ways.items():
        size = phrase.count(" ") + 1
        start = size if " ".join(opening[:size]) == phrase else 0
        branded = BRAND if f" {phrase} " in brand else 0
        found[phrase] = way | branded, bits[start] if start < len(bits) else 0
    return found


def names_of(product: Product) -> set[str]:
    """Return the names of its specs, as phrases; not of those that say no more than yes or no."""
    return {" ".join(words_of(name)) for name, value in product.specs if value.strip().casefold() not in YES | NO}


def _of_specs(specs: Sequence[tuple[str, str]]) -> Iterator[Run]:
    left = 3 * WORDS
    for name, value in specs:
        answer = value.strip().casefold()
        if answer in NO:
            continue
        if answer in YES:
            yield words_of(name), FIRST | LAST | ALONE
        elif len(value) < 20 * WORDS:
            for run in _runs(value):
                if len(run[0]) <= VALUE:
                    yield run
                    left -= len(run[0])
        if left <= 0:
            return


def _runs(text: str) -> Iterator[Run]:
    """Yield the runs of words of a text; a number ends one."""
    left = WORDS
    for piece in _MARK.split(text[: 20 * WORDS]):
        words = words_of(piece)[:left]
        left -= len(words)
        run: list[str] = []
        ways = FIRST
        for word in words:
            if word.isalpha() or not any(map(str.isdigit, word)):
                run.append(word)
                continue
            if run:
                yield run, ways
            run, ways = [], COUNTED if word.isdecimal() else 0
        if run:
            yield run, ways | LAST | (ALONE if ways & FIRST else 0)


def _read(run: Run, ways: dict[str, int]) -> None:
    """Add the phrases of a run, each with the ways that hold for it."""
    words, way = run
    size = len(words)
    for start in range(size):
        phrase = words[start]
        for end in range(start + 1, min(start + LONGEST, size) + 1):
            if end > start + 1:
                phrase = f"{phrase} {words[end - 1]}"
            here = way & (FIRST | COUNTED) if start == 0 else 0
            if end == size:
                here |= way & (LAST | ALONE if start == 0 else LAST)
            ways[phrase] = ways.get(phrase, 0) | here


def _unbranded(title: str, brand: str) -> str:
    """Return a title without the brand that it begins with."""
    start = len(brand)
    begins = brand and title[:start].casefold() == brand.casefold() and not title[start : start + 1].isalnum()
    return title[start:] if begins else title
