"""Whose label stands when a product comes again: a person's before that of a source, until a person says otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from indexer.product import Product
from indexer.store.records import Record, Stored

PERSON = "human"


def preceded(product: Product, stored: Product | None) -> Product:
    """Return a product with the label that a person gave the stored one of its id, unless a person gave its own.

    The label is category, tags, provenance and weight.
    """
    if stored is None or stored.provenance != PERSON or product.provenance == PERSON:
        return product
    if not (stored.category or stored.tags):
        return product
    return replace(
        product, category=stored.category, tags=stored.tags, provenance=stored.provenance, weight=stored.weight
    )


def preceded_record(record: Record, stored: Mapping[str, Stored]) -> Record:
    """Return a record that was placed with such a label, in the place that the stored one has."""
    there = stored.get(record.product.id)
    product = preceded(record.product, there.record.product if there else None)
    if there is None or product is record.product:
        return record
    return replace(record, product=product, node_id=there.record.node_id)


def versions(ids: Iterable[str], stored: Mapping[str, Stored]) -> dict[str, int]:
    """Return by id the version that each of some products must find, 0 where none may be stored."""
    return {id_: stored[id_].version if id_ in stored else 0 for id_ in ids}
