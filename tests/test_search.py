"""Who may vote, on four products in a plane whose similarities are known, two of which share a word with the query.

And how the neighbours of several views become one row of neighbours.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.memory.labels import UNLABELLED, Label, Labels
from indexer.memory.view import View
from indexer.space import Projected, Space
from indexer.space.features import Features
from indexer.space.lexicon import Lexicon
from indexer.vectors.exact import ExactIndex
from service.vote.search import Neighbourhood, neighbourhoods, together

PARTS = {"text": 2}
ANGLES = np.radians([0, 60, 90, 180])
VECTORS = np.column_stack([np.cos(ANGLES), np.sin(ANGLES)]).astype(np.float32)
TEXTS = ("lamp", "lamp shade", "mug", "mug tree")


def stored(*nodes: int) -> View:
    """Return a view of the first products, with these categories."""
    keys, labels, features = np.arange(len(nodes)), Labels(), Features(PARTS)
    view = View.of("text", Space(PARTS), labels, features, vectors=ExactIndex(2), nodes=3)
    labels.put([Label(key, f"p{key}", node) for key, node in enumerate(nodes)])
    features.put(keys, VECTORS[keys], Lexicon.blank().rows(TEXTS)[keys])
    view.enter(keys, view.ready(keys, VECTORS[keys], features.words(keys)))
    return view


def look(view: View, text: str, wanted: int, itself: int = -1) -> Neighbourhood:
    """Look from the direction of the first product, with the words of `text`."""
    asked = Projected(VECTORS[:1], Lexicon.blank().rows([text]), {"text": VECTORS[:1]})
    return neighbourhoods(view, asked, np.array([itself]), wanted)


def test_the_nearest_with_a_category_vote() -> None:
    """As many as were asked for vote, nearest first; those without a category are neighbours and have no vote."""
    found = look(stored(0, -1, 1, 2), "kite", 2)
    assert [[0, 1, 2]] == found.keys[:, :3].tolist()
    np.testing.assert_allclose(found.similarity[:, :3], [[1.0, 0.5, 0.0]], atol=1e-6)
    assert [[0, -1, 1]] == found.labels[:, :3].tolist()
    assert [[True, False, True]] == found.voters[:, :3].tolist()
    assert 2 == found.voters.sum()


def test_vectors_and_words_take_turns() -> None:
    """The nearest by vector, the nearest by words, the second by vector; nobody twice."""
    found = look(stored(0, 0, 1, 2), "mug", 3)
    assert [0, 2, 1] == found.keys[0][found.voters[0]].tolist()
    assert [0, 1, 2] == found.keys[0][found.nearest(3)[0]].tolist()


def test_what_only_words_find_is_less_similar_than_what_vectors_find() -> None:
    """It votes, and stands behind all others where neighbours are shown by similarity."""
    found = look(stored(0, 1, 1, 2), "mug tree", 1)
    assert [[0]] == found.keys[:, found.voters[0]].tolist()
    found = look(stored(0, 1, 1, 2), "mug tree", 2)
    assert [0, 3] == found.keys[0][found.voters[0]].tolist()
    assert -1 == found.similarity[0][found.keys[0] == 3]


def test_a_stored_product_has_no_vote_on_itself() -> None:
    """The query's own key stands last, is not present and does not vote."""
    found = look(stored(0, 0, 1, 2), "lamp", 3, itself=0)
    assert [1, 2, 3] == sorted(found.keys[0][found.voters[0]].tolist())
    assert not (found.present & (found.keys == 0)).any()


@pytest.mark.parametrize("labelled", [1, 3])
def test_the_search_widens_until_enough_neighbours_vote(labelled: int) -> None:
    """Where the near products have no category, farther ones are asked."""
    nodes = [-1, -1, -1, -1]
    nodes[labelled] = 2
    found = look(stored(*nodes), "lamp", 1)
    assert [labelled] == found.keys[found.voters].tolist()


def test_a_label_without_a_voice_does_not_vote() -> None:
    """A machine's label that nobody looked at is a neighbour with a category, and decides nothing."""
    view = stored(0, 1, 2, 2)
    view.labels.put([Label(0, "p0", 0, voice=0.0)])
    found = look(view, "kite", 1)
    assert [0, 1] == found.keys[0, :2].tolist()
    assert [False, True] == found.voters[0, :2].tolist()


def test_an_empty_index_has_no_neighbours() -> None:
    """Nothing stored gives nobody who votes."""
    found = look(stored(), "lamp", 3)
    assert not found.present.any()
    assert not found.voters.any()


def neighbours(keys: list[list[int]], similarity: list[list[float]], silent: tuple[int, ...] = ()) -> Neighbourhood:
    """Return the neighbours of a view in this order; -1 is none, a category is its product's key but for the silent."""
    made, alike = np.array(keys, np.int64), np.array(similarity, np.float32)
    here = made >= 0
    voters = here & ~np.isin(made, silent)
    labels = np.where(voters, made, UNLABELLED).astype(np.int32)
    return Neighbourhood(np.maximum(made, 0), np.where(here, alike, -1), labels, here, voters)


def test_views_take_turns() -> None:
    """The first by text, the first by photo, the second by text; who stands twice comes once, where it comes first."""
    text = neighbours([[1, 2, 3]], [[0.9, 0.8, 0.7]])
    image = neighbours([[4, 2, 1]], [[0.95, 0.6, 0.5]])
    both = together([text, image], 6)
    assert [[1, 4, 2, 3]] == both.keys[:, both.present[0]].tolist()
    assert [[1, 4, 2, 3]] == both.labels[:, both.present[0]].tolist()
    assert [4, 1, 2] == together([image, text], 3).keys[0].tolist()


def test_a_neighbour_of_two_views_is_as_similar_as_in_the_nearer() -> None:
    """1 by its photo, 2 by its text, and 3, which words alone found, by its photo as well."""
    text = neighbours([[1, 2, 3, 5]], [[0.9, 0.8, -1, -1]])
    image = neighbours([[2, 1, 3]], [[0.6, 0.99, 0.3]])
    both = together([text, image], 4)
    assert [1, 2, 3, 5] == both.keys[0].tolist()
    np.testing.assert_allclose(both.similarity, [[0.99, 0.8, 0.3, -1]])


def test_voters_of_several_views_are_the_first_with_a_category() -> None:
    """As many as were asked for, nobody twice; who has none is a neighbour all the same."""
    text = neighbours([[1, 2, 3]], [[0.9, 0.8, 0.7]], silent=(2,))
    image = neighbours([[1, 2, 4]], [[0.9, 0.8, 0.7]], silent=(2,))
    both = together([text, image], 2)
    assert ([[1, 2, 3]], [[True, False, True]]) == (both.keys.tolist(), both.voters.tolist())
    assert [[1, UNLABELLED, 3]] == both.labels.tolist()


def test_who_is_nobody_stands_last() -> None:
    """Rows of different length: one in which a view found nobody, one in which nobody was found at all."""
    text = neighbours([[1, -1], [-1, -1], [0, 1]], [[0.9, 0], [0, 0], [0.5, 0.4]])
    image = neighbours([[-1], [-1], [0]], [[0], [0], [0.6]])
    both = together([text, image], 3)
    assert [[True, False, False], [False] * 3, [True, True, False]] == both.present.tolist()
    assert [[1, 0, 0], [0, 0, 0], [0, 1, 0]] == np.where(both.present, both.keys, 0).tolist()
    expected: list[list[float]] = [[0.9, -1, -1], [-1, -1, -1], [0.6, 0.4, -1]]
    np.testing.assert_allclose(both.similarity, expected)
    assert not (both.voters & ~both.present).any()
    assert (both.labels[~both.present] == UNLABELLED).all()


def test_one_view_has_nobody_to_take_turns_with() -> None:
    """Its neighbours are returned as they are."""
    text = neighbours([[1, 2]], [[0.9, 0.8]])
    assert text is together([text], 1)


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 8), st.integers(1, 12))
def test_together_is_what_taking_turns_by_hand_gives(seed: int, wide: int, other: int, wanted: int) -> None:
    """Of rows drawn at random, in two views of different width."""
    rng = np.random.default_rng(seed)
    found = []
    for width in (wide, other):
        keys = np.array([rng.permutation(10)[:width] for _ in range(3)])
        keys[np.arange(width) >= rng.integers(0, width + 1, (3, 1))] = -1
        found.append(neighbours(keys.tolist(), rng.random(keys.shape).tolist()))
    made = together(found, wanted)
    for row in range(3):
        nearest: dict[int, float] = {}
        for place in range(max(wide, other)):
            for each in found:
                if place < each.keys.shape[1] and each.present[row, place]:
                    key, similarity = int(each.keys[row, place]), float(each.similarity[row, place])
                    nearest[key] = max(nearest.get(key, -1), similarity)
        here = made.present[row]
        assert list(nearest)[:wanted] == made.keys[row, here].tolist()[:wanted]
        assert pytest.approx(list(nearest.values())[: here.sum()]) == made.similarity[row, here].tolist()
        assert list(nearest)[:wanted] == made.keys[row, made.voters[row]].tolist()
