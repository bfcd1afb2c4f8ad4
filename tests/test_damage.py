"""Every file of a snapshot lost, cut short or with one bit turned over: noticed, said, and answered without."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from indexer.build import build, rebuild
from indexer.errors import SnapshotDamaged, SnapshotError, SnapshotMismatch
from indexer.live import open_index
from indexer.product import Product
from indexer.snapshots import publication, snapshot
from indexer.snapshots.manifest import FORMAT, MANIFEST, REBUILD
from indexer.sources import read
from indexer.store.place import open_store
from service.renewal.recovery import log_it, opened
from service.settings import ServiceSettings
from tests.doomed import ENCODER, SETTINGS
from tests.oracle import Counting, Oracle

pytestmark = pytest.mark.slow

ROWS = "id,title,category,tags\n" + "".join(
    f"p{number},{colour} {thing},{path},new\n"
    for number, (colour, thing, path) in enumerate(
        (colour, thing, path)
        for colour in ("red", "blue", "steel")
        for thing, path in (("mug", "Home > Kitchen"), ("ball", "Sports"))
    )
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index with two snapshots and changes that neither of them has."""
    folder = tmp_path_factory.mktemp("damage")
    (folder / "rows.csv").write_text(ROWS)
    with read(folder / "rows.csv") as rows:
        build(rows, folder / "index", settings=SETTINGS, encoder=ENCODER)
    for number in (1, 2):
        with closing(open_index(folder / "index", ENCODER)) as live:
            live.change([Product(f"later-{number}", f"stunt kite {number}", category="Sports"), f"p{number}"])
        if number == 1:
            rebuild(folder / "index", settings=SETTINGS, encoder=ENCODER)
    return folder / "index"


@pytest.fixture
def index(template: Path, tmp_path: Path) -> Path:
    """Return an index that may be damaged."""
    return Path(shutil.copytree(template, tmp_path / "index"))


def lost(file: Path) -> None:
    """Remove a file."""
    file.unlink()


def emptied(file: Path) -> None:
    """Leave nothing in a file."""
    file.write_bytes(b"")


def cut(file: Path) -> None:
    """Cut a file in two; one without content grows instead."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] if content else b"\0")


def turned(file: Path) -> None:
    """Turn one bit of a file over; one without content grows instead."""
    content = bytearray(file.read_bytes() or b"\0")
    content[len(content) // 2] ^= 16
    file.write_bytes(content)


def damages(folder: Path) -> Iterator[tuple[Path, Callable[[Path], None]]]:
    """Yield every file of a snapshot with every way to damage it that changes it."""
    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
        for how in (lost, emptied, cut, turned):
            if how is not emptied or file.stat().st_size:
                yield file.relative_to(folder), how


def test_every_damage_of_every_file_is_noticed_and_done_without(index: Path) -> None:
    """Loading refuses and names the remedy; the snapshot before answers all the same, and nothing is encoded."""
    published, before = publication.published(index), publication.previous(index)
    assert published is not None
    folder, whole = index / "snapshots" / published, index.parent / "whole"
    shutil.copytree(folder, whole)
    every = list(damages(whole))
    with closing(open_store(index)) as records:
        expected = Oracle.of(records)
        titles = {product.title for product, _ in expected.rows.values()}
        for name, how in every:
            how(folder / name)
            with pytest.raises(SnapshotError, match=REBUILD):
                snapshot.load(index)
            counting = Counting(ENCODER)
            engine, damage = opened(ServiceSettings(index=index), counting, records, log_it)
            assert (engine.live.manifest.id, list(damage)) == (before, [published])
            expected.check_memory(engine.live)
            assert not titles & set(counting.encoded)
            shutil.copy(whole / name, folder / name)
    assert len(every) > 80


def test_no_bit_of_a_manifest_can_be_turned_unnoticed(index: Path) -> None:
    """Of three hundred: each is an error that names the remedy, or says just what was said before."""
    published = publication.published(index)
    assert published is not None
    file, drawn = index / "snapshots" / published / MANIFEST, random.Random(1)
    content, said = file.read_bytes(), snapshot.read_manifest(index)
    said_why: list[str] = []
    for _ in range(300):
        changed = bytearray(content)
        changed[drawn.randrange(len(content))] ^= 1 << drawn.randrange(8)
        file.write_bytes(changed)
        try:
            assert snapshot.read_manifest(index) == said
        except (SnapshotDamaged, SnapshotMismatch) as error:
            said_why.append(str(error))
    assert len(said_why) > 200
    assert all(REBUILD in each for each in said_why)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\n", b"20260101T000000000Z-00000000\n", b"../../etc\n"])
def test_a_damaged_current_is_done_without(index: Path, content: bytes) -> None:
    """Whatever it says: the newest snapshot that can be read answers, with every change since."""
    (index / "current").write_bytes(content)
    with closing(open_store(index)) as records:
        engine, _ = opened(ServiceSettings(index=index), ENCODER, records, log_it)
        Oracle.of(records).check_memory(engine.live)


def test_another_version_s_snapshot_is_refused_by_its_format(index: Path) -> None:
    """With both numbers and the remedy; a rebuild encodes nothing and holds what the store holds."""
    for each in publication.ids(index):
        file = index / "snapshots" / each / MANIFEST
        file.write_bytes(file.read_bytes().replace(f'"format": {FORMAT}'.encode(), b'"format": 99'))
    with pytest.raises(SnapshotMismatch, match=f"has format 99, this aisle reads format {FORMAT}; {REBUILD}"):
        snapshot.load(index)
    counting = Counting(ENCODER)
    rebuild(index, settings=SETTINGS, encoder=counting)
    with closing(open_index(index, ENCODER)) as live:
        expected = Oracle.of(live.records)
        expected.check_memory(live)
    assert not {product.title for product, _ in expected.rows.values()} & set(counting.encoded)
