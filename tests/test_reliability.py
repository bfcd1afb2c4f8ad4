"""service/calibration/reliability.py: how often a branch with this much of the vote is right."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.special import expit, logit

from service.calibration.reliability import WIDEST, Doubles, Mask, Nodes, Reliability, expected_error

LINEAGE = np.array([[0, -1], [0, 1], [0, 2], [3, -1], [3, 4]], np.int32)
"""A root with two leaves, and one with one."""


def answers(size: int, line: tuple[float, float], *, seed: int = 0) -> tuple[Doubles, Nodes, Mask, Doubles]:
    """Return answers of two levels whose log-odds of being right are line[0] + line[1] * log-odds of the mass."""
    rng = np.random.default_rng(seed)
    root = rng.uniform(0.3, 0.99, size)
    mass = np.column_stack([root, root * rng.uniform(0.5, 1, size)])
    nodes = LINEAGE[rng.choice([1, 2, 4], size)]
    luck = rng.random(size)[:, None]
    return mass, nodes, luck < expit(line[0] + line[1] * logit(mass)), np.ones(size)


def test_offsets_go_with_their_branches_to_another_tree() -> None:
    """By place; those of branches that are gone go, and the levels stay."""
    learnt = Reliability(((0.1, 1.0),), {0: 0.5, 2: -0.25, 3: 1.0})
    there = learnt.replanted(np.array([4, 1, -1, 0], np.int32))
    assert Reliability(((0.1, 1.0),), {4: 0.5, 0: 1.0}) == there


def test_what_learnt_nothing_gives_the_mass_back() -> None:
    """Within 0 and 1, never rising on the way down, 0 past a path's end."""
    mass = np.array([[0.7, 0.8], [1 + 1e-9, 0.2], [0.4, 0.4]])
    nodes = np.array([[0, 1], [0, 2], [3, -1]], np.int32)
    assert [[0.7, 0.7], [1.0, 0.2], [0.4, 0.0]] == Reliability().apply(mass, nodes).tolist()


def test_maps_and_offsets_are_applied_by_level_and_branch() -> None:
    """A mass of 0.8 has the odds 4: 4 by the line (0, 1), 2 by (0, 1/2), and e times as much in a branch at 1."""
    known = Reliability(((0.0, 1.0), (0.0, 0.5)), {2: 1.0, 7: -1.0})
    made = known.apply(np.full((2, 3), 0.8), np.array([[0, 1, -1], [0, 2, 9]], np.int32))
    e = np.e
    np.testing.assert_allclose(made, [[4 / 5, 2 / 3, 0], [4 / 5, min(4 / 5, 2 * e / (1 + 2 * e)), 2 / 3]])


@pytest.mark.parametrize("line", [(0.0, 1.0), (-1.0, 0.6), (0.5, 1.8)], ids=["honest", "boastful", "modest"])
def test_probabilities_hold(line: tuple[float, float]) -> None:
    """Whatever the mass said, of 4,000 new answers those at a probability are right that often, within 3 percent."""
    known = Reliability.fit(*answers(4_000, line, seed=1)[:3], LINEAGE, np.ones(4_000))
    mass, nodes, right, counted = answers(4_000, line, seed=2)
    likely = known.apply(mass, nodes)
    for level in range(2):
        assert expected_error(likely[:, level], right[:, level], counted) < 0.03
    np.testing.assert_allclose(known.levels, [line, line], atol=0.15)


def test_a_branch_that_is_right_less_often_learns_it() -> None:
    """A leaf that is right in half of its answers beside one that always is; both keep within WIDEST of their root."""
    mass, nodes, right, counted = answers(2_000, (0.0, 1.0), seed=3)
    right = np.where(nodes == 1, np.random.default_rng(4).random(nodes.shape) < 0.5, right | (nodes == 2))
    known = Reliability.fit(mass, nodes, right, LINEAGE, counted)
    assert known.offsets[1] < 0 < known.offsets[2]
    assert max(map(abs, known.offsets.values())) <= WIDEST
    likely = known.apply(mass, nodes)[:, 1]
    assert likely[nodes[:, 1] == 1].mean() == pytest.approx(0.5, abs=0.05)
    assert likely[nodes[:, 1] == 2].mean() > likely[nodes[:, 1] == 4].mean() + 0.1


def test_few_answers_change_little() -> None:
    """One wrong answer leaves a branch of 0.9 likelier than not; none moves nothing."""
    mass, nodes = np.array([[0.9, 0.8]]), np.array([[0, 1]], np.int32)
    known = Reliability.fit(mass, nodes, np.array([[False, False]]), LINEAGE, np.ones(1))
    assert 0.5 < known.apply(mass, nodes)[0, 0] < 0.9
    none = Reliability.fit(np.zeros((1, 2)), np.full((1, 2), -1), np.zeros((1, 2), np.bool_), LINEAGE, np.ones(1))
    assert (((0.0, 1.0), (0.0, 1.0)), {}) == (none.levels, dict(none.offsets))


def test_copies_count_as_one_answer() -> None:
    """Ten copies at a tenth of a voice teach what one answer does."""
    mass, nodes, right, counted = answers(50, (0.0, 1.0))
    once = Reliability.fit(mass, nodes, right, LINEAGE, counted)
    copies = np.repeat(np.arange(50), 10)
    again = Reliability.fit(mass[copies], nodes[copies], right[copies], LINEAGE, counted[copies] / 10)
    np.testing.assert_allclose(again.levels, once.levels, atol=1e-5)
    assert again.offsets == pytest.approx(once.offsets, abs=1e-3)


masses = arrays.arrays(np.float64, (6, 2), elements=st.floats(0, 1))


@given(masses, st.integers(0, 2**32 - 1))
def test_a_higher_mass_is_never_less_likely(mass: Doubles, seed: int) -> None:
    """Even where the higher masses were the wrong ones; and a node is never likelier than the one above it."""
    wrong, nodes, right, counted = answers(100, (0.0, -1.0), seed=seed)
    known = Reliability.fit(wrong, nodes, right, LINEAGE, counted)
    levels = np.sort(mass, axis=1)[:, ::-1]
    line = np.repeat(LINEAGE[[1]], 6, axis=0)
    order = np.argsort(levels[:, 0])
    likely = known.apply(levels, line)
    assert (np.diff(likely[order, 0]) >= 0).all()
    assert (likely[:, 1] <= likely[:, 0]).all()
    assert ((likely > 0) & (likely < 1)).all()


def test_it_is_read_back_from_what_json_holds() -> None:
    """Keys of an object are text there."""
    known = Reliability(((0.1, 1.0),), {3: -0.5})
    assert known == Reliability.read({"levels": [[0.1, 1]], "offsets": {"3": -0.5}})


def test_the_expected_error_is_the_mean_distance_over_bins() -> None:
    """Fifteen answers at 0.8 of which nine are right are 0.2 off; bins that err to both sides do not make up for it."""
    right = np.arange(15) < 9
    assert expected_error([0.8] * 15, [True] * 15, np.ones(15)) == pytest.approx(0.2)
    assert expected_error(np.full(1500, 0.8), np.tile(right, 100), np.ones(1500)) == pytest.approx(0.2, abs=0.02)
    likely = np.repeat([0.2, 0.8], [40, 20])
    assert expected_error(likely, likely < 0.5, np.ones(60)) == pytest.approx(0.8)
    assert expected_error([0.5, 0.9], [True, False], np.array([1.0, 0.0])) == pytest.approx(0.5)
