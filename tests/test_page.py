"""The first page: served whole by the service itself, safe, and true to the script beside it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.rest.app import create_app
from service.settings import ServiceSettings

STATIC = Path(__file__).resolve().parent.parent / "service" / "rest" / "static"


class Tags(HTMLParser):
    """Collects every tag with its attributes, and the text of inline scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep one tag."""
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of each such tag."""
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def tags(reader: TestClient) -> Tags:
    """Return the page's tags."""
    return Tags(reader.get("/").text)


def test_the_page_shows_the_facts_of_the_index(reader: TestClient) -> None:
    """Products, categories in use and encoder, as `GET /v1/index` has them."""
    page = reader.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    shown = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page.text))
    snapshot = reader.get("/v1/index").json()["manifest"]["id"]
    assert shown == {"Products": "60", "Categories in use": "5", "Encoder": "hashing:64", "Snapshot": snapshot}


def test_the_page_says_so_while_the_index_is_not_open(built_index: Path) -> None:
    """It never fails for want of facts."""
    page = TestClient(create_app(ServiceSettings(index=built_index, upkeep=False))).get("/")
    assert page.status_code == 200
    assert "The index is not open yet" in page.text


def test_nothing_comes_from_outside_and_all_that_is_named_is_there(reader: TestClient, tags: Tags) -> None:
    """Every address is a path of this service, answered by it with the type that is expected."""
    addresses = [attributes[name] for _, attributes in tags.tags for name in ("src", "href") if attributes.get(name)]
    local = {address for address in addresses if address and not address.startswith("#")}
    assert local == {
        "/static/icon.svg",
        "/static/page.css",
        "/static/page.js",
        "/openapi.json",
        "/v1/index",
        "/v1/taxonomy",
    }
    assert {reader.get(address).status_code for address in local} == {200}
    for file in STATIC.iterdir():
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|@import|url\(", text), file.name


def test_the_policy_allows_nothing_inline_and_the_page_needs_nothing_inline(reader: TestClient, tags: Tags) -> None:
    """A supplier's text that became markup could still do nothing."""
    headers = reader.get("/").headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' blob:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert [script for script in tags.all("script") if "src" not in script] == []
    assert tags.all("style") == []
    assert [
        name for _, attributes in tags.tags for name in attributes if name == "style" or name.startswith("on")
    ] == []


def test_what_comes_from_outside_is_only_ever_text() -> None:
    """The script has no way to make markup of a string."""
    script = (STATIC / "page.js").read_text("utf-8")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser", script
    )


def test_every_field_has_a_label_and_every_picture_a_text(tags: Tags) -> None:
    """The page is worked by keyboard and read aloud."""
    labelled = {label["for"] for label in tags.all("label")}
    fields = {field["id"] for tag in ("input", "textarea") for field in tags.all(tag)}
    assert fields == labelled == {"title", "description", "brand", "specs", "photos"}
    assert all("alt" in image for image in tags.all("img"))
    assert tags.all("html") == [{"lang": "en"}]


def test_photos_of_every_format_that_is_read_can_be_chosen(reader: TestClient, tags: Tags) -> None:
    """By a field that a label, the area to drop them on, belongs to; several at once."""
    [picker] = [field for field in tags.all("input") if field.get("type") == "file"]
    assert (picker["accept"] or "").split(",") == reader.get("/v1/limits").json()["image"]["formats"]
    assert "multiple" in picker
    assert {"for": "photos", "class": "drop"} in tags.all("label")


def test_the_page_says_what_the_index_cannot_see_and_what_helps(reader: TestClient, tags: Tags) -> None:
    """In the words of `GET /v1/index`, the command as code, read aloud with the field of photos."""
    missing = reader.get("/v1/index").json()["missing"]
    [shown] = re.findall(r'<p class="hint" id="missing">(.*?)</p>', reader.get("/").text)
    assert re.sub("</?code>", "`", shown) == f"{missing}."
    assert "<code>--encoder hashing:64+open_clip</code>" in shown
    [picker] = [field for field in tags.all("input") if field.get("type") == "file"]
    described = (picker["aria-describedby"] or "").split()
    assert described == ["photos-hint", "missing"]
    assert set(described) <= {attributes.get("id") for _, attributes in tags.tags}


def test_the_script_finds_the_elements_it_asks_for(tags: Tags) -> None:
    """Every id that it looks up is in the page."""
    script = (STATIC / "page.js").read_text("utf-8")
    asked = set(re.findall(r'getElementById\("(\w+)"\)', script))
    assert asked <= {attributes["id"] for _, attributes in tags.tags if attributes.get("id")}


def test_the_script_reads_fields_that_answers_have(reader: TestClient) -> None:
    """What it shows of an answer, the answer has."""
    script = (STATIC / "page.js").read_text("utf-8")
    answer = reader.post("/v1/categorize", json={"title": "Frying pan"}).json()
    assert set(re.findall(r"\banswer\.(\w+)", script)) <= set(answer)
    product = reader.get("/v1/products?limit=1").json()["items"][0]
    assert set(re.findall(r"\b(?:product|example)\.(\w+)", script)) <= set(product)
