"""Raw vectors and thumbnails that go with the products that a decision deletes: kept with it, for when it is undone."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from indexer.store.schema import chunks, decisions, insert_new, pictures, product_pictures, products, vectors

KEPT = "kept"
"""Where the detail of a decision keeps what would be lost with the products that it deletes."""


def keep(connection: sa.Connection, ids: Collection[str]) -> dict[str, Any]:
    """Return raw vectors and thumbnails of products as JSON can hold them, before a change that may lose them."""
    contents: set[str] = set()
    seen: set[str] = set()
    for some in chunks(ids):
        contents.update(connection.scalars(sa.select(products.c.content_hash).where(products.c.id.in_(some))))
        query = sa.select(product_pictures.c.hash).join(products, products.c.key == product_pictures.c.key)
        seen.update(connection.scalars(query.where(products.c.id.in_(some), product_pictures.c.hash != "")))
    kept: dict[str, Any] = {}
    for table, column, values in ((vectors, vectors.c.content_hash, contents), (pictures, pictures.c.hash, seen)):
        rows = [
            {str(name): _written(value) for name, value in row.items()}
            for some in chunks(values)
            for row in connection.execute(sa.select(table).where(column.in_(some))).mappings()
        ]
        if rows:
            kept[str(table.name)] = rows
    return kept


def bring_back(connection: sa.Connection, number: int) -> None:
    """Store again what was kept with a decision, where it is not there."""
    detail = connection.scalar(sa.select(decisions.c.detail).where(decisions.c.number == number))
    for table in (vectors, pictures):
        rows = (detail or {}).get(KEPT, {}).get(table.name, [])
        if rows:
            new = [{name: _read(value) for name, value in row.items()} for row in rows]
            connection.execute(insert_new(connection, table), new)


def _written(value: object) -> object:
    return {"base64": b64encode(bytes(value)).decode()} if isinstance(value, bytes | memoryview) else value


def _read(value: Any) -> Any:  # noqa: ANN401 - as JSON has it
    return b64decode(value["base64"]) if isinstance(value, dict) else value
