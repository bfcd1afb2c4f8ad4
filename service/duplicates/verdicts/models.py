"""Model numbers in running text: what has letters and digits in one word, or is a long number.

More is taken for one than `indexer.codes` looks products up by, and pieces of a word too: it is only compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_CODE = re.compile(r"(?<![\w.])(?=[a-z./_-]*[0-9])[a-z0-9](?:[a-z0-9./_-]*[a-z0-9])?(?![\w])")
_APART = re.compile(r"[./_-]")
_UNIT = re.compile(
    r"\d+(?:[.,]\d+)?(?:[kmgt]?[bowvh]z?|[kmgt]hz|[kmcd]?[mgl]|ml|mp|mah|wh|in|inch|ft|lbs?|oz|er|pk|pc|pcs|ct|x|p|k|th|st|"
    r"nd|rd|d|bit|ch|cm|mm|btu|rpm|gbit|port|way|pack|ply|dvd|cd|user|w|v|a)|[vx]\d{1,2}|\d+x\d+\w*|mp3|mp4|[0-9]+"
)
LEAST, MOST = 4, 24
"""Letters and digits of a model number; a bare number has one more at least."""


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
