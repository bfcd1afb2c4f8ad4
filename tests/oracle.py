"""What a store and an open index must hold after a series of changes: a plain dict, and exact search over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Self

import numpy as np

from indexer import encoders
from indexer.encoders import Encoded, Encoder
from indexer.live import Change, Live, Outcome, Patch
from indexer.normalize import text_of
from indexer.product import Product, content_hash
from indexer.space import TEXT
from indexer.store.records import Records, Written
from indexer.vectors import Neighbours, Vectors
from indexer.vectors.exact import ExactIndex

TOLERANCE = {"ivf_sq8": 0.02, "ivf_pq": 0.2}
"""How far a similarity may be from the true one; every other kind's is equal to it."""

QUERIES = ("red mug", "leather football", "steel pan ball", "kite")
NOBODY: Mapping[str, str] = {}


class Oracle:
    """Products by id with their versions, and what becomes of changes: the same without a store or an index."""

    def __init__(self, rows: Mapping[str, tuple[Product, int]] | None = None) -> None:
        self.rows = dict(rows or {})

    @classmethod
    def of(cls, records: Records) -> Self:
        """Return what a store holds."""
        return cls(held(records))

    def after(self, changes: Sequence[Change]) -> Self:
        """Return what there is after some changes, this oracle left as it is."""
        later = deepcopy(self)
        later.change(changes)
        return later

    def change(self, changes: Sequence[Change], spelt: Mapping[str, str] = NOBODY) -> list[tuple[str, int]]:
        """Make changes, in order, and return the outcome and the version of each; spelt: paths as the tree has them."""
        return [self._changed(each, spelt) for each in changes]

    def _changed(self, change: Change, spelt: Mapping[str, str]) -> tuple[str, int]:
        if isinstance(change, str):
            return ("deleted", self.rows.pop(change)[1]) if change in self.rows else ("missing", 0)
        old, version = self.rows.get(change.id, (None, 0))
        if isinstance(change, Patch):
            if old is None:
                return "not found", 0
            label = {"provenance": "supplier", "weight": 1.0} if change.changes.keys() & {"category", "tags"} else {}
            said: dict[str, Any] = {**label, **change.changes}
            change = replace(old, **said)
        new = replace(change, category=spelt.get(change.category, change.category))
        if new == old:
            return "unchanged", version
        self.rows[new.id] = new, version + 1
        return "updated" if old else "created", version + 1

    def check_store(self, records: Records, encoder: Encoder) -> None:
        """Assert that a store holds this and nothing else, and needs to encode nothing of it again."""
        assert held(records) == self.rows
        assert records.counts().products == len(self.rows)
        contents = {content_hash(product) for product, _ in self.rows.values()}
        assert records.known(contents, encoder.name) == contents

    def check_memory(self, live: Live) -> None:
        """Assert that what is in memory is this: labels, and of a search every product with its similarity."""
        products = [product for product, _ in self.rows.values()]
        found = [live.labels.key(product.id) for product in products]
        assert None not in found
        keys = np.array(found, np.int64)
        nodes, of_tags = live.labels.nodes(keys).tolist(), live.labels.tags(keys)
        tags: dict[int, list[str]] = {row: [] for row in range(len(keys))}
        for row, tag in zip(of_tags.row.tolist(), of_tags.tag.tolist(), strict=True):
            tags[row].append(live.labels.tag_names[tag])
        said = [(live.tree.text(node) if node >= 0 else "", tuple(tags[row])) for row, node in enumerate(nodes)]
        assert said == [(product.category, product.tags) for product in products]
        labelled = sum(bool(product.category) for product in products)
        assert (len(live.labels), live.labels.labelled) == (len(products), labelled)

        placed, index = seen(live, products), live.contents.views[TEXT].vectors
        there = placed.any(axis=1)
        exact = ExactIndex(live.contents.views[TEXT].space.dim)
        exact.upsert(keys[there], placed[there])
        assert len(index) == len(exact)
        queries = seen(live, [Product("", title) for title in QUERIES])
        every = max(1, len(exact))
        agree(index.search(queries, every), exact.search(queries, every), TOLERANCE.get(index.kind, 0))


def held(records: Records) -> dict[str, tuple[Product, int]]:
    """Return every stored product with its version."""
    found, after = {}, 0
    while page := records.page(after, 500):
        for each in page:
            found[each.record.product.id] = each.record.product, each.version
        after = page[-1].key
    return found


def seen(live: Live, products: Sequence[Product]) -> Vectors:
    """Return the search vectors of products by their text: encoded now, by an encoder of its own."""
    if not products:
        return np.empty((0, live.contents.views[TEXT].space.dim), np.float32)
    encoded = encoders.load(live.manifest.encoder_spec).encode(products)
    vectors: Vectors = live.space.project(encoded, [text_of(product) for product in products]).vectors[TEXT]
    return vectors


def agree(found: Neighbours, expected: Neighbours, tolerance: float) -> None:
    """Assert that two answers with every product are equal; of codes each similarity may be off by `tolerance`."""
    if not tolerance:
        assert found.keys.tolist() == expected.keys.tolist()
        assert found.similarity.tolist() == expected.similarity.tolist()
        return
    one, other = np.argsort(found.keys, axis=1), np.argsort(expected.keys, axis=1)
    taken = [np.take_along_axis(each.keys, order, 1) for each, order in ((found, one), (expected, other))]
    assert taken[0].tolist() == taken[1].tolist()
    near = [np.take_along_axis(each.similarity, order, 1) for each, order in ((found, one), (expected, other))]
    assert np.abs(near[0] - near[1]).max(initial=0) <= tolerance


def told(outcomes: Sequence[Outcome | Exception]) -> list[tuple[str, int]]:
    """Return outcome and version of each change, as `Oracle.change` does."""
    return [(each.outcome, each.version) if isinstance(each, Written) else ("not found", 0) for each in outcomes]


class Counting:
    """An encoder that counts the products that it was given to encode; names of categories have no count."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name, self.parts, self.side = encoder.name, encoder.parts, encoder.side
        self.encoded: list[str] = []

    def encode(self, products: Sequence[Product], progress: object = None) -> Encoded:
        """Encode, and remember what."""
        del progress
        self.encoded += [product.title for product in products]
        return self._encoder.encode(products)
