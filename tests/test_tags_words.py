"""service/tags/words.py: which known tags a product names itself, and how plainly."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.product import Product
from service.tags.words import LONGEST, SPEC, TEXT, TOKENS, UNNAMED, VALUE, TagWords, phrases_of, words_of

TAGS = ("waterproof", "colour:red", "hiking boot", "men", "Größe:XL", "material:leather", "vegan", "a b c d e f g")
ALIASES = {"water resistant": "waterproof", "colour:crimson": "colour:red", "gents": "men", "unknown": "nowhere"}


def named(product: Product, tags: tuple[str, ...] = TAGS, aliases: Mapping[str, str] = ALIASES) -> dict[str, int]:
    """Return the level of each tag that a product names."""
    found = TagWords.of(tags, aliases).named([product])
    assert not found.row.any()
    return {tags[tag]: level for tag, level in zip(found.tag.tolist(), found.level.tolist(), strict=True)}


@pytest.mark.parametrize(
    ("product", "levels"),
    [
        (Product("p", title="Waterproof hiking boots"), {"waterproof": TEXT}),
        (Product("p", title="A HIKING-BOOT", description="for men"), {"hiking boot": TEXT, "men": TEXT}),
        (Product("p", title="Women's boots, hiking"), {}),
        (Product("p", title="Hiking", brand="Boot"), {}),
        (Product("p", title="Boot in red"), {"colour:red": VALUE}),
        (Product("p", title="Boot, colour: red"), {"colour:red": TEXT}),
        (Product("p", description="GRÖSSE xl"), {"Größe:XL": TEXT}),
        (Product("p", title="Water-resistant, gents"), {"waterproof": TEXT, "men": TEXT}),
        (Product("p", title="In crimson"), {"colour:red": VALUE}),
        (Product("p", specs=(("Colour", "Red"),)), {"colour:red": SPEC}),
        (Product("p", specs=(("Shade", "Red"),)), {"colour:red": VALUE}),
        (Product("p", specs=(("Material", "leather; suede"),)), {"material:leather": SPEC}),
        (Product("p", specs=(("For", "men | children"),)), {"men": SPEC}),
        (Product("p", specs=(("Vegan", "Yes"), ("Waterproof", "no"))), {"vegan": SPEC}),
        (Product("p", specs=(("Vegan", "yes, all of it"),)), {"vegan": SPEC}),
        (Product("p", title="red boot", specs=(("Colour", "red"),)), {"colour:red": SPEC}),
        (Product("p", title="colour red", specs=(("Shade", "red"),)), {"colour:red": TEXT}),
        (Product("p", title="a b c d e f g"), {}),
        (Product("p", specs=(("x", "a b c d e f g"),)), {"a b c d e f g": SPEC}),
        (Product("p", title="nothing here", specs=(("", ""), ("Size", "  "))), {}),
    ],
)
def test_a_product_names_its_tags(product: Product, levels: dict[str, int]) -> None:
    """All words in a row in one text, or what a spec says; a value alone is the weakest, and the plainest counts."""
    assert levels == named(product)


def test_products_are_numbered_in_their_order() -> None:
    """Each tag of each product once."""
    found = TagWords.of(TAGS, {}).named([Product("p", "men men"), Product("q", "boot"), Product("r", "vegan red men")])
    pairs = zip(found.row.tolist(), found.tag.tolist(), found.level.tolist(), strict=True)
    assert {(0, 3, TEXT), (2, 6, TEXT), (2, 1, VALUE), (2, 3, TEXT)} == set(pairs)
    assert 4 == len(found.row)


def test_one_word_may_name_several_tags() -> None:
    """A value that two keys share names both; a tag and its alias name it once."""
    tags = ("sole:rubber", "grip:rubber", "rubber")
    assert dict.fromkeys(tags[:2], VALUE) | {"rubber": TEXT} == named(
        Product("p", "Rubber mat"), tags, {"RUBBER": "rubber", "rubber ": "rubber"}
    )


def test_without_tags_nothing_is_named() -> None:
    """Tags of signs only have no words and are never named."""
    assert {} == named(Product("p", "anything", specs=(("a", "yes"),)), (), {})
    assert {} == named(Product("p", "anything at all *"), ("***", ":"), {})
    assert UNNAMED < VALUE < TEXT < SPEC


def test_a_long_text_is_read_to_a_limit() -> None:
    """Words after the limit are not looked at, counted over title, brand and description together."""
    filler = "x " * (TOKENS - 3)
    assert {"men": TEXT} == named(Product("p", title="one two", description=filler + "men"))
    assert {} == named(Product("p", title="one two three", description=filler + "men"))
    assert {} == named(Product("p", title=filler + "x x x", brand="men", description="men"))


@given(st.text(max_size=40), st.text(max_size=40), st.integers(0, LONGEST))
def test_phrases_are_every_run_of_words(title: str, description: str, longest: int) -> None:
    """Up to that many words, in order, none over two texts."""
    expected = [
        words[start:end]
        for words in (words_of(title), words_of(description))
        for start in range(len(words))
        for end in range(start + 1, len(words) + 1)
        if end - start <= longest
    ]
    assert expected == list(phrases_of(Product("p", title, description), longest))


@given(st.text(min_size=1, max_size=20).filter(lambda tag: 0 < len(words_of(tag)) <= LONGEST))
def test_every_tag_is_named_by_itself(tag: str) -> None:
    """Whatever its letters, in whatever case its text is written."""
    for text in (tag, f"before {tag.swapcase()} after"):
        if words_of(text.removeprefix("before ").removesuffix(" after")) == words_of(tag):
            assert {tag: TEXT} == named(Product("p", text), (tag,), {})
