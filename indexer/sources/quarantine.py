"""The file of refused rows: one JSON line each, so that a supplier can be told what to mend."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from indexer.errors import SourceError
from indexer.sources.rows import Row

FIELD_CHARS = 500
FIELD_COUNT = 100


class Quarantine:
    """Writes refused rows to `path`, a fresh file on each run.

    A line holds `line`, `id`, `code`, `reason` and the `row`'s raw fields, cut to 500 characters of the first 100.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        """Create the file. Raises SourceError when it cannot be written."""
        try:
            # A lone surrogate is written as \udc80, which is its escape in JSON too.
            self._file = self.path.open("w", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise SourceError(f"the quarantine file {self.path} cannot be written: {error.strerror}") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def add(self, row: Row) -> None:
        """Write one row that has a problem."""
        if self._file is None or row.problem is None:
            raise ValueError("add takes rows with a problem, inside the with block")
        raw = {name[:FIELD_CHARS]: text[:FIELD_CHARS] for name, text in list(row.fields.items())[:FIELD_COUNT]}
        entry = {"line": row.number, "id": row.id[:FIELD_CHARS], "code": row.problem.code, "reason": row.problem.reason}
        self._file.write(json.dumps({**entry, "row": raw}, ensure_ascii=False) + "\n")
