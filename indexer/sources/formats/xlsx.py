"""XLSX: the rows of the first sheet of a workbook, one at a time, read by openpyxl.

A workbook is a zip of XML. Before anything reads it, every part is unpacked once, piece by piece and kept nowhere: one
that unpacks to more than PARTS_BYTES, or declares a document type, is refused, whatever sizes the zip states.
Formulas are read as the values that were saved with them.
"""

from __future__ import annotations

import datetime as dt
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from indexer.errors import SourceError
from indexer.sources.formats import cell_text, unique
from indexer.sources.rows import Problem, Record
from indexer.zips import BoundedZip

PARTS_BYTES = 1 << 29
"""Bytes that all parts of a workbook may unpack to: a million rows of a catalogue. Their texts are held in memory."""
PARTS = 10_000
CHUNK = 1 << 20
ROWS = 1_048_576
"""Rows of a sheet at most; whoever says more has openpyxl count to it."""
BLANK_ROWS = 1_000
"""Rows among which the first with text is looked for."""
LEADING = 20
"""Rows with text among which the header is looked for."""
_ROW = b"<row"
_DOCTYPE = b"<!DOCTYPE"


class SheetRows:
    """The rows under the header, numbered as the sheet numbers them. Raises SourceError.

    `total` and `position` count rows of the sheet, blank ones and the header too.
    """

    unit = "lines"

    def __init__(self, path: Path) -> None:
        from openpyxl import load_workbook

        self._path = path
        self.position = 0
        self.total: int | None = _checked(path)
        try:
            self._book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
            sheet = self._book.worksheets[0]
            sheet.reset_dimensions()  # what a workbook says of its size may be anything
            self.columns = self._header(enumerate(sheet.iter_rows(values_only=True), start=1))
            first = self.position + 1  # one column more than the header has is looked at: what is there is a mistake
            rows = sheet.iter_rows(min_row=first, max_col=len(self.columns) + 1, values_only=True)
            self._cells = enumerate(rows, start=first)
        except SourceError:
            raise
        except Exception as error:  # whatever openpyxl meets in a file that is no workbook
            raise SourceError(f"{path} cannot be read as a workbook ({type(error).__name__}); save it anew") from error

    def close(self) -> None:
        """Close the file."""
        self._book.close()

    def __iter__(self) -> Iterator[Record]:
        """Yield each row that is not blank; one with cells beyond the header has its problem."""
        try:
            for number, cells in self._cells:
                if number > ROWS:
                    raise SourceError(f"{self._path} has more than {ROWS:,} rows, as no sheet has; save it anew")
                self.position = number
                texts = [_text(cell) for cell in cells]
                if any(texts):
                    yield self._record(number, texts)
        except SourceError:
            raise
        except Exception as error:  # as above; the rows before stand
            raise SourceError(
                f"{self._path} cannot be read beyond row {self.position:,} ({type(error).__name__}); save it anew"
            ) from error
        finally:
            self.close()

    def _header(self, rows: Iterator[tuple[int, tuple[Any, ...]]]) -> tuple[str, ...]:
        """Return the first row that fills half as many cells as the fullest of the leading ones, or more.

        What fills fewer stands above the table, as the name of the supplier and a date.
        """
        named = ((number, _names(cells)) for number, cells in islice(rows, BLANK_ROWS))
        leading = list(islice(((number, names) for number, names in named if names), LEADING))
        if not leading:
            raise SourceError(f"the first sheet of {self._path} is empty; put the table there, a header row first")
        fullest = max(map(_filled, (names for _, names in leading)))
        self.position, names = next(each for each in leading if 2 * _filled(each[1]) >= fullest)
        return unique(names, self._path)

    def _record(self, number: int, texts: list[str]) -> Record:
        width = len(self.columns)
        problem = None
        if any(texts[width:]):
            reason = f"a cell beyond the {width} columns of the header; name every column in the header"
            problem = Problem("broken_row", reason)
        texts += [""] * (width - len(texts))
        return Record(number, dict(zip(self.columns, texts, strict=False)), problem)


def _names(cells: tuple[Any, ...]) -> list[str]:
    """Return the texts of a row as they would name columns, without the blank ones at its end."""
    names = [_text(cell).strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _filled(names: list[str]) -> int:
    return sum(map(bool, names))


def _text(value: Any) -> str:  # noqa: ANN401  (whatever a cell holds)
    """Return the text of a cell; a whole number has no decimals, a day no hour."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.datetime) and not (value.hour or value.minute or value.second):
        return value.date().isoformat()
    return cell_text(value)


def _checked(path: Path) -> int:
    """Return how many rows the largest sheet has; raises SourceError for a workbook that is a bomb or is damaged."""
    room, rows = PARTS_BYTES, [0]
    try:
        with BoundedZip(path) as file:
            parts = file.infolist()
            if len(parts) > PARTS:
                raise SourceError(f"{path} has {len(parts):,} parts, a workbook has {PARTS:,} at most; save it anew")
            for part in parts:
                if part.flag_bits & 1 or part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise SourceError(f"{path} has a password, or is no plain workbook; save it without one")
                with file.open(part) as unpacked:
                    count, tail = 0, b""
                    while chunk := unpacked.read(CHUNK):
                        room -= len(chunk)
                        if room < 0:
                            raise SourceError(
                                f"{path} unpacks to more than {PARTS_BYTES:,} bytes; save the sheet as CSV UTF-8"
                            )
                        seen = tail + chunk
                        if part.filename.endswith((".xml", ".rels")) and _DOCTYPE in seen:
                            raise SourceError(f"{path} declares a document type, which no workbook does; save it anew")
                        count += seen.count(_ROW) - tail.count(_ROW)
                        tail = seen[-len(_DOCTYPE) :]
                    if part.filename.startswith("xl/worksheets/"):
                        rows.append(count)
    except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise SourceError(f"{path} is damaged ({error}); save the workbook anew") from error
    return max(rows)
