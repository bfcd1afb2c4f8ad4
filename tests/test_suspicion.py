"""service/audit/suspicion.py and screen.py: how likely a stored label is wrong, and what it should be."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from indexer import encoders
from indexer.build import rebuild
from indexer.product import Product
from indexer.settings import IndexSettings
from service.audit.screen import by_neighbours, by_prototypes, settled
from service.audit.suspicion import NEIGHBOURS, Suspicions, _shares, severity, suspected, suspicions, wrong
from service.calibration.calibrate import Calibration
from service.calibration.leave_one_out import stored
from service.engine import Engine
from service.evaluation.trial import fill
from service.settings import ServiceSettings
from taxonomy.tree import Tree
from tests.test_leave_one_out import Filed, built, catalogue, pictured

if TYPE_CHECKING:
    from pathlib import Path

CALIBRATION = Calibration(neighbours=20)


def doubted(filed: list[Filed], *, screened: bool = False) -> Suspicions:
    """Return what an index of these products suspects of all of them."""
    return suspected(built(filed), CALIBRATION, np.arange(len(filed)), screened=screened)


def test_a_flipped_label_comes_first() -> None:
    """Product 7 is of the second kind and filed under the third; everybody else is right."""
    filed = catalogue(60)
    filed[7] = (filed[7][0], 2, 1.0)
    index = built(filed)
    found = suspected(index, CALIBRATION, np.arange(60))
    first = found.worst()[0]
    assert (7, 2, 1) == (found.keys[first], found.stored[first], found.suggested[first])
    assert found.probability[first] > 0.5
    assert found.probability[found.worst()[1]] < 0.5
    said = found.neighbours[first]
    assert NEIGHBOURS == len(set(said.tolist()))
    assert {1} == {key % 3 for key in said.tolist()}


def test_copies_do_not_vouch_for_each_other() -> None:
    """Five of one text are filed under the wrong category, and nothing else is wrong: they are the first five."""
    filed = [*catalogue(60), *[("rake hoe spade no1", 2, 1.0)] * 5]
    found = doubted(filed)
    assert set(range(60, 65)) == set(found.keys[found.worst()[:5]].tolist())
    assert {1} == set(found.suggested[60:].tolist())
    assert found.probability[60:].min() > 0.5


def test_of_copies_with_other_labels_the_wrong_one_is_doubted() -> None:
    """The rest of the catalogue says which."""
    found = doubted([*catalogue(60), ("rake hoe spade no1", 2, 1.0), ("rake hoe spade no1", 1, 1.0)])
    assert 60 == found.worst()[0]
    assert found.probability[61] < 0.05


def test_who_is_alone_in_a_category_is_doubted_less() -> None:
    """A mug among mugs is doubted under a category with others, and hardly under one where nobody can speak for it."""
    among, alone = wrong(np.zeros(2), np.array([0.9, 0.9]), np.array([False, True]))
    assert (0.902, 0.165) == (round(float(among), 3), round(float(alone), 3))


def test_a_label_is_doubted_by_what_else_is_likely() -> None:
    """Nothing else; nearly nothing; as likely as the stored one; far likelier."""
    made = wrong(np.array([0.0, 0.9, 0.5, 0.01]), np.array([0.0, 0.05, 0.5, 0.99]), np.zeros(4, np.bool_))
    np.testing.assert_allclose([0, 0, 0.0022, 0.7537], made, atol=1e-4)


def test_what_is_under_the_stored_category_speaks_for_it() -> None:
    """Filed under A, likely in A > B, which is no error; the next likely is C. Filed under A > B, C is next too."""
    tree = Tree.from_paths([("A",), ("A", "B"), ("C",)])
    nodes = np.array([[1, 2, 0, -1]] * 2, np.int32)
    suggested, kept, other = _shares(tree, nodes, np.array([[0.6, 0.3, 0.1, 0]] * 2), np.array([0, 1], np.int32))
    assert [2, 2] == suggested.tolist()
    np.testing.assert_allclose([[0.7, 0.6], [0.3, 0.3]], [kept, other])
    nobody = _shares(tree, np.zeros((1, 0), np.int32), np.zeros((1, 0)), np.array([0], np.int32))
    assert [[-1], [0], [0]] == [each.tolist() for each in nobody]


def test_by_text_and_picture_both_views_speak() -> None:
    """Eight mugs and eight rakes, each kind with its photo: a rake filed with the mugs is one by both."""
    filed: list[Filed] = [(f"{'mug cup' if at % 2 else 'rake hoe'} no{at}", at % 2, 1.0) for at in range(16)]
    filed[4] = (filed[4][0], 1, 1.0)
    found = suspected(pictured(filed, [at % 2 for at in range(16)]), CALIBRATION, np.arange(16))
    assert (4, 0) == (found.worst()[0], found.suggested[4])
    assert set(range(0, 16, 2)) - {4} >= set(found.neighbours[4].tolist())


def test_who_is_beyond_doubt_is_not_asked_about() -> None:
    """The flipped one is not settled, and what is settled has the probability 0; the others are asked as ever."""
    filed = catalogue(60)
    filed[7] = (filed[7][0], 2, 1.0)
    index, keys = built(filed), np.arange(60)
    sure = settled(index, stored(index, keys), keys, index.contents.labels.nodes(keys), ("text",))
    assert not sure[7]
    assert sure.mean() > 0.9
    found, whole = doubted(filed, screened=True), doubted(filed)
    assert keys.tolist() == found.keys.tolist()
    assert {0.0} == set(found.probability[sure].tolist())
    np.testing.assert_allclose(whole.probability[~sure], found.probability[~sure], atol=1e-6)


def test_few_others_settle_nothing_by_their_prototype() -> None:
    """Ten products a category, so that each has nine others: they may be copies with one wrong label."""
    index, keys = built(catalogue(30)), np.arange(30)
    asked, node = stored(index, keys), index.contents.labels.nodes(keys)
    assert not by_prototypes(index, asked, keys, node, ("text",)).any()


def test_copies_settle_nothing_as_neighbours() -> None:
    """A rake under pets with ten copies there, and no other of the kind but under gardens."""
    filed = [*catalogue(60), *[("rake hoe spade no1", 2, 1.0)] * 11]
    index, keys = built(filed), np.arange(60, 71)
    asked, node = stored(index, keys), index.contents.labels.nodes(keys)
    assert not by_neighbours(index, asked, keys, node, ("text",)).any()
    keys = np.arange(1, 60, 3)
    asked, node = stored(index, keys), index.contents.labels.nodes(keys)
    assert by_neighbours(index, asked, keys, node, ("text",)).mean() > 0.5


@pytest.mark.parametrize("labelled", [0, 6])
def test_only_labels_that_are_there_are_asked_about(tmp_path: Path, labelled: int) -> None:
    """Keys of unlabelled products and of none are left out; an index without labels suspects nothing."""
    encoder = encoders.load("hashing:32")
    some = [Product(f"p{at}", f"mug no{at}", category="A" if at < labelled else "") for at in range(8)]
    fill(some, tmp_path, encoder)
    rebuild(tmp_path, settings=IndexSettings(encoder="hashing:32"), encoder=encoder)
    with closing(Engine.open(ServiceSettings(index=tmp_path), encoder)) as engine:
        labels = engine.live.labels
        found = suspicions(engine, np.append(np.flatnonzero(labels.known), 99))
        assert [f"p{at}" for at in range(labelled)] == labels.ids(found.keys)
        assert 0 == np.count_nonzero(found.probability)
        assert (labelled, NEIGHBOURS) == found.neighbours.shape
        assert 0 == len(suspicions(engine, np.zeros(0, np.int64)))


def test_severity_is_the_part_of_the_path_that_is_not_shared() -> None:
    """A sibling leaf, a cousin, another department, the same, the parent, none."""
    tree = Tree.from_paths([("A", "B", "C"), ("A", "B", "D"), ("A", "E", "F"), ("G", "H", "I")])
    c, d, f, i, b = (
        tree.find(path) for path in [("A", "B", "C"), ("A", "B", "D"), ("A", "E", "F"), ("G", "H", "I"), ("A", "B")]
    )
    assert None not in {c, d, f, i, b}
    made = severity(tree, np.array([c] * 6, np.int32), np.array([d, f, i, c, b, -1], np.int32))
    np.testing.assert_allclose([1 / 3, 2 / 3, 1, 0, 1 / 3, 0], made, atol=1e-6)
