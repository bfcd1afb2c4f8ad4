"""service/hearing.py: what is thought of questions, as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from indexer.product import Product
from service.answer import Answer
from service.calibration.dial import Dial
from service.decision import KINDS
from service.engine import Engine
from service.hearing import lineage_of, shares
from service.settings import ServiceSettings
from taxonomy.tree import Tree

ASKED = [
    Product("a", title="Hollin large frying pan", description="Non-stick coating for induction hobs"),
    Product("b", title="terracotta pot"),
    Product("c", title="zxqv"),
]


@pytest.fixture(scope="module")
def engine(built_index: Path) -> Iterator[Engine]:
    """Return an engine that nobody changes."""
    with closing(Engine.open(ServiceSettings(index=built_index))) as opened:
        yield opened


@pytest.mark.parametrize("dial", [Dial(), Dial(0.8, "leaf"), Dial(0.99, "coverage")])
def test_what_is_thought_is_what_is_answered(engine: Engine, dial: Dial) -> None:
    """Decision, categories with their probabilities, and tags: an answer only puts them into words."""
    thought = engine.think(ASKED, engine.encode(ASKED), dial)
    for row, answer in enumerate(engine.classify(ASKED, dial)):
        assert isinstance(answer, Answer)
        assert KINDS[int(thought.decided.kind[row])] == answer.decision
        node = int(thought.decided.node[row])
        assert (engine.tree.text(node) if node >= 0 else None) == (answer.category and answer.category.path)
        first = int(thought.likely.nodes[row, 0])
        assert engine.tree.text(first) == answer.alternatives[0].path
        levels = thought.likely.levels[row][thought.likely.line[row] >= 0].tolist()
        assert levels == pytest.approx([level.probability for level in answer.levels], abs=1e-4)
        assert [tag.tag for tag in thought.tags[row]] == [tag.tag for tag in answer.tags]
    assert thought.precision == (dial.precision or engine.settings.precision)


def test_the_nearest_labelled_neighbour_is_told(engine: Engine) -> None:
    """A stored product has no neighbour that is itself; who has nothing in common with anybody is far."""
    stored = engine.get("P001").record.product
    near = engine.think([stored], engine.encode([stored])).nearest
    similar = engine.similar("P001", 1)[0]
    assert near.tolist() == pytest.approx([similar.similarity], abs=1e-4)


def test_shares_leave_out_who_speaks_against() -> None:
    """Of voices 3, 1 and -2 the shares are three quarters, one quarter and nothing; of no voice there are none."""
    voices = np.array([[3, 1, -2], [0, 0, -1]], np.float32)
    assert shares(voices).tolist() == [[0.75, 0.25, 0], [0, 0, 0]]


def test_an_empty_tree_has_a_lineage_that_nobody_is_in() -> None:
    """So that no position, -1, can be looked up in it."""
    assert lineage_of(Tree.empty()).tolist() == [[-1]]
    tree = Tree.from_paths([("A", "B")])
    assert lineage_of(tree) is tree.lineage
