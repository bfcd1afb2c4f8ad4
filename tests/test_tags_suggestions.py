"""Which phrases would make tags, on an invented shop in which every kind of phrase that is none has one example."""

import numpy as np
import pytest

from indexer.product import Product
from service.tags.phrases import Counted, Phrases
from service.tags.suggestions import Suggestion, suggested
from taxonomy.tree import Tree

TREE = Tree.from_paths([("Home", "Lamps"), ("Home", "Trays"), ("Garden", "Benches")])
SHELVES = {"lamp": 1, "tray": 2, "bench": 4}
MAKERS = ("Arbel", "Lind", "Norr", "Orsa", "Pell", "Quist", "Rand", "Sorm")


def shop(*titles: str, specs: tuple[tuple[str, str], ...] = ()) -> list[tuple[Product, int]]:
    """Return products of eight makers on three shelves, one for each of `titles`, MAKER and NOUN put in."""
    every = [(noun, maker) for noun in SHELVES for maker in MAKERS]
    return [
        (Product("x", title.replace("NOUN", noun).replace("MAKER", maker), brand=maker, specs=specs), SHELVES[noun])
        for noun, maker in every
        for title in titles
    ]


def counted(products: list[tuple[Product, int]]) -> tuple[Counted, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return the phrases of products in their categories, and how many products each category has."""
    phrases, nodes = Phrases(len(TREE)), np.array([node for _, node in products])
    phrases.add(np.arange(len(products)), nodes, [product for product, _ in products])
    return phrases.counted(), np.bincount(nodes + 1, minlength=len(TREE) + 1)


def found(products: list[tuple[Product, int]], known: tuple[str, ...] = (), limit: int = 30) -> list[str]:
    """Return the phrases that are suggested."""
    said, sizes = counted(products)
    return [each.phrase for each in suggested(said, sizes, TREE, known, limit)]


PLAIN = shop("MAKER plain NOUN, boxed", "MAKER NOUN", "MAKER NOUN number 2")
"""Three products of each maker on each shelf, `plain` and `boxed` a third of them."""


def test_a_suggestion_says_how_many_where_and_who_first() -> None:
    """Products, share, the categories with most of them, and the key of the first product."""
    products = [*PLAIN, *shop("MAKER oak NOUN")[:12]]
    said, sizes = counted(products)
    assert suggested(said, sizes, TREE, ["plain", "boxed"], 1) == [Suggestion("oak", 12, 12 / 84, ((1, 8), (2, 4)), 72)]


def test_what_crosses_categories_comes_before_what_is_said_in_one() -> None:
    """Equally frequent phrases: that of three shelves tells more than that of one."""
    products = [*PLAIN, *shop("MAKER NOUN, oak")[::3], *shop("MAKER NOUN, pine", "MAKER low NOUN, pine")[:8]]
    ranked = found(products, ("plain", "boxed"))
    assert ranked == ["oak", "pine"]


@pytest.mark.parametrize(
    ("titles", "phrase"),
    [
        (("MAKER NOUN with bow", "MAKER NOUN with box", "MAKER NOUN with lid"), "with"),
        (("MAKER NOUN 30 inch", "MAKER 20 inch NOUN"), "inch"),
        (("NOUN by MAKER", "old NOUN by MAKER", "NOUN, MAKER"), "arbel"),
        (("MAKER gold NOUN, fine", "MAKER gold NOUN"), "lamp"),
        (("Zephyr NOUN", "Zephyr big NOUN"), "zephyr"),
        (("MAKER NOUN x2", "MAKER NOUN xy"), "xy"),
    ],
)
def test_what_is_no_tag_is_left_out(titles: tuple[str, ...], phrase: str) -> None:
    """Words that hold others together, units, brands, names of categories, families, and what is too short."""
    products = [*PLAIN, *(shop(*titles) if phrase != "zephyr" else shop(*titles)[:14])]
    said, _ = counted(products)
    assert said.products[said.phrases.index(phrase)] >= 8
    assert phrase not in found(products)


def test_names_of_specs_are_no_tags_but_what_they_say_is() -> None:
    """Colour: red. Of `rustproof: yes` the name is what is said."""
    specs = (("Colour", "red"), ("Rustproof", "yes"))
    products = [*PLAIN, *shop("MAKER NOUN, colour", specs=specs)]
    assert {"red", "rustproof"} <= set(found(products))
    assert "colour" not in found(products)


def test_a_piece_of_a_longer_phrase_is_no_phrase() -> None:
    """Neither word of `powder coated` is said alone; of `oak` enough is."""
    oak = [*shop("MAKER NOUN, solid oak")[::2], *shop("MAKER NOUN, oak")[::2]]
    products = [*PLAIN, *shop("MAKER NOUN, powder coated"), *oak]
    ranked = found(products)
    assert {"powder coated", "solid oak", "oak"} <= set(ranked)
    assert {"powder", "coated"}.isdisjoint(ranked)


def test_words_that_meet_by_chance_are_no_phrase() -> None:
    """Oak and big are said together no more often than both are frequent."""
    products = [*PLAIN, *shop("MAKER big oak NOUN", "MAKER big NOUN", "MAKER oak NOUN", "MAKER big NOUN, oak")]
    assert "big oak" not in found(products)


@pytest.mark.parametrize("known", ["Oak", "wood:oak", "oaks", "lamps of oak"])
def test_what_is_known_is_not_suggested(known: str) -> None:
    """In any case and with its plural's s, as the value of a key; a longer tag that holds the word is another."""
    products = [*PLAIN, *shop("MAKER oak NOUN")]
    assert ("oak" in found(products, (known,))) == (known == "lamps of oak")


def test_a_phrase_with_a_known_tag_in_it_is_not_suggested() -> None:
    """It would say the tag again."""
    products = [*PLAIN, *shop("MAKER NOUN, solid oak")]
    assert "solid oak" in found(products)
    assert "solid oak" not in found(products, ("oak",))


def test_one_of_two_spellings_is_suggested() -> None:
    """Singular and plural are one tag, by the likelier word."""
    products = [*PLAIN, *shop("MAKER NOUN, stripe"), *shop("MAKER NOUN, stripes")[::2]]
    assert [phrase for phrase in found(products) if phrase.startswith("stripe")] == ["stripe"]


def test_the_limit_holds_and_the_order_is_the_same() -> None:
    """The first of many are the few."""
    products = [*PLAIN, *shop("MAKER oak NOUN, solid", "MAKER pine NOUN, light")]
    assert found(products, limit=2) == found(products)[:2]
    assert len(found(products)) > 2


def test_an_empty_catalogue_suggests_nothing() -> None:
    """No products, no phrases."""
    said = Phrases(0).counted()
    assert suggested(said, np.zeros(1, np.int64), Tree.empty(), [], 10) == []
