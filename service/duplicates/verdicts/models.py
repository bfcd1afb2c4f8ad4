"""Model numbers in running text: what has letters and digits in one word, or is a long number.

More is taken for one than `indexer.codes` looks products up by, and pieces of a word too: it is only compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_CODE = re.compile(r"(?<![\w.])(?=[a-z./_-]*[0-9])[a-z0-9](?:[a-z0-9./_-]*[a-z0-9])?(?![\w])")
_APART = re.compile(r"[./_-]")
_MEASURE = r"(?! ?(?:[mk]?[glmwvx\xd7%\"]|[cm]m|[mgt]b|cl|k?hz|rpm|stk|pcs)(?!\w))"
_GROUPED = re.compile(rf"(?<![\w.,/])\d{{2,3}}(?: \d{{2,3}}){{2,3}}(?![\w.,/%]){_MEASURE}")
"""A number that is written in groups, as some makers do: 87 01 250."""
_SPACED = re.compile(rf"\b([a-z]{{1,3}}) (\d{{2,}}[a-z]{{0,3}}(?:[ /-]\d+)?)\b{_MEASURE}")
_SERIES = re.compile(r"\b([bcdfghj-np-tv-xz]{3,4})[ -](?=[a-z]?\d)")
_UNIT = re.compile(
    r"\d+(?:[.,]\d+)?(?:[kmgt]?[bowvh]z?|[kmgt]hz|[kmcd]?[mgl]|ml|mp|mah|wh|in|inch|ft|lbs?|oz|er|pk|pc|pcs|ct|p|k|th|st|"
    r"nd|rd|d|bit|ch|cm|mm|btu|rpm|gbit|port|way|pack|ply|dvd|cd|user|w|v|a)|[vx]\d{1,2}|\d{1,3}x|\d+x\d+\w*|mp3|mp4|[0-9]+|"
    r"(?:lga|ddr|usb|hdmi|cat|ip|wifi|pcie?|sata|rj|gen|win|cl|am)\d{1,5}[a-z]?|\d{1,2}[a-z]{4,}|\d{1,2}w\d\d"
)
_COUNTED = re.compile(r" ?(?:mah|wh|btu|lm|lumens?|lux|rpm|dpi|pa|hz|pcs|stk)(?!\w)")
"""A unit of what there is ten thousand of: 10000 mAh. Letters that are sizes, too, are not among them."""
LEAST, MOST = 4, 24
"""Letters and digits of a model number; a bare number has one more at least."""


def models_in(text: str) -> Iterator[str]:
    """Yield the model numbers in text in small letters, as they are compared; a word may yield its pieces too."""
    for found in _CODE.finditer(text):
        word = found[0]
        if word.isalpha() or len(word) < LEAST or (word.isdigit() and _COUNTED.match(text, found.end())):
            continue
        joined, pieces = _APART.sub("", word), _APART.split(word)
        if _is_model(joined) and ("/" not in word or any(map(_is_model, pieces))):  # not of 12/256 or 600mm/475mm
            yield joined
        if len(pieces) > 1:
            yield from (piece for piece in pieces if len(piece) > LEAST and _is_model(piece))


def apart_in(text: str) -> Iterator[str]:
    """Yield model numbers that stand in several words of a text in small letters: 87 01 250, W 712/95."""
    for digits in _GROUPED.findall(text):
        yield digits.replace(" ", "")
    for letters, rest in _SPACED.findall(text):
        yield letters + _APART.sub("", rest)


def series_in(text: str) -> Iterator[str]:
    """Yield what stands before a number and cannot be spoken, as it may be all that differs: GSB and GSR 18V-55."""
    yield from _SERIES.findall(text)


def _is_model(word: str) -> bool:
    if not LEAST <= len(word) <= MOST or word.isalpha():
        return False
    return len(word) > LEAST if word.isdigit() else not _UNIT.fullmatch(word)
