"""A product as a form: the same document as in JSON, within the same limits, with nothing on a disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from service.rest.app import create_app
from service.rest.forms import PARTS, read_form
from service.rest.images import ImageBody
from service.settings import ServiceSettings

PRESS = {"title": "Steel french press for coffee", "description": "Glass and plunger, 1 l"}
FORM = {"Content-Type": "multipart/form-data; boundary=cut"}

Part = tuple[str, str | bytes] | tuple[str, str | bytes, str]
"""Name and content of a field, and the file name when it is a file."""


def form(*parts: Part, closed: bool = True) -> bytes:
    """Return a form as clients write it."""
    written = b""
    for name, content, *file in parts:
        head = f'form-data; name="{name}"' + (f'; filename="{file[0]}"' if file else "")
        kind = "Content-Type: image/jpeg\r\n" if file else ""
        data = content.encode() if isinstance(content, str) else content
        written += f"--cut\r\nContent-Disposition: {head}\r\n{kind}\r\n".encode() + data + b"\r\n"
    return written + (b"--cut--\r\n" if closed else b"")


def document(body: bytes, image_bytes: int = 1_000) -> dict[str, Any]:
    """Return the document that a form stands for, read in pieces of seven bytes."""

    async def pieces() -> AsyncGenerator[bytes, None]:
        for at in range(0, len(body), 7):
            yield body[at : at + 7]

    return asyncio.run(read_form(Headers(FORM), pieces(), image_bytes))


@pytest.fixture(scope="module")
def small(built_index: Path) -> Iterator[TestClient]:
    """Return a client of a service that takes images of 1,000 bytes and bodies of 10,000."""
    with TestClient(
        create_app(
            ServiceSettings(index=built_index, upkeep=False, image_bytes=1_000, body_bytes=10_000, prediction_days=0)
        )
    ) as client:
        yield client


def test_fields_are_what_they_would_be_in_json() -> None:
    """Text as it is, numbers and vectors read, tags and lines of specs repeated, what is empty left out."""
    given = form(
        ("title", "Café press"),
        ("brand", ""),
        ("specs", "Size: 1 l"),
        ("specs", "Colour: red"),
        ("tags", "coffee"),
        ("tags", "glass, steel"),
        ("weight", "0.5"),
        ("limit", "3"),
        ("vectors", '{"image": [1, 0.5]}'),
    )
    assert document(given) == {
        "title": "Café press",
        "specs": "Size: 1 l\nColour: red",
        "tags": ["coffee", "glass, steel"],
        "weight": 0.5,
        "limit": 3,
        "vectors": {"image": [1, 0.5]},
    }
    assert document(form(("tags", '["a", "b"]'))) == {"tags": ["a", "b"]}
    assert document(form(("tags", "one"))) == {"tags": ["one"]}


def test_files_keep_their_order_and_their_last_name() -> None:
    """Of both fields, references among them; folders are cut off, control characters too, and bytes are untouched."""
    data = bytes(range(256)) + b"\r\n--cu\r\n"
    given = form(
        ("image", data, "C:\\photos\\front.jpg"),
        ("image", "https://example.com/side.jpg"),
        ("images", b"", "a/b/empty.png"),
        ("image", b"x", "../%22back%22\x01.gif"),
        ("image", b"", ""),
    )
    assert document(given) == {
        "images": [
            ImageBody.model_construct(data=data, name="front.jpg"),
            "https://example.com/side.jpg",
            ImageBody.model_construct(data=b"", name="empty.png"),
            ImageBody.model_construct(data=b"x", name='"back".gif'),
        ]
    }


def test_a_whole_product_may_come_in_one_field_beside_files() -> None:
    """Fields of their own and files add to it; what is in both is refused."""
    whole = ("product", '{"title": "Press", "images": ["https://example.com/a.jpg"]}')
    assert document(form(("image", b"x", "b.jpg"), whole, ("brand", "Hollin"))) == {
        "title": "Press",
        "images": ["https://example.com/a.jpg", ImageBody.model_construct(data=b"x", name="b.jpg")],
        "brand": "Hollin",
    }


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "cut off before its closing boundary"),
        (form(("title", "x"), closed=False), "cut off before its closing boundary"),
        (b"title=x", "cannot be read"),
        (b"--cut\r\nContent-Type: text/plain\r\n\r\nx\r\n--cut--\r\n", '"name" must be provided'),
        (b"--cut\r\n" + b"A: 1\r\n" * 20 + b"\r\nx\r\n--cut--\r\n", "cannot be read"),
    ],
)
def test_what_is_no_form_is_refused_with_the_reason(small: TestClient, body: bytes, said: str) -> None:
    """400 `malformed_form`."""
    response = small.post("/v1/categorize", content=body, headers=FORM)
    assert (response.status_code, response.json()["code"]) == (400, "malformed_form")
    assert said in response.json()["detail"]


@pytest.mark.parametrize("charset", ["undefined", "punycode", '"Punycode"', "utf-16"])
def test_a_form_is_in_utf_8(small: TestClient, charset: str) -> None:
    """No other codec is looked up: some fail in ways of their own, and one takes the square of the length."""
    kind = {"Content-Type": f"multipart/form-data; boundary=cut; charset={charset}"}
    answer = small.post("/v1/categorize", content=form(("title", "Mug")), headers=kind)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_form")
    assert answer.json()["detail"].endswith("; write it in UTF-8")
    kind["Content-Type"] = "multipart/form-data; boundary=cut; charset=UTF-8"
    assert small.post("/v1/categorize", content=form(("title", "Mug")), headers=kind).status_code == 200


def test_a_form_without_a_boundary_is_refused(small: TestClient) -> None:
    """The client was told to name one and has not."""
    response = small.post("/v1/categorize", content=form(), headers={"Content-Type": "multipart/form-data"})
    assert (response.status_code, response.json()["code"]) == (400, "malformed_form")


@pytest.mark.parametrize(
    ("parts", "pointer", "said"),
    [
        ([("titel", "x")], "/titel", "not known here"),
        ([("title", "x"), ("weight", "heavy")], "/weight", "valid number"),
        ([("title", "x"), ("vectors", "1, 2")], "/vectors", "an object with fields is expected here"),
        ([("title", "x"), ("product", '{"images": 5}'), ("image", b"x", "a.jpg")], "/images", "valid list"),
        ([("image", b"x", "a.jpg")] * 51, "/images", "at most 50 items"),
        ([("title", "x"), ("specs", "{")], "/specs", "start as JSON and are none"),
        ([("title", "x"), ("title", "y")], "/title", "it is given 2 times; give it once"),
        ([("title", b"x", "title.txt")], "/title", "it is a file; files belong into 'image'"),
        ([("product", "{")], "/product", "it cannot be read as JSON"),
        ([("product", "[]")], "/product", "it holds no product"),
        ([("product", "{}"), ("product", "{}")], "/product", "it holds no product"),
        ([("product", '{"title": "x"}'), ("title", "y")], "/title", "in the field 'product' and in one of its own"),
    ],
)
def test_a_fault_in_a_field_is_pointed_at_as_in_json(
    small: TestClient, parts: list[Part], pointer: str, said: str
) -> None:
    """422, because the form could be read and its product not."""
    response = small.post("/v1/categorize", content=form(*parts), headers=FORM)
    [fault] = response.json()["errors"]
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert (fault["pointer"], said in fault["message"]) == (pointer, True)


def test_a_form_answers_as_json_does(small: TestClient) -> None:
    """The same product gets the same answer."""
    answers = [
        small.post("/v1/categorize", content=form(*PRESS.items()), headers=FORM).json(),
        small.post("/v1/categorize", json=PRESS).json(),
    ]
    assert [answer["category"]["path"] for answer in answers] == ["Kitchen > Coffee > French Presses"] * 2
    assert answers[0]["prediction_id"] == answers[1]["prediction_id"]


def test_limits_are_held_while_a_form_arrives(small: TestClient) -> None:
    """Each is a problem 413 that says which limit: of an image, of the whole, of fields."""
    told = [
        small.post("/v1/categorize", content=body, headers=FORM).json()
        for body in (
            form(("title", "x"), ("image", b"x" * 1_001, "big.jpg")),
            form(*[("image", b"x" * 1_000, "a.jpg")] * 10),
            form(*[("title", "x" * 999)] * 10),
        )
    ]
    assert [(each["status"], each["code"]) for each in told] == [
        (413, "image_too_large"),
        (413, "body_too_large"),
        (413, "body_too_large"),
    ]
    assert (
        told[0]["detail"] == "the image 'big.jpg' has more than 1,000 bytes; make it smaller or raise AISLE_IMAGE_BYTES"
    )
    assert told[0]["errors"] == [{"pointer": "/image", "message": told[0]["detail"]}]


def test_a_form_has_so_many_parts_at_most(client: TestClient) -> None:
    """However small they are."""
    told = client.post("/v1/categorize", content=form(*[("tags", "x")] * (PARTS + 1)), headers=FORM).json()
    assert (told["status"], told["code"]) == (413, "too_many_items")
    assert told["detail"] == f"the form has more than {PARTS} fields and files; send fewer"


def test_nothing_of_a_form_touches_a_disk(small: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Files beyond what would be kept in memory otherwise are kept in memory."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))  # where none could be made
    body = form(("title", "Steel french press"), ("image", b"x" * 3_000_000, "a.jpg"))
    assert document(body, 4_000_000)["images"][0].data == b"x" * 3_000_000
    assert small.post("/v1/categorize", content=form(("title", "Pan")), headers=FORM).status_code == 200


def test_routes_that_take_no_form_say_what_they_take(small: TestClient) -> None:
    """415 for a batch, and for another type of form."""
    batch = small.post("/v1/categorize:batch", content=form(("title", "x")), headers=FORM).json()
    assert (batch["status"], batch["detail"]) == (415, "send the body as Content-Type: application/json")
    coded = small.post("/v1/categorize", data={"title": "x"}).json()
    assert (coded["status"], coded["detail"]) == (
        415,
        "send the body as Content-Type: application/json or multipart/form-data",
    )
