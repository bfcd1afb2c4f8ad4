"""Backup, verify and restore of an index, on either engine and from one to the other, while others write."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest

from indexer.build import Quiet, build, rebuild
from indexer.digest import sha256_of
from indexer.errors import BackupError, RecordError, StoreMismatch
from indexer.keeping.backup import LISTING, Backup, backup
from indexer.keeping.restoring import Restored, restore
from indexer.keeping.verifying import Checked, verify
from indexer.live import Live, open_index
from indexer.product import Product, content_hash
from indexer.settings import IndexSettings
from indexer.snapshots.snapshot import load, read_manifest
from indexer.sources import read
from indexer.store.place import STORE, open_store
from indexer.store.records import Record, Records
from indexer.store.schema import VERSION
from service.console.plantings import history_lines
from taxonomy.changes import Merge, Rename
from tests.conftest import Database
from tests.test_schema import WRITTEN, written_by

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

SETTINGS = IndexSettings(encoder="hashing:16", kind="exact")
ROWS = """id,title,category,tags
mug,Stoneware mug,Home > Kitchen,stoneware|gift
pan,Frying pan,Home > Kitchen,steel
ball,Leather football,Sports,leather
"""


@pytest.fixture
def index(database: Database, tmp_path: Path) -> Path:
    """Return an index of three products, its store on either engine."""
    assert database.where
    (tmp_path / "in.csv").write_text(ROWS)
    with read(tmp_path / "in.csv") as rows:
        build(rows, tmp_path / "index", settings=SETTINGS)
    return tmp_path / "index"


@pytest.fixture
def lonely(tmp_path: Path) -> Path:
    """Return the same index with a store in its folder."""
    (tmp_path / "in.csv").write_text(ROWS)
    with read(tmp_path / "in.csv") as rows:
        build(rows, tmp_path / "index", settings=SETTINGS)
    return tmp_path / "index"


def records_of(records: Records) -> dict[str, Record]:
    """Return every record by its id."""
    with records.moment() as moment:
        return {each.record.product.id: each.record for page in moment.pages() for each in page}


def faults(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return what is wrong with an index or a backup, by what was looked at."""
    return {each.what: each.faults for each in verify(folder, Quiet()) if each.faults}


def restored(source: Path, target: Path, **more: Any) -> Restored:
    """Restore a backup into a file, whatever the environment says."""
    return restore(source, target, Quiet(), **more)


@pytest.fixture
def here() -> Callable[[Path], Records]:
    """Return what opens the store inside an index folder."""

    def opened(folder: Path) -> Records:
        assert (folder / STORE).is_file()
        return open_store(folder)

    return opened


def test_a_restored_index_answers_as_the_one_that_was_backed_up(
    index: Path, tmp_path: Path, here: Callable[[Path], Records]
) -> None:
    """From either engine into a file, with its snapshot: nothing is built or encoded, and its store is another's."""
    with closing(open_index(index)) as live:
        live.put([Product("kite", "Stunt kite", category="Toys")])
        live.delete(["pan"])
        expected, tree = records_of(live.records), live.tree
        made = backup(index, tmp_path / "backup", Quiet())
        live.put([Product("late", "Too late")])

    assert (made.seq, made.counts["products"], made.counts["journal"]) == (5, 3, 5)
    assert faults(tmp_path / "backup") == {}
    done = restored(tmp_path / "backup", tmp_path / "again")
    assert (done.back, done.bare, done.counts.products) == (None, 0, 3)
    with closing(here(tmp_path / "again")) as records:
        assert records_of(records) == expected
        assert records.store_id != made.store_id
        assert records.seq() == 5
    assert load(tmp_path / "again").manifest.files == load(index).manifest.files
    with closing(open_index(tmp_path / "again")) as live:
        assert (live.seq, live.tree, live.labels.key("late")) == (5, tree, None)
        assert live.put([Product("new", "New", category="Toys")])[0].seq == 6  # type: ignore[union-attr]
    assert faults(tmp_path / "again") == {}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["again", "backup", "in.csv", "index"]


def test_any_moment_of_a_random_history_can_be_restored(
    index: Path, tmp_path: Path, here: Callable[[Path], Records]
) -> None:
    """At places by chance the restored store equals a plain dict, and its index answers with just that."""
    rng = np.random.default_rng(5)
    moments: dict[int, dict[str, Record]] = {}
    with closing(open_index(index)) as live:
        for step in range(14):
            changed = rng.choice([*"abcd", "mug", "ball"], 2, replace=False).tolist()
            if step == 7:
                rebuild(index, settings=SETTINGS)  # a snapshot of a later change than some places
            live.change([each if rng.random() < 0.3 else drawn(rng, each) for each in changed])
            moments[live.records.seq()] = records_of(live.records)
        made = backup(index, tmp_path / "backup", Quiet())
    for number, seq in enumerate(rng.permutation(sorted(moments)).tolist()[:4]):
        target = tmp_path / f"again{number}"
        done = restored(tmp_path / "backup", target, seq=seq)
        with closing(here(target)) as records:
            assert records_of(records) == moments[seq]
        assert (done.back is None) == (seq == made.seq)
        with closing(open_index(target)) as live:
            assert {live.labels.ids(np.array([key]))[0] for key in keys(live)} == moments[seq].keys()
            assert live.seq >= made.seq
        assert faults(target) == {}


def keys(live: Live) -> list[int]:
    """Return the keys of all products in memory."""
    return [key for page in live.records.ids(2**40) for key in page if live.labels.key(page[key]) == key]


def drawn(rng: np.random.Generator, product_id: str) -> Product:
    """Return a product by chance."""
    title = str(rng.choice(["red mug", "steel pan", "leather football"]))
    return Product(product_id, title, category=str(rng.choice(["", "Sports", "Home > Kitchen", "Toys"])))


def test_what_lost_its_raw_vectors_is_encoded_when_the_index_is_opened(lonely: Path, tmp_path: Path) -> None:
    """Vectors of a content that nobody has any more went at once; the report counts what is to be made again."""
    with closing(open_index(lonely)) as live:
        live.put([Product("mug", "Enamel cup", category="Home > Kitchen")])
        backup(lonely, tmp_path / "backup", Quiet())
    done = restored(tmp_path / "backup", tmp_path / "again", seq=3)
    assert (done.bare, done.back and done.back.changed) == (1, 1)
    said = {each.what: each.found for each in verify(tmp_path / "again", Quiet())}
    assert said["vectors"].endswith("1 are still to be encoded")
    with closing(open_index(tmp_path / "again")) as live:
        assert live.records.get(["mug"])["mug"].record.product.title == "Stoneware mug"
    assert "still" not in {each.what: each.found for each in verify(tmp_path / "again", Quiet())}["vectors"]


def test_a_backup_becomes_an_index_on_postgresql_and_back(
    lonely: Path,
    tmp_path: Path,
    postgresql: Callable[[], AbstractContextManager[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The store goes into the database, the snapshot into the folder; a backup of that is equal again."""
    with closing(open_store(lonely)) as records:
        expected = records_of(records)
    backup(lonely, tmp_path / "one", Quiet())
    with postgresql() as url:
        restored(tmp_path / "one", tmp_path / "again", store=url)
        monkeypatch.setenv("AISLE_STORE", url)
        assert not (tmp_path / "again" / STORE).exists()
        with closing(open_index(tmp_path / "again")) as live:
            assert records_of(live.records) == expected
            live.put([Product("kite", "Stunt kite", category="Toys")])
        assert faults(tmp_path / "again") == {}
        with pytest.raises(BackupError, match="name a new folder"):
            restored(tmp_path / "one", tmp_path / "again", store=url)
        with pytest.raises(RecordError, match="holds a record store with 4 changes"):
            restored(tmp_path / "one", tmp_path / "other", store=url)
        backup(tmp_path / "again", tmp_path / "two", Quiet())
        restored(tmp_path / "one", tmp_path / "again", store=url, force=True)
        with closing(open_index(tmp_path / "again")) as live:
            assert records_of(live.records) == expected
    monkeypatch.delenv("AISLE_STORE")
    restored(tmp_path / "two", tmp_path / "back", seq=3)
    with closing(open_index(tmp_path / "back")) as live:
        assert records_of(live.records) == expected


WRITER = """
import sys
from pathlib import Path
from indexer.live import open_index
from indexer.product import Product
live = open_index(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    live.put([Product(f"w{number}", f"Mug {number}", category="Home"), Product("same", f"Cup {number}")])
    print(number, flush=True)
"""


@pytest.fixture
def writer(index: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that writes two products at a time, as long as it lives."""
    line = [sys.executable, "-c", WRITER, str(index)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env={**os.environ}) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.send_signal(signal.SIGKILL)


def test_a_backup_is_one_moment_while_others_write(
    index: Path, writer: subprocess.Popen[str], tmp_path: Path, here: Callable[[Path], Records]
) -> None:
    """Each transaction is in it whole or not at all, the last one that was acknowledged before it among them."""
    assert writer.stdout is not None
    for number in range(3):
        time.sleep(0.2)
        acknowledged = int(writer.stdout.readline())
        made = backup(index, tmp_path / f"backup{number}", Quiet())
        assert faults(tmp_path / f"backup{number}") == {}
        restored(tmp_path / f"backup{number}", tmp_path / f"again{number}")
        with closing(here(tmp_path / f"again{number}")) as records:
            found = records_of(records)
        written = len(found) - 4
        assert written >= acknowledged
        assert found["same"].product.title == f"Cup {written}"
        assert made.seq == 3 + 2 * written
        assert {f"w{each}" for each in range(1, written + 1)} < found.keys()
    assert writer.poll() is None


def test_a_flipped_byte_is_found(lonely: Path, tmp_path: Path) -> None:
    """In any file of a backup; it is not restored, and the listing itself cannot be changed unnoticed either."""
    backup(lonely, tmp_path / "backup", Quiet())
    files = [file for file in (tmp_path / "backup").rglob("*") if file.is_file() and file.stat().st_size]
    assert len(files) > 5
    rng = np.random.default_rng(0)
    for file in files:
        whole = file.read_bytes()
        place = int(rng.integers(len(whole)))
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert "files" in faults(tmp_path / "backup"), file
        with pytest.raises(BackupError):
            restored(tmp_path / "backup", tmp_path / "again")
        assert not (tmp_path / "again").exists()
        file.write_bytes(whole)
    assert faults(tmp_path / "backup") == {}


DAMAGE = {
    "UPDATE products SET title = 'Stonewqre mug' WHERE id = 'mug'": ("texts", "1 products ('mug') differ"),
    "DELETE FROM journal WHERE seq = 2": ("journal", "it has 2 entries from 1 to 3: some are missing"),
    "DELETE FROM products WHERE id = 'pan'": ("journal", "1 products that it put are not there"),
    "UPDATE journal SET action = 'delete' WHERE seq = 3": ("journal", "1 products are there that it did not put"),
    "UPDATE labels SET category = 'Hats' WHERE category = 'Home > Kitchen'": (
        "labels",
        "2 products ('Hats') name another category by its id than by its path: label them anew",
    ),
    "DELETE FROM labels": ("database", "3 products have no label row"),
    "UPDATE meta SET value = 'x' WHERE name = 'store_id'": ("snapshot", "it was built from another record store"),
    "UPDATE vectors SET vector = substr(vector, 2) WHERE content_hash = (SELECT content_hash FROM products"
    " WHERE id = 'ball')": ("vectors", "1 products ('ball') have raw vectors that are damaged"),
}


@pytest.mark.parametrize("statement", DAMAGE)
def test_what_a_live_index_lost_is_found(index: Path, database: Database, statement: str) -> None:
    """Texts, journal, labels, vectors and snapshot each answer for themselves; the rest is whole."""
    assert faults(index) == {}
    database.run(statement)
    what, said = DAMAGE[statement]
    found = faults(index)
    assert found[what][0].startswith(said)
    assert set(found) <= {what, "journal", "database"}


def test_a_label_outside_the_tree_that_stands_is_found(index: Path, database: Database) -> None:
    """A tree that does not grow with its labels lacks it, as it was given or changed."""
    with closing(open_index(index)) as live:
        live.records.taxonomies.adopt(live.tree)
    assert faults(index) == {}
    database.run("UPDATE labels SET category = 'Hats' WHERE category = 'Home > Kitchen'")
    why = "2 products ('Hats') are in categories that version 1 of the taxonomy lacks: label them anew"
    assert faults(index) == {"labels": (why,)}


def test_a_damaged_database_or_snapshot_is_said_not_raised(lonely: Path) -> None:
    """Pages of noise in the store, a truncated file of the snapshot: each is one line."""
    with closing(open_store(lonely)) as records:
        records.write([Record(Product(f"p{n}", "text " * 200), f"h{n}") for n in range(400)])
    store = lonely / STORE
    whole = store.read_bytes()
    store.write_bytes(whole[:40_000] + bytes(reversed(whole[40_000:80_000])) + whole[80_000:])
    snapshot = next((lonely / "snapshots").glob("*/taxonomy.json"))
    snapshot.write_bytes(snapshot.read_bytes()[:-3])

    found = faults(lonely)
    assert found["database"]
    assert "taxonomy.json has" in found["snapshot"][0]


def test_a_place_that_is_taken_is_kept(lonely: Path, tmp_path: Path) -> None:
    """Neither a backup nor an index is written over anything, unless it is said; a failed one leaves nothing."""
    backup(lonely, tmp_path / "backup", Quiet())
    with pytest.raises(BackupError, match="there is something at"):
        backup(lonely, tmp_path / "backup", Quiet())
    with pytest.raises(BackupError, match="there is something at"):
        restored(tmp_path / "backup", lonely)
    with pytest.raises(BackupError, match="is no backup"):
        restored(lonely, tmp_path / "again")
    with pytest.raises(BackupError, match="holds the changes 1 to 3"):
        restored(tmp_path / "backup", tmp_path / "again", seq=4)
    with pytest.raises(RecordError, match="cannot be read"):
        backup(tmp_path / "nothing", tmp_path / "none", Quiet())
    assert sorted(each.name for each in tmp_path.iterdir()) == ["backup", "in.csv", "index"]

    before = read_manifest(lonely).store_id
    restored(tmp_path / "backup", lonely, force=True)
    assert read_manifest(lonely).store_id != before
    with closing(open_index(lonely)) as live:
        assert live.seq == 3


def test_a_forced_restore_replaces_an_index_and_nothing_else(lonely: Path, tmp_path: Path) -> None:
    """Not a folder of other files, not one that holds the backup or lies in it, not where this runs."""
    saved = tmp_path / "saved"
    backup(lonely, saved, Quiet())
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "thesis.txt").write_text("hi")
    inside = tmp_path / "holder" / "saved"
    shutil.copytree(saved, inside)

    for source, target, said in (
        (saved, papers, "is no index, or holds more than one: 'thesis.txt' is none of its files"),
        (saved, saved, "lie in one another"),
        (inside, inside.parent, "lie in one another"),
        (saved, saved / "index", "lie in one another"),
        (saved, Path.cwd(), "is no index"),
    ):
        with pytest.raises(BackupError, match=said):
            restore(source, target, Quiet(), force=True)
    assert (papers / "thesis.txt").read_text() == "hi"
    assert faults(saved) == faults(inside) == {}
    with pytest.raises(BackupError, match="lies in the index"):
        backup(lonely, lonely / "saved", Quiet())

    restore(saved, lonely, Quiet(), force=True)
    with closing(open_index(lonely)) as live:
        assert sorted(live.labels.ids(np.array(keys(live)))) == ["ball", "mug", "pan"]


def test_who_has_the_replaced_store_open_writes_to_it_no_more(lonely: Path, tmp_path: Path) -> None:
    """A service that goes on while its index is restored refuses changes: they would be lost with the old file."""
    saved = tmp_path / "saved"
    backup(lonely, saved, Quiet())
    with closing(open_index(lonely)) as live:
        restore(saved, lonely, Quiet(), force=True)
        with pytest.raises(RecordError, match="start this process again"):
            live.put([Product("kite", "Stunt kite")])
        assert len(live.labels) == 3


def test_a_restore_that_was_killed_between_its_renames_loses_nothing(lonely: Path, tmp_path: Path) -> None:
    """The index that was put aside has its name again before the next one is written."""
    saved = tmp_path / "saved"
    backup(lonely, saved, Quiet())
    lonely.rename(tmp_path / ".index.123.replaced")

    with pytest.raises(BackupError, match="there is something at"):
        restore(saved, lonely, Quiet())
    assert read_manifest(lonely).counts["products"] == 3


def test_no_moment_inside_a_change_of_the_tree_is_restored(lonely: Path, tmp_path: Path) -> None:
    """Between its parts a label may be one that no tree has; the moments around it are named."""
    with closing(open_store(lonely)) as records:
        tree = records.taxonomies.standing().tree
        kitchen, sports = (tree.ids[tree.find(path) or 0] for path in (("Home", "Kitchen"), ("Sports",)))
        effect = records.taxonomies.change([Merge((kitchen,), sports)])
    assert effect.seq == 6
    backup(lonely, tmp_path / "saved", Quiet())

    with pytest.raises(RecordError, match=r"inside the changes 4 to 6, .* go back to 3 or to 6"):
        restore(tmp_path / "saved", tmp_path / "new", Quiet(), seq=5)
    restore(tmp_path / "saved", tmp_path / "new", Quiet(), seq=3)


def test_a_snapshot_of_the_store_that_was_backed_up_is_not_one_of_the_restored(lonely: Path, tmp_path: Path) -> None:
    """They go their own ways: neither is taken for the other, however many changes both have."""
    backup(lonely, tmp_path / "backup", Quiet())
    restored(tmp_path / "backup", tmp_path / "again")
    (tmp_path / "again" / STORE).rename(lonely / STORE)
    with pytest.raises(StoreMismatch, match="another record store"):
        open_index(lonely)


def test_an_index_without_a_snapshot_is_backed_up_too(tmp_path: Path) -> None:
    """What is lacking is said; a rebuild makes it."""
    (tmp_path / "index").mkdir()
    with closing(open_store(tmp_path / "index", create=True)) as records:
        records.write([Record(product := Product("mug", "Mug"), content_hash(product))])
    assert backup(tmp_path / "index", tmp_path / "backup", Quiet()).snapshot == ""
    assert restored(tmp_path / "backup", tmp_path / "again").snapshot == ""
    rebuild(tmp_path / "again", settings=SETTINGS)
    assert load(tmp_path / "again").manifest.seq == 1


def test_the_listing_names_every_file(lonely: Path, tmp_path: Path) -> None:
    """And nothing else lies in the folder."""
    made = backup(lonely, tmp_path / "backup", Quiet())
    there = {each.relative_to(tmp_path / "backup").as_posix() for each in (tmp_path / "backup").rglob("*")}
    files = {name for name in there if (tmp_path / "backup" / name).is_file()}
    assert files == {*made.files, LISTING}
    assert Backup.read(tmp_path / "backup") == made


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `aisle` in a process of its own."""
    line = [sys.executable, "-c", "from service.cli import main; main()", *arguments]
    return subprocess.run(line, capture_output=True, text=True, env={**os.environ}, check=False)


def test_the_commands_say_what_they_did(lonely: Path, tmp_path: Path) -> None:
    """Backup, verify, restore, in words and codes; verify as JSON."""
    with closing(open_index(lonely)) as live:
        live.delete(["ball"])
    made = run("backup", str(tmp_path / "backup"), "--index", str(lonely))
    assert made.returncode == 0, made.stderr
    assert f"{tmp_path / 'backup'} is a backup of {lonely} up to change 4" in made.stderr
    checked = run("verify", str(tmp_path / "backup"))
    assert (checked.returncode, checked.stdout.count(" ok ")) == (0, 7)
    again = run("restore", str(tmp_path / "backup"), "--index", str(tmp_path / "again"), "--seq", "3")
    assert again.returncode == 0, again.stderr
    assert "holds 3 products as they were after change 3" in again.stderr
    assert "1 products are as before, as changes 5 to 5" in again.stderr
    assert run("restore", str(tmp_path / "backup"), "--index", str(tmp_path / "again")).returncode == 1

    (tmp_path / "backup" / "current").write_text("x")
    broken = run("verify", str(tmp_path / "backup"), "--json")
    assert broken.returncode == 4
    said = json.loads(broken.stdout)
    assert (said["whole"], said["checks"][0]["what"]) == (False, "files")
    assert Checked(**{**said["checks"][0], "faults": tuple(said["checks"][0]["faults"])}).faults


def shelves(live: Live) -> dict[str, str]:
    """Return the category of each product in memory."""
    found = {}
    for page in live.records.ids(2**40):
        for product_id in page.values():
            node = int(live.labels.nodes(np.array([live.labels.key(product_id)]))[0])
            found[product_id] = live.tree.text(node) if node >= 0 else ""
    return found


def test_a_tree_that_was_changed_is_restored_in_memory_too(index: Path, tmp_path: Path) -> None:
    """An index that opens on a restored store stands in the tree of then, and places products in it."""
    with closing(open_index(index)) as live:
        before = shelves(live)
        node = {live.tree.text(each): node_id for each, node_id in enumerate(live.tree.ids)}
        live.records.taxonomies.change([Rename(node["Home"], "Haushalt"), Merge((node["Sports"],), node["Home"])])
        live.follow()
        assert shelves(live) == {"mug": "Haushalt > Kitchen", "pan": "Haushalt > Kitchen", "ball": "Haushalt"}
        live.put([Product("pot", "Clay pot", category="Haushalt > Kitchen")])
        backup(index, tmp_path / "backup", Quiet())

    done = restored(tmp_path / "backup", tmp_path / "again", seq=3)
    assert done.back is not None
    assert done.back.taxonomy == 3
    with closing(open_index(tmp_path / "again")) as live:
        assert shelves(live) == before
        live.put([Product("pot", "Clay pot", category="Home > Kitchen")])
        assert shelves(live) == before | {"pot": "Home > Kitchen"}
        history = live.records.taxonomies.history()
        assert [each.restored for each in history] == [None, None, 1]
        assert list(history_lines(history))[-1] == "  as version 1 was, which a restore put back"
    assert faults(tmp_path / "again") == {}


def test_a_damaged_snapshot_keeps_nobody_from_a_backup(lonely: Path, tmp_path: Path) -> None:
    """The record store is the truth: it is backed up and restored, and the snapshot made again."""
    with closing(open_store(lonely)) as records:
        expected = records_of(records)
    next((lonely / "snapshots").glob("*/taxonomy.json")).write_text("{")
    assert backup(lonely, tmp_path / "backup", Quiet()).snapshot == ""
    assert faults(tmp_path / "backup") == {}
    assert restored(tmp_path / "backup", tmp_path / "again").snapshot == ""
    rebuild(tmp_path / "again", settings=SETTINGS)
    with closing(open_index(tmp_path / "again")) as live:
        assert records_of(live.records) == expected


def test_a_snapshot_of_another_aisle_is_made_again(lonely: Path, tmp_path: Path) -> None:
    """A backup that an older one made is restored; only its snapshot is of no use."""
    made = backup(lonely, tmp_path / "backup", Quiet())
    manifest = tmp_path / "backup" / "snapshots" / made.snapshot / "manifest.json"
    manifest.write_bytes(orjson.dumps(orjson.loads(manifest.read_bytes()) | {"format": 1}))
    name = manifest.relative_to(tmp_path / "backup").as_posix()
    files = {**made.files, name: {"bytes": manifest.stat().st_size, "sha256": sha256_of(manifest)}}
    (tmp_path / "backup" / LISTING).write_bytes(orjson.dumps(asdict(replace(made, files=files).sealed())))

    done = restored(tmp_path / "backup", tmp_path / "again")
    assert (done.snapshot, done.counts.products) == ("", 3)
    rebuild(tmp_path / "again", settings=SETTINGS)
    assert faults(tmp_path / "again") == {}


@pytest.mark.parametrize("version", WRITTEN)
def test_a_store_of_an_older_aisle_is_backed_up_as_it_is(version: int, tmp_path: Path) -> None:
    """Nothing of it is changed by that; what is restored is of this version, with all that it held."""
    (tmp_path / "index").mkdir()
    written_by(version, Database("sqlite", tmp_path / "index" / STORE))
    before = (tmp_path / "index" / STORE).read_bytes()
    made = backup(tmp_path / "index", tmp_path / "backup", Quiet())

    assert (tmp_path / "index" / STORE).read_bytes() == before
    assert (made.schema, made.seq, made.counts["products"]) == (version, 2 * version, 1)
    assert faults(tmp_path / "backup") == {}
    restored(tmp_path / "backup", tmp_path / "again")
    with closing(open_store(tmp_path / "again")) as records:
        assert records.get(["mug"])["mug"].record.product.brand == "Oakridge"
        assert records.fact("schema_version") == str(VERSION)
    with pytest.raises(RecordError, match="did not keep what was before"):
        restored(tmp_path / "backup", tmp_path / "earlier", seq=1)
    assert not (tmp_path / "earlier").exists()


def test_a_backup_that_is_killed_leaves_nothing_under_its_name(lonely: Path, tmp_path: Path) -> None:
    """And the next one of that name is made."""
    script = (
        "import os, sys; from pathlib import Path\n"
        "from indexer.keeping.backup import backup; from indexer.build import Quiet\n"
        "class Killed(Quiet):\n"
        "    def start(self, name, total, unit):\n"
        "        if name == sys.argv[3]: os.kill(os.getpid(), 9)\n"
        "backup(Path(sys.argv[1]), Path(sys.argv[2]), Killed())"
    )
    for stage in ("snapshot", "store", "hash"):
        line = [sys.executable, "-c", script, str(lonely), str(tmp_path / "backup"), stage]
        assert subprocess.run(line, check=False).returncode == -signal.SIGKILL
        assert not (tmp_path / "backup").exists()
    backup(lonely, tmp_path / "backup", Quiet())
    assert faults(tmp_path / "backup") == faults(lonely) == {}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["backup", "in.csv", "index"]
