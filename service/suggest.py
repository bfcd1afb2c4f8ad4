"""Suggestions of new tags for an index: one pass over its record store, without encoder or vectors.

records in batches -> phrases, counted [service.tags.phrases] -> the best [service.tags.suggestions] -> in words
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexer.build import VOCABULARY, Progress, Quiet, shelves
from indexer.intake.update import path_of
from indexer.store.place import open_store
from indexer.store.records import Records, Stored
from service.tags.phrases import Phrases
from service.tags.suggestions import Suggestion, suggested
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

BATCH = 1_000
"""Products that are read at a time."""


@dataclass(frozen=True, slots=True)
class Where:
    """A category and how many of its products say a phrase; `path` is empty for those without a category."""

    path: str
    products: int


@dataclass(frozen=True, slots=True)
class Example:
    """The first product that says a phrase."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class SuggestedTag:
    """A phrase that would make a tag, how many products say it and what share of all that is, and where most do."""

    phrase: str
    products: int
    share: float
    categories: tuple[Where, ...]
    example: Example


def suggest(index: Path, limit: int, progress: Progress | None = None) -> list[SuggestedTag]:
    """Return the `limit` phrases that would make the best new tags of what the record store holds, best first.

    Words that the vocabulary knows or excludes, and tags in use, are not among them. A category that a machine gave is
    taken for none. Raises RecordError when there is no store. Memory: LIMIT phrases of `service.tags.phrases`, 16 bytes
    for each category that each is said in, and one batch of products.
    """
    progress = progress or Quiet()
    tree, _ = shelves(index)
    with closing(open_store(index)) as records:
        progress.start("read", records.counts().products, "products")
        phrases, sizes, done = Phrases(len(tree)), np.zeros(len(tree) + 1, np.int64), 0
        for batch in _batches(records):
            nodes = np.array([_node(stored, tree) for stored in batch], np.int64)
            keys = np.array([stored.key for stored in batch], np.int64)
            phrases.add(keys, nodes, [stored.record.product for stored in batch])
            sizes += np.bincount(nodes + 1, minlength=len(sizes))
            progress.at(done := done + len(batch))
        progress.start("choose", None, "")
        found = suggested(phrases.counted(), sizes, tree, _known(records), limit)
        return _in_words(found, records, tree)


def _batches(records: Records) -> Iterator[list[Stored]]:
    after = 0
    while some := records.page(after, BATCH):
        yield some
        after = some[-1].key


def _node(stored: Stored, tree: Tree) -> int:
    product = stored.record.product
    node = tree.find(path_of(product.category)) if product.category and product.voice else None
    return -1 if node is None else node


def _known(records: Records) -> list[str]:
    """Return every tag in use and every word of the vocabulary."""
    given = records.fact(VOCABULARY)
    words = Vocabulary.from_json(given) if given else Vocabulary()
    return [*records.tags(), *words.spellings, *words.aliases, *words.aliases.values(), *words.exclusions]


def _in_words(found: list[Suggestion], records: Records, tree: Tree) -> list[SuggestedTag]:
    first = records.by_keys([each.key for each in found])
    return [
        SuggestedTag(
            phrase=each.phrase,
            products=each.products,
            share=round(each.share, 6),
            categories=tuple(Where(tree.text(node) if node >= 0 else "", many) for node, many in each.categories),
            example=Example(first[each.key].record.product.id, first[each.key].record.product.title),
        )
        for each in found
        if each.key in first  # it may have been deleted meanwhile
    ]
