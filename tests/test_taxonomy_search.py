"""taxonomy/search.py: what somebody types, and the categories that it may mean."""

from __future__ import annotations

import time

from taxonomy.search import CategorySearch, search_of
from taxonomy.tree import Tree

PATHS = (
    ("Kitchen", "Cookware", "Frying Pans"),
    ("Kitchen", "Cookware", "Pan Lids"),
    ("Garden", "Pans"),
    ("Garden", "Café Chairs & Tables"),
    ("Pets", "Dogs", "Leads"),
)
TREE = Tree.from_paths(PATHS, notes={("Pets", "Dogs", "Leads"): "leash, tether"})


def found(text: str, limit: int = 20, within: str = "", products: dict[str, int] | None = None) -> list[str]:
    """Return the paths that are found."""
    counts = [(products or {}).get(name, 0) for name in TREE.names]
    node = TREE.find(tuple(within.split(" > "))) if within else -1
    assert node is not None
    return [TREE.text(each) for each in CategorySearch(TREE).find(text, counts, limit, node)]


def test_the_name_itself_comes_first_then_names_that_begin_so_then_the_rest() -> None:
    """Every word begins one of the path, in any order, whatever the case."""
    assert found("pans") == ["Garden > Pans", "Kitchen > Cookware > Frying Pans"]
    assert found("PAN") == ["Kitchen > Cookware > Pan Lids", "Garden > Pans", "Kitchen > Cookware > Frying Pans"]
    assert found("pan kit") == ["Kitchen > Cookware > Frying Pans", "Kitchen > Cookware > Pan Lids"]
    assert found("cook > fry") == ["Kitchen > Cookware > Frying Pans"]
    assert found("ans") == ["Garden > Pans"]  # nothing begins so; that is called nearly so
    assert found(" ?! ") == []


def test_of_what_fits_alike_that_with_more_products_comes_first() -> None:
    """And no more than are asked for."""
    assert found("pan kit", limit=1, products={"Pan Lids": 3}) == ["Kitchen > Cookware > Pan Lids"]


def test_accents_and_notes_are_found() -> None:
    """A category is found by what it says of itself besides, after all that are called so."""
    assert found("cafe tab") == ["Garden > Café Chairs & Tables"]
    assert found("leash") == ["Pets > Dogs > Leads"]


def test_a_slip_of_the_pen_is_forgiven_and_a_branch_is_kept_to() -> None:
    """Where nothing fits, what is called nearly so is found."""
    assert found("Fryng Pans") == ["Kitchen > Cookware > Frying Pans"]
    assert found("pan", within="Garden") == ["Garden > Pans"]
    assert found("garden", within="Garden") == ["Garden > Pans", "Garden > Café Chairs & Tables"]


def test_ten_thousand_categories_are_searched_in_a_moment() -> None:
    """The text of a tree is made ready once; a search then takes some milliseconds."""
    names = [(f"Department {number % 20}", f"Group {number % 400}", f"Shelf {number}") for number in range(10_000)]
    tree = Tree.from_paths(names)
    search = search_of(tree)
    assert search_of(tree) is search
    counts = [0] * len(tree)
    begun = time.process_time()
    assert [tree.text(node) for node in search.find("shelf 777", counts, 1)] == [
        "Department 17 > Group 377 > Shelf 777"
    ]
    assert time.process_time() - begun < 0.1
