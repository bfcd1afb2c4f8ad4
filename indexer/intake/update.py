"""Products on their way into the record store: cleaned, placed, encoded where they are new, and kept.

    prepare -> normalize -> place         one Record, or the reason why not, for each product
    store   -> encode what is new -> records.change: products, labels, raw vectors and journal in one transaction

A build, a command and an open index (`live.py`) all change the store this way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from types import MappingProxyType

import numpy as np

from indexer.encoders import Encoded, Encoder, given_parts, sound
from indexer.encoders.precomputed import fitted
from indexer.errors import ProductError, StoreFull, StoreReadOnly
from indexer.intake.placement import Place, Placement
from indexer.memory.labels import UNLABELLED, Label
from indexer.normalize import normalize
from indexer.product import Product, check, content_hash
from indexer.space.names import spoken_names
from indexer.store.decisions import Decision
from indexer.store.raw import RawVectors, Slice
from indexer.store.records import ANY, Receipt, Record, Records, Stored, Unencoded, Written
from indexer.vectors import Vectors
from taxonomy.names import SEPARATOR
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

PICTURES = 128
"""Products whose thumbnails are decoded at a time."""

NONE: Mapping[str, int] = MappingProxyType({})

Encode = Callable[[Sequence[Product]], Encoded]


def prepare(
    products: Sequence[Product], placement: Placement, given: Mapping[str, int] = NONE
) -> list[Record | ProductError]:
    """Normalise, check and place products as their sources wrote them; in order, a refused one as its error.

    given: the parts for which products may bring vectors, as `encoders.given_parts` says.
    """
    cleaned = [clean(product, given) for product in products]
    places = iter(placement.place([each.category for each in cleaned if isinstance(each, Product)]))
    return [_record(each, next(places)) if isinstance(each, Product) else each for each in cleaned]


def clean(product: Product, given: Mapping[str, int] = NONE) -> Product | ProductError:
    """Return the product normalised and checked, fit to be stored or asked about, or why it is neither.

    given: as for `prepare`.
    """
    try:
        cleaned = fitted(normalize(product), given)
        check(cleaned)
    except ProductError as error:
        return error
    return cleaned


def store(
    records: Records,
    encoder: Encoder,
    changes: Sequence[Record | str],
    encode: Encode,
    *,
    expected: Mapping[str, int | None] = ANY,
    receipt: Receipt | None = None,
    planted: int | None = None,
    decision: Decision | None = None,
    seq: int | None = None,
) -> list[Written]:
    """Put records and delete ids in one transaction, with the raw vectors of content that the encoder has not seen yet.

    encode: of products that are whole. expected, receipt, planted, decision, seq: as for `Records.change`, which says
    what is raised.
    """
    contents = {each.content_hash: each.product for each in changes if isinstance(each, Record)}
    new = contents.keys() - records.known(contents, encoder.name)
    while True:
        some = {known: product for known, product in contents.items() if known in new}
        products = seen_again(records, list(some.values()), encoder.side)
        raw = RawVectors(encoder.name, list(some), sound(encode(products))) if some else None
        try:
            return records.change(
                changes,
                raw,
                encoder=encoder.name,
                expected=expected,
                receipt=receipt,
                planted=planted,
                decision=decision,
                seq=seq,
            )
        except Unencoded as error:  # somebody deleted the last product of that content in the meantime
            new = new | set(error.contents)


def completed(records: Records, encoder: Encoder, found: Slice, encode: Encode) -> Slice:
    """Return `found` with every raw vector there: what the store lacks is encoded and kept.

    Pictures are seen by their thumbnails then, for the store keeps no more of them: smaller than they came, but no part
    is lost to another encoder. Vectors that were made elsewhere cannot be made again: such a part is lacking.
    """
    if found.known.all():
        return found
    stored = records.by_keys(found.keys[~found.known].tolist()).values()
    new = iter({each.record.content_hash: each.record.product for each in stored}.items())
    while some := dict(islice(new, PICTURES if encoder.side else len(found.keys))):
        products = seen_again(records, list(some.values()), encoder.side)
        records.write([], RawVectors(encoder.name, list(some), sound(encode(products))))
    return records.read(found.keys.tolist(), encoder.name, encoder.parts)


def seen_again(records: Records, products: Sequence[Product], side: int) -> list[Product]:
    """Return stored products with the pixels of their thumbnails; as they are for an encoder that looks at none.

    Pictures that have pixels keep them.
    """
    wanted = _unseen(products) if side else ()
    if not wanted:
        return list(products)
    from indexer.images.decode import read_picture

    pixels = {name: read_picture(file, side).pixels for name, file in records.thumbnails(wanted).items()}
    return [
        replace(
            product,
            pictures=tuple(replace(each, pixels=pixels.get(each.hash, each.pixels)) for each in product.pictures),
        )
        for product in products
    ]


def _unseen(products: Sequence[Product]) -> set[str]:
    """Return the hashes of the pictures that could be read and have no pixels in memory."""
    every = (picture for product in products for picture in product.pictures)
    return {picture.hash for picture in every if picture.hash and picture.pixels is None}


def whole(records: Records, encoder: Encoder, stored: Sequence[Stored]) -> list[Product]:
    """Return stored products, in order, with the vectors that came with them, at unit length as they were stored."""
    given = given_parts(encoder)
    products = [each.record.product for each in stored]
    if not given:
        return products
    encoded, _ = records.vectors([each.record.content_hash for each in stored], encoder.name, encoder.parts)
    return [
        replace(product, vectors={part: encoded.parts[part][row] for part in given if encoded.mask[part][row]})
        for row, product in enumerate(products)
    ]


def named(records: Records, encoder: Encoder, tree: Tree, start: int, encode: Encode) -> Vectors:
    """Return what the categories from position `start` on say of themselves: float32 (n, all parts).

    What the store has not by this encoder is encoded and kept, where there is room to.
    """
    said = spoken_names(tree, start)
    hashes = [content_hash(each) for each in said]
    encoded, there = records.vectors(hashes, encoder.name, encoder.parts)
    new = {known: each for known, each, here in zip(hashes, said, there.tolist(), strict=True) if not here}
    if new:
        made = sound(encode(list(new.values())))
        with suppress(StoreFull, StoreReadOnly):  # whoever follows a journal must be able to; it can be made again
            records.write([], RawVectors(encoder.name, list(new), made))
        rows = [at for at, here in enumerate(there.tolist()) if not here]
        place = {content: at for at, content in enumerate(new)}
        for part, matrix in encoded.parts.items():
            matrix[rows] = made.parts[part][[place[hashes[row]] for row in rows]]
    return np.concatenate([encoded.parts[part] for part in encoder.parts], axis=1)


def labels_of(found: Slice, tree: Tree, vocabulary: Vocabulary) -> Iterator[Label]:
    """Yield what the labels keep of each product; a category that the tree lacks leaves it UNLABELLED.

    Of tags they keep the vocabulary's spelling, each once; the record store keeps what was written.
    """
    nodes = {category: tree.find(path_of(category)) for category in set(found.categories) if category}
    for key, product_id, category, tags, voice in zip(
        found.keys.tolist(), found.ids, found.categories, found.tags, found.voices, strict=True
    ):
        node = nodes.get(category)
        yield Label(key, product_id, UNLABELLED if node is None else node, vocabulary.apply(tags), voice)


def _record(product: Product, place: Place | ProductError) -> Record | ProductError:
    if isinstance(place, ProductError):
        return place
    product = replace(product, category=place.category)
    return Record(product, content_hash(product), place.node_id)


def path_of(category: str) -> tuple[str, ...]:
    """Return the names of a canonical path, as the record store writes it."""
    return tuple(category.split(SEPARATOR))
