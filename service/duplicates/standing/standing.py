"""Groups of duplicates that stand in the record store, brought further by what changed, without a look at the rest.

    changed products -> who is near them [nearby] -> judged -> their pairs replaced
    those pairs, and what hangs together with them -> groups and families anew [grouping] -> ids and survivors kept

What hangs together is small however large the catalogue: whoever is linked by pairs that may be the same product, or
variants of one. Groups come out as a scan of all products would make them, of the pairs that are known.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from indexer.build import Progress
from indexer.store.decisions import Decided
from indexer.store.findings import Result
from indexer.store.twins import DUPLICATES, Added, Cleared, Member
from indexer.vectors import Keys
from service.duplicates.groups import scan
from service.duplicates.groups.book import Book, Pairs
from service.duplicates.groups.grouping import Linkage
from service.duplicates.standing.members import members_of
from service.duplicates.standing.nearby import Near
from service.duplicates.standing.regrouping import Regrouping
from service.duplicates.standing.said import keys_of, settled_of, twin_of
from service.duplicates.verdicts.judging import Judging
from service.duplicates.verdicts.stock import Known
from service.duplicates.verdicts.verdict import DIFFERENT
from service.engine import Engine

PIECE = 2_000
"""Rows that are written at a time, while other changes wait."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The finding `duplicates`, as upkeep keeps it."""

    near: Near = field(default_factory=Near)
    groups: Linkage = field(default_factory=lambda: scan.Scanning().groups)
    families: Linkage = field(default_factory=lambda: scan.Scanning().families)
    known: Known = field(default_factory=OrderedDict, repr=False, compare=False)
    """What products say, remembered from one change to the next; one thread at a time brings a finding further."""

    @property
    def name(self) -> str:
        """Its name in the store."""
        return DUPLICATES

    @property
    def upon(self) -> Sequence[str]:
        """Nothing: groups come first."""
        return ()

    def update(self, engine: Engine, keys: Keys, decided: Sequence[Decided]) -> Result:
        """Return the pairs of products that changed, or that were decided about, and all groups that these touch."""
        live = engine.live
        ids = {id_ for each in decided for pair in each.detail.get("pairs", ()) for id_ in pair[:2]}
        touched = set(keys.tolist()) | set(keys_of(live, ids))
        regrouping = Regrouping(live, self.near, self.groups, self.families, self.known)
        return (None if decided else regrouping.copies(touched)) or regrouping.of(touched)

    def anew(self, engine: Engine, progress: Progress) -> Iterator[Result]:
        """Yield all pairs and groups, in pieces."""
        live = engine.live
        found = scan.scan(live, Judging.of(live), settled=settled_of(live), progress=progress)
        former = [member for some in live.records.twins.every() for member in some]
        yield Cleared()
        progress.start("write", len(found.pairs), "pairs")
        for pairs, evidence in scan.chunks(found, PIECE):
            yield _of(pairs, evidence)
        for some in self._loose(found.book):
            yield _of(some, [()] * len(some))
        yield from _pieces(members_of(live, found.groups, found.families, former, live.records.by_keys))

    def _loose(self, book: Book) -> Iterator[Pairs]:
        """Yield pairs that are different, though not surely: groups and families may hang together by them."""
        least = min(self.groups.least, self.families.least)
        rows = np.flatnonzero((book.pairs.verdicts == DIFFERENT) & (book.pairs.related >= least))
        for start in range(0, len(rows), PIECE):
            yield book.pairs.take(rows[start : start + PIECE])


def _of(pairs: Pairs, evidence: Sequence[tuple[str, ...]]) -> Added:
    """Return pairs as they are written, with what decided each."""
    columns = (pairs.left, pairs.right, pairs.verdicts, pairs.probability, pairs.variant)
    rows = zip(*(column.tolist() for column in columns), evidence, strict=True)
    return Added([twin_of(*row) for row in rows])


def _pieces(members: Iterator[Member]) -> Iterator[Added]:
    while some := list(islice(members, PIECE)):
        yield Added((), some)
