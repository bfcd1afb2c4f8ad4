"""The store as it was after an earlier change: what was done since is taken back, as changes of its own.

The journal keeps with each change what was there before it. Of every product that changed after `seq`, the first such
entry holds what it was at `seq`; that is put in its place, and journalled like any change, so that indexes follow it,
numbers go on, and it can itself be taken back. A tree that was changed since becomes a further version like it was, and
every label is written as that one calls its category.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from indexer.errors import RecordError
from indexer.store import pictures, raw, rows
from indexer.store.relabelling import categories, path_of
from indexer.store.rows import Action, Stored
from indexer.store.schema import chunks, journal, labels, product_pictures, products, taxonomies
from indexer.store.schema import pictures as picture_table
from indexer.store.versions import FIRST, standing
from taxonomy.files import tree_from_json
from taxonomy.tree import Tree

LOST = (
    "the small copy of this picture was no longer kept when its product was restored; write the product with it again"
)
"""What is said of a picture whose last product had been changed or deleted before it was taken back."""
COUNTED = frozenset({"key", "version", "created_at", "updated_at"})
"""Columns that say where a row is, and when and how often it was written, not what it says."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What became of the changes after `seq`: `changed` products are as they were then, as changes up to `last`.

    pictures: of those products that are no longer kept, only their names and hashes. taxonomy: the version that the
    tree got, None where it was not changed since.
    """

    seq: int
    last: int
    changed: int
    pictures: int
    taxonomy: int | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What one product was: `image` as `rows.image_of` makes it, None when it was not there; changed `times` since."""

    id: str
    image: Any
    times: int


def take_back(connection: sa.Connection, seq: int, now: str) -> TakenBack:
    """Make every product and label what it was after the change `seq`.

    Contents that had lost their raw vectors have none yet. Raises RecordError when there is no such change, or the
    journal does not tell what was there.
    """
    end = rows.last_seq(connection)
    if not 0 <= seq <= end:
        raise RecordError(f"there is no change {seq:,}; the journal has those from 1 to {end:,}")
    _check_not_inside(connection, seq)
    changed = lost = 0
    left: set[str] = set()
    unseen: set[str] = set()
    tree = _tree_at(connection, seq)
    number = None if tree is None else _replant(connection, tree, seq, now)
    for page in _pages(connection, seq, end):
        if tree is not None:
            _rename(page, tree)
        done, missing = put_back(connection, page, now, left, unseen)
        changed += done
        lost += missing
    raw.drop_orphans(connection, left)
    pictures.drop_orphans(connection, unseen)
    return TakenBack(seq, rows.last_seq(connection), changed, lost, number)


def _check_not_inside(connection: sa.Connection, seq: int) -> None:
    """Refuse a place inside a change of the tree: between its parts nobody ever saw the labels."""
    for number, change in connection.execute(sa.select(taxonomies.c.number, taxonomies.c.change)):
        first, last = (change or {}).get("seqs", (0, 0))
        if first <= seq < last:
            raise RecordError(
                f"change {seq:,} is inside the changes {first:,} to {last:,}, which made version {number} of the "
                f"taxonomy at once; go back to {first - 1:,} or to {last:,}"
            )


def _tree_at(connection: sa.Connection, seq: int) -> Tree | None:
    """Return the tree that stood at `seq`, None when it stands still, or nobody knows another."""
    since = sa.select(sa.func.count()).select_from(journal)
    if not connection.scalar(since.where(journal.c.action == "taxonomy", journal.c.seq > seq)):
        return None
    query = sa.select(taxonomies.c.tree).where(taxonomies.c.number == _number_at(connection, seq))
    text = connection.scalar(query)
    return None if text is None else tree_from_json(text)


def _number_at(connection: sa.Connection, seq: int) -> int:
    """Return the number of the version that stood at `seq`; a tree that nobody had changed is the first."""
    query = sa.select(journal.c.id).where(journal.c.action == "taxonomy", journal.c.seq <= seq)
    found = connection.scalar(query.order_by(journal.c.seq.desc()).limit(1))
    return FIRST if found is None else int(found)


def _replant(connection: sa.Connection, tree: Tree, seq: int, now: str) -> int:
    """Make `tree` the next version, call the categories of all labels as it does, and return its number."""
    before = standing(connection)
    texts = {node_id: tree.text(node) for node, node_id in enumerate(tree.ids)}
    marks: dict[str, str] = {}
    for category in categories(connection):
        node = before.tree.find(path_of(category))
        node_id = "" if node is None else before.tree.ids[node]
        if texts.get(node_id, category) != category:
            marks[node_id] = f"\n{node_id}"  # no path has a line break: categories may exchange their paths
            connection.execute(labels.update().where(labels.c.category == category).values(category=marks[node_id]))
    for node_id, mark in marks.items():
        new = {"category": texts[node_id], "node_id": node_id}
        connection.execute(labels.update().where(labels.c.category == mark).values(new))
    was = connection.execute(sa.select(taxonomies).where(taxonomies.c.number == _number_at(connection, seq))).one()
    row = {
        "number": before.number + 1,
        "at": now,
        "author": "",
        "change": {"given": True, "restored": was.number},
        "tree": was.tree,
        "open": was.open,
    }
    connection.execute(taxonomies.insert(), row)
    rows.append(connection, "taxonomy", [(-1, str(row["number"]), None)], now)
    return before.number + 1


def _rename(page: Sequence[Past], tree: Tree) -> None:
    """Call the categories of what products were as `tree` does; what became of them since may bear other names."""
    texts: Mapping[str, str] = {node_id: tree.text(node) for node, node_id in enumerate(tree.ids)}
    for past in page:
        if past.image is not None:
            label = past.image["label"]
            label["category"] = texts.get(label["node_id"], label["category"])


def _pages(connection: sa.Connection, seq: int, end: int) -> Iterator[list[Past]]:
    """Yield what each product that changed after `seq` was then, in the order in which they changed."""
    first, times = sa.func.min(journal.c.seq).label("first"), sa.func.count().label("times")
    since = sa.select(first, times).where(journal.c.seq > seq, journal.c.seq <= end, journal.c.action != "taxonomy")
    counted = {row.first: row.times for row in connection.execute(since.group_by(journal.c.id).order_by(first))}
    query = sa.select(journal).order_by(journal.c.seq)
    for some in chunks(counted):
        entries = connection.execute(query.where(journal.c.seq.in_(some))).all()
        _check_known(connection, entries, seq)
        yield [Past(row.id, row.before, counted[row.seq]) for row in entries]


def _check_known(connection: sa.Connection, entries: Sequence[sa.Row[Any]], seq: int) -> None:
    """Refuse to guess: an aisle before this one wrote no `before`, and such a product was there at `seq`."""
    bare = [entry for entry in entries if entry.before is None]
    keys = [entry.key for entry in bare]
    latest = sa.select(sa.func.max(journal.c.seq)).where(journal.c.seq <= seq, journal.c.key.in_(keys))
    put = sa.select(journal.c.key).where(journal.c.seq.in_(latest.group_by(journal.c.key)), journal.c.action == "put")
    there = set(connection.scalars(put)) if bare else set()
    for entry in bare:
        if entry.key in there or entry.action == "delete":
            raise RecordError(
                f"change {entry.seq:,} of {entry.id!r} was written by an aisle that did not keep what was before; "
                f"go back to change {entry.seq:,} or a later one"
            )


def put_back(
    connection: sa.Connection, page: Sequence[Past], now: str, left: set[str], unseen: set[str]
) -> tuple[int, int]:
    """Put products back and return how many were not so already, and how many of their pictures are lost."""
    here = {each.record.product.id: each for each in rows.find(connection, products.c.id, [past.id for past in page])}
    wanted = {seen["hash"] for past in page if past.image for seen in past.image["pictures"] if seen["hash"]}
    query = sa.select(picture_table.c.hash)
    kept = {each for some in chunks(wanted) for each in connection.scalars(query.where(picture_table.c.hash.in_(some)))}
    told: dict[Action, list[tuple[int, str, Stored | None]]] = {"delete": [], "put": []}
    new: list[tuple[int, Past]] = []
    for past in page:
        found = here.get(past.id)
        if past.image is None and found is None:
            continue
        if past.image is not None and found is not None and is_same(past.image, rows.image_of(found)):
            continue
        key = found.key if found else past.image["product"]["key"]
        told["delete" if past.image is None else "put"].append((key, past.id, found))
        if past.image is not None:
            new.append((key, past))
    gone = [found for changed in told.values() for _, _, found in changed if found is not None]
    left.update(found.record.content_hash for found in gone)
    unseen.update(pictures.hashes_of(found.record.product for found in gone))
    for keys in chunks(found.key for found in gone):
        connection.execute(products.delete().where(products.c.key.in_(keys)))
    links = [_link(key, at, seen, kept) for key, past in new for at, seen in enumerate(past.image["pictures"])]
    _insert(connection, products, [_product(key, past, now) for key, past in new])
    _insert(connection, labels, [past.image["label"] | {"key": key, "updated_at": now} for key, past in new])
    _insert(connection, product_pictures, links)
    for action, changed in told.items():
        rows.append(connection, action, changed, now)
    return sum(map(len, told.values())), sum(link["problem"] == LOST for link in links)


def _product(key: int, past: Past, now: str) -> dict[str, Any]:
    """Return the row of a product; its version is above every one that it had since."""
    image = {"facts": (), **past.image["product"]}  # one that was kept before there were facts has none
    return {**image, "key": key, "version": image["version"] + past.times + 1, "updated_at": now}


def _insert(connection: sa.Connection, table: sa.Table, new: Sequence[dict[str, Any]]) -> None:
    if new:
        connection.execute(table.insert(), new)


def _link(key: int, position: int, seen: Any, kept: set[str]) -> dict[str, Any]:  # noqa: ANN401 - as JSON has it
    gone = bool(seen["hash"]) and not seen["problem"] and seen["hash"] not in kept
    return {"key": key, "position": position, "hash": seen["hash"], "problem": LOST if gone else seen["problem"]}


def is_same(image: Any, other: Any) -> bool:  # noqa: ANN401 - as JSON has it
    """Say whether two images of products differ in nothing but when and how often they were written."""
    return bool(_told(image) == _told(other))


def _told(image: Any) -> Any:  # noqa: ANN401 - as JSON has it
    def content(row: dict[str, Any]) -> dict[str, Any]:
        return {name: listed(value) for name, value in row.items() if name not in COUNTED}

    return content({"facts": (), **image["product"]}), content(image["label"]), image["pictures"]


def listed(value: Any) -> Any:  # noqa: ANN401 - as JSON has it
    """Return a value as it is compared: JSON has lists where a row has tuples."""
    return [listed(each) for each in value] if isinstance(value, list | tuple) else value
