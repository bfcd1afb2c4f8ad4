"""How phrases lie over the categories, worked by hand."""

import numpy as np
import pytest

from indexer.product import Product
from service.tags.phrases import Phrases
from service.tags.spread import FULL, Spread, entropy, pooled, spread_of
from taxonomy.tree import Tree

TREE = Tree.from_paths([("A", "B"), ("A", "C"), ("D",)])
A, B, C, D = range(4)


def spread(**said: dict[int, int]) -> Spread:
    """Return how words lie over B and C of 40 products each: word -> category -> how many products say it."""
    phrases = Phrases(len(TREE))
    for node in (B, C):
        titles = [", ".join(word for word, where in said.items() if place < where.get(node, 0)) for place in range(40)]
        phrases.add(np.arange(40), np.full(40, node), [Product("x", title or "2") for title in titles])
    return spread_of(phrases.counted(), np.array([0, 0, 40, 40, 0]), TREE)


def test_a_phrase_tells_what_the_category_does_not() -> None:
    """Half of every category: one bit. All of one: nothing. A quarter of one: half of what a quarter of both tells."""
    found = spread(half={B: 20, C: 20}, name={B: 40}, some={C: 10})
    np.testing.assert_allclose(found.inside, [1.0, 0.0, 0.8113 / 2], atol=1e-4)


def test_breadth_is_the_number_of_categories_that_would_be_as_even() -> None:
    """Two evenly are two, one is one, three to one lie between."""
    found = spread(half={B: 20, C: 20}, name={B: 40}, more={B: 30, C: 10})
    np.testing.assert_allclose(found.breadth, [2.0, 1.0, np.exp(0.5623)], atol=1e-3)


def test_reach_compares_with_chance() -> None:
    """Forty products by chance are in both categories; two are in 1.5 of them on average."""
    found = spread(half={B: 20, C: 20}, name={B: 40}, few={B: 2})
    np.testing.assert_allclose(found.reach, [1.0, 0.5, 1 / 1.5], atol=1e-6)


def test_thin_categories_are_taken_together() -> None:
    """What has not FULL products in its branch joins the deepest above it that has, or the top."""
    assert FULL == 30
    assert pooled(np.array([5, 0, 30, 3, 2]), TREE).tolist() == [0, 1, 2, 1, 3]
    assert pooled(np.array([5]), Tree.empty()).tolist() == [0]


@pytest.mark.parametrize(("share", "bits"), [(0.0, 0.0), (0.5, 1.0), (1.0, 0.0), (0.25, 0.811278)])
def test_entropy_is_in_bits(share: float, bits: float) -> None:
    """Of a yes or no."""
    assert entropy(np.array([share]))[0] == pytest.approx(bits, abs=1e-6)
