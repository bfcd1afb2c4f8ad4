"""The vote, worked by hand on a tree of two departments."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from service.vote import below, branch_shares, decide, rank, softmax_weights, take_vote

# 0 Audio, 1 Audio > Headphones, 2 Audio > Headphones > Wireless, 3 Audio > Speakers, 4 Garden
LINEAGE = np.array([[0, -1, -1], [0, 1, -1], [0, 1, 2], [0, 3, -1], [4, -1, -1]], np.int32)
DEPTHS = np.array([1, 2, 3, 2, 1], np.int32)
HALF = 0.1 * np.log(2)  # one temperature step that halves a weight at temperature 0.1


def similarities(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32)


def labels(*rows: list[int]) -> np.ndarray:
    return np.array(rows, np.int32)


def test_a_weight_halves_with_each_step_of_temperature_times_ln_2() -> None:
    """Weights are exp(similarity / temperature), normalised over the row."""
    weights = softmax_weights(similarities([0.9, 0.9 - HALF, 0.9 - HALF]), np.ones((1, 3), bool), 0.1)
    np.testing.assert_allclose(weights, [[0.5, 0.25, 0.25]], atol=1e-6)


def test_a_neighbour_without_category_has_no_vote() -> None:
    """Its weight is 0 and the others share the whole."""
    vote = take_vote(similarities([0.9, 0.5, 0.5]), labels([-1, 3, 4]), LINEAGE, temperature=0.1)
    np.testing.assert_allclose(vote.weights, [[0.0, 0.5, 0.5]], atol=1e-6)


def test_votes_roll_up_to_every_ancestor() -> None:
    """A vote for a leaf counts for each branch above it, and a label half-way counts for itself and above."""
    vote = take_vote(similarities([0.9, 0.9 - HALF, 0.9 - HALF]), labels([2, 1, 4]), LINEAGE, temperature=0.1)
    assert [0, 1, 2, 4] == vote.nodes.tolist()
    np.testing.assert_allclose(vote.own, [[0.0, 0.25, 0.5, 0.25]], atol=1e-6)
    np.testing.assert_allclose(vote.branch, [[0.75, 0.75, 0.5, 0.25]], atol=1e-6)


def test_the_best_categories_come_first_and_missing_ones_are_minus_one() -> None:
    """Ranking is by own share; a query with fewer voted categories than asked for is filled with -1 and 0."""
    vote = take_vote(similarities([0.9 - HALF, 0.9], [0.9, 0.9]), labels([3, 4], [2, 2]), LINEAGE, temperature=0.1)
    ranking = rank(vote, 3)
    assert [[4, 3, -1], [2, -1, -1]] == ranking.nodes.tolist()
    np.testing.assert_allclose(ranking.share, [[2 / 3, 1 / 3, 0.0], [1.0, 0.0, 0.0]], atol=1e-6)


def test_the_decision_is_the_deepest_branch_over_the_threshold() -> None:
    """Two leaves of one branch that disagree give their parent; two departments that disagree give nothing."""
    same = similarities([0.5, 0.5], [0.5, 0.5], [0.5, 0.5])
    vote = take_vote(same, labels([2, 3], [4, 2], [2, 2]), LINEAGE, temperature=0.1)
    decided = decide(vote, DEPTHS, 0.6)
    assert [[0], [-1], [2]] == decided.nodes.tolist()
    np.testing.assert_allclose(decided.share, [[1.0], [0.0], [1.0]], atol=1e-6)


def test_the_best_category_lies_below_the_decision() -> None:
    """A leaf that leads alone gives way to the best leaf of the branch that holds more than half."""
    vote = take_vote(similarities([0.9] * 9), labels([2, 2, 2, 3, 3, 4, 4, 4, 4]), LINEAGE, temperature=0.1)
    decided = decide(vote, DEPTHS, 0.51)
    assert [[0]] == decided.nodes.tolist()
    under = below(vote, decided.nodes[:, 0], LINEAGE, DEPTHS)
    assert [[True, True, True, True, False]] == under.tolist()
    assert [[4, 2, 3]] == rank(vote, 3).nodes.tolist()
    assert [[2, 4, 3]] == rank(vote, 3, under).nodes.tolist()


def test_without_a_decision_the_share_alone_ranks() -> None:
    """Nothing lies below -1, so the category with most votes comes first."""
    vote = take_vote(similarities([0.9, 0.9]), labels([4, 2]), LINEAGE, temperature=0.1)
    under = below(vote, np.array([-1], np.int32), LINEAGE, DEPTHS)
    assert not under.any()
    assert [[2, 4]] == rank(vote, 2, under).nodes.tolist()


def test_branch_shares_are_looked_up_by_node() -> None:
    """Nodes nobody voted for and -1 have share 0."""
    vote = take_vote(similarities([0.5, 0.5]), labels([2, 3]), LINEAGE, temperature=0.1)
    np.testing.assert_allclose(branch_shares(vote, labels([0, 2, 4, -1])), [[1.0, 0.5, 0.0, 0.0]], atol=1e-6)


@pytest.mark.parametrize("found", [labels([-1, -1]), np.zeros((1, 0), np.int32)])
def test_without_voters_nothing_is_decided(found: np.ndarray) -> None:
    """Only unlabelled neighbours, or none at all, give an empty vote rather than an error."""
    vote = take_vote(np.zeros(found.shape, np.float32), found, LINEAGE, temperature=0.1)
    assert (1, 0) == vote.own.shape
    assert [[-1, -1]] == rank(vote, 2).nodes.tolist()
    assert [[-1]] == decide(vote, DEPTHS, 0.6).nodes.tolist()
    assert [[0.0]] == branch_shares(vote, labels([1])).tolist()


@given(
    npst.arrays(np.int32, (5, 7), elements=st.integers(-1, 4)),
    npst.arrays(np.float32, (5, 7), elements=st.floats(-1, 1, width=32)),
)
def test_shares_add_up(voted: np.ndarray, similarity: np.ndarray) -> None:
    """Own shares sum to 1 when anybody voted, as do the branches of the roots; no branch exceeds its root."""
    vote = take_vote(similarity, voted, LINEAGE, temperature=0.05)
    expected = (voted >= 0).any(axis=1).astype(np.float32)
    np.testing.assert_allclose(vote.own.sum(axis=1), expected, atol=1e-5)
    roots = np.isin(vote.nodes, [0, 4])
    np.testing.assert_allclose(vote.branch[:, roots].sum(axis=1), expected, atol=1e-5)
    roots_of = branch_shares(vote, np.broadcast_to(LINEAGE[vote.nodes, 0], (5, len(vote.nodes))))
    assert (vote.branch <= roots_of + 1e-5).all()
