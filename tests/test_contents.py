"""indexer/contents.py: what is known of the products in memory changes together, by the voice of each label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.contents import Contents
from indexer.labels import Label, Labels
from indexer.space import Projected, Space
from indexer.space.features import Features
from indexer.space.lexicon import Lexicon
from indexer.space.names import Names
from indexer.vectors.exact import ExactIndex

PARTS = {"text": 2}
EAST, NORTH = [1.0, 0.0], [0.0, 1.0]


def empty(nodes: int = 1) -> tuple[Contents, Space]:
    """Return the contents of an index without products, whose tree has so many categories, and its space."""
    space = Space.raw(PARTS, Lexicon.blank())
    return Contents.of(Labels(), ExactIndex(2), Features(PARTS), Names(PARTS, np.zeros((nodes, 2))), space), space


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


ANGLES = np.linspace(0, 2, 7)
"""Directions of products that all have the same words."""


def changed(contents: Contents, space: Space, rng: np.random.Generator) -> None:
    """Put, move and drop some products: two kinds of words, in slightly different directions, three categories."""
    keys = np.sort(rng.choice(12, int(rng.integers(1, 6)), replace=False))
    angle, kind = rng.choice(ANGLES, len(keys)), rng.integers(0, 2, len(keys))
    vectors = np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    labels = [
        Label(key, f"p{key}", int(rng.integers(-1, 3)), (), float(rng.choice([0.0, 0.5, 1.0]))) for key in keys.tolist()
    ]
    words = Lexicon.blank().rows([("steel mug", "garden hose")[each] for each in kind.tolist()])
    contents.put(keys, labels, Projected(vectors, words, vectors), space)
    contents.drop(rng.choice(14, 3, replace=False), space)


def anew(contents: Contents, space: Space) -> Contents:
    """Return contents that are made of what is stored, as a build does."""
    return Contents.of(contents.labels, contents.vectors, contents.features, contents.names, space)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_prototypes_do_not_depend_on_what_came_and_went(seed: int) -> None:
    """After any changes they are what a build would make, though listings that count once are not quite the same."""
    rng = np.random.default_rng(seed)
    contents, space = empty(3)
    for _ in range(12):
        changed(contents, space, rng)
        fresh = anew(contents, space)
        np.testing.assert_allclose(contents.prototypes.sums, fresh.prototypes.sums, atol=1e-4)
        assert contents.prototypes.counts.tolist() == fresh.prototypes.counts.tolist()
        assert contents.listings == fresh.listings


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_a_product_that_asks_finds_what_the_others_would_have_made(seed: int) -> None:
    """Whichever of some listings that count once asks: its category is as if none of them were there."""
    rng = np.random.default_rng(seed)
    contents, space = empty(3)
    for _ in range(6):
        changed(contents, space, rng)
    keys = np.flatnonzero(contents.labels.known)
    nodes, voices = contents.labels.spoken(keys), contents.labels.voices(keys)
    vectors, words = contents.features.raw(keys), contents.features.words(keys)
    placed, counted = space.place(vectors, words), np.searchsorted(keys, contents.standing(keys))
    own = contents.prototypes.without(nodes, placed[counted], voices)
    said = list(zip(nodes.tolist(), contents.features.fingerprints(keys), voices.tolist(), strict=True))
    for row, asked in enumerate(said):
        first = {each: place for place, each in reversed(list(enumerate(said))) if each[0] == asked[0]}
        others = np.array([place for each, place in first.items() if each != asked], np.int64)
        if asked[0] >= 0:
            expected = (voices[others, None] * placed[others]).sum(axis=0)
            np.testing.assert_allclose(own.sums[row], expected, atol=1e-5)
            assert len(others) == own.counts[row]


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    """The same changes make the same of contents that were saved and loaded between."""
    contents, space = empty(3)
    rng = np.random.default_rng(1)
    for _ in range(10):
        changed(contents, space, rng)
    contents.save(tmp_path)
    loaded = Contents.load(tmp_path, "exact", PARTS)
    assert loaded.listings == contents.listings
    for each in (contents, loaded):
        again = np.random.default_rng(2)
        for _ in range(10):
            changed(each, space, again)
    np.testing.assert_allclose(loaded.prototypes.sums, contents.prototypes.sums, atol=1e-4)
    assert loaded.prototypes.counts.tolist() == contents.prototypes.counts.tolist()
    words, vectors = Lexicon.blank().rows(["steel mug"]), np.array([EAST], np.float32)
    assert contents.postings.search(words, 9).keys.tolist() == loaded.postings.search(words, 9).keys.tolist()
    assert contents.vectors.search(vectors, 9).keys.tolist() == loaded.vectors.search(vectors, 9).keys.tolist()


def test_a_product_that_lost_its_text_is_in_no_index() -> None:
    """It keeps its label, and neither vectors nor words find it; one that is not known can be dropped."""
    contents, space = empty()
    put(contents, space, p1=(EAST, 1.0), p2=(NORTH, 1.0))
    nothing = Projected(np.zeros((1, 2), np.float32), Lexicon.blank().rows([""]), np.zeros((1, 2), np.float32))
    contents.put(np.array([1]), [Label(1, "p1", 0)], nothing, space)
    assert (1, [2]) == (
        len(contents.vectors),
        contents.vectors.search(np.array([EAST], np.float32), 5).keys[0].tolist(),
    )
    assert [2, -1] == contents.postings.search(Lexicon.blank().rows(["word"]), 2).keys[0].tolist()
    assert 2 == contents.labels.labelled
    contents.drop(np.array([77]), space)


def test_categories_that_join_have_room() -> None:
    """Their names and prototypes are there before their first product."""
    contents, _ = empty()
    contents.grow(np.array([EAST, NORTH], np.float32))
    assert (3, 3) == (len(contents.names), len(contents.prototypes.counts))
