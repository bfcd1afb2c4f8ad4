"""What a store and an open index must hold after a series of changes: a plain dict, and exact search over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, Self

import numpy as np

from indexer import encoders
from indexer.encoders import Encoded, Encoder
from indexer.errors import ProductNotFound
from indexer.live import Change, Live, Outcome, Patch
from indexer.normalize import text_of
from indexer.product import Product, content_hash
from indexer.space import TEXT
from indexer.store.records import Records, Written
from indexer.vectors import Keys, Neighbours, Vectors
from indexer.vectors.exact import ExactIndex

TOLERANCE = {"ivf_sq8": 0.25, "ivf_pq": 0.5}
"""How far a similarity may be from the true one; every other kind's is equal to it. The code of a product that is like
none of those that the codes were learnt from is far off, and few are: the mean is held to MEAN."""
MEAN = 0.01

QUERIES = ("red mug", "leather football", "steel pan ball", "kite")
NOBODY: Mapping[str, str] = {}


class Oracle:
    """Products by id with their versions, and what becomes of changes: the same without a store or an index."""

    def __init__(self, rows: Mapping[str, tuple[Product, int]] | None = None) -> None:
        self.rows = dict(rows or {})
        self.left: dict[str, int] = {}  # versions of products when they were last deleted; they go on from there

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

    def rename(self, now: str, then: str) -> None:
        """Call a category otherwise: a label of it is no other label, so versions stay."""
        for id_, (product, version) in self.rows.items():
            if product.category == now:
                self.rows[id_] = replace(product, category=then), version

    def _changed(self, change: Change, spelt: Mapping[str, str]) -> tuple[str, int]:
        if isinstance(change, str):
            if change not in self.rows:
                return "missing", 0
            self.left[change] = self.rows.pop(change)[1]
            return "deleted", self.left[change]
        old, version = self.rows.get(change.id, (None, self.left.get(change.id, 0)))
        if isinstance(change, Patch):
            if old is None:
                return "not found", 0
            label = {"provenance": "supplier", "weight": 1.0} if change.changes.keys() & {"category", "tags"} else {}
            said: dict[str, Any] = {**label, **change.changes}
            change = replace(old, **said)
        if not change.title:
            return "refused", 0
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
        assert _folded(said) == _folded((product.category, product.tags) for product in products)
        labelled = sum(bool(product.category) for product in products)
        assert (len(live.labels), live.labels.labelled) == (len(products), labelled)

        index, (_, exact) = live.contents.views[TEXT].vectors, exact_of(live, self)
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


def exact_of(live: Live, oracle: Oracle) -> tuple[Keys, ExactIndex]:
    """Return the keys of products that have something to search by, and an exact index of them."""
    products = [product for product, _ in oracle.rows.values()]
    placed = seen(live, products)
    there = placed.any(axis=1)
    keys = np.array([live.labels.key(product.id) for product in products], np.int64)[there]
    exact = ExactIndex(live.contents.views[TEXT].space.dim)
    exact.upsert(keys, placed[there])
    return keys, exact


_SEEN: dict[str, dict[str, Vectors]] = {}
"""Search vectors by the title of a product, of the snapshot whose space placed them."""


def seen(live: Live, products: Sequence[Product]) -> Vectors:
    """Return the search vectors of products that have a title only: encoded apart from the index, once."""
    made = _SEEN.setdefault(live.manifest.id, {})
    new = list({each.title: each for each in products if each.title not in made}.values())
    if new:
        encoded = encoders.load(live.manifest.encoder_spec).encode(new)
        vectors = live.space.project(encoded, [text_of(product) for product in new]).vectors[TEXT]
        made.update(zip([each.title for each in new], vectors, strict=True))
    if not products:
        return np.empty((0, live.contents.views[TEXT].space.dim), np.float32)
    rows: Vectors = np.stack([made[each.title] for each in products])
    return rows


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
    off = np.abs(near[0] - near[1])
    assert off.max(initial=0) <= tolerance
    assert off.sum() <= MEAN * off.size


def recall(found: Neighbours, exact: ExactIndex, queries: Vectors) -> float:
    """Return the share of what was found that is as near as the last of the true neighbours, however they tie."""
    every, k = exact.search(queries, len(exact)), found.keys.shape[1]
    order = np.argsort(every.keys, axis=1)
    keys, similarity = np.take_along_axis(every.keys, order, 1), np.take_along_axis(every.similarity, order, 1)
    rows = [np.searchsorted(row, of) for row, of in zip(keys, found.keys, strict=True)]
    true: Vectors = np.take_along_axis(similarity, np.array(rows).reshape(found.keys.shape), 1)
    return float((true >= every.similarity[:, [k - 1]]).mean())


def _folded(labels: Iterable[tuple[str, tuple[str, ...]]]) -> list[tuple[str, tuple[str, ...]]]:
    """Return labels with paths in small letters: processes whose trees differ may spell a category differently."""
    return [(path.lower(), tags) for path, tags in labels]


def told(outcomes: Sequence[Outcome | Exception]) -> list[tuple[str, int]]:
    """Return outcome and version of each change, as `Oracle.change` does."""
    return [
        (each.outcome, each.version)
        if isinstance(each, Written)
        else ("not found" if isinstance(each, ProductNotFound) else "refused", 0)
        for each in outcomes
    ]


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
