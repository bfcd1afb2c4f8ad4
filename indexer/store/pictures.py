"""Pictures in the record store: each once, by the hash of its file, and which products are shown by which.

Every function works inside the transaction of the connection it is given; `rows` and `records` open and close those.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import sqlalchemy as sa

from indexer.picture import Picture
from indexer.product import Product
from indexer.store.schema import chunks, insert_new, pictures, product_pictures

_BITS = 1 << 64
_SIGN = 1 << 63

_SEEN = (
    sa.select(product_pictures, pictures.c.phash, pictures.c.width, pictures.c.height)
    .join_from(product_pictures, pictures, product_pictures.c.hash == pictures.c.hash, isouter=True)
    .order_by(product_pictures.c.key, product_pictures.c.position)
)
_MAIN = (
    sa.select(product_pictures.c.key, pictures.c.phash)
    .join_from(product_pictures, pictures, product_pictures.c.hash == pictures.c.hash)
    .order_by(product_pictures.c.key, product_pictures.c.position.desc())
)


def keep(connection: sa.Connection, shown: Iterable[tuple[int, Sequence[Picture]]]) -> None:
    """Store the pictures of products that have none yet, by key; a picture that is stored stays as it is."""
    new: dict[str, dict[str, object]] = {}
    links: list[dict[str, object]] = []
    for key, seen in shown:
        for position, picture in enumerate(seen):
            links.append({"key": key, "position": position, "hash": picture.hash, "problem": picture.problem})
            if picture.hash and not picture.problem:
                new[picture.hash] = _row(picture)
    if new:
        connection.execute(insert_new(connection, pictures), list(new.values()))
    if links:
        connection.execute(product_pictures.insert(), links)


def change(connection: sa.Connection, changes: Sequence[tuple[int, Sequence[Picture], Sequence[Picture]]]) -> None:
    """Replace the pictures of products: by key, those that are stored and those that take their place."""
    moved = [(key, old, new) for key, old, new in changes if _told(old) != _told(new)]
    for some in chunks(key for key, old, _ in moved if old):
        connection.execute(product_pictures.delete().where(product_pictures.c.key.in_(some)))
    keep(connection, [(key, new) for key, _, new in moved])
    drop_orphans(connection, {picture.hash for _, old, _ in moved for picture in old})


def of(connection: sa.Connection, keys: Collection[int]) -> dict[int, tuple[Picture, ...]]:
    """Return the pictures of products by key, without pixels and thumbnails; a product without any is left out."""
    found: dict[int, list[Picture]] = {}
    for some in chunks(keys):
        for row in connection.execute(_SEEN.where(product_pictures.c.key.in_(some))):
            here = row.phash is not None
            picture = Picture(
                row.hash,
                row.problem,
                row.phash % _BITS if here else 0,
                row.width if here else 0,
                row.height if here else 0,
            )
            found.setdefault(row.key, []).append(picture)
    return {key: tuple(seen) for key, seen in found.items()}


def main(connection: sa.Connection, keys: Collection[int]) -> Mapping[int, int]:
    """Return by key the perceptual hash of the first picture that could be read; a product without one is left out."""
    return {
        row.key: row.phash % _BITS  # the first picture comes last and stays
        for some in chunks(keys)
        for row in connection.execute(_MAIN.where(product_pictures.c.key.in_(some)))
    }


def thumbnails(connection: sa.Connection, hashes: Collection[str]) -> dict[str, bytes]:
    """Return the thumbnails of those of `hashes` that are stored and have one."""
    query = sa.select(pictures.c.hash, pictures.c.thumbnail)
    return {
        row.hash: bytes(row.thumbnail)
        for some in chunks(hashes)
        for row in connection.execute(query.where(pictures.c.hash.in_(some)))
        if row.thumbnail
    }


def hashes_of(products: Iterable[Product]) -> set[str]:
    """Return the hashes of all pictures of products."""
    return {picture.hash for product in products for picture in product.pictures if picture.hash}


def drop_orphans(connection: sa.Connection, hashes: Collection[str]) -> None:
    """Remove those of `hashes` that are no product's picture any more."""
    in_use = sa.exists().where(product_pictures.c.hash == pictures.c.hash)
    for some in chunks(hashes):
        connection.execute(pictures.delete().where(pictures.c.hash.in_(some), ~in_use))


def _told(seen: Sequence[Picture]) -> list[tuple[str, str]]:
    return [(picture.hash, picture.problem) for picture in seen]


def _row(picture: Picture) -> dict[str, object]:
    signed = picture.phash - _BITS if picture.phash >= _SIGN else picture.phash
    return {
        "hash": picture.hash,
        "phash": signed,
        "width": picture.width,
        "height": picture.height,
        "thumbnail": picture.thumbnail,
    }
