"""A file that has to be unpacked, read by a process of its own, for whoever must not fall with it.

A workbook or Parquet file of some kilobytes can ask its reader for any amount of memory, and readers of such files are
large programs. What a stranger uploads is read by `unpacking`: that may take so much memory, and so long for a row, and
says each row as a line of JSON.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from indexer.errors import SourceError
from indexer.sources.formats import Records
from indexer.sources.rows import Problem, Record

KINDS = frozenset({"parquet", "xlsx"})
"""Formats whose readers unpack more than they show."""
MEMORY = 1 << 31
"""Bytes that the reader of such a file may take."""
SECONDS = 120
"""Seconds that the next rows may take."""
CHUNK = 1 << 16
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def unpacked(kind: str, path: Path) -> Records:
    """Open a file of one of KINDS in this process; raises SourceError."""
    if kind == "parquet":
        from indexer.sources.formats.parquet import ParquetRows

        return ParquetRows(path)
    from indexer.sources.formats.xlsx import SheetRows

    return SheetRows(path)


class ApartRows:
    """The rows of a file as the reader of its kind gives them. Raises SourceError for what that refuses, or its end."""

    def __init__(self, kind: str, path: Path) -> None:
        self._path = path
        self._process = subprocess.Popen(  # noqa: S603 - this program, and a path that was made here
            [sys.executable, "-P", "-m", "indexer.sources.formats.unpacking", kind, str(path), str(MEMORY)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | _ONE_THREAD | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # Ctrl-C is for the service, which ends it then
        )
        self.position = 0
        self._said = self._hear()
        try:
            said = next(self._said)
        except BaseException:
            self.close()
            raise
        self.columns: tuple[str, ...] = tuple(said["columns"])
        self.unit: str = said["unit"]
        self.total: int | None = said["total"]

    def __iter__(self) -> Iterator[Record]:
        """Yield each row."""
        for number, fields, problem, position in self._said:
            self.position = position
            yield Record(number, fields, Problem(*problem) if problem else None)
        self.close()

    def close(self) -> None:
        """End the process, wherever it is."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _hear(self) -> Iterator[Any]:
        """Yield what the process says, line by line, until it says that this was all."""
        for line in self._lines():
            said = orjson.loads(line)
            if said is None:
                return
            if isinstance(said, dict) and "error" in said:
                raise SourceError(said["error"])
            yield said
        raise SourceError(f"{self._path} cannot be read: its reader came to an end; save it anew, or as CSV UTF-8")

    def _lines(self) -> Iterator[bytes]:
        pipe = self._process.stdout
        if pipe is None:
            raise TypeError("it was opened with one")
        waiting, rest = select.poll(), b""
        waiting.register(pipe, select.POLLIN)
        while waiting.poll(SECONDS * 1000):
            data = os.read(pipe.fileno(), CHUNK)
            if not data:
                return
            *whole, rest = (rest + data).split(b"\n")
            yield from whole
        raise SourceError(f"{self._path} gave no row for {SECONDS} s, the limit; save it anew, or as CSV UTF-8")
