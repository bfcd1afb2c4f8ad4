"""Many items in one request: each with its own status, one bad item never failing the others."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from starlette.testclient import TestClient

from service.rest import batches
from service.rest.app import create_app
from service.settings import ServiceSettings

PRESS = {"title": "Steel french press for coffee", "description": "Glass and plunger, 1 l"}
PLANTER = {"title": "Frost-proof terracotta planter with saucer"}
ANSWER = [
    *("prediction_id", "decision", "reason", "category", "levels", "alternatives", "tags", "neighbours", "duplicates"),
    *("used", "images", "language", "snapshot", "taxonomy", "model", "without_image"),
]
NDJSON = {"Content-Type": "application/x-ndjson"}


def test_an_item_that_is_no_change_says_what_is_expected(client: TestClient) -> None:
    """In the words of JSON, with what was given."""
    items = [{"op": "nope", "id": "x"}, {"op": ["put"], "id": "x"}, None, 5, "x", [{}], False]
    batch = client.post("/v1/products:batch", json={"items": items}).json()
    assert [item["problem"]["errors"] for item in batch["items"]] == [
        *(
            [{"pointer": "/op", "message": f"op is {op}; it is put, which is meant without one, patch or delete"}]
            for op in ('"nope"', '["put"]')
        ),
        *(
            [{"pointer": "", "message": f"an object with fields is expected here, not {kind}"}]
            for kind in ("null", "a number", "a text", "a list", "false")
        ),
    ]


def test_each_item_has_its_own_status_in_order_and_bad_ones_fail_alone(reader: TestClient) -> None:
    """Products that are no products get the problem they would have had alone."""
    items = [{"id": "a"} | PRESS, {"id": "b", "titel": "x"}, 5, {"id": "d", "title": "<br>"}, PLANTER]
    batch = reader.post("/v1/categorize:batch", json={"items": items}).json()
    assert [(item["status"], item["id"]) for item in batch["items"]] == [
        (200, "a"),
        (422, "b"),
        (422, None),
        (422, "d"),
        (200, None),
    ]
    assert batch["counts"] == {"total": 5, "ok": 2, "failed": 3}
    assert list(batch["items"][0]) == ["status", "id", "result"]
    assert list(batch["items"][0]["result"]) == ANSWER
    assert batch["items"][1]["problem"]["errors"] == [
        {"pointer": "/titel", "message": "this field is not known here; remove it"}
    ]
    assert batch["items"][3]["problem"]["code"] == "invalid_product"


def test_a_batch_may_be_larger_than_what_is_asked_together_and_than_the_queue(
    built_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked piece by piece and answered whole, in order."""
    monkeypatch.setattr(batches, "TOGETHER", 3)
    items = [{"id": f"n{n}"} | (PRESS if n % 2 else PLANTER) for n in range(8)] + [{"id": "bad"}]
    with TestClient(
        create_app(ServiceSettings(index=built_index, upkeep=False, queue_items=2, prediction_days=0))
    ) as client:
        batch = client.post("/v1/categorize:batch", json={"items": items}).json()
    assert [item["id"] for item in batch["items"]] == [*(f"n{n}" for n in range(8)), "bad"]
    assert batch["counts"] == {"total": 9, "ok": 8, "failed": 1}
    paths = [item["result"]["category"]["path"] for item in batch["items"][:8]]
    assert paths == ["Garden > Planters", "Kitchen > Coffee > French Presses"] * 4


def test_an_empty_batch_is_answered(reader: TestClient) -> None:
    """Nothing asked, nothing failed."""
    batch = reader.post("/v1/categorize:batch", json={"items": []}).json()
    assert (batch["items"], batch["counts"]) == ([], {"total": 0, "ok": 0, "failed": 0})


def test_lines_are_answered_by_lines_with_the_counts_last(built_index: Path) -> None:
    """In order over several steps, a broken line by a problem, blank lines by nothing."""
    sent = b"\n".join([orjson.dumps({"id": f"n{n}"} | PRESS) for n in range(5)] + [b"", b"{broken", b"[]"])
    with TestClient(
        create_app(ServiceSettings(index=built_index, upkeep=False, encode_items=2, batch_items=1, prediction_days=0))
    ) as client:
        response = client.post("/v1/categorize:batch", content=sent, headers=NDJSON)
    *items, last = [orjson.loads(line) for line in response.text.splitlines()]
    assert response.headers["content-type"].partition(";")[0] == "application/x-ndjson"
    assert [(item["status"], item["id"]) for item in items] == [
        *((200, f"n{n}") for n in range(5)),
        (400, None),
        (422, None),
    ]
    assert last == {"counts": {"total": 7, "ok": 5, "failed": 2}}


def test_no_lines_are_answered_by_the_counts(reader: TestClient) -> None:
    """An empty stream is an empty batch."""
    response = reader.post("/v1/categorize:batch", content=b"\n", headers=NDJSON)
    assert response.json() == {"counts": {"total": 0, "ok": 0, "failed": 0}}


def test_changes_are_made_in_the_order_given(client: TestClient) -> None:
    """What is stored and forgotten in one batch ends as it would one by one."""
    items = [
        {"id": "x", "title": "Dog lead"},
        {"op": "delete", "id": "x"},
        {"op": "put", "id": "x", "title": "Dog lead, red", "provenance": "human", "weight": 2},
        {"op": "delete", "id": "never"},
        {"op": "delete", "id": "x", "title": "no"},
        {"op": "burn", "id": "x"},
        {"title": "no id"},
    ]
    batch = client.post("/v1/products:batch", json={"items": items}).json()
    done = [(item["status"], item["id"], item.get("result", {}).get("outcome")) for item in batch["items"]]
    assert done == [
        (201, "x", "created"),
        (200, "x", "deleted"),
        (201, "x", "created"),
        (200, "never", "missing"),
        (422, "x", None),
        (422, "x", None),
        (422, None, None),
    ]
    assert batch["counts"] == {"total": 7, "ok": 4, "failed": 3}
    stored = client.get("/v1/products/x").json()
    assert (stored["title"], stored["provenance"], stored["weight"]) == ("Dog lead, red", "human", 2.0)
