"""Duplicates of one product: who is judged, what is told in which order, and what a person said of a pair."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from indexer.codes import codes_of
from indexer.encoders import Encoded
from indexer.errors import ProductDuplicate, ProductNotFound, VersionConflict
from indexer.intake.patch import Refused
from indexer.intake.screen import Screened
from indexer.intake.update import Encode
from indexer.live import Change, Patch
from indexer.memory.contents import Contents
from indexer.product import Product
from indexer.store.decisions import Decision
from indexer.store.records import Record, Written
from indexer.store.twins import Regrouped
from indexer.vectors import Changing, Keys
from service.answer import Answer
from service.duplicates.groups.scan import scan
from service.duplicates.screening import OnDuplicate
from service.duplicates.standing.standing import Standing
from service.engine import Engine
from service.settings import ServiceSettings

PAN = Product("new", title="Quorin copper saucepan with a lid", description="Hammered, tinned inside")
SENT = {"title": PAN.title, "description": PAN.description}
KETTLE = Product("k1", title="Steel kettle QX7731", brand="Ostmark", facts=(("gtin", "4006381333931"),))


@pytest.fixture
def engine(built_index: Path, tmp_path: Path) -> Iterator[Engine]:
    """Return an engine on a copy of the index that the test may change."""
    folder = tmp_path / "index"
    shutil.copytree(built_index, folder)
    opened = Engine.open(ServiceSettings(index=folder))
    yield opened
    opened.close()


def told(engine: Engine, query: Product | str, least: float | None = None) -> dict[str, str]:
    """Return the verdict on each product that is told, in order."""
    return {each.id: each.verdict for each in engine.duplicates(query, 100, least)}


def test_equal_content_is_found_under_another_id_and_never_itself(engine: Engine) -> None:
    """Alone and in an answer, by product and by id."""
    engine.put([PAN, replace(PAN, id="twin", title="Quorin  <b>copper</b> saucepan with a lid")])
    assert told(engine, "new")["twin"] == "identical"
    assert "new" not in told(engine, "new", least=0)
    assert {"new", "twin"} <= told(engine, replace(PAN, id="q")).keys()
    answer = engine.classify([replace(PAN, id="q")])[0]
    assert isinstance(answer, Answer)
    assert {each.id for each in answer.duplicates if each.same} >= {"new", "twin"}
    with pytest.raises(ProductNotFound):
        engine.duplicates("nobody", 10)


def test_who_shares_an_article_number_is_judged_however_unlike_the_texts(engine: Engine) -> None:
    """By GTIN, given or in the text, and by model number; not after it was deleted or changed."""
    engine.put([KETTLE])
    asked = Product("q", title="Bouilloire en inox", facts=(("gtin", "4006381333931"),))
    model = Product("q", title="QX-7731 Wasserkocher")
    assert "k1" in told(engine, asked, least=0)
    assert "k1" in told(engine, model, least=0)
    codes = codes_of([asked, model])
    assert [len(keys) for _, keys in [engine.live.contents.codes.search(codes, 9)]] == [2]
    engine.put([replace(KETTLE, facts=())])
    assert [rows.tolist() for rows, _ in [engine.live.contents.codes.search(codes, 9)]] == [[1]]
    engine.delete(["k1"])
    assert [rows.tolist() for rows, _ in [engine.live.contents.codes.search(codes, 9)]] == [[]]


def test_what_a_person_said_overrules_what_is_judged(engine: Engine) -> None:
    """A pair that is different is told no more, one that is the same comes first, and an undone word counts no more."""
    engine.put([PAN, replace(PAN, id="twin"), KETTLE])
    said = [("new", "twin", "different"), ("k1", "new", "same product")]
    number = engine.live.records.decisions.record(Decision("duplicates", "different", "new twin", says=said)).number
    first, *others = engine.duplicates("new", 10)
    assert ("k1", "same product", 1.0, "a person said so") == (
        first.id,
        first.verdict,
        first.probability,
        first.evidence[0],
    )
    assert "twin" not in [each.id for each in others]
    engine.live.records.decisions.undo(number)
    assert told(engine, "new")["twin"] == "identical"
    assert "k1" not in told(engine, "new")


def test_of_equally_likely_ones_who_has_the_very_title_comes_first(engine: Engine) -> None:
    """However much more similar the other is: a person called both the same."""
    named = Product("named", title=PAN.title.upper(), description="Sold to hotels in the mountains only, by weight")
    engine.put([PAN, replace(PAN, id="similar", title="Quorin copper saucepan, a lid"), named])
    said = [("new", "similar", "same product"), ("named", "new", "same product")]
    engine.live.records.decisions.record(Decision("duplicates", "same", "new", says=said))
    first, second = engine.duplicates("new", 2)
    assert ("named", 1.0, "similar", 1.0) == (first.id, first.probability, second.id, second.probability)
    assert first.similarity < second.similarity


def test_least_and_limit(engine: Engine) -> None:
    """With 0 all that were judged are told, the same first, then the likeliest and most similar, within the limit."""
    engine.put([PAN, replace(PAN, id="twin")])
    every = engine.duplicates("new", 10, 0)
    assert (len(every), every[0].id, every[0].verdict) == (10, "twin", "identical")
    order = [(not each.same, -round(each.probability + 0.3 * (not each.same) * each.similarity, 4)) for each in every]
    assert order == sorted(order)
    assert ["twin"] == [each.id for each in engine.duplicates("new", 1)]


def outcomes(engine: Engine, changes: Sequence[Change], on_duplicate: OnDuplicate) -> list[str]:
    """Return what became of each change: the outcome, `duplicate` or another error."""
    done = engine.change(changes, on_duplicate=on_duplicate)
    return [
        each.outcome if isinstance(each, Written) else "duplicate" if isinstance(each, ProductDuplicate) else str(each)
        for each in done
    ]


def test_products_are_looked_up_while_a_change_comes_into_memory(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New products are found before the place of their change is in memory, and beside them who is near them."""
    engine.put([PAN])
    found: list[dict[str, str]] = [told(engine, PAN.id, 0)]
    drop = Contents.drop

    def looking(contents: Contents, keys: Keys, changing: Changing) -> None:
        found.append(told(engine, PAN.id, 0))
        drop(contents, keys, changing=changing)

    monkeypatch.setattr(Contents, "drop", looking)
    engine.put([replace(PAN, id=f"new{n}", title=f"{PAN.title} {n}") for n in range(70)])
    assert not any(name.startswith("new") for name in found[0])
    assert any(name.startswith("new") for name in found[1])


def test_who_says_nothing_is_like_nobody(engine: Engine) -> None:
    """Products whose pictures could not be read, or whose title is a dash: no copies of each other, however found."""
    mute = [Product(f"mute{n}", "-."[n : n + 1], images=(f"https://shop.example/{n}.jpg",)) for n in range(4)]
    outcomes = engine.put(mute, on_duplicate="reject")
    assert [each.outcome for each in outcomes if isinstance(each, Written)] == ["created"] * 4
    assert [told(engine, each.id) for each in mute] == [{}, {}, {}, {}]
    found = scan(engine.live, engine.judging())
    keys = {each.key for each in engine.live.records.get([each.id for each in mute]).values()}
    assert keys.isdisjoint(found.groups.keys.tolist())
    assert keys.isdisjoint(found.pairs.left.tolist())
    changed = Standing().update(engine, np.array(sorted(keys), np.int64), [])
    assert isinstance(changed, Regrouped)
    assert [(twin.left, twin.right) for twin in changed.twins if keys & {twin.left, twin.right}] == []


def test_a_duplicate_is_refused_with_its_reason_and_nothing_is_stored(engine: Engine) -> None:
    """The one that is there is named; the same product under its own id is no duplicate, however often it is put."""
    engine.put([PAN])
    (refused,) = engine.put([replace(PAN, id="twin")], on_duplicate="reject")
    assert isinstance(refused, ProductDuplicate)
    assert "'twin' is stored already as 'new': identical with probability 1.00" in str(refused)
    assert [(each.id, each.verdict) for each in refused.duplicates if each.id == "new"] == [("new", "identical")]
    assert outcomes(engine, [PAN, PAN], "reject") == ["unchanged", "unchanged"]
    with pytest.raises(ProductNotFound):
        engine.get("twin")


def test_a_flagged_product_is_stored_and_its_duplicates_are_told(engine: Engine) -> None:
    """A product that is like no other has none."""
    engine.put([PAN])
    twin, kettle = engine.put([replace(PAN, id="twin"), KETTLE], on_duplicate="flag")
    assert isinstance(twin, Written)
    assert isinstance(kettle, Written)
    assert (twin.outcome, twin.duplicates[0].id, twin.duplicates[0].verdict) == ("created", "new", "identical")
    assert [each for each in kettle.duplicates if each.same] == []
    (plain,) = engine.put([replace(PAN, id="third")])
    assert isinstance(plain, Written)
    assert plain.duplicates == ()


def test_changes_of_one_request_are_judged_with_each_other_in_their_order(engine: Engine) -> None:
    """The second of two is refused; what was deleted or refused before is no duplicate, nor is what is patched away."""
    twin, other = replace(KETTLE, id="k2"), replace(KETTLE, id="k3")
    assert outcomes(engine, [KETTLE, twin, other], "reject") == ["created", "duplicate", "duplicate"]
    assert outcomes(engine, ["k1", twin, Patch("k2", {"tags": ("a",)})], "reject") == ["deleted", "created", "updated"]
    assert outcomes(engine, [KETTLE, Patch("k1", {"title": "Garden hose 20 m", "facts": ()})], "reject") == [
        *("duplicate", "duplicate"),
    ]
    engine.put([Product("hose", title="Garden hose 20 m")])
    assert outcomes(engine, [Patch("hose", {"title": KETTLE.title, "brand": "Ostmark"})], "reject") == ["duplicate"]
    assert engine.get("hose").record.product.title == "Garden hose 20 m"


def test_of_writers_at_the_same_time_one_stores_the_product(engine: Engine) -> None:
    """The others are refused, in whatever order they come: nobody stores between another's look and its write."""
    copies = [[replace(KETTLE, id=f"k{number}")] for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda some: outcomes(engine, some, "reject"), copies))
    assert sorted(outcome for each in done for outcome in each) == ["created", *["duplicate"] * 5]


def test_what_a_person_called_different_is_not_refused(engine: Engine) -> None:
    """And what was called the same is, however unlike it looks."""
    engine.put([PAN])
    said = [("new", "twin", "different"), ("k1", "new", "same product")]
    engine.live.records.decisions.record(Decision("duplicates", "different", "new twin", says=said))
    assert outcomes(engine, [replace(PAN, id="twin"), KETTLE], "reject") == ["created", "duplicate"]


def test_over_http(client: TestClient) -> None:
    """By product, form and id; what is refused names the stored product, also among items of a batch."""
    assert client.put("/v1/products/pan", json=SENT).json()["duplicates"] == []
    by_text = client.post("/v1/duplicates", json=SENT).json()
    by_form = client.post("/v1/duplicates", files={"title": (None, PAN.title), "description": (None, PAN.description)})
    assert [(each["id"], each["verdict"]) for each in by_text["items"]] == [("pan", "identical")]
    assert by_form.json()["items"] == by_text["items"]
    assert client.post("/v1/duplicates", json={"id": "pan", "limit": 1}).json()["items"] == []
    assert client.post("/v1/duplicates", json={"id": "nobody"}).json()["code"] == "product_not_found"
    refused = client.put("/v1/products/again?on_duplicate=reject", json=SENT)
    assert (refused.status_code, refused.json()["code"]) == (409, "duplicate")
    assert refused.json()["duplicates"] == by_text["items"]
    assert client.get("/v1/products/again").status_code == 404
    assert client.put("/v1/products/again?on_duplicate=perhaps", json=SENT).status_code == 422
    items = [SENT | {"id": "a"}, {"id": "b", "title": KETTLE.title}, {"id": "c", "title": KETTLE.title}]
    batch = client.post("/v1/products:batch?on_duplicate=reject", json={"items": items}).json()
    assert [item["status"] for item in batch["items"]] == [409, 201, 409]
    assert [each["id"] for each in batch["items"][2]["problem"]["duplicates"]] == ["b"]
    assert batch["counts"] == {"total": 3, "ok": 1, "failed": 2}
    flagged = [
        client.post("/v1/products?on_duplicate=flag", json=SENT | {"id": "f"}, headers={"Idempotency-Key": "k"})
        for _ in range(2)
    ]
    assert [each["id"] for each in flagged[0].json()["duplicates"]] == ["pan"]
    assert flagged[0].content == flagged[1].content
    other = client.post("/v1/products", json=SENT | {"id": "f"}, headers={"Idempotency-Key": "k"})
    assert other.json()["code"] == "idempotency_conflict"


def test_a_change_is_screened_anew_where_others_write_meanwhile(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is stored is what was looked up beside; at the fourth look a steady writer waits."""
    looks: list[int] = []
    records, ended = engine.live.records, threading.Event()

    def write() -> None:
        step = 0
        while not ended.wait(0.001):
            engine.live.put([Product("busy", f"kettle number {(step := step + 1)}")])

    def screen(_: object, ready: Sequence[Record | str | Refused], encode: Encode) -> Screened:
        seq = engine.live.follow()
        encode([each.product for each in ready if isinstance(each, Record)])
        looks.append(seq)
        deadline = time.monotonic() + (20 if len(looks) <= 3 else 0.2)
        while records.seq() == seq and time.monotonic() < deadline:
            time.sleep(0.001)
        return Screened(ready, seq)

    counted: list[int] = []
    encoding = engine.live.encoder.encode

    def counting(products: Sequence[Product]) -> Encoded:
        counted.extend(each.id == KETTLE.id for each in products)
        return encoding(products)

    monkeypatch.setattr(engine.live.encoder, "encode", counting)
    writer = threading.Thread(target=write)
    writer.start()
    (done,) = engine.live.change([KETTLE], screen=screen)
    seq = records.seq()
    while records.seq() < seq + 3:
        time.sleep(0.001)
    ended.set()
    writer.join()
    assert isinstance(done, Written)
    assert (done.outcome, done.seq, len(looks), sum(counted)) == ("created", looks[-1] + 1, 4, 1)
    assert engine.live.labels.key(KETTLE.id) is not None
    assert engine.live.seq == records.seq()


def test_a_turn_is_one_transaction_that_others_wait_for(engine: Engine) -> None:
    """This thread sees what it has changed, others do not yet; what fails within it leaves the rest, or takes all."""
    records = engine.live.records
    seen: list[list[str]] = []

    def here() -> list[str]:
        return sorted(records.get(["P001", "P002"]))

    def broken() -> None:
        with records.turn():
            records.delete(["P001"])
            with pytest.raises(VersionConflict):
                records.change(["P002"], expected={"P002": 9})
            other = threading.Thread(target=lambda: seen.append(here()))
            other.start()
            other.join()
            seen.append(here())
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert seen == [["P001", "P002"], ["P002"]]
    assert here() == ["P001", "P002"]
    with records.turn():
        records.delete(["P001"])
    assert here() == ["P002"]
