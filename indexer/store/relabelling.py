"""The labels of a store after a change of its tree: which products go where, and the SQL that takes them there.

A category that is only called otherwise costs one UPDATE for all its products, and no product is changed by it: its
version stays, and the journal has the one entry of the taxonomy. A product that goes to another category is a change
of that product like any other, with its version and its place in the journal, where its former category is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from indexer.store import rows
from indexer.store.rows import Stored
from indexer.store.schema import chunks, journal, labels, products
from taxonomy.names import SEPARATOR
from taxonomy.planting import NONE, Planting
from taxonomy.tree import Tree

PAGE = 500
"""Products that are in memory at a time while a rule looks at them."""
EXAMPLES = 20
_ASIDE = "\n"
"""Begins what stands for a category while several exchange their paths; no path has a line break."""


@dataclass(frozen=True, slots=True)
class Shift:
    """How many products of one category go to another; ids and paths, `to` and `to_path` "" for none."""

    node: str
    path: str
    to: str
    to_path: str
    products: int


@dataclass(frozen=True, slots=True)
class Moves:
    """Products that go elsewhere: their keys by (category, category). named: how a category in use is written next.

    renamed: products that stay in a category whose path is another one now.
    """

    going: Mapping[tuple[str, str], Sequence[int]]
    named: Mapping[str, str]
    renamed: int

    def shifts(self, planting: Planting) -> list[Shift]:
        """Return how many go where, in order of the tree before."""
        place = {node_id: node for node, node_id in enumerate(planting.before.ids)} | {NONE: len(planting.before)}

        def path(tree: Tree, node_id: str) -> str:
            return tree.text(tree.index(node_id)) if node_id else ""

        return [
            Shift(node, path(planting.before, node), to, path(planting.tree, to), len(keys))
            for (node, to), keys in sorted(self.going.items(), key=lambda each: (place[each[0][0]], each[0][1]))
        ]

    def examples(self, connection: sa.Connection) -> list[str]:
        """Return the ids of a few products that lose their label."""
        lost = [key for (_, to), keys in self.going.items() if to == NONE for key in keys[:EXAMPLES]][:EXAMPLES]
        query = sa.select(products.c.id).where(products.c.key.in_(lost)).order_by(products.c.key)
        return list(connection.scalars(query)) if lost else []


def path_of(category: str) -> tuple[str, ...]:
    """Return the names of a canonical path, as the record store writes it."""
    return tuple(category.split(SEPARATOR))


def categories(connection: sa.Connection) -> dict[str, int]:
    """Return each category path in use with its number of products, in order of path."""
    query = sa.select(labels.c.category, sa.func.count().label("products")).where(labels.c.category != "")
    counted = {row.category: row.products for row in connection.execute(query.group_by(labels.c.category))}
    return dict(sorted(counted.items()))  # databases do not agree about the order of texts


def moves(connection: sa.Connection, planting: Planting, former: Mapping[int, str]) -> Moves:
    """Return which products go where. former: by key, the category that a product had before and gets back."""
    before, after = planting.before, planting.tree
    kept = dict(zip(after.ids, range(len(after)), strict=True))
    going: dict[tuple[str, str], list[int]] = {}
    named: dict[str, str] = {}
    renamed = 0
    back = Counter[str]()
    for key, category in _categories_of(connection, former):
        node = before.find(path_of(category)) if category else None
        here = NONE if node is None else before.ids[node]
        if here != former[key]:
            going.setdefault((here, former[key]), []).append(key)
            back[here] += 1
    for category, count in categories(connection).items():
        node = before.find(path_of(category))
        if node is None:  # a label of another tree: nobody knows where it would go
            continue
        node_id = before.ids[node]
        leaving = Counter[str]()
        if planting.sorts(node_id):
            for stored in _in_category(connection, category):
                to = planting.route(node_id, stored.record.product)
                if to != node_id and stored.key not in former:
                    going.setdefault((node_id, to), []).append(stored.key)
                    leaving[to] += 1
        elif (to := planting.route(node_id)) != node_id:
            keys = [key for key in _keys_in(connection, category) if key not in former]
            going.setdefault((node_id, to), []).extend(keys)
            leaving[to] += len(keys)
        if node_id in kept and before.text(node) != (text := after.text(kept[node_id])):
            named[category] = text
            renamed += count - leaving.total() - back[node_id]
    return Moves({pair: keys for pair, keys in going.items() if keys}, named, renamed)


def carry_out(connection: sa.Connection, planting: Planting, moves: Moves, at: str) -> None:
    """Take every product where it goes, and write the paths of categories that are called otherwise."""
    after = planting.tree
    texts = {to: after.text(after.index(to)) for _, to in moves.going if to != NONE}
    aside = not (moves.named.keys().isdisjoint({*moves.named.values(), *texts.values()}))
    finally_ = dict[str, str]()

    def written(node_id: str, text: str) -> str:
        if aside and text:
            finally_[_ASIDE + node_id] = text
            return _ASIDE + node_id
        return text

    coming: dict[str, list[int]] = {}
    for (_, to), keys in moves.going.items():
        coming.setdefault(to, []).extend(keys)
    for to, keys in coming.items():
        for some in chunks(sorted(keys)):
            _relabel(connection, some, written(to, texts.get(to, "")), to, at)
    for category, text in moves.named.items():
        node_id = after.ids[found] if (found := after.find(path_of(text))) is not None else NONE
        new = {"category": written(node_id, text), "node_id": node_id}
        connection.execute(labels.update().where(labels.c.category == category).values(new))
    for mark, text in finally_.items():
        connection.execute(labels.update().where(labels.c.category == mark).values(category=text))


def former(connection: sa.Connection, seqs: Sequence[int], before: Tree) -> dict[int, str]:
    """Return by key the category of `before` that products had until a change whose journal entries lie in `seqs`.

    Only of those that are stored and that nobody has labelled otherwise since.
    """
    first, last = seqs
    query = sa.select(journal.c.key, journal.c.before)
    entries = connection.execute(query.where(journal.c.seq.between(first, last), journal.c.action == "put"))
    had = {row.key: row.before["label"]["category"] for row in entries if row.before}
    given = _given(connection, list(had), last)
    now = _ids_of(connection, had)
    found: dict[int, str] = {}
    for key, category in had.items():
        node = before.find(path_of(category)) if category else None
        if key in now and (category == "" or node is not None) and given.get(key, now[key]) == now[key]:
            found[key] = NONE if node is None else before.ids[node]
    return found


def _given(connection: sa.Connection, keys: Sequence[int], after: int) -> dict[int, str]:
    """Return by key the id of the category that a product had when it was first changed after a place."""
    firsts: list[int] = []
    for some in chunks(keys):
        here = journal.c.key.in_(some) & (journal.c.seq > after) & (journal.c.action == "put")
        firsts += connection.scalars(sa.select(sa.func.min(journal.c.seq)).where(here).group_by(journal.c.key))
    found: dict[int, str] = {}
    for some in chunks(firsts):
        query = sa.select(journal.c.key, journal.c.before).where(journal.c.seq.in_(some))
        found.update((row.key, row.before["label"]["node_id"]) for row in connection.execute(query) if row.before)
    return found


def _relabel(connection: sa.Connection, keys: Sequence[int], category: str, node_id: str, at: str) -> None:
    stored = {each.key: each for each in rows.find(connection, products.c.key, keys)}
    put = [(key, stored[key].record.product.id, stored[key]) for key in keys if key in stored]
    new = {"category": category, "node_id": node_id, "updated_at": at}
    connection.execute(labels.update().where(labels.c.key.in_(list(keys))).values(new))
    more = {"version": products.c.version + 1, "updated_at": at}
    connection.execute(products.update().where(products.c.key.in_(list(keys))).values(more))
    rows.append(connection, "put", put, at)


def _keys_in(connection: sa.Connection, category: str) -> list[int]:
    return list(connection.scalars(sa.select(labels.c.key).where(labels.c.category == category).order_by(labels.c.key)))


def _in_category(connection: sa.Connection, category: str) -> Iterator[Stored]:
    for some in chunks(_keys_in(connection, category)):
        yield from sorted(rows.find(connection, products.c.key, some), key=lambda each: each.key)


def _ids_of(connection: sa.Connection, keys: Collection[int]) -> dict[int, str]:
    """Return by key the id of the category of products: unlike its path, it stays the same in every version."""
    query = sa.select(labels.c.key, labels.c.node_id)
    rows_ = (row for some in chunks(keys) for row in connection.execute(query.where(labels.c.key.in_(some))))
    return {row.key: row.node_id for row in rows_}


def _categories_of(connection: sa.Connection, keys: Mapping[int, str]) -> Iterator[tuple[int, str]]:
    for some in chunks(keys):
        query = sa.select(labels.c.key, labels.c.category).where(labels.c.key.in_(some))
        for row in connection.execute(query):
            yield row.key, row.category
