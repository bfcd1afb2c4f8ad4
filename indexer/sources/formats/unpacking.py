"""The process that reads what has to be unpacked: `python -m indexer.sources.formats.unpacking KIND PATH MEMORY`.

It says first what the source has, then each row, then null; or an error. It gives way to whoever serves (nice), may
take so many bytes of memory, and where that lacks all the same the system ends it before others. `apart` starts it.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import orjson

from indexer.bounds import keep_to
from indexer.errors import SourceError
from indexer.sources.formats.apart import unpacked
from indexer.sources.rows import Record

ROW_BYTES = 1 << 22
"""Bytes of a row in JSON; the longest product takes a tenth."""
SHOWN = 200
NICE = 10
_LAST = "1000"
"""How gladly the system ends this process where memory lacks: the first of all."""


def main(kind: str, path: Path, memory: int) -> int:
    """Say what is in a file; return the exit status."""
    os.nice(NICE)
    keep_to(memory)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_LAST, encoding="ascii")
    with suppress(BrokenPipeError):  # nobody listens any more
        try:
            records = unpacked(kind, path)
            _say({"columns": records.columns, "unit": records.unit, "total": records.total})
            sys.stdout.flush()
            for record in records:
                _say(_row(record, records.position))
            _say(None)
        except (MemoryError, SourceError) as error:
            keep_to(2 * memory)  # what was read is held by the error, and saying so takes some more
            _say({"error": _told(error, path, memory)})
        sys.stdout.flush()
    return 0


def _row(record: Record, position: int) -> list[object]:
    """Return a row as it is said; one that is too long has a problem instead of its texts."""
    problem = record.problem
    said = [record.number, record.fields, problem and [problem.code, problem.reason], position]
    if sum(map(len, record.fields.values())) <= ROW_BYTES:
        return said
    reason = f"the row has more than {ROW_BYTES:,} characters; shorten it"
    return [record.number, {name: text[:SHOWN] for name, text in record.fields.items()}, ["too_long", reason], position]


def _told(error: Exception, path: Path, memory: int) -> str:
    """Return what an error says; of one for want of memory that, wherever it came up."""
    if isinstance(error, MemoryError) or isinstance(error.__cause__, MemoryError):
        return f"{path} takes more than {memory:,} bytes of memory to read, the limit; save it as CSV UTF-8"
    return str(error)


def _say(line: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
