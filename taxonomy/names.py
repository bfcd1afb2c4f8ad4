"""Names and paths of categories: how they are cleaned, compared, limited and written as text."""

from __future__ import annotations

import re
import unicodedata

SEPARATOR = " > "
DEPTH_LIMIT = 20
NAME_CHARS = 200
NOTE_CHARS = 1_000
"""What a category says of itself beside its name is cut here; encoders read some 500 characters."""
NODE_LIMIT = 1_000_000

Path = tuple[str, ...]

_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")  # soft hyphen, zero-width space, word joiner, byte order mark
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # the last range cannot be written as UTF-8
# Windows-1252 read as Latin-1, as browsers repair it: blanking these would cost a letter of "N\x8cUD", which is "NŒUD".
_MISREAD = {code: bytes([code]).decode("cp1252", "ignore") or " " for code in range(0x80, 0xA0)}


class TaxonomyError(ValueError):
    """A tree, a path or a node that is refused; the text is meant for the user."""


def clean_name(text: str) -> str:
    """Return `text` as a name is stored: NFC, control characters and runs of white space as one space, stripped.

    The control characters that stand for letters and signs of Windows-1252 become those.
    """
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    readable = _CONTROL.sub(" ", _INVISIBLE.sub("", text).translate(_MISREAD))
    return " ".join(unicodedata.normalize("NFC", readable).split())


def name_key(text: str) -> str:
    """Return what two spellings of one name have in common: NFKC, casefolded, white space collapsed."""
    if text.isascii() and text.isprintable():
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", clean_name(text)).casefold()).split())


def without_accents(text: str) -> str:
    """Return text without the marks above and below its letters: NFKD, combining characters left out."""
    if text.isascii():
        return text
    return "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))


def plain_id(text: str) -> str:
    """Return a node id without surrounding space and without Shopify's prefix: "ap-1" of "gid://shopify/.../ap-1"."""
    return clean_name(text.rpartition("gid://shopify/TaxonomyCategory/")[2])


def name_fault(name: str) -> str:
    """Say why a cleaned name cannot be one of a tree, or return "" when it can."""
    if not name:
        return "a name is empty; give every level a name"
    if ">" in name:
        return f"the name {name[:80]!r} contains '>', which separates names; write it without"
    if len(name) > NAME_CHARS:
        return f"the name {name[:40]!r}... has {len(name):,} characters, the limit is {NAME_CHARS}; shorten it"
    return ""


def depth_fault(path: Path) -> str:
    """Say why a path has too few or too many levels, or return "" when it has not."""
    if 0 < len(path) <= DEPTH_LIMIT:
        return ""
    return f"it has {len(path)} levels; a path has 1 to {DEPTH_LIMIT}"


def path_text(path: Path) -> str:
    """Write a path as "A > B > C"; splitting at SEPARATOR gives its names back, as no name contains ">"."""
    return SEPARATOR.join(path)
