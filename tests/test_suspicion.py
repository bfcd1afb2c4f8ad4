"""service/audit/suspicion.py: how likely a stored label is wrong, and what it should be."""

from __future__ import annotations

import numpy as np

from service.audit.suspicion import NEIGHBOURS, severity, suspected
from service.calibration.calibrate import Calibration
from taxonomy.tree import Tree
from tests.test_leave_one_out import built, catalogue

CALIBRATION = Calibration(neighbours=20)


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


def test_severity_is_the_part_of_the_path_that_is_not_shared() -> None:
    """A sibling leaf, a cousin, another department, the same, the parent, none."""
    tree = Tree.from_paths([("A", "B", "C"), ("A", "B", "D"), ("A", "E", "F"), ("G", "H", "I")])
    c, d, f, i, b = (
        tree.find(path) for path in [("A", "B", "C"), ("A", "B", "D"), ("A", "E", "F"), ("G", "H", "I"), ("A", "B")]
    )
    assert None not in {c, d, f, i, b}
    made = severity(tree, np.array([c] * 6, np.int32), np.array([d, f, i, c, b, -1], np.int32))
    np.testing.assert_allclose([1 / 3, 2 / 3, 1, 0, 1 / 3, 0], made, atol=1e-6)
