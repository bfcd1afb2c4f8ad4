"""The objects of a JSON file one by one, as bytes: of one array, or one after the other; bounded whatever it holds."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import chain

from indexer.errors import SourceError
from indexer.sources.formats.streams import ByteStream

OBJECT_BYTES = 1 << 23
"""A longer object is told as None: the longest product and a thousand annotations take less."""

_BETWEEN = re.compile(rb"[{}]")
_INSIDE = re.compile(rb'["{}\[\]]')
_TEXT = re.compile(rb'"|\\.', re.DOTALL)
_BLANK = b" \t\r\n,[]"
_MARK = codecs.BOM_UTF8


def objects(stream: ByteStream) -> Iterator[bytes | None]:
    """Yield the bytes of each object of an array, or of objects one after the other; None for one that is too long.

    Raises SourceError where it is no such file, or breaks off.
    """
    held, at, number = b"", 0, 1
    depth, inside, long = 0, False, False
    arrays = 0  # that are open around the objects: one or none
    for chunk in _unmarked(stream):
        held += chunk
        begin = 0  # of the object that is read, at depth 0 of what comes before the next
        while found := (_TEXT if inside else _INSIDE if depth else _BETWEEN).search(held, at):
            token, at = found[0], found.end()
            if inside or token == b'"':
                inside = not inside if token == b'"' else inside
                continue
            if depth == 0:
                arrays += _opened(held[begin : found.start()] + token.strip(b"{"), stream, number)
                begin = found.start()
            depth += 1 if token in {b"{", b"["} else -1
            if depth == 0:
                yield None if long else held[begin:at]
                begin, long, number = at, False, number + 1
        if depth == 0:
            arrays += _opened(held[begin:], stream, number)
        # What was looked through is not looked at again, but for a backslash whose character is in the next chunk.
        at = len(held) - (inside and held[at:].endswith(b"\\"))
        long = long or (depth > 0 and len(held) - begin > OBJECT_BYTES)
        begin = at if long or depth == 0 else begin
        held, at = held[begin:], at - begin
    if depth or arrays > 0:
        raise SourceError(
            f"{stream.path} breaks off {'inside' if depth else 'before'} task {number:,}; export it again"
        )


def _unmarked(stream: ByteStream) -> Iterator[bytes]:
    """Yield the chunks of a file without its byte order mark."""
    head, chunks = b"", iter(stream)
    for chunk in chunks:
        head += chunk
        if len(head) >= len(_MARK):
            break
    return chain([head.removeprefix(_MARK)], chunks)


def _opened(between: bytes, stream: ByteStream, number: int) -> int:
    """Return how many arrays what stands between objects opens, less those it closes. Raises SourceError for others."""
    if between.strip(_BLANK):
        raise SourceError(f"{stream.path} is no JSON of Label Studio, from task {number:,} on; export it again")
    return between.count(b"[") - between.count(b"]")
