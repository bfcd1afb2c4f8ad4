"""service/hearing.py: what is thought of questions, as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from indexer.product import Product
from indexer.space import Projected
from indexer.space.lexicon import none
from indexer.space.prototypes import Own
from service.answer import Answer
from service.calibration.calibrate import Calibration
from service.calibration.dial import Dial
from service.decision import KINDS
from service.engine import Engine
from service.hearing import Hearing, brought_by, lineage_of, shares
from service.settings import ServiceSettings
from service.tags.rules import TagRules
from service.tags.tagger import Tagger
from service.vote.evidence import Heard
from service.vote.mixture import Evidence
from service.vote.questions import Question
from service.vote.search import Neighbourhood
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

ASKED = [
    Product("a", title="Hollin large frying pan", description="Non-stick coating for induction hobs"),
    Product("b", title="terracotta pot"),
    Product("c", title="zxqv"),
]


def neighbourhood(
    keys: list[list[int]], similarity: list[list[float]] | None = None, *, present: list[list[bool]] | None = None
) -> Neighbourhood:
    """Return neighbours in this order; key 0 is none unless it is said to be present."""
    made = np.array(keys, np.int64)
    here = made > 0 if present is None else np.array(present)
    alike = np.where(here, 0.5, -1) if similarity is None else np.array(similarity)
    return Neighbourhood(made, alike.astype(np.float32), np.zeros(made.shape, np.int32), here, here)


def hearing(asked: dict[str, Neighbourhood], found: Neighbourhood, voices: dict[str, list[list[float]]]) -> Hearing:
    """Return a hearing of which nothing but who was found, in each view and together, and their voices is known."""
    rows = len(found.keys)
    nothing = Projected(np.zeros((rows, 0), np.float32), none(rows), {})
    nobody = Own(np.full(rows, -1, np.int32), np.zeros((rows, 0), np.float32), np.zeros(rows, np.float32))
    said = Evidence(np.zeros((rows, 0), np.int32), *(np.zeros((rows, 0, len(asked)), np.float32) for _ in range(4)))
    return Hearing(
        nothing,
        {view: Question(nothing, each, nobody) for view, each in asked.items()},
        found,
        Heard({view: np.array(each, np.float32) for view, each in voices.items()}, said),
        Calibration(),
        Tagger.of(TagRules(), (), Vocabulary(), Tree.empty()),
    )


@pytest.fixture(scope="module")
def engine(built_index: Path) -> Iterator[Engine]:
    """Return an engine that nobody changes."""
    with closing(Engine.open(ServiceSettings(index=built_index))) as opened:
        yield opened


@pytest.mark.parametrize("dial", [Dial(), Dial(0.8, "leaf"), Dial(0.99, "coverage")])
def test_what_is_thought_is_what_is_answered(engine: Engine, dial: Dial) -> None:
    """Decision, categories with their probabilities, and tags: an answer only puts them into words."""
    ((rows, thought),) = engine.think(ASKED, engine.encode(ASKED), dial)
    assert [0, 1, 2] == rows
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
    ((_, thought),) = engine.think([stored], engine.encode([stored]))
    similar = engine.similar("P001", 1)[0]
    assert thought.nearest.tolist() == pytest.approx([similar.similarity], abs=1e-4)


def test_shares_leave_out_who_speaks_against() -> None:
    """Of voices 3, 1 and -2 the shares are three quarters, one quarter and nothing; of no voice there are none."""
    near = neighbourhood([[5, 6, 7], [5, 6, 7]])
    said = hearing({"text": near}, near, {"text": [[3, 1, -2], [0, 0, -1]]})
    assert shares(said).tolist() == [[0.75, 0.25, 0], [0, 0, 0]]


def test_voices_of_two_views_count_together() -> None:
    """5 is heard by text and picture, 6 by text, 7 by picture; 8 speaks against, and who is no neighbour is nobody."""
    text, image = neighbourhood([[5, 6, 0]], [[0.9, -1, -1]]), neighbourhood([[7, 5, 8]])
    found = neighbourhood([[5, 7, 6, 8]])
    said = hearing({"text": text, "image": image}, found, {"text": [[1, 2, 9]], "image": [[4, 1, -3]]})
    assert shares(said).tolist() == [[0.25, 0.5, 0.25, 0]]


def test_who_brought_a_neighbour() -> None:
    """The views that have it near; words where they alone found it, and so not 6, which a picture has near, too."""
    text = neighbourhood([[5, 6, 8, 0]], [[0.9, -1, -1, -1]], present=[[True, True, True, False]])
    image, found = neighbourhood([[7, 5, 6]]), neighbourhood([[5, 7, 6, 8]])
    brought = brought_by(hearing({"text": text, "image": image}, found, {}))
    assert {name: some.tolist() for name, some in brought.items()} == {
        "text": [[True, False, False, False]],
        "image": [[True, True, True, False]],
        "words": [[False, False, False, True]],
    }
    alone = brought_by(hearing({"text": text}, text, {}))
    assert {name: some.tolist() for name, some in alone.items()} == {
        "text": [[True, False, False, False]],
        "words": [[False, True, True, False]],
    }


def test_an_empty_tree_has_a_lineage_that_nobody_is_in() -> None:
    """So that no position, -1, can be looked up in it."""
    assert lineage_of(Tree.empty()).tolist() == [[-1]]
    tree = Tree.from_paths([("A", "B")])
    assert lineage_of(tree) is tree.lineage
