"""Parquet, a batch of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from indexer.errors import SourceError
from indexer.sources.formats import cell_text, unique
from indexer.sources.rows import Problem, Record

BATCH_ROWS = 500


class ParquetRows:
    """The rows of a Parquet file, numbered from 1. Raises SourceError when the file is damaged."""

    unit = "rows"

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._path = path
        self._errors = (pa.ArrowException, OSError)
        self.position = 0
        try:
            with pq.ParquetFile(path) as file:
                self.total: int | None = file.metadata.num_rows
                self.columns = unique(file.schema_arrow.names, path)
        except self._errors as error:
            raise SourceError(f"{path} cannot be read as Parquet: {error}") from error

    def close(self) -> None:
        """Do nothing: the file is open only while the iterator lives."""

    def __iter__(self) -> Iterator[Record]:
        """Yield each row; one with text that is not UTF-8 has its problem."""
        import pyarrow.parquet as pq

        try:
            # Without pre_buffer a row group is read page by page, not whole.
            with pq.ParquetFile(self._path, pre_buffer=False) as file:
                for batch in file.iter_batches(BATCH_ROWS):
                    for place in range(batch.num_rows):
                        self.position += 1
                        yield self._record(batch, place)
        except self._errors as error:
            raise SourceError(f"{self._path} is damaged after row {self.position:,}: {error}") from error

    def _record(self, batch: Any, place: int) -> Record:  # noqa: ANN401  (pyarrow ships no types)
        fields: dict[str, str] = {}
        problem = None
        for name, column in zip(self.columns, batch.columns, strict=True):
            try:
                fields[name] = cell_text(column[place].as_py())
            except (UnicodeDecodeError, ValueError, OverflowError) as error:
                problem = Problem("undecodable", f"column {name!r} cannot be read as text: {error}")
        return Record(self.position, fields, problem)
