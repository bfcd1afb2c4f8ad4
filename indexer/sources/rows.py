"""What travels through ingest: a record as its format gave it, a row with its product or the problem that it has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from indexer.product import Product

CODES = {
    "no_id": "the id is empty",
    "duplicate": "the product is stored already under another id",
    "no_content": "neither text nor an image that can be read",
    "broken_json": "a line or a specs cell that starts as JSON and is none",
    "repeated_id": "an earlier row has the id",
    "invalid_category": "the category is no path, or none of the taxonomy",
    "invalid_vector": "the vector made elsewhere is not of finite numbers, or not of as many as the index takes",
    "invalid_label": "the provenance or the weight of the label is none that there is",
    "too_long": "a line, a field or a list over its limit",
    "broken_row": "more or fewer cells than the header, a quote that is not closed, an id with control characters",
    "undecodable": "bytes that are not valid in the file's encoding",
}
"""Every code that a problem can have, with what it means."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is refused: one of CODES, and a sentence with the value, the limit and the remedy."""

    code: str
    reason: str


class Record(NamedTuple):
    """One raw row. number: line where it starts (CSV, JSONL) or row (Parquet, SQL), from 1. A bad one has a problem."""

    number: int
    fields: dict[str, str]
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a source with either its product or its problem.

    number: the line of the file where the row starts, its header included; for Parquet and SQL the row, from 1.
    id: as found, "" when there is none. fields: the source's columns as text; a row with a problem may lack some.
    unpriced: whether the price of its product was left out because it is no number.
    """

    number: int
    id: str
    fields: dict[str, str]
    product: Product | None = None
    problem: Problem | None = None
    unpriced: bool = False


@dataclass(slots=True)
class Counts:
    """What became of the rows read; `adds_up` is the promise that none was lost.

    Of those indexed: unpriced, the ones whose price was left out because it is no number; misnumbered, the ones whose
    GTIN is none, which is kept and names no article.
    """

    read: int = 0
    indexed: int = 0
    skipped: int = 0
    by_code: Counter[str] = field(default_factory=Counter)
    unpriced: int = 0
    misnumbered: int = 0

    @property
    def quarantined(self) -> int:
        """Return how many rows were refused, of any code."""
        return self.by_code.total()

    @property
    def adds_up(self) -> bool:
        """Whether every row that was read was indexed, skipped or quarantined."""
        return self.read == self.indexed + self.skipped + self.quarantined
