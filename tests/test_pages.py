"""service/rest/desk/pages.py: pages served whole by the service itself, safe, and true to the scripts beside them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.rest.app import create_app
from service.rest.desk.pages import PAGES, Page
from service.settings import ServiceSettings

STATIC = Path(__file__).resolve().parent.parent / "service" / "rest" / "desk" / "static"
SCRIPTS = sorted(STATIC.glob("*.js"))


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


@pytest.fixture(scope="module", params=PAGES, ids=lambda page: page.file)
def tags(request: pytest.FixtureRequest, reader: TestClient) -> Tags:
    """Return the tags of each page."""
    return Tags(reader.get(request.param.path).text)


def test_every_page_leads_to_every_other(reader: TestClient, tags: Tags) -> None:
    """The navigation names all of them, marks the one that is shown, and none is dead."""
    links = {link["href"]: link.get("aria-current") for link in tags.all("a")}
    assert {page.path for page in PAGES} <= set(links)
    assert list(links.values()).count("page") == 1
    assert {reader.get(page.path).status_code for page in PAGES} == {200}


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
    assert {"/static/icon.svg", "/static/desk.css", "/openapi.json"} <= local
    assert {reader.get(address).status_code for address in local} == {200}
    imported = {name for script in SCRIPTS for name in re.findall(r'from "\./([\w.]+)"', script.read_text("utf-8"))}
    assert {reader.get(f"/static/{name}").status_code for name in imported} == {200}
    assert reader.get("/static/dom.js").headers["cache-control"] == "no-cache"
    for file in STATIC.iterdir():
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|@import|url\(", text), file.name


def test_the_policy_allows_nothing_inline_and_no_page_needs_it(reader: TestClient, tags: Tags) -> None:
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


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_what_comes_from_outside_is_only_ever_text(script: Path) -> None:
    """No script has a way to make markup of a string."""
    ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser"
    assert not re.search(ways, script.read_text("utf-8"))


def test_every_field_has_a_label_and_every_picture_a_text(tags: Tags) -> None:
    """The pages are worked by keyboard and read aloud."""
    labelled = {label.get("for") for label in tags.all("label")}
    fields = [field for tag in ("input", "textarea", "select") for field in tags.all(tag)]
    assert [field for field in fields if field.get("id") not in labelled and "aria-label" not in field] == []
    assert all("alt" in image for image in tags.all("img"))
    assert tags.all("html") == [{"lang": "en"}]


def test_photos_of_every_format_that_is_read_can_be_chosen(reader: TestClient) -> None:
    """By a field that a label, the area to drop them on, belongs to; several at once."""
    tags = Tags(reader.get("/").text)
    [picker] = [field for field in tags.all("input") if field.get("type") == "file"]
    assert (picker["accept"] or "").split(",") == reader.get("/v1/limits").json()["image"]["formats"]
    assert "multiple" in picker
    assert {"for": "photos", "class": "drop"} in tags.all("label")


def test_the_page_says_what_the_index_cannot_see_and_what_helps(reader: TestClient) -> None:
    """In the words of `GET /v1/index`, the command as code, read aloud with the field of photos."""
    tags = Tags(reader.get("/").text)
    missing = reader.get("/v1/index").json()["missing"]
    [shown] = re.findall(r'<p class="hint" id="missing">(.*?)</p>', reader.get("/").text)
    assert re.sub("</?code>", "`", shown) == f"{missing}."
    assert "<code>--encoder hashing:64+open_clip</code>" in shown
    [picker] = [field for field in tags.all("input") if field.get("type") == "file"]
    described = (picker["aria-describedby"] or "").split()
    assert described == ["photos-hint", "missing"]
    assert set(described) <= {attributes.get("id") for _, attributes in tags.tags}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.file)
def test_the_script_finds_the_elements_it_asks_for(reader: TestClient, page: Page) -> None:
    """Every id that the script of a page looks up is in the page."""
    tags = Tags(reader.get(page.path).text)
    asked = set(re.findall(r'find\("([\w-]+)"\)', (STATIC / f"{page.file}.js").read_text("utf-8")))
    assert asked <= {attributes["id"] for _, attributes in tags.tags if attributes.get("id")}


def test_the_script_reads_fields_that_answers_have(reader: TestClient) -> None:
    """What the page *Try* shows of an answer, the answer has."""
    script = (STATIC / "try.js").read_text("utf-8")
    answer = reader.post("/v1/categorize", json={"title": "Frying pan"}).json()
    assert set(re.findall(r"\banswer\.(\w+)", script)) <= set(answer)


def test_the_page_to_sign_in_is_as_strict(reader: TestClient) -> None:
    """The same policy, nothing inline, every field with a label, and every id that its script asks for."""
    answer = reader.get("/sign-in")
    tags = Tags(answer.text)
    assert answer.headers["content-security-policy"] == reader.get("/").headers["content-security-policy"]
    assert [script for script in tags.all("script") if "src" not in script] == []
    assert {field["id"] for field in tags.all("input")} == {label["for"] for label in tags.all("label")}
    addresses = [attributes[name] for _, attributes in tags.tags for name in ("src", "href") if attributes.get(name)]
    assert {reader.get(address).status_code for address in addresses if address} == {200}
    asked = set(re.findall(r'find\("([\w-]+)"\)', (STATIC / "sign-in.js").read_text("utf-8")))
    assert asked <= {attributes["id"] for _, attributes in tags.tags if attributes.get("id")}
