"""Stored products that carry a foreign category, with the little of them that says what it means."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from indexer.product import FOREIGN, voice_of
from indexer.store.schema import labels, products


class Carrier(NamedTuple):
    """One product: its foreign category as it wrote it, its own category, and how much that label counts."""

    key: int
    title: str
    foreign: str
    category: str
    voice: float


def page(connection: sa.Connection, after: int, limit: int) -> list[Carrier]:
    """Return the `limit` products with a foreign category whose keys follow `after`, in order of key."""
    columns = (products.c.key, products.c.title, products.c.facts)
    query = sa.select(*columns, labels.c.category, labels.c.provenance, labels.c.weight).join_from(products, labels)
    written = sa.cast(products.c.facts, sa.Text).contains(FOREIGN, autoescape=True)
    query = query.where(products.c.key > after, written).order_by(products.c.key).limit(limit)
    return [
        Carrier(
            row.key,
            row.title,
            dict(row.facts).get(FOREIGN, ""),  # empty where another fact only mentions the word
            row.category,
            voice_of(row.provenance, row.weight),
        )
        for row in connection.execute(query)
    ]
