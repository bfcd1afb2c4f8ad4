"""indexer/store/predictions.py and reviews.py: answers as they were given, and what people said of them."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from indexer.errors import DecisionConflict, PredictionNotFound
from indexer.product import Product, content_hash
from indexer.store import reviews
from indexer.store.decisions import Decided, Decision
from indexer.store.predictions import Prediction, Wanted
from indexer.store.records import Record, Records
from indexer.store.reviews import Review

if TYPE_CHECKING:
    from tests.conftest import Database

ANSWER = {"reason": "sure", "levels": [["Home", 0.9]], "alternatives": [["n1", "Home > Mugs", 0.9]], "tags": []} | {
    "neighbours": []
}


def prediction(number: int, **said: Any) -> Prediction:
    """Return an answer: p1 of the first of January at noon, p2 of the second, and so on."""
    made = Prediction(
        id=f"p{number}",
        at=f"2026-01-{number:02}T12:00:00.000+00:00",
        caller="127.0.0.1",
        product_id=f"sku-{number}",
        content_hash="c0ffee",
        supplier="Hollin",
        price=12.5,
        decision="auto",
        node_id="n1",
        category="Home > Mugs",
        probability=0.97,
        snapshot="s1",
        taxonomy=1,
        doubt=0.25,
        answer=ANSWER,
        product={"title": "Mug"},
    )
    return replace(made, **said)


def decided(records: Records, of: str, action: str, author: str = "ann", **said: Any) -> Decided:
    """Record what somebody decided about a prediction."""
    review = Review(action, **said)
    act = lambda connection, number: reviews.keep(connection, of, number, review)  # noqa: E731
    return records.decisions.record(Decision(reviews.KIND, action, of, author, acts=[act]))


def test_what_was_kept_is_there_and_is_never_overwritten(database: Database) -> None:
    """All fields as they were given; of an id that comes again the first stays; an unknown one is refused by name."""
    with closing(Records.open(database.where)) as records:
        first, bare = (
            prediction(1),
            prediction(2, product=None, price=None, decision="abstain", node_id="", category=""),
        )
        records.predictions.keep([first, bare])
        records.predictions.keep([replace(first, caller="other", category="Home"), prediction(3)])
        assert [each.prediction for each in records.predictions.page()] == [prediction(3), bare, first]
        assert records.predictions.get("p1").prediction == first
        with pytest.raises(PredictionNotFound, match="no prediction 'p9' is kept"):
            records.predictions.get("p9")


def test_a_prediction_is_settled_once_until_that_is_taken_back(database: Database) -> None:
    """Skipping and being unsure settle nothing; the decision says by whom and what; undoing it is a row, too."""
    with closing(Records.open(database.where)) as records:
        records.predictions.keep([prediction(1)])
        decided(records, "p1", "skip", "bob")
        said = decided(records, "p1", "correct", product_id="sku-1", node_id="n2", category="Home > Cups")
        kept = records.predictions.get("p1")
        assert [(each.action, each.author) for each in kept.reviews] == [("skip", "bob"), ("correct", "ann")]
        settled = Review("correct", "sku-1", "n2", "Home > Cups", said.number, said.at, "ann")
        assert (kept.settled, kept.prediction) == (settled, prediction(1))
        with pytest.raises(DecisionConflict, match="p1 is decided about: correct, by decision 2"):
            decided(records, "p1", "accept")
        assert records.decisions.last() == 2
        decided(records, "p1", "unsure")

        records.decisions.undo(2, "bob")
        assert records.predictions.get("p1").settled is None
        assert database.count("unsettled") == {"unsettled": 1}
        decided(records, "p1", "accept")
        assert database.count("unsettled") == {"unsettled": 0}
        assert [each.action for each in records.predictions.get("p1").reviews] == ["skip", "unsure", "accept"]
        assert [each.action for each in records.decisions.since(0)] == ["skip", "correct", "unsure", "undo", "accept"]


def test_predictions_are_listed_by_what_is_wanted(database: Database) -> None:
    """The latest first, page by page; by decision, what people said, branch, supplier, time and probability."""
    with closing(Records.open(database.where)) as records:
        some = [
            prediction(1),
            prediction(2, category="Home > Mugs > Large", node_id="n3", probability=0.5, decision="suggest"),
            prediction(3, category="Home > Mugs and more", node_id="n4", supplier="50% off"),
            prediction(4, category="", node_id="", probability=0.0, decision="abstain", supplier=""),
        ]
        records.predictions.keep(some)
        decided(records, "p1", "accept")
        decided(records, "p2", "finer")
        decided(records, "p4", "skip")

        def ids(**wanted: Any) -> list[str]:
            return [each.prediction.id for each in records.predictions.page(wanted=Wanted(**wanted))]

        assert ids() == ["p4", "p3", "p2", "p1"]
        assert (ids(decided=True), ids(decided=False)) == (["p2", "p1"], ["p4", "p3"])
        assert (ids(action="skip"), ids(named=False), ids(named=True)) == (["p4"], ["p4"], ["p3", "p2", "p1"])
        assert (ids(branch="Home > Mugs"), ids(branch="Home"), ids(branch="me")) == (
            ["p2", "p1"],
            ["p3", "p2", "p1"],
            [],
        )
        assert (ids(decision="suggest"), ids(supplier="50% off"), ids(supplier="")) == (["p2"], ["p3"], ["p4"])
        assert ids(since="2026-01-02T12:00:00.000+00:00", until="2026-01-04T12:00:00.000+00:00") == ["p3", "p2"]
        assert (ids(least=0.9), ids(most=0.5)) == (["p3", "p1"], ["p4", "p2"])
        page = records.predictions.page(limit=2)
        assert [each.prediction.id for each in records.predictions.page(page[-1].number, 2)] == ["p2", "p1"]
        assert records.predictions.count(Wanted(decided=False)) == 2


def test_decisions_are_counted_by_group(database: Database) -> None:
    """Categories as they were answered, confidences by class, suppliers, days; only decisions that stand."""
    with closing(Records.open(database.where)) as records:
        records.predictions.keep([prediction(1), prediction(2, probability=0.5), prediction(3, supplier="")])
        for name, action in (("p1", "accept"), ("p2", "correct"), ("p3", "accept")):
            decided(records, name, action)
        records.decisions.undo(3)
        tally = records.predictions.tally
        assert tally() == {"": Counter(accept=1, correct=1)}
        assert tally("category") == {"Home > Mugs": Counter(accept=1, correct=1)}
        assert tally("confidence") == {"6": Counter(accept=1), "1": Counter(correct=1)}
        assert tally("supplier") == {"Hollin": Counter(accept=1, correct=1)}
        assert tally("day") == {"2026-01-01": Counter(accept=1), "2026-01-02": Counter(correct=1)}
        assert tally(wanted=Wanted(decided=True, action="accept")) == {"": Counter(accept=1)}
        assert tally(wanted=Wanted(decided=False)) == {}
        assert tally("day", Wanted(since="2026-01-02")) == {"2026-01-02": Counter(correct=1)}


def test_old_predictions_are_forgotten_and_decisions_stay(database: Database) -> None:
    """What people decided about them can still be told and taken back."""
    with closing(Records.open(database.where)) as records:
        records.predictions.keep([prediction(n) for n in (1, 2, 3)])
        decided(records, "p1", "accept")
        assert records.predictions.forget_before("2026-01-03") == 2
        assert [each.prediction.id for each in records.predictions.page()] == ["p3"]
        assert records.predictions.tally() == {}
        assert records.decisions.get(1).subject == "p1"
        assert records.decisions.undo(1).detail["undoes"] == 1
        with pytest.raises(PredictionNotFound):
            decided(records, "p1", "accept")
        records.predictions.keep([prediction(4)])
        assert [each.number for each in records.predictions.page()] == [4, 3]


def test_a_product_that_was_new_with_a_decision_goes_when_that_is_taken_back(database: Database) -> None:
    """Unless it was changed meanwhile; and undoing what was deleted meanwhile changes nothing."""
    with closing(Records.open(database.where)) as records:

        def record(title: str) -> Record:
            product = Product("a", title, category="Home > Mugs")
            return Record(product, content_hash(product), "n1")

        new = Decision(reviews.KIND, "accept", "p1")
        records.change([record("Mug")], decision=new)
        assert records.decisions.undo(1).detail == {"undoes": 1, "seqs": [2, 2], "pairs": []}
        assert records.get(["a"]) == {}
        records.change([record("Mug")], decision=new)
        records.write([record("Cup")])
        with pytest.raises(DecisionConflict, match="decision 3 cannot be undone: 'a' was changed meanwhile"):
            records.decisions.undo(3)
        records.delete(["a"])
        assert "seqs" not in records.decisions.undo(3).detail
