"""One pass over the rows of a source, into the record store or into quarantine.

The first half of `indexer.build`, and what a delivery to an index that is there does (`indexer.intake.delivery`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from indexer.codes import misnumbered
from indexer.encoders import Encoded, Encoder, given_parts
from indexer.errors import ProductDuplicate, ProductError, VersionConflict
from indexer.images.gallery import Gallery
from indexer.intake.differences import Differences
from indexer.intake.placement import CANONICAL, Placement
from indexer.intake.precedence import preceded_record, versions
from indexer.intake.screen import Screen, Screened
from indexer.intake.update import prepare, store
from indexer.memory.recent import Recent
from indexer.product import Product
from indexer.sources import Counts, Problem, Quarantine, Row
from indexer.sources.pictured import batches, pictured
from indexer.store.records import ANY, AnotherTaxonomy, Overtaken, Record, Records, Stored

BATCH = 512
"""Rows that are encoded and stored at a time, in one transaction."""

_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\([^()]*\)|\d[\d,.]*")


@dataclass(slots=True)
class PictureCounts:
    """What became of the images of the products that were indexed: looked at = read + the sum of `unread`, by reason.

    without: products that have no picture that could be read. given: products that came with vectors made elsewhere.
    """

    read: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    without: int = 0
    given: int = 0

    def add(self, product: Product) -> None:
        """Count the pictures of one product."""
        problems = [reason(picture.problem) for picture in product.pictures if picture.problem]
        self.unread.update(problems)
        self.read += len(product.pictures) - len(problems)
        self.without += len(product.pictures) == len(problems)
        self.given += bool(product.vectors)


def reason(problem: str) -> str:
    """Return what problems of one sort have in common: no names, no numbers, no remedy."""
    return " ".join(_VARYING.sub("…", problem.partition(";")[0]).split())


class Ingest:
    """Rows to records. `counts` add up after every batch; `encoded` counts contents that the encoder had not seen.

    preceded: how many products keep the category that a person gave them, where the source names another one or none.
    gallery: where the products' images are; without one they are not looked at. `pictures` says what became of them.
    differences: gets what each product is beside what is stored. dry: nothing is encoded or stored. screen: looks at
    products before they are stored; `remarks` is what it says of those that are, by id. place_again: gives the
    placement in the tree that stands when somebody changed it meanwhile.
    """

    def __init__(
        self,
        records: Records,
        encoder: Encoder,
        placement: Placement,
        quarantine: Quarantine,
        gallery: Gallery | None = None,
        *,
        differences: Differences | None = None,
        dry: bool = False,
        screen: Screen | None = None,
        place_again: Callable[[], Placement] | None = None,
    ) -> None:
        self.counts = Counts()
        self.pictures = PictureCounts()
        self.encoded = 0
        self.preceded = 0
        self._gallery = gallery
        self._records = records
        self._encoder = encoder
        self._placement = placement
        self._quarantine = quarantine
        self._differences = differences
        self._dry = dry
        self._screen = screen
        self.remarks: dict[str, tuple[Any, ...]] = {}
        self._place_again = place_again or (lambda: placement_in(records))
        self._absent = np.ones(records.counts().last_key + 1, np.bool_)  # by key, of what was stored before
        self._beside = differences is not None or len(self._absent) > 1  # whether it matters what is stored already

    def run(self, rows: Iterable[Row], tell: Callable[[int], None]) -> None:
        """Store every row that can be; `tell(n)` is called as n rows are done. Raises what reading the rows raises."""
        looked = pictured(rows, self._gallery, self._encoder.side) if self._gallery else iter(rows)
        for batch in batches(looked, BATCH):
            new = self._taken(batch, tell)
            self.counts.indexed += len(new)
            self.counts.unpriced += len({row.id for row in batch if row.unpriced} & {each.product.id for each in new})
            self.counts.misnumbered += sum(bool(misnumbered(each.product.facts)) for each in new)
            self.counts.read += len(batch)
            for record in new:
                self.pictures.add(record.product)
            tell(self.counts.read)

    def remove_absent(self) -> int:
        """Remove the products that were stored before and did not come again; return how many.

        What somebody else added meanwhile has higher keys and stays.
        """
        removed = 0
        for some in self._records.ids(up_to=len(self._absent) - 1):
            absent = [product_id for key, product_id in some.items() if self._absent[key]]
            removed += len(self._records.delete(absent)) if absent else 0
        return removed

    def _taken(self, batch: Sequence[Row], tell: Callable[[int], None]) -> list[Record]:
        """Store what can be of a batch and return it; its other rows go into quarantine, in order."""
        while True:
            rows, refused = self._sorted_out(batch)
            before = self._records.get([record.product.id for record, _ in rows]) if self._beside else {}
            new = [preceded_record(record, before) for record, _ in rows]
            try:
                done: Sequence[Record | ProductError] = new if self._dry else self._store(new, before, tell)
                break
            except AnotherTaxonomy:
                self._placement = self._place_again()
            except VersionConflict:  # somebody changed one of them meanwhile, and may have labelled it: look again
                continue
        self.preceded += sum(kept.node_id != record.node_id for kept, (record, _) in zip(new, rows, strict=True))
        for each, (_, row) in zip(done, rows, strict=True):
            if isinstance(each, ProductError):
                refused.append(replace(row, product=None, problem=problem_of(each)))
        new = [each for each in done if isinstance(each, Record)]
        if self._differences is not None:
            self._differences.add(before, new)
        for row in sorted(refused, key=lambda row: row.number):
            self._quarantine.add(row)
            if row.problem is not None:
                self.counts.by_code[row.problem.code] += 1
        return new

    def _store(
        self, new: Sequence[Record], before: Mapping[str, Stored], tell: Callable[[int], None]
    ) -> list[Record | ProductError]:
        """Store records and return them, in the place of those that the screen refuses why it does.

        before: what is stored under their ids; raises VersionConflict when that is no longer so.
        """
        planted = self._placement.number

        def encode(products: Sequence[Product]) -> Encoded:
            return self._encode(products, tell)

        once = partial(Recent().encoded, encode=encode) if self._screen else encode
        while True:
            seen = self._screen([each.product for each in new], new, once) if self._screen else Screened(new)
            done = [each for each in seen.changes if isinstance(each, Record | ProductError)]
            good = [each for each in done if isinstance(each, Record)]
            expected = versions((each.product.id for each in good), before) if self._beside else ANY
            try:
                written = store(
                    self._records, self._encoder, good, once, expected=expected, planted=planted, seq=seen.seq
                )
                break
            except Overtaken:  # somebody wrote since the screen looked
                continue
        self.remarks.update((new[place].product.id, said) for place, said in seen.remarks.items())
        keys = np.array([each.key for each in written], np.int64)
        self._absent[keys[keys < len(self._absent)]] = False
        return done

    def _sorted_out(self, batch: Sequence[Row]) -> tuple[list[tuple[Record, Row]], list[Row]]:
        """Return the records of a batch with their rows, and its other rows with what is wrong with them, in order."""
        given = given_parts(self._encoder)
        prepared = iter(prepare([row.product for row in batch if row.product], self._placement, given))
        new: list[tuple[Record, Row]] = []
        refused: list[Row] = []
        for row in batch:
            made = next(prepared) if row.product else row.problem
            if isinstance(made, Record):
                new.append((made, row))
            elif made is not None:
                problem = made if isinstance(made, Problem) else problem_of(made)
                refused.append(replace(row, product=None, problem=problem))
        return new, refused

    def _encode(self, products: Sequence[Product], tell: Callable[[int], None]) -> Encoded:
        done = self.counts.read

        def more(number: int) -> None:
            nonlocal done
            done += number
            tell(done)

        self.encoded += len(products)
        return self._encoder.encode(products, more)


def placement_in(records: Records) -> Placement:
    """Return the placement of sources' categories in the tree that stands."""
    standing, before = records.taxonomies.standing(), records.taxonomies.aliases()
    return Placement(standing.tree, grows=standing.open, separators=CANONICAL, before=before, number=standing.number)


def problem_of(error: ProductError) -> Problem:
    """Return why a row is refused that was a product until it was cleaned, placed and looked up."""
    if isinstance(error, ProductDuplicate):
        return Problem("duplicate", str(error))
    codes = {"category": "invalid_category", "title": "no_content", "vectors": "invalid_vector"}
    code = "invalid_label" if error.field in {"provenance", "weight"} else codes.get(error.field, "too_long")
    return Problem(code, str(error))
