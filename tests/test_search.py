"""Who may vote, on four vectors in a plane whose similarities are known."""

import numpy as np
import pytest
from service.search import neighbourhoods

from indexer.labels import Label, Labels
from indexer.vectors import VectorIndex, build

ANGLES = np.radians([0, 60, 90, 180])
QUERY = np.array([[1, 0]], np.float32)


def stored(*nodes: int) -> tuple[VectorIndex, Labels]:
    vectors = np.column_stack([np.cos(ANGLES), np.sin(ANGLES)]).astype(np.float32)
    labels = Labels()
    labels.put(Label(key, f"p{key}", node) for key, node in enumerate(nodes))
    return build("exact", 2, np.arange(4), vectors), labels


def test_the_nearest_with_a_category_vote() -> None:
    """As many as were asked for vote, nearest first; those without a category are neighbours and have no vote."""
    index, labels = stored(7, -1, 8, 9)
    found = neighbourhoods(index, labels, QUERY, np.array([-1]), 2)
    assert [[0, 1, 2]] == found.keys[:, :3].tolist()
    np.testing.assert_allclose(found.similarity[:, :3], [[1.0, 0.5, 0.0]], atol=1e-6)
    assert [[7, -1, 8]] == found.labels[:, :3].tolist()
    assert [[True, False, True]] == found.voters[:, :3].tolist()
    assert 2 == found.voters.sum()


def test_a_stored_product_has_no_vote_on_itself() -> None:
    """The query's own key stands last, is not present and does not vote."""
    index, labels = stored(7, 7, 8, 9)
    found = neighbourhoods(index, labels, QUERY, np.array([0]), 2)
    assert [[1, 2, 0]] == found.keys.tolist()
    assert [[True, True, False]] == found.present.tolist()
    assert [[True, True, False]] == found.voters.tolist()
    assert found.similarity[0, 2] == -1


@pytest.mark.parametrize("labelled", [1, 3])
def test_the_search_widens_until_enough_neighbours_vote(labelled: int) -> None:
    """Where the near products have no category, farther ones are asked."""
    nodes = [-1, -1, -1, -1]
    nodes[labelled] = 5
    index, labels = stored(*nodes)
    found = neighbourhoods(index, labels, QUERY, np.array([-1]), 1)
    assert [labelled] == found.keys[found.voters].tolist()


def test_an_empty_index_has_no_neighbours() -> None:
    """Nothing stored gives rows of length 0."""
    found = neighbourhoods(
        build("exact", 2, np.zeros(0, np.int64), np.zeros((0, 2), np.float32)), Labels(), QUERY, np.array([-1]), 3
    )
    assert (1, 0) == found.keys.shape == found.voters.shape
