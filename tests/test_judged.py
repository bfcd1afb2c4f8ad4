"""service/evaluation/judged.py: what an index thought beside the labels, over a tree with the categories of both."""

import numpy as np
import pytest

from indexer.product import Product
from service.answer import TagScore
from service.calibration.calibrate import Calibration, Probabilities
from service.calibration.dial import Curve
from service.decision import decide
from service.evaluation.judged import DIAL, TOP, Judged
from service.hearing import Thought
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

ASKED = Tree.from_paths([("A", "B"), ("C",)])
WHOLE = Tree.from_paths([("C",), ("A", "D", "E"), ("A", "B")])
"""Has the categories of ASKED in another order, and two more."""
CALIBRATION = Calibration(curves={"auto": Curve((0.9, 0.7), (100, 200), (100, 175), 200)}, floor=-1)
"""A precision of 0.95 asks for 0.9, one of 0.8 for 0.7; more is out of reach."""
VOCABULARY = Vocabulary({"red": "Red"}, {"crimson": "red"})

PRODUCTS = (
    Product("p", "one", category="A > B", tags=("crimson", "RED")),
    Product("q", "two", category="A > D > E"),
    Product("r", "three", category="C"),
    Product("s", "four"),
    Product("t", "five", category="Nowhere"),
)
LINES = np.array([[0, 1], [0, 1], [0, -1], [2, -1], [-1, -1]], np.int32)
LEVELS = np.array([[0.95, 0.8], [0.75, 0.6], [0.95, 0], [0.4, 0], [0, 0]], np.float32)
NODES = np.array([[1, 2], [1, 2], [0, 2], [2, -1], [-1, -1]], np.int32)
OWN = np.array([[0.8, 0.1], [0.6, 0.2], [0.9, 0.1], [0.4, 0], [0, 0]], np.float32)


@pytest.fixture
def judged() -> Judged:
    """Return what was thought of five products."""
    likely, nearest = Probabilities(NODES, OWN, LINES, LEVELS), np.linspace(0.9, 0.5, 5, dtype=np.float32)
    decided = decide(likely, nearest, CALIBRATION, precision=0.95, policy="auto")
    tags = [[TagScore("Red", 0.9, "text")], [], [], [], []]
    vectors = np.arange(10, dtype=np.float32).reshape(5, 2)
    thought = Thought(likely, nearest, decided, 0.95, tags)
    return Judged.of(
        PRODUCTS, thought, vectors, ASKED, calibration=CALIBRATION, vocabulary=VOCABULARY, tree=WHOLE, fold=3
    )


def named(nodes: np.typing.NDArray[np.int32]) -> list[str]:
    """Return the names of categories, "" for none."""
    return [WHOLE.names[node] if node >= 0 else "" for node in nodes.tolist()]


def test_labels_and_answers_are_in_one_tree(judged: Judged) -> None:
    """What the index calls category 0 is another's 0 there; a label that the tree lacks is none."""
    assert ["B", "E", "C", "", ""] == named(judged.truth)
    assert ["B", "B", "A", "C", ""] == named(judged.nodes[:, 0])
    assert ["C", "C", "C", "", ""] == named(judged.nodes[:, 1])
    assert [["A", "B", ""], ["A", "B", ""], ["A", "", ""], ["C", "", ""], ["", "", ""]] == list(map(named, judged.line))
    np.testing.assert_allclose(judged.levels[:, :2], LEVELS)
    np.testing.assert_allclose(judged.likely[:, :2], OWN)
    assert ((5, TOP), (5, 3)) == (judged.nodes.shape, judged.levels.shape)


def test_only_what_the_index_had_was_taught(judged: Judged) -> None:
    """E joined the tree with the label of a product that the index never saw."""
    assert [True, False, True, False, False] == judged.taught.tolist()
    assert [True, True, True, False, False] == judged.labelled.tolist()


def test_the_decision_and_the_dial(judged: Judged) -> None:
    """As decided at 0.95, and what would be `auto` at each precision: at 0.8 deeper, at 0.99 nothing."""
    assert ["A", "B", "A", "", ""] == named(judged.decided)
    assert [0, 1, 0, 2, 2] == judged.kind.tolist()
    columns = {precision: named(judged.dial[:, place]) for place, precision in enumerate(DIAL)}
    assert ["B", "A", "A", "", ""] == columns[0.8]
    assert ["A", "", "A", "", ""] == columns[0.95]
    assert [""] * 5 == columns[0.99]


def test_an_answer_is_right_level_by_level(judged: Judged) -> None:
    """Exact only where the likeliest category is that of the label; above it, what path they share."""
    assert [True, False, False, False, False] == judged.exact.tolist()
    assert [[True, True, False], [True, False, False]] + [[False] * 3] * 3 == judged.right.tolist()


def test_who_belongs_under_a_category(judged: Judged) -> None:
    """At it or below; nothing under none, and nobody without a label."""
    a = WHOLE.find(("A",))
    assert a is not None
    assert [True, True, False, False, False] == judged.under(np.full(5, a, np.int32)).tolist()
    assert [True, False, False, False, False] == judged.under(judged.decided).tolist()
    assert [True, True, True, False, False] == judged.under(judged.truth).tolist()
    assert [False] * 5 == judged.under(np.full(5, -1, np.int32)).tolist()


def test_the_rest_stands_beside_it(judged: Judged) -> None:
    """Given tags with their scores, true ones in the vocabulary's words, and who it was."""
    assert [{"Red": 0.9}, {}, {}, {}, {}] == judged.given
    assert [("Red",), (), (), (), ()] == judged.tags
    assert (["p", "q", "r", "s", "t"], ["one", "two", "three", "four", "five"]) == (judged.ids, judged.titles)
    assert ["A > B", "A > D > E", "C", "", "Nowhere"] == judged.paths
    assert ([3] * 5, 5) == (judged.fold.tolist(), len(judged))


def test_batches_are_joined_and_cut(judged: Judged) -> None:
    """In order, every column; nothing cannot be joined."""
    again = Judged.joined([judged[np.array([0, 1])], judged[np.array([2])], judged[np.array([3, 4])]])
    assert (judged.ids, judged.given, judged.tags) == (again.ids, again.given, again.tags)
    for name in (
        "truth",
        "nodes",
        "likely",
        "line",
        "levels",
        "decided",
        "kind",
        "dial",
        "vectors",
        "nearest",
        "taught",
    ):
        assert getattr(judged, name).tolist() == getattr(again, name).tolist()
    assert ["r", "p"] == judged[np.array([2, 0])].ids
    with pytest.raises(ValueError, match="nothing was asked"):
        Judged.joined([])
