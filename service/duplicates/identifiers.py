"""Article numbers that a product goes by: GTINs whose check digit holds, part numbers, and model numbers in its text.

A GTIN (EAN, UPC, ISBN) is the number itself, without leading zeros, so that the lengths it is written in are one. A
model number is what has letters and digits in one word, or is a long number, written small without hyphens and dots.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_CODE = re.compile(r"(?<![\w.])[a-z0-9](?:[a-z0-9./_-]*[a-z0-9])?(?![\w])")
_APART = re.compile(r"[./_-]")
_UNIT = re.compile(
    r"\d+(?:[.,]\d+)?(?:[kmgt]?[bowvh]z?|[kmgt]hz|[kmcd]?[mgl]|ml|mp|mah|wh|in|inch|ft|lbs?|oz|er|pk|pc|pcs|ct|x|p|k|th|st|"
    r"nd|rd|d|bit|ch|cm|mm|btu|rpm|gbit|port|way|pack|ply|dvd|cd|user|w|v|a)|[vx]\d{1,2}|\d+x\d+\w*|mp3|mp4|[0-9]+"
)
_ISBN = re.compile(r"\d{9}[\dx]")
_DIGITS = re.compile(r"(?<!\d)\d{12,14}(?!\d)")
LEAST, MOST = 4, 24
"""Letters and digits of a model number; a bare number has one more at least."""


def gtin(text: str) -> int:
    """Return the number of a GTIN of 8, 12, 13 or 14 digits or an ISBN-10, 0 when it is none or misread."""
    digits = re.sub(r"[\s-]", "", text).lower()
    if _ISBN.fullmatch(digits):
        return _of_isbn(digits)
    if not digits.isascii() or not digits.isdigit() or len(digits) not in {8, 12, 13, 14}:
        return 0
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return int(digits) if weighted % 10 == 0 else 0


def _of_isbn(digits: str) -> int:
    total = sum(
        (10 - place) * (10 if digit == "x" else int(digit))
        for place, digit in enumerate(digits)
        if digit != "x" or place == 9
    )
    if total % 11:
        return 0
    body = "978" + digits[:9]
    check = -sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body)) % 10
    return int(body) * 10 + check


def gtins_in(text: str) -> Iterator[int]:
    """Yield the GTINs of 12 to 14 digits that stand in running text: of eight, one in ten would be one by chance."""
    for found in _DIGITS.findall(text):
        if number := gtin(found):
            yield number


def code(text: str) -> str:
    """Return an article number as it is compared: small letters and digits alone."""
    return re.sub(r"[\W_]", "", text.casefold())


def models_in(text: str) -> Iterator[str]:
    """Yield the model numbers in text in small letters, as they are compared; a word may yield its pieces too."""
    for word in _CODE.findall(text):
        if word.isalpha() or len(word) < LEAST:
            continue
        joined = _APART.sub("", word)
        if _is_model(joined):
            yield joined
        if len(joined) < len(word):
            yield from (piece for piece in _APART.split(word) if len(piece) > LEAST and _is_model(piece))


def _is_model(word: str) -> bool:
    if not LEAST <= len(word) <= MOST or word.isalpha():
        return False
    return len(word) > LEAST if word.isdigit() else not _UNIT.fullmatch(word)
