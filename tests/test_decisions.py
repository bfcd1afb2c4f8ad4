"""indexer/store/decisions.py: what people decide, with what it changed, and taken back."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from indexer.encoders import Encoded
from indexer.errors import DecisionConflict, DecisionNotFound
from indexer.picture import Picture
from indexer.product import Product, content_hash
from indexer.store import upheld
from indexer.store.decisions import Decision
from indexer.store.records import RawVectors, Record, Records
from taxonomy.changes import Rename

if TYPE_CHECKING:
    from tests.conftest import Database

SEEN = Picture("ab" * 16, phash=5, width=8, height=6, thumbnail=b"\0\xff small")


def record(product_id: str, title: str = "Mug", category: str = "Home > Mugs") -> Record:
    """Return a labelled record."""
    product = Product(product_id, title, category=category, tags=("blue",), provenance="human", weight=0.5)
    return Record(product, content_hash(product), f"id of {category}")


def different(left: str, right: str, author: str = "") -> Decision:
    """Return the decision that two products are different."""
    return Decision("duplicates", "different", f"{left} {right}", author, says=[(left, right, "different")])


def test_what_is_said_of_a_pair_stays_until_it_is_taken_back(database: Database) -> None:
    """By ids, in either order; a later decision counts, and when that is taken back the former one that stands."""
    with closing(Records.open(database.where)) as records:
        first = records.decisions.record(different("b", "a", "ann"))
        assert (first.number, first.author, first.detail["pairs"]) == (1, "ann", [["a", "b", "different"]])
        second = Decision("duplicates", "same", "a b", says=[("a", "b", "same product")])
        records.decisions.record(second)
        records.decisions.record(replace(second, action="variant", says=[("a", "b", "variant")]))
        assert records.twins.settled(["b"]) == {("a", "b"): "variant"}

        records.decisions.undo(2, "bob")
        assert records.twins.settled(["a"]) == {("a", "b"): "variant"}
        undoing = records.decisions.undo(3, "bob")
        assert (undoing.action, undoing.detail["undoes"], undoing.author) == ("undo", 3, "bob")
        assert records.twins.settled(["a"]) == {("a", "b"): "different"}
        records.decisions.undo(1)
        assert records.twins.settled(["a", "b", "c"]) == {}

        assert [each.number for each in records.decisions.page(limit=2)] == [6, 5]
        assert [each.action for each in records.decisions.page(before=4)] == ["variant", "same", "different"]
        assert [each.number for each in records.decisions.since(4)] == [5, 6]
        assert records.decisions.get(3).undone_at == undoing.at
        with pytest.raises(DecisionConflict, match="decision 3 was taken back at"):
            records.decisions.undo(3)
        with pytest.raises(DecisionConflict, match="decision 4 takes another one back"):
            records.decisions.undo(4)
        with pytest.raises(DecisionNotFound, match="no decision 9, the last one is 6"):
            records.decisions.undo(9)


def test_what_a_decision_deleted_comes_back_whole(database: Database) -> None:
    """With label, picture and raw vectors that nobody could make again, under its key, as further changes."""
    shown = Record(replace(record("b").product, pictures=(SEEN,), images=("i",)), "content of b", "id of Home > Mugs")
    encoded = Encoded({"text": np.array([[0.6, 0.8]], np.float32)}, {"text": np.ones(1, np.bool_)})
    with closing(Records.open(database.where)) as records:
        records.write([record("a"), shown], RawVectors("toy", ["content of b"], encoded))
        before = records.get(["a", "b"])
        merging = Decision("duplicates", "merge", "g1", detail={"survivor": "a"}, keeps=["b"])
        records.change(["b"], decision=merging)
        assert records.decisions.get(1).detail == {"survivor": "a", "seqs": [3, 3]}
        assert records.thumbnail(SEEN.hash) is None

        assert records.decisions.undo(1).detail == {"undoes": 1, "seqs": [4, 4], "pairs": []}
        after = records.get(["a", "b"])
        assert after["a"] == before["a"]
        assert after["b"].record == before["b"].record
        assert (after["b"].key, after["b"].version) == (before["b"].key, 3)
        assert records.thumbnail(SEEN.hash) == SEEN.thumbnail
        (entry,) = records.journal(3)
        assert (entry.action, entry.id) == ("put", "b")
        back, there = records.vectors(["content of b"], "toy", {"text": 2})
        assert there.all()
        assert back.parts["text"].tolist() == encoded.parts["text"].tolist()


def test_a_field_goes_back_when_nobody_changed_it_since(database: Database) -> None:
    """A label goes back though the text has changed; a label that somebody gave since stays, and all with it."""
    with closing(Records.open(database.where)) as records:
        records.write([record("a"), record("b")])
        fixed = [record("a", category="Home > Cups"), record("b", category="Home > Cups")]
        records.change(fixed, decision=Decision("label", "fix", "a"))
        records.write([record("a", "Cup", "Home > Cups")])
        records.decisions.undo(1)
        found = records.get(["a", "b"])
        assert {id_: each.record for id_, each in found.items()} == {"a": record("a", "Cup"), "b": record("b")}

        records.change(fixed, decision=Decision("label", "fix", "a"))
        records.write([record("b", category="Garden")])
        with pytest.raises(
            DecisionConflict, match=r"decision 3 cannot be undone: 'b' was changed meanwhile \(node_id\)"
        ):
            records.decisions.undo(3)
        assert records.get(["a"])["a"].record == fixed[0]
        records.delete(["b"])
        with pytest.raises(DecisionConflict, match="'b' was deleted meanwhile; nothing was changed"):
            records.decisions.undo(3)


def found_right(verb: str, *ids: str) -> Decision:
    """Return a decision by which the labels that products have then are right."""
    return Decision("label", verb, ids[0], acts=[lambda connection, number: upheld.uphold(connection, ids, number)])


def test_a_label_that_somebody_found_right_since_stays(database: Database) -> None:
    """Neither is it taken away, nor the product that was new with it, until that is taken back; all else may be."""
    cups, text = record("a", category="Home > Cups"), record("a", "Cup", "Home > Cups")
    with closing(Records.open(database.where)) as records:
        records.write([record("a")])
        records.change([cups, record("b")], decision=found_right("fix", "a", "b"))
        records.change([text], decision=Decision("duplicates", "merge", "g1"))
        records.decisions.record(found_right("keep", "b"))
        with pytest.raises(
            DecisionConflict, match=r"1 cannot be undone: 'b' was found right since, by decision 3 \(take that back"
        ):
            records.decisions.undo(1)
        records.decisions.record(found_right("keep", "a"))
        with pytest.raises(DecisionConflict, match=r"'a' was found right since, by decision 4 .*, 'b' was found"):
            records.decisions.undo(1)
        assert {id_: each.record for id_, each in records.get(["a", "b"]).items()} == {"a": text, "b": record("b")}

        records.decisions.undo(2)
        assert records.get(["a"])["a"].record == cups
        records.decisions.undo(3)
        records.decisions.undo(4)
        records.decisions.undo(1)
        assert {id_: each.record for id_, each in records.get(["a", "b"]).items()} == {"a": record("a")}


def test_a_label_that_was_found_right_and_is_gone_keeps_nothing(database: Database) -> None:
    """After a return to an earlier moment there is nothing to take away; nor of a product that was deleted."""
    with closing(Records.open(database.where)) as records:
        records.write([record("a")])
        records.change([record("a", category="Home > Cups"), record("b")], decision=found_right("fix", "a", "b"))
        records.decisions.record(found_right("keep", "a", "b"))
        records.take_back(1)
        assert records.decisions.undo(1).detail == {"undoes": 1, "pairs": []}


def test_a_product_that_was_stored_anew_is_a_conflict(database: Database) -> None:
    """Whoever stored it anew is not overruled."""
    with closing(Records.open(database.where)) as records:
        records.write([record("a"), record("b")])
        records.change(["a", "b"], decision=Decision("duplicates", "merge", "g1"))
        records.write([record("b", "Another")])
        with pytest.raises(DecisionConflict, match="'b' was stored anew meanwhile"):
            records.decisions.undo(1)
        records.delete(["b"])
        records.decisions.undo(1)
        assert {id_: each.record for id_, each in records.get(["a", "b"]).items()} == {
            "a": record("a"),
            "b": record("b"),
        }


def test_a_category_comes_back_as_it_is_called_now(database: Database) -> None:
    """By its id, whatever it was renamed to meanwhile."""
    with closing(Records.open(database.where)) as records:
        tree = records.taxonomies
        records.write([record("a"), record("b")])
        mugs = tree.standing().tree.ids[1]
        records.write([Record(record(name).product, record(name).content_hash, mugs) for name in ("a", "b")])
        records.change(["b"], decision=Decision("duplicates", "merge", "g1"))
        tree.change([Rename(mugs, "Beakers")])
        records.decisions.undo(1)
        assert records.get(["b"])["b"].record.product.category == "Home > Beakers"


def test_a_decision_that_fails_changes_nothing(database: Database) -> None:
    """What it deletes and what it says are one transaction."""
    with closing(Records.open(database.where)) as records:
        records.write([record("a"), record("b")])
        database.fill_up("settled")
        with pytest.raises(Exception, match=r"disk is full|no room"):
            records.change(["b"], decision=replace(different("a", "b"), action="merge"))
        assert sorted(records.get(["a", "b"])) == ["a", "b"]
        assert records.decisions.last() == 0


def test_a_decision_outlives_a_return_to_an_earlier_moment(database: Database) -> None:
    """What it said of pairs holds, what it did to products does not, and says so; it can be undone still."""
    with closing(Records.open(database.where)) as records:
        records.write([record("a"), record("b"), record("c")])
        merge = Decision("duplicates", "merge", "g1", says=[("a", "b", "same product")])
        records.change([record("a", "Mug, large"), "b"], decision=merge)
        fixed = Decision("label", "fix", "c")
        records.change([record("c", category="Home > Cups")], decision=fixed)
        records.decisions.record(different("a", "c"))
        assert records.take_back(3).changed == 3

        assert [each.detail.get("taken_back") for each in records.decisions.since(0)] == [3, 3, None]
        assert records.twins.settled() == {("a", "b"): "same product", ("a", "c"): "different"}
        there, seq = records.get(["a", "b", "c"]), records.seq()
        assert records.decisions.undo(1).detail == {"undoes": 1, "pairs": [["a", "b", ""]]}
        assert records.decisions.undo(2).detail == {"undoes": 2, "pairs": []}
        assert (records.get(["a", "b", "c"]), records.seq()) == (there, seq)
        assert records.twins.settled() == {("a", "c"): "different"}


def test_what_was_taken_back_may_be_done_again(database: Database) -> None:
    """Back behind a decision, and behind that again to after it: its changes are there, and can be undone."""
    with closing(Records.open(database.where)) as records:
        records.write([record("a"), record("b")])
        records.change(["b"], decision=Decision("duplicates", "merge", "g1"))
        told = [records.decisions.get(1).detail]
        for place in (2, 4, 3):
            records.take_back(place)
            told.append(records.decisions.get(1).detail)
        assert [each.get("taken_back") for each in told] == [None, 2, 2, None]
        assert records.get(["b"]) == {}
        assert records.decisions.undo(1).detail["seqs"] == [6, 6]
        assert records.get(["b"])["b"].record == record("b")
