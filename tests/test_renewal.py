"""service/renewal: an index is built anew beside who serves it, compared with what is served, and published or not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import BuildUnderway, ModelMismatch, SnapshotMissing
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.snapshots import cutover, publication, snapshot
from indexer.snapshots.claim import builder, building
from indexer.space import TEXT
from indexer.store.place import open_store
from indexer.store.records import Records
from service.engine import Engine
from service.rebuild import calibrated, rebuild
from service.renewal import renew as renewing
from service.renewal.comparison import comparable, compared
from service.renewal.order import Order
from service.renewal.renew import renew
from service.renewal.watch import Watch
from service.settings import ServiceSettings

ROOT = Path(__file__).resolve().parent.parent
WAIT = 120.0


@pytest.fixture
def settings(own_index: Path) -> ServiceSettings:
    """Return the settings of a service of an index that may be changed."""
    return ServiceSettings(index=own_index)


@pytest.fixture
def records(own_index: Path) -> Iterator[Records]:
    """Return the record store of that index."""
    with closing(open_store(own_index)) as records:
        yield records


def vectors_by(records: Records, encoder: str) -> int:
    """Return how many contents have vectors by an encoder."""
    hashes = [stored.record.content_hash for stored in records.page(limit=500)]
    return len(records.known(hashes, encoder))


def eventually(true: Callable[[], bool]) -> None:
    """Wait until something holds, WAIT seconds at most."""
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


def test_a_rebuild_is_compared_and_published(settings: ServiceSettings, own_index: Path) -> None:
    """With the settings of the index that is served; what was written since is in it; the one before is kept."""
    before = publication.published(own_index)
    with closing(Engine.open(settings)) as engine:
        engine.put([Product("K1", title="Stunt kite", category="Toys > Kites")])
    renewed = renew(settings, Order(kind="flat"))
    assert (renewed.state, renewed.note) == ("published", "")
    assert {each.measure for each in renewed.compared} >= {"leaf", "macro_f1", "precision", "tags_f1"}
    assert not any(each.worse for each in renewed.compared)
    assert publication.published(own_index) == renewed.snapshot
    assert publication.previous(own_index) == before
    manifest = snapshot.read_manifest(own_index)
    assert manifest.views[TEXT]["vectors"]["kind"] == "flat"
    assert manifest.counts["products"] == 61
    assert renew(settings, Order()).state == "published"
    assert snapshot.read_manifest(own_index).settings["kind"] == "flat"


def test_a_rebuild_that_is_worse_is_refused_and_leaves_nothing(
    settings: ServiceSettings, own_index: Path, monkeypatch: pytest.MonkeyPatch, records: Records
) -> None:
    """A calibration that believes the opposite cannot take over; its snapshot goes, and its encoder's vectors."""
    real = calibrated

    def wrong(*given: Any) -> str:
        return json.dumps(json.loads(real(*given)) | {"weights": [-9.0] * 7})

    before, folder = publication.ids(own_index), own_index / "snapshots"
    monkeypatch.setattr(renewing, "calibrated", wrong)
    renewed = renew(settings, Order(encoder="hashing:8"))
    worse = {each.measure for each in renewed.compared if each.worse}
    assert (renewed.state, "leaf" in worse) == ("refused", True)
    assert publication.ids(own_index) == before == [each.name for each in folder.iterdir()]
    assert vectors_by(records, "hashing:8 text=1") == 0
    assert vectors_by(records, "hashing:64 text=1") == 60


def test_another_encoder_is_held_cut_over_and_forgotten_with_its_last_snapshot(
    settings: ServiceSettings, own_index: Path, records: Records
) -> None:
    """Both encoders' vectors are kept as long as there is a snapshot by each."""
    first = publication.published(own_index)
    held = renew(settings, Order(encoder="hashing:128", publish="hold"))
    assert (held.state, publication.held(own_index), publication.published(own_index)) == ("held", held.snapshot, first)
    assert vectors_by(records, "hashing:128 text=1") == 60
    cutover.publish(own_index, records, held.snapshot)
    assert (publication.published(own_index), publication.previous(own_index)) == (held.snapshot, first)
    assert publication.held(own_index) is None
    assert renew(settings, Order()).state == "published"
    assert snapshot.read_manifest(own_index).encoder_spec == "hashing:128"
    assert vectors_by(records, "hashing:64 text=1") == 0
    with closing(Engine.open(settings)) as engine:
        assert engine.similar("P001", 1)


def test_what_is_held_can_be_thrown_away(settings: ServiceSettings, own_index: Path, records: Records) -> None:
    """With all that only its encoder has encoded; a second time there is nothing."""
    held = renew(settings, Order(encoder="hashing:128", publish="hold"))
    assert cutover.discard(own_index, records) == held.snapshot
    assert vectors_by(records, "hashing:128 text=1") == 0
    assert held.snapshot not in publication.ids(own_index)
    with pytest.raises(SnapshotMissing, match="holds no snapshot that waits"):
        cutover.discard(own_index, records)


def test_an_encoder_that_is_another_now_is_refused(settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be encoded anew is encoded only when that is asked for."""
    from indexer import encoders

    load = encoders.load

    def other(spec: str, *_: object) -> encoders.Encoder:
        encoder = load(spec)
        encoder.name = "hashing:64 text=2"  # type: ignore[misc]  # an attribute of this one
        return encoder

    monkeypatch.setattr(encoders, "load", other)
    with pytest.raises(ModelMismatch, match=r"built by hashing:64 text=1, and hashing:64 is hashing:64 text=2 here"):
        renew(settings, Order())


def test_products_are_compared_that_speak_in_both(settings: ServiceSettings) -> None:
    """Of an index with itself none is worse; of fewer than 30 products nobody can tell."""
    with closing(Engine.open(settings)) as engine:
        engine.put([Product("K1", title="Stunt kite", category="Toys > Kites"), Product("K2", title="No category")])
        keys = comparable(engine, engine)
        assert set(engine.live.labels.ids(keys)) == {"K1", *(f"P{number:03}" for number in range(1, 61))}
        assert not any(each.worse for each in compared(engine, engine, keys, lambda _: None))
        assert compared(engine, engine, keys[:20], lambda _: None) == []


def test_what_changes_while_two_are_compared_is_left_out(settings: ServiceSettings) -> None:
    """A product that is deleted, or loses or changes its label, between the two askings says nothing of either."""
    with closing(Engine.open(settings)) as engine:

        def tell(done: int) -> None:
            if not done:
                engine.put([Product("P001", title="Pruner"), Product("P003", title="Lead", category="Pets")])
                engine.delete(["P002"])

        found = compared(engine, engine, comparable(engine, engine), tell)
        assert found
        assert not any(each.worse for each in found)
        assert engine.live.labels.labelled == 58


def test_one_builds_at_a_time(settings: ServiceSettings, own_index: Path) -> None:
    """The second is told whose turn it is; the turn ends with the process that has it."""
    code = "import sys, time; from pathlib import Path; from indexer.snapshots.claim import building\n"
    code += "with building(Path(sys.argv[1]), 'a test'):\n    print('now', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", code, str(own_index)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "now\n"
        who = builder(own_index)
        assert who is not None
        assert (who.pid, who.what) == (other.pid, "a test")
        with pytest.raises(BuildUnderway, match=rf"is being built by process {other.pid} \(a test, since "):
            rebuild(own_index, settings=IndexSettings(encoder="hashing:64"))
        with pytest.raises(BuildUnderway):
            Watch(settings).start(Order())
        other.kill()
    eventually(lambda: builder(own_index) is None)
    with building(own_index):
        assert builder(own_index) is not None


def test_a_process_of_its_own_builds_and_is_watched(settings: ServiceSettings, own_index: Path) -> None:
    """Its stages are told as they come, and what came of it in the end."""
    ended: list[str] = []
    watch = Watch(settings, lambda renewal: ended.append(renewal.state))
    assert watch.latest() is None
    assert watch.cancel() is None
    begun = watch.start(Order(reason="to see"))
    assert (begun.state, begun.reason, begun.snapshot) == ("running", "to see", None)
    with pytest.raises(BuildUnderway):
        watch.start(Order())
    stages: list[str] = []

    def over() -> bool:
        now = watch.latest()
        assert now is not None
        stages.append(now.stage)
        return now.state != "running"

    eventually(over)
    done = watch.wait()
    assert done is not None
    assert (done.state, done.error, done.snapshot) == ("published", None, publication.published(own_index))
    assert done.finished_at is not None
    assert ended == ["published"]
    assert {"load", "publish"} & set(stages)


def test_a_rebuild_that_fails_says_why(settings: ServiceSettings, own_index: Path) -> None:
    """An encoder that this machine lacks, memory that is not enough: one line, and what is served stays."""
    before = publication.published(own_index)
    watch = Watch(settings)
    watch.start(Order(encoder="sentence_transformers:/no/such/model"))
    done = watch.wait()
    assert done is not None
    assert done.state == "failed"
    assert done.error is not None
    assert "/no/such/model" in done.error
    tight = Watch(settings.model_copy(update={"rebuild_bytes": 64_000_000}))
    tight.start(Order())
    done = tight.wait()
    assert done is not None
    assert (done.state, publication.published(own_index)) == ("failed", before)


def test_a_rebuild_is_stopped(settings: ServiceSettings, own_index: Path) -> None:
    """Cancelled, it sweeps up what it has begun, and the turn is free."""
    before = [each.name for each in (own_index / "snapshots").iterdir()]
    watch = Watch(settings)
    watch.start(Order(encoder="hashing:2048"))
    eventually(lambda: builder(own_index) is not None)
    stopped = watch.cancel()
    assert stopped is not None
    assert stopped.state == "cancelled"
    assert [each.name for each in (own_index / "snapshots").iterdir()] == before
    assert builder(own_index) is None


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from indexer.snapshots import snapshot
from service.renewal import renew
from service.renewal.order import Order
from service.settings import ServiceSettings

class Killer:
    def start(self, name, total, unit):
        if name == sys.argv[3]:
            os.kill(os.getpid(), signal.SIGKILL)
    def at(self, done):
        pass

renew.renew(ServiceSettings(index=sys.argv[1]), Order(), Killer())
"""


@pytest.mark.parametrize("stage", ["calibrate", "replay", "compare", "publish"])
def test_killed_half_way_it_leaves_what_was_served(settings: ServiceSettings, own_index: Path, stage: str) -> None:
    """And the next rebuild sweeps up whatever lies there."""
    before = publication.published(own_index)
    ran = subprocess.run([sys.executable, "-c", KILLED, own_index, ROOT, stage], check=False, capture_output=True)
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    assert publication.published(own_index) == before
    with closing(Engine.open(settings)) as engine:
        assert engine.live.manifest.id == before
    renewed = renew(settings, Order())
    assert sorted(each.name for each in (own_index / "snapshots").iterdir()) == [before, renewed.snapshot]


def test_what_another_process_writes_is_not_swept(own_index: Path, records: Records) -> None:
    """A folder that is being written, and a snapshot that is being compared, are locked by who is at it."""
    loaded = snapshot.load(own_index)
    from indexer.snapshots.manifest import Origin

    told = {name: getattr(loaded.manifest, name) for name in ("encoder_spec", "encoder", "parts", "store_id", "seq")}
    learning = {name: view["learning"] for name, view in loaded.manifest.views.items()}
    origin = Origin(**told, counts={}, learning=learning, settings={})
    swept = threading.Event()
    with publication.aside(own_index) as folder, snapshot.written(own_index, origin, loaded.built, "") as manifest:
        assert publication.sweep(own_index) == []
        assert folder.is_dir()
        assert manifest.id in publication.ids(own_index)
        swept.set()
    assert not folder.exists()
    assert publication.sweep(own_index) == [manifest.id]
    assert json.loads(records.fact(cutover.BUILT_WITH) or "")["fingerprint"] == "hashing:64 text=1"
