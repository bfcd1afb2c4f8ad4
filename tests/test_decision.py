"""service/decision.py: how deep an answer dares to go, on questions whose probabilities are given."""

import numpy as np
import pytest

from service.calibration.calibrate import Calibration, Probabilities
from service.calibration.dial import UNCALIBRATED, Curve, Policy
from service.decision import KINDS, Decided, Decision, decide, reason, threshold

CALIBRATION = Calibration(
    curves={
        "auto": Curve((0.8, 0.6), (500, 800), (499, 640), 1000),
        "leaf": Curve((0.9, 0.7), (400, 700), (399, 560), 1000),
    },
    floor=0.3,
)
"""A precision of 0.95 asks for 0.8 of a branch and 0.9 of a leaf; nothing is known to reach 0.999."""


def thought(*levels: tuple[float, ...]) -> Probabilities:
    """Return questions whose likeliest paths, from node 10 of the first downwards, have these probabilities.

    The last is that of the category itself, which is a leaf.
    """
    depth = max(map(len, levels))
    line = np.full((len(levels), depth), -1, np.int32)
    likely = np.zeros((len(levels), depth), np.float32)
    for row, each in enumerate(levels):
        line[row, : len(each)] = 10 * (row + 1) + np.arange(len(each))
        likely[row, : len(each)] = each
    ends = np.array([max(0, len(each) - 1) for each in levels])[:, None]
    nodes, own = np.take_along_axis(line, ends, axis=1), np.take_along_axis(likely, ends, axis=1)
    return Probabilities(nodes, own, line, likely)


def decided(found: Probabilities, policy: Policy = "auto", *, precision: float = 0.95, nearest: float = 0.9) -> Decided:
    """Decide on questions whose nearest neighbours all have the similarity `nearest`."""
    near = np.full(len(found.line), nearest, np.float32)
    return decide(found, near, CALIBRATION, precision=precision, policy=policy)


def kinds(made: Decided) -> list[Decision]:
    """Return the decisions by name."""
    return [KINDS[kind] for kind in made.kind.tolist()]


@pytest.mark.parametrize(
    ("policy", "levels", "kind", "depth"),
    [
        ("auto", (0.99, 0.95, 0.85), "auto", 2),
        ("auto", (0.99, 0.95, 0.79), "auto", 1),
        ("auto", (0.79, 0.6, 0.4), "suggest", 1),
        ("auto", (0.49, 0.4, 0.3), "abstain", -1),
        ("leaf", (0.99, 0.95, 0.91), "auto", 2),
        ("leaf", (0.99, 0.95, 0.89), "suggest", 2),
        ("leaf", (0.2, 0.1), "suggest", 1),
        ("coverage", (0.99, 0.95, 0.79), "auto", 1),
        ("coverage", (0.79, 0.6, 0.4), "suggest", 1),
        ("coverage", (0.49, 0.4, 0.3), "suggest", 0),
    ],
)
def test_each_policy_goes_as_deep_as_it_dares(
    policy: Policy, levels: tuple[float, ...], kind: Decision, depth: int
) -> None:
    """auto: to where it is sure, else likelier than not; leaf: to the leaf; coverage: as auto, but to the root."""
    made = decided(thought(levels), policy)
    likely = levels[depth] if depth >= 0 else 0.0
    assert ([kind], [10 + depth if depth >= 0 else -1]) == (kinds(made), made.node.tolist())
    np.testing.assert_allclose(made.likely, [likely], atol=1e-6)


def test_questions_are_decided_one_by_one() -> None:
    """Paths of different length, beside one that nobody spoke for."""
    made = decided(thought((0.9,), (), (0.85, 0.8, 0.7)))
    assert (["auto", "abstain", "auto"], [10, -1, 31]) == (kinds(made), made.node.tolist())
    assert [False, False, False] == made.novel.tolist()


@pytest.mark.parametrize(("policy", "kind"), [("auto", "abstain"), ("leaf", "suggest"), ("coverage", "suggest")])
def test_far_from_everything_known_nothing_is_sure(policy: Policy, kind: Decision) -> None:
    """However likely; policies that must answer only suggest."""
    made = decided(thought((0.99, 0.98)), policy, nearest=0.29)
    assert ([kind], [True]) == (kinds(made), made.novel.tolist())
    assert made.node.tolist() == ([-1] if kind == "abstain" else [11])
    assert [False] == decided(thought((0.99, 0.98)), policy, nearest=0.3).novel.tolist()


@pytest.mark.parametrize("policy", ["auto", "leaf", "coverage"])
def test_without_a_candidate_every_policy_abstains(policy: Policy) -> None:
    """There is nothing to name, and that is not called novel."""
    made = decided(thought((0.9,), ()), policy, nearest=-1)
    assert ("abstain", -1, 0.0, False) == (kinds(made)[1], made.node[1], made.likely[1], made.novel[1])


@pytest.mark.parametrize("policy", ["auto", "leaf", "coverage"])
def test_a_precision_that_no_threshold_is_known_to_reach_is_never_auto(policy: Policy) -> None:
    """Certainty itself is a suggestion then."""
    made = decided(thought((1.0, 1.0)), policy, precision=0.999)
    assert (["suggest"], None) == (kinds(made), made.threshold)


def test_each_policy_has_its_own_threshold() -> None:
    """The leaf's is read off the curve of leaves; coverage answers as auto does."""
    asked: list[Policy] = ["auto", "coverage", "leaf"]
    assert [0.8, 0.8, 0.9] == [threshold(CALIBRATION, 0.95, policy) for policy in asked]


def test_an_index_that_was_never_calibrated_is_taken_at_its_word() -> None:
    """A probability must reach UNCALIBRATED, and the precision that is asked for."""
    assert [UNCALIBRATED, 0.95, 0.99] == [
        threshold(Calibration(), precision, "auto") for precision in (0.8, 0.95, 0.99)
    ]


@pytest.mark.parametrize(
    ("found", "policy", "precision", "nearest", "said"),
    [
        (
            thought((0.95, 0.9)),
            "auto",
            0.95,
            0.9,
            "right with probability 0.90; a precision of 0.95 asks for 0.80",
        ),
        (thought((0.7, 0.6)), "auto", 0.95, 0.9, "right with probability 0.60; a precision of 0.95 asks for 0.80"),
        (
            thought((0.7,)),
            "auto",
            0.999,
            0.9,
            "right with probability 0.70; no threshold of this index is known to reach 0.999",
        ),
        (thought((0.4,)), "auto", 0.95, 0.9, "no category is likelier than not: the best root has probability 0.40"),
        (
            thought((0.9,)),
            "leaf",
            0.95,
            0.1,
            "far from everything known: the nearest labelled product has similarity 0.10",
        ),
    ],
)
def test_a_decision_says_why(found: Probabilities, policy: Policy, precision: float, nearest: float, said: str) -> None:
    """One sentence with the numbers that it rests on."""
    made = decided(found, policy, precision=precision, nearest=nearest)
    assert said == reason(made, found, 0, precision=precision, nearest=nearest)
