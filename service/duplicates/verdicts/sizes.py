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
    rf"(?:[-,/(|]\s*|\bsize:?\s+|\bgr\.?\s+|\btaille\s+)({_LETTERS})(?=\s*(?:[-,/)|]|$))|\b(xxs|xs|xl|xxl|xxxl|[2-6]xl)\b"
)
_SHOE = re.compile(r"\b(?:(eu|eur|uk|us)\s?|(?:size|gr\.?|größe|pointure)\s+)(\d{1,2}(?:[.,]5)?)\b")
_SAME = {"small": "s", "medium": "m", "large": "l", "x-large": "xl", "xx-large": "xxl", "2xl": "xxl", "3xl": "xxxl"}


def sizes_in(title: str) -> Iterator[tuple[str, str]]:
    """Yield size as it is compared, and as it is written, for each size in a title in small letters."""
    for match in _TITLE.finditer(title):
        word = match.group(1) or match.group(2)
        yield _SAME.get(word, word), word
    for match in _SHOE.finditer(title):
        yield (match.group(1) or "") + match.group(2).replace(",", "."), match.group().strip()


def size(value: str) -> str:
    """Return the value of a spec that says a size as it is compared."""
    word = re.sub(r"\s+", "", value.casefold())
    return _SAME.get(word, word)
