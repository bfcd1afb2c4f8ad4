"""What is suspected, as people read it: categories by their paths, neighbours and products by their ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from indexer.live import Live
from indexer.store.suspects import Listed, Place, Suspected, Wanted
from indexer.store.tagfaults import TagFault
from service.audit.ambiguity import Pair
from taxonomy.names import SEPARATOR
from taxonomy.tree import Tree

_Doubted = TypeVar("_Doubted", "DoubtedLabel", "DoubtedTags")


@dataclass(frozen=True, slots=True)
class Where:
    """A category."""

    id: str
    path: str


@dataclass(frozen=True, slots=True)
class DoubtedLabel:
    """A stored label that is probably wrong: with `probability`; `suggested` is where the product seems to belong.

    severity: how far both categories are apart, 1 for different departments. pattern: the systematic error that it
    belongs to, "" for none. neighbours: those that say so, the loudest first. version: of the product, for If-Match.
    """

    id: str
    title: str
    stored: Where
    suggested: Where
    probability: float
    severity: float
    kind: str
    pattern: str
    neighbours: tuple[Listed, ...]
    provenance: str
    version: int
    place: Place


@dataclass(frozen=True, slots=True)
class DoubtedTags:
    """A product with tags that it probably lacks (`missing`) or should not have (`wrong`), the likeliest first."""

    id: str
    title: str
    path: str
    faults: tuple[TagFault, ...]
    version: int
    place: tuple[float, int]


@dataclass(frozen=True, slots=True)
class AmbiguousPair:
    """Two categories that take each other's products; one merged into the other remedies it, as a person may decide.

    merged, into: the category with fewer products and the other; one that is below the other is always what is merged.
    examples: some products of both that seem to belong in the other.
    """

    pair: Pair
    one: Where
    other: Where
    merged: Where
    into: Where
    examples: tuple[Listed, ...]


class Reading:
    """Reads what the record store of an open index suspects, in the tree as it is now."""

    def __init__(self, live: Live) -> None:
        self._suspects = live.records.suspects
        self._tree = live.tree
        self._known: dict[str, Where] = {}

    @property
    def tree(self) -> Tree:
        """The tree that it is read in."""
        return self._tree

    def where(self, node_id: str) -> Where:
        """Return a category; one that is gone has no path."""
        if node_id not in self._known:
            node = self._tree.of_id(node_id)
            self._known[node_id] = Where(node_id, "" if node is None else self._tree.text(node))
        return self._known[node_id]

    def pairs(self, found: Sequence[Pair]) -> list[AmbiguousPair]:
        """Return ambiguous pairs with their categories; those of which one is gone, as by merging, are left out."""
        known = [pair for pair in found if self.where(pair.one).path and self.where(pair.other).path]
        named = self._suspects.listed({key for pair in known for key in pair.examples})
        made = []
        for pair in known:
            one, other = self.where(pair.one), self.where(pair.other)
            merged, into = (one, other) if pair.one_of < pair.other_of else (other, one)
            if into.path.startswith(merged.path + SEPARATOR):
                merged, into = into, merged
            examples = tuple(named[key] for key in pair.examples if key in named)
            made.append(AmbiguousPair(pair, one, other, merged, into, examples))
        return made

    def count(self, wanted: Wanted) -> dict[str, int]:
        """Return how many labels are doubted, by kind."""
        return self._suspects.count(wanted)

    def labels(self, wanted: Wanted, after: Place | None = None, limit: int = 50) -> list[DoubtedLabel]:
        """Return up to `limit` doubted labels after a place, the worst first."""
        return self._told(self._suspects.labels(wanted, after, limit))

    def label(self, product_id: str) -> DoubtedLabel | None:
        """Return what is doubted of the label that a product has now, None for nothing."""
        found = [each for each in self._suspects.of([product_id]).values() if each.suspect.suggested]
        return self._told(found)[0] if found else None

    def all_labels(self, wanted: Wanted, limit: int | None, page: int) -> Iterator[list[DoubtedLabel]]:
        """Return the doubted labels, the worst first, `page` at a time and `limit` in all."""
        return _paged(partial(self.labels, wanted), limit, page)

    def tags(
        self, least: float = 0, after: tuple[float, int] | None = None, limit: int = 50, branch: str = ""
    ) -> list[DoubtedTags]:
        """Return up to `limit` products with doubted tags after a place, the one with the likeliest fault first."""
        return [
            DoubtedTags(
                each.id,
                each.title,
                each.category,
                tuple(fault for fault in each.suspect.tags if fault[2] >= least),
                each.version,
                (max(fault[2] for fault in each.suspect.tags), each.suspect.key),
            )
            for each in self._suspects.tags(least, after, limit, branch)
        ]

    def all_tags(self, least: float, limit: int | None, page: int) -> Iterator[list[DoubtedTags]]:
        """Return the products with doubted tags, `page` at a time and `limit` in all."""
        return _paged(partial(self.tags, least), limit, page)

    def faults(self, product_id: str) -> tuple[TagFault, ...]:
        """Return what is told of the tags of a product, the likeliest fault first."""
        return self._suspects.faults(product_id)

    def _told(self, found: Sequence[Suspected]) -> list[DoubtedLabel]:
        named = self._suspects.listed({key for each in found for key in each.suspect.neighbours})
        return [
            DoubtedLabel(
                id=each.id,
                title=each.title,
                stored=self.where(each.suspect.stored),
                suggested=self.where(each.suspect.suggested),
                probability=each.suspect.probability,
                severity=each.suspect.severity,
                kind=each.suspect.kind,
                pattern=each.suspect.pattern,
                neighbours=tuple(named[key] for key in each.suspect.neighbours if key in named),
                provenance=each.provenance,
                version=each.version,
                place=(each.suspect.probability, each.suspect.severity, each.suspect.key),
            )
            for each in found
        ]


def _paged(read: Callable[[Any, int], list[_Doubted]], limit: int | None, page: int) -> Iterator[list[_Doubted]]:
    """Yield what `read(after, limit)` returns, `page` at a time and `limit` in all."""
    after, left = None, limit
    while left is None or left > 0:
        some = read(after, page if left is None else min(page, left))
        if not some:
            return
        yield some
        after = some[-1].place
        left = None if left is None else left - len(some)
