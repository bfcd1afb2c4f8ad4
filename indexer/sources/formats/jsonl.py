"""JSONL: one object per line. Nested values stay JSON text, numbers stay as they are written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from indexer.sources.formats import COLUMNS, cell_text
from indexer.sources.formats.lines import Line, TextRows
from indexer.sources.rows import Problem, Record

_SURROGATE = re.compile("[\ud800-\udfff]")


class JsonLines(TextRows):
    """The objects of a file. A line that is none has its text under "line"."""

    columns: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Record]:
        """Yield the object of each line that is not blank."""
        for line in self._lines:
            if line.problem:
                yield Record(line.number, {"line": line.text}, line.problem)
            elif line.text and not line.text.isspace():
                yield _record(line)


def _record(line: Line) -> Record:
    try:
        # Numbers as they stand: 4006381333931 and 10.50 keep every digit, and a number of a million digits is a text.
        parsed = json.loads(line.text, parse_int=str, parse_float=str, parse_constant=_refused)
        if not isinstance(parsed, dict):
            raise ValueError(f"it is {type(parsed).__name__}, not an object")
        if len(parsed) > COLUMNS:
            raise ValueError(f"it has {len(parsed):,} names, {COLUMNS:,} are read")
        fields = {name: cell_text(value) for name, value in parsed.items()}
    except RecursionError:
        return _broken(line, "it is nested too deeply")
    except ValueError as error:
        return _broken(line, str(error))
    if "\\ud" in line.text or "\\uD" in line.text:  # half of a pair cannot be written to any file
        fields = {_SURROGATE.sub("\ufffd", name): _SURROGATE.sub("\ufffd", text) for name, text in fields.items()}
    return Record(line.number, fields)


def _broken(line: Line, why: str) -> Record:
    problem = Problem("broken_json", f"the line is no JSON object: {why}; write one object per line")
    return Record(line.number, {"line": line.text}, problem)


def _refused(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON number")
