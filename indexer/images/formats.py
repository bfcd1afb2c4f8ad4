"""Which format the bytes of a picture are, and the same file without what is not the picture.

The first bytes decide, never a name. JPEG, PNG and GIF are walked block by block before any decoder sees them:
comments, profiles, previews and whatever hangs on behind are left out, so that nobody parses them, and a file of a
million tiny blocks, which would take seconds to step through, is refused after some thousands.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

Format = Literal["JPEG", "PNG", "WEBP", "GIF", "AVIF"]

BLOCKS = 20_000
"""Blocks of one file at most: a PNG of 20 MB has 2,500 of the usual size."""
SCANS = 24
"""Scans of one JPEG at most: progressive files have about ten, and each costs as much time as the whole picture."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset([b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"])
_BRANDS = (b"avif", b"avis")
_ORIENTATION = 0x0112
_ENTRIES = 1_000


class Refused(ValueError):
    """A file is refused before it is decoded; the text is the reason, with the remedy. Never leaves this package."""


@dataclass(frozen=True, slots=True)
class Bare:
    """A file to decode: its format, its bytes without metadata, and its raw EXIF, b"" when it has none here.

    WebP and AVIF, which decoders in C step through, are left as they are; their EXIF comes with the decoded picture.
    """

    format: Format
    data: bytes
    exif: bytes = b""


def bare(data: bytes) -> Bare:
    """Return what is to be decoded of a file; raises Refused when it is none of the formats, cut off or odd."""
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(_PNG_SIGNATURE):
        return _png(data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _gif(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        if len(data) + 1 < int.from_bytes(data[4:8], "little") + 8:  # the last byte of padding is often left out
            raise _cut("WEBP")
        return Bare("WEBP", data)
    if data[4:8] == b"ftyp" and any(brand in data[8:64] for brand in _BRANDS):
        return Bare("AVIF", data)
    if not data:
        raise Refused("the file is empty; send the picture again")
    raise Refused("the file is none of JPEG, PNG, WebP, GIF and AVIF, whatever its name; convert it to one of them")


def orientation(exif: bytes) -> int:
    """Return how a picture has to be turned, 1 to 8 as in EXIF 2.3 (tag 0x0112); 1, not at all, unless said."""
    body = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(body[:2], "")
    if not order:
        return 1
    try:
        (first,) = struct.unpack_from(f"{order}I", body, 4)
        (count,) = struct.unpack_from(f"{order}H", body, first)
        for at in range(first + 2, first + 2 + 12 * min(count, _ENTRIES), 12):
            tag, _kind, _count, value = struct.unpack_from(f"{order}HHIH", body, at)
            if tag == _ORIENTATION:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass  # it ends before it says so
    return 1


def _jpeg(data: bytes) -> Bare:
    """Keep what decodes: tables, frame, scans, and of applications' segments JFIF and Adobe, which name the colours."""
    kept, exif, at = [data[:2]], b"", 2
    for _ in range(BLOCKS):
        at = data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data):
            raise _cut("JPEG")
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
        elif marker <= 0x01 or 0xD0 <= marker <= 0xD8:  # they stand alone and mean nothing here
            at += 2
        elif marker == 0xD9:
            raise Refused("the JPEG file ends before its picture begins; send the whole file")
        elif marker == 0xDA:
            return Bare("JPEG", b"".join((*kept, _scans(data, at))), exif)
        else:
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            if end > len(data):
                raise _cut("JPEG")
            if marker in (0xE0, 0xEE) or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
                kept.append(data[at:end])
            elif marker == 0xE1 and data.startswith(b"Exif\0\0", at + 4):
                exif = exif or data[at + 4 : end]
            at = end
    raise _odd("JPEG", f"{BLOCKS:,} blocks")


def _scans(data: bytes, at: int) -> bytes:
    """Return the picture from its first scan to its end; scans escape 0xFF, so that markers are found by value."""
    end = data.find(b"\xff\xd9", at)
    end = len(data) if end < 0 else end + 2
    if data.count(b"\xff\xda", at, end) > SCANS:
        raise _odd("JPEG", f"{SCANS} scans")
    return data[at:end]


def _png(data: bytes) -> Bare:
    kept, exif, at = [_PNG_SIGNATURE], b"", len(_PNG_SIGNATURE)
    for _ in range(BLOCKS):
        if at == len(data):  # whether there are enough rows is seen when they are decoded
            return Bare("PNG", b"".join(kept), exif)
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            raise _cut("PNG")
        kind = data[at + 4 : at + 8]
        if kind in _PNG_KEPT:
            kept.append(data[at:end])
        elif kind == b"eXIf":
            exif = data[at + 8 : end - 4]
        if kind == b"IEND":
            return Bare("PNG", b"".join(kept), exif)
        at = end
    raise _odd("PNG", f"{BLOCKS:,} blocks")


def _gif(data: bytes) -> Bare:
    """Keep screen, palette, what is said of the first frame's transparency, and everything from that frame on."""
    if len(data) < 13:
        raise _cut("GIF")
    at = 13 + ((3 << ((data[10] & 7) + 1)) if data[10] & 0x80 else 0)
    head, control, steps = data[:at], b"", 0
    while data[at : at + 1] == b"!":
        begin, at = at, at + 2
        while size := int.from_bytes(data[at : at + 1], "big"):
            at, steps = at + 1 + size, steps + 1
            if steps > BLOCKS:
                raise _odd("GIF", f"{BLOCKS:,} blocks")
        at, steps = at + 1, steps + 1
        if data[begin + 1 : begin + 2] == b"\xf9":
            control = data[begin:at]
        if steps > BLOCKS:
            raise _odd("GIF", f"{BLOCKS:,} blocks")
    if at >= len(data):
        raise _cut("GIF")
    return Bare("GIF", head + control + data[at:])


def _cut(name: Format) -> Refused:
    return Refused(f"the {name} file is truncated: it ends at a place where more must follow; send the whole file")


def _odd(name: Format, limit: str) -> Refused:
    return Refused(f"the {name} file has more than {limit}, the limit; save it anew with any image editor")
