"""indexer/store/taxonomies.py: versions of the tree in a real store, previewed, made and undone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from indexer.errors import TaxonomyConflict, TaxonomyVersionNotFound
from indexer.product import Product, content_hash
from indexer.store.records import Entry, Record, Records
from indexer.store.relabelling import Shift
from indexer.store.taxonomies import Effect
from indexer.store.versions import TAXONOMY
from taxonomy.changes import Change, Merge, Move, Part, Rename, Retire, Split
from taxonomy.files import infer, tree_json
from taxonomy.names import TaxonomyError
from taxonomy.planting import NameTaken
from taxonomy.rules import Rule
from taxonomy.tree import Tree

CATALOGUE = {
    "run": ("Trail running shoe", "Shoes > Trainers"),
    "court": ("Tennis shoe", "Shoes > Trainers"),
    "plain": ("Canvas shoe", "Shoes > Trainers"),
    "boot": ("Rain boot", "Shoes > Boots"),
    "hiker": ("Hiking boot", "Footwear > Boots"),
    "shoe": ("Some shoe", "Shoes"),
    "hose": ("Garden hose", "Garden"),
    "bare": ("Nameless", ""),
}
if TYPE_CHECKING:
    from tests.conftest import Database

TRAINERS: Split = Split(
    "Shoes > Trainers", (Part("Running", Rule(some=("running",))), Part("Court", Rule(some=("tennis", "squash"))))
)


@pytest.fixture(params=["inferred", "given"])
def records(request: pytest.FixtureRequest, database: Database) -> Iterator[Records]:
    """Return a store of eight products on each engine, whose tree is inferred from them or was given."""
    store = Records.open(database.where)
    tree = infer(tuple(category.split(" > ")) for _, category in CATALOGUE.values() if category)
    if request.param == "given":
        store.taxonomies.adopt(tree)
    write(store, *CATALOGUE)
    yield store
    store.close()


def write(store: Records, *ids: str, category: str | None = None, title: str | None = None) -> None:
    tree = store.taxonomies.standing().tree
    new = []
    for each in ids:
        said, path = CATALOGUE[each]
        path = path if category is None else category
        product = Product(each, title or said, category=path, tags=("t",))
        node = tree.find(tuple(path.split(" > ")))
        new.append(Record(product, content_hash(product), "" if node is None else tree.ids[node]))
    store.write(new)


def shelves(store: Records) -> dict[str, str]:
    """Return the category of every product, checking that the id beside it is that of the tree which stands."""
    tree = store.taxonomies.standing().tree
    found = {}
    for stored in store.page(limit=100):
        category = stored.record.product.category
        node = tree.find(tuple(category.split(" > "))) if category else None
        if store.taxonomies.number() > 1:
            assert stored.record.node_id == ("" if node is None else tree.ids[node]) or not stored.record.node_id
        found[stored.record.product.id] = category
    return found


def journal(store: Records, since: int) -> list[tuple[str, str]]:
    return [(entry.action, entry.id) for entry in store.journal(since)]


def texts(tree: Tree) -> list[str]:
    return [tree.text(node) for node in range(len(tree))]


def test_a_tree_that_nobody_changed_is_version_1(records: Records) -> None:
    """It has no history, and no name of before."""
    standing = records.taxonomies.standing()
    assert (1, 1, []) == (records.taxonomies.number(), standing.number, records.taxonomies.history())
    assert ["Footwear", "Footwear > Boots", "Garden", "Shoes"] == sorted(texts(standing.tree))[:4]
    assert 0 == len(records.taxonomies.aliases())


def test_a_rename_changes_no_product(records: Records) -> None:
    """Paths are others; versions stay, and the journal has one entry, which names the version of the tree."""
    before = {each.record.product.id: each for each in records.page(limit=100)}
    seq = records.seq()
    effect = records.taxonomies.change([Rename("Shoes", "Feet")], "Ann")
    assert (2, 5, 0, 9) == (effect.number, effect.renamed, effect.relabelled, effect.seq)
    assert [Entry(9, records.journal(seq)[0].at, "taxonomy", -1, "2")] == records.journal(seq)
    expected = {name: path.replace("Shoes", "Feet") for name, (_, path) in CATALOGUE.items()}
    assert expected == shelves(records)
    for each in records.page(limit=100):
        old = before[each.record.product.id]
        assert (old.version, old.updated_at) == (each.version, each.updated_at)
    one, two = records.taxonomies.history()
    assert (1, "", [], None) == (one.number, one.author, list(one.changes), one.undone)
    assert (2, "Ann", None, effect.tree.version) == (two.number, two.author, two.undoes, two.fingerprint)
    assert "Feet" == two.changes[0]["name"]


def test_a_merge_relabels_products(records: Records) -> None:
    """Each gets a version and a place in the journal, with what it was before."""
    seq = records.seq()
    effect = records.taxonomies.change([Merge(("Shoes > Boots",), "Footwear > Boots")])
    boots = effect.tree.ids[effect.tree.find(("Footwear", "Boots")) or 0]
    assert [("taxonomy", "2"), ("put", "boot")] == journal(records, seq)
    stored = records.get(["boot"])["boot"]
    assert ("Footwear > Boots", boots, 2, ("t",)) == (
        stored.record.product.category,
        stored.record.node_id,
        stored.version,
        stored.record.product.tags,
    )
    assert 1 == effect.relabelled
    assert ["Shoes > Boots", "Footwear > Boots"] == [effect.shifts[0].path, effect.shifts[0].to_path]


def test_a_split_sorts_products_by_its_rules(records: Records) -> None:
    """The rest stays where it is."""
    effect = records.taxonomies.change([TRAINERS])
    assert {"run": "Running", "court": "Court", "plain": "Trainers"} == {
        name: shelves(records)[name].rpartition(" > ")[2] for name in ("run", "court", "plain")
    }
    assert {"Shoes > Trainers > Court": 1, "Shoes > Trainers > Running": 1} == {
        shift.to_path: shift.products for shift in effect.shifts
    }


@pytest.mark.parametrize(
    ("change", "category", "unlabelled"),
    [
        (Retire("Shoes > Trainers"), "Shoes", 0),
        (Retire("Shoes > Trainers", "Garden"), "Garden", 0),
        (Retire("Shoes > Trainers", unlabelled=True), "", 3),
    ],
)
def test_a_retired_category_sends_its_products_away(
    records: Records, change: Change, category: str, unlabelled: int
) -> None:
    """To its parent, to another one, or to none; a few of those are named."""
    effect = records.taxonomies.change([change])
    assert {category} == {shelves(records)[name] for name in ("run", "court", "plain")}
    assert (3, unlabelled) == (effect.relabelled, effect.unlabelled)
    assert (["run", "court", "plain"] if unlabelled else []) == list(effect.examples)


def test_categories_may_exchange_their_paths(records: Records) -> None:
    """In one version, with a merge that takes the path that another one leaves."""
    records.taxonomies.change(
        [
            Rename("Shoes", "Temporary"),
            Rename("Footwear", "Shoes"),
            Rename("Temporary", "Footwear"),
            Merge(("Shoes > Boots",), "Footwear > Boots"),
            Move("Garden", "Shoes"),
            Rename("Shoes > Garden", "Boots"),
        ]
    )
    assert {
        "run": "Footwear > Trainers",
        "court": "Footwear > Trainers",
        "plain": "Footwear > Trainers",
        "boot": "Footwear > Boots",
        "hiker": "Footwear > Boots",
        "shoe": "Footwear",
        "hose": "Shoes > Boots",
        "bare": "",
    } == shelves(records)


CHANGES: Sequence[Sequence[Change]] = [
    [Rename("Shoes", "Feet")],
    [Move("Shoes > Trainers", "Garden")],
    [Merge(("Shoes",), "Footwear")],
    [TRAINERS],
    [Retire("Shoes", unlabelled=True)],
    [TRAINERS, Retire("Shoes > Boots"), Rename("Garden", "Boots"), Merge(("Footwear",), "Shoes")],
    [Rename("Shoes", "T"), Rename("Footwear", "Shoes"), Rename("T", "Footwear")],
]


@pytest.mark.parametrize("changes", CHANGES)
def test_a_preview_tells_what_a_change_does(records: Records, changes: Sequence[Change]) -> None:
    """The same as the change itself, and nothing is changed by looking; so does the preview of its undo."""

    def told(effect: Effect) -> Effect:
        return replace(effect, seq=0)

    shelved, seq = shelves(records), records.seq()
    looked = records.taxonomies.preview(changes)
    assert (shelved, seq, 1) == (shelves(records), records.seq(), records.taxonomies.number())
    assert looked == told(records.taxonomies.change(changes))
    back = records.taxonomies.undo(preview=True)
    assert 2 == records.taxonomies.number()
    assert back == told(records.taxonomies.undo())


@pytest.mark.parametrize("changes", CHANGES)
def test_undone_tree_and_labels_are_what_they_were(records: Records, changes: Sequence[Change]) -> None:
    """As a version of its own, and again and again; what is undone may be made anew."""
    tree, shelved = records.taxonomies.standing().tree, shelves(records)
    records.taxonomies.change([Rename("Garden", "Outdoors")])
    for _ in range(2):
        changed = records.taxonomies.change(changes if "Garden" not in str(changes) else [TRAINERS])
        assert changed.number - 1 == records.taxonomies.number() - 1
        effect = records.taxonomies.undo(changed.number)
        assert changed.number == effect.undoes
    records.taxonomies.undo(2)
    assert tree == records.taxonomies.standing().tree
    assert shelved == shelves(records)
    history = records.taxonomies.history()
    assert [None, 7, 4, None, 6, None, None] == [each.undone for each in history]
    assert [None, None, None, 3, None, 5, 2] == [each.undoes for each in history]


def test_an_undo_leaves_alone_what_was_labelled_since(records: Records) -> None:
    """Only those get their former category back whose label nobody has changed; a new title is no new label."""
    records.taxonomies.change([Retire("Shoes > Trainers", "Garden")])
    write(records, "run", category="Shoes")
    write(records, "court", category="Garden", title="Tennis shoe, blue")
    records.delete(["plain"])
    write(records, "plain", category="Garden")
    effect = records.taxonomies.undo()
    assert {"run": "Shoes", "court": "Shoes > Trainers", "plain": "Garden"} == {
        name: shelves(records)[name] for name in ("run", "court", "plain")
    }
    assert [("Garden", "Shoes > Trainers", 1)] == [(each.path, each.to_path, each.products) for each in effect.shifts]


def test_a_change_in_between_that_was_taken_back_is_no_label(records: Records) -> None:
    """A product that was written under a name that its category had only for a while still goes back."""
    records.taxonomies.change([Retire("Shoes > Trainers", "Garden")])
    records.taxonomies.change([Rename("Garden", "Outdoors")])
    write(records, "run", category="Outdoors", title="Trail shoe")
    records.taxonomies.undo()
    assert "Garden" == shelves(records)["run"]
    records.taxonomies.undo(2)
    assert "Shoes > Trainers" == shelves(records)["run"]


def test_an_undo_takes_back_what_a_split_made(records: Records) -> None:
    """With the products that were labelled so since."""
    made = records.taxonomies.change([TRAINERS]).tree
    write(records, "hose", category="Shoes > Trainers > Court")
    effect = records.taxonomies.undo()
    assert "Shoes > Trainers" == shelves(records)["hose"]
    court, trainers = (
        made.ids[made.find(path) or 0] for path in [("Shoes", "Trainers", "Court"), ("Shoes", "Trainers")]
    )
    assert Shift(court, "Shoes > Trainers > Court", trainers, "Shoes > Trainers", 2) in effect.shifts


def test_only_the_last_change_that_stands_is_undone(records: Records) -> None:
    """The others say which one comes first, and a version that is none says so."""
    for changes in ([Rename("Shoes", "Feet")], [Rename("Garden", "Outdoors")]):
        records.taxonomies.change(changes)
    with pytest.raises(TaxonomyConflict, match="version 2 cannot be undone while version 3 stands; undo that first"):
        records.taxonomies.undo(2)
    with pytest.raises(TaxonomyConflict, match="version 1 has no change that could be taken back"):
        records.taxonomies.undo(1)
    with pytest.raises(TaxonomyVersionNotFound, match="no version 9, the last one is 3"):
        records.taxonomies.undo(9)
    records.taxonomies.undo()
    with pytest.raises(TaxonomyConflict, match="version 3 has no change that could be taken back"):
        records.taxonomies.undo(3)
    records.taxonomies.undo()
    with pytest.raises(TaxonomyConflict, match="the taxonomy has no change"):
        records.taxonomies.undo()


def test_what_is_refused_changes_nothing(records: Records) -> None:
    """A name that is taken, a category that is not there, a tree that is another by now."""
    shelved, seq = shelves(records), records.seq()
    with pytest.raises(NameTaken, match="merge the two"):
        records.taxonomies.change([Rename("Garden", "Hoses"), Rename("Footwear", "Shoes")])
    with pytest.raises(TaxonomyError, match="not in the taxonomy"):
        records.taxonomies.change([Rename("Hats", "Caps")])
    with pytest.raises(TaxonomyConflict, match="the taxonomy is at version 1, not at 3"):
        records.taxonomies.change([Rename("Garden", "Hoses")], expected=3)
    assert (shelved, seq, 1, []) == (
        shelves(records),
        records.seq(),
        records.taxonomies.number(),
        records.taxonomies.history(),
    )
    assert 1 == len(records.taxonomies.preview([Rename("Footwear", "Shoes")]).conflicts)


def test_an_open_tree_grows_on_after_a_change(tmp_path: Path) -> None:
    """New labels join it; undone, it is the tree of before with what has grown."""
    store = Records.open(tmp_path / "records.sqlite")
    write(store, "hose", "shoe")
    store.taxonomies.change([Rename("Garden", "Outdoors")])
    write(store, "run", category="Outdoors > Hoses")
    assert ["Garden", "Shoes"] == texts(infer([("Garden",), ("Shoes",)]))
    assert ["Outdoors", "Shoes", "Outdoors > Hoses"] == texts(store.taxonomies.standing().tree)
    store.taxonomies.undo()
    assert ["Garden", "Shoes", "Garden > Hoses"] == texts(store.taxonomies.standing().tree)
    assert "Garden > Hoses" == shelves(store)["run"]
    store.close()


def test_a_tree_that_is_given_again_does_not_take_changes_back(tmp_path: Path) -> None:
    """The same file as before goes on with what stands; another one takes its place, as a version of its own."""
    store = Records.open(tmp_path / "records.sqlite")
    first, other = Tree.from_paths([("Shoes",), ("Garden",)]), Tree.from_paths([("Shoes",), ("Hats",)])
    store.taxonomies.adopt(first)
    assert tree_json(first) == store.fact(TAXONOMY)
    store.taxonomies.change([Rename("Garden", "Outdoors")])
    store.taxonomies.adopt(first)
    assert ["Shoes", "Outdoors"] == texts(store.taxonomies.standing().tree)
    seq = store.seq()
    store.taxonomies.adopt(other)
    assert [("taxonomy", "3")] == journal(store, seq)
    assert (3, other, False) == (
        store.taxonomies.number(),
        store.taxonomies.standing().tree,
        store.taxonomies.standing().open,
    )
    with pytest.raises(TaxonomyConflict):
        store.taxonomies.undo()
    store.taxonomies.adopt(None)
    assert store.taxonomies.standing().open
    store.close()
