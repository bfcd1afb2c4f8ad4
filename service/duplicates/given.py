"""Pairs that somebody lists by id: judged in their order, each row kept, whatever it says.

The list is read twice: for the ids, of which keys are all that is kept, and to be written with what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from indexer.live import Live
from indexer.sources.listed import Listed
from indexer.sources.rows import Record
from indexer.vectors import Keys
from service.duplicates.groups.book import JUDGED, Book, Settled
from service.duplicates.groups.candidates import quiet
from service.duplicates.groups.grouping import Groups, Linkage, grouped
from service.duplicates.verdicts.judging import Judging
from service.duplicates.verdicts.verdict import VERDICTS
from service.formulas import restored

IDS = ("left_id", "right_id")
UNKNOWN = -1
DECIMALS = 4
"""Of a probability in a table: with more, small ones would be written with an exponent."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the list with what was found: a probability of None and no verdict where it could not be judged."""

    fields: Mapping[str, str]
    verdict: str
    probability: float | None
    group: int
    evidence: tuple[str, ...]


class Given(Listed):
    """A file of pairs, `left_id` and `right_id` among its columns. Raises MissingColumn when either is not there."""

    def __init__(self, source: Path) -> None:
        super().__init__(source)
        self.check(IDS)

    def keys(self, live: Live) -> tuple[Keys, Keys]:
        """Return the keys of each row's products, int64 (n,) each, UNKNOWN for one that is not stored."""
        found: tuple[list[int], list[int]] = ([], [])
        for some in _some(self.rows()):
            with live.reading():
                for row in some:
                    for side, name in zip(found, IDS, strict=True):
                        said = row.fields.get(name, "").strip()
                        key = live.labels.key(said)
                        if key is None:  # as a table of ours has it
                            key = live.labels.key(restored(said))
                        side.append(UNKNOWN if key is None else key)
        return np.array(found[0], np.int64), np.array(found[1], np.int64)


def judged(
    given: Given, live: Live, judging: Judging, settled: Settled | None = None, tell: Callable[[int], None] = quiet
) -> Iterator[list[Line]]:
    """Yield the rows of a list with what was found, in order, some at a time; tell(n): n were judged.

    settled: what people said of pairs, which overrules the decider. A pair has a group where both are in one, by the
    listed pairs and those that are missing between them.
    """
    left, right = given.keys(live)
    known = (left != UNKNOWN) & (right != UNKNOWN) & (left != right)
    book = Book(live, judging, settled or Settled())
    book.judge(np.minimum(left, right)[known], np.maximum(left, right)[known], tell)
    groups = grouped(book.same(), book.ask_same, Linkage())
    start = 0
    for some in _some(given.rows()):
        rows = slice(start, start := start + len(some))
        yield list(_Told(left[rows], right[rows], book, groups).lines(some))


@dataclass(frozen=True, slots=True)
class _Told:
    """What is known of some rows by their keys."""

    left: Keys
    right: Keys
    book: Book
    groups: Groups

    def lines(self, some: Sequence[Record]) -> Iterator[Line]:
        """Yield the rows with what was found."""
        both = (self.left != UNKNOWN) & (self.right != UNKNOWN)
        asked = np.flatnonzero(both & (self.left != self.right))
        pairs = self.book.of(self.left[asked], self.right[asked])
        told = self.book.told(pairs)
        place = {row: number for number, row in enumerate(asked.tolist())}
        group = self.groups.of(self.left)
        group[~both | (group != self.groups.of(self.right))] = UNKNOWN
        for row, record in enumerate(some):
            if row in place:
                number = place[row]
                verdict, probability = VERDICTS[pairs.verdicts[number]], float(pairs.probability[number])
                yield Line(record.fields, verdict, round(probability, DECIMALS), int(group[row]), told[number])
            elif both[row]:
                yield Line(record.fields, VERDICTS[0], 1.0, int(group[row]), ("both are the same product",))
            else:
                why = _why(record, self.left[row], self.right[row])
                yield Line(record.fields, "", None, UNKNOWN, (why,))


def _why(record: Record, *keys: int) -> str:
    """Return why a row is not judged."""
    if record.problem:
        return f"line {record.number}: {record.problem.reason}"
    absent = [record.fields.get(name, "").strip() for name, key in zip(IDS, keys, strict=True) if key == UNKNOWN]
    return "not stored: " + " and ".join(repr(each[:80]) for each in absent)


def _some(rows: Iterator[Record]) -> Iterator[list[Record]]:
    """Yield rows some at a time."""
    while some := list(islice(rows, JUDGED)):
        yield some
