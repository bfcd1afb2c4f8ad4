"""service/feedback/keeping.py: answers on their way into the record store."""

from __future__ import annotations

import logging
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from indexer.errors import PredictionNotFound
from indexer.picture import Picture
from indexer.product import Product, content_hash
from indexer.store.records import Records
from service.answer import Answer, Candidate, Level, Neighbour, TagScore, TaxonomyVersion
from service.feedback import keeping
from service.feedback.doubts import Doubts, doubts_of
from service.feedback.keeping import Keeper
from service.feedback.kept import prediction_of, product_from, product_json
from service.settings import ServiceSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Database

PRODUCT = Product(
    "sku",
    "Mug",
    "Stoneware",
    "Hollin",
    specs=(("size", "L"),),
    images=("mug.jpg", "back.jpg"),
    language="en",
    pictures=(
        Picture(
            "ab" * 16, phash=2**63 + 5, width=8, height=6, thumbnail=b"\0small", pixels=np.zeros((6, 8, 3), np.uint8)
        ),
        Picture(problem="it is broken"),
    ),
    vectors={"image": np.array([0.1, 0.9], np.float32)},
    facts=(("price", "12.50 EUR"), ("supplier", "ACME")),
)
MUGS = Candidate("n1", "Home > Mugs", 0.7)
ANSWER = Answer(
    product_id="sku",
    prediction_id="p1",
    decision="suggest",
    reason="",
    category=MUGS,
    levels=(Level("Home", 0.9), Level("Mugs", 0.7)),
    alternatives=(MUGS, Candidate("n2", "Home > Cups", 0.2)),
    tags=(TagScore("blue", 0.8, "text"),),
    neighbours=(Neighbour("a", "A mug", MUGS.path, 0.75, 0.6), Neighbour("b", "A cup", "Home > Cups", 0.5, 0.2)),
    duplicates=(),
    used={"text": True},
    language="en",
    snapshot="s1",
    taxonomy=TaxonomyVersion(3, "v"),
    model="toy",
    asked=PRODUCT,
)


def named(number: int) -> Answer:
    """Return an answer of its own."""
    return replace(ANSWER, prediction_id=f"p{number}")


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    """Return a record store in a file."""
    with closing(Records.open(tmp_path / "records.sqlite")) as records:
        yield records


def test_the_doubts_about_an_answer() -> None:
    """A lead of a half, a nearest neighbour at 0.75, a quarter of the weight elsewhere; and nothing to compare with."""
    assert doubts_of(ANSWER) == Doubts(uncertainty=0.5, novelty=0.25, disagreement=0.25)
    assert doubts_of(ANSWER).score == pytest.approx(0.6 * 0.5 + 0.2 * 0.25 + 0.2 * 0.25)
    assert doubts_of(replace(ANSWER, alternatives=(), neighbours=())) == Doubts(1.0, 1.0, 0.0)


def test_a_product_comes_back_as_it_was_asked_about() -> None:
    """With facts, small copies of pictures, problems and given vectors; so its content has the hash that it had."""
    back = product_from(product_json(PRODUCT), "other")
    assert back == replace(PRODUCT, id="other")
    assert (back.vectors["image"] == PRODUCT.vectors["image"]).all()
    assert (back.language, content_hash(back)) == ("en", content_hash(PRODUCT))


def test_what_is_kept_of_an_answer() -> None:
    """Everything but pixels and titles of others; the product only where products are kept."""
    made = prediction_of(ANSWER, "now", "key", whole=False)
    assert (made.id, made.category, made.node_id, made.probability) == ("p1", "Home > Mugs", "n1", 0.7)
    assert (made.supplier, made.price, made.product, made.taxonomy) == ("ACME", 12.5, None, 3)
    assert made.answer["neighbours"] == [["a", "Home > Mugs", 0.75, 0.6], ["b", "Home > Cups", 0.5, 0.2]]
    assert (prediction_of(replace(ANSWER, category=None), "", "").node_id, made.content_hash) == (
        "",
        content_hash(PRODUCT),
    )


def test_an_answer_can_be_found_at_once_and_is_there_after_a_restart(records: Records) -> None:
    """Whoever looks for it lets it be written first; closing writes what waits."""
    keeper = Keeper(ServiceSettings(), records)
    keeper.keep([named(1)], "ann", "sku")
    assert keeper.find("p1").prediction.product_id == ""
    keeper.keep([named(n) for n in range(2, 2_500)], "ann")
    keeper.close(60)
    assert records.predictions.count() == 2_499
    keeper.keep([named(9_999)], "ann")
    assert (keeper.lost, records.predictions.count()) == (1, 2_499)


def test_another_process_finds_it_a_moment_later(database: Database) -> None:
    """As soon as whoever answered has written it; and an unknown one is refused after that time."""
    with closing(Records.open(database.where)) as records, closing(Records.open(database.where)) as others:
        one, other = Keeper(ServiceSettings(), records), Keeper(ServiceSettings(), others)
        one.keep([ANSWER], "ann")
        assert other.find("p1").prediction.caller == "ann"
        with pytest.raises(PredictionNotFound):
            other.find("p2")
        one.close(60)
        other.close(60)


def test_keeping_never_waits_for_the_store(
    records: Records, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody else writes, answers wait; where the queue is full they are counted as lost."""
    monkeypatch.setattr(keeping, "QUEUE_BYTES", 10_000)
    keeper = Keeper(ServiceSettings(), records)
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with records.turn():
            held.set()
            go.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(60)
    with caplog.at_level(logging.WARNING):
        for number in range(20):
            keeper.keep([named(number)], "ann")
    assert 0 < keeper.lost < 20
    go.set()
    holder.join()
    keeper.close(60)
    assert records.predictions.count() == 20 - keeper.lost


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what aisle itself has logged: a driver may have a word of its own about a broken connection."""
    return [each.getMessage() for each in caplog.records if each.name.startswith("aisle")]


def test_a_store_that_refuses_is_tried_again(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """The trouble is told once, without what was asked; what waited is there when the store takes it again."""
    with closing(Records.open(database.where)) as records, caplog.at_level(logging.WARNING):
        database.fill_up("predictions")
        keeper = Keeper(ServiceSettings(), records)
        keeper.keep([ANSWER], "ann")
        with pytest.raises(Exception, match=r"disk is full|no room"):
            keeper.flush()
        keeper.keep([named(2)], "ann")
        for _ in range(100):
            if told(caplog):
                break
            threading.Event().wait(0.05)
        name, table = ("full", "") if database.engine == "sqlite" else ("full_up", " ON predictions")
        database.run(f"DROP TRIGGER {name}{table}")
        keeper.flush()
        assert records.predictions.count() == 2
        keeper.close(60)
    assert len(told(caplog)) == 1
    assert "Stoneware" not in caplog.text


def test_what_is_old_is_forgotten(records: Records) -> None:
    """After as many days as the settings say; with none, everything is, and nothing new is kept."""
    now = datetime.now(UTC)
    for number, days in ((1, 8.0), (2, 6.0)):
        at = (now - timedelta(days=days)).isoformat(timespec="milliseconds")
        records.predictions.keep([prediction_of(named(number), at, "ann")])
    for days, left in ((7, ["p2"]), (0, [])):
        keeper = Keeper(ServiceSettings(prediction_days=days), records)
        keeper.keep([], "ann")
        for _ in range(100):
            if [each.prediction.id for each in records.predictions.page()] == left:
                break
            threading.Event().wait(0.05)
        assert [each.prediction.id for each in records.predictions.page()] == left
        keeper.close(60)
    keeper = Keeper(ServiceSettings(prediction_days=0), records)
    keeper.keep([ANSWER], "ann")
    keeper.close(60)
    assert (records.predictions.count(), keeper.lost) == (0, 0)
