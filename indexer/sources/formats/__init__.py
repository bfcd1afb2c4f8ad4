"""What every format answers, and how any value becomes the text of a cell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Protocol

from indexer.errors import SourceError
from indexer.sources.rows import Record

COLUMNS = 2_000
"""Columns of a table at most: each row is held with all of them, however few it fills."""


class Records(Protocol):
    """The raw rows of one source, read once and in order; memory does not grow with the source."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns; empty when only the rows tell (JSONL)."""

    @property
    def unit(self) -> str:
        """What `total` and `position` count: "bytes" of the file as it lies on disk, or "rows"."""

    @property
    def total(self) -> int | None:
        """Size of the source, None when it is not known."""

    @property
    def position(self) -> int:
        """How much has been read."""

    def close(self) -> None:
        """Close what is open; needed only when the rows were not read to their end."""

    def __iter__(self) -> Iterator[Record]:
        """Yield each record. Raises SourceError when the source cannot be read on; what came before it stands."""


def cell_text(value: Any) -> str:  # noqa: ANN401  (whatever a file or a database holds)
    """Return any value as the text of a cell: nothing as "", lists and objects as JSON."""
    if isinstance(value, str):
        return value
    if value is None or value != value:  # noqa: PLR0124  (NaN, which is how tables write "nothing", is not itself)
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8")
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=cell_text)
    return str(value)


def unique(names: list[str], where: object) -> tuple[str, ...]:
    """Return column names, stripped; an empty one becomes `column_3`, a repeated one `name_2`.

    Raises SourceError when there are more than COLUMNS of them. where: what the source is called then.
    """
    if len(names) > COLUMNS:
        raise SourceError(f"{where} has {len(names):,} columns, {COLUMNS:,} are read; leave some out")
    taken: dict[str, None] = {}
    for place, name in enumerate(names, 1):
        plain = name.strip() or f"column_{place}"
        free, number = plain, 1
        while free in taken:
            number += 1
            free = f"{plain}_{number}"
        taken[free] = None
    return tuple(taken)
