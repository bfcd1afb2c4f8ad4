"""service/rest/duplicate_groups.py and decisions.py: groups of duplicates over HTTP, decided about and taken back."""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING, Any

import pytest

from service.duplicates.standing.deciding import decide
from service.rest import keys

if TYPE_CHECKING:
    from starlette.testclient import TestClient

PRESS = {"title": "Brewmont press of 2026 in black", "description": "A glass press with a steel plunger."}
CATEGORY = "Kitchen > Coffee > French Presses"


@pytest.fixture
def group(client: TestClient) -> str:
    """Store three listings of one product, and return the id of their group."""
    rest: tuple[dict[str, Any], ...] = (
        {"brand": "Brewmont", "category": CATEGORY, "tags": ["coffee"]},
        {"specs": {"Size": "1 l"}, "facts": {"gtin": "4006381333931"}},
        {},
    )
    for name, more in zip("ABC", rest, strict=True):
        assert client.put(f"/v1/products/{name}", json={**PRESS, **more}).status_code == 201
    found = [each for each in groups(client) if "A" in {product["id"] for product in each["products"]}]
    assert [[product["id"] for product in each["products"]] for each in found] == [["A", "B", "C"]]
    return str(found[0]["id"])


def groups(client: TestClient, **asked: str | float) -> list[dict[str, Any]]:
    """Return all groups, page by page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/v1/duplicate-groups", params={"limit": 2, **asked, **cursor}).json()
        found += page["items"]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


def members(client: TestClient, **asked: str | float) -> list[set[str]]:
    """Return the ids of the products of all groups that have one of A, B and C."""
    found = [{product["id"] for product in group["products"]} for group in groups(client, **asked)]
    return [ids & set("ABC") for ids in found if ids & set("ABC")]


def test_a_group_names_its_survivor_and_what_decided(client: TestClient, group: str) -> None:
    """With reasons, and for each pair a verdict; what was stored a moment ago is in it."""
    shown = client.get(f"/v1/duplicate-groups/{group}").json()
    assert shown["kind"] == "duplicates"
    (survivor,) = [product for product in shown["products"] if product["survivor"]]
    assert shown["survivor"] == survivor["id"]
    assert survivor["reasons"]
    assert {(pair["left_id"], pair["right_id"]) for pair in shown["pairs"]} >= {("A", "B"), ("A", "C")}
    assert all(pair["evidence"] and pair["probability"] >= 0.5 for pair in shown["pairs"])
    assert client.get("/v1/duplicate-groups").json()["seq"] == 63
    assert members(client, least=1.0) in ([], [set("ABC")])
    assert client.get("/v1/duplicate-groups/g999").json()["code"] == "group_not_found"
    assert client.get("/v1/duplicate-groups", params={"cursor": "bm9uZQ=="}).json()["code"] == "invalid_cursor"
    nul = base64.urlsafe_b64encode(b"duplicates g\0").decode()  # which PostgreSQL takes for no text
    assert client.get("/v1/duplicate-groups", params={"cursor": nul}).json()["code"] == "invalid_cursor"


def test_not_a_duplicate_is_remembered(client: TestClient, group: str) -> None:
    """One product beside all others of its group; it never comes back to them until the decision is taken back."""
    url = f"/v1/duplicate-groups/{group}/decision"
    decided = client.post(url, json={"action": "different", "ids": ["C"], "author": "Ann"}).json()
    assert (decided["number"], decided["author"], decided["undone_at"]) == (1, "Ann", None)
    assert decided["detail"]["pairs"] == [["A", "C", "different"], ["B", "C", "different"]]
    assert members(client) == [{"A", "B"}]
    client.delete("/v1/products/C")
    client.put("/v1/products/C", json=PRESS)
    assert members(client) == [{"A", "B"}]

    undone = client.post("/v1/decisions/1:undo", json={"author": "Bob"}).json()
    assert (undone["undoes"], undone["action"], undone["author"]) == (1, "undo", "Bob")
    assert members(client) == [set("ABC")]
    listed = client.get("/v1/decisions", params={"limit": 1}).json()
    assert [each["number"] for each in listed["items"]] == [2]
    rest = client.get("/v1/decisions", params={"cursor": listed["next"]}).json()
    assert [(each["number"], each["undone_at"] is None) for each in rest["items"]] == [(1, False)]
    assert client.get("/v1/decisions/1").json()["subject"] == group
    assert client.post("/v1/decisions/1:undo", json={}).json()["code"] == "decision_conflict"
    assert client.get("/v1/decisions/9").status_code == 404


def test_two_products_are_decided_about_without_their_group(client: TestClient, group: str) -> None:
    """As after a look-up; the group follows, other than two stored products are refused, and no scan goes on."""
    url = "/v1/duplicates:decide"
    decided = client.post(url, json={"action": "different", "ids": ["A", "C"], "author": "Ann"}).json()
    assert (decided["subject"], decided["detail"]["pairs"]) == ("A|C", [["A", "C", "different"]])
    assert all(not {"A", "C"} <= ids for ids in members(client)), group
    assert client.get("/v1/duplicate-groups").json()["scanning"] is False
    assert client.post(url, json={"action": "same", "ids": ["A", "nobody"]}).json()["code"] == "product_not_found"
    assert client.post(url, json={"action": "same", "ids": ["A", "A"]}).json()["code"] == "decision_conflict"
    assert client.post(url, json={"action": "same", "ids": ["A"]}).status_code == 422


def test_a_decision_sent_again_is_made_once(client: TestClient, group: str) -> None:
    """Under one key it is answered as before, byte for byte, although the group is gone; so is taking it back."""
    url, key = f"/v1/duplicate-groups/{group}/decision", {"Idempotency-Key": "merge-1"}
    merge = {"action": "merge", "ids": ["A", "C"], "survivor": "B"}
    first = client.post(url, json=merge, headers=key)
    again = client.post(url, json=merge, headers=key)
    assert (first.status_code, first.content) == (200, again.content)
    assert [each.headers.get("Idempotency-Replayed") for each in (first, again)] == [None, "true"]
    assert client.post(url, json=merge | {"ids": ["A"]}, headers=key).json()["code"] == "idempotency_conflict"
    undone, same = (
        client.post("/v1/decisions/1:undo", json={"author": "Bob"}, headers={"Idempotency-Key": "undo-1"})
        for _ in range(2)
    )
    assert (undone.json()["undoes"], undone.content) == (1, same.content)
    assert [each["number"] for each in client.get("/v1/decisions").json()["items"]] == [2, 1]


def test_a_decision_that_takes_long_keeps_its_key(
    client: TestClient, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says that it still runs until it is through, so that nobody takes it for dead and decides once more."""
    records = client.app.state.serving.live.records  # type: ignore[attr-defined]
    renew, said = records.renew, threading.Event()

    def told(name: str) -> None:
        renew(name)
        said.set()

    def slow(*given: Any) -> Any:
        assert said.wait(30)
        return decide(*given)

    monkeypatch.setattr(records, "renew", told)
    monkeypatch.setattr(keys, "RENEWED_SECONDS", 0.01)
    monkeypatch.setattr("service.rest.duplicate_groups.decide", slow)
    url, key = f"/v1/duplicate-groups/{group}/decision", {"Idempotency-Key": "slow"}
    assert client.post(url, json={"action": "same"}, headers=key).status_code == 200


def test_a_decision_that_is_refused_gives_its_key_up(client: TestClient, group: str) -> None:
    """The same key goes with the next request."""
    url, key = f"/v1/duplicate-groups/{group}/decision", {"Idempotency-Key": "k"}
    assert client.post(url, json={"action": "different", "ids": ["nobody"]}, headers=key).status_code == 409
    assert client.post(url, json={"action": "same"}, headers=key).status_code == 200


def test_variants_are_a_family_and_no_group(client: TestClient, group: str) -> None:
    """What is said to be a variant leaves the group of duplicates."""
    url = f"/v1/duplicate-groups/{group}/decision"
    assert client.post(url, json={"action": "variant"}).status_code == 200
    assert members(client) == []
    assert set("ABC") in members(client, kind="variants")


def test_a_merge_keeps_one_and_is_taken_back(client: TestClient, group: str) -> None:
    """The survivor gets what it lacked; undone, all three are as they were, labels included."""
    before = {name: client.get(f"/v1/products/{name}").json() for name in "ABC"}
    url = f"/v1/duplicate-groups/{group}/decision"
    decided = client.post(url, json={"action": "merge", "ids": ["A", "C"], "survivor": "B", "fill": True}).json()
    assert decided["detail"]["merged"] == ["A", "C"]
    assert decided["detail"]["filled"] == ["brand", "category", "provenance", "tags", "weight"]
    assert [client.get(f"/v1/products/{name}").status_code for name in "ABC"] == [404, 200, 404]
    kept = client.get("/v1/products/B").json()
    assert (kept["brand"], kept["category"], kept["tags"], kept["specs"]) == (
        "Brewmont",
        CATEGORY,
        ["coffee"],
        [{"name": "Size", "value": "1 l"}],
    )
    assert members(client) == []

    undone = client.post("/v1/decisions/1:undo", json={}).json()
    after = {name: client.get(f"/v1/products/{name}").json() for name in "ABC"}
    counted = ("version", "updated_at")
    bare = [
        {name: {k: v for k, v in product.items() if k not in counted} for name, product in some.items()}
        for some in (before, after)
    ]
    assert bare[0] == bare[1]
    assert undone["seq"] == client.get("/v1/index").json()["seq"]
    assert client.post("/v1/similar", json={**PRESS, "limit": 3}).json()["items"][0]["id"] in "ABC"
    assert members(client) == [set("ABC")]


def test_a_decision_about_what_is_there_no_more_changes_nothing(client: TestClient, group: str) -> None:
    """A product that is not in the group is named; one that was stored anew stands in the way of taking back."""
    url = f"/v1/duplicate-groups/{group}/decision"
    refused = client.post(url, json={"action": "merge", "ids": ["A", "P001"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "decision_conflict")
    assert "'P001' is not in group" in refused.json()["detail"]
    assert client.post(url, json={"action": "merge", "ids": ["A"], "survivor": "A"}).status_code == 409
    refused = client.post(url, json={"action": "merge"})
    assert refused.json()["detail"].startswith("a merge deletes products, and none is named; name in ids those to be")
    assert client.post(url, json={"action": "keep"}).status_code == 422
    assert client.post(url, json={"action": "same", "author": "a\0b"}).status_code == 422
    assert client.get("/v1/decisions").json()["items"] == []

    assert client.post(url, json={"action": "merge", "ids": ["A", "C"], "survivor": "A"}).status_code == 200
    client.put("/v1/products/C", json={"title": "Another thing"})
    refused = client.post("/v1/decisions/1:undo", json={})
    assert refused.json()["detail"].startswith("decision 1 cannot be undone: 'C' was stored anew meanwhile")
    assert client.get("/v1/products/C").json()["title"] == "Another thing"


@pytest.mark.usefixtures("group")
def test_a_scan_goes_on_beside_answers(client: TestClient) -> None:
    """It is begun once, and what is found is what stood."""
    before = groups(client)
    told = client.post("/v1/duplicates:scan", json={})
    assert told.status_code == 202
    assert told.json()["begun"] is True
    assert groups(client) == before
