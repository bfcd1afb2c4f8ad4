"""service/audit/patterns.py: whose products stand in the wrong place together."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.audit.patterns import Column, Pattern, Placed, patterns
from taxonomy.tree import Tree

TREE = Tree.from_paths(
    [("Phones", "Cases"), ("Phones", "Chargers", "Wall"), ("Phones", "Chargers", "Car"), ("Home", "Lamps")]
)
PHONES, CASES, CHARGERS, WALL, CAR, HOME, LAMPS = range(7)


def placed(*rows: tuple[str, int | None, int | None, int], name: str = "supplier") -> Placed:
    """Return products by value, where they stand, where they seem to belong, and how many of them there are."""
    values = list(dict.fromkeys(row[0] for row in rows if row[0]))
    counts = [row[3] for row in rows]
    codes = np.repeat([values.index(row[0]) if row[0] else -1 for row in rows], counts).astype(np.int32)
    stored, believed = (np.repeat([row[at] for row in rows], counts).astype(np.int32) for at in (1, 2))
    return Placed(TREE, stored, believed, [Column(name, codes, values)])


X_FILES_CHARGERS_UNDER_CASES = (
    *(("X", CASES, WALL, 9), ("X", WALL, WALL, 1), ("X", CASES, CASES, 40), ("X", LAMPS, LAMPS, 10)),
    *(("Y", WALL, WALL, 48), ("Y", CASES, WALL, 2), ("Y", LAMPS, LAMPS, 50), ("", CASES, CASES, 40)),
)


def test_a_supplier_that_files_chargers_under_cases_is_found() -> None:
    """9 of its 10, beside 2 of the 50 of others: 11 of 200 products stand wrong, which is what is usual."""
    usual = (2 + 11 / 200) / (50 + 1)
    (found,) = patterns(placed(*X_FILES_CHARGERS_UNDER_CASES))
    assert (found.attribute, found.value) == ("supplier", "X")
    assert (found.stored, found.suggested) == (TREE.ids[CASES], TREE.ids[WALL])
    assert (found.support, found.products, found.share) == (9, 10, 0.9)
    assert found.lift == round(0.9 / usual, 2) == 22.34

    divergence = 0.9 * math.log(0.9 / usual) + 0.1 * math.log(0.1 / (1 - usual))
    looked_at = found.chance / math.exp(-10 * divergence)
    assert round(looked_at, 6) == 1 + 2 + 2  # one, and Chargers and Wall, of X and of Y


def test_products_that_go_to_several_leaves_make_a_pattern_of_what_is_above_them() -> None:
    """Two wall and two car chargers are no pattern each, but four chargers are one."""
    rows = (("X", CASES, WALL, 2), ("X", CASES, CAR, 2), ("Y", WALL, WALL, 60), ("Y", CAR, CAR, 60))
    (found,) = patterns(placed(*rows))
    assert (found.suggested, found.support, found.products) == (TREE.ids[CHARGERS], 4, 4)


def test_what_everybody_does_is_no_pattern() -> None:
    """Half of all chargers stand under cases, whoever sells them: the categories are to blame."""
    rows = tuple((value, where, WALL, 10) for value in "XYZ" for where in (CASES, WALL))
    assert patterns(placed(*rows)) == []


def test_a_value_of_nearly_all_products_says_nothing() -> None:
    """There is nobody to compare with."""
    assert patterns(placed(("X", CASES, WALL, 20), ("X", LAMPS, LAMPS, 80), ("Y", LAMPS, LAMPS, 10))) == []


def test_a_product_belongs_to_one_pattern() -> None:
    """Of brand and supplier that say the same of the same products, the first is kept."""
    one = placed(*X_FILES_CHARGERS_UNDER_CASES)
    both = Placed(TREE, one.stored, one.believed, [one.columns[0], Column("brand", one.columns[0].codes, ("x", "y"))])
    assert [(each.attribute, each.support) for each in patterns(both)] == [("supplier", 9)]


def test_a_pattern_keeps_its_id_whatever_its_numbers() -> None:
    """By what it is about, in any case."""
    one = Pattern("brand", "Acme", "a", "b", 3, 4, 0.75, 10, 0.001)
    assert one.id == Pattern("brand", "ACME", "a", "b", 9, 9, 1, 2, 0.0).id
    assert one.id != Pattern("supplier", "Acme", "a", "b", 3, 4, 0.75, 10, 0.001).id


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.floats(0, 0.5))
def test_errors_by_chance_make_no_patterns(seed: int, values: int, share: float) -> None:
    """Whatever share of the labels is wrong, as long as nobody's are more so; once in a hundred draws it may be."""
    rng = np.random.default_rng(seed)
    nodes = np.array([CASES, WALL, CAR, LAMPS], np.int32)
    believed = rng.choice(nodes, 600)
    stored = np.where(rng.random(600) < share, rng.choice(nodes, 600), believed).astype(np.int32)
    codes = rng.integers(0, values, 600).astype(np.int32)
    found = patterns(Placed(TREE, stored, believed, [Column("brand", codes, [f"{n}" for n in range(values)])]))
    assert len(found) <= 1


def test_no_products_have_no_patterns() -> None:
    """Nor has an empty tree."""
    nothing = np.zeros(0, np.int32)
    assert patterns(Placed(TREE, nothing, nothing, [Column("brand", nothing, [])])) == []
    assert patterns(Placed(Tree.empty(), nothing, nothing, [])) == []
