"""taxonomy/vocabulary.py: tags from cells, and one spelling for each."""

from pathlib import Path as File

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy import vocabulary
from taxonomy.names import name_key
from taxonomy.tree import TaxonomyError, Tree
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


def test_a_given_spelling_stands_whatever_products_carry() -> None:
    """Only tags without one get that which most products carry, counted once they are cleaned."""
    words = Vocabulary(spellings={"usb-c": "USB-C"}).spelt({"usb-c": 9, "ECO": 3, "Eco": 2, " Eco ": 2, "": 5})
    assert dict(words.spellings) == {"usb-c": "USB-C", "eco": "Eco"}
    assert words.apply(["usb-C", "eco"]) == ("USB-C", "Eco")


def test_spelling_keeps_the_rest_of_a_vocabulary() -> None:
    """Aliases, exclusions, scopes and conflicts are as before."""
    words = Vocabulary({}, {"gents": "men"}, frozenset({"sale"}), {"men": ("Clothing",)}, (("men", "women"),))
    spelt = words.spelt({"Men": 1})
    assert spelt == Vocabulary({"men": "Men"}, words.aliases, words.exclusions, words.scopes, words.conflicts)
    assert spelt.apply(["Gents", "MEN", "sale"]) == ("Men",)


EDITED = """{
 "spellings": {"usb-c": "USB-C"}, "aliases": {"Type  C": " USB-C "}, "exclusions": ["SALE", "Größe"],
 "scopes": {"Men": ["Clothing", "Shoes > Boots"], "Nowhere": []}, "conflicts": [["Men", "WOMEN"], []]
}"""


def test_a_vocabulary_is_edited_by_hand() -> None:
    """Tags are compared by key wherever they stand; paths are kept as they are written."""
    words = Vocabulary.from_json(EDITED)
    assert dict(words.aliases) == {"type c": "USB-C"}
    assert words.exclusions == {"sale", "grösse"}
    assert dict(words.scopes) == {"men": ("Clothing", "Shoes > Boots"), "nowhere": ()}
    assert words.conflicts == (("men", "women"), ())
    assert Vocabulary.from_json("{}") == Vocabulary()


tags = st.text(max_size=12)


@given(
    st.dictionaries(tags, tags, max_size=3),
    st.dictionaries(tags, tags, max_size=3),
    st.lists(tags, max_size=3),
    st.dictionaries(tags, st.lists(tags, max_size=2).map(tuple), max_size=3),
    st.lists(st.lists(tags, max_size=3), max_size=2),
)
def test_a_vocabulary_survives_json(
    spellings: dict[str, str],
    aliases: dict[str, str],
    exclusions: list[str],
    scopes: dict[str, tuple[str, ...]],
    conflicts: list[list[str]],
) -> None:
    """What was written is read back equal, every part and letters outside ASCII included."""
    words = Vocabulary(
        {name_key(tag): tag for tag in Vocabulary().apply(spellings)},
        {name_key(word): tag for word in aliases for tag in Vocabulary().apply([aliases[word]])},
        frozenset(map(name_key, exclusions)),
        {name_key(tag): paths for tag, paths in scopes.items()},
        tuple(tuple(map(name_key, group)) for group in conflicts),
    )
    again = Vocabulary.from_json(words.to_json())
    assert again == words
    assert again.to_json() == words.to_json()


def test_a_vocabulary_is_read_from_a_file(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte order mark is no part of it; what cannot be read says which file."""
    (tmp_path / "words.json").write_text(EDITED, encoding="utf-8-sig")
    assert Vocabulary.read(tmp_path / "words.json") == Vocabulary.from_json(EDITED)
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    (tmp_path / "latin.json").write_bytes('{"exclusions": ["Größe"]}'.encode("latin-1"))
    for name, message in (
        (
            "list.json",
            r"^list.json: a vocabulary is a JSON object with spellings, aliases, exclusions, scopes and conf",
        ),
        ("latin.json", r"^latin.json: this vocabulary is no JSON"),
        ("none.json", r"none.json cannot be read: No such file"),
    ):
        with pytest.raises(TaxonomyError, match=message):
            Vocabulary.read(tmp_path / name)
    monkeypatch.setattr(vocabulary, "BYTE_LIMIT", 10)
    with pytest.raises(TaxonomyError, match=r"words.json holds more than 10 bytes, the limit"):
        Vocabulary.read(tmp_path / "words.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "this vocabulary is no JSON"),
        ("[]", "a vocabulary is a JSON object"),
        ('{"aliases": ["a"]}', "the aliases of a vocabulary are an object of words"),
        ('{"spellings": {"a": 1}}', "the spellings of a vocabulary are an object of words"),
        ('{"exclusions": "a"}', "the exclusions of a vocabulary are a list"),
        ('{"scopes": ["a"]}', "the scopes of a vocabulary are an object: for each tag a list of category paths"),
        ('{"scopes": {"a": "A > B"}}', "the scopes of a vocabulary are an object: for each tag a list of cat"),
        ('{"conflicts": ["a", "b"]}', "the conflicts of a vocabulary are a list of lists of tags"),
        ('{"synonyms": {}}', "a vocabulary has no part 'synonyms'; its parts are spellings, aliases, exclusions, "),
        ("[" * 100_000, "this vocabulary is no JSON"),
    ],
)
def test_json_that_is_no_vocabulary_is_refused(text: str, message: str) -> None:
    """The message says which part is wrong."""
    with pytest.raises(TaxonomyError, match=message):
        Vocabulary.from_json(text)


TREE = Tree.from_paths([("Clothing", "Shoes"), ("Sports",)])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            Vocabulary(aliases={"deal": "Sale"}, exclusions=frozenset({"sale"})),
            "the alias 'deal' leads to 'Sale', which is excluded: neither is given; drop one of the two",
        ),
        (
            Vocabulary({"men": "Men"}, {"gents": "gentlemen", "gentlemen": "men"}),
            "the alias 'gents' leads to 'gentlemen', which is an alias itself; write 'Men'",
        ),
        (
            Vocabulary(scopes={"men": ("Clothing > Shoes", "clothing>shoes")}),
            "the scope of 'men' names 'clothing>shoes', which the tree has not; write it like 'A > B'",
        ),
        (
            Vocabulary(scopes={"men": ()}),
            "the scope of 'men' names no category, so that it is never given; exclude it or name some",
        ),
        (
            Vocabulary({"men": "Men"}, {"gents": "men"}, scopes={"gents": ("Clothing",)}),
            "the scope of 'gents' has no effect, for that is an alias; write 'Men'",
        ),
        (
            Vocabulary(exclusions=frozenset({"sale"}), conflicts=(("new", "sale"),)),
            "the conflict of 'sale' has no effect, for 'sale' is excluded; drop one of the two",
        ),
    ],
)
def test_what_has_no_effect_is_said(words: Vocabulary, said: str) -> None:
    """One sentence with what it is and what to do, and none for what is right."""
    assert words.oversights(TREE) == [said]


def test_what_is_right_needs_no_word() -> None:
    """Categories in another case, an alias of a tag, a conflict of two tags."""
    words = Vocabulary({}, {"gents": "men"}, frozenset({"sale"}), {"men": ("clothing > SHOES",)}, (("men", "women"),))
    assert words.oversights(TREE) == []
