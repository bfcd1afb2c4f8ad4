"""The lines of a byte stream as text: encoding found or given, every line bounded, bad ones marked instead of raised.

A byte order mark decides. Otherwise the file is ASCII until the first block with other bytes (256 KiB), and that block
decides: UTF-8 when most of its lines with such bytes are UTF-8, else what charset-normalizer makes of those lines. A
later line that is not valid in the file's encoding is marked `undecodable`; nothing is replaced silently.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from indexer.errors import SourceError
from indexer.sources.formats.streams import ByteStream
from indexer.sources.rows import Problem

LINE_BYTES = 1 << 20
"""A longer line is `too_long`; the longest product accepted has 200,000 characters of description."""
HEAD = 4096
SAMPLE = 1 << 15
_SHOWN = 1 << 12
_ASCII = bytes(range(128))

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CANDIDATES = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", "mac_roman", "cp850"),
    *("cp932", "euc_jp", "gb18030", "big5", "cp949"),
)


class Line(NamedTuple):
    """One line without its end; NUL characters are dropped. A bad one has a problem and what can be shown of it."""

    number: int
    text: str
    problem: Problem | None = None


class Lines:
    """Iterates the lines of `chunks`, numbered from 1; some may be handed back, to be read again.

    encoding: given or found, for people; "ascii" as long as nothing else was met.
    """

    def __init__(self, chunks: Iterable[bytes], encoding: str = "") -> None:
        self._chunks = iter(chunks)
        self._given = codecs.lookup(encoding).name if encoding else ""
        self.encoding = self._codec = self._given or "ascii"
        self._returned: list[Line] = []
        self._lines = self._read()

    def __iter__(self) -> Iterator[Line]:
        """Return itself: lines are read once."""
        return self

    def __next__(self) -> Line:
        """Return the next line, those handed back first."""
        return self._returned.pop() if self._returned else next(self._lines)

    def hand_back(self, lines: list[Line]) -> None:
        """Make `lines`, in their order, the next ones."""
        self._returned.extend(reversed(lines))

    def _read(self) -> Iterator[Line]:
        number = 0
        head, chunks = self._settled_head()
        end = b"\r" if b"\r" in head and b"\n" not in head else b"\n"
        for block, whole in _blocks(chunks, end):
            if not whole:
                number += 1
                reason = (
                    f"the line is longer than {LINE_BYTES:,} bytes; shorten it, or close the quote that makes it long"
                )
                yield Line(number, block.decode(self._codec, "replace"), Problem("too_long", reason))
                continue
            for text, problem in self._decoded(block, end):
                number += 1
                yield Line(number, text, problem)

    def _settled_head(self) -> tuple[bytes, Iterator[bytes]]:
        """Return the first bytes and all chunks, in an encoding that has ASCII's line ends."""
        head = b""
        for chunk in self._chunks:
            head += chunk
            if len(head) >= HEAD:
                break
        mark, marked = next(((mark, name) for mark, name in _MARKS if head.startswith(mark)), (b"", ""))
        encoding = marked or self._given or _wide(head)
        self.encoding = self._codec = encoding or "ascii"
        head, chunks = head[len(mark) :], self._chunks
        if _ASCII.decode(self._codec, "replace") != _ASCII.decode("ascii"):
            chunks = _recoded(chain([head], chunks), self._codec)
            head, self._codec = next(chunks, b""), "utf-8"
        return head, chain([head], chunks)

    def _decoded(self, block: bytes, end: bytes) -> Iterator[tuple[str, Problem | None]]:
        if self._codec == "ascii" and not block.isascii():
            self.encoding = self._codec = _encoding_of([line for line in block.split(end) if not line.isascii()])
        block = block.removesuffix(end)
        try:
            texts = block.decode(self._codec).replace("\0", "").split(end.decode())
        except UnicodeDecodeError:
            for line in block.split(end):
                text, problem = self._decoded_line(line)
                yield text.replace("\0", "").removesuffix("\r"), problem
        else:
            for text in texts:
                yield text.removesuffix("\r"), None

    def _decoded_line(self, line: bytes) -> tuple[str, Problem | None]:
        try:
            return line.decode(self._codec), None
        except UnicodeDecodeError as error:
            shown = line[max(0, error.start - 12) : error.start].decode(self._codec, "replace")
            reason = (
                f"byte 0x{line[error.start]:02x} after {shown!r} is not valid {self.encoding}; "
                "save the file in one encoding, best UTF-8"
            )
            return line.decode(self._codec, "replace"), Problem("undecodable", reason)


class TextRows:
    """What every format that is read line by line answers alike: encoding, size, place, end."""

    unit = "bytes"

    def __init__(self, stream: ByteStream, encoding: str = "") -> None:
        self._stream = stream
        self._lines = Lines(stream, encoding)

    @property
    def encoding(self) -> str:
        """Return the encoding of the file, "ascii" as long as nothing else was met."""
        return self._lines.encoding

    @property
    def total(self) -> int:
        """Return the size of the file on disk."""
        return self._stream.total

    @property
    def position(self) -> int:
        """Return how many of its bytes have been read."""
        return self._stream.position

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def _blocks(chunks: Iterable[bytes], end: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield whole lines, many at a time, with True; the start of a line over LINE_BYTES alone, with False."""
    rest, dropping = b"", False
    for chunk in chunks:
        if dropping:
            stop = chunk.find(end) + 1
            if not stop:
                continue
            rest, dropping = chunk[stop:], False
        else:
            rest += chunk
        first = rest.find(end)
        if first > LINE_BYTES:
            yield rest[:_SHOWN], False
            rest = rest[first + 1 :]
        cut = rest.rfind(end) + 1
        if cut:
            yield rest[:cut], True
            rest = rest[cut:]
        elif len(rest) > LINE_BYTES:
            yield rest[:_SHOWN], False
            rest, dropping = b"", True
    if rest:
        yield rest, True


def _wide(head: bytes) -> str:
    """Return the kind of UTF-16 whose zero bytes are in `head`, or ""."""
    high, low = head[::2].count(0), head[1::2].count(0)
    if max(high, low) < len(head) // 8 or max(high, low) < 4 * min(high, low):
        return ""
    return "utf-16-le" if low > high else "utf-16-be"


def _recoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Turn any encoding into UTF-8; what was not valid in it is not valid UTF-8 either, so that its line is marked."""
    decoder = codecs.getincrementaldecoder(encoding)(
        "surrogatepass" if encoding.startswith("utf") else "surrogateescape"
    )
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise SourceError(f"the file is not valid {encoding}: {error.reason}; save it as UTF-8") from error


def _encoding_of(lines: list[bytes]) -> str:
    """Return the encoding of lines that are not ASCII."""
    valid = sum(map(_is_utf8, lines))
    if 2 * valid > len(lines):
        return "utf-8"
    from charset_normalizer import from_bytes

    matches = from_bytes(b"\n".join(lines)[:SAMPLE], cp_isolation=list(_CANDIDATES))
    names = [name for match in matches for name in match.could_be_from_charset]
    # Western and Central European pages differ in few letters; the western one is by far the more frequent.
    return "cp1252" if "cp1252" in names or not names else names[0]


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
