"""indexer/intake/placement.py: which category of the tree a product's category string stands for."""

import pytest

from indexer.errors import ProductError
from indexer.intake.placement import CANONICAL, Place, Placement
from taxonomy.aliases import Aliases
from taxonomy.changes import Change, Merge, Move, Rename, Retire
from taxonomy.planting import applied
from taxonomy.separators import Separators
from taxonomy.tree import Tree

TREE = Tree.from_paths([("Toys", "Cars"), ("Home", "Audio/Video")], {("Toys", "Cars"): "c-1"})


def said(placement: Placement, *texts: str) -> list[str]:
    """Return the path that each text is placed at, or why it is not."""
    return [place.category if isinstance(place, Place) else str(place) for place in placement.place(texts)]


def test_a_category_is_kept_as_path_and_id() -> None:
    """In the tree's own spelling, whichever of the two was written; no category is no place."""
    for grows in (True, False):
        placement = Placement(TREE, grows=grows)
        assert [Place("Toys > Cars", "c-1")] * 3 + [Place()] * 2 == placement.place(
            ["toys > CARS", "c-1", " Toys>Cars ", "", "  "]
        )
        assert TREE is placement.tree


def test_an_open_tree_grows() -> None:
    """A path that it lacks joins it, once, in the spelling that came first; ids are the same wherever it grows."""
    placement = Placement(TREE, grows=True)
    places = placement.place(["Toys > Kites", "TOYS > kites", "Hats", "Toys > Cars"])
    assert ["Toys > Kites", "Toys > Kites", "Hats", "Toys > Cars"] == [
        place.category for place in places if isinstance(place, Place)
    ]
    assert len(TREE) + 2 == len(placement.tree)
    assert TREE.ids == placement.tree.ids[: len(TREE)]
    again = Placement(Tree.empty(), grows=True)
    assert again.place(["Hats"]) == [places[2]]


def test_a_closed_tree_refuses_what_it_lacks() -> None:
    """Each with its reason, as a fault of the category; what is written otherwise is found all the same."""
    placement = Placement(TREE, grows=False, aliases={"Automobiles": "Toys > Cars"})
    places = placement.place(["Kites", "Automobiles", "cars"])
    assert isinstance(places[0], ProductError)
    assert "category" == places[0].field
    assert "Kites" in str(places[0])
    assert [Place("Toys > Cars", "c-1")] * 2 == places[1:]
    assert TREE is placement.tree


def test_a_name_may_hold_what_separates_elsewhere() -> None:
    """Our own way of writing a path comes first; then a slash separates below a known root."""
    placement = Placement(TREE, grows=True)
    assert ["Home > Audio/Video", "Home > Kitchen", "Garden/Tools"] == said(
        placement, "Home > Audio/Video", "Home/Kitchen", "Garden/Tools"
    )


@pytest.mark.parametrize(
    ("separators", "path"), [(CANONICAL, "Garden/Tools|Rakes"), (Separators(fixed="|"), "Garden/Tools > Rakes")]
)
def test_a_source_may_say_how_it_writes_paths(separators: Separators, path: str) -> None:
    """Nothing else separates then."""
    assert [path] == said(Placement(Tree.empty(), grows=True, separators=separators), "Garden/Tools|Rakes")


def test_a_string_that_is_no_path_is_refused_alone() -> None:
    """The others are placed, and an open tree does not grow by it."""
    placement = Placement(TREE, grows=True)
    places = placement.place(["Toys > > Cars", "Toys > Kites", "x" * 5_001])
    assert [ProductError, Place, ProductError] == [type(place) for place in places]
    assert "a name is empty" in str(places[0])
    assert len(TREE) + 1 == len(placement.tree)


@pytest.mark.parametrize("grows", [True, False])
def test_a_category_of_an_earlier_version_is_placed_where_it_went(grows: bool) -> None:
    """By path, however it is written, and by id: renamed, moved, merged, retired to another one, or to none."""
    tree = Tree.from_paths(
        [("Toys", "Cars"), ("Toys", "Trains"), ("Toys", "Kites"), ("Toys", "Dolls"), ("Home", "Hats")],
        {("Toys", "Trains"): "t-1", ("Toys", "Dolls"): "d-1"},
    )
    changes: list[Change] = [
        Rename("Toys", "Games"),
        Move("Games > Kites", "Home"),
        Merge(("t-1",), "Games > Cars"),
        Retire("Home > Hats", "Games"),
        Retire("d-1", unlabelled=True),
    ]
    made = applied(tree, changes)
    placement = Placement(made.tree, grows=grows, before=Aliases(made.aliases()))
    assert ["Games > Cars", "Home > Kites", "Games > Cars", "Games > Cars", "Games", "", ""] == said(
        placement, "toys > CARS", "Toys/Kites", "Toys > Trains", "t-1", "Home > Hats", "Toys > Dolls", "d-1"
    )
    assert made.tree == placement.tree
    assert ["Games"] == said(placement, "Games")


def test_an_open_tree_grows_below_what_was_renamed() -> None:
    """A category that is new under a name of before joins what has that name no longer."""
    made = applied(TREE, [Rename("Toys", "Games")])
    placement = Placement(made.tree, grows=True, before=Aliases(made.aliases()))
    assert ["Games > Kites", "Games > Cars"] == said(placement, "Toys > Kites", "Toys/Cars")
    closed = Placement(made.tree, grows=False, before=Aliases(made.aliases()))
    assert isinstance(closed.place(["Toys > Kites"])[0], ProductError)
