"""Sizes of clothes and shoes: letters where they stand apart, and whatever a spec named size says."""

from __future__ import annotations

import re
from collections.abc import Iterator

NAMES = frozenset(
    [
        "size",
        "größe",
        "groesse",
        "taille",
        "talla",
        "maat",
        "taglia",
        "pointure",
        "schuhgröße",
        "clothing_size",
        "shoe_size",
    ]
)
"""Names of specs that say a size, their spaces written as underscores."""

_LETTERS = r"(?:xxxs|xxs|xs|s|m|l|xl|xxl|xxxl|[2-6]xl|small|medium|large|x-large|xx-large|one size)"
_TITLE = re.compile(
    rf"(?:[-,/(|]\s*|\bsize:?\s+|\bgr\.?\s+|\bgr(?:ö|oe)(?:ß|ss)e:?\s+|\btaille\s+)({_LETTERS})(?=\s*(?:[-,/)|]|$))|\b(xxs|xs|xl|xxl|xxxl|[2-6]xl)\b"
)
_SHOE = re.compile(r"\b(?:(eu|eur|uk|us)\s?|(?:size|gr\.?|größe|groesse|taille|pointure):?\s+)(\d{1,2}(?:[.,]5)?)\b")
_EUROPEAN = 34
"""Numbers from here on are European where nobody says whose."""
_SAME = {"small": "s", "medium": "m", "large": "l", "x-large": "xl", "xx-large": "xxl", "2xl": "xxl", "3xl": "xxxl"}


def sizes_in(title: str) -> Iterator[tuple[str, str]]:
    """Yield size as it is compared, and as it is written, for each size in a title in small letters."""
    for match in _TITLE.finditer(title):
        word = match.group(1) or match.group(2)
        yield _SAME.get(word, word), word
    for match in _SHOE.finditer(title):
        yield _numbered(match.group(1) or "", match.group(2)), match.group().strip()


def size(value: str) -> str:
    """Return the value of a spec that says a size as it is compared."""
    word = re.sub(r"\s+", "", value.casefold())
    if number := re.fullmatch(r"(eur?|uk|us)?(\d{1,2}(?:[.,]5)?)", word):
        return _numbered(number.group(1) or "", number.group(2))
    return _SAME.get(word, word)


def _numbered(whose: str, number: str) -> str:
    """Return a size that is a number as it is compared: `eu 42` and `42` are one, `uk 8` and `8` are not."""
    number = number.replace(",", ".")
    european = whose.startswith("eu") or (not whose and float(number) >= _EUROPEAN)
    return f"eu{number}" if european else f"{whose}{number}"
