"""indexer/memory/view.py: the products that have one view, however they came, and nobody else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.memory.labels import Label, Labels
from indexer.memory.view import View
from indexer.space import IMAGE, TEXT, Projected, present
from indexer.space.features import Features
from indexer.space.lexicon import Lexicon
from indexer.space.views import Views
from indexer.vectors import Keys
from indexer.vectors.exact import ExactIndex

PARTS = {"text": 2, "image": 3}
VIEWS = Views.raw(PARTS)
EAST, NORTH, NONE = (1.0, 0.0), (0.0, 1.0), (0.0, 0.0)
ROUND, FLAT, UNSEEN = (1.0, 0.0, 0.0), (0.0, 0.6, 0.8), (0.0, 0.0, 0.0)
TITLES: dict[tuple[float, ...], str] = {EAST: "steel mug", NORTH: "garden hose", NONE: ""}

Said = tuple[tuple[float, ...], tuple[float, ...], int]
"""Text and picture of a product, and its category."""


class Shelf:
    """Both views of some products, with the labels and features they share."""

    def __init__(self) -> None:
        self.labels, self.features = Labels(), Features(PARTS)
        self.views = self.filled({name: ExactIndex(space.dim) for name, space in VIEWS.spaces.items()})

    def filled(self, vectors: dict[str, ExactIndex]) -> dict[str, View]:
        """Return the views of what labels and features hold, as a build makes them."""
        return {
            name: View.of(name, space, self.labels, self.features, vectors=vectors[name], nodes=2)
            for name, space in VIEWS.spaces.items()
        }

    def anew(self) -> dict[str, View]:
        """Return the views as a build would fill them."""
        keys = np.flatnonzero(self.labels.known)
        placed = VIEWS.placed(self.features.raw(keys), self.features.words(keys)).vectors
        vectors = {}
        for name, rows in placed.items():
            vectors[name] = ExactIndex(rows.shape[1])
            vectors[name].upsert(keys[present(rows)], rows[present(rows)])
        return self.filled(vectors)

    def put(self, products: dict[int, Said], voice: float = 1.0) -> Projected:
        """File products by key."""
        keys = np.array(list(products), np.int64)
        raw = np.array([text + picture for text, picture, _ in products.values()], np.float32)
        words = Lexicon.blank().rows([TITLES[text] for text, _, _ in products.values()])
        projected = VIEWS.placed(raw.astype(np.float16).astype(np.float32), words)  # as features keep it
        for view in self.views.values():
            view.leave(keys)
        self.labels.put([Label(key, f"p{key}", node, (), voice) for key, (_, _, node) in products.items()])
        self.features.put(keys, projected.raw, projected.words)
        for name, view in self.views.items():
            view.enter(keys, view.ready(keys, projected.vectors[name], self.features.words(keys)))
            view.settle()
        return projected

    def drop(self, keys: Keys) -> None:
        """Forget products."""
        for view in self.views.values():
            view.leave(keys)
            view.drop(keys)
        self.labels.drop(keys)
        self.features.drop(keys)


@pytest.fixture
def shelf() -> Shelf:
    """Return four products of one category: with both views, with a text, with a picture, and with neither."""
    made = Shelf()
    made.put({1: (EAST, ROUND, 0), 2: (NORTH, UNSEEN, 0), 3: (NONE, FLAT, 0), 4: (NONE, UNSEEN, 0)})
    return made


def found(view: View, words: str = "mug hose") -> tuple[list[int], list[int]]:
    """Return the keys that a search by vector can find, and those that one by word can."""
    near = view.vectors.search(np.ones((1, view.space.dim), np.float32), 9).keys[0]
    by_word = view.postings.search(Lexicon.blank().rows([words]), 9).keys[0]
    return sorted(near[near >= 0].tolist()), sorted(by_word[by_word >= 0].tolist())


def test_what_lacks_a_view_is_neither_searched_nor_counted_in_it(shelf: Shelf) -> None:
    """Though it has the same category; words are the text's alone."""
    text, image = shelf.views[TEXT], shelf.views[IMAGE]
    assert ([1, 2], [1, 2]) == found(text)
    assert ([1, 3], []) == found(image)
    assert ([[1, 1], [0, 0]], [2, 0]) == (text.prototypes.sums.tolist(), text.prototypes.counts.tolist())
    np.testing.assert_allclose(image.prototypes.sums, [[1.0, 0.6, 0.8], [0.0, 0.0, 0.0]], atol=1e-3)
    assert [2, 0] == image.prototypes.counts.tolist()
    every = np.arange(5)
    assert [False, True, True, False, False] == text.seen(every).tolist()
    assert [False, True, False, True, False] == image.seen(every).tolist()
    assert ([1, 2, 3, 4], [1, 2, 3, 4]) == (text.standing(every[1:]).tolist(), image.standing(every[1:]).tolist())


def test_a_view_that_comes_or_goes_counts_from_then_on(shelf: Shelf) -> None:
    """A product that gets a picture is in the view of pictures at once, and out of it when it loses it."""
    shelf.put({2: (NORTH, ROUND, 0), 1: (NONE, ROUND, 0)})
    assert ([2], [2]) == found(shelf.views[TEXT])
    assert ([1, 2, 3], []) == found(shelf.views[IMAGE])
    shelf.put({2: (NORTH, UNSEEN, 0)})
    assert ([1, 3], []) == found(shelf.views[IMAGE])
    assert [2, 0] == shelf.views[IMAGE].prototypes.counts.tolist()
    shelf.drop(np.array([1, 2, 3, 77]))
    for view in shelf.views.values():
        assert ([], [], {}) == (*found(view), view.listings.all())
        assert not view.prototypes.sums.any()
        assert not view.prototypes.counts.any()


def test_equal_pictures_count_once_in_their_view_whatever_their_texts() -> None:
    """As equal texts do in theirs, whatever their pictures; another category or voice is another opinion."""
    shelf = Shelf()
    shelf.put({1: (EAST, ROUND, 0), 2: (NORTH, ROUND, 0), 3: (EAST, FLAT, 0), 4: (EAST, ROUND, 1)})
    text, image = shelf.views[TEXT], shelf.views[IMAGE]
    keys = np.array([1, 2, 3, 4])
    assert ([1, 2, 1, 4], [1, 1, 3, 4]) == (text.standing(keys).tolist(), image.standing(keys).tolist())
    assert ([2, 1], [2, 1]) == (text.prototypes.counts.tolist(), image.prototypes.counts.tolist())
    assert [[1, 1], [1, 0]] == text.prototypes.sums.tolist()
    shelf.put({5: (NORTH, ROUND, 0)}, voice=0.5)
    np.testing.assert_allclose(image.prototypes.sums, [[1.5, 0.6, 0.8], [1.0, 0.0, 0.0]], atol=1e-3)
    shelf.drop(np.array([1]))
    assert ([2, 3], [2, 3]) == (image.standing(keys[1:3]).tolist(), text.standing(keys[1:3]).tolist())
    assert [3, 1] == image.prototypes.counts.tolist()


def test_a_twin_lies_in_another_space_and_leaves_the_view_alone(shelf: Shelf) -> None:
    """Its prototypes are those of the same listings there; whoever is filed is filed in both."""
    view = shelf.views[TEXT]
    twin = view.twin(VIEWS.spaces[IMAGE], ExactIndex(3), 2)
    assert twin.prototypes.sums.tolist() == shelf.views[IMAGE].prototypes.sums.tolist()
    assert [[1, 1], [0, 0]] == view.prototypes.sums.tolist()
    assert twin.listings is not view.listings
    assert (0, 2) == (len(twin.vectors), len(view.vectors))


def drawn(rng: np.random.Generator) -> dict[int, Said]:
    """Return some products by chance, of few texts, pictures and categories."""
    texts, pictures = [EAST, NORTH, NONE], [ROUND, FLAT, UNSEEN]
    keys = np.sort(rng.choice(15, int(rng.integers(1, 6)), replace=False)).tolist()
    some = rng.integers(0, 3, (len(keys), 3)).tolist()
    return {key: (texts[one], pictures[two], three - 1) for key, (one, two, three) in zip(keys, some, strict=True)}


@pytest.mark.parametrize("seed", range(5))
def test_views_that_were_kept_up_are_those_of_a_fresh_fill(seed: int, tmp_path: Path) -> None:
    """Array by array, through puts, relabels and drops in any order; and as they were after a restart."""
    rng, shelf = np.random.default_rng(seed), Shelf()
    for _ in range(20):
        shelf.put(drawn(rng), float(rng.choice([0.0, 0.5, 1.0])))
        shelf.drop(rng.choice(17, 2, replace=False))
    for name, fresh in shelf.anew().items():
        view = shelf.views[name]
        assert (tmp_path / name / "prototypes_sums.npy") in view.save(tmp_path / name)
        again = View.load(name, view.space, shelf.labels, shelf.features, folder=tmp_path / name, kind="exact")
        asked = np.vstack([np.eye(view.space.dim), np.ones((1, view.space.dim)) / view.space.dim**0.5])
        words = Lexicon.blank().rows(["steel mug", "garden", "hose"])
        for other in (view, again):
            np.testing.assert_allclose(other.prototypes.sums, fresh.prototypes.sums, atol=1e-5)
            assert fresh.prototypes.counts.tolist() == other.prototypes.counts.tolist()
            assert fresh.listings == other.listings
            for one, two in (
                (
                    fresh.vectors.search(asked.astype(np.float32), 15),
                    other.vectors.search(asked.astype(np.float32), 15),
                ),
                (fresh.postings.search(words, 15), other.postings.search(words, 15)),
            ):
                np.testing.assert_array_equal(one.keys, two.keys)
                np.testing.assert_array_equal(one.similarity, two.similarity)
