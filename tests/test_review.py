"""service/review: what people look at next, who has it, and what a sample says; and its routes."""

from __future__ import annotations

import threading
from contextlib import closing
from datetime import UTC, datetime
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from indexer.errors import SettingError
from indexer.store.predictions import Prediction, Wanted
from indexer.store.records import Records
from service.rest import review
from service.rest.app import create_app
from service.review import queue
from service.review.queue import Looking, Queue
from service.review.sample import Sampled, sample_of
from service.settings import ServiceSettings
from tests.test_predictions import decided, prediction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from indexer.store.waiting import Turn
    from service.review.anew import Anew
    from tests.conftest import Database

DOUBTED = ServiceSettings(review_sample=0)


def doubtful(number: int, doubt: float, near: str = "", **said: Any) -> Prediction:
    """Return an answer that is to be looked at; near: ids of its neighbours, a letter each."""
    answer = {**prediction(1).answer, "neighbours": [[each, "", 0.5, 0.1] for each in near]}
    return prediction(number, **{"decision": "suggest", "doubt": doubt, "answer": answer, **said})


def ids(items: list[queue.Item]) -> list[str]:
    """Return the ids of what somebody was given."""
    return [item.kept.prediction.id for item in items]


def test_two_people_never_get_the_same_item(database: Database) -> None:
    """From two processes at once; each keeps what he has until he decides, and gets more beside it."""
    with closing(Records.open(database.where)) as here, closing(Records.open(database.where)) as there:
        here.predictions.keep([doubtful(n, 0.5 + n / 100) for n in range(1, 31)])
        given: dict[str, list[str]] = {}

        def look(records: Records, reviewer: str) -> None:
            given[reviewer] = ids(Queue(DOUBTED, records).next(Looking(reviewer, limit=10)))

        people = [threading.Thread(target=look, args=pair) for pair in ((here, "ann"), (there, "bob"), (here, "cy"))]
        for each in people:
            each.start()
        for each in people:
            each.join()
        assert sorted(name for some in given.values() for name in some) == sorted(f"p{n}" for n in range(1, 31))
        assert ids(Queue(DOUBTED, there).next(Looking("ann", limit=10))) == given["ann"]
        assert Queue(DOUBTED, here).next(Looking("dan")) == []

        decided(here, given["ann"][0], "accept")
        decided(here, given["ann"][1], "unsure")
        assert ids(Queue(DOUBTED, here).next(Looking("ann", limit=10))) == given["ann"][2:]
        assert ids(Queue(DOUBTED, here).next(Looking("dan", limit=10))) == [given["ann"][1]]


def test_an_item_comes_back_when_its_time_is_over_or_it_is_given_back(database: Database) -> None:
    """Then to whoever asks first; what somebody skipped is not given to him for a day."""
    with closing(Records.open(database.where)) as records:
        records.predictions.keep([doubtful(1, 0.9), doubtful(2, 0.5)])
        short = Queue(ServiceSettings(review_sample=0, review_minutes=1e-6), records)
        assert ids(short.next(Looking("ann"))) == ["p1"]
        assert ids(Queue(DOUBTED, records).next(Looking("bob"))) == ["p1"]
        assert Queue(DOUBTED, records).release("ann", "p1") is False
        assert Queue(DOUBTED, records).release("bob", "p1") is True
        decided(records, "p1", "skip", "bob")
        assert ids(Queue(DOUBTED, records).next(Looking("bob"))) == ["p2"]
        assert ids(Queue(DOUBTED, records).next(Looking("cy"))) == ["p1"]


def asking(records: Records) -> tuple[Turn, list[int]]:
    """Return the turn in which Ann asks, and the two predictions that she has been given since."""
    records.predictions.keep([doubtful(1, 0.9), doubtful(2, 0.5)])
    queue = Queue(DOUBTED, records)
    turn = queue._turn("ann")
    return turn, [item.kept.number for item in queue.next(Looking("ann", limit=2))]


def test_what_somebody_skips_while_he_asks_for_more_is_not_given_to_him_again(database: Database) -> None:
    """Who was asked for what he has a moment before is told by what he has said since."""
    with closing(Records.open(database.where)) as records:
        turn, held = asking(records)
        decided(records, "p1", "skip")
        assert records.waiting.take(turn, held) == held[1:]


def test_what_somebody_gives_back_while_he_asks_for_more_is_not_his_again(database: Database) -> None:
    """A page that is left gives back what it has, and what it had asked for a moment before does not take it again."""
    with closing(Records.open(database.where)) as records:
        turn, held = asking(records)
        assert Queue(DOUBTED, records).release("ann", "p1") is True
        assert records.waiting.hold(turn, 2) == held[1:]
        assert ids(Queue(DOUBTED, records).next(Looking("bob", limit=2))) == ["p1"]


def test_the_most_doubted_come_first_and_no_copies_of_them(database: Database) -> None:
    """With the parts of their score; of a product that was asked about again the last answer alone."""
    with closing(Records.open(database.where)) as records:
        some = [doubtful(n, 0.9, "abcd") for n in (1, 2, 3)]
        again = [doubtful(4, 0.99, product_id="same"), doubtful(5, 0.3, "wx", product_id="same")]
        nameless = [doubtful(n, 0.2, "yz", product_id="", content_hash="equal") for n in (6, 7)]
        sure = prediction(8, doubt=1.0)
        records.predictions.keep([*some, *again, *nameless, sure])
        given = Queue(DOUBTED, records).next(Looking("ann", limit=3))
        assert ids(given) == ["p1", "p5", "p7"]
        assert [(item.came.why, item.came.chosen and item.came.chosen.score) for item in given] == [
            ("doubt", 0.9),
            ("doubt", 0.3),
            ("doubt", 0.2),
        ]
        decided(records, "p1", "accept")
        assert ids(Queue(DOUBTED, records).next(Looking("bob"))) == ["p2"]  # nothing else is free
        assert ids(Queue(DOUBTED, records).next(Looking("cy", Wanted(decision="auto")))) == ["p8"]


def test_what_waits_is_found_behind_answers_that_others_replaced(database: Database) -> None:
    """Five products were asked about 21 times each, and are more in doubt than all others that wait."""
    with closing(Records.open(database.where)) as records:
        again = [doubtful(n, 0.9, product_id=f"again-{n % 5}", at="2026-01-01T12:00:00.000+00:00") for n in range(105)]
        records.predictions.keep([*again, doubtful(200, 0.5, at="2026-01-01T12:00:00.000+00:00")])
        for n in range(100, 105):
            decided(records, f"p{n}", "accept")
        assert ids(Queue(DOUBTED, records).next(Looking("ann", limit=20))) == ["p200"]


def test_what_waits_is_found_behind_copies_of_what_somebody_has(database: Database) -> None:
    """However many they are; they wait for his decision, and nothing else does."""
    with closing(Records.open(database.where)) as records:
        noon = "2026-01-01T12:00:00.000+00:00"
        copies = [doubtful(n, 0.9, "abcd", at=noon, product={"title": f"Blue enamel mug {n}"}) for n in range(150)]
        others = [doubtful(n, 0.5, "wxyz", at=noon, product={"title": f"Pan {n}"}) for n in range(200, 203)]
        records.predictions.keep([*copies, *others])
        waiting = Queue(DOUBTED, records, cast("Anew", lambda _: None))
        assert len(waiting.next(Looking("bob"))) == 1
        assert sorted(ids(waiting.next(Looking("ann", limit=20)))) == ["p200", "p201", "p202"]


def test_items_are_weighed_by_any_number(database: Database) -> None:
    """The dearest, or the one of which most are in stock, of equally doubted ones; as a fact or a spec."""
    with closing(Records.open(database.where)) as records:
        stock = [("7",), ("1,200 pieces",), ("none",)]
        some = [
            doubtful(n, 0.5, price=price, product={"title": "", "specs": [["Stock", stock[n - 1][0]]]})
            for n, price in ((1, 900.0), (2, 9.0), (3, None))
        ]
        records.predictions.keep(some)
        assert ids(Queue(DOUBTED, records).next(Looking("ann", weigh="price", limit=3))) == ["p1", "p3", "p2"]
        assert ids(Queue(DOUBTED, records).next(Looking("ann", weigh="stock", limit=3))) == ["p1", "p3", "p2"]  # held
        for name in ("p1", "p2", "p3"):
            Queue(DOUBTED, records).release("ann", name)
        assert ids(Queue(DOUBTED, records).next(Looking("ann", weigh="stock", limit=3))) == ["p2", "p3", "p1"]


def worthy(number: int, worth: str, **said: Any) -> Prediction:
    """Return a doubtful answer about a product that is worth something."""
    product = {"title": "", "specs": [["Stock quantity", "none"]], "facts": [["worth", worth], ["supplier", "ACME"]]}
    return doubtful(number, 0.5, product=product, price=None, **said)


def test_the_settings_say_what_an_item_is_worth(database: Database) -> None:
    """By a fact, where the request says nothing; "" of a request takes all for alike."""
    settings = ServiceSettings(review_sample=0, review_weigh="Worth")
    with closing(Records.open(database.where)) as records:
        records.predictions.keep([worthy(1, "3"), worthy(2, "1'200 kr"), worthy(3, "-40")])
        assert ids(Queue(settings, records).next(Looking("ann", limit=3))) == ["p2", "p1", "p3"]
        for name in ("p1", "p2", "p3"):
            Queue(settings, records).release("ann", name)
        assert ids(Queue(settings, records).next(Looking("ann", weigh="", limit=3))) == ["p1", "p2", "p3"]


def test_a_name_without_a_number_is_refused_with_those_that_have_one(database: Database) -> None:
    """Where somebody asks for it; of what the settings say all are alike then; where nothing waits nothing is wrong."""
    with closing(Records.open(database.where)) as records:
        assert Queue(DOUBTED, records).next(Looking("ann", weigh="wroth")) == []
        records.predictions.keep([worthy(1, "3")])
        with pytest.raises(SettingError, match=r"a number under 'stock quantity', .* one that has: 'worth'"):
            Queue(DOUBTED, records).next(Looking("ann", weigh="stock quantity"))
        with pytest.raises(SettingError, match="nothing that waits has a price"):
            Queue(DOUBTED, records).next(Looking("ann", weigh="price"))
        wrong = ServiceSettings(review_sample=0, review_weigh="wroth")
        assert ids(Queue(wrong, records).next(Looking("ann"))) == ["p1"]
        records.predictions.keep([doubtful(2, 0.9, product=None)])
        decided(records, "p1", "accept")
        with pytest.raises(SettingError, match="AISLE_PREDICTION_PRODUCTS"):
            Queue(DOUBTED, records).next(Looking("bob", weigh="worth"))


def test_every_fifth_item_is_one_of_the_sample(database: Database) -> None:
    """When nothing is doubted all are; and a smaller share is a part of a larger."""
    settings = ServiceSettings(review_sample=0.5)
    with closing(Records.open(database.where)) as records:
        auto = [prediction(n, id=f"p{n:x}{'0' * 19}", product_id=f"a{n}", doubt=0.01) for n in range(16)]
        records.predictions.keep([*auto, *(doubtful(20 + n, 0.5, at=auto[1].at) for n in range(6))])
        assert records.predictions.count(Wanted(sample=0.5, decision="auto")) == 8
        assert records.predictions.count(Wanted(sample=0.25, decision="auto")) == 4
        assert records.predictions.count(Wanted(sample=1.0, decision="auto")) == 16
        whys = []
        for _ in range(8):
            (item,) = Queue(settings, records).next(Looking("ann"))
            whys.append(item.came.why)
            decided(records, item.kept.prediction.id, "accept")
        assert whys == ["doubt"] * 4 + ["sample"] + ["doubt"] * 2 + ["sample"]
        (item,) = Queue(settings, records).next(Looking("ann", kind="sample"))
        assert item.kept.prediction.id == auto[2].id
        assert Queue(settings, records).next(Looking("bob", kind="doubt")) == []


def test_the_sample_says_how_many_answers_are_right(database: Database) -> None:
    """Right when accepted or finer, wrong when corrected or coarser; only of the sample, whatever else was decided."""
    with closing(Records.open(database.where)) as records:
        some = [prediction(n, id=f"p{n:x}{'0' * 19}", product_id=f"a{n}") for n in range(16)]
        records.predictions.keep([*some, prediction(17, id="p01", decision="suggest")])
        for n, action in enumerate(("accept", "accept", "finer", "correct", "coarser", "tags", "skip")):
            decided(records, some[n].id, action)
        decided(records, some[15].id, "correct")
        decided(records, "p01", "correct")
        assert sample_of(records.predictions, Wanted(), 0.5) == Sampled(0.5, 8, 5, 3)
        assert Sampled(0.5, 8, 5, 3).told()["interval"] == [0.23072, 0.882382]
        assert Sampled(0.5, 8, 0, 0).told()["precision"] is None


@pytest.fixture
def client(own_index: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Return a client of a service that is asked to be so sure that it suggests, and has time to ask anew."""
    monkeypatch.setattr(review, "ANSWER_SECONDS", 60.0)
    monkeypatch.setattr(queue, "PATIENCE_SECONDS", 60.0)
    with TestClient(create_app(ServiceSettings(index=own_index, upkeep=False, review_sample=0))) as client:
        yield client


def given(client: TestClient, status: int = 200, /, **said: Any) -> Any:
    """Return what somebody is given next, or what it is refused with."""
    answer = client.post("/v1/review:next", json={"reviewer": "Ann", **said})
    assert answer.status_code == status, answer.text
    return answer.json()["items"] if status == 200 else answer.json()


def asked(client: TestClient, count: int) -> None:
    """Ask about products that nobody knows."""
    titles = ("pruner lead planter", "press pan lead", "terracotta pan", "dog pot saucer", "steel webbing branches")
    items = [{"id": f"N{n}", "title": f"{titles[n % 5]} {n}"} for n in range(count)]
    client.post("/v1/categorize:batch", params={"precision": 0.999}, json={"items": items})


def test_items_are_decided_about_one_after_the_other(client: TestClient) -> None:
    """Over REST: the next one never was there before, and what was decided is known to the next question."""
    asked(client, 5)
    seen = []
    for _ in range(5):
        (item,) = given(client)
        seen.append(item["prediction"]["id"])
        assert item["why"] == "doubt"
        assert item["until"] > datetime.now(UTC).isoformat()
        assert [each["id"] for each in item["near"]] == [each["id"] for each in item["prediction"]["neighbours"]]
        stored = client.get(f"/v1/products/{item['near'][0]['id']}").json()
        assert item["near"][0] == {"id": stored["id"], "title": stored["title"], "picture": None}
        score = item["chosen"]
        assert score["score"] == pytest.approx(score["doubt"] * score["weight"] * (1 - score["likeness"]), abs=1e-5)
        body = {"decision": "correct", "category": "Pets > Dogs > Leads", "author": "Ann"}
        if (item["prediction"]["category"] or {}).get("path") == body["category"]:
            body = {"decision": "accept", "author": "Ann"}
        done = client.post(f"/v1/predictions/{seen[-1]}/decision", json=body)
        assert done.status_code == 200, done.text
        assert client.get(f"/v1/products/{item['prediction']['product_id']}").json()["provenance"] == "human"
    assert len(set(seen)) == 5
    assert given(client) == []


def test_items_are_filtered_and_given_back(client: TestClient) -> None:
    """By what was answered; who has none cannot give it back; a reviewer has a name."""
    asked(client, 3)
    assert given(client, supplier="nobody") == []
    (item,) = given(client, most=0.9999, since="2026-01-01T00:00:00Z", category="Kitchen", least=0) or given(client)
    url = f"/v1/review/{item['prediction']['id']}:release"
    assert client.post(url, json={"reviewer": "Ben"}).json() == {"released": False}
    assert client.post(url, json={"reviewer": "Ann"}).json() == {"released": True}
    assert client.post(f"/v1/review/p{'0' * 20}:release", json={"reviewer": "Ann"}).status_code == 404
    assert given(client, 422, reviewer="")["errors"][0]["pointer"] == "/reviewer"
    assert given(client, 422, since="2026-01-01")["errors"][0]["pointer"] == "/since"
    assert given(client, 422, until={"day": 1})["errors"][0]["pointer"] == "/until"
    assert given(client, 422, least="0.5")["errors"][0]["pointer"] == "/least"
    assert given(client, 422, weigh="stock")["errors"][0]["pointer"] == "/weigh"


def test_items_are_taken_by_a_post_from_here_alone(client: TestClient) -> None:
    """Reading takes nothing, and a page of elsewhere can have no browser take anything."""
    asked(client, 2)
    assert client.get("/v1/review:next").status_code == 405
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    refused = client.post("/v1/review:next", json={"reviewer": "Ann"}, headers=elsewhere)
    assert (refused.status_code, refused.json()["code"]) == (403, "cross_site")
    assert len(given(client, limit=5)) == 2


def test_who_hangs_up_has_nothing_in_hand(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was taken for him is free at once; what he had before stays his."""

    async def gone(_: Request) -> bool:
        return True

    asked(client, 3)
    (first,) = given(client)
    with monkeypatch.context() as patched:
        patched.setattr(Request, "is_disconnected", gone)
        assert client.post("/v1/review:next", json={"reviewer": "Ann", "limit": 3}).status_code == 499
    assert len(given(client, reviewer="Bob", limit=5)) == 2
    assert given(client)[0]["prediction"]["id"] == first["prediction"]["id"]


COPIES = [f"Unheard-of bamboo contraption for reluctant astronauts with velvet hinges, lot {n}" for n in range(12)]
LEADS, MUGS = "Pets > Dogs > Leads", "Kitchen > Mugs"


def copies(client: TestClient, titles: Sequence[str] = COPIES) -> None:
    """Ask about products that nobody knows and that are all alike."""
    items = [{"id": f"C{n}", "title": title, "facts": {"price": f"{n + 1}"}} for n, title in enumerate(titles)]
    client.post("/v1/categorize:batch", params={"precision": 0.99}, json={"items": items})


def corrected(client: TestClient, item: Any, category: str) -> int:
    """Correct an answer, or accept it where that is what was answered, and return the number of the decision."""
    right = (item["prediction"]["category"] or {}).get("path") == category
    body = {"decision": "accept"} if right else {"decision": "correct", "category": category}
    done = client.post(f"/v1/predictions/{item['prediction']['id']}/decision", json={**body, "author": "Ann"})
    assert done.status_code == 200, done.text
    return int(done.json()["number"])


def test_of_many_copies_of_a_case_one_is_asked(client: TestClient) -> None:
    """The others wait for that decision, are asked about anew with what it taught, and come where still doubted."""
    copies(client)
    (first,) = given(client, limit=5)
    assert given(client, reviewer="Bob", limit=5) == []
    corrected(client, first, LEADS)
    rest = given(client, limit=5)
    assert len(rest) <= 1
    for item in rest:
        assert item["prediction"]["caller"] == "aisle review"
        assert item["prediction"]["category"]["path"] == LEADS
    told = client.get("/v1/predictions", params={"limit": 500}).json()["items"]
    anew = [each for each in told if each["caller"] == "aisle review"]
    assert len(anew) >= 11 - len(rest)
    assert {each["category"]["path"] for each in anew} == {LEADS}
    assert {each["price"] for each in anew} <= {float(n + 1) for n in range(12)}
    assert all("precision of 0.99" in each["reason"] for each in anew)


def test_what_was_asked_anew_for_a_decision_that_is_taken_back_is_asked_again(client: TestClient) -> None:
    """With its label gone, the copies are in doubt as before, and in the queue."""
    copies(client, COPIES[:4])
    (first,) = given(client)
    number = corrected(client, first, LEADS)
    before = len(given(client, limit=5))
    assert client.post(f"/v1/decisions/{number}:undo", json={"author": "Ann"}).status_code == 200
    rest = given(client, limit=5)
    assert before == 0
    assert rest
    assert all("bamboo" in item["prediction"]["product"]["title"] for item in rest)
    assert (rest[0]["prediction"]["category"] or {}).get("path") != LEADS


def test_copies_whose_product_was_not_kept_come_last(own_index: Path) -> None:
    """They cannot be asked about anew, so they only sink."""
    settings = ServiceSettings(index=own_index, upkeep=False, review_sample=0, prediction_products=False)
    with TestClient(create_app(settings)) as client:
        copies(client, COPIES[:4])
        assert len(given(client, limit=5)) == 4


@pytest.mark.slow
def test_a_decision_and_the_next_item_take_little_time(client: TestClient) -> None:
    """The median of both together, on a machine that does other things besides; of 300 unlike each other that wait."""
    words = [f"{number * 7919:x}{number * 104729:x}" for number in range(1, 1201)]
    items = [{"id": f"N{n}", "title": " ".join(words[4 * n : 4 * n + 4])} for n in range(300)]
    client.post("/v1/categorize:batch", params={"precision": 0.999}, json={"items": items})
    seconds = []
    (item,) = given(client)
    for _ in range(60):
        begun = perf_counter()
        corrected(client, item, "Pets > Dogs")  # or accepted, once the decisions before have taught it
        (item,) = given(client)
        seconds.append(perf_counter() - begun)
    assert median(seconds) < 0.25
