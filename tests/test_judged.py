"""service/evaluation/judged.py: an index's thoughts beside the truth, in one tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest

from indexer.product import Product
from service.answer import TagScore
from service.calibration.calibrate import Calibration, Probabilities
from service.decision import ABSTAIN, AUTO, SUGGEST, decide
from service.evaluation.judged import DIAL, TOP, Judged
from service.hearing import Thought
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

Judge = Callable[..., Judged]

ASKED = Tree.from_paths([("Home", "Pans"), ("Home", "Cups"), ("Pets",)])
"""Positions: Home 0, Pans 1, Cups 2, Pets 3."""
WHOLE = Tree.from_paths([("Pets",), ("Garden", "Tools", "Rakes"), ("Home", "Cups"), ("Home", "Pans")])
"""Positions: Pets 0, Garden 1, Tools 2, Rakes 3, Home 4, Cups 5, Pans 6."""
PRODUCTS = [
    Product("p", "A pan", category="Home > Pans", tags=("STEEL", "sale")),
    Product("r", "A rake", category="Garden > Tools > Rakes"),
    Product("n", "A thing"),
]


@pytest.fixture
def judged() -> Judged:
    """Return what an index thought of PRODUCTS: surely a pan, perhaps a cup, nothing."""
    likely = Probabilities(
        nodes=np.array([[1, 2, 3], [2, 1, -1], [-1, -1, -1]], np.int32),
        own=np.array([[0.93, 0.05, 0.01], [0.55, 0.3, 0], [0, 0, 0]], np.float32),
        line=np.array([[0, 1], [0, 2], [-1, -1]], np.int32),
        levels=np.array([[0.99, 0.93], [0.85, 0.55], [0, 0]], np.float32),
    )
    nearest = np.array([0.9, 0.8, -1], np.float32)
    calibration = Calibration(floor=0.1)
    decided = decide(likely, nearest, calibration, precision=0.9, policy="auto")
    tags = [[TagScore("steel", 0.8, "text")], [], []]
    vocabulary = Vocabulary.from_tags(["steel"], exclusions=["sale"])
    return Judged.of(
        PRODUCTS,
        Thought(likely, nearest, decided, 0.9, tags, calibration),
        np.eye(3, dtype=np.float32),
        ASKED,
        vocabulary=vocabulary,
        tree=WHOLE,
        fold=2,
    )


def test_what_an_index_thought_is_told_in_the_tree_of_the_judge(judged: Judged) -> None:
    """Positions of its own tree become those of the whole one; what is not there stays -1."""
    assert judged.nodes.tolist() == [[6, 5, 0, -1, -1], [5, 6, -1, -1, -1], [-1] * TOP]
    expected = np.array([[0.93, 0.05, 0.01, 0, 0], [0.55, 0.3, 0, 0, 0], [0, 0, 0, 0, 0]], np.float32)
    assert judged.likely.tolist() == expected.tolist()
    assert judged.line.tolist() == [[4, 6, -1], [4, 5, -1], [-1, -1, -1]]
    assert judged.levels[:, 2].tolist() == [0, 0, 0]
    assert judged.decided.tolist() == [6, 5, -1]
    assert judged.kind.tolist() == [AUTO, SUGGEST, ABSTAIN]


def test_labels_are_found_in_the_tree_of_the_judge(judged: Judged) -> None:
    """A category that the index lacks was not taught; a product without one has no truth."""
    assert judged.truth.tolist() == [6, 3, -1]
    assert judged.taught.tolist() == [True, False, False]
    assert judged.labelled.tolist() == [True, True, False]


def test_tags_are_those_of_the_vocabulary(judged: Judged) -> None:
    """Spelt as it does, those left out that it excludes."""
    assert judged.tags == [("steel",), (), ()]
    assert judged.given == [{"steel": 0.8}, {}, {}]


def test_every_precision_of_the_dial_is_decided_upon(judged: Judged) -> None:
    """Uncalibrated, a precision is asked of the probability, and 0.9 at least: of the pan, and then of its branch."""
    assert DIAL == (0.8, 0.9, 0.95, 0.98, 0.99)
    assert judged.dial.tolist() == [[6, 6, 4, 4, 4], [-1] * 5, [-1] * 5]


def test_who_was_asked_is_kept(judged: Judged) -> None:
    """With where it lies and which index was asked."""
    assert (judged.ids, judged.titles, judged.paths[0]) == (
        ["p", "r", "n"],
        ["A pan", "A rake", "A thing"],
        "Home > Pans",
    )
    assert judged.fold.tolist() == [2, 2, 2]
    assert len(judged) == 3


def test_exact_and_right_at_each_level(judge: Judge) -> None:
    """A level is right when it is on the label's path, whatever stands below."""
    judged = judge(
        {"label": "A > B > C", "answer": "A > B > C"},
        {"label": "A > B > C", "answer": "A > B > D"},
        {"label": "A > B", "answer": "A > B > C"},
        {"label": "A", "answer": "E"},
        {"label": "", "answer": "A"},
    )
    assert judged.exact.tolist() == [True, False, False, False, False]
    assert judged.right.tolist() == [[True] * 3, [True, True, False], [True, True, False], [False] * 3, [False] * 3]


def test_under_is_at_a_category_or_below_it(judge: Judge) -> None:
    """Never above it, never beside it, never nowhere."""
    rows = [{"label": "A > B", "answer": answer} for answer in ("A", "A > B", "A > B > C", "A > D", "")]
    judged = judge(*rows, {"label": "", "answer": "A"})
    assert judged.under(judged.nodes[:, 0]).tolist() == [True, True, False, False, False, False]


def test_parts_of_a_whole_are_the_whole_again(judged: Judged) -> None:
    """Batches are joined in order; none at all is refused."""
    apart = [judged[np.array([row])] for row in range(3)]
    joined = Judged.joined(apart)
    for field in fields(Judged):
        made, whole = getattr(joined, field.name), getattr(judged, field.name)
        assert np.array_equal(made, whole) if isinstance(whole, np.ndarray) else made == whole, field.name
    assert judged[np.array([2, 0])].ids == ["n", "p"]
    with pytest.raises(ValueError, match="nothing was asked"):
        Judged.joined([])


def test_indexes_with_spaces_of_different_widths_are_judged_together(judge: Judge) -> None:
    """As where one fold has learnt a space and the next has not; each keeps its similarities."""
    narrow, wide = (
        judge({"label": "A", "answer": "A", "vector": (0.6, 0.8)}),
        judge({"label": "A", "answer": "A", "vector": (0.0, 0.0, 1.0)}),
    )
    vectors = Judged.joined([narrow, wide]).vectors
    assert vectors.tolist() == [[*narrow.vectors[0].tolist(), 0.0], [0.0, 0.0, 1.0]]
