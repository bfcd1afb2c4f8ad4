"""taxonomy/planting.py: changes carried out on a tree, and what became of every category."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.product import Product
from taxonomy.aliases import Aliases
from taxonomy.changes import Change, Merge, Move, Part, Rename, Retire, Split
from taxonomy.names import TaxonomyError, path_text
from taxonomy.planting import NONE, NameTaken, PathChange, Planting, applied, planned, reverted
from taxonomy.rules import Rule
from taxonomy.tree import Tree

TREE = Tree.from_paths(
    [
        ("Shoes", "Trainers", "Running"),
        ("Shoes", "Trainers", "Court"),
        ("Shoes", "Boots"),
        ("Footwear", "Boots", "Rain"),
        ("Footwear", "Slippers"),
        ("Garden",),
    ]
)


def texts(tree: Tree) -> list[str]:
    return [tree.text(node) for node in range(len(tree))]


def id_of(*path: str, tree: Tree = TREE) -> str:
    node = tree.find(path)
    assert node is not None
    return tree.ids[node]


def test_a_rename_takes_along_what_is_below() -> None:
    """Ids and positions stay; only paths are others, and each product stays where it is."""
    made = applied(TREE, [Rename("Shoes > Trainers", "Sneakers")])
    assert TREE.ids == made.tree.ids
    assert [
        PathChange(id_of("Shoes", "Trainers"), "Shoes > Trainers", "Shoes > Sneakers"),
        PathChange(id_of("Shoes", "Trainers", "Running"), "Shoes > Trainers > Running", "Shoes > Sneakers > Running"),
        PathChange(id_of("Shoes", "Trainers", "Court"), "Shoes > Trainers > Court", "Shoes > Sneakers > Court"),
    ] == made.paths()
    assert () == made.steps
    assert (Rename(id_of("Shoes", "Trainers"), "Sneakers"),) == made.changes


def test_a_move_puts_parents_first() -> None:
    """A category that goes below one that came later stands after it then, with all that is below it."""
    made = applied(TREE, [Move("Shoes > Trainers", "Garden")])
    assert [
        "Shoes",
        "Garden",
        "Garden > Trainers",
        "Garden > Trainers > Running",
        "Garden > Trainers > Court",
        "Shoes > Boots",
        "Footwear",
        "Footwear > Boots",
        "Footwear > Boots > Rain",
        "Footwear > Slippers",
    ] == texts(made.tree)
    assert sorted(TREE.ids) == sorted(made.tree.ids)
    top = applied(TREE, [Move("Footwear > Slippers", None)])
    assert "Slippers" == top.tree.text(top.tree.index(id_of("Footwear", "Slippers")))


def test_a_merge_joins_what_has_one_name() -> None:
    """Products of both are together then; below them as well, and what has no counterpart moves."""
    made = applied(TREE, [Merge(("Shoes",), "Footwear")])
    assert [
        "Footwear",
        "Footwear > Trainers",
        "Footwear > Trainers > Running",
        "Footwear > Trainers > Court",
        "Footwear > Boots",
        "Footwear > Boots > Rain",
        "Footwear > Slippers",
        "Garden",
    ] == texts(made.tree)
    assert id_of("Footwear") == made.route(id_of("Shoes"))
    assert id_of("Footwear", "Boots") == made.route(id_of("Shoes", "Boots"))
    assert id_of("Shoes", "Trainers") == made.route(id_of("Shoes", "Trainers"))


def test_a_split_sorts_by_the_first_rule_that_matches() -> None:
    """The rest stays; a category of that name that is there is taken, a new one gets the id of its path."""
    parts = (Part("Court", Rule(some=("tennis", "squash"))), Part("Trail", Rule(some=("trail running",))))
    made = applied(TREE, [Split("Shoes > Trainers", parts)])
    trainers, court = id_of("Shoes", "Trainers"), id_of("Shoes", "Trainers", "Court")
    trail = id_of("Shoes", "Trainers", "Trail", tree=made.tree)
    assert trail == Tree.from_paths([("Shoes", "Trainers", "Trail")]).ids[-1]
    assert {trail: trainers} == made.made
    assert made.sorts(trainers)
    assert not made.sorts(court)
    said = {
        "Trail running shoe": trail,
        "Tennis shoe for trail running": court,
        "Trail  RUNNING": trail,
        "Running on a trail": trainers,
        "Shoe": trainers,
    }
    assert said == {title: made.route(trainers, Product("p", title=title)) for title in said}


def test_a_split_beside_makes_brothers() -> None:
    """And what is left may be retired in the same version, wherever the rules send the rest."""
    split = Split("Shoes > Trainers", (Part("Sneakers", Rule(brand="Acme")),), beside=True)
    made = applied(TREE, [split, Retire("Shoes > Trainers")])
    trainers, sneakers = id_of("Shoes", "Trainers"), id_of("Shoes", "Sneakers", tree=made.tree)
    assert sneakers == made.route(trainers, Product("p", title="Shoe", brand="ACME"))
    assert id_of("Shoes") == made.route(trainers, Product("p", title="Shoe"))
    assert id_of("Shoes") == made.route(id_of("Shoes", "Trainers", "Court"), Product("p", title="Shoe", brand="Acme"))


def test_what_is_merged_first_is_split_with_the_rest() -> None:
    """Steps follow each other, so the products of both are sorted."""
    made = applied(
        TREE, [Merge(("Shoes > Boots",), "Footwear > Boots"), Split("Footwear > Boots", (Part("Snow", Rule(tag="s")),))]
    )
    snow = id_of("Footwear", "Boots", "Snow", tree=made.tree)
    assert made.sorts(id_of("Shoes", "Boots"))
    assert snow == made.route(id_of("Shoes", "Boots"), Product("p", title="Boot", tags=("S",)))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (Retire("Shoes > Trainers"), "Shoes"),
        (Retire("Shoes > Trainers", "Garden"), "Garden"),
        (Retire("Shoes > Trainers", unlabelled=True), NONE),
    ],
)
def test_a_retired_branch_leaves_its_products_to_one_place(change: Change, where: str) -> None:
    """Those of every category of the branch: to its parent, to another one or to none."""
    made = applied(TREE, [change])
    assert len(TREE) - 3 == len(made.tree)
    for path in (("Shoes", "Trainers"), ("Shoes", "Trainers", "Court")):
        assert (id_of(where) if where else NONE) == made.route(id_of(*path))


def test_a_name_that_is_taken_is_a_conflict() -> None:
    """Applied, it is refused and says what to do instead; planned, it is told and the other changes are shown."""
    changes: list[Change] = [Move("Shoes > Boots", "Footwear"), Rename("Garden", "Outdoors")]
    said = (
        "change 1: 'Shoes > Boots' cannot become 'Footwear > Boots', which is there already; "
        "merge the two, or choose another name"
    )
    with pytest.raises(NameTaken) as refused:
        applied(TREE, changes)
    assert said == str(refused.value)
    made = planned(TREE, changes)
    assert (said,) == made.conflicts
    assert ["Outdoors"] == [each.after for each in made.paths()]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Rename("Hats", "Caps"), "the category 'Hats' is not in the taxonomy"),
        (Rename("Garden", "Garden"), "is called so already"),
        (Rename("Garden", "A > B"), "contains '>'"),
        (Rename("Garden", "  "), "a name is empty"),
        (Move("Shoes", "Shoes > Trainers > Court"), "which is in its branch"),
        (Move("Shoes > Boots", "Shoes"), "is there already"),
        (Merge(("Shoes",), "Shoes > Boots"), "move that one out first"),
        (Merge(("Shoes",), "Shoes"), "which is in its branch"),
        (Retire("Garden"), "has no parent that its products could go to"),
        (Retire("Shoes", "Shoes > Boots"), "cannot go to 'Shoes > Boots' in its branch"),
        (
            Split("Shoes > Boots", (Part("boots", Rule(tag="t")),), beside=True),
            "called like the category that is split",
        ),
    ],
)
def test_what_makes_no_tree_is_refused(change: Change, reason: str) -> None:
    """With the value and what to do; nothing is half done, for the tree is a value."""
    with pytest.raises(TaxonomyError, match=reason):
        applied(TREE, [change])


def test_a_list_sees_what_was_done_before_in_it() -> None:
    """A later change may use a name that an earlier one gave; two may change places by way of a third name."""
    made = applied(TREE, [Rename("Shoes", "Temporary"), Rename("Footwear", "Shoes"), Rename("Temporary", "Footwear")])
    assert "Footwear > Trainers" == made.tree.text(made.tree.index(id_of("Shoes", "Trainers")))
    assert "Shoes > Slippers" == made.tree.text(made.tree.index(id_of("Footwear", "Slippers")))
    with pytest.raises(TaxonomyError, match=r"change 2: the category 'Garden' is gone by then"):
        applied(TREE, [Retire("Garden", unlabelled=True), Rename("Garden", "G")])


def test_an_id_is_kept_by_who_had_it() -> None:
    """A category that comes to have the path that another one had before gets an id of its own."""
    renamed = applied(TREE, [Rename("Garden", "Outdoors")]).tree
    grown = renamed.extended([("Garden",)])
    assert "Outdoors" == grown.text(grown.index(id_of("Garden")))
    assert id_of("Garden", tree=grown) not in TREE.ids
    assert grown == renamed.extended([("Garden",)])


def test_undone_the_tree_is_what_it_was() -> None:
    """Position by position; what a split made gives its products back, and what has grown since stays."""
    split = Split("Shoes > Trainers", (Part("Trail", Rule(some=("trail",))),))
    made = applied(TREE, [split, Merge(("Shoes > Boots",), "Footwear > Boots"), Rename("Footwear", "Feet")])
    assert TREE == reverted(made.tree, TREE, made.made).tree
    grown = made.tree.extended([("Feet", "Socks"), ("Shoes", "Trainers", "Trail", "Women")])
    back = reverted(grown, TREE, made.made)
    assert [*texts(TREE), "Footwear > Socks", "Shoes > Trainers > Women"] == texts(back.tree)
    trail = id_of("Shoes", "Trainers", "Trail", tree=grown)
    assert id_of("Shoes", "Trainers") == back.route(trail)


def led(made: list[Planting], *path: str) -> str | None:
    """Return where a path of before leads after several versions."""
    aliases = Aliases(alias for each in made for alias in each.aliases())
    found = aliases.follow(made[-1].tree, path)
    return None if found is None else path_text(found)


def test_names_of_before_lead_to_categories_of_now() -> None:
    """Through several versions, by path and id, with what is below; a retired branch leads to one place."""
    first = applied(TREE, [Rename("Shoes", "Feet"), Merge(("Footwear > Boots",), "Shoes > Boots")])
    second = applied(first.tree, [Rename("Feet > Trainers", "Sneakers"), Retire("Garden", unlabelled=True)])
    third = applied(second.tree, [Retire("Feet > Sneakers > Court"), Move("Feet > Boots", None)])
    made = [first, second, third]
    assert "Feet > Sneakers > Running" == led(made, "shoes", "TRAINERS", "Running")
    assert "Boots > Rain" == led(made, "Footwear", "Boots", "Rain")
    assert "Boots > Snow" == led(made, "Footwear", "Boots", "Snow")
    assert "Boots" == led(made, id_of("Footwear", "Boots"))
    assert "Feet > Sneakers" == led(made, "Shoes", "Trainers", "Court", "Indoor")
    assert "Feet > Clogs" == led(made, "Shoes", "Clogs")
    assert "" == led(made, "Garden", "Hoses")
    assert led(made, "Feet", "Sneakers") is None
    assert led(made, "Hats") is None
    assert "Garden" == led([*made, reverted(third.tree, TREE, {})], "garden") or led(made, "Garden") == ""


def test_a_name_that_came_back_is_not_led_elsewhere() -> None:
    """After an undo both names lead to the one category."""
    there = applied(TREE, [Rename("Garden", "Outdoors")])
    back = reverted(there.tree, TREE, there.made)
    assert led([there, back], "Garden") is None
    assert "Garden > Hoses" == led([there, back], "Outdoors", "Hoses")


names = st.sampled_from("abcd")
paths = st.lists(st.lists(names, min_size=1, max_size=4).map(tuple), min_size=1, max_size=8)
places = st.integers(0, 10_000)


@st.composite
def plantings(draw: st.DrawFn) -> Planting:
    """Draw a tree and one to four changes of it; those that it refuses are left out."""
    tree = Tree.from_paths(draw(paths))
    done: list[Change] = []
    for _ in range(draw(st.integers(1, 4))):
        ids = applied(tree, done).tree.ids if done else tree.ids
        if not ids:
            break
        node, other = (ids[draw(places) % len(ids)] for _ in range(2))
        some: list[Change] = [
            Rename(node, draw(names)),
            Move(node, other),
            Move(node, None),
            Merge((node,), other),
            Split(node, (Part(draw(names), Rule(tag="x")),), draw(st.booleans())),
            Retire(node, other),
            Retire(node, unlabelled=True),
        ]
        change = draw(st.sampled_from(some))
        try:
            applied(tree, [*done, change])
        except TaxonomyError:
            continue
        done.append(change)
    return applied(tree, done)


@given(plantings())
def test_every_category_stays_or_leads_to_one_that_is_there(made: Planting) -> None:
    """By its id and by its path alike; whoever stays keeps id and products; undone, the tree is what it was."""
    aliases = Aliases(made.aliases())
    for node, node_id in enumerate(made.before.ids):
        to = made.route(node_id)
        assert to == NONE or to in made.tree.ids
        if node_id in made.tree.ids:
            assert node_id == to
        path = made.before.path(node)
        if made.tree.find(path) is None:
            expected = () if to == NONE else made.tree.path(made.tree.index(to))
            assert expected == aliases.follow(made.tree, path)
    assert made.before == reverted(made.tree, made.before, made.made).tree
    assert made.tree == applied(made.before, made.changes).tree
