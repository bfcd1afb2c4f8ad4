"""The bytes of a file in chunks, unpacked when it is gzipped, with the place in the file for progress."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from indexer.errors import SourceError

CHUNK = 1 << 18
GZIP_MAGIC = b"\x1f\x8b"
GZIP_RATIO = 250
"""Unpacked bytes per packed one that are accepted. Catalogues pack 3 to 30 times; gzip can do 1,032 at most."""
GZIP_FREE = 1 << 26
"""The ratio is looked at from 64 MiB on: a small file may repeat itself."""


class ByteStream:
    """The bytes of a regular file, read once. The file is open while it is iterated, not before."""

    def __init__(self, path: Path, *, gzip_ratio: int = GZIP_RATIO) -> None:
        self.path = path
        self.position = 0
        self._ratio = gzip_ratio
        self._file: BinaryIO | None = None
        try:
            self.total = path.stat().st_size
            with path.open("rb") as file:
                self.gzipped = file.read(2) == GZIP_MAGIC
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}") from error

    def __iter__(self) -> Iterator[bytes]:
        """Yield chunks of at most 256 KiB. Raises SourceError when the disk or gzip fails, after what could be read."""
        packed = self._packed()
        return self._unpacked(packed) if self.gzipped else packed

    def head(self, size: int) -> bytes:
        """Return the first `size` bytes, unpacked; the stream starts anew afterwards."""
        head = b""
        for chunk in self:
            head += chunk
            if len(head) >= size:
                break
        self.close()
        self.position = 0
        return head[:size]

    def close(self) -> None:
        """Close the file; needed only when it was not read to its end."""
        if self._file is not None:
            self._file.close()

    def _packed(self) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as file:
                self._file = file
                while chunk := file.read(CHUNK):
                    self.position += len(chunk)
                    yield chunk
        except OSError as error:
            raise SourceError(f"{self.path} cannot be read beyond byte {self.position:,}: {error.strerror}") from error

    def _unpacked(self, packed: Iterator[bytes]) -> Iterator[bytes]:
        inflater = zlib.decompressobj(wbits=31)
        size = 0
        try:
            for chunk in packed:
                while chunk:
                    if inflater.eof:  # several members make one file; zeros may pad it
                        chunk = chunk.lstrip(b"\0")  # noqa: PLW2901  (a chunk is consumed piece by piece)
                        inflater = zlib.decompressobj(wbits=31) if chunk else inflater
                        continue
                    data = inflater.decompress(chunk, CHUNK)
                    chunk = inflater.unconsumed_tail or inflater.unused_data  # noqa: PLW2901  (as above)
                    size += len(data)
                    self._check_ratio(size)
                    if data:
                        yield data
            if data := inflater.flush():
                yield data
        except zlib.error as error:
            raise SourceError(f"{self.path} is damaged near byte {self.position:,}: {error}; fetch it again") from error
        if not inflater.eof and size:
            raise SourceError(f"{self.path} ends inside its gzip data, at byte {self.total:,}; fetch it again")

    def _check_ratio(self, size: int) -> None:
        if size > GZIP_FREE and size > self._ratio * self.position:
            raise SourceError(
                f"{self.path} unpacks to over {self._ratio} times its size ({size:,} bytes from {self.position:,}), "
                "as only a decompression bomb does; unpack it yourself if you trust it"
            )
