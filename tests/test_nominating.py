"""service/review/nominating.py, indexer/store/nominations.py: what people want looked at comes first, until it is."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from indexer.product import Product
from indexer.store import nominations
from indexer.store.decisions import Decided, Decision
from indexer.store.nominations import Nomination
from indexer.store.predictions import Wanted
from indexer.store.records import Record, Records
from service.cli import aisle
from service.engine import Engine
from service.rest.app import create_app
from service.review import nominating
from service.review.queue import Looking, Queue
from service.review.sample import sample_of
from service.settings import ServiceSettings
from tests.test_predictions import decided, prediction
from tests.test_review import DOUBTED, doubtful, ids

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from service.answer import Answer
    from tests.conftest import Database

LEADS = "Pets > Dogs > Leads"


def nominated(records: Records, author: str, *numbers: int, **said: Any) -> Decided:
    """Record that somebody nominated sku-1 and so on; the predictions that are made for it are p101 and so on."""
    made = {f"sku-{n}": prediction(n, **{"id": f"p{100 + n}", "at": prediction(1).at, **said}) for n in numbers}
    act = lambda connection, number: nominations.nominate(connection, number, list(made), made)  # noqa: E731
    detail = {"ids": list(made), "reason": f"{author} says so", "missing": []}
    kind = (nominations.KIND, nominations.NOMINATE)
    return records.decisions.record(Decision(*kind, f"{len(made)} products", author, detail, acts=[act]))


def store(records: Records, *numbers: int) -> None:
    """Store products sku-1 and so on."""
    records.write([Record(Product(f"sku-{n}"), "c0ffee") for n in numbers])


def test_what_is_nominated_comes_before_all_else(database: Database) -> None:
    """One's own first, then what waits longest, as it was named, sure answers too; with who wants it and why."""
    with closing(Records.open(database.where)) as records:
        store(records, 1, 2, 3, 4)
        records.predictions.keep([doubtful(9, 0.99)])
        bob = nominated(records, "bob", 2, 1)
        nominated(records, "ann", 4, 3, decision="auto")
        queue = Queue(DOUBTED, records)
        given = queue.next(Looking("ann", limit=9))
        assert ids(given) == ["p104", "p103", "p102", "p101", "p9"]
        assert [item.came.why for item in given] == ["nominated"] * 4 + ["doubt"]
        assert given[2].nominations == [Nomination(bob.number, bob.at, "bob", "bob says so")]
        assert given[4].nominations == ()
        assert queue.next(Looking("bob", limit=9)) == []
        held = queue.next(Looking("ann", limit=1))
        assert (held[0].came.why, held[0].nominations[0].author) == ("held", "ann")


def test_the_queue_is_kept_to_what_is_nominated(database: Database) -> None:
    """To all of it, or to one nomination; what is only doubted is left out, and so it is the other way round."""
    with closing(Records.open(database.where)) as records:
        store(records, 1, 2, 3)
        records.predictions.keep([doubtful(9, 0.99)])
        nominated(records, "bob", 1)
        second = nominated(records, "bob", 2, 3)
        queue = Queue(DOUBTED, records)

        def given(**said: Any) -> list[str]:
            found = ids(queue.next(Looking("ann", limit=9, **said)))
            for each in found:
                queue.release("ann", each)
            return found

        assert given(kind="nominated") == ["p101", "p102", "p103"]
        assert given(wanted=Wanted(nomination=second.number)) == ["p102", "p103"]
        assert given(kind="doubt") == ["p9"]
        assert given(kind="nominated", wanted=Wanted(decision="suggest")) == []
        assert records.predictions.count(Wanted(nomination=second.number)) == 2


def test_a_product_waits_once(database: Database) -> None:
    """Whoever nominates it too shares its prediction; what says something else by now is asked about again for all."""
    with closing(Records.open(database.where)) as records:
        store(records, 1, 2)
        first = nominated(records, "bob", 1)
        assert records.decisions.get(first.number).detail[nominations.WAITED] == []
        second = nominated(records, "ann", 1, 2)
        assert records.decisions.get(second.number).detail[nominations.WAITED] == ["sku-1"]
        assert ids(Queue(DOUBTED, records).next(Looking("cy", limit=9))) == ["p101", "p102"]
        nominated(records, "dan", 1, content_hash="decaf", id="p201")
        changed = Queue(DOUBTED, records).next(Looking("eve", limit=9))
        assert ids(changed) == ["p201"]
        assert [each.author for each in changed[0].nominations] == ["bob", "ann", "dan"]
        assert records.predictions.count() == 2


def test_a_nomination_is_taken_back_with_what_nobody_settled(database: Database) -> None:
    """What is settled stays, and what another nomination is about; what is gone from the store waits for nobody."""
    with closing(Records.open(database.where)) as records:
        store(records, 1, 2, 3, 4)
        first = nominated(records, "ann", 1, 2, 3)
        nominated(records, "bob", 3, 4)
        decided(records, "p101", "accept")
        decided(records, "p102", "skip")
        records.decisions.undo(first.number)
        left = Queue(DOUBTED, records).next(Looking("cy", limit=9))
        assert ids(left) == ["p103", "p104"]
        assert [each.author for each in left[0].nominations] == ["bob"]
        assert [each.prediction.id for each in records.predictions.page()] == ["p104", "p103", "p101"]
        records.delete(["sku-4"])
        Queue(DOUBTED, records).release("cy", "p103")
        Queue(DOUBTED, records).release("cy", "p104")
        assert ids(Queue(DOUBTED, records).next(Looking("dan", kind="nominated", limit=9))) == ["p103"]


def test_a_product_waits_once_after_an_undo(database: Database) -> None:
    """Nominated again when it was settled, it waits by that alone, whatever is taken back, until that is."""
    with closing(Records.open(database.where)) as records:
        store(records, 1, 2)
        nominated(records, "bob", 1, 2)
        done = decided(records, "p101", "accept")
        again = nominated(records, "ann", 1, id="p201", content_hash="decaf")
        records.decisions.undo(done.number)
        queue = Queue(DOUBTED, records)

        def given() -> list[str]:
            found = ids(queue.next(Looking("ann", limit=9)))
            for each in found:
                queue.release("ann", each)
            return found

        assert given() == ["p201", "p102"]
        assert records.nominations.waiting(["sku-1"])["sku-1"].content_hash == "decaf"
        third = nominated(records, "cy", 1, id="p301", content_hash="decaf")
        assert records.decisions.get(third.number).detail[nominations.WAITED] == ["sku-1"]
        records.decisions.undo(third.number)
        records.decisions.undo(again.number)
        assert given() == ["p101", "p102"]


def test_what_is_nominated_is_in_no_sample(database: Database) -> None:
    """What people choose says nothing of the answers that nobody chose."""
    with closing(Records.open(database.where)) as records:
        store(records, 1)
        records.predictions.keep([prediction(9, id="p0" + "0" * 19)])
        nominated(records, "ann", 1, decision="auto", id="p1" + "0" * 19)
        decided(records, "p1" + "0" * 19, "correct")
        for share in (0.5, 1.0):
            sample = sample_of(records.predictions, Wanted(), share)
            assert (sample.sampled, sample.decided) == (1, 0)


@pytest.fixture
def client(own_index: Path) -> Iterator[TestClient]:
    """Return a client of a service whose queue holds nothing but what is put there."""
    with TestClient(create_app(ServiceSettings(index=own_index, upkeep=False, review_sample=0))) as client:
        yield client


def put(client: TestClient, *names: str, **said: Any) -> dict[str, Any]:
    """Return what is answered to a nomination by Ann."""
    body = {"ids": names, "reason": "they look odd", "author": "Ann"} | said.pop("body", {})
    answer = client.post("/v1/review:nominate", json=body, **said)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def given(client: TestClient, reviewer: str = "Ann", **said: Any) -> list[dict[str, Any]]:
    """Return what somebody is given, of all that waits."""
    answer = client.post("/v1/review:next", json={"reviewer": reviewer, "limit": 20, **said})
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_stored_products_are_put_into_the_queue_over_rest(client: TestClient) -> None:
    """Each once, in the order named, with its label beside what its neighbours say; itself is none of them."""
    told = put(client, "P003", "P001", "P003", "nobody")
    assert told["counts"] == {"put": 2, "waiting": 0, "missing": 1}
    assert told["items"] == [
        {"id": "P003", "outcome": "put"},
        {"id": "P001", "outcome": "put"},
        {"id": "nobody", "outcome": "missing"},
    ]
    items = given(client, nomination=told["number"])
    assert [each["prediction"]["product_id"] for each in items] == ["P003", "P001"]
    for item in items:
        product = client.get(f"/v1/products/{item['prediction']['product_id']}").json()
        assert item["stored"] == product
        assert item["prediction"]["product"] is None
        assert item["prediction"]["caller"] == "Ann"
        near = [each["id"] for each in item["prediction"]["neighbours"]]
        assert product["id"] not in near
        asked = {"id": product["id"], "title": product["title"], "brand": product["brand"]}
        asked |= {"description": product["description"], "specs": product["specs"]}
        answer = client.post("/v1/categorize", json=asked).json()
        assert (answer["category"], near) == (
            item["prediction"]["category"],
            [each["id"] for each in answer["neighbours"]],
        )
        assert item["nominations"] == [
            {"number": told["number"], "at": told["at"], "author": "Ann", "reason": "they look odd"}
        ]


def test_the_same_nomination_may_be_sent_again(client: TestClient) -> None:
    """With a key it is answered as before; without one the products wait already."""
    first = put(client, "P001", "P002", headers={"Idempotency-Key": "one"})
    assert put(client, "P001", "P002", headers={"Idempotency-Key": "one"}) == first
    again = put(client, "P001", "P002", "P004", body={"author": "Bob"})
    assert again["counts"] == {"put": 1, "waiting": 2, "missing": 0}
    assert [each["prediction"]["product_id"] for each in given(client, "Cy")] == ["P001", "P002", "P004"]
    assert client.get("/v1/predictions").json()["items"].__len__() == 3


def test_a_decision_changes_the_stored_product_and_is_undone(client: TestClient) -> None:
    """It has the label that was given, by a person; undone it has the one before, and waits again, in front."""
    before = client.get("/v1/products/P001").json()
    put(client, "P001")
    (item,) = given(client)
    url = f"/v1/predictions/{item['prediction']['id']}/decision"
    done = client.post(url, json={"decision": "correct", "category": LEADS, "author": "Ann"})
    assert done.status_code == 200, done.text
    after = client.get("/v1/products/P001").json()
    assert (after["category"], after["provenance"]) == (LEADS, "human")
    assert given(client) == []
    client.post(f"/v1/decisions/{done.json()['number']}:undo", json={})
    restored = client.get("/v1/products/P001").json()
    assert {name: restored[name] for name in ("category", "tags", "provenance")} == {
        name: before[name] for name in ("category", "tags", "provenance")
    }
    assert [each["prediction"]["id"] for each in given(client, "Bob")] == [item["prediction"]["id"]]


def test_what_was_settled_can_be_nominated_again(client: TestClient) -> None:
    """Though nothing changed meanwhile: somebody wants it looked at once more."""
    put(client, "P001")
    (item,) = given(client)
    client.post(f"/v1/predictions/{item['prediction']['id']}/decision", json={"decision": "accept", "author": "Ann"})
    client.post("/v1/categorize", json={"id": "P001", "title": item["stored"]["title"]})
    assert put(client, "P001")["counts"]["put"] == 1
    (other,) = given(client)
    assert other["prediction"]["id"] != item["prediction"]["id"]


def test_a_product_that_says_something_else_is_asked_about_again(client: TestClient) -> None:
    """A decision about what it said before is refused until then; one that was deleted is not brought back."""
    put(client, "P001", "P002")
    first, second = given(client)
    client.patch("/v1/products/P001", json={"title": "A long lead for large dogs"})
    url = f"/v1/predictions/{first['prediction']['id']}/decision"
    body = {"decision": "correct", "category": LEADS, "author": "Ann"}
    refused = client.post(url, json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "decision_conflict")
    assert put(client, "P001", "P002")["counts"] == {"put": 1, "waiting": 1, "missing": 0}
    anew = next(each for each in given(client) if each["prediction"]["product_id"] == "P001")
    url = f"/v1/predictions/{anew['prediction']['id']}/decision"
    done = client.post(
        url, json=body | {"decision": "accept", "category": ""} if anew["prediction"]["category"] else body
    )
    assert done.status_code == 200, done.text
    client.delete("/v1/products/P002")
    gone = client.post(f"/v1/predictions/{second['prediction']['id']}/decision", json=body)
    assert gone.status_code == 409
    assert client.get("/v1/products/P002").status_code == 404


def test_what_cannot_be_nominated_is_refused(client: TestClient, own_index: Path) -> None:
    """None that is stored; too many; where no answers are kept; nothing of it is recorded."""
    for body, status, words in (
        ({"ids": ["nobody", "nothing"]}, 409, "any of the 1 other ids; name products that are stored"),
        ({"ids": []}, 422, ""),
        ({"ids": [f"n{n}" for n in range(501)]}, 422, ""),
        ({"ids": ["P001"], "reason": "x" * 201}, 422, ""),
    ):
        refused = client.post("/v1/review:nominate", json=body)
        assert refused.status_code == status
        assert words in refused.json()["detail"]
    assert client.get("/v1/limits").json()["nominated_items"] == 500
    assert client.get("/v1/decisions", params={"kind": "nomination"}).json()["items"] == []
    with TestClient(create_app(ServiceSettings(index=own_index, upkeep=False, prediction_days=0))) as forgetful:
        refused = forgetful.post("/v1/review:nominate", json={"ids": ["P001"]})
        assert refused.status_code == 409
        assert "AISLE_PREDICTION_DAYS" in refused.json()["detail"]


def undoing(monkeypatch: pytest.MonkeyPatch, client: TestClient, number: int, *deleted: str) -> None:
    """Let somebody take a nomination back and delete products once, while others are asked about for another one."""
    answer = Engine.answer_stored
    left = [number]

    def answered(self: Engine, *asked: Any) -> list[Answer]:
        if left:
            assert client.post(f"/v1/decisions/{left.pop()}:undo", json={}).status_code == 200
            for each in deleted:
                assert client.delete(f"/v1/products/{each}").status_code == 200
        return answer(self, *asked)

    monkeypatch.setattr(Engine, "answer_stored", answered)


def test_what_waits_no_more_when_it_is_nominated_is_asked_about(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is told as put is put; what was deleted meanwhile is missing."""
    bob = put(client, "P001", "P002", body={"author": "Bob"})
    undoing(monkeypatch, client, bob["number"], "P002")
    told = put(client, "P001", "P002", "P003", headers={"Idempotency-Key": "one"})
    assert [(each["id"], each["outcome"]) for each in told["items"]] == [
        ("P001", "put"),
        ("P003", "put"),
        ("P002", "missing"),
    ]
    assert [each["prediction"]["product_id"] for each in given(client)] == ["P001", "P003"]
    assert put(client, "P001", "P002", "P003", headers={"Idempotency-Key": "one"}) == told


def test_what_changes_time_and_again_is_not_nominated(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused with what helps, and nothing is recorded."""
    bob = put(client, "P001", body={"author": "Bob"})
    undoing(monkeypatch, client, bob["number"])
    monkeypatch.setattr(nominating, "TRIES", 1)
    refused = client.post("/v1/review:nominate", json={"ids": ["P001", "P003"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "decision_conflict")
    assert "try again in a moment" in refused.json()["detail"]
    assert given(client) == []
    assert put(client, "P001", "P003")["counts"]["put"] == 2


def test_products_are_nominated_from_the_command_line(own_index: Path) -> None:
    """It says what became of them; undo takes them out again."""

    def ran(*arguments: object, code: int = 0) -> str:
        done = CliRunner().invoke(aisle, [*map(str, arguments), "--index", str(own_index)])
        assert done.exit_code == code, done.output
        return done.output

    said = ran("predictions", "nominate", "P001", "P002", "nobody", "--reason", "odd", "--author", "Ann")
    assert "decision 1: 2 products put into the review queue; not stored: nobody" in said
    again = ran("predictions", "nominate", "P001", "P003")
    assert "1 product put into the review queue, 1 waited there already" in again
    assert "2 products" in ran("decisions", "--kind", "nomination")
    ran("predictions", "undo", 2)
    with TestClient(create_app(ServiceSettings(index=own_index, upkeep=False, review_sample=0))) as client:
        assert [each["stored"]["id"] for each in given(client)] == ["P001", "P002"]
    assert "500 at most" in ran("predictions", "nominate", *(f"n{n}" for n in range(501)), code=2)
