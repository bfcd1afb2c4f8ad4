"""taxonomy/vocabulary.py: tags from cells, and one spelling for each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy.tree import TaxonomyError
from taxonomy.vocabulary import Vocabulary, split_tags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("", ()),
        (" , ", ()),
        ("red", ("red",)),
        ("red, blue ,, RED", ("red", "blue")),
        ("red; blue, navy", ("red", "blue, navy")),
        ("color:Black|collection:Eco; Friendly, new", ("color:Black", "collection:Eco; Friendly, new")),
        ('["red", "blue | navy", "", "Red", 7, null]', ("red", "blue | navy", "7")),
        ("['red', 'blue']", ("red", "blue")),
        ("[]", ()),
        ("[" * 5000, ()),
        ("Gift \u00a0 Idea", ("Gift Idea",)),
    ],
)
def test_a_cell_becomes_tags(text: str, tags: tuple[str, ...]) -> None:
    """JSON, else bars, else semicolons, else commas; cleaned, each tag once in its first spelling."""
    assert split_tags(text) == tags


@given(st.text(max_size=60))
def test_splitting_what_was_split_changes_nothing(text: str) -> None:
    """Every text gives clean tags that differ by more than case."""
    tags = split_tags(text)
    assert len({tag.casefold() for tag in tags}) == len(tags)
    assert Vocabulary().apply(tags) == tags


def test_the_most_frequent_spelling_is_canonical() -> None:
    """Case and spacing are merged; equally frequent spellings are decided by alphabet."""
    words = Vocabulary.from_tags(["eco", "Eco", "Eco", "NEW", "New", " "])
    assert dict(words.spellings) == {"eco": "Eco", "new": "NEW"}
    assert words.canonical("ECO ") == "Eco"
    assert words.canonical(" never  seen ") == "never seen"


def test_aliases_and_exclusions_apply() -> None:
    """An alias gets the spelling of its tag; an excluded tag disappears under every word for it."""
    words = Vocabulary.from_tags(
        ["Waterproof", "Sale"], aliases={"Water-proof": "waterproof", "Deal": "Sale"}, exclusions=["SALE"]
    )
    assert words.apply(["water-proof", "WATERPROOF", "sale", "deal", "cosy"]) == ("Waterproof", "cosy")


def test_a_vocabulary_survives_json() -> None:
    """What was written is read back equal, exclusions and letters outside ASCII included."""
    words = Vocabulary.from_tags(["Größe", "neu"], aliases={"Grösse": "Größe"}, exclusions=["neu"])
    assert Vocabulary.from_json(words.to_json()) == words


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "this vocabulary is no JSON"),
        ("[]", "a vocabulary is a JSON object"),
        ('{"aliases": ["a"]}', "the aliases of a vocabulary are an object of words"),
        ('{"exclusions": "a"}', "the exclusions of a vocabulary are a list"),
    ],
)
def test_json_that_is_no_vocabulary_is_refused(text: str, message: str) -> None:
    """The message says which part is wrong."""
    with pytest.raises(TaxonomyError, match=message):
        Vocabulary.from_json(text)
