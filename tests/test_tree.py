"""taxonomy/tree.py: arrays, paths, ids and growth of a category tree."""

from pathlib import Path as File
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy import growth
from taxonomy.files import read_tree
from taxonomy.names import NOTE_CHARS
from taxonomy.tree import DEPTH_LIMIT, SEPARATOR, Path, TaxonomyError, Tree, clean_name, name_key, path_text

SHOES: list[Path] = [("Shoes", "Boots", "Rain boots"), ("Shoes", "Sandals"), ("Garden", "Boots")]

names = st.text(st.characters(exclude_characters=">"), min_size=1, max_size=12).map(clean_name).filter(bool)
paths = st.lists(st.lists(names, min_size=1, max_size=5).map(tuple), max_size=12)


@pytest.fixture
def tree() -> Tree:
    """Return six categories: two roots and one name that occurs under both."""
    return Tree.from_paths(SHOES)


def test_missing_ancestors_are_created_before_their_children(tree: Tree) -> None:
    """Positions follow the input, each ancestor just before its first descendant."""
    assert tree.names == ("Shoes", "Boots", "Rain boots", "Sandals", "Garden", "Boots")
    assert tree.parents.tolist() == [-1, 0, 1, 0, -1, 4]
    assert len(tree) == 6


def test_arrays_hold_depth_lineage_and_leaves(tree: Tree) -> None:
    """Lineage runs from the root to the node itself and is filled up with -1."""
    assert tree.depths.tolist() == [1, 2, 3, 2, 1, 2]
    assert tree.lineage.tolist() == [[0, -1, -1], [0, 1, -1], [0, 1, 2], [0, 3, -1], [4, -1, -1], [4, 5, -1]]
    assert tree.leaves.tolist() == [False, False, True, True, False, True]
    assert {array.dtype for array in (tree.parents, tree.depths, tree.lineage)} == {np.dtype(np.int32)}


def test_arrays_cannot_be_changed(tree: Tree) -> None:
    """A tree is shared by every reader, so writing to its arrays is refused."""
    with pytest.raises(ValueError, match="read-only"):
        tree.parents[0] = 3


def test_a_node_is_found_by_path_id_and_name(tree: Tree) -> None:
    """Paths and names ignore case and spacing; a repeated name gives every node that has it."""
    assert tree.text(2) == "Shoes > Boots > Rain boots"
    assert tree.path(5) == ("Garden", "Boots")
    assert tree.find((" shoes", "BOOTS", "rain  Boots")) == 2
    assert tree.find(("Boots",)) is None
    assert tree.find(()) is None
    assert tree.index(tree.ids[3]) == 3
    assert (tree.of_id(tree.ids[3]), tree.of_id("nowhere")) == (3, None)
    assert tree.named("boots") == [1, 5]
    assert tree.named("Hats") == []


def test_children_of_none_are_the_roots(tree: Tree) -> None:
    """Browsing starts at None and ends with an empty list at a leaf."""
    assert tree.children(None) == [0, 4]
    assert tree.children(0) == [1, 3]
    assert tree.children(2) == []


def test_deepest_common_node(tree: Tree) -> None:
    """Cousins meet at the nearest ancestor, a node and its ancestor at the ancestor, other roots nowhere."""
    assert tree.deepest_common(2, 3) == 0
    assert tree.deepest_common(2, 1) == 1
    assert tree.deepest_common(2, 2) == 2
    assert tree.deepest_common(1, 5) == -1


def test_totals_sum_over_whole_branches() -> None:
    """A (1) over A > B (2) over A > B > C (4), beside D (8)."""
    grown = Tree.from_paths([("A", "B", "C"), ("D",)])
    assert grown.totals(np.array([1, 2, 4, 8])).tolist() == [7, 6, 4, 8]
    assert Tree.empty().totals(np.zeros(0, np.int64)).tolist() == []


def test_an_unknown_id_or_position_is_refused(tree: Tree) -> None:
    """The message names the id; a negative position is not counted from the end."""
    with pytest.raises(TaxonomyError, match="no category has the id 'nowhere'"):
        tree.index("nowhere")
    with pytest.raises(TaxonomyError, match="node -1 is outside this tree of 6 nodes"):
        tree.path(-1)


def test_a_derived_id_is_a_hash_of_the_casefolded_path() -> None:
    """The id of a path is the same on every machine and in every release."""
    assert Tree.from_paths([("Shoes", "Boots")]).ids == ("n8599d20e404a", "n10a79b6192d1")
    assert Tree.from_paths([("SHOES ", " boots")]).ids == ("n8599d20e404a", "n10a79b6192d1")


def test_given_ids_are_kept_and_the_rest_derived() -> None:
    """A path in another spelling still gets its given id."""
    tree = Tree.from_paths(SHOES, {("shoes", "sandals"): "3237", ("Hats",): "unused"})
    assert tree.ids[3] == "3237"
    assert tree.ids[0] == Tree.from_paths(SHOES).ids[0]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ({("Shoes",): "1", ("Garden",): "1"}, "the id '1' stands for two categories"),
        ({("Shoes",): "1", ("SHOES",): "2"}, "'SHOES' has two ids, '1' and '2'"),
        ({("Shoes",): ""}, "the id '' is refused"),
        ({("Shoes",): "a\nb"}, "is refused; an id has 1 to 200 visible characters"),
    ],
)
def test_ids_that_collide_or_cannot_be_written_are_refused(ids: dict[Path, str], message: str) -> None:
    """One id stands for one category, and one category has one id."""
    with pytest.raises(TaxonomyError, match=message):
        Tree.from_paths(SHOES, ids)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ((), "it has 0 levels; a path has 1 to 20"),
        (("a",) * (DEPTH_LIMIT + 1), "it has 21 levels; a path has 1 to 20"),
        (("Shoes", " \t"), "a name is empty"),
        (("x" * 201,), "has 201 characters, the limit is 200"),
        (("Screens", "> 50 inch"), "contains '>', which separates names"),
    ],
)
def test_paths_over_the_limits_are_refused(path: Path, message: str) -> None:
    """Depth, length and separators inside names are checked, with the limit in the message."""
    with pytest.raises(TaxonomyError, match=message):
        Tree.from_paths([path])


@pytest.mark.parametrize(
    ("given_names", "parents", "message"),
    [
        (("A", "B"), [1, -1], "node 0 has parent 1; a parent comes before its children"),
        (("A", "a"), [-1, -1], "two categories named 'a' have the same parent"),
        (("A", " B"), [-1, 0], "the name ' B' is not clean"),
        (("A",), [-1, 0], "2 ids, 1 names and 2 parents"),
    ],
)
def test_parents_that_make_no_tree_are_refused(given_names: Path, parents: list[int], message: str) -> None:
    """What was read from a file is checked as strictly as what was built from paths."""
    with pytest.raises(TaxonomyError, match=message):
        Tree.from_parents(("1", "2"), given_names, parents)


def test_a_tree_over_the_limit_is_refused_while_it_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two million long paths are given up on at the first node too many, not when all are in memory."""
    monkeypatch.setattr(growth, "NODE_LIMIT", 5)
    with pytest.raises(TaxonomyError, match="there are more than 5 categories, the limit"):
        Tree.from_paths(SHOES)


def test_the_empty_tree_has_arrays_of_length_zero() -> None:
    """An index without labels has a tree too."""
    tree = Tree.empty()
    assert (len(tree), tree.lineage.shape, tree.children(None)) == (0, (0, 0), [])
    assert tree.extended([("A",)]).names == ("A",)


def test_extending_appends_and_changes_nothing_else(tree: Tree) -> None:
    """New categories come after all existing positions, under the existing parent in any spelling."""
    grown = tree.extended([("SHOES", "Boots", "Ski boots"), ("Hats",)])
    assert grown.names[6:] == ("Ski boots", "Hats")
    assert grown.parents.tolist()[6:] == [1, -1]
    assert grown.ids[:6] == tree.ids
    assert tree.version != grown.version


def test_extending_by_nothing_new_returns_the_same_tree(tree: Tree) -> None:
    """The caller may compare with `is` to see whether anything has to be written."""
    assert tree.extended([("shoes", "boots"), ("Garden",)]) is tree


def test_the_version_depends_on_ids_names_and_positions(tree: Tree) -> None:
    """Equal versions mean equal arrays, so a reordered tree is another version with the same ids."""
    reordered = Tree.from_paths(reversed(SHOES))
    assert Tree.from_paths(SHOES) == tree
    assert hash(Tree.from_paths(SHOES)) == hash(tree)
    assert reordered != tree
    assert sorted(reordered.ids) == sorted(tree.ids)


def test_a_category_keeps_what_it_says_of_itself() -> None:
    """A path in any spelling; the text cleaned and cut at its limit; what names no category is left out."""
    said = {("shoes", "BOOTS"): "welly,\n gumboot ", ("Garden",): "x" * (NOTE_CHARS - 1) + " yz", ("Hats",): "caps"}
    tree = Tree.from_paths(SHOES, notes=said)
    assert tree.notes == ("", "welly, gumboot", "", "", "x" * (NOTE_CHARS - 1), "")
    assert Tree.from_paths(SHOES).notes == ("",) * 6
    with pytest.raises(TaxonomyError, match="1 notes for 2 categories; give one for each, or none at all"):
        Tree.from_parents(("1", "2"), ("A", "B"), (-1, -1), ("a",))


def test_a_tree_that_grows_keeps_its_notes() -> None:
    """Whoever joins has none."""
    tree = Tree.from_paths([("Shoes",)], notes={("Shoes",): "footwear"})
    assert tree.extended([("Hats",)]).notes == ("footwear", "")
    assert tree.extended([("SHOES",)]) is tree


def test_notes_make_another_version() -> None:
    """Which category says what counts, and a tree without any has the version that it had before there were notes."""
    plain, noted = (
        Tree.from_paths(SHOES),
        [Tree.from_paths(SHOES, notes={(root,): "x"}) for root in ("Shoes", "Garden")],
    )
    assert len({tree.version for tree in (plain, *noted)}) == 3
    assert Tree.from_paths(SHOES, notes={("Shoes",): " "}) == plain
    assert Tree.from_paths([("Shoes", "Boots")]).version == "18cbb1cff32ed313"


def test_names_are_cleaned_and_compared_by_unicode_rules() -> None:
    """NFC and single spaces when stored; width, ligatures and case are ignored when compared."""
    assert clean_name("  Cafe\u0301 \n\x81 Bar\u200b ") == "Café Bar"
    assert name_key("\uff23AF\uff25\u0301  Straße") == name_key("café STRASSE")
    assert clean_name("a\ud800b") == "a b"
    assert path_text(("A", "B")) == "A > B"


def test_windows_letters_read_as_latin_1_are_repaired() -> None:
    """The letter is kept, so that both spellings are one category."""
    assert clean_name("N\x8cUD \x96 CACHE C\x8cUR") == "NŒUD \u2013 CACHE CŒUR"
    assert name_key("N\x8cUD") == name_key("nœud")


@given(paths)
def test_text_splits_back_into_the_path(listed: list[Path]) -> None:
    """No name holds the separator, so the text of a node says exactly where it is."""
    tree = Tree.from_paths(listed)
    for node in range(len(tree)):
        assert tuple(tree.text(node).split(SEPARATOR)) == tree.path(node)
        assert tree.find(tree.path(node)) == node


@given(paths)
def test_parents_come_before_children(listed: list[Path]) -> None:
    """One pass over the positions can sum from the roots down, one backwards from the leaves up."""
    tree = Tree.from_paths(listed)
    assert all(parent < node for node, parent in enumerate(tree.parents.tolist()))
    assert [tree.lineage[node, depth - 1] for node, depth in enumerate(tree.depths)] == list(range(len(tree)))
    assert tree.leaves.tolist() == [not tree.children(node) for node in range(len(tree))]


@given(paths, paths)
def test_extending_keeps_every_position(old: list[Path], new: list[Path]) -> None:
    """Labels that were stored as positions stay right, and the result holds both sets of paths."""
    tree = Tree.from_paths(old)
    grown = tree.extended(new)
    assert grown.names[: len(tree)] == tree.names
    assert grown.ids[: len(tree)] == tree.ids
    assert grown.parents[: len(tree)].tolist() == tree.parents.tolist()
    assert None not in {grown.find(path) for path in old + new}
    assert grown == Tree.from_paths(old + new)


@given(paths.flatmap(lambda listed: st.tuples(st.just(listed), st.permutations(listed))))
def test_ids_do_not_depend_on_the_order(orders: tuple[list[Path], list[Path]]) -> None:
    """The same path has the same id whatever came before it."""
    first, second = map(Tree.from_paths, orders)
    assert {name_key(first.text(node)): first.ids[node] for node in range(len(first))} == {
        name_key(second.text(node)): second.ids[node] for node in range(len(second))
    }


@pytest.mark.real_data
def test_ten_thousand_categories_are_built_in_well_under_a_second(real_data: File) -> None:
    """Every start of the service and every build makes this tree."""
    known = read_tree(real_data / "taxonomies" / "shopify" / "shopify_categories_en.csv")
    listed = [known.path(node) for node in range(len(known))]
    start = perf_counter()
    tree = Tree.from_paths(listed)
    assert perf_counter() - start < 1.0
    assert tree.names == known.names
