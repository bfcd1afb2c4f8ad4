"""service/serving.py: what answers follows the journal and changes its engine without a failed question."""

from __future__ import annotations

import gc
import http.client
import json
import re
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from indexer.errors import ModelMismatch, SnapshotDamaged, SnapshotMissing
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.snapshots import cutover, publication
from indexer.store.place import open_store
from service.answer import Answer
from service.calibration.dial import Dial
from service.engine import Asking, Engine
from service.rebuild import rebuild
from service.rest.app import create_app
from service.serving import Serving
from service.settings import ServiceSettings

PAN = {"title": "Hollin large frying pan", "description": "Non-stick coating for induction hobs"}
SETTINGS = IndexSettings(encoder="hashing:64")
WAIT = 120.0
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def serving(own_index: Path) -> Iterator[Serving]:
    """Return what answers from a copy of the index that may be changed; it looks every 20 ms."""
    with closing(Serving.open(ServiceSettings(index=own_index, follow_seconds=0.02, upkeep=False))) as serving:
        yield serving


def eventually(true: Callable[[], bool]) -> None:
    """Wait until something holds, WAIT seconds at most."""
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.01)


def kite(number: int = 1) -> Product:
    return Product(f"K{number}", title=f"Stunt kite {number} with two lines", category="Toys > Kites")


def test_what_another_process_wrote_is_known_a_moment_later(serving: Serving, own_index: Path) -> None:
    """Nobody asks for it: the journal is followed by itself, and so is a change by every other process."""
    with closing(Engine.open(ServiceSettings(index=own_index))) as other:
        other.put([kite()])
        eventually(lambda: serving.live.seq == other.live.seq)
        assert serving.similar("K1", 1)
        serving.delete(["K1"])
        other.live.follow()
        assert other.live.labels.key("K1") is None


def test_a_snapshot_that_was_published_elsewhere_takes_over(serving: Serving, own_index: Path) -> None:
    """With what was written since it was built, and the engine before it is let go with its last question."""
    before, engine = serving.live.manifest.id, weakref.ref(serving.engine)
    made = rebuild(own_index, settings=SETTINGS)
    serving.put([kite()])
    eventually(lambda: serving.live.manifest.id == made.id)
    assert serving.live.labels.key("K1") is not None
    assert publication.previous(own_index) == before

    def is_let_go() -> bool:
        gc.collect()
        return engine() is None

    eventually(is_let_go)  # by whoever keeps findings current, too


def test_a_rollback_swaps_back(serving: Serving, own_index: Path) -> None:
    """What was written meanwhile stays; a second rollback returns."""
    first = serving.live.manifest.id
    second = rebuild(own_index, settings=SETTINGS).id
    eventually(lambda: serving.live.manifest.id == second)
    serving.put([kite()])
    assert serving.rollback() == first == serving.live.manifest.id == publication.published(own_index)
    assert serving.live.labels.key("K1") is not None
    assert serving.rollback() == second == serving.live.manifest.id


def test_there_is_nothing_to_roll_back_to_at_first(serving: Serving) -> None:
    """The refusal says how to have two."""
    with pytest.raises(SnapshotMissing, match="keeps no snapshot from before"):
        serving.rollback()


def test_a_damaged_snapshot_takes_nothing_over(serving: Serving, own_index: Path) -> None:
    """The engine before it goes on answering, and the reason is shown until something else is published."""
    first = serving.live.manifest.id
    with closing(open_store(own_index)) as records:
        made = rebuild(own_index, settings=SETTINGS)
        eventually(lambda: serving.live.manifest.id == made.id)
        serving.rollback()
        (own_index / "snapshots" / made.id / "labels.json").unlink()
        with pytest.raises(SnapshotDamaged, match=r"labels\.json is missing"):
            serving.publish(made.id)
        assert publication.published(own_index) == first == serving.live.manifest.id
        cutover.publish(own_index, records, made.id)
        eventually(lambda: made.id in serving.damage)
        assert "labels.json is missing" in serving.damage[made.id]
        assert serving.live.manifest.id == first
        cutover.publish(own_index, records, first)
        eventually(lambda: not serving.damage)


def test_engines_that_share_an_encoder_take_turns(serving: Serving, own_index: Path) -> None:
    """An encoder serves one thread at a time: a question waits until the engine before has encoded its own."""
    encoder, before = serving.live.encoder, serving.live
    serving.swap(rebuild(own_index, settings=SETTINGS).id)
    assert serving.live is not before
    assert serving.live.encoder is encoder
    with before._encoding, ThreadPoolExecutor() as pool:
        asked = pool.submit(serving.classify, [Product("q", "a question that is new")])
        with pytest.raises(TimeoutError):
            asked.result(0.5)
        before._encoding.__exit__(None, None, None)
        assert isinstance(asked.result(WAIT)[0], Answer)
        before._encoding.__enter__()


def test_equal_askings_are_joined_across_a_swap(serving: Serving, own_index: Path) -> None:
    """They ask whatever answers when their turn comes."""
    first, second = Asking(serving, Dial()), Asking(serving, Dial())
    made = rebuild(own_index, settings=SETTINGS)
    serving.swap(made.id)
    assert first == second
    [answer] = first([Product("q", **PAN)])  # type: ignore[arg-type]  # two texts
    assert isinstance(answer, Answer)
    assert answer.snapshot == made.id


def test_no_question_fails_and_no_label_is_lost_while_snapshots_come_and_go(own_index: Path) -> None:
    """Four threads ask and one writes while three rebuilds are published; each label counts once it is acknowledged."""
    settings = ServiceSettings(index=own_index, follow_seconds=0.02)
    ended, failures, asked = threading.Event(), [], [0]
    with TestClient(create_app(settings)) as client:

        def ask() -> None:
            while not ended.is_set():
                response = client.post("/v1/categorize", json=PAN)
                asked[0] += 1
                if response.status_code != 200 or response.json()["decision"] != "auto":
                    failures.append(response.text)

        def write() -> None:
            number = 0
            while not ended.is_set():
                number += 1
                product = kite(number)
                body = {"title": product.title, "category": product.category}
                put = client.put(f"/v1/products/{product.id}", json=body)
                found = client.post("/v1/similar", json={"title": product.title, "limit": 1}).json()["items"]
                if put.status_code != 201 or [each["id"] for each in found] != [product.id]:
                    failures.append(f"{put.text} {found}")

        with ThreadPoolExecutor() as pool:
            asking = [pool.submit(each) for each in (ask, ask, ask, ask, write)]
            try:
                served = set()
                for _ in range(3):
                    made = rebuild(own_index, settings=SETTINGS).id
                    eventually(lambda made=made: client.get("/v1/index").json()["manifest"]["id"] == made)  # type: ignore[misc]  # a default
                    served.add(made)
            finally:
                ended.set()
            for each in asking:
                each.result(WAIT)
    assert (failures, len(served)) == ([], 3)
    assert asked[0] > 20


def test_a_changed_model_is_refused(own_index: Path) -> None:
    """The canaries that were kept at the build are encoded again when the index is opened."""
    with closing(open_store(own_index)) as records, records._changing() as connection:
        from indexer.product import content_hash
        from indexer.snapshots.canaries import TEXTS
        from indexer.store.schema import vectors

        some = vectors.c.content_hash == content_hash(TEXTS[0])
        changed = connection.execute(vectors.update().where(some).values(vector=b"\0\0\x80?" + bytes(4 * 63)))
        assert changed.rowcount == 1
    with pytest.raises(ModelMismatch, match=r"the model behind hashing:64 text=1 is not the one .* cosine 0\.\d+"):
        Serving.open(ServiceSettings(index=own_index))


def truncate(folder: Path) -> None:
    """Cut a byte off the labels of a snapshot."""
    file = folder / "labels.json"
    file.write_bytes(file.read_bytes()[:-1])


def test_a_damaged_snapshot_is_stood_in_for_and_built_anew(own_index: Path) -> None:
    """The one before answers, with what was written since; the damage is shown until the rebuild takes over."""
    first = publication.published(own_index)
    made = rebuild(own_index, settings=SETTINGS)
    with closing(Engine.open(ServiceSettings(index=own_index))) as engine:
        engine.put([kite()])
    truncate(own_index / "snapshots" / made.id)
    with TestClient(create_app(ServiceSettings(index=own_index))) as client:
        facts = client.get("/v1/index").json()
        assert (facts["manifest"]["id"], facts["damage"][0]["snapshot"]) == (first, made.id)
        assert "labels.json has" in facts["damage"][0]["problem"]
        assert facts["rebuild"]["reason"].startswith("damaged: the snapshot in")
        assert client.post("/v1/similar", json={"id": "K1", "limit": 1}).status_code == 200
        eventually(lambda: client.get("/v1/index").json()["damage"] == [])
        eventually(lambda: client.get("/v1/index").json()["rebuild"]["state"] == "published")
        facts = client.get("/v1/index").json()
        assert facts["manifest"]["id"] == facts["rebuild"]["snapshot"] == publication.published(own_index)
        assert facts["counts"]["products"] == 61
    assert publication.previous(own_index) == first


@pytest.mark.parametrize("how", ["every snapshot", "current", "another version"])
def test_where_no_snapshot_can_be_read_the_index_is_built_before_it_is_served(own_index: Path, how: str) -> None:
    """From the record store, by the settings that the store remembers, without encoding; what is done is said."""
    [folder] = (own_index / "snapshots").iterdir()
    if how == "every snapshot":
        truncate(folder)
    elif how == "current":
        (own_index / "current").write_bytes(b"\xff\xfe")
        truncate(folder)
    else:
        manifest = folder / "manifest.json"
        manifest.write_bytes(manifest.read_bytes().replace(b'"format": 5', b'"format": 4'))
    said: list[str] = []
    with closing(Serving.open(ServiceSettings(index=own_index), say=said.append)) as serving:
        assert serving.live.manifest.id != folder.name
        assert serving.live.manifest.encoder_spec == "hashing:64"
        assert len(serving.live.labels) == 60
        assert serving.damage == {}
    assert "building the index anew from its record store first" in said[0]
    assert said[-1].startswith("rebuild: ")


def test_what_cannot_be_built_anew_either_is_refused(own_index: Path) -> None:
    """With both reasons."""
    with closing(open_store(own_index)) as records:
        records.set_fact(cutover.BUILT_WITH, '{"encoder": "sentence_transformers:/no/such/model"}')
    for folder in (own_index / "snapshots").iterdir():
        (folder / "manifest.json").write_bytes(b"{}")
    with pytest.raises(SnapshotDamaged, match=r"manifest\.json cannot be read .* anew failed: .*/no/such/model"):
        Serving.open(ServiceSettings(index=own_index))


def served(index: Path) -> subprocess.Popen[str]:
    """Start `aisle serve` on a free port."""
    command = [sys.executable, "-c", "from service.cli import main; main()", "serve", "--index", str(index)]
    return subprocess.Popen([*command, "--port", "0"], cwd=ROOT, stderr=subprocess.PIPE, text=True)


def address(process: subprocess.Popen[str]) -> str:
    """Return where it serves, once it says so."""
    while process.stderr is not None and (line := process.stderr.readline()):
        if found := re.search(r"on (http://\S+) until", line):
            # Read to the end: who writes into a pipe that is full waits until somebody reads it.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return found[1]
    raise AssertionError("it did not start")


def call(method: str, url: str, body: object = None) -> Any:
    host, path = url.removeprefix("http://").split("/", 1)
    with closing(http.client.HTTPConnection(host, timeout=WAIT)) as connection:
        sent = None if body is None else json.dumps(body)
        connection.request(method, f"/{path}", sent, {"Content-Type": "application/json"} if sent else {})
        answer = connection.getresponse()
        assert answer.status < 300, answer.read()
        return json.load(answer)


def test_several_processes_serve_one_index(own_index: Path) -> None:
    """What one writes the other answers with a moment later; a rebuild and a rollback of one move both."""
    with served(own_index) as first, served(own_index) as second:
        try:
            here, there = address(first), address(second)
            seq = call("PUT", f"{here}/v1/products/K1", {"title": "Stunt kite", "category": "Toys > Kites"})["seq"]
            found = call("POST", f"{there}/v1/similar?min_seq={seq}", {"title": "Stunt kite", "limit": 1})
            assert [each["id"] for each in found["items"]] == ["K1"]
            before = call("GET", f"{there}/v1/index")["manifest"]["id"]
            call("POST", f"{here}/v1/index:rebuild", {"reason": "two serve"})
            eventually(lambda: call("GET", f"{there}/v1/index")["manifest"]["id"] != before)
            facts = [call("GET", f"{each}/v1/index") for each in (here, there)]
            assert facts[0]["rebuild"]["state"] in {"running", "published"}
            assert (facts[1]["rebuild"], facts[1]["seq"]) == (None, seq)
            eventually(lambda: call("GET", f"{here}/v1/index")["manifest"]["id"] == facts[1]["manifest"]["id"])
            assert call("POST", f"{there}/v1/index:rollback") == {"snapshot": before}
            eventually(lambda: call("GET", f"{here}/v1/index")["manifest"]["id"] == before)
            assert call("GET", f"{here}/v1/products/K1")["category"] == "Toys > Kites"
        finally:
            first.kill()
            second.kill()
