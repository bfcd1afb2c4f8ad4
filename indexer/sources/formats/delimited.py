"""CSV, TSV and their kin: delimiter found, each record bounded, a stray quote costs its own line and no more.

Lines with nothing in their cells are not rows. Empty cells beyond the header are dropped; any other number of cells
than the header's is a `broken_row`, because what is missing or shifted cannot be known.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import islice

from indexer.errors import UnknownFormat
from indexer.sources.formats import unique
from indexer.sources.formats.lines import Line, TextRows
from indexer.sources.formats.streams import ByteStream
from indexer.sources.rows import Problem, Record

DELIMITERS = ",;\t|"
RECORD_CHARS = 1 << 20
"""A quoted cell may span lines up to this size; a quote that is open longer is a stray one."""
SAMPLE_LINES = 200
LOOK_AHEAD = 1 << 24
"""Characters read in vain behind stray quotes, beyond as many as were read for good: keeps the work linear."""
SWALLOWED_COLUMNS = 4

_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)


class Delimited(TextRows):
    """The rows under a header line. delimiter: given, or the one that splits the first 200 lines most evenly."""

    def __init__(self, stream: ByteStream, encoding: str = "", delimiter: str = "", *, likely: str = ",") -> None:
        csv.field_size_limit(max(csv.field_size_limit(), 2 * RECORD_CHARS))  # ours is stricter; theirs is global
        super().__init__(stream, encoding)
        sample = self._sample()
        while sample and not sample[0].text.strip():
            del sample[0]
        if sample and (stated := _SEPARATOR_LINE.fullmatch(sample[0].text.strip())):
            delimiter = delimiter or stated[1]
            del sample[0]
        texts = [line.text.replace("\r", " ") for line in sample]
        self.delimiter = delimiter or _delimiter(texts, likely)
        self._spaced = any(re.search(re.escape(self.delimiter) + ' +"', text) for text in texts)
        self._blank = f"{self.delimiter} \t"
        self._wasted = self._read = 0
        self._lines.hand_back(sample)
        self.columns: tuple[str, ...] = ()
        self.columns = self._header()

    def __iter__(self) -> Iterator[Record]:
        """Yield each row; a bad one has its problem, and the next line is tried afresh."""
        expected = len(self.columns)
        for line in self._lines:
            text = line.text
            self._read += len(text)
            if not text.strip(self._blank):
                continue
            if line.problem or '"' in text:
                cells, problem = self._quoted(line)
            else:
                cells, problem = text.split(self.delimiter), None
            if len(cells) > expected and not any(map(str.strip, cells[expected:])):
                del cells[expected:]
            if len(cells) != expected:
                problem = problem or self._ragged(cells)
                cells += [""] * (expected - len(cells))
            yield Record(line.number, dict(zip(self.columns, cells, strict=False)), problem)

    def _sample(self) -> list[Line]:
        sample: list[Line] = []
        size = 0
        for line in islice(self._lines, SAMPLE_LINES):
            sample.append(line)
            size += len(line.text)
            if size > RECORD_CHARS:
                break
        return sample

    def _header(self) -> tuple[str, ...]:
        line = next(self._lines, None)
        if line is None:
            raise UnknownFormat(f"{self._stream.path} is empty; a header line and rows are expected")
        if line.problem:
            raise UnknownFormat(f"the header of {self._stream.path} cannot be read: {line.problem.reason}")
        cells, problem = self._quoted(line)
        if problem:
            raise UnknownFormat(f"the header of {self._stream.path} cannot be read: {problem.reason}")
        while len(cells) > 1 and not cells[-1].strip():
            cells.pop()
        return unique(cells, self._stream.path)

    def _quoted(self, line: Line) -> tuple[list[str], Problem | None]:
        """Parse the record that starts at `line`, over several lines if need be."""
        if line.problem:
            return self._alone(line.text)[0], line.problem
        taken: list[Line] = []
        try:
            cells = next(self._parser(self._record_lines(line, taken), strict=True))
        except csv.Error:
            cells = []
        if cells and not self._swallowed(cells, taken):
            return cells, next((other.problem for other in taken if other.problem), None)
        self._lines.hand_back(taken)
        self._wasted += sum(len(other.text) for other in taken)
        cells, unclosed = self._alone(line.text)
        if not unclosed:
            return cells, None
        reason = "a quote is opened and not closed by the end of its cell; close it, or double quotes inside a cell"
        return cells, Problem("broken_row", reason)

    def _record_lines(self, first: Line, taken: list[Line]) -> Iterator[str]:
        """Yield the lines that one record may span, noting those after the first in `taken`."""
        yield first.text + "\n"
        room = min(RECORD_CHARS, max(16 * len(first.text), LOOK_AHEAD + self._read - self._wasted))
        for line in self._lines:
            taken.append(line)
            room -= len(line.text) + 1
            if room < 0:
                return
            yield line.text + "\n"

    def _parser(self, lines: Iterator[str], *, strict: bool) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=self.delimiter, strict=strict, skipinitialspace=self._spaced)

    def _alone(self, text: str) -> tuple[list[str], bool]:
        """Return the cells of one line read leniently, and whether a quote is open at its end."""
        try:
            cells = next(self._parser(iter([f"{text}\n", "\n"]), strict=False))
        except csv.Error:  # a carriage return inside the line
            return text.split(self.delimiter), False
        unclosed = any("\n" in cell for cell in cells)
        return [cell.rstrip("\n") for cell in cells], unclosed

    def _swallowed(self, cells: Sequence[str], taken: Sequence[Line]) -> bool:
        """Whether a record over several lines is really a stray quote that took whole rows with it."""
        if not taken or not self.columns:
            return False
        expected = len(self.columns)
        rows = [line.text.count('"') % 2 == 0 and len(self._alone(line.text)[0]) == expected for line in taken]
        if len(cells) != expected:
            return any(rows)
        return expected >= SWALLOWED_COLUMNS and len(rows) > 1 and all(rows[:-1])

    def _ragged(self, cells: Sequence[str]) -> Problem:
        expected = len(self.columns)
        what = "quote cells that contain" if len(cells) > expected else "write every"
        return Problem("broken_row", f"{len(cells)} cells where the header has {expected}; {what} {self.delimiter!r}")


def _delimiter(texts: Sequence[str], likely: str) -> str:
    """Return the delimiter under which most lines have as many cells as the first, then the one with most cells."""

    def evenness(delimiter: str) -> tuple[float, int]:
        rows = list(csv.reader((f"{text}\n" for text in texts), delimiter=delimiter))
        width = len(rows[0]) if rows else 1
        same = sum(len(row) == width for row in rows if row)
        return (same / len(rows) if width > 1 else -1, width)

    candidates = likely + DELIMITERS.replace(likely, "")
    return max(candidates, key=evenness)
