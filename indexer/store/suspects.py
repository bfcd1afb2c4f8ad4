"""Products whose category or tags are suspected to be wrong, in the record store.

Whoever audits labels replaces what is suspected of products; whoever looks at it pages through it, the worst first. A
suspicion is about a label: it is not shown any more once the product is labelled otherwise. Categories are kept by
their ids, so that renaming and moving one changes nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import Any

import sqlalchemy as sa

from indexer.store import schema, tagfaults
from indexer.store.schema import chunks, labels, products, suspects, twins, upheld
from indexer.store.tagfaults import TagFault
from indexer.store.upheld import last_word, upheld_of
from taxonomy.names import SEPARATOR

Connecting = Callable[[], AbstractContextManager[sa.Connection]]
WRITTEN = 5_000
"""Suspects that are written at a time."""
ONE_PRODUCT = ("identical", "same product")
"""Verdicts on pairs that are listings of one product."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """What is suspected of the product `key`.

    stored, suggested: ids of categories; suggested is empty where only tags are amiss, and then `probability`, that the
    stored one is wrong, is 0. neighbours: keys of those that say so. tags: the likeliest fault first.
    """

    key: int
    stored: str = ""
    suggested: str = ""
    probability: float = 0.0
    severity: float = 0.0
    kind: str = ""
    pattern: str = ""
    neighbours: tuple[int, ...] = ()
    tags: tuple[TagFault, ...] = ()


@dataclass(frozen=True, slots=True)
class Suspected:
    """A suspect with its product as it is stored now."""

    suspect: Suspect
    id: str
    title: str
    version: int
    category: str
    provenance: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A stored product by its name and place; `path` is empty without a category."""

    id: str
    title: str
    path: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which suspects are wanted: from a probability on, of one kind, of a branch (its path), of a pattern."""

    least: float = 0.0
    kind: str = ""
    branch: str = ""
    pattern: str = ""


Place = tuple[float, float, int]
"""Where a page of labels ends: probability, severity and key of its last."""


_SEEN = sa.select(
    suspects, products.c.id, products.c.title, products.c.version, labels.c.category, labels.c.provenance
).select_from(suspects.join(products, products.c.key == suspects.c.key).join(labels, labels.c.key == suspects.c.key))


class Suspects:
    """What is suspected; `Records.suspects` gives it. Any thread may use it."""

    def __init__(self, reading: Connecting, changing: Connecting) -> None:
        self._reading = reading
        self._changing = changing

    def replace(self, keys: Collection[int], found: Sequence[Suspect]) -> None:
        """Let `found` be all that is suspected of the products `keys`; those that are gone by now are left out."""
        with self._changing() as connection:
            replace(connection, keys, found)

    def labels(self, wanted: Wanted, after: Place | None = None, limit: int = 50) -> list[Suspected]:
        """Return up to `limit` suspected labels that follow `after`: likeliest first, then severest, then by key."""
        p, s, key = suspects.c.probability, suspects.c.severity, suspects.c.key
        query = _SEEN.where(*_conditions(wanted)).order_by(p.desc(), s.desc(), key).limit(limit)
        if after is not None:
            query = query.where(sa.or_(p < after[0], sa.and_(p == after[0], _after(s, key, after[1], after[2]))))
        with self._reading() as connection:
            return [_suspected(row) for row in connection.execute(query)]

    def count(self, wanted: Wanted) -> dict[str, int]:
        """Return how many labels are suspected, by kind."""
        query = sa.select(suspects.c.kind, sa.func.count()).join(labels, labels.c.key == suspects.c.key)
        with self._reading() as connection:
            found = connection.execute(query.where(*_conditions(wanted)).group_by(suspects.c.kind).order_by("kind"))
            return {row[0]: row[1] for row in found}

    def by_category(self, least: float) -> dict[str, int]:
        """Return how many labels of each category, by its id, are suspected with a probability from `least` on."""
        query = sa.select(suspects.c.stored, sa.func.count()).join(labels, labels.c.key == suspects.c.key)
        query = query.where(*_conditions(Wanted(least))).group_by(suspects.c.stored)
        with self._reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def doubts(self) -> dict[int, float]:
        """Return by key how likely the label is wrong, of every product whose label is suspected."""
        query = sa.select(suspects.c.key, suspects.c.probability).join(labels, labels.c.key == suspects.c.key)
        with self._reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query.where(*_conditions(Wanted())))}

    def patterns(self) -> dict[str, int]:
        """Return how many doubted labels belong to each pattern; one to which none does is left out."""
        query = sa.select(suspects.c.pattern, sa.func.count()).join(labels, labels.c.key == suspects.c.key)
        query = query.where(*_conditions(Wanted()), suspects.c.pattern != "").group_by(suspects.c.pattern)
        with self._reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def belonging(self, patterns: Collection[str]) -> dict[str, list[int]]:
        """Return the keys of the suspects that belong to each of some patterns, in order."""
        found: dict[str, list[int]] = {}
        query = sa.select(suspects.c.pattern, suspects.c.key).order_by(suspects.c.key)
        with self._reading() as connection:
            for some in chunks(patterns):
                for row in connection.execute(query.where(suspects.c.pattern.in_(some))):
                    found.setdefault(row.pattern, []).append(row.key)
        return found

    def tags(
        self, least: float = 0.0, after: tuple[float, int] | None = None, limit: int = 50, branch: str = ""
    ) -> list[Suspected]:
        """Return up to `limit` products with suspected tags after a place (probability, key), the likeliest first."""
        p, key = suspects.c.tag_probability, suspects.c.key
        query = _SEEN.where(p > 0, p >= least, *_within(branch)).order_by(p.desc(), key).limit(limit)
        if after is not None:
            query = query.where(_after(p, key, *after))
        with self._reading() as connection:
            return [_suspected(row) for row in connection.execute(query)]

    def of(self, ids: Collection[str]) -> dict[str, Suspected]:
        """Return by id what is suspected of products and is about the label that they have now."""
        found: dict[str, Suspected] = {}
        with self._reading() as connection:
            for some in chunks(ids):
                query = _SEEN.where(products.c.id.in_(some), labels.c.node_id == suspects.c.stored)
                found.update((row.id, _suspected(row)) for row in connection.execute(query))
        return found

    def faults(self, product_id: str) -> tuple[TagFault, ...]:
        """Return what is suspected of the tags of a product, the likeliest fault first."""
        query = sa.select(suspects.c.tags).join(products, products.c.key == suspects.c.key)
        with self._reading() as connection:
            found = connection.scalar(query.where(products.c.id == product_id)) or ()
        return tuple((tag, fault, probability) for tag, fault, probability in found)

    def naming(self, keys: Collection[int], kind: str = "") -> list[int]:
        """Return the keys of products whose suspicion, of a kind, names one of `keys` as a neighbour.

        Every suspect of that kind is read.
        """
        wanted, query = set(keys), sa.select(suspects.c.key, suspects.c.neighbours)
        with self._reading() as connection:
            rows = connection.execute(query.where(suspects.c.kind == kind) if kind else query).all()
        return sorted(row.key for row in rows if not wanted.isdisjoint(row.neighbours))

    def suggesting_others(self, categories: Collection[str]) -> list[int]:
        """Return the keys of suspects whose suggested category is none of these; every suspect is read."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(suspects.c.key, suspects.c.suggested)).all()
        known = {*categories, ""}
        return sorted(row.key for row in rows if row.suggested not in known)

    def right(self) -> list[int]:
        """Return the keys of products whose label, as it is now, a person has found right."""
        same = (upheld.c.id == products.c.id, upheld.c.content_hash == products.c.content_hash)
        query = sa.select(products.c.key).join(upheld, sa.and_(*same)).join(labels, labels.c.key == products.c.key)
        with self._reading() as connection:
            return list(connection.scalars(query.where(labels.c.node_id == upheld.c.node_id).order_by(products.c.key)))

    def last_word(self, product_id: str) -> int | None:
        """Return the number of the decision by which a person last found the label of a product right, if any."""
        with self._reading() as connection:
            return last_word(connection, product_id)

    def conflicts(self, keys: Collection[int] | None = None) -> list[tuple[int, int, float]]:
        """Return the pairs of keys that are one product, as likely as that, with different categories.

        keys: of which either is one; of all without.
        """
        left, right = labels.alias(), labels.alias()
        query = (
            sa.select(twins.c.left_key, twins.c.right_key, twins.c.probability)
            .join(left, left.c.key == twins.c.left_key)
            .join(right, right.c.key == twins.c.right_key)
            .where(left.c.node_id != right.c.node_id, left.c.node_id != "", right.c.node_id != "")
            .where(twins.c.verdict.in_(ONE_PRODUCT))
        )
        columns = (twins.c.left_key, twins.c.right_key)
        queries = (
            [query] if keys is None else [query.where(each.in_(some)) for some in chunks(keys) for each in columns]
        )
        with self._reading() as connection:
            return sorted({(row[0], row[1], row[2]) for each in queries for row in connection.execute(each)})

    def listed(self, keys: Collection[int]) -> dict[int, Listed]:
        """Return by key what products are called and where they stand; those that are gone are left out."""
        query = sa.select(products.c.key, products.c.id, products.c.title, labels.c.category).join_from(
            products, labels
        )
        with self._reading() as connection:
            return {
                row.key: Listed(row.id, row.title, row.category)
                for some in chunks(keys)
                for row in connection.execute(query.where(products.c.key.in_(some)))
            }

    def attributes(self, keys: Collection[int]) -> Iterator[Any]:
        """Yield key, brand, facts and provenance of products, in no order; those that are gone are left out."""
        columns = (products.c.key, products.c.brand, products.c.facts, labels.c.provenance)
        query = sa.select(*columns).join_from(products, labels)
        for some in chunks(keys):
            with self._reading() as connection:
                yield from connection.execute(query.where(products.c.key.in_(some))).all()


def replace(connection: sa.Connection, keys: Collection[int], found: Sequence[Suspect]) -> None:
    """Let `found` be all that is suspected of the products `keys`, inside a transaction.

    Of products that are gone by now, and of labels and tags that a person has found right, nothing is kept.
    """
    for some in chunks(keys):
        connection.execute(suspects.delete().where(suspects.c.key.in_(some)))
    _insert(connection, found)


def _insert(connection: sa.Connection, found: Sequence[Suspect]) -> None:
    now: dict[int, Any] = {}
    columns = (products.c.key, products.c.id, products.c.content_hash, labels.c.node_id)
    for some in chunks(suspect.key for suspect in found):
        query = sa.select(*columns).join_from(products, labels).where(products.c.key.in_(some))
        now.update((row.key, row) for row in connection.execute(query))
    right = upheld_of(connection, [row.id for row in now.values()])
    tagged = [now[each.key].id for each in found if each.tags and each.key in now]
    settled = tagfaults.settled_tags(connection, tagged)
    rows = []
    for suspect in found:
        if (row := now.get(suspect.key)) is None:
            continue
        is_right = right.get(row.id) == (row.node_id, row.content_hash)
        told = replaced(suspect, tags=tagfaults.unsettled(suspect.tags, settled.get(row.id, ())))
        rows += [] if (is_right or not told.suggested) and not told.tags else [_row(told, label=not is_right)]
    if rows:
        connection.execute(suspects.insert(), rows)


@dataclass(frozen=True, slots=True)
class Replaced:
    """What is suspected now of the products `keys`, as `replace` takes it; for `Findings.advance`."""

    keys: Collection[int]
    found: Sequence[Suspect]

    def write(self, connection: sa.Connection) -> None:
        """Write it inside a transaction."""
        replace(connection, self.keys, self.found)


@dataclass(frozen=True, slots=True)
class Renewed:
    """All that is suspected of any product, and facts of the store that are told with it; for `Findings.advance`."""

    found: Sequence[Suspect]
    facts: Mapping[str, str]

    def write(self, connection: sa.Connection) -> None:
        """Write it inside a transaction."""
        connection.execute(suspects.delete())
        for start in range(0, len(self.found), WRITTEN):
            _insert(connection, self.found[start : start + WRITTEN])
        for name, value in self.facts.items():
            schema.put_meta(connection, name, value)


def _row(suspect: Suspect, *, label: bool = True) -> Mapping[str, Any]:
    """Return the row of a suspect, without what is suspected of its label where that is right."""
    told = suspect if label else Suspect(suspect.key, suspect.stored, tags=suspect.tags)
    return {
        "key": told.key,
        "stored": told.stored,
        "suggested": told.suggested,
        "probability": told.probability,
        "severity": told.severity,
        "kind": told.kind,
        "pattern": told.pattern,
        "neighbours": list(told.neighbours),
        "tags": [list(each) for each in told.tags],
        "tag_probability": max((each[2] for each in told.tags), default=0.0),
    }


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    conditions = [
        suspects.c.suggested != "",
        suspects.c.probability >= wanted.least,
        labels.c.node_id == suspects.c.stored,
        *_within(wanted.branch),
    ]
    if wanted.kind:
        conditions.append(suspects.c.kind == wanted.kind)
    if wanted.pattern:
        conditions.append(suspects.c.pattern == wanted.pattern)
    return conditions


def _within(branch: str) -> list[sa.ColumnElement[bool]]:
    """Return what holds for products that are labelled with a category or one below it, for any without a branch."""
    if not branch:
        return []
    below = branch + SEPARATOR
    return [sa.or_(labels.c.category == branch, sa.func.substr(labels.c.category, 1, len(below)) == below)]


def _after(first: sa.Column[Any], key: sa.Column[Any], value: float, last: int) -> sa.ColumnElement[bool]:
    return sa.or_(first < value, sa.and_(first == value, key > last))


def _suspected(row: Any) -> Suspected:  # noqa: ANN401 - a row of _SEEN
    tags = tuple((tag, fault, probability) for tag, fault, probability in row.tags)
    suspect = Suspect(
        row.key,
        row.stored,
        row.suggested,
        row.probability,
        row.severity,
        row.kind,
        row.pattern,
        tuple(row.neighbours),
        tags,
    )
    return Suspected(suspect, row.id, row.title, row.version, row.category, row.provenance)
