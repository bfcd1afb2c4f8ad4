"""service/calibration/calibrate.py: evidence to probabilities that hold, by hand and on catalogues that are drawn."""

import json
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.calibration.calibrate import ENOUGH, FLOOR, NOVEL, Calibration, Told, calibrate
from service.calibration.dial import Curve, Policy
from service.calibration.reliability import Reliability
from service.decision import AUTO, decide
from service.tags.rules import TagRule, TagRules
from service.vote.mixture import PRIOR, Evidence, mixed, prior
from taxonomy.tree import Tree

TREE = Tree.from_paths([("A", "B"), ("A", "C"), ("D", "E"), ("F",)])
A, B, C, D, E, F = range(6)
PLAIN = Calibration(weights=(1.0, 0, 0, 0, 0, 0, 0))
"""Says what the voices say: a category with the voice log p has the share p."""


def shared(*questions: Mapping[int, float]) -> Evidence:
    """Return evidence in which these categories have these shares, in this order."""
    wide = max(map(len, questions))
    nodes, voices = np.full((len(questions), wide), -1, np.int32), np.zeros((len(questions), wide), np.float32)
    for row, question in enumerate(questions):
        nodes[row, : len(question)] = list(question)
        voices[row, : len(question)] = np.log(list(question.values()))
    nothing = np.zeros_like(voices)[..., None]
    return Evidence(nodes, voices[..., None], nothing, nothing, nothing)


def test_masses_add_up_to_the_root() -> None:
    """B has 0.5 and C 0.2 of A's 0.7; the likeliest comes first, then the others by their share."""
    found = PLAIN.apply(shared({C: 0.2, B: 0.5, E: 0.3}), TREE.lineage)
    assert ([[A, B]], [[B, E, C]]) == (found.line.tolist(), found.nodes.tolist())
    np.testing.assert_allclose(found.levels, [[0.7, 0.5]], atol=1e-6)
    np.testing.assert_allclose(found.own, [[0.5, 0.3, 0.2]], atol=1e-6)


def test_a_leaf_never_contradicts_its_branch() -> None:
    """E is the likeliest by itself, but A has more than half: so the answer is A's likeliest, named before E."""
    found = PLAIN.apply(shared({E: 0.42, C: 0.28, B: 0.3}), TREE.lineage)
    assert ([[A, B]], [[B, E, C]]) == (found.line.tolist(), found.nodes.tolist())
    np.testing.assert_allclose(found.levels, [[0.58, 0.3]], atol=1e-6)
    without_half = PLAIN.apply(shared({E: 0.52, C: 0.2, B: 0.28}), TREE.lineage)
    assert [[D, E]] == without_half.line.tolist()


def test_a_category_above_others_has_what_is_its_own() -> None:
    """A itself 0.6 and B 0.1: the branch has 0.7, the category 0.6 of it."""
    found = PLAIN.apply(shared({A: 0.6, B: 0.1, F: 0.3}), TREE.lineage)
    assert ([[A, -1]], [[A, F, B]]) == (found.line.tolist(), found.nodes.tolist())
    np.testing.assert_allclose(found.levels, [[0.7, 0]], atol=1e-6)
    np.testing.assert_allclose(found.own, [[0.6, 0.3, 0.1]], atol=1e-6)


def test_what_a_mass_is_worth_changes_the_first_and_what_is_left() -> None:
    """Odds of 4 and 1 become 2 and 1/2; of the rest, 1 - 1/3, the others have what they had of theirs."""
    half = Reliability(((-np.log(2), 1.0), (-np.log(2), 1.0)))
    known = Calibration(weights=PLAIN.weights, reliability=half)
    found = known.apply(shared({B: 0.5, C: 0.3, E: 0.2}), TREE.lineage)
    np.testing.assert_allclose(found.levels, [[2 / 3, 1 / 3]], atol=1e-6)
    np.testing.assert_allclose(found.own, [[1 / 3, 2 / 3 * 0.6, 2 / 3 * 0.4]], atol=1e-6)


def test_questions_without_candidates_have_no_path() -> None:
    """Beside others, alone, and where there is no room for any."""
    found = PLAIN.apply(shared({}, {F: 1.0}), TREE.lineage)
    assert ([[-1, -1], [F, -1]], [[0.0, 0.0], [1.0, 0.0]]) == (found.line.tolist(), found.levels.tolist())
    nobody = PLAIN.apply(shared({}, {}), TREE.lineage)
    assert ((2, 0), [[-1, -1]] * 2, [[0.0, 0.0]] * 2) == (
        nobody.nodes.shape,
        nobody.line.tolist(),
        nobody.levels.tolist(),
    )


@given(st.lists(st.dictionaries(st.sampled_from([A, B, C, D, E, F]), st.floats(0.01, 1), min_size=1), min_size=1))
def test_probabilities_are_consistent(questions: list[dict[int, float]]) -> None:
    """Each in 0 to 1, all candidates 1 together, never rising on the way down, the first one's that of its path."""
    evidence = shared(*questions)
    found = PLAIN.apply(evidence, TREE.lineage)
    np.testing.assert_allclose(found.own.sum(axis=1), 1, atol=1e-5)
    assert ((found.own >= 0) & (found.own <= 1 + 1e-6)).all()
    assert (np.diff(found.levels, axis=1) <= 1e-6).all()
    for row, question in enumerate(questions):
        first = int(found.nodes[row, 0])
        ends = int((found.line[row] >= 0).sum()) - 1
        assert first == found.line[row, ends]
        under = [share for node, share in question.items() if first in TREE.lineage[node]]
        assert found.levels[row, ends] == pytest.approx(sum(under) / sum(question.values()), abs=1e-5)
        assert set(question) == set(found.nodes[row, : len(question)].tolist())


def drawn(seed: int, size: int, *, sure: float = 1.0) -> Told:
    """Return questions with four candidates, whose truth follows the prior's probabilities to the power of `sure`."""
    rng = np.random.default_rng(seed)
    nodes = np.array([rng.permutation([B, C, E, F]) for _ in range(size)], np.int32)
    voices = rng.dirichlet([0.4] * 4, size).astype(np.float32)
    prototype = (voices + rng.normal(0, 0.2, voices.shape)).clip(-1, 1).astype(np.float32)
    said = voices, prototype, np.full_like(voices, 9), np.zeros_like(voices)
    evidence = Evidence(nodes, *(each[..., None] for each in said))
    share = mixed(evidence, np.array(PRIOR)) ** sure
    luck = rng.random((size, 1)) * share.sum(axis=1, keepdims=True)
    truth = nodes[np.arange(size), (share.cumsum(axis=1) < luck).sum(axis=1)]
    return Told(evidence, truth, rng.random(size).astype(np.float32), np.ones(size))


NONE = drawn(0, 1)[np.array([False])]


@pytest.mark.parametrize("sure", [1.0, 0.4], ids=["as the prior says", "half as sure"])
def test_what_was_learnt_holds_for_new_questions(sure: float) -> None:
    """Of 3,000 new questions those at a probability are right that often; the accuracy is that of the old ones."""
    made = calibrate(drawn(1, 2_000, sure=sure), NONE, TREE.lineage, chosen=Calibration(50, 4.0))
    assert (50, 4.0, 2_000) == (made.neighbours, made.words, made.observations)
    new = drawn(2, 3_000, sure=sure)
    found = made.apply(new.evidence, TREE.lineage)
    right = found.nodes[:, 0] == new.truth
    assert made.accuracy == pytest.approx(right.mean(), abs=0.03)
    order = np.argsort(found.own[:, 0])
    gaps = [abs(found.own[some, 0].mean() - right[some].mean()) for some in np.array_split(order, 10)]
    assert np.mean(gaps) < 0.03
    assert made.error[1] < 0.04


def test_curves_are_what_unseen_questions_would_have_got() -> None:
    """At the threshold for 0.9 new questions are answered as often as the curve says, and nine in ten rightly."""
    made = calibrate(drawn(3, 2_000), NONE, TREE.lineage, chosen=Calibration())
    new = drawn(4, 4_000)
    found = made.apply(new.evidence, TREE.lineage)
    threshold = made.curves["leaf"].threshold(0.9)
    assert threshold is not None
    sure = found.own[:, 0] >= threshold
    assert made.curves["leaf"].coverage(threshold) == pytest.approx(sure.mean(), abs=0.03)
    assert (found.nodes[sure, 0] == new.truth[sure]).mean() > 0.89
    branch = made.curves["auto"].threshold(0.9)
    assert branch is not None
    deep = (found.levels >= branch).sum(axis=1) - 1
    told = np.flatnonzero(deep >= 0)
    right = found.line[told, deep[told]] == TREE.lineage[new.truth[told], deep[told]]
    assert made.curves["auto"].coverage(branch) == pytest.approx(len(told) / 4_000, abs=0.03)
    assert right.mean() > 0.89
    assert len(told) > sure.sum()


def test_evidence_that_says_nothing_is_worth_nothing() -> None:
    """Truths drawn by lot: no probability stays high, and no threshold is found."""
    told = drawn(5, 600, sure=0.0)
    made = calibrate(told, NONE, TREE.lineage, chosen=Calibration())
    assert made.accuracy == pytest.approx(0.25, abs=0.06)
    assert made.apply(told.evidence, TREE.lineage).own[:, 0].max() < 0.5
    assert None is made.curves["leaf"].threshold(0.6)


def test_copies_are_one_question() -> None:
    """Ten wrong copies of one question at a tenth each are as bad as one."""
    told = drawn(6, 200)
    every = np.arange(200)
    copies = np.concatenate([every, np.repeat(every[:1], 9)])
    counted = np.ones(209)
    counted[[0, *range(200, 209)]] = 0.1
    evidence = Evidence(told.evidence.nodes[copies], *(each[copies] for each in told.evidence.said))
    many = Told(evidence, told.truth[copies], told.nearest[copies], counted)
    once, often = (calibrate(each, NONE, TREE.lineage, chosen=Calibration()) for each in (told, many))
    np.testing.assert_allclose(often.weights, once.weights, atol=1e-6)
    assert often.accuracy == pytest.approx(once.accuracy, abs=0.006)
    assert often.curves["leaf"].total == pytest.approx(200)


def test_newcomers_teach_the_mixture_alone() -> None:
    """They are asked about otherwise than anybody will be, so neither curves nor figures count them."""
    told, new = drawn(7, 150), drawn(8, 150, sure=0.0)
    alone, beside = (calibrate(told, each, TREE.lineage, chosen=Calibration()) for each in (NONE, new))
    assert alone.weights != beside.weights
    assert (150, 150.0) == (beside.observations, beside.curves["leaf"].total)


@pytest.mark.parametrize("size", [0, 1, 2, ENOUGH - 1])
def test_few_questions_give_no_curve(size: int) -> None:
    """Nor a floor of novelty; none leaves what was chosen."""
    told = drawn(9, 200)[np.arange(200) < size]
    made = calibrate(told, NONE, TREE.lineage, chosen=Calibration(200))
    assert (200, size, {}, FLOOR) == (made.neighbours, made.observations, made.curves, made.floor)
    assert (made == Calibration(200)) == (size == 0)


def test_the_floor_calls_few_of_its_own_products_novel() -> None:
    """NOVEL of them, by the similarity of their nearest neighbour."""
    told = drawn(10, 1_000)
    made = calibrate(told, NONE, TREE.lineage, chosen=Calibration())
    assert NOVEL * 1_000 == (told.nearest < made.floor).sum()


def test_batches_and_masks() -> None:
    """Joined in order, cut by a mask, and counting more or less."""
    first, second = drawn(11, 3), drawn(12, 2)
    every = Told.joined([first, second])
    assert [*first.truth.tolist(), *second.truth.tolist()] == every.truth.tolist()
    assert second.evidence.voices.tolist() == every[np.arange(5) > 2].evidence.voices.tolist()
    assert [0.5] * 5 == every.counting(0.5).counted.tolist()
    assert [1.0, 0.5] == second.counting(np.array([1.0, 0.5])).counted.tolist()
    assert (5, 0) == (len(every), len(NONE))


KNOWN = Calibration(
    neighbours=50,
    words=4.0,
    weights=(1.0, 2, 3, 4, 5, 6, 7),
    reliability=Reliability(((0.1, 1.0),), {3: -0.5}),
    curves={"auto": Curve((0.9,), (5.0,), (4.0,), 6.0)},
    floor=0.3,
    observations=7,
    accuracy=0.8,
    error=(0.1, 0.05),
    tags=TagRules(tags={"red": TagRule((-1.0, 0.0, 1.0, 2.0), 0.3)}, conflicts=(("red", "blue", 2.5),), observations=3),
)


def test_a_calibration_is_read_back_from_its_text() -> None:
    """All of it, in tuples as it was."""
    assert KNOWN == Calibration.from_json(KNOWN.to_json())
    assert Calibration() == Calibration.from_json(Calibration().to_json())


PICTURED = replace(KNOWN, weights=prior(2), pattern=("text", "image"), views=("text", "image"))
BY_TEXT = replace(KNOWN, pattern=("text",), views=("text",), observations=ENOUGH, tags=TagRules())
BY_IMAGE = replace(PICTURED, pattern=("image",), views=("text", "image"), observations=ENOUGH, tags=TagRules())
EVERY = replace(PICTURED, others={"text": BY_TEXT, "image": BY_IMAGE})


def test_each_kind_of_question_has_its_calibration() -> None:
    """That of its views; that of an index with one view, which names none, is of all questions."""
    assert EVERY is EVERY.of(("text", "image"))
    assert BY_TEXT is EVERY.of(("text",))
    assert BY_IMAGE is EVERY.of(("image",))
    assert KNOWN is KNOWN.of(("text",))


def test_what_was_learnt_of_every_kind_is_read_back_from_its_text() -> None:
    """The others as whole as the first."""
    made = Calibration.from_json(EVERY.to_json())
    assert EVERY == made
    assert (BY_TEXT, BY_IMAGE) == (made.of(("text",)), made.of(("image",)))


@pytest.mark.parametrize(
    ("asked", "of", "sure"), [(1, 60, False), (60, 60, True), (99, 9_000, False), (100, 9_000, True)]
)
def test_a_kind_of_question_that_hardly_any_could_be_asked_is_never_sure(asked: int, of: int, sure: bool) -> None:
    """One photo among titles tells nothing of photos: the first answer that it gives is not taken for certain."""
    few = replace(Calibration(), pattern=("image",), observations=asked)
    known = replace(Calibration(), pattern=("text",), observations=of, others={"image": few}).of(("image",))
    found = PLAIN.apply(shared({B: 1.0}), TREE.lineage)
    decided = decide(found, np.ones(1, np.float32), known, precision=0.8, policy="auto")
    assert ([B], sure) == (decided.node.tolist(), decided.kind.tolist() == [AUTO])


@pytest.mark.parametrize("precision", [0.5, 0.8, 0.95, 0.99])
@pytest.mark.parametrize("policy", ["auto", "leaf", "coverage"])
def test_a_kind_of_question_that_nobody_could_be_asked_is_never_sure(precision: float, policy: Policy) -> None:
    """However likely the answer; the settings of the vote are those of the rest, and no thresholds are known."""
    untested = replace(PICTURED, others={"text": BY_TEXT}).of(("image",))
    assert (50, 4.0, ("image",), ()) == (untested.neighbours, untested.words, untested.pattern, untested.views)
    assert (0, PRIOR, FLOOR) == (untested.observations, untested.weights, untested.floor)
    found = PLAIN.apply(shared({B: 1.0}, {B: 0.7, C: 0.3}), TREE.lineage)
    decided = decide(found, np.ones(2, np.float32), untested, precision=precision, policy=policy)
    assert AUTO not in decided.kind
    assert [B, B] == decided.node.tolist()
    assert AUTO in decide(found, np.ones(2, np.float32), Calibration(), precision=precision, policy=policy).kind


def test_evidence_of_another_number_of_views_is_mixed_as_nobody_has_learnt_yet() -> None:
    """As where a view joined since: by the prior of so many, not by weights that were learnt for others."""
    one = drawn(13, 4).evidence
    two = Evidence(one.nodes, *(np.repeat(each, 2, axis=2) for each in one.said))
    np.testing.assert_allclose(
        replace(KNOWN, reliability=Reliability()).apply(two, TREE.lineage).own,
        Calibration(weights=prior(2)).apply(two, TREE.lineage).own,
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 0}, "it was written by another version"),
        ({"weights": [1.0]}, "has weights"),
        ({"weights": [float("nan")] * 7}, "has weights"),
        ({"weights": "many"}, "cannot be read"),
        ({"curves": {"auto": {}}}, "cannot be read"),
        ({"reliability": []}, "cannot be read"),
        ({"tags": {}}, "cannot be read"),
        ({"further": 1}, "cannot be read"),
        ({"pattern": None}, "cannot be read"),
        ({"others": []}, "cannot be read"),
        ({"others": {"text": {}}}, "cannot be read"),
        ({"others": {"text": json.loads(KNOWN.to_json()) | {"weights": [1.0]}}}, "has weights"),
    ],
)
def test_what_is_no_calibration_is_refused(change: dict[str, object], reason: str) -> None:
    """The remedy is to calibrate again."""
    text = json.dumps({**json.loads(KNOWN.to_json()), **change})
    with pytest.raises(ValueError, match=rf"this calibration .*{reason}.*; calibrate the index again"):
        Calibration.from_json(text)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"', "{}"])
def test_text_that_is_no_calibration_is_refused(text: str) -> None:
    """Whatever it is."""
    with pytest.raises(ValueError, match="this calibration cannot be read"):
        Calibration.from_json(text)
