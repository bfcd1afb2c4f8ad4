"""Changes over REST: patches, versions, idempotency keys, places in the journal, and batches in one transaction."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from indexer.memory.recent import Recent
from indexer.product import Product
from indexer.store.place import STORE
from service.engine import Engine
from service.rest import writing
from service.rest.app import create_app
from service.settings import ServiceSettings
from service.worker import Closed, Overloaded

LEAD = {
    "title": "Dog lead",
    "brand": "Hollin",
    "specs": {"Length": "2 m", "Colour": "red"},
    "category": "Pets > Dogs > Leads",
    "tags": ["dog"],
    "provenance": "human",
    "weight": 2.0,
}
MERGE = {"Content-Type": "application/merge-patch+json"}
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def lead(client: TestClient) -> TestClient:
    """Return a client of a service that holds LEAD as `A`, version 1, at place 61."""
    assert client.put("/v1/products/A", json=LEAD).json()["seq"] == 61
    return client


def stored(client: TestClient, product_id: str = "A") -> dict[str, Any]:
    """Return a stored product."""
    found: dict[str, Any] = client.get(f"/v1/products/{product_id}").json()
    return found


def count_encoded(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the titles of all that is encoded from now on."""
    encoder = client.app.state.serving.live.encoder  # type: ignore[attr-defined]
    seen: list[str] = []
    encode = encoder.encode

    def counted(products: Any, progress: Any = None) -> Any:
        seen.extend(product.title for product in products)
        return encode(products, progress)

    monkeypatch.setattr(encoder, "encode", counted)
    return seen


def test_a_patch_changes_what_it_names(lead: TestClient) -> None:
    """The other fields stay, the version grows, and the answer has the version as ETag."""
    before = stored(lead)
    answer = lead.patch("/v1/products/A", json={"title": "Dog lead, padded", "brand": None}, headers=MERGE)
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    told = {"id": "A", "outcome": "updated", "version": 2, "seq": 62, "duplicates": [], "images": [], "warnings": []}
    assert answer.json() == told
    after = stored(lead)
    changed = {"title": "Dog lead, padded", "brand": "", "version": 2, "updated_at": after["updated_at"]}
    assert after == before | changed | {"language": after["language"]}


@pytest.mark.parametrize(
    ("field", "default"),
    [
        ("description", ""),
        ("brand", ""),
        ("specs", []),
        ("category", ""),
        ("tags", []),
        ("provenance", "supplier"),
        ("weight", 1.0),
    ],
)
def test_null_resets_a_field(lead: TestClient, field: str, default: object) -> None:
    """To what it is for a product that never had it."""
    lead.patch("/v1/products/A", json={field: "gone" if field == "description" else None})
    assert lead.patch("/v1/products/A", json={field: None}).status_code == 200
    assert stored(lead)[field] == default


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"Colour": "blue"}, {"Length": "2 m", "Colour": "blue"}),
        ({"Length": None, "Width": "2 cm"}, {"Colour": "red", "Width": "2 cm"}),
        ([{"name": "Width", "value": "2 cm"}], {"Width": "2 cm"}),
        ("Width: 2 cm", {"Width": "2 cm"}),
        ({}, {"Length": "2 m", "Colour": "red"}),
    ],
)
def test_specs_are_merged_as_an_object_and_replaced_as_a_list_or_text(
    lead: TestClient, given: object, kept: dict[str, str]
) -> None:
    """As JSON merge patch has it."""
    assert lead.patch("/v1/products/A", json={"specs": given}).status_code == 200
    assert {spec["name"]: spec["value"] for spec in stored(lead)["specs"]} == kept


def test_a_relabel_encodes_nothing(lead: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A patch of the label counts in the next answer; who gave it is a supplier unless it says so."""
    encoded = count_encoded(lead, monkeypatch)
    lead.patch("/v1/products/A", json={"category": "Garden > Planters", "tags": ["garden"]})
    assert encoded == []
    told = stored(lead)
    assert (told["category"], told["tags"], told["provenance"], told["weight"]) == (
        "Garden > Planters",
        ["garden"],
        "supplier",
        1.0,
    )
    lead.patch("/v1/products/A", json={"category": "Pets > Dogs > Leads", "provenance": "human"})
    assert (stored(lead)["provenance"], encoded) == ("human", [])
    assert lead.post("/v1/similar", json={"title": "Dog lead", "limit": 1}).json()["items"][0]["path"] == (
        "Pets > Dogs > Leads"
    )


def test_new_content_is_encoded_once(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same content under another id needs nothing."""
    encoded = count_encoded(client, monkeypatch)
    client.put("/v1/products/A", json={"title": "Wool blanket"})
    client.put("/v1/products/B", json={"title": "Wool blanket"})
    client.patch("/v1/products/B", json={"title": "Wool blanket, grey"})
    assert encoded == ["Wool blanket", "Wool blanket, grey"]


@pytest.mark.parametrize(
    ("patch", "status", "code"),
    [
        ({"title": None, "brand": None, "specs": None}, 422, "invalid_product"),
        ({"id": "B"}, 422, "invalid_request"),
        ({"titel": "x"}, 422, "invalid_request"),
        ({"weight": 11}, 422, "invalid_request"),
        ({"specs": {"Colour": None, "Length": None}, "title": None, "brand": ""}, 422, "invalid_product"),
    ],
)
def test_a_patch_that_is_refused_changes_nothing(lead: TestClient, patch: object, status: int, code: str) -> None:
    """A product must have something left to go by."""
    refused = lead.patch("/v1/products/A", json=patch)
    assert (refused.status_code, refused.json()["code"], stored(lead)["version"]) == (status, code, 1)


def test_a_patch_is_an_object(lead: TestClient) -> None:
    """Null is none."""
    refused = lead.patch("/v1/products/A", content=b"null", headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["errors"]) == (
        422,
        [{"pointer": "", "message": "an object with fields is expected here, not null"}],
    )


def test_what_is_not_stored_cannot_be_patched(client: TestClient) -> None:
    """404, and nothing is made."""
    missing = client.patch("/v1/products/nope", json={"title": "x"})
    assert (missing.status_code, missing.json()["code"]) == (404, "product_not_found")
    assert client.get("/v1/products/nope").status_code == 404


def test_a_patch_with_images_replaces_them_and_says_what_became_of_each(lead: TestClient) -> None:
    """Without images in the patch the answer names none."""
    image = {"data": "R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==", "name": "white.gif"}
    answer = lead.patch("/v1/products/A", json={"images": [image]}).json()
    assert answer["images"] == [{"name": "white.gif", "used": False, "problem": ""}]
    assert [each["name"] for each in stored(lead)["pictures"]] == ["white.gif"]
    assert lead.patch("/v1/products/A", json={"brand": "Oakridge"}).json()["images"] == []
    assert [each["name"] for each in stored(lead)["pictures"]] == ["white.gif"]


def test_a_change_can_ask_for_a_version(lead: TestClient) -> None:
    """PATCH, PUT and DELETE with If-Match are carried out on that version alone, else 412 names both."""
    assert lead.get("/v1/products/A").headers["etag"] == '"1"'
    ifs = {"If-Match": '"1"'}
    assert lead.patch("/v1/products/A", json={"brand": "Oakridge"}, headers=ifs).headers["etag"] == '"2"'
    for refused in (
        lead.patch("/v1/products/A", json={"brand": "Brewmont"}, headers=ifs),
        lead.put("/v1/products/A", json=LEAD, headers=ifs),
        lead.delete("/v1/products/A", headers=ifs),
    ):
        told = refused.json()
        assert (refused.status_code, told["code"]) == (412, "version_conflict")
        assert told["detail"].startswith("product 'A' is version 2, version 1 was asked for")
    assert stored(lead)["brand"] == "Oakridge"
    assert lead.put("/v1/products/A", json=LEAD, headers={"If-Match": '"2"'}).headers["etag"] == '"3"'
    assert lead.delete("/v1/products/A", headers={"If-Match": '"3"'}).json()["outcome"] == "deleted"
    gone = lead.delete("/v1/products/A", headers={"If-Match": '"3"'})
    assert (gone.status_code, gone.json()["detail"].partition(";")[0]) == (
        412,
        "product 'A' is not stored, version 3 was asked for",
    )


def test_a_change_can_ask_for_a_product_that_is_there_or_is_not(lead: TestClient) -> None:
    """If-Match: * changes only; If-None-Match: * creates only."""
    star, none = {"If-Match": "*"}, {"If-None-Match": "*"}
    assert lead.put("/v1/products/B", json=LEAD, headers=star).status_code == 412
    assert lead.patch("/v1/products/B", json={"brand": "x"}, headers=star).status_code == 412
    assert lead.put("/v1/products/B", json=LEAD, headers=none).status_code == 201
    refused = lead.put("/v1/products/B", json=LEAD, headers=none)
    assert (refused.status_code, refused.json()["detail"].partition(";")[0]) == (
        412,
        "product 'B' is version 1, no product of that id was asked for",
    )
    assert lead.patch("/v1/products/B", json={"brand": "x"}, headers=star).json()["version"] == 2


@pytest.mark.parametrize(
    ("headers", "pointer"),
    [
        ({"If-Match": "1"}, "If-Match"),
        ({"If-Match": 'W/"1"'}, "If-Match"),
        ({"If-Match": '"1", "2"'}, "If-Match"),
        ({"If-None-Match": '"1"'}, "If-None-Match"),
        ({"If-None-Match": "*", "If-Match": "*"}, "If-None-Match"),
    ],
)
def test_a_condition_that_is_none_is_refused(lead: TestClient, headers: dict[str, str], pointer: str) -> None:
    """Not ignored, which would change what was not meant."""
    refused = lead.put("/v1/products/A", json=LEAD, headers=headers)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    if pointer == "If-Match":
        why = 'If-Match takes the ETag of a product in its quotes, "3", or *, and one of them; not '
        assert refused.json()["errors"][0]["message"] == why + headers["If-Match"]


Send = Callable[[TestClient, dict[str, str]], Any]
SENDS: dict[str, Send] = {
    "post": lambda client, headers: client.post("/v1/products", json=LEAD | {"id": "K"}, headers=headers),
    "patch": lambda client, headers: client.patch("/v1/products/A", json={"brand": "Oakridge"}, headers=headers),
    "batch": lambda client, headers: client.post(
        "/v1/products:batch",
        json={"items": [LEAD | {"id": "K"}, {"id": "L"}, {"op": "delete", "id": "A"}]},
        headers=headers,
    ),
    "form": lambda client, headers: client.post(
        "/v1/products",
        files=[("id", (None, "K")), ("image", ("a.gif", b"GIF89a")), ("title", (None, "x"))],
        headers=headers,
    ),
}


@pytest.mark.parametrize("send", SENDS.values(), ids=SENDS)
def test_a_request_that_comes_again_is_answered_as_before(lead: TestClient, send: Send) -> None:
    """Byte for byte, whatever happened meanwhile, and nothing is done again."""
    key = {"Idempotency-Key": "order-7"}
    first = send(lead, key)
    assert (first.status_code < 300, "idempotency-replayed" in first.headers) == (True, False)
    lead.delete("/v1/products/K")
    lead.put("/v1/products/A", json=LEAD | {"brand": "somebody else's"})
    seq = lead.get("/v1/index").json()["seq"]
    again = send(lead, key)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert [again.headers.get(name) for name in ("etag", "location")] == [
        first.headers.get(name) for name in ("etag", "location")
    ]
    assert lead.get("/v1/index").json()["seq"] == seq
    other = send(lead, {"Idempotency-Key": "order-8"})
    assert "idempotency-replayed" not in other.headers


def test_a_key_stands_for_one_request(lead: TestClient) -> None:
    """Another body, path or condition under it is refused, with nothing changed."""
    key = {"Idempotency-Key": "k"}
    assert lead.patch("/v1/products/A", json={"brand": "Oakridge"}, headers=key).status_code == 200
    for refused in (
        lead.patch("/v1/products/A", json={"brand": "Brewmont"}, headers=key),
        lead.patch("/v1/products/P001", json={"brand": "Oakridge"}, headers=key),
        lead.patch("/v1/products/A", json={"brand": "Oakridge"}, headers=key | {"If-Match": '"1"'}),
        lead.post("/v1/products", json=LEAD | {"id": "K"}, headers=key),
    ):
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_conflict")
    assert (stored(lead)["version"], lead.get("/v1/products/K").status_code) == (2, 404)


def test_a_request_that_fails_gives_its_key_up(lead: TestClient) -> None:
    """It can be mended and sent under the same key."""
    key = {"Idempotency-Key": '"quoted"'}
    assert (
        lead.patch("/v1/products/A", json={"title": "<br>", "brand": None, "specs": None}, headers=key).status_code
        == 422
    )
    assert lead.patch("/v1/products/nope", json={"title": "x"}, headers=key).status_code == 404
    assert lead.patch("/v1/products/A", json={"brand": "x"}, headers=key | {"If-Match": '"9"'}).status_code == 412
    assert lead.patch("/v1/products/A", json={"brand": "x"}, headers=key).json()["version"] == 2
    replayed = lead.patch("/v1/products/A", json={"brand": "x"}, headers={"Idempotency-Key": "quoted"})
    assert replayed.headers["idempotency-replayed"] == "true"  # with and without its quotes


@pytest.mark.parametrize("key", [b"", b"x" * 256, b"a b", "schlüssel".encode()])
def test_a_key_has_1_to_255_visible_characters(client: TestClient, key: bytes) -> None:
    """Anything else is refused."""
    refused = client.post("/v1/products", json=LEAD | {"id": "K"}, headers={b"Idempotency-Key": key})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "Idempotency-Key")


def test_while_a_request_runs_its_key_is_taken(lead: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """409 with Retry-After, however long it runs, for it says so; when it is done, its answer."""
    encoder = lead.app.state.serving.live.encoder  # type: ignore[attr-defined]
    begun, go_on = threading.Event(), threading.Event()
    encode = encoder.encode

    def slow(products: Any, progress: Any = None) -> Any:
        begun.set()
        assert go_on.wait(30)
        return encode(products, progress)

    key = {"Idempotency-Key": "slow"}
    renewed = threading.Event()
    records = lead.app.state.serving.live.records  # type: ignore[attr-defined]
    renew = records.renew

    def told(name: str) -> None:
        renew(name)
        renewed.set()

    monkeypatch.setattr(records, "renew", told)
    monkeypatch.setattr(writing, "RENEWED_SECONDS", 0.01)
    answers: list[Any] = []
    sending = threading.Thread(target=lambda: answers.append(SENDS["post"](lead, key)))
    lead.delete("/v1/products/A")
    monkeypatch.setattr(lead.app.state.serving.live, "_recent", Recent())  # type: ignore[attr-defined]
    monkeypatch.setattr(encoder, "encode", slow)
    sending.start()
    assert begun.wait(30)
    assert renewed.wait(30)
    running = SENDS["post"](lead, key)
    go_on.set()
    sending.join()
    assert (running.status_code, running.json()["code"], running.headers["retry-after"]) == (
        409,
        "request_running",
        "1",
    )
    assert (answers[0].status_code, SENDS["post"](lead, key).content) == (201, answers[0].content)


def test_an_answer_outlives_the_process(own_index: Path) -> None:
    """It is kept in the record store; after the time that is set it is forgotten, and the request is carried out."""
    key = {"Idempotency-Key": "k"}
    with TestClient(create_app(ServiceSettings(index=own_index))) as client:
        first = SENDS["post"](client, key)
    with TestClient(create_app(ServiceSettings(index=own_index))) as client:
        assert (SENDS["post"](client, key).content, first.status_code) == (first.content, 201)
    with TestClient(create_app(ServiceSettings(index=own_index, key_hours=1e-9))) as client:
        again = SENDS["post"](client, key)
    assert (again.json()["outcome"], "idempotency-replayed" in again.headers) == ("unchanged", False)


READS: dict[str, Send] = {
    "categorize": lambda client, query: client.post("/v1/categorize", json=LEAD, params=query),
    "batch": lambda client, query: client.post("/v1/categorize:batch", json={"items": [LEAD]}, params=query),
    "similar": lambda client, query: client.post("/v1/similar", json={"title": "x"}, params=query),
    "product": lambda client, query: client.get("/v1/products/A", params=query),
    "list": lambda client, query: client.get("/v1/products", params=query),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_question_waits_for_the_changes_it_is_about(own_index: Path, read: Send) -> None:
    """Of this process, of another one, and in vain: 503 after the time that is set."""
    with TestClient(create_app(ServiceSettings(index=own_index, reach_seconds=0.1))) as client:
        client.put("/v1/products/A", json=LEAD)
        assert read(client, {"min_seq": "61"}).status_code == 200
        with closing(Engine.open(ServiceSettings(index=own_index))) as other:
            other.put([Product("B", title="Dog lead, red")])
        assert read(client, {"min_seq": "62"}).status_code == 200
        late = read(client, {"min_seq": "63"})
        assert (late.status_code, late.json()["code"], late.headers["retry-after"]) == (503, "seq_not_reached", "1")
        assert late.json()["detail"].startswith("the journal is at 62 and 63 was asked for, waited for 0.1 s")
        assert read(client, {"min_seq": "-1"}).status_code == 422


def test_a_batch_puts_patches_and_deletes_in_order_in_one_transaction(lead: TestClient) -> None:
    """Each item has its own status; what follows a change sees it; the good ones are consecutive in the journal."""
    items = [
        {"op": "patch", "id": "A", "brand": "Oakridge"},
        {"op": "put", "id": "B", "title": "Red lead"},
        {"op": "patch", "id": "B", "category": "Pets > Dogs > Leads", "specs": {"Colour": "red"}},
        {"op": "patch", "id": "nope", "title": "x"},
        {"op": "patch", "id": "A", "title": None, "brand": None, "specs": None},
        {"op": "patch", "id": "A", "weight": 0},
        {"op": "delete", "id": "P001"},
        {"op": "patch", "id": "P001", "title": "x"},
        {"op": "patch", "id": "A", "tags": ["dog", "lead"]},
    ]
    batch = lead.post("/v1/products:batch", json={"items": items}).json()
    done = [
        (item["status"], item.get("result", {}).get("outcome"), item.get("problem", {}).get("code"))
        for item in batch["items"]
    ]
    assert done == [
        (200, "updated", None),
        (201, "created", None),
        (200, "updated", None),
        (404, None, "product_not_found"),
        (422, None, "invalid_product"),
        (422, None, "invalid_request"),
        (200, "deleted", None),
        (404, None, "product_not_found"),
        (200, "updated", None),
    ]
    assert [item["result"]["seq"] for item in batch["items"] if "result" in item] == [62, 63, 64, 65, 66]
    assert batch["counts"] == {"total": 9, "ok": 5, "failed": 4}
    told = stored(lead)
    assert (told["brand"], told["tags"], told["version"], told["title"]) == ("Oakridge", ["dog", "lead"], 3, "Dog lead")
    assert (stored(lead, "B")["category"], stored(lead, "B")["specs"]) == (
        "Pets > Dogs > Leads",
        [{"name": "Colour", "value": "red"}],
    )


def test_a_batch_takes_ten_thousand_items(client: TestClient) -> None:
    """The default limit; all of them are there when it is answered, and the next question knows them."""
    items = [
        {"id": f"N{n}", "title": f"Dog lead number {n % 50}", "category": "Pets > Dogs > Leads"} for n in range(10_000)
    ]
    batch = client.post("/v1/products:batch", json={"items": items}).json()
    assert batch["counts"] == {"total": 10_000, "ok": 10_000, "failed": 0}
    assert batch["items"][-1]["result"]["seq"] == 10_060
    assert client.get("/v1/index").json()["counts"]["products"] == 10_060
    assert client.post("/v1/products:batch", json={"items": [{}] * 10_001}).json()["code"] == "too_many_items"


def test_lines_of_changes_are_answered_by_lines(lead: TestClient) -> None:
    """In order over several transactions, what follows seeing what was before; the counts come last."""
    changes: list[object] = [{"op": "patch", "id": "A", "tags": [f"t{n}"]} for n in range(600)]
    changes += [{"op": "delete", "id": "A"}, {"op": "patch", "id": "A"}, 5]
    sent = b"\n".join([*map(orjson.dumps, changes), b"", b"{broken"])
    response = lead.post("/v1/products:batch", content=sent, headers=NDJSON)
    *items, last = [orjson.loads(line) for line in response.text.splitlines()]
    assert response.headers["content-type"].partition(";")[0] == "application/x-ndjson"
    assert [item["result"]["version"] for item in items[:600]] == list(range(2, 602))
    assert [(item["status"], item["id"]) for item in items[600:]] == [(200, "A"), (404, "A"), (422, None), (400, None)]
    assert last == {"counts": {"total": 604, "ok": 601, "failed": 3}}
    refused = lead.post("/v1/products:batch", content=b"{}", headers=NDJSON | {"Idempotency-Key": "k"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "Idempotency-Key")
    assert lead.post("/v1/products:batch", content=b"", headers=NDJSON).json()["counts"]["total"] == 0


@contextmanager
def each_connection(engine: sa.Engine, pragma: str, afterwards: str) -> Iterator[None]:
    """Set a pragma of SQLite on every connection that is used meanwhile, and another on each that is used later."""

    def inside(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA {pragma}")

    sa.event.listen(engine, "checkout", inside)
    try:
        yield
    finally:
        sa.event.remove(engine, "checkout", inside)
        sa.event.listen(engine, "checkout", lambda connection, *_: connection.execute(f"PRAGMA {afterwards}"))


def test_a_store_that_cannot_be_changed_is_a_problem_that_says_what_to_do(
    lead: TestClient,
) -> None:
    """Full: 507; only readable: 503; reads go on, nothing of the inside is told, and writes work when there is room."""
    engine = lead.app.state.serving.live.records._engine  # type: ignore[attr-defined]
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    with each_connection(engine, f"max_page_count = {pages}", f"max_page_count = {1 << 30}"):
        full = lead.put("/v1/products/B", json={"title": "Dog lead", "description": "long " * 20_000})
    assert (full.status_code, full.json()["code"]) == (507, "store_full")
    assert "make room there" in full.json()["detail"]
    assert STORE not in full.text
    with each_connection(engine, "query_only = ON", "query_only = OFF"):
        refused = lead.put("/v1/products/B", json={"title": "Dog lead"})
        assert (refused.status_code, refused.json()["code"]) == (503, "store_read_only")
        assert "retry-after" in refused.headers
        assert (lead.get("/v1/products/A").status_code, lead.get("/v1/products/B").status_code) == (200, 404)
        assert lead.post("/v1/similar", json={"title": "Dog lead"}).status_code == 200
    assert lead.put("/v1/products/B", json={"title": "Dog lead"}).status_code == 201


def test_a_change_that_is_stored_is_answered_although_the_disk_is_full_then(client: TestClient) -> None:
    """The name of its new category cannot be kept by then: it is made again by whoever needs it."""
    engine = client.app.state.serving.live.records._engine  # type: ignore[attr-defined]
    changes = 0

    def refuse_the_second(connection: sa.Connection) -> None:
        nonlocal changes
        changes += bool(connection.get_execution_options().get("aisle_changes"))
        if changes > 1:
            connection.exec_driver_sql("PRAGMA query_only = ON")

    sa.event.listen(engine, "begin", refuse_the_second)
    with each_connection(engine, "query_only = OFF", "query_only = OFF"):
        created = client.put("/v1/products/L", json={"title": "Bedside lamp", "category": "Home > Lamps"})
        sa.event.remove(engine, "begin", refuse_the_second)
    assert (created.status_code, changes) == (201, 2)
    answer = client.post("/v1/categorize", json={"title": "Bedside lamp, dimmer"}).json()
    assert answer["category"]["path"] == "Home > Lamps"


def test_questions_are_answered_while_a_batch_is_written(client: TestClient) -> None:
    """A question waits for one piece of what the change encodes, not for all of it."""
    items = [{"id": f"N{n}", "title": f"Dog lead number {n}"} for n in range(3_000)]
    answers: list[Any] = []
    sending = threading.Thread(target=lambda: answers.append(client.post("/v1/products:batch", json={"items": items})))
    sending.start()
    asked = 0
    while sending.is_alive():
        assert client.post("/v1/similar", json={"title": "Dog lead", "limit": 1}).status_code == 200
        asked += 1
    assert answers[0].json()["counts"]["ok"] == 3_000
    assert asked > 1


def test_a_request_that_failed_leaves_no_trace(lead: TestClient, own_index: Path) -> None:
    """It has no row among the requests that are kept; one that was answered has."""
    lead.patch("/v1/products/nope", json={"title": "x"}, headers={"Idempotency-Key": "failed"})
    lead.patch("/v1/products/A", json={"brand": "x"}, headers={"Idempotency-Key": "done"})
    with closing(sqlite3.connect(own_index / STORE)) as database:
        assert database.execute("SELECT key, status FROM requests").fetchall() == [("done", 200)]


def test_changes_wait_for_a_thread_up_to_a_limit() -> None:
    """In the order they came; beyond the limit they are refused at once, and after the end, too."""

    async def run() -> tuple[list[int], str]:
        writer, go_on, done = writing.Writer(queue_items=10), threading.Event(), []

        def change(number: int) -> None:
            assert go_on.wait(30)
            done.append(number)

        running = [asyncio.ensure_future(writer.run(partial(change, number), 2)) for number in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as refused:
            await writer.run(partial(change, 9))
        go_on.set()
        await asyncio.gather(*running)
        await writer.run(partial(change, 7), 100)  # alone, it may be larger than the whole queue
        await asyncio.to_thread(writer.close)
        with pytest.raises(Closed):
            await writer.run(partial(change, 8))
        return done, str(refused.value)

    done, refused = asyncio.run(run())
    assert (sorted(done[:5]), done[5:]) == ([0, 1, 2, 3, 4], [7])
    assert refused == "10 products are waiting, the limit is 10; try again in 1 s"
