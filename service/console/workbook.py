"""Tables as workbooks for people who open them in a spreadsheet: no question of delimiters, encodings or formulas.

Rows go to disk as they come (openpyxl's write-only mode); text is text, whatever it begins with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from indexer.errors import SettingError

ROWS = 1_048_576
"""Rows of a sheet at most, the header among them."""
CELL_CHARS = 32_767
"""Characters of a cell at most; what is longer is cut there."""
WIDTH = 22
"""Of columns, in characters."""


@contextmanager
def workbook(path: Path, columns: Sequence[str], numbers: Collection[str]) -> Iterator[Any]:
    """Yield what appends rows (column -> cell) to the one sheet of a workbook, under a header that stays in sight.

    numbers: the columns of numbers; all others hold text. Raises SettingError for more rows than a sheet has.
    """
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    sheet = book.create_sheet("aisle")
    sheet.freeze_panes = "A2"
    for at in range(1, len(columns) + 1):
        sheet.column_dimensions[get_column_letter(at)].width = WIDTH
    written = 0

    def cell(value: object, number: bool) -> Any:  # noqa: ANN401 - a cell of openpyxl, which has no types
        if value is None or value == "":
            return None
        if number:
            return value
        made = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub(" ", str(value))[:CELL_CHARS])
        made.data_type = "s"  # text, also where it looks like a formula
        return made

    def write(rows: Sequence[Mapping[str, Any]]) -> None:
        nonlocal written
        written += len(rows)
        if written >= ROWS:
            raise SettingError(f"{path.name} would have more than the {ROWS:,} rows of a sheet; ask for .csv instead")
        for row in rows:
            sheet.append([cell(row.get(name), name in numbers) for name in columns])

    try:
        sheet.append([cell(name, number=False) for name in columns])
        yield write
        book.save(path)
    finally:
        if not sheet.closed:
            sheet.close()
