"""Marks: what products are marked with, as sorted numbers, row after row; which of them two products share.

A mark is an attribute (6 bits) and what it is (42 bits), the latter a hash where it does not fit. Two products
contradict each other in an attribute that both have when they share none of its values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]
Hits = npt.NDArray[np.bool_]

VALUE_BITS, BITS = 42, 48
"""Of a value, and of a mark."""
AT_ONCE = 2 ** (64 - BITS)
"""Pairs that are compared in one step: the number of a pair and a mark share 64 bits."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Ascending uint64 numbers of n rows, all different within a row. ends: int64 (n + 1,), where each row begins."""

    values: Values
    ends: Rows

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> Self:
        """Return the marks of rows, each already sorted and without repeats."""
        lengths = np.fromiter((len(row) for row in rows), np.int64, len(rows))
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        values = np.fromiter((value for row in rows for value in row), np.uint64, int(ends[-1]))
        return cls(values, ends)

    @classmethod
    def joined(cls, some: Sequence[Self]) -> Self:
        """Return the rows of several, one after the other."""
        lengths = np.concatenate([np.diff(each.ends) for each in some])
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        return cls(np.concatenate([each.values for each in some]), ends)

    def take(self, rows: Rows) -> tuple[Values, Values]:
        """Return the marks of rows, in any order and repeated, one after the other, and the place in `rows` of each."""
        starts, lengths = self.ends[rows], self.ends[rows + 1] - self.ends[rows]
        ends = np.cumsum(lengths)
        place = np.repeat(np.arange(len(rows)), lengths)
        values = self.values[np.arange(len(place)) + np.repeat(starts - (ends - lengths), lengths)]
        return values, place.astype(np.uint64)

    def having(self, attribute: int) -> tuple[Rows, Values]:
        """Return the rows that have an attribute, ascending, and its value: (n,) each, a row once for each value."""
        here = np.flatnonzero(self.values >> np.uint64(VALUE_BITS) == attribute)
        return np.searchsorted(self.ends, here, side="right") - 1, self.values[here] & np.uint64(2**VALUE_BITS - 1)


def found(left: tuple[Values, Values], right: tuple[Values, Values], shift: int = 0) -> Hits:
    """Return which marks of `left` the same place of `right` has too: bool (marks of left,).

    Both as `Marks.take` returns them, of AT_ONCE rows at most. shift: bits at a value's end that are not compared.
    """
    asked, known = ((place << np.uint64(BITS) | values) >> np.uint64(shift) for values, place in (left, right))
    if not len(known):
        return np.zeros(len(asked), bool)
    at = np.searchsorted(known, asked)
    hits: Hits = known[np.minimum(at, len(known) - 1)] == asked
    return hits
