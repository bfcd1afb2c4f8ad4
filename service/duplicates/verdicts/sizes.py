"""Sizes of clothes and shoes: letters where they stand apart, and whatever a spec named size says."""

from __future__ import annotations

import re

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
    rf"(?:[-\u2013,/(|]\s*|\bsize:?\s+|\bgr\.?\s+|\bgr(?:ö|oe)(?:ß|ss)e:?\s+|\btaille\s+)({_LETTERS})(?=\s*(?:[-\u2013,/)|!]|$))|\b(xxs|xs|xl|xxl|xxxl|[2-6]xl)\b"
)
_SHOE = re.compile(
    r"\b(?:(eu|eur|uk|us)\s?|(?:size|gr\.?|größe|groesse|taille|pointure):?\s+)(\d{1,2}(?:[.,]5)?)\b(?!\s?(?:eu|uk|us)\b)"
    r"|\b(?P<number>\d{1,2}(?:[.,]5)?)\s?(?P<whose>eu|eur|uk|us)\b"
)
_BED = re.compile(r"\b(single|double|king|super ?king|queen)(?: size\b|$)")
_LAST = re.compile(r"(?<=[^\W\d_]{3} )[sml]$")
_JEANS = re.compile(
    r"\bw\s?(\d\d)\s?[/x-]?\s?l\s?(\d\d)\b|(?<![\d/.,])(2[4-9]|3\d|4[0-4])/(2[89]|3[02468])(?![\d/.,]|\s?[a-z]{1,2}\b)"
)
_TYRE = re.compile(r"\b(\d{3})/(\d\d)\s?z?r\s?(\d\d)\b")
_EUROPEAN = 34
"""Numbers from here on are European where nobody says whose."""
_SAME = {"small": "s", "medium": "m", "large": "l", "x-large": "xl", "xx-large": "xxl", "2xl": "xxl", "3xl": "xxxl"}


def sizes_in(title: str) -> dict[str, str]:
    """Return what sizes a title in small letters says: each as it is compared, and as it is written."""
    made = {_SAME.get(word, word): word for match in _TITLE.finditer(title) if (word := match[1] or match[2])}
    if title.endswith((" s", " m", " l")) and (last := _LAST.search(title)):
        made.setdefault(last[0], last[0])
    for match in _BED.finditer(title):
        made.setdefault(match[1], match[0])
    if not any(map(str.isdigit, title)):
        return made
    for match in _SHOE.finditer(title):
        made.setdefault(_numbered(match[1] or match["whose"] or "", match[2] or match["number"]), match[0].strip())
    for match in _JEANS.finditer(title):
        made.setdefault(f"w{match[1] or match[3]}l{match[2] or match[4]}", match[0])
    for match in _TYRE.finditer(title):
        made.setdefault("/".join(match.groups()), match[0])
    return made


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
