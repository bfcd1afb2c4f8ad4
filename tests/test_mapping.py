"""taxonomy/mapping.py: category strings of other people on nodes of this tree."""

from pathlib import Path as File

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy.files import Separators, read_report, read_tree
from taxonomy.mapping import CategoryMapper, Unmapped
from taxonomy.tree import TaxonomyError, Tree

TREE = Tree.from_paths(
    [
        ("Electronics", "Audio", "Headphones", "Wireless"),
        ("Electronics", "Audio", "Speakers", "Wireless"),
        ("Electronics", "Audio/Video"),
        ("Electronics", "Accessories"),
        ("Clothing", "Accessories"),
        ("Toys", "Accessories"),
        ("Garden", "Accessories"),
        ("Garden", "Hoses | Reels"),
    ],
    {("Electronics", "Audio"): "audio-1"},
)


def text_of(answer: int | Unmapped) -> str:
    """Return what a test compares: the path of the node, or the reason."""
    return answer.reason if isinstance(answer, Unmapped) else TREE.text(answer)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("audio-1", "Electronics > Audio"),
        (" gid://shopify/TaxonomyCategory/audio-1 ", "Electronics > Audio"),
        ("Electronics > Audio > Speakers", "Electronics > Audio > Speakers"),
        ("ELECTRONICS>audio>  speakers", "Electronics > Audio > Speakers"),
        ("Electronics/Audio/Speakers/", "Electronics > Audio > Speakers"),
        ("Electronics | Audio | Speakers", "Electronics > Audio > Speakers"),
        ("Electronics >> Audio", "Electronics > Audio"),
        ('["Electronics", "Audio"]', "Electronics > Audio"),
        ("Garden > Hoses | Reels", "Garden > Hoses | Reels"),
        ("hoses | reels", "Garden > Hoses | Reels"),
        ("Audio/Video", "Electronics > Audio/Video"),
        ("speakers", "Electronics > Audio > Speakers"),
        ("Headphones > Wireless", "Electronics > Audio > Headphones > Wireless"),
        ("Audio/Headphones/Wireless", "Electronics > Audio > Headphones > Wireless"),
        ("toys &amp; games", "Toys"),
        ("Hi-Fi", "Electronics > Audio"),
        ("Sound > Loud  speakers", "Electronics > Audio > Speakers"),
        ("sound|loud speakers", "Electronics > Audio > Speakers"),
    ],
)
def test_a_category_is_found_however_it_is_written(text: str, path: str) -> None:
    """Id, full path by any separator, alias, unique name and unique end of a path all lead to the node."""
    aliases = {"Hi-Fi": "audio-1", "Sound > Loud speakers": "Electronics > Audio > Speakers", "Toys & Games": "Toys"}
    assert text_of(CategoryMapper(TREE, aliases=aliases).resolve(text)) == path


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the category is empty"),
        (
            "Wireless",
            (
                "the category 'Wireless' may be 'Electronics > Audio > Headphones > Wireless' or "
                "'Electronics > Audio > Speakers > Wireless'; write the full path or an id"
            ),
        ),
        (
            "accessories",
            (
                "the category 'accessories' may be 'Electronics > Accessories' or 'Clothing > Accessories' or "
                "'Toys > Accessories' or 1 more; write the full path or an id"
            ),
        ),
        (
            "Electronics > Audio > Headfones",
            (
                "the category 'Electronics > Audio > Headfones' is not in the taxonomy; the closest is "
                "'Electronics > Audio > Headphones': correct it or give an alias"
            ),
        ),
        (
            "Gardn > Acessories",
            (
                "the category 'Gardn > Acessories' is not in the taxonomy; the closest is "
                "'Electronics > Accessories': correct it or give an alias"
            ),
        ),
        (
            "Toys > Accesories",
            (
                "the category 'Toys > Accesories' is not in the taxonomy; the closest is "
                "'Toys > Accessories': correct it or give an alias"
            ),
        ),
        (
            "Garden > Qqq",
            (
                "the category 'Garden > Qqq' is not in the taxonomy; the closest is 'Garden': "
                "correct it or give an alias"
            ),
        ),
        ("Qqq", "the category 'Qqq' is not in the taxonomy; correct it, add it or give an alias"),
    ],
)
def test_what_cannot_be_mapped_says_why(text: str, reason: str) -> None:
    """The reason names the text and what to write instead."""
    assert text_of(CategoryMapper(TREE).resolve(text)) == reason


def test_candidates_are_the_nodes_that_the_reason_names() -> None:
    """A review page offers them as buttons."""
    answer = CategoryMapper(TREE).resolve("Wireless")
    assert isinstance(answer, Unmapped)
    assert [TREE.text(node) for node in answer.candidates] == [
        "Electronics > Audio > Headphones > Wireless",
        "Electronics > Audio > Speakers > Wireless",
    ]


def test_an_alias_never_hides_a_category_that_exists() -> None:
    """An exact path wins over an alias of the same name, so an old alias does no harm when the name comes back."""
    assert text_of(CategoryMapper(TREE, aliases={"Toys": "Garden"}).resolve("Toys")) == "Toys"


def test_an_alias_that_leads_nowhere_is_refused() -> None:
    """A mistyped alias file is found at start, not product by product."""
    with pytest.raises(TaxonomyError, match="the alias 'Hi-Fi' stands for 'Nowhere', which is not in this taxonomy"):
        CategoryMapper(TREE, aliases={"Hi-Fi": "Nowhere"})


def test_the_separator_of_the_source_is_tried_first() -> None:
    """A separator that is none of the usual ones works when it was given."""
    mapper = CategoryMapper(TREE, Separators(fixed="::"))
    assert text_of(mapper.resolve("Electronics::Audio::Speakers")) == "Electronics > Audio > Speakers"


def test_many_are_resolved_in_order() -> None:
    """The result has one entry for each text."""
    answers = CategoryMapper(TREE).resolve_many(["Toys", "Qqq", "Garden"])
    assert [answer if isinstance(answer, int) else None for answer in answers] == [10, None, 12]


def test_an_empty_tree_maps_nothing() -> None:
    """The first product of an empty index gets an answer, not an exception."""
    assert isinstance(CategoryMapper(Tree.empty()).resolve("Toys"), Unmapped)


@given(st.text(max_size=40))
def test_every_text_gets_an_answer(text: str) -> None:
    """Whatever a supplier writes, the row is labelled or quarantined; the mapper never fails."""
    answer = CategoryMapper(TREE).resolve(text)
    assert isinstance(answer, int | Unmapped)


@pytest.mark.real_data
def test_every_google_category_is_found_by_id_and_by_path(real_data: File) -> None:
    """5,595 ids and 5,595 paths lead to the positions they came from."""
    tree = read_tree(real_data / "taxonomies" / "google" / "google_2021-09-21_en.csv")
    mapper = CategoryMapper(tree)
    assert mapper.resolve_many(tree.ids) == list(range(5595))
    assert mapper.resolve_many(tree.text(node).upper() for node in range(5595)) == list(range(5595))


@pytest.mark.real_data
def test_the_second_id_of_a_repeated_path_maps_to_the_node_that_was_kept(real_data: File) -> None:
    """Best Buy lists six paths twice; products with either id get the same label."""
    report = read_report(real_data / "taxonomies" / "bestbuy" / "bestbuy_categories.csv")
    mapper = CategoryMapper(report.tree, aliases=report.aliases)
    assert len(report.aliases) == 6
    for repeated, kept in report.aliases.items():
        assert mapper.resolve(repeated) == mapper.resolve(kept) == report.tree.index(kept)
