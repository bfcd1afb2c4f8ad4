"""How the table of an export is written, by format: CSV and TSV, JSON lines, Parquet. Rows come a page at a time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO, Protocol

import orjson

from indexer.product import FACTS
from taxonomy.vocabulary import split_tags

COLUMNS = (
    *("id", "title", "description", "brand", "specs", "category_path", "tags", "images"),
    *("label_provenance", "label_weight", *FACTS, "language", "version", "created_at", "updated_at"),
)

Cells = dict[str, Any]
"""A row by column: texts, numbers, lists for specs, tags and images, an array or None for raw vectors."""


class Writer(Protocol):
    """Appends products to a file."""

    def write(self, rows: Sequence[Cells]) -> None:
        """Append rows, each with a cell for every column."""

    def close(self) -> None:
        """Write what is held back and the end of the file; the file itself stays open."""


class _Delimited:
    """Rows of text: specs and images as JSON, tags between bars where that reads back."""

    def __init__(self, file: BinaryIO, columns: Sequence[str], *, delimiter: str = ",") -> None:
        self._columns = columns
        self._delimiter = delimiter
        self._file = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self._rows = csv.writer(self._file, delimiter=delimiter, lineterminator="\n")
        self._rows.writerow(columns)

    def write(self, rows: Sequence[Cells]) -> None:
        self._rows.writerows([self._cell(name, cells[name]) for name in self._columns] for cells in rows)

    def close(self) -> None:
        self._file.detach()

    def _cell(self, name: str, value: object) -> str:
        if isinstance(value, str):
            return self._line(value) if "\n" in value else value
        if value is None or (isinstance(value, list) and not value):
            return ""
        if name == "tags" and isinstance(value, list) and split_tags(barred := "|".join(value)) == tuple(value):
            return barred
        if name == "images" and isinstance(value, list) and len(value) == 1 and not set("|,;[") & set(value[0]):
            return str(value[0])
        return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()

    def _line(self, text: str) -> str:
        """Return a text of several lines; as a list of them where one looks like a row, which readers must not see."""
        lines = text.split("\n")
        if all(line.count(self._delimiter) < len(self._columns) - 1 for line in lines):
            return text
        return json.dumps(lines, ensure_ascii=False)


class _Tabbed(_Delimited):
    def __init__(self, file: BinaryIO, columns: Sequence[str]) -> None:
        super().__init__(file, columns, delimiter="\t")


class _JsonLines:
    def __init__(self, file: BinaryIO, columns: Sequence[str]) -> None:
        del columns  # each line names its own
        self._file = file

    def write(self, rows: Sequence[Cells]) -> None:
        options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
        self._file.writelines(orjson.dumps(cells, option=options) for cells in rows)

    def close(self) -> None:
        self._file.flush()


class _Parquet:
    """Typed columns; a page of products is a row group."""

    def __init__(self, file: BinaryIO, columns: Sequence[str]) -> None:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        specs = pa.list_(pa.struct([("name", pa.string()), ("value", pa.string())]))
        texts = pa.list_(pa.string())
        typed = {"specs": specs, "tags": texts, "images": texts, "label_weight": pa.float64(), "version": pa.int32()}
        self._schema = pa.schema(
            [(name, typed.get(name, pa.string() if name in COLUMNS else pa.list_(pa.float32()))) for name in columns]
        )
        self._table = pa.Table
        self._file = ParquetWriter(file, self._schema, compression="zstd")

    def write(self, rows: Sequence[Cells]) -> None:
        self._file.write_table(self._table.from_pylist(list(rows), self._schema))

    def close(self) -> None:
        self._file.close()


FORMATS: Mapping[str, Callable[[BinaryIO, Sequence[str]], Writer]] = {
    "csv": _Delimited,
    "tsv": _Tabbed,
    "jsonl": _JsonLines,
    "parquet": _Parquet,
}
"""What writes each format."""
