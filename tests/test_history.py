"""indexer/store/history.py: the store as it was after any earlier change, on either engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from indexer.errors import RecordError
from indexer.picture import Picture
from indexer.product import Product, content_hash
from indexer.store.history import LOST, TakenBack
from indexer.store.records import Record, Records
from taxonomy.changes import Change, Merge, Move, Rename

if TYPE_CHECKING:
    from tests.conftest import Database

TITLES = ("mug", "cup", "pan", "lamp")


@pytest.fixture
def records(database: Database) -> Iterator[Records]:
    """Return an empty store."""
    with closing(Records.open(database.where)) as opened:
        yield opened


def record(product_id: str, title: str = "mug", category: str = "", *pictures: Picture, **more: object) -> Record:
    """Return a record of a product with that label and these pictures."""
    images = tuple(f"{at}.jpg" for at in range(len(pictures)))
    product = Product(product_id, title, category=category, images=images, pictures=pictures, **more)  # type: ignore[arg-type]
    return Record(product, content_hash(product), category.lower())


def state(records: Records) -> dict[str, Record]:
    """Return every record by its id."""
    with records.moment() as moment:
        return {each.record.product.id: each.record for page in moment.pages() for each in page}


def picture(number: int) -> Picture:
    """Return one of a few pictures."""
    return Picture(f"{number:032x}", phash=number, width=8, height=6, thumbnail=bytes([number]))


@pytest.mark.parametrize("seed", range(4))
def test_any_moment_of_a_random_history_comes_back(records: Records, seed: int) -> None:
    """After puts, relabelling and deletions of few ids the store equals, at any place, what a dict was there."""
    rng = np.random.default_rng(seed)
    model: dict[str, Record] = {}
    moments = {0: dict(model)}
    while len(moments) < 25:
        changes: list[Record | str] = []
        for id_ in rng.choice(list("abcdef"), rng.integers(1, 4), replace=False).tolist():
            made = record(
                id_,
                str(rng.choice(TITLES)),
                str(rng.choice(["", "Home", "Home > Mugs"])),
                weight=float(rng.integers(1, 4)),
                specs=(("size", str(rng.integers(2))),),
            )
            changes.append(id_ if rng.random() < 0.3 else made)
        records.change(changes)
        for each in changes:
            if isinstance(each, str):
                model.pop(each, None)
            else:
                model[each.product.id] = each
        moments[records.seq()] = dict(model)

    for seq in rng.permutation(sorted(moments)).tolist():
        before = records.seq()
        done = records.take_back(seq)
        assert state(records) == moments[seq]
        assert done == TakenBack(seq, before + done.changed, done.changed, 0)
        assert records.take_back(before).changed == done.changed  # what was taken back can be taken back
        assert [each.seq for each in records.journal(0, 10_000)] == list(range(1, records.seq() + 1))


def test_a_product_that_comes_back_is_told_apart_from_what_it_was_meanwhile(records: Records) -> None:
    """Its key is its own again, and its version is one that it never had."""
    records.write([record("a", "one")])
    records.write([record("a", "two")])
    records.delete(["a"])
    records.write([record("b", "other")])

    records.take_back(1)

    found = records.get(["a", "b"])
    assert (found["a"].key, found["a"].version, found["a"].record.product.title) == (1, 4, "one")
    assert "b" not in found
    assert [(each.action, each.id) for each in records.journal(4)] == [("delete", "b"), ("put", "a")]
    assert records.write([record("c")])[0].key == 3


def test_what_is_as_it_was_is_left_alone(records: Records) -> None:
    """A product that was changed and changed back has no further entry in the journal."""
    records.write([record("a", "one")])
    records.write([record("a", "two")])
    records.write([record("a", "one")])
    assert records.take_back(1) == TakenBack(1, 3, 0, 0)


def test_pictures_that_other_products_kept_come_back_and_the_others_are_told(records: Records) -> None:
    """A small copy that nobody needed went at once; the product says so, and looks no longer like anything."""
    one, two = picture(1), picture(2)
    records.write([record("a", "mug", "", one, two), record("b", "cup", "", picture(3))])
    records.write([record("c", "pan", "", one), record("a", "mug", "", picture(3)), record("b", "cup")])

    done = records.take_back(2)

    assert done.pictures == 1
    seen = records.get(["a"])["a"].record.product.pictures
    assert [(each.hash, each.phash, each.problem) for each in seen] == [(one.hash, 1, ""), (two.hash, 0, LOST)]
    assert records.get(["b"])["b"].record.product.pictures[0].phash == 3
    assert records.thumbnail(one.hash) == b"\x01"


def test_more_changes_than_one_statement_takes(records: Records) -> None:
    """Thousands are taken back as well, and vectors of contents that nobody has any more go."""
    first = [record(f"{n}", f"mug {n}", "Home") for n in range(1_300)]
    records.write(first)
    records.write([record(f"{n}", f"cup {n}") for n in range(650)])
    records.delete([f"{n}" for n in range(650, 1_300)])

    assert records.take_back(1_300).changed == 1_300
    assert state(records) == {each.product.id: each for each in first}


def test_what_the_journal_does_not_tell_is_not_guessed(records: Records, database: Database) -> None:
    """Entries of an aisle that kept no history are refused by name; later moments can be gone back to."""
    records.write([record("a", "one")])
    records.write([record("a", "two")])
    records.write([record("a", "three")])
    database.run("UPDATE journal SET before = NULL WHERE seq = 2")
    with pytest.raises(RecordError, match=r"change 2 of 'a' .* go back to change 2 or a later one"):
        records.take_back(1)
    for seq in (-1, 4):
        with pytest.raises(RecordError, match="the journal has those from 1 to 3"):
            records.take_back(seq)
    assert records.take_back(2).changed == 1
    assert records.get(["a"])["a"].record.product.title == "two"


def placed(records: Records, product_id: str, title: str, category: str) -> Record:
    """Return a record with the id that the standing tree has for its category."""
    tree = records.taxonomies.standing().tree.extended([tuple(category.split(" > "))])
    node = tree.find(tuple(category.split(" > ")))
    made = record(product_id, title, category)
    return Record(made.product, made.content_hash, "" if node is None else tree.ids[node])


def test_a_tree_that_was_changed_comes_back_with_every_label(records: Records) -> None:
    """Renamed, moved, merged or retired since: products that nobody touched have their former paths, too."""
    records.write(
        [
            placed(records, "run", "running shoe", "Shoes > Trainers"),
            placed(records, "boot", "rain boot", "Shoes > Boots"),
            placed(records, "hose", "hose", "Garden"),
            placed(records, "pot", "pot", "Garden > Pots"),
        ]
    )
    moments = {records.seq(): state(records)}
    rounds: list[Change] = [
        Rename("Shoes > Trainers", "Sneakers"),
        Merge(("Shoes > Boots",), "Shoes > Sneakers"),
        Move("Garden > Pots", None),
        Rename("Garden", "Outdoors"),
    ]
    for number, each in enumerate(rounds):
        records.taxonomies.change([each])
        moments[records.seq()] = state(records)
        records.write([placed(records, f"new{number}", f"shoe {number}", "Shoes > Sneakers")])
        records.write([placed(records, "run", f"running shoe {number}", "Shoes > Sneakers")])
        moments[records.seq()] = state(records)

    for seq in [*moments, *reversed(moments)]:
        number, before = records.taxonomies.number(), records.seq()
        done = records.take_back(seq)
        assert state(records) == moments[seq]
        changed = [entry for entry in records.journal(min(seq, before), 10_000) if entry.action == "taxonomy"]
        assert done.taxonomy in ({None} if not changed else {number + 1})
        tree = records.taxonomies.standing().tree
        for made in state(records).values():
            node = tree.find(tuple(made.product.category.split(" > ")))
            assert node is not None
            assert tree.ids[node] == made.node_id


def test_categories_that_exchanged_their_names_exchange_them_back(records: Records) -> None:
    """Each label goes with its node, not with its path."""
    records.write([placed(records, "a", "mug", "Home > A"), placed(records, "b", "cup", "Home > B")])
    before = state(records)
    one, two = before["a"].node_id, before["b"].node_id
    records.taxonomies.change([Rename(one, "C"), Rename(two, "A"), Rename(one, "B")])
    assert state(records)["a"].product.category == "Home > B"

    assert records.take_back(2).taxonomy == 3
    assert state(records) == before
