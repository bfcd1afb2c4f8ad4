"""Errors as `application/problem+json`: one form for whatever is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson
import pytest
from starlette.testclient import TestClient

PRESS = {"title": "Steel french press for coffee", "description": "Glass and plunger, 1 l"}
NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}


def lines(count: int) -> bytes:
    """Return a batch of that many items."""
    return orjson.dumps({"items": [PRESS] * count})


PROBLEMS: dict[str, tuple[str, str, bytes, dict[str, str], int, str]] = {
    "no such path": ("GET", "/v2/categorize", b"", {}, 404, "not_found"),
    "no id in the path": ("GET", "/v1/products/", b"", {}, 422, "invalid_request"),
    "no such product": ("GET", "/v1/products/nope", b"", {}, 404, "product_not_found"),
    "no such stored product": ("POST", "/v1/similar", b'{"id": "nope"}', JSON, 404, "product_not_found"),
    "no such category": ("GET", "/v1/taxonomy/nodes?parent=nope", b"", {}, 404, "category_not_found"),
    "another method": ("POST", "/v1/products/P001", b"{}", JSON, 405, "method_not_allowed"),
    "another method of a file": ("POST", "/static/page.css", b"", {}, 405, "method_not_allowed"),
    "no such file": ("GET", "/static/../app.py", b"", {}, 404, "not_found"),
    "empty body": ("POST", "/v1/categorize", b"", JSON, 400, "malformed_json"),
    "not JSON": ("POST", "/v1/categorize", b"{title: 1}", JSON, 400, "malformed_json"),
    "not UTF-8": ("POST", "/v1/categorize", b'{"title": "\xff"}', JSON, 400, "malformed_json"),
    "NaN": ("POST", "/v1/similar", b'{"id": "P001", "limit": NaN}', JSON, 400, "malformed_json"),
    "lone surrogate": ("POST", "/v1/categorize", rb'{"title": "\ud800"}', JSON, 400, "malformed_json"),
    "deep nesting": ("PUT", "/v1/products/a", b"[" * 1_500 + b"]" * 400, JSON, 400, "malformed_json"),
    "another type": (
        "POST",
        "/v1/categorize",
        b"title=x",
        {"Content-Type": "text/plain"},
        415,
        "unsupported_media_type",
    ),
    "no type": ("POST", "/v1/categorize", b"{}", {}, 415, "unsupported_media_type"),
    "lines for one": ("POST", "/v1/categorize", b"{}", NDJSON, 415, "unsupported_media_type"),
    "no object": ("POST", "/v1/categorize", b"[]", JSON, 422, "invalid_request"),
    "null": ("POST", "/v1/categorize", b"null", JSON, 422, "invalid_request"),
    "number as text": ("POST", "/v1/similar", b'{"id": "P001", "limit": "5"}', JSON, 422, "invalid_request"),
    "true as number": ("POST", "/v1/similar", b'{"id": "P001", "limit": true}', JSON, 422, "invalid_request"),
    "nothing to go by": ("POST", "/v1/categorize", b"{}", JSON, 422, "invalid_product"),
    "only NUL": ("POST", "/v1/categorize", rb'{"title": "\u0000"}', JSON, 422, "invalid_product"),
    "NUL in an id": ("POST", "/v1/categorize", rb'{"id": "a\u0000", "title": "x"}', JSON, 422, "invalid_request"),
    "long id": ("GET", f"/v1/products/{'a' * 257}", b"", {}, 422, "invalid_request"),
    "page too long": ("GET", "/v1/products?limit=501", b"", {}, 422, "invalid_request"),
    "another's cursor": ("GET", "/v1/products?cursor=MTIz", b"", {}, 422, "invalid_cursor"),
    "broken cursor": ("GET", "/v1/products?cursor=%C3%A9", b"", {}, 422, "invalid_cursor"),
    "two ids": ("PUT", "/v1/products/a", b'{"id": "b", "title": "x"}', JSON, 409, "id_conflict"),
    "many items": ("POST", "/v1/categorize:batch", lines(6), JSON, 413, "too_many_items"),
    "many changes": ("POST", "/v1/products:batch", lines(6), JSON, 413, "too_many_items"),
    "large body": ("POST", "/v1/categorize", b'{"title": "' + b"a" * 2_000, JSON, 413, "body_too_large"),
    "many lines": ("POST", "/v1/categorize:batch", b"{}\n" * 700, NDJSON, 413, "body_too_large"),
}


@pytest.mark.parametrize("case", PROBLEMS.values(), ids=PROBLEMS)
def test_every_refusal_is_a_problem(reader: TestClient, case: tuple[str, str, bytes, dict[str, str], int, str]) -> None:
    """Status and code as documented, every field there, never a trace of the inside."""
    method, path, body, headers, status, code = case
    response = reader.request(method, path, content=body, headers=headers)
    told = response.json()
    assert (response.status_code, told["status"], told["code"]) == (status, status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert list(told) == ["type", "title", "status", "detail", "instance", "code", "request_id", "errors"]
    assert told["type"] == f"urn:aisle:problem:{code}"
    assert told["request_id"] == response.headers["x-request-id"]
    assert "Traceback" not in response.text
    assert "input_value" not in response.text


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"titel": "x"}, [("/titel", "this field is not known here; remove it")]),
        ({"title": 5, "brand": []}, [("/title", "a valid string"), ("/brand", "a valid string")]),
        ({"tags": ["a", 5]}, [("/tags/1", "a valid string")]),
        ({"title": "a" * 4_001}, [("/title", "at most 4000 characters")]),
        ({"specs": 5}, [("/specs", "give an object, a list of {name, value} or text")]),
        ({"specs": '{"a": '}, [("/specs", "start as JSON and are none")]),
        ({"a/b~c": 1, "title": "x"}, [("/a~1b~0c", "this field is not known")]),
    ],
)
def test_each_fault_is_pointed_at(client: TestClient, body: object, faults: Sequence[tuple[str, str]]) -> None:
    """By JSON pointer, with what is wrong there."""
    told = client.post("/v1/categorize", json=body).json()
    assert [fault["pointer"] for fault in told["errors"]] == [pointer for pointer, _ in faults]
    for fault, (_, message) in zip(told["errors"], faults, strict=True):
        assert message in fault["message"]


def test_a_fault_of_the_query_is_pointed_at_by_its_name(reader: TestClient) -> None:
    """A question mark tells it from a place in the body."""
    told = reader.get("/v1/products?limit=0").json()
    assert [fault["pointer"] for fault in told["errors"]] == ["?limit"]


def test_a_path_names_every_method_it_takes(reader: TestClient) -> None:
    """Allow and the detail say the same."""
    response = reader.post("/v1/products/P001")
    assert response.headers["allow"] == "GET, PUT, PATCH, DELETE"
    assert response.json()["detail"] == "this path takes GET, PUT, PATCH, DELETE"
    assert reader.get("/v1/categorize").headers["allow"] == "POST"


def test_the_body_limit_holds_without_a_declared_length(reader: TestClient) -> None:
    """A body sent in chunks is refused as soon as it is too long."""

    def chunks() -> Iterator[bytes]:
        yield b'{"title": "'
        for _ in range(10):
            yield b"a" * 1_000

    response = reader.post("/v1/categorize", content=chunks(), headers=JSON)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(("sent", "kept"), [("order-7/a", True), ("a b", False), ("é", False), ("x" * 129, False)])
def test_a_request_keeps_the_id_it_came_with(reader: TestClient, sent: str, kept: bool) -> None:
    """One that could forge a line of the log is replaced."""
    response = reader.get("/livez", headers=[(b"X-Request-ID", sent.encode())])
    assert (response.headers["x-request-id"] == sent) is kept
