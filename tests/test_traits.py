"""What products say of themselves: identifiers, quantities, colours, sizes, prices, and how it is held."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.product import Product, content_hash
from service.duplicates.verdicts.attributes import NUMBER_OF
from service.duplicates.verdicts.colours import colours_in, shades_in
from service.duplicates.verdicts.marks import VALUE_BITS, Marks, found
from service.duplicates.verdicts.models import apart_in, models_in, series_in
from service.duplicates.verdicts.quantities import quantities_in, size_class
from service.duplicates.verdicts.reading import Said, told
from service.duplicates.verdicts.sizes import size, sizes_in
from service.duplicates.verdicts.traits import Traits
from service.duplicates.verdicts.words import one_word


def said(title: str, *specs: tuple[str, str], brand: str = "", facts: tuple[tuple[str, str], ...] = ()) -> Said:
    product = Product("p", title, brand=brand, specs=specs, facts=facts)
    return told(product, content_hash(product))


def words(some: dict[int, str], name: str) -> list[str]:
    return [word for number, word in some.items() if number >> VALUE_BITS == NUMBER_OF[name]]


@pytest.mark.parametrize(
    ("text", "models"),
    [
        ("philips hd7810/60 senseo", ["hd781060", "hd7810"]),
        ("sony dsc-w150 camera", ["dscw150"]),
        ("64gb card, 1080p, pack of 6, mp3", []),
        ("office 2007 and 1234567", ["1234567"]),
        ("power bank 10000 mah, 20000mah, 12000 btu/h, bulb 10000 lm; drill 12345 m", ["12345"]),
        ("rail 600mm/475mm, phone 12/256, cpu 8c/16t, tyre 205/55", []),
        ("ddr4 on lga1700 with 8core and 4seasons", []),
    ],
)
def test_models(text: str, models: list[str]) -> None:
    """A model number has letters and digits, or is long; what is a quantity is none."""
    assert list(models_in(text)) == models


def test_models_in_several_words() -> None:
    """Makers write a number in groups, or letters apart from it; a quantity that follows is none."""
    assert ["8701250"] == list(apart_in("grohe 87 01 250 armatur"))
    assert ["w71295"] == list(apart_in("mann w 712/95"))
    assert [] == list(apart_in("beutel 12 x 20 cm, 100 120 150 ml"))
    assert ["gsb"] == list(series_in("bosch gsb 18v-55"))
    assert [] == list(models_in("ssd 500 gb, rpm 3000, pcs 12 cm"))


def test_words_as_they_are_compared() -> None:
    """Without accents, in one language, and those that name nothing not at all."""
    assert ["moet", "black", "women", "headphones", ""] == [
        one_word(each) for each in ("moët", "schwarz", "damen", "kopfhörer", "für")
    ]
    assert "w 712 95" in said("MANN W712/95").name


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("milk 500 ml", [("volume", 500.0)]),
        ("milk 0.5 l", [("volume", 500.0)]),
        ("card 64gb", [("memory", 64.0)]),
        ("disk 1 tb", [("memory", 1000.0)]),
        ("6 x 330 ml", [("volume", 330.0), ("pack", 6.0)]),
        ("6-pack 0.5 l", [("pack", 6.0), ("volume", 500.0)]),
        ("2x8gb", [("memory", 8.0), ("pack", 2.0)]),
        ("curtain 140 x 245 cm", [("length", 2450.0), ("length", 1400.0)]),
        ("pack of 6", [("pack", 6.0)]),
        ("2er pack", [("pack", 2.0)]),
        ('28-1/2" tv', [("length", 723.9)]),
        ("5g phone, 2 in 1", []),
        ('socket 1/2"', [("length", 12.7)]),
        ("note 8/256 gb", [("memory", 256.0), ("memory", 8.0)]),
        ("note 256 gb 8 gb ram", [("memory", 256.0), ("memory", 8.0)]),
    ],
)
def test_quantities(text: str, known: list[tuple[str, float]]) -> None:
    """Numbers with units come in the unit of their dimension; `5g` of a network and `2 in 1` are no quantities."""
    assert [(name, round(number, 3)) for name, number, _, _ in quantities_in(text)] == known


@pytest.mark.parametrize(
    "text",
    ["9" * 400 + " ml", "pack of " + "9" * 400, "9" * 400 + " x 5 cm", "0." + "0" * 322 + "1 kb", "0 x 5 cm"],
)
def test_no_quantities(text: str) -> None:
    """A number of hundreds of digits, as a description may have it, measures nothing, and neither does 0."""
    assert [name for name, number, _, _ in quantities_in(text) if size_class(number)] == ["length"] * text.count("5 cm")
    assert told(Product("p", "Milk", text), "0" * 32).name == "milk"


def test_size_classes() -> None:
    """Five inches and 12.7 cm are of one class, 64 and 128 of two."""
    assert size_class(5 * 25.4) == size_class(12.7 * 10)
    assert size_class(64) != size_class(128)


def test_colours_and_sizes() -> None:
    """Colours are one in three languages; a size stands apart in a title, and `men's` is none."""
    assert [name for name, _ in colours_in("schwarz noir black or")] == ["black", "black", "black"]
    assert [name for name, _ in colours_in("or", asked=True)] == ["gold"]
    assert list(sizes_in("men's hoodie-xs-black")) == ["xs"]
    assert list(sizes_in("shirt, size m")) == list(sizes_in("hemd größe m")) == ["m"]
    assert list(sizes_in("shoe eu 42")) == list(sizes_in("shoe size 42")) == ["eu42"]
    assert [name for name, _ in shades_in("wool scarf sage")] == ["green"]
    assert not list(shades_in("sage and onion stuffing"))
    assert size("X-Large") == "xl"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Shirt 2XL", "Shirt XXL"),
        ("Shirt 3XL", "Shirt XXXL"),
        ("Shirt white M", "Shirt white, size M"),
        ("*NEW* Shirt, white, M !!", "Shirt white, size M"),
        ("Jeans W32 L34", "Jeans 32/34"),
        ("Shoes size 8 UK", "Shoes UK 8"),
        ("Tyre 205/55R16 91V", "Tyre 205/55 ZR 16"),
        ("Mattress King Size", "Mattress king"),
    ],
)
def test_sizes_in_several_ways(one: str, other: str) -> None:
    """However a size is written, it is one; 2XL is no XL behind a number."""
    sizes = [{each for each in said(title).title if each >> VALUE_BITS == NUMBER_OF["size"]} for title in (one, other)]
    assert sizes[0] == sizes[1] != set()


def test_letters_that_grow() -> None:
    """Words are told as they were written, also behind a letter that is two in small letters."""
    assert words(said("İstanbul Tea 500 ml").title, "volume") == ["500 ml"]


def test_told() -> None:
    """Facts, specs and title are read together; a title's marks are told from those of the rest."""
    some = said(
        "Senseo HD7810 64 GB black",
        ("EAN", "4006381333931"),
        ("Size", "L"),
        brand="Philips N.V.",
        facts=(("mpn", "HD-7810/60"), ("price", "59.90")),
    )
    assert words(some.title, "model") == ["HD7810"]
    assert words(some.title, "memory") == ["64 GB"]
    assert words(some.everything, "gtin") == ["4006381333931"]
    assert words(some.everything, "size") == ["L"]
    assert words(some.everything, "mpn") == ["HD-7810/60"]
    assert words(some.everything, "brand") == ["Philips N.V."]
    assert some.price == 59.9


def test_editions() -> None:
    """What is written in several ways is one; a size behind a number is an edition, and a possessive no letter."""
    assert words(said("Galaxy S22+ Refurb").title, "edition") == ["plus", "refurb"]
    assert words(said("HP 305XL black").title, "edition") == ["xl"]
    assert words(said("Women's shirt XL").title, "edition") == words(said("Women's shirt 2XL").title, "edition") == []
    assert words(said("Women's shirt XL").title, "audience") == ["womens"]
    assert words(said("FIFA 23 (PlayStation 5)").title, "medium") == ["ps5"]
    assert words(said("Außenspiegel links").title, "side") == ["links"]
    assert words(said("Levi's 501 W34 L32").title, "short") == ["w34", "l32"]


def test_a_title_writes_quantities_in_one_way() -> None:
    """Half a litre is 500 ml, and six of them six, so that words of titles can be shared."""
    assert said("Water 6-pack 0.5 l").name == said("Water 6 x 500 ml").name == "water 6pack 500ml"


def test_traits_join() -> None:
    """Traits of some products and of others, joined, are those of all."""
    some = [said("Senseo HD7810"), said(""), said("Milk 500 ml", brand="A")]
    whole, joined = Traits.of(some), Traits.joined([Traits.of(some[:1]), Traits.of(some[1:])])
    assert whole.everything.values.tolist() == joined.everything.values.tolist()
    assert whole.title.ends.tolist() == joined.title.ends.tolist()
    assert whole.names.take(np.array([2, 0])) == joined.names.take(np.array([2, 0])) == ["milk 500ml", "senseo hd 7810"]


@given(st.lists(st.tuples(*[st.frozensets(st.integers(0, 2**48 - 1), max_size=5)] * 2), min_size=1, max_size=5))
def test_found(pairs: list[tuple[frozenset[int], frozenset[int]]]) -> None:
    """What is found of one side in the other is their common marks, pair by pair."""
    left, right = (Marks.of([sorted(pair[side]) for pair in pairs]) for side in (0, 1))
    rows = np.arange(len(pairs))
    values, place = left.take(rows)
    hits = found((values, place), right.take(rows))
    assert {(int(at), int(value)) for value, at, hit in zip(values, place, hits, strict=True) if hit} == {
        (row, value) for row, pair in enumerate(pairs) for value in pair[0] & pair[1]
    }


def test_having() -> None:
    """Whoever has an attribute is found with its value: to look for others with the same article number."""
    some = Traits.of([said(""), said("4006381333931"), said("4006381333931")])
    rows, values = some.everything.having(NUMBER_OF["gtin"])
    assert rows.tolist() == [1, 2]
    assert values[0] == values[1]
