"""Duplicates of a whole catalogue: every product beside its neighbours, judged, and put into groups and families.

read       the store -> Catalogue: content, article numbers, pictures                                [catalogue]
candidates by vector, by words, by title, by number, by picture -> pairs                     [candidates, titles]
judge      pairs -> verdicts, kept as arrays; evidence is told when a pair is written                [judging]
group      pairs that are the same product -> groups; groups and variants -> families                [grouping]

Memory: some 200 bytes a product and 20 a pair, beside what the index holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from indexer.build import Progress, Quiet
from indexer.live import Live
from indexer.vectors import Keys
from service.duplicates.groups import candidates
from service.duplicates.groups.book import JUDGED, Book, Pairs, Settled
from service.duplicates.groups.candidates import Codes, Nearest
from service.duplicates.groups.catalogue import Catalogue
from service.duplicates.groups.families import between, of_members, with_copies
from service.duplicates.groups.grouping import Groups, Linkage, grouped
from service.duplicates.groups.titles import Titles
from service.duplicates.verdicts.judging import JOINABLE, Judging
from service.duplicates.verdicts.verdict import DIFFERENT, IDENTICAL


@dataclass(frozen=True, slots=True)
class Scanning:
    """How a scan goes: what is compared, when products belong together, and by how many threads is searched."""

    nearest: Nearest = field(default_factory=Nearest)
    groups: Linkage = field(default_factory=Linkage)
    families: Linkage = field(default_factory=lambda: Linkage(least=0.5, most=200))
    threads: int = 2


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan found. products: that were read. book: the pairs that were judged; `pairs` are those not different.

    groups: duplicates, by key. families: groups and single products that are variants, by key of every member.
    """

    products: int
    compared: int
    book: Book
    pairs: Pairs
    groups: Groups
    families: Groups


def scan(
    live: Live,
    judging: Judging,
    *,
    settled: Settled | None = None,
    scanning: Scanning | None = None,
    progress: Progress | None = None,
) -> Scanned:
    """Return the duplicates among all products that are stored now. What is changed meanwhile may or may not be seen.

    settled: what people said of pairs, which overrules the decider.
    """
    settled, scanning, progress = settled or Settled(), scanning or Scanning(), progress or Quiet()
    judging.plausible = JOINABLE
    catalogue = _read(live, judging, settled, progress)
    codes = _candidates(live, judging, catalogue, scanning, progress)
    book = Book(live, judging, settled, scanning.threads)
    progress.start("judge", len(codes), "pairs")
    book.judge(*_keys(codes, catalogue), tell=progress.at)
    progress.start("group", None, "")
    first = grouped(book.same(), book.ask_same, scanning.groups)
    keys, stands = catalogue.keys, catalogue.keys[catalogue.first]
    groups = with_copies(first, keys, stands)
    related = between(first, book.related(), scanning.families.least)
    second = grouped(related, book.ask_related, scanning.families)
    families = of_members(second, first, keys, stands)
    pairs = book.pairs.take(np.flatnonzero(book.pairs.verdicts != DIFFERENT)).joined(_copies(catalogue))
    return Scanned(len(catalogue), len(book.pairs), book, pairs, groups, families)


def _read(live: Live, judging: Judging, settled: Settled, progress: Progress) -> Catalogue:
    with live.reading():
        size = int(live.labels.known.sum())
    progress.start("read", size, "products")
    traits = judging.load(progress.at)
    return Catalogue.of(judging.stock.keys, traits, np.unique(np.append(settled.left, settled.right)))


def _candidates(live: Live, judging: Judging, catalogue: Catalogue, scanning: Scanning, progress: Progress) -> Codes:
    """Return the pairs of rows that are judged; who is near whom is made known to `judging`."""
    alike = [candidates.of_articles(catalogue), candidates.of_pictures(catalogue), candidates.of_content(catalogue)]
    near = _neighbours(live, judging, catalogue, scanning, progress)
    progress.start("titles", len(catalogue.asked), "products")
    titles = Titles.of(catalogue)
    by_title = titles.near(scanning.threads)
    named = candidates.neighbours(by_title, catalogue, titles.nearest, sure=titles.nearest, tell=progress.at)
    return candidates.unique([*alike, near[~titles.unlike(near)], named])


def _neighbours(live: Live, judging: Judging, catalogue: Catalogue, scanning: Scanning, progress: Progress) -> Codes:
    """Return pairs that are near by vector or words; who is near whom is made known to `judging`."""
    nearest, found = scanning.nearest, list[Codes]()
    with live.reading():
        views = dict(live.contents.views)
    for name, view in views.items():
        near_by = _NearBy(len(catalogue))
        for kind, near, k in (
            ("vectors", candidates.near_by_vector, nearest.by_vector),
            ("words", candidates.near_by_words, nearest.by_words if view.space.words else 0),
        ):
            if k:
                progress.start(f"{name} by {kind}", len(catalogue.asked), "products")
                batches = near_by.told(near(view, catalogue, k, live.reading, scanning.threads), catalogue)
                found.append(candidates.neighbours(batches, catalogue, k, sure=nearest.sure, tell=progress.at))
        if name == judging.surroundings.view:
            judging.surroundings.take(*near_by.all(catalogue))
    return candidates.unique(found)


class _NearBy:
    """Who was found to be near each product, by row; 4 bytes for each that was looked at."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._columns: list[npt.NDArray[np.int32]] = []

    def told(self, batches: candidates.Near, catalogue: Catalogue) -> candidates.Near:
        """Yield batches on, and remember who is in them."""
        kept: npt.NDArray[np.int32] | None = None
        for keys, near in batches:
            if kept is None:
                kept = np.full((self._size, near.shape[1]), -1, np.int32)
                self._columns.append(kept)
            kept[catalogue.rows(keys), : near.shape[1]] = near[:, : kept.shape[1]]
            yield keys, near

    def all(self, catalogue: Catalogue) -> tuple[Keys, Keys]:
        """Return the keys of all who stand for their content, and who is near each."""
        rows = catalogue.asked
        near = [column[rows] for column in self._columns]
        return catalogue.keys[rows], np.concatenate(near, axis=1) if near else np.zeros((len(rows), 0), np.int64)


def _keys(codes: Codes, catalogue: Catalogue) -> tuple[Keys, Keys]:
    return catalogue.keys[codes // len(catalogue)], catalogue.keys[codes % len(catalogue)]


def _copies(catalogue: Catalogue) -> Pairs:
    """Return each copy beside the first of its content."""
    rows = np.flatnonzero(catalogue.first != np.arange(len(catalogue)))
    left, right = catalogue.keys[catalogue.first[rows]], catalogue.keys[rows]
    one, none = np.ones(len(rows), np.float32), np.zeros(len(rows), np.float32)
    return Pairs(left, right, np.full(len(rows), IDENTICAL, np.int8), one, none)


def chunks(found: Scanned, size: int = JUDGED) -> Iterator[tuple[Pairs, list[tuple[str, ...]]]]:
    """Yield the pairs of a scan with what decided, some at a time."""
    for start in range(0, len(found.pairs), size):
        some = found.pairs.take(np.arange(start, min(start + size, len(found.pairs))))
        yield some, found.book.told(some)
