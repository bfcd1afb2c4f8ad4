"""The routes about products, asked as a client asks them."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

PRESS = {"title": "Steel french press for coffee", "description": "Glass and plunger, 1 l"}
PLANTER = {"title": "Frost-proof terracotta planter with saucer"}
ANSWER = [
    *("prediction_id", "decision", "reason", "category", "levels", "alternatives", "tags", "neighbours", "duplicates"),
    *("used", "images", "language", "snapshot", "taxonomy", "model", "without_image"),
]
JSON = {"Content-Type": "application/json"}


def untimed(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without what differs from one time to the next."""
    return {key: value for key, value in answer.items() if key != "timings"}


def test_the_answer_has_the_documented_fields_and_the_right_shelf(reader: TestClient) -> None:
    """Fields as docs/rest.md names them, in that order."""
    answer = reader.post("/v1/categorize", json=PRESS).json()
    assert list(answer) == [*ANSWER, "timings"]
    assert list(answer["timings"]) == ["queue", "compute", "total"]
    assert answer["decision"] == "auto"
    assert answer["category"]["path"] == "Kitchen > Coffee > French Presses"
    assert [level["name"] for level in answer["levels"]] == ["Kitchen", "Coffee", "French Presses"]
    assert {tag["tag"] for tag in answer["tags"]} == {"coffee", "kitchen"}
    assert answer["used"] == {"text": True, "image": False}


def test_the_same_question_gets_the_same_answer(reader: TestClient) -> None:
    """Only timings differ."""
    first, second = (reader.post("/v1/categorize", json=PRESS).json() for _ in range(2))
    assert untimed(first) == untimed(second)


def test_alone_and_in_a_batch_the_answer_is_the_same(reader: TestClient) -> None:
    """What else is asked at the same time does not matter."""
    batch = reader.post("/v1/categorize:batch", json={"items": [PLANTER, PRESS, PLANTER]}).json()
    alone = [untimed(reader.post("/v1/categorize", json=product).json()) for product in (PLANTER, PRESS)]
    assert [item["result"] for item in batch["items"]] == [alone[0], alone[1], alone[0]]


def test_a_stored_product_has_no_vote_on_itself(reader: TestClient) -> None:
    """Asked under its id it is not among its neighbours; asked without, it is the nearest."""
    stored = reader.get("/v1/products/P001").json()
    product = {key: stored[key] for key in ("id", "title", "description", "brand", "specs")}
    own = reader.post("/v1/categorize", json=product).json()
    assert "P001" not in {neighbour["id"] for neighbour in own["neighbours"]}
    del product["id"]
    foreign = reader.post("/v1/categorize", json=product).json()
    assert foreign["neighbours"][0]["id"] == "P001"
    first = foreign["duplicates"][0]
    assert (first["id"], first["similarity"], first["verdict"]) == ("P001", 1.0, "identical")


def test_category_and_tags_of_the_question_are_never_input(reader: TestClient) -> None:
    """A label that the client happens to send cannot leak into the answer."""
    labelled = PRESS | {"category": "Pets > Dogs > Leads", "tags": ["dog"]}
    answers = [reader.post("/v1/categorize", json=product).json() for product in (PRESS, labelled)]
    assert untimed(answers[0]) == untimed(answers[1])


def test_null_is_the_same_as_absent(reader: TestClient) -> None:
    """Clients that send every field send null for those they lack."""
    sparse = PRESS | dict.fromkeys(("id", "brand", "specs", "category", "tags"))
    answers = [reader.post("/v1/categorize", json=product).json() for product in (PRESS, sparse)]
    assert untimed(answers[0]) == untimed(answers[1])


@pytest.mark.parametrize(
    "specs",
    [
        {"Capacity": "1 l", "Cups": 8},
        [{"name": "Capacity", "value": "1 l"}, {"name": "Cups", "value": 8}],
        "Capacity: 1 l\nCups: 8",
    ],
)
def test_specs_mean_the_same_in_every_form(client: TestClient, specs: object) -> None:
    """Object, list and text are stored alike."""
    assert client.put("/v1/products/A", json=PRESS | {"specs": specs}).status_code == 201
    stored = client.get("/v1/products/A").json()
    assert stored["specs"] == [{"name": "Capacity", "value": "1 l"}, {"name": "Cups", "value": "8"}]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1), st.text())
def test_any_text_is_answered_or_refused(reader: TestClient, title: str, description: str) -> None:
    """No text makes the service fail; a title with a plain word is always answered."""
    sent = orjson.dumps({"title": title, "description": description[:200]}, option=0)
    assert reader.post("/v1/categorize", content=sent, headers=JSON).status_code in {200, 422}
    answered = reader.post("/v1/categorize", json={"title": f"pan {title}"[:300]})
    assert answered.status_code == 200


def test_specs_nested_too_deeply_are_refused(client: TestClient) -> None:
    """What JSON still allows and specs cannot mean is a fault of the request, not of the service."""
    nested = b'{"title": "pan", "specs": ' + b'{"a":' * 500 + b"1" + b"}" * 501
    response = client.post("/v1/categorize", content=nested, headers=JSON)
    assert response.status_code == 422
    fault = {"pointer": "/specs", "message": "the specs are nested too deeply; give a name and a value for each"}
    assert response.json()["errors"] == [fault]


def test_long_specs_cost_no_more_than_their_length(client: TestClient) -> None:
    """A text of one long piece is read in linear time."""
    began = time.monotonic()
    response = client.post("/v1/categorize", json=PRESS | {"specs": "a " * 50_000})
    assert response.status_code == 200
    assert time.monotonic() - began < 30  # the square of it would take minutes


def test_a_stored_product_counts_from_the_next_question_on(client: TestClient) -> None:
    """There is no training run to wait for; a new category joins the tree, and leaves no trace when deleted."""
    lamp = {"title": "Bedside lamp with dimmer", "category": "Home > Lamps", "tags": ["light"]}
    created = client.put("/v1/products/L1", json=lamp)
    assert (created.status_code, created.headers["location"]) == (201, "/v1/products/L1")
    nothing: dict[str, object] = {"duplicates": [], "images": [], "warnings": []}
    assert created.json() == {"id": "L1", "outcome": "created", "version": 1, "seq": 61, **nothing}
    answer = client.post("/v1/categorize", json={"title": "Bedside lamp, dimmer"}).json()
    assert (answer["category"]["path"], answer["neighbours"][0]["id"]) == ("Home > Lamps", "L1")
    deleted = client.delete("/v1/products/L1").json()
    assert deleted == {"id": "L1", "outcome": "deleted", "version": 1, "seq": 62, **nothing}
    after = client.post("/v1/categorize", json={"title": "Bedside lamp, dimmer"}).json()
    assert "L1" not in {neighbour["id"] for neighbour in after["neighbours"]}


def test_storing_and_forgetting_again_change_nothing(client: TestClient) -> None:
    """PUT and DELETE are idempotent; a change makes a new version."""
    outcomes = [client.put("/v1/products/A", json=PRESS) for _ in range(2)]
    outcomes.append(client.put("/v1/products/A", json=PLANTER))
    outcomes += [client.delete("/v1/products/A") for _ in range(2)]
    told = [(r.status_code, r.json()["outcome"], r.json()["version"], r.json()["seq"]) for r in outcomes]
    assert told == [
        (201, "created", 1, 61),
        (200, "unchanged", 1, 61),
        (200, "updated", 2, 62),
        (200, "deleted", 2, 63),
        (200, "missing", 0, 63),
    ]


def test_a_product_is_given_back_cleaned(client: TestClient) -> None:
    """Times and the rest of the record beside what was sent."""
    sent = {"title": "Dog&nbsp;lead", "description": "<p>Nylon</p>", "category": "leads", "tags": ["dog", "dog"]}
    client.put("/v1/products/A", json=sent)
    stored = client.get("/v1/products/A").json()
    assert stored.pop("created_at") == stored.pop("updated_at")
    assert stored == {
        "id": "A",
        "title": "Dog lead",
        "description": "Nylon",
        "brand": "",
        "specs": [],
        "facts": {},
        "category": stored["category"],
        "category_id": stored["category_id"],
        "tags": ["dog"],
        "pictures": [],
        "language": "und",
        "provenance": "supplier",
        "weight": 1.0,
        "version": 1,
    }


def test_who_gave_a_label_and_its_weight_are_kept_with_it(client: TestClient) -> None:
    """Given, they are shown; a new weight alone is an update; a write that does not give them is a supplier's."""
    sent = {"title": "Dog lead", "category": "leads", "provenance": "machine", "weight": 0.5}

    def put(**changed: object) -> tuple[str, str, float]:
        outcome = client.put("/v1/products/A", json=sent | changed).json()["outcome"]
        stored = client.get("/v1/products/A").json()
        return outcome, stored["provenance"], stored["weight"]

    assert put() == ("created", "machine", 0.5)
    assert put() == ("unchanged", "machine", 0.5)
    assert put(weight=2) == ("updated", "machine", 2.0)
    assert put(provenance="human") == ("updated", "human", 0.5)
    assert put(provenance=None, weight=None) == ("updated", "supplier", 1.0)


@pytest.mark.parametrize(
    ("given", "pointer"),
    [({"provenance": "robot"}, "/provenance"), ({"weight": 0}, "/weight"), ({"weight": 11}, "/weight")],
)
def test_a_provenance_or_weight_that_there_is_not_is_refused(
    client: TestClient, given: dict[str, object], pointer: str
) -> None:
    """422 that points to the field."""
    refused = client.put("/v1/products/A", json={"title": "Dog lead"} | given)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize(
    ("path", "product_id"),
    [
        ("a/b/c", "a/b/c"),
        ("a%2Fb", "a/b"),
        ("a%20b", "a b"),
        ("sku%3A1%3F%23%25", "sku:1?#%"),
        ("%E9%9E%84%F0%9F%91%9C", "鞄👜"),
        ("a/", "a/"),
        ("a%20", "a "),
    ],
)
def test_an_id_may_hold_any_visible_character(client: TestClient, path: str, product_id: str) -> None:
    """Percent-encoded in the path, as it is everywhere else."""
    created = client.put(f"/v1/products/{path}", json=PRESS | {"id": product_id})
    assert (created.status_code, created.json()["id"]) == (201, product_id)
    assert client.get(created.headers["location"]).json()["id"] == product_id
    assert client.delete(f"/v1/products/{path}").json()["outcome"] == "deleted"


def test_a_line_break_at_the_end_is_another_id(client: TestClient) -> None:
    """It is refused instead of meaning the product without it."""
    assert client.delete("/v1/products/P001%0A").json()["errors"][0]["pointer"] == "product_id"
    assert client.get("/v1/products/P001").status_code == 200


def test_the_pages_of_the_list_hold_every_product_once(reader: TestClient) -> None:
    """In the order they came, to the end."""
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = reader.get("/v1/products", params={"limit": 25} | ({"cursor": cursor} if cursor else {})).json()
        seen += [product["id"] for product in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [f"P{number:03}" for number in range(1, 61)]
    assert len(reader.get("/v1/products").json()["items"]) == 50


def test_similar_products_are_found_by_product_and_by_id(reader: TestClient) -> None:
    """Nearest first; a stored product is not similar to itself."""
    by_id = reader.post("/v1/similar", json={"id": "P001", "limit": 3}).json()["items"]
    assert [item["id"] for item in by_id] == ["P009", "P005", "P008"]
    by_text = reader.post("/v1/similar", json=PLANTER | {"limit": 1}).json()["items"]
    assert [item["path"] for item in by_text] == ["Garden > Planters"]
