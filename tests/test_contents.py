"""indexer/contents.py: what is known of the products in memory changes together, by the voice of each label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.contents import Contents
from indexer.labels import Label, Labels
from indexer.space import Projected, Space
from indexer.space.features import Features
from indexer.space.lexicon import Lexicon
from indexer.space.names import Names
from indexer.vectors.exact import ExactIndex

PARTS = {"text": 2}
EAST, NORTH = [1.0, 0.0], [0.0, 1.0]


def empty() -> tuple[Contents, Space]:
    """Return the contents of an index without products, whose tree has one category, and its space."""
    space = Space.raw(PARTS, Lexicon.blank())
    return Contents.of(Labels(), ExactIndex(2), Features(PARTS), Names(PARTS, np.zeros((1, 2))), space), space


def put(contents: Contents, space: Space, **said: tuple[list[float], float]) -> None:
    """File products of category 0 by their names p1, p2, ...: vector and voice of each."""
    keys = np.array([int(name[1:]) for name in said], np.int64)
    vectors = np.array([vector for vector, _ in said.values()], np.float32)
    labels = [Label(int(name[1:]), name, 0, voice=voice) for name, (_, voice) in said.items()]
    words = Lexicon.blank().rows([f"word{vector}" for vector, _ in said.values()])
    contents.put(keys, labels, Projected(vectors, words, vectors), space)


def test_a_category_s_prototype_leans_to_the_labels_that_count_more() -> None:
    """Sums are by voice, counts of products: half a voice adds half a vector and one product."""
    contents, space = empty()
    put(contents, space, p1=(EAST, 1.0), p2=(NORTH, 0.5))
    assert (contents.prototypes.sums.tolist(), contents.prototypes.counts.tolist()) == ([[1.0, 0.5]], [2.0])


def test_a_label_without_a_voice_is_not_in_the_prototype() -> None:
    """Neither in its sum nor in its count, until it is confirmed."""
    contents, space = empty()
    put(contents, space, p1=(EAST, 1.0), p2=(NORTH, 0.0))
    assert (contents.prototypes.sums.tolist(), contents.prototypes.counts.tolist()) == ([[1.0, 0.0]], [1.0])
    put(contents, space, p2=(NORTH, 2.0))
    assert (contents.prototypes.sums.tolist(), contents.prototypes.counts.tolist()) == ([[1.0, 2.0]], [2.0])


def test_listings_of_one_content_and_voice_count_once() -> None:
    """Copies add nothing; a copy that counts otherwise is another opinion, and goes with its own voice."""
    contents, space = empty()
    put(contents, space, p1=(EAST, 1.0), p2=(EAST, 1.0), p3=(EAST, 0.25))
    assert (contents.prototypes.sums.tolist(), contents.prototypes.counts.tolist()) == ([[1.25, 0.0]], [2.0])
    contents.drop(np.array([1, 3]), space)
    assert (contents.prototypes.sums.tolist(), contents.prototypes.counts.tolist()) == ([[1.0, 0.0]], [1.0])


@pytest.mark.parametrize("voice", [0.5, 2.0])
def test_a_product_that_asks_is_taken_out_with_its_voice(voice: float) -> None:
    """What remains of its category is what the others alone would have made."""
    contents, space = empty()
    put(contents, space, p1=(EAST, voice), p2=(NORTH, 1.0))
    zero = np.zeros(1, np.int32)
    own = contents.prototypes.without(zero, np.array([EAST], np.float32), np.array([voice], np.float32))
    assert (own.sums.tolist(), own.counts.tolist()) == ([[0.0, 1.0]], [1.0])


def test_voices_survive_a_restart(tmp_path: Path) -> None:
    """What was saved and loaded forgets a product with the voice that it came with."""
    contents, space = empty()
    put(contents, space, p1=(EAST, 1.0), p2=(NORTH, 0.5))
    contents.save(tmp_path)
    loaded = Contents.load(tmp_path, "exact", PARTS)
    loaded.drop(np.array([2]), space)
    assert (loaded.prototypes.sums.tolist(), loaded.prototypes.counts.tolist()) == ([[1.0, 0.0]], [1.0])
