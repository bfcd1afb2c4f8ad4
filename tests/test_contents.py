"""indexer/memory/contents.py: what is known of the products in memory changes together, by the voice of each label."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import vectors as kinds
from indexer.images.lookalikes import Lookalikes
from indexer.memory.contents import Contents
from indexer.memory.labels import Label, Labels
from indexer.memory.view import View
from indexer.space import IMAGE, TEXT, Projected, present, spaces_of
from indexer.space.features import Features
from indexer.space.lexicon import Lexicon
from indexer.space.names import Names
from indexer.space.views import Views
from indexer.vectors.exact import ExactIndex

PARTS = {"text": 2}
EAST, NORTH = [1.0, 0.0], [0.0, 1.0]


SPACES = spaces_of(PARTS)


def empty(nodes: int = 1) -> tuple[Contents, View]:
    """Return the contents of an index without products, whose tree has so many categories, and its one view."""
    names = Names(PARTS, np.zeros((nodes, 2)))
    contents = Contents.of(Labels(), Features(PARTS), names, Lookalikes(), spaces=SPACES, vectors={TEXT: ExactIndex(2)})
    return contents, contents.views[TEXT]


def put(contents: Contents, **said: tuple[list[float], float]) -> None:
    """File products of category 0 by their names p1, p2, ...: vector and voice of each."""
    keys = np.array([int(name[1:]) for name in said], np.int64)
    vectors = np.array([vector for vector, _ in said.values()], np.float32)
    labels = [Label(int(name[1:]), name, 0, voice=voice) for name, (_, voice) in said.items()]
    words = Lexicon.blank().rows([f"word{vector}" for vector, _ in said.values()])
    contents.put(keys, labels, Projected(vectors, words, {TEXT: vectors}))


def test_a_category_s_prototype_leans_to_the_labels_that_count_more() -> None:
    """Sums are by voice, counts of products: half a voice adds half a vector and one product."""
    contents, view = empty()
    put(contents, p1=(EAST, 1.0), p2=(NORTH, 0.5))
    assert (view.prototypes.sums.tolist(), view.prototypes.counts.tolist()) == ([[1.0, 0.5]], [2.0])


def test_a_label_without_a_voice_is_not_in_the_prototype() -> None:
    """Neither in its sum nor in its count, until it is confirmed."""
    contents, view = empty()
    put(contents, p1=(EAST, 1.0), p2=(NORTH, 0.0))
    assert (view.prototypes.sums.tolist(), view.prototypes.counts.tolist()) == ([[1.0, 0.0]], [1.0])
    put(contents, p2=(NORTH, 2.0))
    assert (view.prototypes.sums.tolist(), view.prototypes.counts.tolist()) == ([[1.0, 2.0]], [2.0])


def test_listings_of_one_content_and_voice_count_once() -> None:
    """Copies add nothing; a copy that counts otherwise is another opinion, and goes with its own voice."""
    contents, view = empty()
    put(contents, p1=(EAST, 1.0), p2=(EAST, 1.0), p3=(EAST, 0.25))
    assert (view.prototypes.sums.tolist(), view.prototypes.counts.tolist()) == ([[1.25, 0.0]], [2.0])
    contents.drop(np.array([1, 3]))
    assert (view.prototypes.sums.tolist(), view.prototypes.counts.tolist()) == ([[1.0, 0.0]], [1.0])


@pytest.mark.parametrize("voice", [0.5, 2.0])
def test_a_product_that_asks_is_taken_out_with_its_voice(voice: float) -> None:
    """What remains of its category is what the others alone would have made."""
    contents, view = empty()
    put(contents, p1=(EAST, voice), p2=(NORTH, 1.0))
    zero = np.zeros(1, np.int32)
    own = view.prototypes.without(zero, np.array([EAST], np.float32), np.array([voice], np.float32))
    assert (own.sums.tolist(), own.counts.tolist()) == ([[0.0, 1.0]], [1.0])


def test_voices_survive_a_restart(tmp_path: Path) -> None:
    """What was saved and loaded forgets a product with the voice that it came with."""
    contents, _ = empty()
    put(contents, p1=(EAST, 1.0), p2=(NORTH, 0.5))
    contents.save(tmp_path)
    loaded = Contents.load(tmp_path, {TEXT: "exact"}, SPACES, PARTS)
    loaded.drop(np.array([2]))
    prototypes = loaded.views[TEXT].prototypes
    assert (prototypes.sums.tolist(), prototypes.counts.tolist()) == ([[1.0, 0.0]], [1.0])


ANGLES = np.linspace(0, 2, 7)
"""Directions of products that all have the same words."""


def changed(contents: Contents, rng: np.random.Generator) -> None:
    """Put, move and drop some products: two kinds of words, in slightly different directions, three categories."""
    keys = np.sort(rng.choice(12, int(rng.integers(1, 6)), replace=False))
    angle, kind = rng.choice(ANGLES, len(keys)), rng.integers(0, 2, len(keys))
    vectors = np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    labels = [
        Label(key, f"p{key}", int(rng.integers(-1, 3)), (), float(rng.choice([0.0, 0.5, 1.0]))) for key in keys.tolist()
    ]
    words = Lexicon.blank().rows([("steel mug", "garden hose")[each] for each in kind.tolist()])
    contents.put(keys, labels, Projected(vectors, words, {TEXT: vectors}))
    contents.drop(rng.choice(14, 3, replace=False))


def anew(contents: Contents) -> Contents:
    """Return contents that are made of what is stored, as a build does."""
    vectors = {TEXT: contents.views[TEXT].vectors}
    return Contents.of(
        contents.labels, contents.features, contents.names, contents.lookalikes, spaces=SPACES, vectors=vectors
    )


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_prototypes_do_not_depend_on_what_came_and_went(seed: int) -> None:
    """After any changes they are what a build would make, though listings that count once are not quite the same."""
    rng = np.random.default_rng(seed)
    contents, view = empty(3)
    for _ in range(12):
        changed(contents, rng)
        fresh = anew(contents).views[TEXT]
        np.testing.assert_allclose(view.prototypes.sums, fresh.prototypes.sums, atol=1e-4)
        assert view.prototypes.counts.tolist() == fresh.prototypes.counts.tolist()
        assert view.listings == fresh.listings


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_a_product_that_asks_finds_what_the_others_would_have_made(seed: int) -> None:
    """Whichever of some listings that count once asks: its category is as if none of them were there."""
    rng = np.random.default_rng(seed)
    contents, view = empty(3)
    for _ in range(6):
        changed(contents, rng)
    keys = np.flatnonzero(contents.labels.known)
    nodes, voices = contents.labels.spoken(keys), contents.labels.voices(keys)
    vectors, words = contents.features.raw(keys), contents.features.words(keys)
    placed, counted = view.space.place(vectors, words), np.searchsorted(keys, view.standing(keys))
    own = view.prototypes.without(nodes, placed[counted], voices)
    said = list(
        zip(nodes.tolist(), contents.features.fingerprints(keys, view.space).tolist(), voices.tolist(), strict=True)
    )
    for row, asked in enumerate(said):
        first = {each: place for place, each in reversed(list(enumerate(said))) if each[0] == asked[0]}
        others = np.array([place for each, place in first.items() if each != asked], np.int64)
        if asked[0] >= 0:
            expected = (voices[others, None] * placed[others]).sum(axis=0)
            np.testing.assert_allclose(own.sums[row], expected, atol=1e-5)
            assert len(others) == own.counts[row]


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    """The same changes make the same of contents that were saved and loaded between."""
    contents, view = empty(3)
    rng = np.random.default_rng(1)
    for _ in range(10):
        changed(contents, rng)
    contents.save(tmp_path)
    reopened = Contents.load(tmp_path, {TEXT: "exact"}, SPACES, PARTS)
    loaded = reopened.views[TEXT]
    assert loaded.listings == view.listings
    for each in (contents, reopened):
        again = np.random.default_rng(2)
        for _ in range(10):
            changed(each, again)
    np.testing.assert_allclose(loaded.prototypes.sums, view.prototypes.sums, atol=1e-4)
    assert loaded.prototypes.counts.tolist() == view.prototypes.counts.tolist()
    words, vectors = Lexicon.blank().rows(["steel mug"]), np.array([EAST], np.float32)
    assert view.postings.search(words, 9).keys.tolist() == loaded.postings.search(words, 9).keys.tolist()
    assert view.vectors.search(vectors, 9).keys.tolist() == loaded.vectors.search(vectors, 9).keys.tolist()


def test_a_product_that_lost_its_text_is_in_no_index() -> None:
    """It keeps its label, and neither vectors nor words find it; one that is not known can be dropped."""
    contents, view = empty()
    put(contents, p1=(EAST, 1.0), p2=(NORTH, 1.0))
    nothing = Projected(np.zeros((1, 2), np.float32), Lexicon.blank().rows([""]), {TEXT: np.zeros((1, 2), np.float32)})
    contents.put(np.array([1]), [Label(1, "p1", 0)], nothing)
    assert (1, [2]) == (
        len(view.vectors),
        view.vectors.search(np.array([EAST], np.float32), 5).keys[0].tolist(),
    )
    assert [2, -1] == view.postings.search(Lexicon.blank().rows(["word"]), 2).keys[0].tolist()
    assert 2 == contents.labels.labelled
    assert ([[0.0, 1.0]], [1.0], 1) == (
        view.prototypes.sums.tolist(),
        view.prototypes.counts.tolist(),
        contents.searched,
    )
    contents.drop(np.array([77]))


def test_a_change_is_made_in_pieces_between_which_others_look() -> None:
    """Each product whole or not at all; in the end it is as if all had come, or gone, at once."""
    (contents, view), (other, _) = empty(), empty()
    keys, size = np.arange(1, 41), []
    angles = np.linspace(0, 1, 40)
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    words = Lexicon.blank().rows([f"mug {key + 100}" for key in keys.tolist()])
    labels = [Label(key, f"p{key}", 0) for key in keys.tolist()]

    @contextmanager
    def changing() -> Iterator[None]:
        yield
        size.append((len(contents.labels), len(view.vectors), int(view.prototypes.counts[0])))

    contents.put(keys, labels, Projected(vectors, words, {TEXT: vectors}), changing=changing)
    assert [(16, 16, 16), (32, 32, 32), (40, 40, 40)] == size
    other.put(keys, labels, Projected(vectors, words, {TEXT: vectors}))
    for asked in (Lexicon.blank().rows(["mug 107"]), Lexicon.blank().rows(["mug 139 140"])):
        found = [each.views[TEXT].postings.search(asked, 5) for each in (contents, other)]
        assert found[0].keys.tolist() == found[1].keys.tolist()
        assert found[0].similarity.tolist() == found[1].similarity.tolist()
    size.clear()
    contents.drop(keys[:20], changing=changing)
    assert [(24, 24, 24), (20, 20, 20)] == size


def test_categories_that_join_have_room() -> None:
    """Their names and prototypes are there before their first product."""
    contents, view = empty()
    contents.grow(np.array([EAST, NORTH], np.float32))
    assert (3, 3) == (len(contents.names), len(view.prototypes.counts))


def pictures(contents: Contents) -> dict[int, int]:
    """Return the hash of the main picture of each product that has one, by key."""
    keys, bits = contents.lookalikes.search(0, 64)  # to a hash of zeros: how many bits are set
    return dict(zip(keys.tolist(), bits.tolist(), strict=True))


def test_a_product_is_known_by_its_main_picture_s_hash(tmp_path: Path) -> None:
    """It comes, changes and goes with the product, and is there after a restart; without a picture there is none."""
    contents, _ = empty()
    rows, words = np.array([EAST] * 3, np.float32), Lexicon.blank().rows(["mug"] * 3)
    labels, keys = [Label(key, f"p{key}", 0) for key in (1, 2, 3)], np.array([1, 2, 3])
    three = Projected(rows, words, {TEXT: rows})
    contents.put(keys, labels, three, [0b1, None, 0b111])
    assert pictures(contents) == {1: 1, 3: 3}
    contents.save(tmp_path)
    loaded = Contents.load(tmp_path, {TEXT: "exact"}, SPACES, PARTS)
    for each in (contents, loaded):
        each.put(keys[:2], labels[:2], three[:2], [None, 0b11])
        assert pictures(each) == {2: 2, 3: 3}
        each.drop(np.array([3, 9]))
        assert pictures(each) == {2: 2}


BOTH = {"text": 2, "image": 2}
VIEWS = Views.raw(BOTH)


def drawn(rng: np.random.Generator, size: int) -> Projected:
    """Return products of few words and pictures, so that many are equal; one in three lacks each of them."""
    angle, kind = rng.choice(ANGLES, (2, size)), rng.integers(0, 2, size)
    raw = np.stack([np.cos(angle), np.sin(angle)], axis=2).astype(np.float16).astype(np.float32)  # as features keep it
    lacks = rng.random((2, size)) < 1 / 3
    raw[lacks] = 0
    texts = ["" if lack else ("steel mug", "garden hose")[each] for each, lack in zip(kind, lacks[0], strict=True)]
    return VIEWS.placed(np.hstack([*raw]), Lexicon.blank().rows(texts))


def assert_equal(one: Contents, other: Contents) -> None:
    """Of each view prototypes, listings, and what is found by vector and by word are the same; so are pictures."""
    assert pictures(one) == pictures(other)
    assert (one.searched, one.labels.labelled) == (other.searched, other.labels.labelled)
    asked = VIEWS.placed(np.array([[1, 0, 0, 1], [0.6, 0.8, 1, 0]], np.float32), Lexicon.blank().rows(["mug", "hose"]))
    for name, view in one.views.items():
        twin = other.views[name]
        np.testing.assert_allclose(view.prototypes.sums, twin.prototypes.sums, atol=1e-4)
        assert view.prototypes.counts.tolist() == twin.prototypes.counts.tolist()
        assert view.listings == twin.listings
        assert len(view.vectors) == len(twin.vectors)
        for found in ("keys", "similarity"):
            near = [getattr(each.vectors.search(asked.vectors[name], 20), found).tolist() for each in (view, twin)]
            assert near[0] == near[1]
            words = [getattr(each.postings.search(asked.words, 20), found).tolist() for each in (view, twin)]
            assert words[0] == words[1]


def of_two(labels: Labels, features: Features) -> Contents:
    """Return two views of what is stored, of three categories, as a build would fill them."""
    names = Names(BOTH, np.zeros((3, 4)))
    keys = np.flatnonzero(labels.known)
    placed = VIEWS.placed(features.raw(keys), features.words(keys)).vectors
    vectors = {}
    for name in VIEWS.spaces:
        here = present(placed[name])
        vectors[name] = kinds.build("exact", 2, keys[here], placed[name][here])
    return Contents.of(labels, features, names, Lookalikes(), spaces=VIEWS.spaces, vectors=vectors)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_two_views_that_were_kept_up_equal_those_that_are_made_anew(seed: int) -> None:
    """After products that came, changed texts, pictures and labels, and went, in any order; and after a restart."""
    rng = np.random.default_rng(seed)
    contents = of_two(Labels(), Features(BOTH))
    hashes: dict[int, int] = {}
    for _ in range(12):
        keys = np.sort(rng.choice(12, int(rng.integers(1, 6)), replace=False))
        labels = [
            Label(key, f"p{key}", int(rng.integers(-1, 3)), (), float(rng.choice([0.0, 0.5, 1.0])))
            for key in keys.tolist()
        ]
        made, some = drawn(rng, len(keys)), [int(each) for each in rng.integers(0, 2**40, len(keys))]
        phashes = [each if there else None for each, there in zip(some, present(made.vectors[IMAGE]), strict=True)]
        contents.put(keys, labels, made, phashes)
        gone = rng.choice(14, 3, replace=False)
        contents.drop(gone)
        hashes.update(zip(keys.tolist(), some, strict=True))
        hashes = {
            key: each
            for key, each in hashes.items()
            if key not in gone and (key not in keys or phashes[keys.tolist().index(key)] is not None)
        }
    fresh = of_two(contents.labels, contents.features)
    fresh.lookalikes.put(np.array(list(hashes), np.int64), np.array(list(hashes.values()), np.uint64))
    assert_equal(contents, fresh)
    with TemporaryDirectory() as folder:
        contents.save(Path(folder))
        assert_equal(Contents.load(Path(folder), dict.fromkeys(VIEWS.spaces, "exact"), VIEWS.spaces, BOTH), fresh)
