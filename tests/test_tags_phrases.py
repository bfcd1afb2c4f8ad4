"""Phrases counted in one pass: exactly as long as memory lasts, within a known error beyond."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.product import Product
from service.tags.phrases import Counted, Phrases
from service.tags.wording import ALONE, BRAND, COUNTED, FIRST, LAST


def counted(titles: list[str], nodes: list[int] | None = None, limit: int = 1_000, batch: int = 2) -> Counted:
    """Count products with these titles, in these categories of three, `batch` at a time."""
    phrases = Phrases(3, limit)
    products = [Product(str(place), title) for place, title in enumerate(titles)]
    where, keys = np.array(nodes or [-1] * len(titles)), np.arange(len(titles)) + 10
    for start in range(0, len(titles), batch):
        some = slice(start, start + batch)
        phrases.add(keys[some], where[some], products[some])
    return phrases.counted()


def test_products_are_counted_not_mentions() -> None:
    """A phrase counts once for each product that says it; the first such product is remembered."""
    said = counted(["Kite, red, red", "Kite", "Red"])
    assert dict(zip(said.phrases, said.products.tolist(), strict=True)) == {"kite": 2, "red": 2}
    assert said.first.tolist() == [10, 10]
    assert said.lost == 0


def test_ways_are_counted_for_each_phrase() -> None:
    """In the order of their bits: first, last, alone, after a number, of the brand."""
    said = counted(["red kite", "kite", "2 kite tail"])
    ways = dict(zip(said.phrases, said.ways.tolist(), strict=True))
    assert [FIRST, LAST, ALONE, COUNTED, BRAND] == [1, 2, 4, 8, 16]
    assert ways["kite"] == [1, 2, 1, 1, 0]
    assert ways["red"] == [1, 0, 0, 0, 0]


def test_categories_are_counted_beside_each_phrase() -> None:
    """Flat, in order of phrase and category; -1 stands for products without one."""
    said = counted(["kite", "kite", "kite, red", "red"], [2, 2, 0, -1])
    assert said.phrases == ["kite", "red"]
    assert (said.phrase.tolist(), said.node.tolist(), said.times.tolist()) == (
        [0, 0, 1, 1],
        [0, 2, -1, 0],
        [1, 2, 1, 1],
    )


def test_openings_are_the_different_words_that_titles_open_with() -> None:
    """Three articles in two families."""
    said = counted(["Zephyr kite, red", "Zephyr kite, blue", "Merlin kite, red"])
    openings = dict(zip(said.phrases, said.openings.tolist(), strict=True))
    assert (openings["red"], openings["blue"], openings["kite"]) == (2, 1, 2)


def test_specs_of_a_phrase_s_name_are_counted() -> None:
    """How many products have a spec that is called so."""
    phrases = Phrases(0)
    products = [Product("1", "Size", specs=(("Size", "big"),)), Product("2", specs=(("size", "big"),))]
    phrases.add(np.array([1, 2]), np.array([-1, -1]), products)
    said = phrases.counted()
    assert dict(zip(said.phrases, said.names.tolist(), strict=True)) == {"size": 2, "big": 0}


def test_nothing_counted_is_nothing() -> None:
    """An empty catalogue has no phrases."""
    said = Phrases(3).counted()
    assert (said.phrases, len(said.products), len(said.phrase)) == ([], 0, 0)


@given(
    st.lists(st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=1, max_size=4), max_size=60),
    st.integers(2, 12),
    st.integers(1, 7),
)
def test_what_is_forgotten_is_bounded(titles: list[list[str]], limit: int, batch: int) -> None:
    """However little is kept: no count is too high, none too low by more than `lost`, nothing more frequent missing."""
    said = counted([", ".join(words) for words in titles], limit=limit, batch=batch)
    true = Counter(word for words in titles for word in set(words))
    found = dict(zip(said.phrases, said.products.tolist(), strict=True))
    assert len(found) <= limit
    assert all(true[word] - said.lost <= count <= true[word] for word, count in found.items())
    assert {word for word, count in true.items() if count > said.lost} <= set(found)
    assert np.bincount(said.phrase, said.times, minlength=len(found)).tolist() == said.products.tolist()
