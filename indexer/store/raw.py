"""Raw vectors in the record store, by content, and slices of the store as an index needs them.

Every function works inside the transaction of the connection it is given; `records` opens and closes those.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from indexer.codes import codes_of, content_code
from indexer.encoders import Encoded
from indexer.normalize import text_of
from indexer.product import Product
from indexer.store import pictures
from indexer.store.schema import chunks, insert_new, labels, products, vectors

Keys = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_TEXT = (products.c.title, products.c.description, products.c.brand, products.c.specs, products.c.facts)
_LABEL = (labels.c.category, labels.c.tags, labels.c.provenance, labels.c.weight)
_BRIEF = sa.select(products.c.key, products.c.id, products.c.content_hash, *_TEXT, *_LABEL).join_from(products, labels)


@dataclass(frozen=True, slots=True)
class RawVectors:
    """Raw vectors on their way into the store: row i of `encoded` is the content `hashes[i]` as `encoder` sees it."""

    encoder: str
    hashes: Sequence[str]
    encoded: Encoded


@dataclass(frozen=True, slots=True)
class Slice:
    """Some stored products in ascending order of key, as an index needs them.

    `titles` are what each is called, `texts` what encoders see of it; `voices` how much each label counts, as
    `Product.voice` says. `encoded` has one row per key; `known` is False where the store has no raw vectors of that
    encoder. `phashes` are the perceptual hashes of the first picture of each that could be read, 64 bits, unsigned;
    None where there is none. `codes` are those of the content and of the article numbers of each, by which they are
    looked up.
    """

    keys: Keys
    ids: Sequence[str]
    categories: Sequence[str]
    tags: Sequence[tuple[str, ...]]
    titles: Sequence[str]
    texts: Sequence[str]
    voices: Sequence[float]
    encoded: Encoded
    known: Mask
    phashes: Sequence[int | None]
    codes: Sequence[tuple[int, ...]]


def keep(connection: sa.Connection, raw: RawVectors) -> None:
    """Store raw vectors; content that has some already keeps them."""
    new = [
        {"content_hash": content, "encoder": raw.encoder, "part": part, "vector": row.tobytes() if there else b""}
        for part, matrix in raw.encoded.parts.items()
        for content, row, there in zip(
            raw.hashes, matrix.astype("<f4", copy=False), raw.encoded.mask[part].tolist(), strict=True
        )
    ]
    if new:
        connection.execute(insert_new(connection, vectors), new)


def known(connection: sa.Connection, hashes: Collection[str], encoder: str) -> set[str]:
    """Return those of `hashes` that have raw vectors by `encoder`."""
    query = sa.select(vectors.c.content_hash).where(vectors.c.encoder == encoder)
    return {
        found for some in chunks(hashes) for found in connection.scalars(query.where(vectors.c.content_hash.in_(some)))
    }


def by_content(
    connection: sa.Connection, hashes: Sequence[str], encoder: str, parts: Mapping[str, int]
) -> tuple[Encoded, Mask]:
    """Return the raw vectors of contents by `encoder`, in order, and which of them are stored; zeros where not."""
    encoded = Encoded(
        {part: np.zeros((len(hashes), dim), np.float32) for part, dim in parts.items()},
        {part: np.zeros(len(hashes), np.bool_) for part in parts},
    )
    there = np.zeros(len(hashes), np.bool_)
    places: dict[str, list[int]] = {}
    for place, content in enumerate(hashes):
        places.setdefault(content, []).append(place)
    query = sa.select(vectors.c.content_hash, vectors.c.part, vectors.c.vector).where(vectors.c.encoder == encoder)
    for some in chunks(places):
        for content, part, blob in connection.execute(query.where(vectors.c.content_hash.in_(some))):
            at = places[content]
            there[at] = True
            if blob:
                encoded.parts[part][at] = np.frombuffer(blob, "<f4")
                encoded.mask[part][at] = True
    return encoded, there


def misfits(connection: sa.Connection, hashes: Collection[str], encoder: str, parts: Mapping[str, int]) -> set[str]:
    """Return those of `hashes` whose raw vectors have not the length that their part has, as after damage."""
    size = sa.func.length(vectors.c.vector)
    here = [(vectors.c.part == part) & ~size.in_((0, 4 * dim)) for part, dim in parts.items()]
    query = sa.select(vectors.c.content_hash).where(vectors.c.encoder == encoder, sa.or_(sa.false(), *here))
    return {
        found for some in chunks(hashes) for found in connection.scalars(query.where(vectors.c.content_hash.in_(some)))
    }


def drop_orphans(connection: sa.Connection, hashes: Collection[str]) -> None:
    """Remove those of `hashes` that are no product's content any more."""
    in_use = sa.exists().where(products.c.content_hash == vectors.c.content_hash)
    for some in chunks(hashes):
        connection.execute(vectors.delete().where(vectors.c.content_hash.in_(some), ~in_use))


def drop_some(connection: sa.Connection, encoder: str, after: str, limit: int) -> str | None:
    """Remove the vectors by `encoder` of the first `limit` contents after one, and return the last; None at the end."""
    here = vectors.c.encoder == encoder
    query = sa.select(vectors.c.content_hash).where(here, vectors.c.content_hash > after)
    query = query.distinct().order_by(vectors.c.content_hash).limit(limit)
    some = list(connection.scalars(query))
    for chunk in chunks(some):
        connection.execute(vectors.delete().where(here, vectors.c.content_hash.in_(chunk)))
    return some[-1] if some else None


def slice_of(connection: sa.Connection, keys: Collection[int], encoder: str, parts: Mapping[str, int]) -> Slice:
    """Return those of `keys` that are stored; the width of each part is given by `parts`."""
    rows = [row for some in chunks(keys) for row in connection.execute(_BRIEF.where(products.c.key.in_(some)))]
    return _slice(connection, sorted(rows, key=lambda row: int(row.key)), encoder, parts)


def slice_after(  # noqa: PLR0917 - a place, a bound, a size and what to read
    connection: sa.Connection, after: int, up_to: int, limit: int, encoder: str, parts: Mapping[str, int]
) -> Slice:
    """Return the first `limit` products with keys above `after` and up to `up_to`."""
    query = _BRIEF.where(products.c.key > after, products.c.key <= up_to).order_by(products.c.key).limit(limit)
    return _slice(connection, connection.execute(query).all(), encoder, parts)


def _slice(connection: sa.Connection, rows: Sequence[Any], encoder: str, parts: Mapping[str, int]) -> Slice:
    encoded, there = by_content(connection, [row.content_hash for row in rows], encoder, parts)
    brief = [_brief(row) for row in rows]
    main = pictures.main(connection, [row.key for row in rows])
    return Slice(
        keys=np.array([row.key for row in rows], np.int64),
        ids=[row.id for row in rows],
        categories=[row.category for row in rows],
        tags=[tuple(row.tags) for row in rows],
        titles=[each.title for each in brief],
        texts=[text_of(each) for each in brief],
        voices=[each.voice for each in brief],
        encoded=encoded,
        known=there,
        phashes=[main.get(row.key) for row in rows],
        codes=[(content_code(row.content_hash), *some) for row, some in zip(rows, codes_of(brief), strict=True)],
    )


def _brief(row: sa.Row[Any]) -> Product:
    """Return what an index needs of a product beside its category and tags."""
    return Product(
        row.id,
        title=row.title,
        description=row.description,
        brand=row.brand,
        specs=tuple((name, value) for name, value in row.specs),
        provenance=row.provenance,
        weight=row.weight,
        facts=tuple((name, value) for name, value in row.facts),
    )
