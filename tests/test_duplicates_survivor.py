"""Which product of a group of duplicates is kept, and the reasons that are given."""

from indexer.product import Product
from service.duplicates.groups.survivor import Survivor, survivor


def test_of_equal_products_the_one_that_was_stored_first_is_kept() -> None:
    """Nothing tells the two apart but their keys."""
    assert Survivor(3, ("it was stored first",)) == survivor(
        {7: Product("a", title="Mug"), 3: Product("b", title="Mug")}
    )


def test_the_most_complete_product_is_kept() -> None:
    """One of three has specs and pictures; the others were stored before it."""
    full = Product("c", title="Mug", specs=(("colour", "red"), ("size", "350 ml")), images=("1.jpg", "2.jpg"))
    bare = Product("a", title="Mug"), Product("b", title="Mug", images=("1.jpg",))
    assert Survivor(9, ("it has the most specs: 2", "it has the most pictures: 2")) == survivor(
        {1: bare[0], 2: bare[1], 9: full}
    )


def test_what_a_person_labelled_is_kept_before_a_longer_text() -> None:
    """The label of a person cannot be had again, a text can be copied."""
    long = Product("a", title="Mug", description="Red, of steel, keeps coffee hot", category="Kitchen")
    sure = Product("b", title="Mug", category="Kitchen", provenance="human")
    assert Survivor(2, ("its label counts for more: by a person",)) == survivor({1: long, 2: sure})


def test_an_article_number_comes_before_specs() -> None:
    """A GTIN is named among the reasons, and so is what else it has the most of."""
    numbered = Product("b", title="Red mug", facts=(("gtin", "4006381333931"),))
    described = Product("a", title="Mug", specs=(("colour", "red"),))
    assert Survivor(5, ("it has a GTIN", "it has the longest text: 2 words")) == survivor({1: described, 5: numbered})
