"""What one change, in some places of the journal, did to products: taken back where nobody changed it again since.

Each entry of the journal holds what was there before. Of a product that was deleted all of that comes back; of one that
was changed the fields that the change touched; one that was new goes. What is put back is journalled like any change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from indexer.errors import DecisionConflict
from indexer.store import pictures, raw, rows, upheld, versions
from indexer.store.history import COUNTED, Past, is_same, listed, put_back
from indexer.store.relabelling import path_of
from indexer.store.schema import chunks, journal, products
from taxonomy.names import SEPARATOR

_SHOWN = 5
"""Conflicts that a message names."""


def undone(connection: sa.Connection, seqs: Sequence[int], number: int, now: str) -> tuple[int, int]:
    """Take back what was changed at places of the journal, first and last, and return those of the new changes.

    What is by now as it was before is left alone, as after a return to an earlier moment; with nothing to do the first
    new place is behind the last. number: of the decision that made it, for messages. Raises DecisionConflict, with the
    products, when one that it deleted was stored anew, what it made or changed of one was changed again, or a later
    decision, that stands, found the label right that one would lose.
    """
    first, last = seqs
    query = sa.select(journal).where(journal.c.seq.between(first, last), journal.c.key >= 0).order_by(journal.c.seq)
    entries: dict[str, Any] = {}
    for entry in connection.execute(query):
        entries.setdefault(entry.id, entry)
    here = {each.record.product.id: rows.image_of(each) for each in rows.find(connection, products.c.id, entries)}
    after, times = _since(connection, list(entries), first, last)
    page, conflicts = [], []
    for id_, entry in entries.items():
        image = _former(entry, after.get(id_) or here.get(id_), here.get(id_))
        if isinstance(image, str):
            conflicts.append(f"{id_!r} {image}")
        else:
            page.append(Past(id_, image, times[id_]))
    _refuse(number, conflicts)
    _name_categories(connection, page)
    _refuse(number, _found_right_since(connection, page, here, number))
    before = rows.last_seq(connection)
    left: set[str] = set()
    unseen: set[str] = set()
    put_back(connection, page, now, left, unseen)
    raw.drop_orphans(connection, left)
    pictures.drop_orphans(connection, unseen)
    return before + 1, rows.last_seq(connection)


def _refuse(number: int, conflicts: Sequence[str]) -> None:
    """Raise DecisionConflict where there are conflicts."""
    if conflicts:
        more = f" and {len(conflicts) - _SHOWN} more" if len(conflicts) > _SHOWN else ""
        raise DecisionConflict(
            f"decision {number} cannot be undone: {', '.join(conflicts[:_SHOWN])}{more}; nothing was changed"
        )


def _found_right_since(
    connection: sa.Connection, page: Sequence[Past], here: Mapping[str, Any], number: int
) -> list[str]:
    """Return the products that would go, or lose a label that a decision after `number` found right, and which."""
    later = upheld.after(connection, here, number)
    now = {id_: here[id_]["label"]["node_id"] for id_ in later}
    then = {past.id: past.image and past.image["label"]["node_id"] for past in page}
    return [
        f"{id_!r} was found right since, by decision {decision} (take that back first)"
        for id_, (node_id, decision) in later.items()
        if now[id_] == node_id != then[id_]
    ]


def _since(
    connection: sa.Connection, ids: Sequence[str], first: int, last: int
) -> tuple[dict[str, Any], dict[str, int]]:
    """Return by id what each product was after `last` where it changed since, and how often it changed from `first`."""
    after: dict[str, Any] = {}
    times = dict.fromkeys(ids, 0)
    for some in chunks(ids):
        query = sa.select(journal.c.seq, journal.c.id, journal.c.before).where(journal.c.id.in_(some))
        for entry in connection.execute(query.where(journal.c.seq >= first).order_by(journal.c.seq)):
            times[entry.id] += 1
            if entry.seq > last:
                after.setdefault(entry.id, entry.before)
    return after, times


def _former(entry: Any, made: Any, now: Any) -> Any:  # noqa: ANN401 - a row, and images as JSON has them
    """Return what a product was before an entry, or why that cannot be had; made: after the change, now: by now.

    None where it was not there.
    """
    if entry.action == "delete":
        return entry.before if now is None or is_same(now, entry.before) else "was stored anew meanwhile"
    if entry.before is None:  # it was new
        return None if now is None or is_same(now, made) else "was changed meanwhile"
    if now is None:
        return "was deleted meanwhile"
    image = {"product": dict(now["product"]), "label": dict(now["label"]), "pictures": now["pictures"]}
    for part in ("product", "label"):
        for name, value in entry.before[part].items():
            if name in COUNTED or _same(value, made[part][name]) or _same(value, now[part][name]):
                continue
            if not _same(now[part][name], made[part][name]) and name != "category":
                return f"was changed meanwhile ({name})"
            image[part][name] = value
    if entry.before["pictures"] not in (made["pictures"], now["pictures"]):
        if now["pictures"] != made["pictures"]:
            return "was changed meanwhile (images)"
        image["pictures"] = entry.before["pictures"]
    return image


def _same(value: Any, other: Any) -> bool:  # noqa: ANN401 - as JSON has it
    return bool(listed(value) == listed(other))


def _name_categories(connection: sa.Connection, page: Sequence[Past]) -> None:
    """Call the categories of what comes back as the tree does that stands; one that is gone leads where it went."""
    labels = [past.image["label"] for past in page if past.image and past.image["label"]["category"]]
    if not labels:
        return
    tree = versions.standing(connection).tree
    texts: Mapping[str, str] = {node_id: tree.text(node) for node, node_id in enumerate(tree.ids)}
    aliases = versions.aliases_of(connection)
    for label in labels:
        if label["node_id"] in texts:
            label["category"] = texts[label["node_id"]]
            continue
        path = aliases.follow(tree, path_of(label["category"]))
        if path:
            node = tree.find(path)
            label["category"] = SEPARATOR.join(path)
            label["node_id"] = label["node_id"] if node is None else tree.ids[node]
        elif path == ():
            label["category"], label["node_id"] = "", ""
