"""docs/rest.md: every route is in it, and every example in it is answered as it says."""

from __future__ import annotations

import base64
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import httpx2
import orjson
import pytest
from starlette.testclient import TestClient

from indexer.settings import IndexSettings
from indexer.snapshots import publication
from service.access.passwords import hashed
from service.rebuild import rebuild
from service.renewal.order import Order
from service.renewal.renew import renew
from service.rest.app import create_app
from service.rest.problems import HTTP_KINDS, INTERNAL, KINDS
from service.serving import Serving
from service.settings import ServiceSettings

DOCUMENT = (Path(__file__).resolve().parent.parent / "docs" / "rest.md").read_text("utf-8")
EXAMPLE = re.compile(r"```sh\n(.*?)```\n(?:\n```json\n(.*?)```)?", re.DOTALL)
HOST = "localhost:8000"
KEY = "k7f3m9q2xa"
JOB = "5f0c1b7a9d3e4c6f8a1b2c3d4e5f6a7b"
TABLE = b"sku,name,note\nN1,Frying pan,new\nN2,,\n"
PICTURE = base64.b64decode("R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")


@dataclass(frozen=True)
class Call:
    """What a curl line sends."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    fields: tuple[tuple[str, str], ...] = ()

    def form(self) -> list[tuple[str, tuple[str | None, bytes]]]:
        """Return the fields of a form; `@NAME` is a file, and each file the same small picture here."""
        return [
            (
                name,
                (value[1:], TABLE if value.endswith(".csv") else PICTURE)
                if value[0] == "@"
                else (None, value.encode()),
            )
            for name, value in self.fields
        ]


def call_of(command: str) -> Call:
    """Return what `curl ...`, or `printf FORMAT LINE ... | curl ... --data-binary @-`, sends."""
    words = shlex.split(command.replace("\\\n", " "))
    piped = b""
    if words[0] == "printf":
        end = words.index("|")
        piped = "".join(f"{line}\n" for line in words[2:end]).encode()
        words = words[end + 1 :]
    options = dict(pairwise(words))
    body = options["-d"].encode() if "-d" in options else piped
    headers = dict(word.split(": ", 1) for option, word in pairwise(words) if option == "-H")
    path = next(word for word in words if word.startswith(HOST)).removeprefix(HOST)
    fields = tuple(_field(word) for option, word in pairwise(words) if option == "-F")
    method = options.get("-X", "POST" if body or fields else "GET")
    return Call(method, path, headers, body, fields)


def _field(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, value


def form(value: object) -> object:
    """Return which keys are where: objects key by key, of a list its first element, of anything else nothing.

    The files of a snapshot are a list by name.
    """
    if isinstance(value, dict):
        return {key: form(list(each.values()) if key == "files" else each) for key, each in value.items()}
    if isinstance(value, list):
        return [form(value[0])] if value else []
    return None


@pytest.fixture(scope="module")
def client(built_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Return a client of the service that the document's examples were taken from."""
    index = tmp_path_factory.mktemp("rest") / "index"
    shutil.copytree(built_index, index)
    with TestClient(create_app(ServiceSettings(index=index))) as client:
        yield client


def prepared(client: TestClient, call: Call) -> Call:
    """Return a call about snapshots, with those in place that it needs, and the id of one that is there."""
    index: Path = client.app.state.settings.index  # type: ignore[attr-defined]  # typed as any ASGI application
    if JOB in call.path or (call.method, call.path) == ("GET", "/v1/jobs"):
        call = replace(call, path=call.path.replace(JOB, job_of(client, endless=call.path.endswith(":cancel"))))
    if KEY in call.path:
        call = replace(call, path=call.path.replace(KEY, client.get("/v1/keys").json()["items"][0]["id"]))
    if call.path == "/v1/index:publish":
        client.post("/v1/index:cancel")
        rebuild(index, settings=IndexSettings(encoder="hashing:64"))
        return replace(call, body=orjson.dumps({"snapshot": publication.published(index)}))
    if (call.method, call.path) == ("POST", "/v1/session"):
        serving: Serving = client.app.state.serving  # type: ignore[attr-defined]  # typed as any ASGI application
        serving.live.records.accounts.put("Ann", hashed("four words are enough"), ["admin"])
    if call.path.startswith("/v1/duplicate-groups"):
        store_again(client)
    if call.path.startswith("/v1/audit"):
        label_wrongly(client)
    if call.path.startswith("/v1/predictions"):
        return named(client, call, "Hollin frying pan, 30 cm")
    if call.path.startswith("/v1/review"):
        return named(client, call, "Hollin pan or planter", precision=0.9999)
    if call.path.startswith("/v1/index/"):
        evaluated(index)
    if call.path.startswith("/v1/map"):
        version = map_version(client)
        body = re.sub(rb'"version": ".*?"', f'"version": "{version}"'.encode(), call.body)
        return replace(call, path=re.sub("version=.*", f"version={version}", call.path), body=body)
    if call.path == "/v1/index:discard":
        renew(ServiceSettings(index=index), Order(publish="hold"))
    return call


def named(client: TestClient, call: Call, title: str, **asked: float) -> Call:
    """Ask about a product, and return the call with the prediction in place of the one of the document."""
    product = {"id": "PAN-30", "title": title, "facts": {"supplier": "ACME", "price": "24.90 EUR"}}
    if call.path.endswith("/thumbnail"):
        answer = client.post("/v1/categorize", data={"title": title}, files={"image": PICTURE})
    else:
        answer = client.post("/v1/categorize", json=product, params=asked)
    prediction = answer.json()["prediction_id"]
    return replace(call, path=re.sub("/p[0-9a-f]{20}", f"/{prediction}", call.path))


def evaluated(index: Path) -> None:
    """Let an evaluation have left its report in the folder of an index."""
    measures = {"leaf": {"value": 0.9833, "low": 0.95, "high": 1.0}}
    said = {"setting": {"snapshot": "s"}, "method": "held-out", "asked": 60, "measures": measures}
    (index / "evaluation").mkdir(exist_ok=True)
    (index / "evaluation" / "evaluation.json").write_bytes(orjson.dumps(said))
    (index / "evaluation" / "report.html").write_text("<!doctype html>", "utf-8")


def map_version(client: TestClient) -> str:
    """Return the version of the map, once it is drawn."""
    while not (version := client.get("/v1/map").json()["version"]):
        time.sleep(0.02)
    return str(version)


def store_again(client: TestClient) -> None:
    """Store P005 a second time, as P005-2, and let a scan find that."""
    found = client.get("/v1/products/P005").json()
    copy = {name: found[name] for name in ("title", "description", "brand", "specs", "category", "tags")}
    assert client.put("/v1/products/P005-2", json=copy).status_code < 300
    serving: Serving = client.app.state.serving  # type: ignore[attr-defined]  # typed as any ASGI application
    serving.upkeep.scan("duplicates")


def job_of(client: TestClient, *, endless: bool) -> str:
    """Return the id of the job that was uploaded last, once it has ended; or of one that has just begun."""
    if endless:
        table = b"sku,name,note\n" + TABLE.splitlines(keepends=True)[1] * 20_000
        begun = client.post("/v1/jobs", data={"kind": "categorize"}, files={"file": ("products.csv", table)})
        while not client.get(begun.headers["location"]).json()["progress"]["done"]:
            time.sleep(0.01)
        return str(begun.json()["id"])
    while True:
        last = client.get("/v1/jobs").json()["items"][0]
        if last["state"] == "done":
            return str(last["id"])
        time.sleep(0.02)


def label_wrongly(client: TestClient) -> None:
    """Let Nordau's pans stand with the planters and a press with the leads, and let a sweep find that."""
    wrong = [
        (f"PAN-{number}", f"Nordau {kind} frying pan", "non-stick coating for induction hobs", "Garden > Planters")
        for number, kind in enumerate(("small", "medium", "large", "classic"), start=1)
    ]
    press = "Brewmont french press coffee maker, tall", "steel plunger, heat-proof glass", "Pets > Dogs > Leads"
    for product_id, title, text, path in (*wrong, ("PRESS-1", *press)):
        product = {"title": title, "description": text, "brand": title.split()[0], "category": path, "tags": ["dog"]}
        assert client.put(f"/v1/products/{product_id}", json=product).status_code < 300
    serving: Serving = client.app.state.serving  # type: ignore[attr-defined]  # typed as any ASGI application
    serving.upkeep.scan("audit")


def answer_to(client: TestClient, call: Call) -> httpx2.Response:
    """Send what a curl line sends."""
    if call.fields:
        return client.request(call.method, call.path, files=call.form())
    return client.request(call.method, call.path, headers=call.headers, content=call.body)


def test_every_route_is_documented_with_an_example() -> None:
    """Each operation of the API has a heading of its own, and the command below it calls that operation."""
    described = orjson.loads((Path(__file__).resolve().parent.parent / "docs" / "openapi.json").read_bytes())
    routes = {f"{method.upper()} {path}" for path, methods in described["paths"].items() for method in methods}
    sections = dict(re.findall(r"^### `(.*?)`\n(.*?)(?=^##|\Z)", DOCUMENT, re.DOTALL | re.MULTILINE))
    assert set(sections) == routes
    for route, text in sections.items():
        for command, _ in EXAMPLE.findall(text):
            call = call_of(command)
            path = re.sub(r"\{\w+\}", ".+", route.partition(" ")[2])
            assert call.method == route.partition(" ")[0]
            assert re.fullmatch(path, call.path.partition("?")[0])
        assert EXAMPLE.search(text), route


def test_every_code_of_a_problem_is_documented() -> None:
    """The table of errors names each code beside its status."""
    for kind in (*KINDS.values(), *HTTP_KINDS.values(), INTERNAL):
        if kind.code != "client_gone":  # nobody is there to read it
            assert re.search(rf"^\| {kind.status} \|.*`{kind.code}`", DOCUMENT, re.MULTILINE), kind


def test_every_example_is_answered_as_documented(client: TestClient) -> None:
    """In the document's order; the same keys at the same places, line by line; what is no JSON is there."""
    for command, shown in EXAMPLE.findall(DOCUMENT):
        answer = answer_to(client, prepared(client, call_of(command)))
        if not shown:
            assert answer.status_code == 200, command
            continue
        lines = answer.text.splitlines() if "ndjson" in command else [answer.text]
        documented = shown.strip().splitlines() if "ndjson" in command else [shown]
        assert [form(orjson.loads(line)) for line in lines] == [form(orjson.loads(line)) for line in documented], (
            command
        )
