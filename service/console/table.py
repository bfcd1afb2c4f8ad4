"""Products in, the same table out with what aisle says beside them: `aisle classify IN -o OUT`.

Rows stream through in chunks and keep their order. The columns of ADDED are a contract; a row that cannot be classified
stays in the table and its `aisle_problem` says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import orjson

from indexer.errors import ProductError, SettingError
from indexer.product import Product
from indexer.sources import Row, Source
from indexer.sources.pictured import batches
from service.answer import Answer, Candidate
from service.console.workbook import workbook
from service.feedback.kept import named
from service.formulas import defused

LEAVES = 3
ADDED = (
    "aisle_decision",
    "aisle_path",
    "aisle_probability",
    *(name for n in range(1, LEAVES + 1) for name in (f"aisle_leaf_{n}", f"aisle_leaf_{n}_probability")),
    "aisle_tags",
    "aisle_neighbours",
    "aisle_duplicates",
    "aisle_prediction",
    "aisle_problem",
)
NUMBERS = tuple(name for name in ADDED if name.endswith("probability"))
SPREADSHEETS = frozenset({".csv", ".tsv"})
"""Formats in which a spreadsheet takes text for a formula."""
NOTHING: Mapping[str, Any] = {name: None if name in NUMBERS else "" for name in ADDED}
CHUNK = 256
"""Rows that are answered and written at a time."""
GROUP_ROWS = 8_192
"""Rows in one group of a Parquet file, which are held until it is full."""

Cells = dict[str, Any]
Classify = Callable[[Sequence[Product]], Sequence[Answer | ProductError]]
Write = Callable[[Sequence[Cells]], None]


@dataclass(slots=True)
class Tally:
    """What became of the rows: each has a decision; of those to abstain, `problems` could not be asked about.

    left_out: cells in columns that a table without room for further columns could not take.
    """

    read: int = 0
    problems: int = 0
    left_out: int = 0
    decisions: Counter[str] = field(default_factory=Counter)


def classify_table(
    source: Source,
    out: Path,
    classify: Classify,
    advance: Callable[[Tally], None],
    guesses: Sequence[Candidate] = (),
    *,
    rows: Iterator[Row] | None = None,
    keep: Callable[[Sequence[Answer]], None] | None = None,
) -> Tally:
    """Write each row of `source` with its answer to `out`, in order; `advance` is told after each chunk.

    guesses: the leaves of a row that cannot be asked about, so that those columns are filled in every row. rows: those
    of the source with their pictures, where somebody looks at them. keep: is given the answers of each chunk.

    Cells keep their text, and columns that an earlier run added are replaced. The file appears under its name when it
    is whole. Raises what `check_output` and reading the source raise, OSError when the disk refuses.
    """
    tally = Tally()
    columns = (*(column for column in source.columns if column not in ADDED), *ADDED)
    with open_table(out, columns, own=ADDED) as write:
        for chunk in batches(rows or iter(source), CHUNK):
            pairs = answered(chunk, classify)
            if keep is not None:
                keep(kept_of(pairs))
            table = [answered_cells(row, answer, guesses) for row, answer in pairs]
            write(table)
            tally.read += len(table)
            tally.decisions.update(cells["aisle_decision"] for cells in table)
            tally.problems += sum(bool(cells["aisle_problem"]) for cells in table)
            if out.suffix.lower() != ".jsonl":
                tally.left_out += sum(len(cells.keys() - set(columns)) for cells in table)
            advance(tally)
    return tally


def answered(rows: Sequence[Row], classify: Classify) -> list[tuple[Row, Answer | str]]:
    """Return each row with its answer, or with the reason why it cannot be asked about; all are asked at once."""
    answers = iter(classify([row.product for row in rows if row.product is not None]))
    found: list[tuple[Row, Answer | str]] = []
    for row in rows:
        answer = next(answers) if row.product is not None else None
        reason = row.problem.reason if row.problem else str(answer)
        found.append((row, answer if isinstance(answer, Answer) else reason))
    return found


def kept_of(pairs: Sequence[tuple[Row, Answer | str]]) -> list[Answer]:
    """Return the answers among what was found of rows, as they are kept."""
    return [named(row, answer) for row, answer in pairs if isinstance(answer, Answer)]


def answer_cells(answer: Answer) -> Cells:
    """Return the columns of ADDED for one answer; probabilities are numbers, None where nothing was decided."""
    cells: Cells = {
        **NOTHING,
        "aisle_decision": answer.decision,
        "aisle_tags": "|".join(tag.tag for tag in answer.tags),
        "aisle_neighbours": "|".join(neighbour.id for neighbour in answer.neighbours),
        "aisle_duplicates": "|".join(duplicate.id for duplicate in answer.duplicates if duplicate.same),
        "aisle_prediction": answer.prediction_id,
    }
    if answer.category:
        cells |= {"aisle_path": answer.category.path, "aisle_probability": answer.category.probability}
    return cells | _leaf_cells(answer.alternatives)


def _leaf_cells(leaves: Sequence[Candidate]) -> Cells:
    cells: Cells = {}
    for number, leaf in enumerate(leaves[:LEAVES], start=1):
        cells |= {f"aisle_leaf_{number}": leaf.path, f"aisle_leaf_{number}_probability": leaf.probability}
    return cells


def check_output(out: Path) -> None:
    """Raise SettingError when no table can be written under that name: no format of FORMATS, no folder, a folder."""
    if out.suffix.lower() not in FORMATS:
        raise SettingError(f"{out.name!r} is none of {', '.join(FORMATS)}; end the name of the output with one of them")
    check_place(out)


def check_place(out: Path) -> None:
    """Raise SettingError when no file can be written there: no folder to write it into, or a folder of that name."""
    if not out.parent.is_dir():
        raise SettingError(f"there is no folder {out.parent} to write {out.name} into; make it first")
    if out.is_dir():
        raise SettingError(f"{out} is a folder; name a file")


@contextmanager
def open_table(
    out: Path, columns: Sequence[str], numbers: Collection[str] = NUMBERS, *, own: Collection[str] | None = None
) -> Iterator[Write]:
    """Yield what appends rows (column -> cell, None and missing ones are empty) to a file of a format in FORMATS.

    numbers: the columns of numbers, for formats that tell them from text. own: the columns that are ours, all of them
    where it is None: in a format that spreadsheets open their text is `inert`; what others wrote stays as it is.

    The file is written aside and gets its name when it is whole; on any error there is none, or the one from before.
    Only .jsonl takes cells of other columns than `columns`.
    """
    check_output(out)
    ours = set(columns if own is None else own) if out.suffix.lower() in SPREADSHEETS else ()
    with written_aside(out) as aside, FORMATS[out.suffix.lower()](aside, columns, numbers) as write:
        yield (lambda rows: write(inert(rows, ours))) if ours else write


@contextmanager
def written_aside(out: Path) -> Iterator[Path]:
    """Yield where to write a file that gets its name when it is whole; on any error it does not."""
    aside = out.with_name(f".{out.name}.writing")
    try:
        yield aside
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)


def inert(rows: Sequence[Cells], columns: Collection[str]) -> list[Cells]:
    """Return rows in which no text of some columns is a formula to a spreadsheet, see `formulas.defused`."""
    return [
        {name: defused(cell) if name in columns and isinstance(cell, str) else cell for name, cell in row.items()}
        for row in rows
    ]


def answered_cells(row: Row, answer: Answer | str, guesses: Sequence[Candidate] = ()) -> Cells:
    """Return the columns of a row with those of ADDED beside them, for its answer or for why there is none."""
    cells: Cells = {name: text for name, text in row.fields.items() if name not in ADDED}
    if isinstance(answer, Answer):
        return cells | answer_cells(answer)
    problem = {"aisle_decision": "abstain", "aisle_problem": f"line {row.number}: {answer}"}
    return {**cells, **NOTHING, **_leaf_cells(guesses), **problem}


@contextmanager
def _json_lines(path: Path, columns: Sequence[str], numbers: Collection[str]) -> Iterator[Write]:
    del columns, numbers  # each line names its own, and JSON tells numbers from text
    with path.open("wb") as file:
        yield lambda rows: file.writelines(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


@contextmanager
def _delimited(path: Path, columns: Sequence[str], numbers: Collection[str], *, delimiter: str) -> Iterator[Write]:
    import pandas as pd

    del numbers  # all is text

    with path.open("w", encoding="utf-8", newline="") as file:

        def write(rows: Sequence[Cells], *, header: bool = False) -> None:
            # dtype=object: what looks like a number or like NA stays the text that it is.
            frame = pd.DataFrame(rows, columns=list(columns), dtype=object)
            # csv quotes a carriage return only when it ends lines; unquoted, readers would take it for one that does.
            returns = any("\r" in cell for row in rows for cell in row.values() if isinstance(cell, str))
            quoting: Literal[0, 1] = 1 if returns else 0  # csv.QUOTE_ALL, csv.QUOTE_MINIMAL
            frame.to_csv(file, sep=delimiter, header=header, index=False, lineterminator="\n", quoting=quoting)

        write([], header=True)
        yield write


@contextmanager
def _parquet(path: Path, columns: Sequence[str], numbers: Collection[str]) -> Iterator[Write]:
    import pandas as pd
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    schema = pa.schema([(name, pa.float64() if name in numbers else pa.string()) for name in columns])
    held: list[Cells] = []
    with ParquetWriter(path, schema) as file:

        def put() -> None:
            frame = pd.DataFrame(held, columns=list(columns), dtype=object)
            file.write_table(pa.Table.from_pandas(frame, schema, preserve_index=False))
            held.clear()

        def write(rows: Sequence[Cells]) -> None:
            held.extend(rows)
            if len(held) >= GROUP_ROWS:
                put()

        yield write
        put()


FORMATS: Mapping[str, Callable[[Path, Sequence[str], Collection[str]], AbstractContextManager[Write]]] = {
    ".csv": partial(_delimited, delimiter=","),
    ".tsv": partial(_delimited, delimiter="\t"),
    ".jsonl": _json_lines,
    ".parquet": _parquet,
    ".xlsx": workbook,
}
"""How a table is written, by the end of its name."""
