"""A category tree as lines of text."""

from __future__ import annotations

import time

import numpy as np
import pytest

from service.console.drawing import draw_tree
from taxonomy.tree import TaxonomyError, Tree

TREE = Tree.from_paths([("Home", "Kitchen", "Cups"), ("Home", "Kitchen", "Pans"), ("Home", "Bath"), ("Sports",)])
PRODUCTS = np.array([1, 2, 1_500, 0, 3, 0], np.int64)  # Home, Kitchen, Cups, Pans, Bath, Sports


def test_brothers_stand_by_name_with_products_in_and_below_them() -> None:
    """Home has 1 of its own and 1,505 in the branches below it."""
    assert draw_tree(TREE, PRODUCTS).splitlines() == [
        "6 categories, 1,506 products",
        "├── Home  (1,506, 1 of them right here)",
        "│   ├── Bath  (3)",
        "│   └── Kitchen  (1,502, 2 of them right here)",
        "│       ├── Cups  (1,500)",
        "│       └── Pans  (0)",
        "└── Sports  (0)",
    ]


def test_a_tree_of_a_file_has_no_products() -> None:
    """What is not drawn is counted: 2 levels of 3."""
    assert draw_tree(TREE, None, depth=2).splitlines() == [
        "6 categories",
        "├── Home",
        "│   ├── Bath",
        "│   └── Kitchen  (2 more below)",
        "└── Sports",
    ]


@pytest.mark.parametrize("node", ["home > kitchen", "Kitchen", TREE.ids[1]])
def test_one_branch_can_be_asked_for(node: str) -> None:
    """By its path, by a name that is its alone, or by its id."""
    assert draw_tree(TREE, PRODUCTS, node).splitlines() == [
        "Home > Kitchen  (1,502, 2 of them right here)",
        "├── Cups  (1,500)",
        "└── Pans  (0)",
    ]


def test_a_category_that_is_not_there_is_refused() -> None:
    """With the closest one that is."""
    with pytest.raises(TaxonomyError, match="the closest is 'Home > Kitchen > Cups'"):
        draw_tree(TREE, None, "Cup")


def test_large_trees_are_drawn_at_once() -> None:
    """Ten thousand categories in well under a second of one core."""
    tree = Tree.from_paths([(f"d{n % 20}", f"c{n % 500}", f"n{n}") for n in range(10_000)])
    began = time.process_time()
    lines = draw_tree(tree, np.ones(len(tree), np.int64), depth=20).splitlines()
    assert (len(lines), time.process_time() - began < 1) == (len(tree) + 1, True)
