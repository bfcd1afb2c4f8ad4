"""A file that lists something by named columns, as pairs or decisions; read as often as is needed, row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from indexer.errors import MissingColumn
from indexer.sources import table
from indexer.sources.rows import Record

SAMPLE = 1_000
"""Rows that the columns of a file without a header are taken from."""


class Listed:
    """The rows of one file, and the columns that it has."""

    def __init__(self, source: Path) -> None:
        self.source = source
        rows = table(source)
        try:
            names = [name for row in islice(iter(rows), SAMPLE) for name in row.fields] if not rows.columns else ()
        finally:
            rows.close()
        self.columns = rows.columns or tuple(dict.fromkeys(names))

    def check(self, names: Sequence[str]) -> None:
        """Raise MissingColumn when one of some columns is not there."""
        if absent := [name for name in names if name not in self.columns]:
            known = ", ".join(self.columns[:20]) or "none"
            raise MissingColumn(
                f"{self.source} has no column {' and no '.join(absent)}, its columns are {known}; rename them"
            )

    def rows(self) -> Iterator[Record]:
        """Yield the rows of the file."""
        rows = table(self.source)
        try:
            yield from rows
        finally:
            rows.close()
