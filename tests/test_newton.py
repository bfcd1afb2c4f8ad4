"""service/newton.py: where a smooth convex function is least, beside closed forms and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from service.newton import Doubles, minimum

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(1, 7))
def test_a_quadratic_is_solved(seed: int, width: int) -> None:
    """(x - c) A (x - c) is least at c, wherever one starts."""
    rng = np.random.default_rng(seed)
    root, centre, start = rng.normal(size=(width, width)), rng.normal(size=width) * 10, rng.normal(size=width)
    curvature = root @ root.T + np.eye(width)

    def loss(at: Doubles) -> float:
        return float((at - centre) @ curvature @ (at - centre) / 2)

    found = minimum(start, loss, lambda at: (curvature @ (at - centre), curvature))
    np.testing.assert_allclose(found, centre, atol=1e-6)


@given(seeds)
def test_a_logistic_fit_is_scipy_s(seed: int) -> None:
    """Forty observations of three terms with a penalty: the same weights as BFGS finds."""
    rng = np.random.default_rng(seed)
    x, sign = rng.normal(size=(40, 3)) * 3, rng.choice([-1.0, 1.0], 40)

    def loss(at: Doubles) -> float:
        return float(np.logaddexp(0, -sign * (x @ at)).sum() + (at @ at) / 2)

    def slope(at: Doubles) -> Doubles:
        made: Doubles = -x.T @ (sign / (1 + np.exp(sign * (x @ at)))) + at
        return made

    def bends(at: Doubles) -> tuple[Doubles, Doubles]:
        likely = 1 / (1 + np.exp(-(x @ at)))
        return slope(at), (x * (likely * (1 - likely))[:, None]).T @ x + np.eye(3)

    expected = minimize(loss, np.zeros(3), jac=slope, method="BFGS", options={"gtol": 1e-9}).x
    np.testing.assert_allclose(minimum(np.zeros(3), loss, bends), expected, atol=1e-3)


@pytest.mark.parametrize("start", [3.0, -8.0])
def test_a_step_that_overshoots_is_halved(start: float) -> None:
    """Newton's whole steps for log(cosh(x)) fly apart from anywhere beyond 1.09; these come down to 0."""

    def loss(at: Doubles) -> float:
        return float(np.logaddexp(at[0], -at[0]))

    def bends(at: Doubles) -> tuple[Doubles, Doubles]:
        return np.tanh(at), np.array([[1 / np.cosh(at[0]) ** 2]])

    assert minimum(np.array([start]), loss, bends) == pytest.approx(0, abs=1e-3)


def test_who_stands_at_the_minimum_stays() -> None:
    """Nothing to learn leaves the prior as it is, and the start is not written to."""
    start = np.array([2.0, -1.0])
    found = minimum(
        start, lambda at: float(((at - [2, -1]) ** 2).sum()), lambda at: (2 * (at - [2, -1]), 2 * np.eye(2))
    )
    assert [2.0, -1.0] == found.tolist() == start.tolist()
    assert found is not start
