"""service/rest/predictions.py: answers that are kept, decided about, and known to the very next question."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from PIL import Image
from starlette.testclient import TestClient

from service.rest.app import create_app
from service.settings import ServiceSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from service.serving import Serving

PANS, PRESSES, MUGS = "Kitchen > Cookware > Frying Pans", "Kitchen > Coffee > French Presses", "Kitchen > Mugs"
POTS = "Garden > Planters"
LEADS = "Pets > Dogs > Leads"
PAN = {"id": "N1", "title": "Hollin frying pan, 28 cm", "facts": {"supplier": "=Hollin", "price": "12.50 EUR"}}
P = "/v1/predictions"


@pytest.fixture
def client(own_index: Path) -> Iterator[TestClient]:
    """Return a client of a service with an index of its own that looks for nothing by the way."""
    with TestClient(create_app(ServiceSettings(index=own_index, upkeep=False))) as client:
        yield client


def asked(client: TestClient, product: dict[str, Any] = PAN) -> dict[str, Any]:
    """Return the answer about a product."""
    answer = client.post("/v1/categorize", json=product)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def said(client: TestClient, prediction: str, status: int = 200, /, **body: Any) -> dict[str, Any]:
    """Return what becomes of a decision."""
    answer = client.post(f"{P}/{prediction}/decision", json=body)
    assert answer.status_code == status, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_every_answer_is_kept_as_it_was_told(client: TestClient) -> None:
    """At once: with the product cleaned, who asked, and what it was answered by; the same question is kept once."""
    answer = asked(client, PAN | {"description": "<p>Non-stick</p>"})
    kept = client.get(f"{P}/{answer['prediction_id']}").json()
    for name in ("decision", "category", "reason", "levels", "alternatives", "tags", "snapshot", "model"):
        assert kept[name] == answer[name], name
    assert [each["id"] for each in kept["neighbours"]] == [each["id"] for each in answer["neighbours"]]
    assert (kept["id"], kept["product_id"], kept["caller"]) == (answer["prediction_id"], "N1", "testclient")
    assert (kept["supplier"], kept["price"], kept["reviews"]) == ("=Hollin", 12.5, [])
    product = kept["product"]
    assert (product["title"], product["description"], product["facts"]["price"]) == (
        PAN["title"],
        "Non-stick",
        "12.50 EUR",
    )
    assert asked(client, PAN | {"description": "<p>Non-stick</p>"})["prediction_id"] == answer["prediction_id"]
    assert len(client.get(P).json()["items"]) == 1


def test_batches_and_lines_are_kept_too(client: TestClient) -> None:
    """Each item that was answered; those that were refused are not."""
    items = [{"id": "A", "title": "Dog lead"}, {"id": "B"}, {"title": "French press"}]
    batch = client.post("/v1/categorize:batch", json={"items": items}).json()
    ids = [each["result"]["prediction_id"] for each in batch["items"] if each["status"] == 200]
    lines = b'{"id": "C", "title": "Bypass pruner"}\nnonsense\n'
    client.post("/v1/categorize:batch", content=lines, headers={"content-type": "application/x-ndjson"})
    page = client.get(P, params={"limit": 1}).json()
    assert page["items"][0]["product_id"] == "C"
    rest = client.get(P, params={"cursor": page["next"]}).json()
    assert [each["id"] for each in rest["items"]] == ids[::-1]
    assert [each["product_id"] for each in rest["items"]] == ["", "A"]


def test_an_accepted_answer_counts_in_the_very_next_one(client: TestClient) -> None:
    """The product is stored with its label, the tags of the answer and its facts, as a person's; undo removes it."""
    answer = asked(client)
    decided = said(client, answer["prediction_id"], decision="accept", author="Ann")
    assert (decided["action"], decided["author"], decided["category"]) == ("accept", "Ann", PANS)
    assert decided["items"] == [{"id": "N1", "outcome": "created", "version": 1}]
    stored = client.get("/v1/products/N1").json()
    assert (stored["category"], stored["provenance"], stored["weight"]) == (PANS, "human", 1.0)
    assert (stored["tags"], stored["facts"]["supplier"]) == ([each["tag"] for each in answer["tags"]], "=Hollin")
    again = asked(client, {"title": PAN["title"]})
    assert again["neighbours"][0]["id"] == "N1"
    (review,) = client.get(f"{P}/{answer['prediction_id']}").json()["reviews"]
    assert (review["decision"], review["action"], review["author"]) == (decided["number"], "accept", "Ann")

    undone = client.post(f"/v1/decisions/{decided['number']}:undo", json={"author": "Ben"})
    assert undone.status_code == 200, undone.text
    assert client.get("/v1/products/N1").status_code == 404
    kept = client.get(f"{P}/{answer['prediction_id']}").json()
    assert (kept["reviews"], kept["category"]) == ([], answer["category"])
    assert said(client, answer["prediction_id"], decision="accept")["items"][0]["outcome"] == "created"


def test_an_undo_takes_nothing_that_somebody_else_found_right(client: TestClient) -> None:
    """Whether the product was new or labelled anew: who takes back is told which decision has to go first."""

    def undone(number: int, status: int) -> dict[str, Any]:
        answer = client.post(f"/v1/decisions/{number}:undo", json={"author": "Ann"})
        assert answer.status_code == status, answer.text
        told: dict[str, Any] = answer.json()
        return told

    first = asked(client)
    ann = said(client, first["prediction_id"], decision="accept", author="Ann")
    bob = said(client, asked(client)["prediction_id"], decision="accept", author="Bob")
    assert bob["items"][0]["outcome"] == "unchanged"
    refused = undone(ann["number"], 409)
    assert refused["code"] == "decision_conflict"
    assert f"by decision {bob['number']} (take that back first)" in refused["detail"]
    assert client.get("/v1/products/N1").json()["category"] == PANS
    undone(bob["number"], 200)
    undone(ann["number"], 200)
    assert client.get("/v1/products/N1").status_code == 404

    before = client.get("/v1/products/P001").json()
    listing = {name: before[name] for name in ("id", "title", "description", "brand", "specs")}
    ann = said(client, asked(client, listing)["prediction_id"], decision="correct", category=PANS, author="Ann")
    kept = client.post("/v1/audit/labels/P001/decision", json={"decision": "keep", "author": "Bob"}).json()
    assert f"'P001' was found right since, by decision {kept['number']}" in undone(ann["number"], 409)["detail"]
    undone(kept["number"], 200)
    undone(ann["number"], 200)
    assert client.get("/v1/products/P001").json()["category"] == before["category"]


def test_a_stored_product_keeps_all_but_its_label(client: TestClient) -> None:
    """A correction gives it the category that is named, and no tag for its wrong neighbours' sake; undo restores."""
    before = client.get("/v1/products/P001").json()
    listing = {"id": "P001", "title": before["title"], "description": before["description"], "brand": before["brand"]}
    answer = asked(client, listing | {"specs": {each["name"]: each["value"] for each in before["specs"]}})
    body: dict[str, Any] = {
        "decision": "correct",
        "category": PANS,
        "tags_added": ["steel"],
        "tags_removed": ["kitchen"],
    }
    decided = said(client, answer["prediction_id"], **body)
    assert decided["items"] == [{"id": "P001", "outcome": "updated", "version": 2}]
    after = client.get("/v1/products/P001").json()
    assert (after["category"], after["provenance"]) == (PANS, "human")
    assert set(after["tags"]) == {"coffee", "steel"}
    assert (after["description"], after["specs"]) == (before["description"], before["specs"])
    client.post(f"/v1/decisions/{decided['number']}:undo", json={})
    back = client.get("/v1/products/P001").json()
    assert [back[name] for name in ("category", "tags", "provenance")] == [
        before[name] for name in ("category", "tags", "provenance")
    ]


def test_coarser_and_finer_go_along_the_path(client: TestClient) -> None:
    """One step where no category is named; another direction is refused and changes nothing."""
    answer = asked(client)["prediction_id"]
    for body in (
        {"decision": "coarser", "category": PRESSES},
        {"decision": "finer", "category": "Kitchen"},
        {"decision": "finer"},
        {"decision": "correct", "category": PANS},
        {"decision": "correct"},
        {"decision": "correct", "category": "Nowhere"},
        {"decision": "accept", "category": PRESSES},
        {"decision": "tags"},
    ):
        assert said(client, answer, 409, **body)["code"] == "decision_conflict", body
    assert client.get("/v1/products/N1").status_code == 404
    assert said(client, answer, decision="coarser")["category"] == "Kitchen > Cookware"
    assert said(client, answer, 409, decision="accept")["code"] == "decision_conflict"

    tree = client.get("/v1/taxonomy/nodes").json()
    kitchen = next(each["id"] for each in tree["items"] if each["name"] == "Kitchen")
    answer = asked(client, {"title": "Hollin frying pan", "id": "N2"})["prediction_id"]
    decided = said(client, answer, decision="coarser", category=kitchen)
    assert decided["category"] == "Kitchen"
    client.post(f"/v1/decisions/{decided['number']}:undo", json={})


def test_a_finer_category_is_the_next_likely_one(client: TestClient) -> None:
    """Below one that was answered a level up."""
    serving: Serving = client.app.state.serving  # type: ignore[attr-defined]  # typed as any ASGI application
    prediction = client.get(f"{P}/{asked(client)['prediction_id']}").json()["id"]
    kept = serving.predictions.find(prediction).prediction
    node = serving.tree.find(("Kitchen",))
    assert node is not None
    shallow = replace(kept, id="p" + "0" * 20, node_id=serving.tree.ids[node], category="Kitchen")
    serving.live.records.predictions.keep([shallow])
    assert said(client, shallow.id, decision="finer")["category"] == "Kitchen > Cookware"


def test_a_product_without_id_gets_one_with_the_decision(client: TestClient) -> None:
    """Without it the decision is refused; so is another id than the one that was asked about."""
    answer = asked(client, {"title": "Hollin frying pan"})["prediction_id"]
    refused = said(client, answer, 409, decision="accept")
    assert "give the `id` that it gets" in refused["detail"]
    assert said(client, answer, 409, decision="accept", id="P001")["code"] == "decision_conflict"
    assert said(client, answer, decision="accept", id="N7")["items"][0]["id"] == "N7"
    assert client.get("/v1/products/N7").json()["category"] == PANS
    other = asked(client)["prediction_id"]
    assert said(client, other, 409, decision="accept", id="N8")["code"] == "decision_conflict"


def test_skipping_and_being_unsure_change_nothing(client: TestClient) -> None:
    """They are recorded with their author, and the prediction waits on."""
    answer, seq = asked(client)["prediction_id"], client.get("/v1/index").json()["seq"]
    for action, author in (("skip", "Ann"), ("unsure", "Ben")):
        assert said(client, answer, decision=action, author=author)["items"] == []
    assert client.get("/v1/index").json()["seq"] == seq
    assert [each["action"] for each in client.get(f"{P}/{answer}").json()["reviews"]] == ["skip", "unsure"]
    assert [each["id"] for each in client.get(P, params={"decided": False}).json()["items"]] == [answer]
    told = client.get("/v1/decisions", params={"kind": "prediction"}).json()["items"]
    assert [(each["action"], each["subject"]) for each in told] == [("unsure", answer), ("skip", answer)]


def test_tags_are_decided_about_alone(client: TestClient) -> None:
    """The category stays what it is, and the tags of the answer are not taken unseen."""
    answer = asked(client)["prediction_id"]
    said(client, answer, decision="tags", tags_added=["induction"], tags_removed=["kitchen"])
    stored = client.get("/v1/products/N1").json()
    assert (stored["category"], stored["tags"], stored["provenance"]) == ("", ["induction"], "human")


def test_a_product_that_says_something_else_since_is_not_labelled(client: TestClient) -> None:
    """Nor one that has another version than was seen; an answer about other words of a stored one is decided about."""
    answer = asked(client)["prediction_id"]
    client.put("/v1/products/N1", json={"title": "Dog lead with padded handle"})
    assert said(client, answer, 409, decision="accept")["code"] == "decision_conflict"
    short = asked(client, {"id": "N1", "title": "Dog lead"})["prediction_id"]
    stale = client.post(f"{P}/{short}/decision", json={"decision": "accept"}, headers={"If-Match": '"7"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "version_conflict")
    assert said(client, short, decision="accept")["category"] == "Pets > Dogs > Leads"
    assert client.get("/v1/products/N1").json()["title"] == "Dog lead with padded handle"


def test_a_product_that_was_deleted_since_is_not_brought_back(client: TestClient) -> None:
    """Not by an answer of before; but by one of after, and where it only went as it had come with a decision."""
    old = asked(client)["prediction_id"]
    number = said(client, old, decision="accept")["number"]
    client.post(f"/v1/decisions/{number}:undo", json={})
    number = said(client, old, decision="accept")["number"]
    other = asked(client)["prediction_id"]
    client.post(f"/v1/decisions/{number}:undo", json={})
    client.put("/v1/products/N1", json={"title": PAN["title"]})
    client.delete("/v1/products/N1")
    refused = said(client, old, 409, decision="accept")
    assert (refused["code"], f"'N1' was deleted since prediction {old} was" in refused["detail"]) == (
        "decision_conflict",
        True,
    )
    new = asked(client)["prediction_id"]
    number = said(client, new, decision="accept")["number"]
    client.post(f"/v1/decisions/{number}:undo", json={})
    assert said(client, other, 409, decision="accept")["code"] == "decision_conflict"
    assert client.get("/v1/products/N1").status_code == 404
    assert said(client, new, decision="accept")["items"] == [{"id": "N1", "outcome": "created", "version": 5}]


def test_what_has_to_be_stored_is_stored_or_refused(client: TestClient) -> None:
    """`*` takes any version of it and none, as at other routes; a version is refused where nothing is stored."""
    answer, one = asked(client)["prediction_id"], {"decision": "accept"}
    for version in ("*", '"1"'):
        absent = client.post(f"{P}/{answer}/decision", json=one, headers={"If-Match": version})
        assert (absent.status_code, absent.json()["code"]) == (412, "version_conflict")
    assert client.get("/v1/products/N1").status_code == 404
    client.put("/v1/products/N1", json={name: PAN[name] for name in ("title", "facts")})
    done = client.post(f"{P}/{answer}/decision", json=one, headers={"If-Match": "*"})
    assert done.json()["items"] == [{"id": "N1", "outcome": "updated", "version": 2}]


def test_a_label_that_another_person_gave_meanwhile_is_not_replaced_unseen(client: TestClient) -> None:
    """Whoever decides is told which category stands, and replaces it by asking for its version."""
    before = client.get("/v1/products/P001").json()
    listing = {name: before[name] for name in ("id", "title", "description", "brand", "specs")}
    answer = asked(client, listing)["prediction_id"]
    bob = {"decision": "fix", "category": POTS, "author": "Bob"}
    client.post("/v1/audit/labels/P001/decision", json=bob)
    ann = {"decision": "correct", "category": PANS, "author": "Ann"}
    for headers in ({}, {"If-Match": "*"}):
        refused = client.post(f"{P}/{answer}/decision", json=ann, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (409, "decision_conflict")
        assert f"a person put product 'P001' into {POTS!r} since prediction {answer}" in refused.json()["detail"]
        assert "name its version 2 (If-Match) to replace that label" in refused.json()["detail"]
    assert client.get("/v1/products/P001").json()["category"] == POTS
    assert said(client, answer, decision="tags", tags_added=["blue"])["category"] == ""
    assert said(client, asked(client, listing)["prediction_id"], **ann)["category"] == PANS

    client.patch("/v1/products/P001", json={"category": POTS, "provenance": "human"})
    other = asked(client, listing)["prediction_id"]
    client.patch("/v1/products/P001", json={"category": LEADS, "provenance": "human"})
    assert said(client, other, 409, **ann)["code"] == "decision_conflict"
    version = client.get("/v1/products/P001").headers["ETag"]
    done = client.post(f"{P}/{other}/decision", json=ann, headers={"If-Match": version})
    assert (done.status_code, done.json()["category"]) == (200, PANS)


def test_a_label_that_is_older_than_the_answer_is_replaced(client: TestClient) -> None:
    """Though something else of its product changed since, or it came back when a decision was undone."""
    before = client.get("/v1/products/P001").json()
    listing = {name: before[name] for name in ("id", "title", "description", "brand", "specs")}
    client.post("/v1/audit/labels/P001/decision", json={"decision": "fix", "category": POTS})
    first = asked(client, listing)["prediction_id"]
    client.patch("/v1/products/P001", json={"facts": {"price": "9 EUR"}})
    number = said(client, first, decision="correct", category=PANS)["number"]
    client.post(f"/v1/decisions/{number}:undo", json={})
    number = said(client, first, decision="correct", category=LEADS)["number"]
    client.post(f"/v1/decisions/{number}:undo", json={})

    client.patch("/v1/products/P001", json={"category": LEADS, "provenance": "human"})
    second = asked(client, listing)["prediction_id"]
    number = said(client, second, decision="correct", category=PANS)["number"]
    client.post(f"/v1/decisions/{number}:undo", json={})
    assert client.get("/v1/products/P001").json()["category"] == LEADS
    assert said(client, second, decision="correct", category=POTS)["category"] == POTS


def test_a_decision_is_made_once_however_often_it_is_sent(client: TestClient) -> None:
    """The answer under a key is kept with it; another body under that key is refused."""
    answer, key = asked(client)["prediction_id"], {"Idempotency-Key": "d-1"}
    first = client.post(f"{P}/{answer}/decision", json={"decision": "accept"}, headers=key)
    again = client.post(f"{P}/{answer}/decision", json={"decision": "accept"}, headers=key)
    assert (first.content, again.headers["Idempotency-Replayed"]) == (again.content, "true")
    assert client.post(f"{P}/{answer}/decision", json={"decision": "skip"}, headers=key).status_code == 422
    assert [each["number"] for each in client.get("/v1/decisions").json()["items"]] == [1]


def test_a_product_with_a_picture_is_stored_with_it(client: TestClient) -> None:
    """As a small copy, like that of any stored product; it is shown before, too."""
    file = BytesIO()
    Image.new("RGB", (300, 200), (200, 30, 30)).save(file, "PNG")
    answer = client.post("/v1/categorize", data={"title": PAN["title"], "id": "N9"}, files={"image": file.getvalue()})
    kept = client.get(f"{P}/{answer.json()['prediction_id']}").json()
    small = f"{P}/{kept['id']}/pictures/{kept['product']['pictures'][0]['hash']}/thumbnail"
    shown = client.get(small)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(BytesIO(shown.content)).size == (192, 128)
    assert client.get(small, headers={"If-None-Match": shown.headers["etag"]}).status_code == 304
    assert client.get(small.replace(kept["product"]["pictures"][0]["hash"], "0" * 32)).status_code == 404
    said(client, answer.json()["prediction_id"], decision="accept")
    (picture,) = client.get("/v1/products/N9").json()["pictures"]
    assert (picture["width"], picture["height"], picture["problem"]) == (300, 200, "")
    assert client.get(f"/v1/pictures/{picture['hash']}/thumbnail").content == shown.content
    assert kept["product"]["pictures"] == [{"hash": picture["hash"], "problem": ""}]


def test_no_decision_waits_for_the_encoder(own_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody was given to look at is encoded by then, however long ago it was asked about."""
    settings = ServiceSettings(index=own_index, upkeep=False, review_sample=0)
    with TestClient(create_app(settings)) as client:
        client.post("/v1/categorize", params={"precision": 0.9999}, json=PAN)
    with TestClient(create_app(settings)) as client:
        (item,) = client.post("/v1/review:next", json={"reviewer": "Ann"}).json()["items"]
        serving: Serving = client.app.state.serving  # type: ignore[attr-defined]
        monkeypatch.setattr(serving.live.encoder, "encode", refuse)
        decided = said(client, item["prediction"]["id"], decision="correct", category=PRESSES)
        assert decided["items"] == [{"id": "N1", "outcome": "created", "version": 1}]


def refuse(*_: object) -> None:
    """Encode nothing."""
    raise AssertionError("nothing is new")


def test_figures_say_how_answers_were_received(client: TestClient) -> None:
    """Accepted and overruled, by category, confidence, supplier and day; skipped ones are in no rate."""
    answers = [asked(client, PAN | {"id": f"F{n}", "title": f"Hollin frying pan {n}0 cm"}) for n in range(1, 5)]
    for answer, action, category in zip(answers, ("accept", "accept", "correct"), ("", "", PRESSES), strict=False):
        said(client, answer["prediction_id"], decision=action, category=category)
    said(client, answers[3]["prediction_id"], decision="skip")
    figures = client.get(f"{P}:figures").json()
    assert (figures["kept"], figures["undecided"], figures["lost"]) == (4, 1, 0)
    total = figures["total"]
    assert (total["decided"], total["acceptance"], total["override"]) == (3, 0.666667, 0.333333)
    assert total["actions"] == {
        **dict.fromkeys(("coarser", "finer", "tags", "unsure"), 0),
        "accept": 2,
        "correct": 1,
        "skip": 1,
    }
    assert total["interval"] == [0.207655, 0.93851]
    for group, value in (("category", PANS), ("supplier", "=Hollin")):
        assert [(each["value"], each["decided"]) for each in figures[group]] == [(value, 3)]
    assert sum(each["decided"] for each in figures["confidence"]) == 3
    assert len(figures["day"]) == 1
    assert client.get(f"{P}:figures", params={"supplier": "other"}).json()["total"]["acceptance"] is None


def test_what_is_not_there_is_refused(client: TestClient) -> None:
    """An id that nobody was given, one that is none, a cursor of another list, a time without a zone."""
    missing = "p" + "0" * 20
    assert client.get(f"{P}/{missing}").json()["code"] == "prediction_not_found"
    assert said(client, missing, 404, decision="accept")["code"] == "prediction_not_found"
    assert client.get(f"{P}/p1").status_code == 422
    assert client.get(P, params={"cursor": "WzEsMl0="}).json()["code"] == "invalid_cursor"
    assert client.get(P, params={"since": "2026-01-01T00:00:00"}).status_code == 422
    assert client.get(P, params={"since": "0001-01-01T00:00:00+14:00"}).json()["items"] == []


@pytest.mark.parametrize(("days", "whole"), [(0, True), (90, False)])
def test_nothing_is_kept_where_the_settings_say_so(own_index: Path, days: int, whole: bool) -> None:
    """Neither the answer, or only not the product; then a decision can label what is stored, and skip."""
    settings = ServiceSettings(index=own_index, prediction_days=days, prediction_products=whole, upkeep=False)
    with TestClient(create_app(settings)) as client:
        answer = asked(client)["prediction_id"]
        found = client.get(f"{P}/{answer}")
        if days == 0:
            assert (found.status_code, found.json()["code"]) == (404, "prediction_not_found")
            return
        assert found.json()["product"] is None
        assert b"28 cm" not in orjson.dumps(client.get(P).json())
        assert "AISLE_PREDICTION_PRODUCTS" in said(client, answer, 409, decision="accept")["detail"]
        client.put("/v1/products/N1", json={name: PAN[name] for name in ("title", "facts")})
        assert said(client, answer, decision="accept")["items"] == [{"id": "N1", "outcome": "updated", "version": 2}]
