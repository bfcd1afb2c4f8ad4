"""Images that come with a request: looked at, each with its problem, and none costing its product more than itself."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from indexer import encoders
from indexer.encoders import Encoded, Encoder, Progress
from indexer.images.decode import read_picture
from indexer.picture import Picture
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.sources import read
from service.rebuild import build
from service.rest import uploads
from service.rest.app import create_app
from service.rest.images import ImageBody
from service.serving import Serving
from service.settings import ServiceSettings

PRESS = {"title": "Steel french press for coffee", "description": "Glass and plunger, 1 l"}


def photo(colour: str, size: tuple[int, int] = (96, 64), kind: str = "JPEG") -> bytes:
    """Return a file of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()


def base64_of(data: bytes) -> str:
    """Return bytes as JSON holds them."""
    return base64.b64encode(data).decode()


FRONT, SIDE, BACK = photo("red"), photo("green", kind="PNG"), photo("blue", kind="WEBP")


class Looks:
    """A real encoder of texts that notes the pictures it is shown, as one of images would look at them."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name = encoder.name
        self.parts = encoder.parts
        self.side = 32
        self.seen: list[list[tuple[int, int]]] = []

    def encode(self, products: Sequence[Product], progress: Progress | None = None) -> Encoded:
        """Return what the encoder within returns."""
        for product in products:
            shapes = [picture.pixels.shape[:2] for picture in product.pictures if picture.pixels is not None]
            self.seen.append([(height, width) for height, width in shapes])
        return self._encoder.encode(products, progress)


@pytest.fixture
def looking(own_index: Path) -> Iterator[tuple[TestClient, Looks]]:
    """Return a client of a service whose encoder looks at pictures; it takes images of 100,000 bytes."""
    settings = ServiceSettings(index=own_index, image_bytes=100_000)
    encoder = Looks(encoders.load("hashing:64"))
    serving = Serving.open(settings, encoder)
    with TestClient(create_app(settings, serving)) as client:
        encoder.seen.clear()
        yield client, encoder
    serving.close()


def test_files_of_a_form_are_looked_at_in_their_order(looking: tuple[TestClient, Looks]) -> None:
    """The encoder gets their pixels; the answer says of each that it was used."""
    client, encoder = looking
    files = [("image", (f"{name}.jpg", data)) for name, data in (("front", FRONT), ("side", SIDE), ("back", BACK))]
    answer = client.post("/v1/categorize", data=PRESS, files=files).json()
    assert answer["images"] == [
        {"name": "front.jpg", "used": True, "problem": ""},
        {"name": "side.jpg", "used": True, "problem": ""},
        {"name": "back.jpg", "used": True, "problem": ""},
    ]
    assert encoder.seen == [[(64, 96)] * 3]
    assert answer["category"]["path"] == "Kitchen > Coffee > French Presses"


def test_a_bad_image_costs_its_product_only_the_image(looking: tuple[TestClient, Looks]) -> None:
    """The others are used, and the reason is told beside its name."""
    client, encoder = looking
    files = [("image", ("a.jpg", b"no picture")), ("image", ("b.jpg", FRONT[:-40])), ("image", ("c.jpg", FRONT))]
    answer = client.post("/v1/categorize", data=PRESS, files=files).json()
    assert [(image["name"], image["used"]) for image in answer["images"]] == [
        ("a.jpg", False),
        ("b.jpg", False),
        ("c.jpg", True),
    ]
    assert "none of JPEG, PNG, WebP, GIF and AVIF" in answer["images"][0]["problem"]
    assert "truncated" in answer["images"][1]["problem"]
    assert encoder.seen == [[(64, 96)]]
    assert answer["decision"] == "auto"


def test_base64_in_json_is_the_same_as_a_file(looking: tuple[TestClient, Looks]) -> None:
    """With line breaks, as a data: URL, and without a name, which is a number then; it is seen once."""
    client, encoder = looking
    wrapped = base64.encodebytes(SIDE).decode()
    images = [{"data": wrapped, "name": "side.png"}, {"data": f"data:image/jpeg;base64,{base64_of(FRONT)}"}]
    asked = PRESS | {"images": images}
    alone = client.post("/v1/categorize", json=asked).json()
    assert alone["images"] == [
        {"name": "side.png", "used": True, "problem": ""},
        {"name": "image 2", "used": True, "problem": ""},
    ]
    batch = client.post("/v1/categorize:batch", json={"items": [PRESS, asked]}).json()
    assert [item["result"]["images"] for item in batch["items"]] == [[], alone["images"]]
    similar = client.post("/v1/similar", json=asked | {"limit": 1}).json()
    assert similar["images"] == alone["images"]
    assert encoder.seen == [[(64, 96)] * 2, []]


@pytest.mark.parametrize(
    ("images", "pointer", "said"),
    [
        ([{"data": "a*b="}], "/images/0/data", "this is no base64"),
        (["https://example.com/a.jpg", {"data": 5}], "/images/1/data", "give the bytes of the image as text in base64"),
        ([{"data": "\u00e9"}], "/images/0/data", "this is no base64"),
        ([{"data": " "}], "/images/0/data", "this is empty"),
        ([{"name": "a.jpg"}], "/images/0/data", "Field required"),
        ([{"data": "aGk=", "file": 1}], "/images/0/file", "not known here"),
        ([{"data": "aGk=", "name": "a\nb"}], "/images/0/name", "pattern"),
        ([7], "/images/0", "give an object with the bytes in base64 as `data`"),
        ([""], "/images/0", "give a URL of 1 to 2,048 characters"),
        (["a\tb"], "/images/0", "none of them a control character"),
        (["x"] * 51, "/images", "at most 50 items"),
    ],
)
def test_a_fault_of_an_image_is_pointed_at(
    looking: tuple[TestClient, Looks], images: list[object], pointer: str, said: str
) -> None:
    """Alone and as an item of a batch, where it fails alone."""
    client, _ = looking
    alone = client.post("/v1/categorize", json=PRESS | {"images": images})
    assert alone.status_code == 422
    [fault] = alone.json()["errors"]
    assert (fault["pointer"], said in fault["message"]) == (pointer, True), fault
    batch = client.post("/v1/categorize:batch", json={"items": [PRESS | {"images": images}, PRESS]}).json()
    assert [item["status"] for item in batch["items"]] == [422, 200]
    assert batch["items"][0]["problem"]["errors"] == [fault]


def test_an_image_with_too_many_bytes_is_refused(looking: tuple[TestClient, Looks]) -> None:
    """413 that points to it; of a batch only its item, stored or asked about."""
    client, _ = looking
    large = PRESS | {
        "id": "L",
        "images": [{"data": base64_of(FRONT)}, {"data": base64_of(b"x" * 100_001), "name": "b"}],
    }
    alone = client.post("/v1/categorize", json=large).json()
    assert (alone["status"], alone["code"]) == (413, "image_too_large")
    assert alone["errors"][0]["pointer"] == "/images/1/data"
    assert alone["detail"] == "the image 'b' has more than 100,000 bytes; make it smaller or raise AISLE_IMAGE_BYTES"
    for route in ("/v1/categorize:batch", "/v1/products:batch"):
        batch = client.post(route, json={"items": [large, PRESS | {"id": "M"}]}).json()
        assert [item["status"] for item in batch["items"]] == [413, 201 if "products" in route else 200]


def test_only_the_first_images_are_looked_at(own_index: Path) -> None:
    """Those beyond AISLE_IMAGE_COUNT are kept with the reason."""
    with TestClient(create_app(ServiceSettings(index=own_index, image_count=1))) as client:
        files = [("image", ("a.jpg", FRONT)), ("image", ("b.jpg", SIDE))]
        answer = client.post("/v1/categorize", data=PRESS, files=files).json()
    assert [image["problem"] for image in answer["images"]] == [
        "",
        "not looked at: only the first 1 images of a product are; raise the limit",
    ]


def test_a_request_has_so_many_images_at_most(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small they are; lines of JSON are looked at step by step and have no such limit."""
    monkeypatch.setattr(uploads, "REQUEST_IMAGES", 3)
    some = PRESS | {"images": [{"data": base64_of(FRONT)}] * 2}
    refused = client.post("/v1/categorize:batch", json={"items": [some, some]}).json()
    assert (refused["status"], refused["code"]) == (413, "too_many_items")
    assert refused["detail"] == "4 images given, the limit of a request is 3; send several"


def test_pixels_of_a_request_take_so_much_memory_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of small files that are large once decoded the third is not looked at; a new request starts anew."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    monkeypatch.setattr(uploads, "REQUEST_PIXELS", 2 * 130 * 2_000 * 3)
    narrow = [ImageBody.of_file("long.png", photo("red", (130, 2_000), "PNG"))] * 3
    said = "not looked at: the images before it take 1,560,000 bytes of memory, the limit of a request; send several"
    for _ in range(2):
        seen = asyncio.run(uploads.Looking(ServiceSettings()).at(narrow, 130, uploads.Room()))
        assert [picture.problem for picture in seen] == ["", "", said]


def test_decoding_the_images_of_a_request_takes_so_long_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those after the one that takes the last of it are not looked at."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    monkeypatch.setattr(uploads, "REQUEST_SECONDS", 1e-9)
    images = [ImageBody.of_file("red.png", photo("red"))] * 2
    seen = asyncio.run(uploads.Looking(ServiceSettings()).at(images, 130, uploads.Room()))
    said = "not looked at: the images before it took 1e-09 s, the limit of a request; send several"
    assert [picture.problem for picture in seen] == ["", said]


def test_images_of_another_request_come_between_those_of_a_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has as many in turn as there are cores: whoever sends one does not wait for a thousand."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    looking, order = uploads.Looking(ServiceSettings()), list[uploads.Room]()
    read = uploads.Room.read

    def noted(room: uploads.Room, data: bytes, side: int, settings: ServiceSettings) -> Picture:
        order.append(room)
        return read(room, data, side, settings)

    monkeypatch.setattr(uploads.Room, "read", noted)

    async def two() -> int:
        large, small = uploads.Room(), uploads.Room()
        image = ImageBody.of_file("red.png", photo("red"))
        first = asyncio.ensure_future(looking.at([image] * 8, 130, large))
        await asyncio.sleep(0)
        await looking.at([image], 130, small)
        await first
        return order.index(small)

    assert asyncio.run(two()) == 1


def test_an_index_that_does_not_look_at_pictures_does_not_use_them(client: TestClient) -> None:
    """Nothing is wrong with the image; the answer is that of the text."""
    answer = client.post("/v1/categorize", data=PRESS, files=[("image", ("a.jpg", FRONT))]).json()
    assert answer["images"] == [{"name": "a.jpg", "used": False, "problem": ""}]
    assert answer["used"]["image"] is False


def test_references_are_kept_and_fetched_only_where_that_is_on(client: TestClient, own_index: Path) -> None:
    """The problem names the setting; with it on, an address of this machine is refused all the same."""
    url = "http://127.0.0.1:9/photo.jpg"
    asked = PRESS | {"images": [url, "photos/1.jpg"]}
    [fetched, found] = client.post("/v1/categorize", json=asked).json()["images"]
    assert (fetched["name"], found["name"]) == (url, "photos/1.jpg")
    assert "set AISLE_FETCH_IMAGES=true to fetch images" in fetched["problem"]
    assert not found["used"]
    assert found["problem"]
    with TestClient(create_app(ServiceSettings(index=own_index, fetch_images=True))) as fetching:
        [fetched, found] = fetching.post("/v1/categorize", json=asked).json()["images"]
    assert "127.0.0.1" in fetched["problem"]
    assert "AISLE_FETCH_IMAGES" not in fetched["problem"]


def test_no_path_of_this_machine_is_ever_read(client: TestClient, tmp_path: Path) -> None:
    """A reference that would be a file here is only a name."""
    (tmp_path / "photo.jpg").write_bytes(FRONT)
    asked = PRESS | {"images": [str(tmp_path / "photo.jpg"), f"file://{tmp_path}/photo.jpg"]}
    for image in client.post("/v1/categorize", json=asked).json()["images"]:
        assert (image["used"], image["problem"] != "") == (False, True)


def test_stored_images_are_shown_with_what_was_seen_of_them(client: TestClient) -> None:
    """By PUT and POST, as a form and as JSON; the change says what became of each, the product has hash and size."""
    files = [("image", ("front.jpg", FRONT)), ("image", ("bad.jpg", b"no picture"))]
    put = client.put("/v1/products/A", data=PRESS, files=files)
    assert (put.status_code, [image["name"] for image in put.json()["images"]]) == (201, ["front.jpg", "bad.jpg"])
    stored = client.get("/v1/products/A").json()["pictures"]
    assert [(each["name"], each["width"], each["height"]) for each in stored] == [
        ("front.jpg", 96, 64),
        ("bad.jpg", 0, 0),
    ]
    assert (len(stored[0]["hash"]), stored[0]["problem"], stored[1]["hash"]) == (32, "", None)
    assert "none of JPEG" in stored[1]["problem"]
    again = client.post("/v1/products", data=PRESS | {"id": "A"}, files=files)
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")
    other = client.post("/v1/products", json=PRESS | {"id": "B/1", "images": [{"data": base64_of(FRONT)}]})
    assert (other.status_code, other.headers["location"]) == (201, "/v1/products/B/1")
    assert client.get("/v1/products/B/1").json()["pictures"][0]["hash"] == stored[0]["hash"]
    batch = client.post(
        "/v1/products:batch", json={"items": [PRESS | {"id": "C", "images": [{"data": base64_of(SIDE)}]}]}
    ).json()
    assert batch["items"][0]["result"]["images"] == [{"name": "image 1", "used": False, "problem": ""}]


def test_a_new_product_needs_an_id_in_its_body(client: TestClient) -> None:
    """There is no other place for it."""
    refused = client.post("/v1/products", json=PRESS).json()
    assert (refused["status"], refused["errors"][0]["pointer"]) == (422, "/id")


def test_an_image_alone_is_a_question(looking: tuple[TestClient, Looks]) -> None:
    """Without any text; similar products of one are not those of a stored id."""
    client, encoder = looking
    answer = client.post("/v1/categorize", files=[("image", ("a.jpg", FRONT))])
    assert answer.status_code == 200
    assert answer.json()["used"]["text"] is False
    assert client.post("/v1/similar", data={"id": "P001"}, files=[("image", ("a.jpg", SIDE))]).status_code == 200
    assert encoder.seen == [[(64, 96)]] * 2


@pytest.mark.parametrize(
    ("vectors", "pointer"),
    [
        ({"image": [1, "2"]}, "/vectors/image/1"),
        ({"image": [1e39]}, "/vectors/image"),
        ({"image": []}, "/vectors/image"),
        ({"image": [0.5] * 16_385}, "/vectors/image"),
        ({"Image part": [1]}, "/vectors/Image part/[key]"),
        ({f"part{n}": [1] for n in range(9)}, "/vectors"),
        ([1, 2], "/vectors"),
    ],
)
def test_vectors_that_are_none_are_refused(client: TestClient, vectors: object, pointer: str) -> None:
    """Numbers that single precision holds, one list for each part."""
    refused = client.post("/v1/categorize", json=PRESS | {"vectors": vectors}).json()
    assert (refused["status"], refused["errors"][0]["pointer"]) == (422, pointer)


@pytest.fixture(scope="module")
def vectored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Return a client of a service whose index takes vectors of four numbers for pictures."""
    folder = tmp_path_factory.mktemp("vectored")
    rows = [{"id": f"V{n}", "title": f"mug {n}", "image_vector": [1, n % 2, 0, 0]} for n in range(4)]
    (folder / "mugs.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    chosen = IndexSettings(encoder="hashing:64+precomputed:image=4", space="raw")
    build(read(folder / "mugs.jsonl"), folder / "index", settings=chosen)
    with TestClient(create_app(ServiceSettings(index=folder / "index"))) as client:
        yield client


def test_vectors_made_elsewhere_come_with_their_products(vectored: TestClient) -> None:
    """In JSON and in a form, beside text or alone."""
    vector = {"image": [0.5, 0, 0, 1]}
    for asked in (vectored.post("/v1/categorize", json=each | {"vectors": vector}) for each in (PRESS, {})):
        assert asked.status_code == 200
    form = {"id": (None, "W"), "vectors": (None, json.dumps(vector))}
    stored = vectored.post("/v1/products", files=form)
    again = vectored.put("/v1/products/W", json={"vectors": vector})
    assert [(each.status_code, each.json()["outcome"]) for each in (stored, again)] == [
        (201, "created"),
        (200, "unchanged"),
    ]


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        ({"image": [1, 0]}, "the vector for image has 2 numbers, the index takes 4"),
        ({"other": [1]}, "a vector for the part 'other'"),
    ],
)
def test_vectors_that_the_index_does_not_take_are_refused(
    vectored: TestClient, vectors: dict[str, list[float]], said: str
) -> None:
    """Stored or asked about, alone or in a batch; the fault points to them."""
    sent = PRESS | {"id": "X", "vectors": vectors}
    batch = vectored.post("/v1/categorize:batch", json={"items": [sent]}).json()["items"]
    told = [
        vectored.post("/v1/categorize", json=sent).json(),
        vectored.put("/v1/products/X", json=sent).json(),
        batch[0]["problem"],
    ]
    for each in told:
        assert (each["status"], each["code"], each["errors"][0]["pointer"]) == (422, "invalid_product", "/vectors")
        assert each["detail"].startswith(said)


def test_decoding_does_not_hold_up_other_requests(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """It happens in threads, no more at a time than there are cores."""
    begun, release = threading.Event(), threading.Event()

    def slowly(data: bytes, side: int, **limits: Any) -> Picture:
        begun.set()
        assert release.wait(60)
        return read_picture(data, side, **limits)

    monkeypatch.setattr("service.rest.uploads.read_picture", slowly)
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(client.post, "/v1/categorize", data=PRESS, files=[("image", ("a.jpg", FRONT))] * 5)
        assert begun.wait(60)
        assert client.get("/livez").status_code == 200
        assert client.post("/v1/categorize", json=PRESS).status_code == 200
        assert not slow.done()
        release.set()
        assert slow.result(60).status_code == 200
