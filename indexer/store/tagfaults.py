"""What people said of tags that were told as missing or wrong, and which of those are therefore told no more.

It is kept with the decision itself: its tags, and the state in which they are right, that is all tags and the content
of the product after it. What was settled in the state before holds in the one after as well. In any other state nobody
has said anything, and a decision that is taken back says nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from indexer.store.schema import chunks, decisions, labels, products, put_detail, suspects

TagFault = tuple[str, str, float]
"""A tag, `missing` or `wrong`, and how likely that is."""
KIND = "tags"
"""Kind of decisions about tags."""
SETTLED = "settled_tags"
"""Where the detail of a decision keeps its tags, and the tags and content of the product after it."""


def settle(
    connection: sa.Connection, product_id: str, tags: Collection[str], before: Collection[str], decision: int
) -> None:
    """Remember with a decision, inside its transaction, that tags of a product are right as they are now.

    before: all its tags before the decision.
    """
    query = sa.select(products.c.key, products.c.content_hash, labels.c.tags).join_from(products, labels)
    row = connection.execute(query.where(products.c.id == product_id)).one_or_none()
    if row is None:
        return
    lists = {"tags": sorted(tags), "before": sorted(before), "carried": sorted(row.tags)}
    state = {**lists, "content_hash": row.content_hash}
    put_detail(connection, decision, SETTLED, state)
    _tell_no_more(connection, row.key, tags)


def _tell_no_more(connection: sa.Connection, key: int, tags: Collection[str]) -> None:
    told = connection.scalar(sa.select(suspects.c.tags).where(suspects.c.key == key))
    if told is None:
        return
    here, left = suspects.c.key == key, [each for each in told if each[0] not in tags]
    if left:
        likeliest = max(each[2] for each in left)
        connection.execute(suspects.update().where(here).values(tags=left, tag_probability=likeliest))
        return
    connection.execute(suspects.delete().where(here, suspects.c.suggested == ""))
    connection.execute(suspects.update().where(here).values(tags=[], tag_probability=0.0))


def settled_tags(connection: sa.Connection, ids: Collection[str]) -> dict[str, frozenset[str]]:
    """Return by id which tags a person has settled for products, as these are now; the others are left out."""
    said: dict[str, list[Mapping[str, Any]]] = {}
    standing = (decisions.c.kind == KIND, decisions.c.undone_at.is_(None))
    query = sa.select(decisions.c.subject, decisions.c.detail).where(*standing).order_by(decisions.c.number.desc())
    for some in chunks(ids):
        for row in connection.execute(query.where(decisions.c.subject.in_(some))):
            if SETTLED in row.detail:
                said.setdefault(row.subject, []).append(row.detail[SETTLED])
    found = {}
    now = sa.select(products.c.id, products.c.content_hash, labels.c.tags).join_from(products, labels)
    for some in chunks(said):
        for id_, content, carried in connection.execute(now.where(products.c.id.in_(some))):
            if tags := _holding([each for each in said[id_] if each["content_hash"] == content], carried):
                found[id_] = tags
    return found


def _holding(said: Sequence[Mapping[str, Any]], carried: Sequence[str]) -> frozenset[str]:
    """Return the tags that decisions, the latest first, settled for a product that carries these, and before those."""
    states, tags = [sorted(carried)], set[str]()
    for each in said:
        if each["carried"] in states:
            tags.update(each["tags"])
            states.append(each["before"])
    return frozenset(tags)


def unsettled(faults: Sequence[TagFault], settled: Collection[str]) -> tuple[TagFault, ...]:
    """Return the faults of tags that nobody has settled."""
    return tuple(each for each in faults if each[0] not in settled)
