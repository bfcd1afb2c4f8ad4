"""The rows of an export as CSV or TSV, as JSON-MIN would have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from indexer.errors import SourceError
from indexer.sources.formats.delimited import Delimited
from indexer.sources.formats.streams import ByteStream
from indexer.sources.rows import Problem
from service.labelstudio.interface import CATEGORY, TAGS
from service.labelstudio.tasks import MARKS

FORMATS = "JSON, JSON-MIN, CSV or TSV"
ALWAYS = ("annotation_id", "id")
"""Columns that every such export has."""
STRUCTURED = {MARKS, CATEGORY, TAGS}
"""Columns with lists and objects, as JSON."""
HEAD = 1 << 12


def tabular(stream: ByteStream) -> bool:
    """Return whether a file that begins with text is none of JSON."""
    return stream.head(HEAD).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] not in {b"", b"[", b"{"}


def rows(stream: ByteStream) -> Iterator[tuple[int, dict[str, Any] | Problem]]:
    """Yield the line of each row, and its cells or what is wrong with it.

    Raises SourceError where the header is not that of an export.
    """
    table = Delimited(stream)
    if missing := [name for name in ALWAYS if name not in table.columns]:
        raise SourceError(
            f"{stream.path} is no export of Label Studio: it has no column {missing[0]!r}; give {FORMATS}"
        )
    for record in table:
        yield record.number, record.problem or {name: _value(cell) for name, cell in record.fields.items()}


def _value(cell: str) -> object:
    """Return what a cell holds: None for nothing, lists and objects from their JSON, text as it is."""
    if cell[:1] not in {"[", "{"}:
        return cell or None
    try:
        return orjson.loads(cell)
    except ValueError:
        return cell
