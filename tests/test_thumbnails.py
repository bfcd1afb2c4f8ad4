"""Thumbnails of stored pictures, as a browser asks for them."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from starlette.testclient import TestClient


@pytest.fixture
def kept(client: TestClient) -> str:
    """Return the address of the thumbnail of a picture of 600 by 300 pixels that was stored."""
    file = io.BytesIO()
    Image.new("RGB", (600, 300), "teal").save(file, "PNG")
    client.put("/v1/products/T", data={"title": "Teal mug"}, files=[("image", ("mug.png", file.getvalue()))])
    return f"/v1/pictures/{client.get('/v1/products/T').json()['pictures'][0]['hash']}/thumbnail"


def test_a_thumbnail_is_a_small_jpeg_that_may_be_kept_for_good(client: TestClient, kept: str) -> None:
    """The longer side has 192 pixels; nobody need ask again, and nobody may take it for anything else."""
    response = client.get(kept)
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["etag"] == f'"{kept.split("/")[3]}"'
    assert response.headers["x-content-type-options"] == "nosniff"
    with Image.open(io.BytesIO(response.content)) as image:
        assert (image.format, image.size) == ("JPEG", (192, 96))


def test_who_has_it_already_is_told_so(client: TestClient, kept: str) -> None:
    """304 without a body, the same headers."""
    tag = client.get(kept).headers["etag"]
    response = client.get(kept, headers={"If-None-Match": f'"other", {tag}'})
    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", tag)
    assert client.get(kept, headers={"If-None-Match": '"other"'}).status_code == 200


def test_what_no_product_shows_any_more_is_not_there(client: TestClient, kept: str) -> None:
    """404, also for what never was; what is no hash is refused."""
    client.delete("/v1/products/T")
    for path in (kept, f"/v1/pictures/{'0' * 32}/thumbnail"):
        told = client.get(path).json()
        assert (told["status"], told["code"]) == (404, "picture_not_found")
    assert client.get("/v1/pictures/..%2Fx/thumbnail").status_code == 404
    assert client.get("/v1/pictures/XYZ/thumbnail").json()["errors"][0]["pointer"] == "picture_hash"
