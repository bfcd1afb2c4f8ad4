"""Who may vote, on four products in a plane whose similarities are known, two of which share a word with the query."""

import numpy as np
import pytest

from indexer.labels import Label, Labels
from indexer.space import Projected, Space
from indexer.space.features import Features
from indexer.space.lexicon import Lexicon
from indexer.vectors.exact import ExactIndex
from indexer.view import View
from service.vote.search import Neighbourhood, neighbourhoods

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
    view.enter(keys, VECTORS[keys])
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
