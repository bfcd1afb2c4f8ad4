"""What a product says: its phrases, and the ways in which it says them."""

import pytest

from indexer.product import Product
from service.tags.wording import ALONE, BRAND, COUNTED, FIRST, LAST, names_of, said

WHOLE = FIRST | LAST | ALONE


def ways(product: Product) -> dict[str, int]:
    """Return the ways of each phrase."""
    return {phrase: way for phrase, (way, _) in said(product).items()}


def test_phrases_are_runs_of_up_to_three_words() -> None:
    """Casefolded; who stands first or last between two marks is marked so, and what is all of it stands alone."""
    assert ways(Product("1", "Red Cotton Kite Tail")) == {
        "red": FIRST,
        "red cotton": FIRST,
        "red cotton kite": FIRST,
        "cotton": 0,
        "cotton kite": 0,
        "cotton kite tail": LAST,
        "kite": 0,
        "kite tail": LAST,
        "tail": LAST,
    }


@pytest.mark.parametrize(
    "title", ["Kite, red", "Kite (red)", "Kite - red", "Kite/red", "Kite | red", "kite: RED", "Kite & red"]
)
def test_marks_part_phrases(title: str) -> None:
    """Commas, brackets, spaced hyphens and their like; no phrase goes over one."""
    assert ways(Product("1", title)) == {"kite": WHOLE, "red": WHOLE}


def test_hyphens_and_apostrophes_inside_part_nothing() -> None:
    """Wash-proof is two words in a row, and what is left of a genitive is a word too."""
    assert set(ways(Product("1", "Wash-proof kid's kit"))) >= {"wash proof kid", "kid s kit", "s kit"}


def test_a_number_parts_phrases_and_marks_what_it_counts() -> None:
    """500 ml: the unit follows a number; a word with digits in it is no number and no word either."""
    assert ways(Product("1", "Jar 500 ml blue X9 lid")) == {
        "jar": FIRST,
        "ml": COUNTED,
        "ml blue": COUNTED,
        "blue": 0,
        "lid": LAST,
    }


def test_what_specs_say_counts_as_the_title_does() -> None:
    """Each value in its parts; more words between two marks than a value has are a sentence, and left out."""
    specs = (("Colour", "Red; dark blue"), ("Care", "always wash this by hand alone"))
    assert ways(Product("1", specs=specs)) == {"red": WHOLE, "dark": FIRST, "blue": LAST, "dark blue": WHOLE}


def test_of_yes_the_name_is_said_and_of_no_nothing() -> None:
    """A property is what its spec is called."""
    specs = (("frost_proof", "Yes"), ("Foldable", "ja"), ("New", "no"), ("Sale", "N/A"), ("Size", "n"))
    assert {phrase for phrase, way in ways(Product("1", specs=specs)).items() if way & ALONE} == {
        "frost proof",
        "foldable",
    }


def test_a_brand_is_marked_wherever_it_is_said() -> None:
    """All of it and each of its words."""
    found = ways(Product("1", "Kite by Old Hollow", brand="Old Hollow"))
    assert {phrase for phrase, way in found.items() if way & BRAND} == {"old", "hollow", "old hollow"}


def test_a_title_is_read_without_the_brand_that_it_begins_with() -> None:
    """What stands behind it is first; a longer word that begins like the brand is no brand."""
    assert ways(Product("1", "OLD HOLLOW red kite", brand="Old Hollow"))["red"] == FIRST
    assert ways(Product("1", "Oldest kite", brand="Old"))["oldest"] == FIRST


def test_the_opening_is_the_first_word_beside_phrase_and_brand() -> None:
    """Products of one family open alike: a phrase that begins the title is seen beside the word behind it."""
    one, other = said(Product("1", "Hollow Zephyr kite red", brand="Hollow")), said(Product("2", "Zephyr kite blue"))
    opening = {phrase: bit for phrase, (_, bit) in one.items()}
    assert opening["red"] == opening["kite"] == other["blue"][1]
    assert opening["zephyr"] == other["zephyr"][1] != opening["red"]
    assert said(Product("3", "Zephyr"))["zephyr"][1] == 0


def test_names_of_specs_are_not_those_of_yes_and_no() -> None:
    """A name that is asked for a value."""
    specs = (("Colour", "red"), ("frost_proof", "yes"), ("Sale", "No"), ("Strap Colour", "blue"))
    assert names_of(Product("1", specs=specs)) == {"colour", "strap colour"}


def test_long_texts_are_read_in_part() -> None:
    """A hundred words of a title, and three hundred of all specs."""
    words = [f"{a}{b}{c}" for a in "abcdefgh" for b in "abcdefgh" for c in "abcdefgh"]
    assert sum(" " not in phrase for phrase in said(Product("1", " ".join(words)))) == 100
    specs = tuple((f"name{place}", word) for place, word in enumerate(words))
    assert len(said(Product("1", specs=specs))) == 300
