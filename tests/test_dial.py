"""service/calibration/dial.py: from the precision asked for to the probability that an answer needs."""

from collections.abc import Callable
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from service.calibration.dial import FIRST, LEVEL, Curve, Doubles, chance

ONE_EACH = np.ones(4)


def curve(*steps: tuple[float, float, float], total: float = 1000) -> Curve:
    """Return a curve of (threshold, answered, right) steps."""
    thresholds, answered, right = zip(*steps, strict=True)
    return Curve(thresholds, answered, right, total)


@given(st.integers(0, 300), st.integers(0, 300), st.floats(0.5, 0.999))
def test_the_chance_is_the_upper_tail_of_the_binomial_distribution(answered: int, right: int, precision: float) -> None:
    """As scipy has it: right or more of those answered."""
    right = min(right, answered)
    np.testing.assert_allclose(chance(answered, right, precision), binom.sf(right - 1, answered, precision), atol=1e-9)


def test_parts_of_a_voice_are_rounded_against_the_threshold() -> None:
    """Of 10.4 answered and 10.2 right voices the test sees 11 and 10; what adding up loses is no part."""
    assert chance(10.4, 10.2, 0.8) == chance(11, 10, 0.8)
    assert chance(10 + 1e-9, 10 - 1e-9, 0.8) == chance(10, 10, 0.8) == pytest.approx(0.8**10)


def test_a_curve_counts_the_deepest_level_that_reaches_each_threshold() -> None:
    """Four answers of two levels: at 0.9 one leaf is given, at 0.5 two leaves and a wrong root."""
    levels = np.array([[0.99, 0.95], [0.9, 0.6], [0.5, 0.2], [0.3, 0.0]])
    right = np.array([[True, True], [True, False], [False, False], [True, False]])
    made = Curve.of(levels, right, ONE_EACH)
    assert (0.99, 0.95, 0.9, 0.6, 0.5, 0.3, 0.2) == made.thresholds
    assert (1, 1, 2, 2, 3, 4, 4) == made.answered
    assert (1, 1, 2, 1, 1, 2, 2) == made.right
    assert 4 == made.total


def test_copies_share_a_voice_in_a_curve() -> None:
    """What counts half is answered and right by half."""
    made = Curve.of(np.array([[0.9], [0.9], [0.8]]), np.array([[True], [True], [False]]), np.array([0.5, 0.5, 1]))
    assert ((0.9, 0.8), (1.0, 2.0), (1.0, 1.0), 2.0) == (made.thresholds, made.answered, made.right, made.total)


def test_a_level_past_the_end_of_a_path_is_never_the_answer() -> None:
    """A probability so low that its threshold is 0 answers with its own level, not with the padding below it."""
    made = Curve.of(np.array([[1e-8, 0.0], [0.5, 0.0]]), np.array([[True, False], [True, False]]), np.ones(2))
    assert ((0.5, 0.0), (1.0, 2.0), (1.0, 2.0)) == (made.thresholds, made.answered, made.right)


def test_coverage_is_the_share_that_a_threshold_answers() -> None:
    """Between two thresholds that of the higher one; above all of them nothing."""
    made = curve((0.9, 200, 190), (0.5, 600, 500))
    assert [0.0, 0.2, 0.2, 0.6, 0.6] == [made.coverage(threshold) for threshold in (0.95, 0.9, 0.6, 0.5, 0.1)]
    assert 0.0 == Curve((), (), (), 0).coverage(0.5)


def test_the_lowest_threshold_before_the_first_failure_is_taken() -> None:
    """100 of 100 and 294 of 300 pass a test for 0.9; 360 of 400 does not, and what lies below is not looked at."""
    made = curve((0.9, 100, 100), (0.8, 300, 294), (0.7, 400, 360), (0.6, 800, 799))
    assert chance(400, 360, 0.9) > LEVEL
    assert 0.8 == made.threshold(0.9)


def test_the_surest_few_may_be_unlucky() -> None:
    """A first threshold is looked for further down while few were answered, and has to pass the harder test."""
    least = 16  # answers that are all right by chance at 0.9 in one of five cases
    assert 0.9 ** (least - 1) > LEVEL >= 0.9**least
    unlucky = (0.99, 2 * least, 28)
    assert 0.9 == curve(unlucky, (0.9, 100, 99)).threshold(0.9)
    assert FIRST < chance(100, 93, 0.9) < LEVEL + 0.02
    assert None is curve(unlucky, (0.9, 100, 93)).threshold(0.9)
    assert None is curve((0.99, 20 * least, 280), (0.9, 1000, 999)).threshold(0.9)


def test_too_few_answers_say_nothing() -> None:
    """31 of 31 could not be told from 0.9 often enough, 32 of 32 can."""
    assert None is curve((0.9, 31, 31)).threshold(0.9)
    assert 0.9 == curve((0.9, 32, 32)).threshold(0.9)
    assert None is Curve((), (), (), 0).threshold(0.9)


def test_a_curve_is_read_back_from_what_json_holds() -> None:
    """Lists become tuples and whole numbers fractions."""
    said = {"thresholds": [0.9, 0.5], "answered": [2, 3], "right": [2, 2], "total": 4}
    assert Curve((0.9, 0.5), (2.0, 3.0), (2.0, 2.0), 4.0) == Curve.read(said)


Truth = Callable[[Doubles], Doubles]
"""How often answers with these probabilities are right."""


@pytest.mark.parametrize(
    ("truth", "precision"),
    [
        (lambda said: said, 0.9),
        (lambda said: said**2, 0.8),
        (lambda said: np.full_like(said, 0.9 - 1e-4), 0.9),
        (lambda said: np.where(said > 0.9, 0.7, 0.85), 0.8),
    ],
    ids=["calibrated", "boastful", "never so precise", "surest are worst"],
)
def test_a_threshold_holds_what_it_promises_as_often_as_it_says(truth: Truth, precision: float) -> None:
    """Of 100 catalogues of 300 products at most LEVEL get a threshold whose answers are truly less often right."""
    rng, broken = np.random.default_rng(5), 0
    every = np.random.default_rng(6).beta(4, 1, 20_000)
    for _ in range(100):
        said = rng.beta(4, 1, 300)
        made = Curve.of(said[:, None], (rng.random(300) < truth(said))[:, None], np.ones(300))
        threshold = made.threshold(precision)
        sure = every >= (inf if threshold is None else threshold)
        broken += bool(sure.any() and truth(every[sure]).mean() < precision - 1e-5)
    assert broken / 100 <= LEVEL
