"""A zip file that a stranger made, opened: what it lists is bounded before any of it is read."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

LISTING_BYTES = 1 << 25
"""Bytes of a zip's list of files, some 300,000 of them: each takes ten times as many in memory."""


class BoundedZip(zipfile.ZipFile):
    """A zip to read from. Raises OSError, and zipfile.BadZipFile for what is none or lists too much."""

    def __init__(self, path: Path) -> None:
        self._raw = _Raw(io.FileIO(path))
        try:
            super().__init__(self._raw)
        except BaseException:
            self._raw.close()
            raise
        self._raw.listed = True

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._raw.close()


class _Raw(io.BufferedReader):
    """The file. listed: whether the list of files, which is read at once, has been."""

    listed = False

    def read(self, size: int | None = -1, /) -> bytes:
        if not self.listed and size is not None and size > LISTING_BYTES:
            raise zipfile.BadZipFile(f"its list of files takes {size:,} bytes, the limit is {LISTING_BYTES:,}")
        return super().read(size)
