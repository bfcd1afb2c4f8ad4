"""snapshots/snapshot.py and manifest.py: written aside, published whole, refused when anything is not as it was."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import orjson
import pytest

from indexer import encoders
from indexer.errors import ModelMismatch, SnapshotDamaged, SnapshotMismatch, SnapshotMissing
from indexer.images.lookalikes import Lookalikes
from indexer.memory.contents import Contents
from indexer.memory.labels import Label, Labels
from indexer.snapshots import publication, snapshot
from indexer.snapshots.manifest import FORMAT, Manifest, Origin, check_encoder
from indexer.space import TEXT
from indexer.space.features import Features
from indexer.space.lexicon import Lexicon
from indexer.space.names import Names
from indexer.space.views import Views
from indexer.vectors.exact import ExactIndex
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

ROOT = Path(__file__).resolve().parent.parent
PARTS = {"text": 2}
VOCABULARY = Vocabulary.from_tags(["new"], aliases={"novel": "new"}, exclusions=["old"])


def write(index: Path, products: int = 3) -> Manifest:
    """Write a snapshot of so many products, unpublished."""
    keys = np.arange(1, products + 1)
    space, names = Views.raw(PARTS), Names(PARTS, np.eye(2))
    contents = Contents.of(
        Labels(), Features(PARTS), names, Lookalikes(), spaces=space.spaces, vectors={TEXT: ExactIndex(2)}
    )
    rows = np.array([[1, 0]] * products, np.float32)
    words = Lexicon.blank().rows(["mug"] * products)
    labels = [Label(key, f"p{key}", 1, ("new",)) for key in keys.tolist()]
    contents.put(keys, labels, space.placed(rows, words), [0b1] + [None] * (products - 1))
    counts, learning = {"products": products}, {TEXT: {"sample": 9}}
    origin = Origin("toy:2", "toy:2@1", PARTS, "store", 7, counts, learning, {"kind": "exact"})
    tree = Tree.from_paths([("A", "B")])
    built = snapshot.Built(tree, VOCABULARY, space, contents, grows=True)
    return snapshot.write(index, origin, built, "{}")


def publish(index: Path, products: int = 3) -> Path:
    """Write and publish a snapshot; return its folder."""
    manifest = write(index, products)
    publication.publish(index, manifest.id)
    return index / "snapshots" / manifest.id


def test_what_was_published_is_loaded(tmp_path: Path) -> None:
    """Tree, tag words, labels, vectors and every fact of the manifest come back."""
    written = write(tmp_path)
    publication.publish(tmp_path, written.id)

    loaded = snapshot.load(tmp_path)

    assert loaded.manifest == written == snapshot.read_manifest(tmp_path)
    vectors = {"kind": "exact", "count": 3, "parameters": {}}
    assert (written.views, written.taxonomy["nodes"], written.taxonomy["open"]) == (
        {TEXT: {"dim": 2, "vectors": vectors, "learning": {"sample": 9}}},
        2,
        True,
    )
    assert {"labels.json", "text/prototypes_sums.npy", "lookalikes_keys.npy"} <= written.files.keys()
    contents = loaded.built.contents
    view = contents.views[TEXT]
    assert loaded.built.vocabulary == VOCABULARY
    assert (loaded.built.tree.text(1), contents.labels.ids(np.array([2])), len(view.vectors)) == (
        "A > B",
        ["p2"],
        3,
    )
    assert (loaded.built.space.name, view.space.dim, loaded.calibration) == ("raw", 2, "{}")
    assert contents.features.words(np.array([2])).nnz == 1
    assert view.prototypes.counts.tolist() == [0, 1]  # three listings of one content count once
    assert contents.names.similarity(
        np.eye(2, dtype=np.float32), np.arange(2, dtype=np.int32), view.space
    ).tolist() == [
        [1, 0],
        [0, 1],
    ]
    assert contents.lookalikes.search(0, 64)[0].tolist() == [1]
    assert view.postings.search(Lexicon.blank().rows(["mug"]), 9).keys.tolist() == [[1, 2, 3, *[-1] * 6]]


def test_nothing_is_loaded_before_it_is_published(tmp_path: Path) -> None:
    """A complete snapshot that was not published does not count; the error says what to run."""
    write(tmp_path)
    with pytest.raises(SnapshotMissing, match=r"nothing was built in .* yet; run: aisle build"):
        snapshot.load(tmp_path)


def test_the_one_before_is_kept_and_older_ones_go(tmp_path: Path) -> None:
    """After three builds two snapshots are on disk, and the last one is served."""
    folders = [publish(tmp_path, products) for products in (1, 2, 3)]

    assert sorted((tmp_path / "snapshots").iterdir()) == sorted(folders[1:])
    assert snapshot.load(tmp_path).manifest.counts == {"products": 3}


def test_leftovers_are_swept_by_the_next_write(tmp_path: Path) -> None:
    """The temporary folder of a build that was killed is never read, and gone after the next build."""
    publish(tmp_path)
    leftover = tmp_path / "snapshots" / ".writing-1"
    leftover.mkdir()
    (leftover / "manifest.json").write_text("half")

    assert len(snapshot.load(tmp_path).built.contents.labels) == 3
    publish(tmp_path, 4)
    assert not leftover.exists()


def damage(folder: Path, how: str) -> None:
    """Damage a snapshot in one way."""
    labels = folder / "labels.json"
    if how == "missing":
        labels.unlink()
    elif how == "truncated":
        labels.write_bytes(labels.read_bytes()[:-1])
    elif how == "view missing":
        (folder / "text" / "prototypes_sums.npy").unlink()
    elif how == "altered":
        labels.write_bytes(labels.read_bytes().replace(b"tags", b"tabs"))
    elif how == "manifest altered":
        manifest = folder / "manifest.json"
        manifest.write_bytes(manifest.read_bytes().replace(b'"seq": 7', b'"seq": 8'))
    elif how == "manifest cut":
        (folder / "manifest.json").write_bytes(b'{"format": 5')
    elif how == "manifest incomplete":
        (folder / "manifest.json").write_bytes(b'{"format": 5}')
    elif how == "no folder":
        folder.rename(folder.parent / "elsewhere")
    else:
        (folder.parent.parent / "current").write_text("../../etc")


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("missing", "labels.json is missing"),
        ("view missing", "text/prototypes_sums.npy is missing"),
        ("truncated", r"labels.json has \d+ bytes instead of \d+"),
        ("altered", "labels.json was altered"),
        ("manifest altered", "manifest.json was altered"),
        ("manifest cut", "manifest.json cannot be read"),
        ("manifest incomplete", "manifest.json is not complete"),
        ("no folder", "manifest.json cannot be read"),
        ("current", r"it names no snapshot \('../../etc'\)"),
    ],
)
def test_damage_is_named_with_its_remedy(tmp_path: Path, how: str, reason: str) -> None:
    """Each kind of damage is refused by its own reason, and the remedy is to build again."""
    damage(publish(tmp_path), how)
    with pytest.raises(SnapshotDamaged, match=f"{reason}.*; build the index again"):
        snapshot.load(tmp_path)


def rewritten(folder: Path, **changes: object) -> None:
    """Write the manifest anew with other contents, as another version of aisle would have."""
    said = orjson.loads((folder / "manifest.json").read_bytes()) | changes
    if said["format"] == FORMAT:
        said["id"] = said["id"][:19] + "-" + Manifest(**said).fingerprint()
        folder = folder.rename(folder.parent / said["id"])
        (folder.parent.parent / "current").write_text(said["id"])
    (folder / "manifest.json").write_bytes(orjson.dumps(said))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": 4}, "has format 4, this aisle reads format 5"),
        ({"space": "learnt"}, "searches in 'learnt', its files make 'raw'"),
        (
            {"views": {"text": {"dim": 2, "vectors": {"kind": "magic", "count": 3, "parameters": {}}, "learning": {}}}},
            "no vector index of kind 'magic'",
        ),
    ],
)
def test_what_another_version_wrote_is_refused(tmp_path: Path, changes: dict[str, object], reason: str) -> None:
    """A format, space or kind that this aisle does not know is a mismatch, not damage."""
    rewritten(publish(tmp_path), **changes)
    with pytest.raises(SnapshotMismatch, match=reason):
        snapshot.load(tmp_path)


def test_another_encoder_is_refused_by_name_and_by_width(tmp_path: Path) -> None:
    """The refusal names both encoders with the dimensions of their parts."""
    encoder = encoders.load("hashing")
    with pytest.raises(ModelMismatch, match=r"was built with encoder toy:2@1 \{'text': 2\}, not with hashing"):
        check_encoder(write(tmp_path), encoder)


KILLED = """
import os, sys
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
sys.path[:0] = [sys.argv[2], sys.argv[2] + "/tests"]
from indexer.snapshots import snapshot
from test_snapshot import publish

index = Path(sys.argv[1])
with TemporaryDirectory() as elsewhere:  # once, so that not every child has to import what writing needs
    publish(Path(elsewhere))
steps = ("open", "os.mkdir", "os.rename", "os.rmdir", "os.remove", "shutil.rmtree", "os.listdir", "os.scandir")

def killed_at(step):
    seen = 0
    def watch(event, arguments):
        nonlocal seen
        if event in steps and str(index) in repr(arguments):
            seen += 1
            if seen == step:
                os._exit(9)
    sys.addaudithook(watch)
    publish(index, 5)
    os._exit(0)

for step in count(1):
    child = os.fork() or killed_at(step)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(step, (index / "current").read_text().strip(), code, flush=True)
    loaded = snapshot.load(index)
    contents = loaded.built.contents
    assert len(contents.labels) == len(contents.views["text"].vectors) == loaded.manifest.counts["products"]
    print(len(contents.labels), flush=True)
    if code == 0:
        break
    assert code == 9, code
"""


def test_killed_at_any_step_the_old_or_the_new_snapshot_is_served(tmp_path: Path) -> None:
    """A process that dies at any file operation of writing or publishing leaves a whole snapshot to load."""
    publish(tmp_path)
    publish(tmp_path, 4)

    ran = subprocess.run([sys.executable, "-c", KILLED, tmp_path, ROOT], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")
    served = [line for line in ran.stdout.splitlines() if " " not in line]
    assert served == ["4"] * served.count("4") + ["5"] * served.count("5")
    assert served.count("4") > 10
    assert served.count("5") > 1


def test_the_snapshot_before_can_be_loaded_too(tmp_path: Path) -> None:
    """It is kept until the next is published; without any the remedy is named."""
    first = publish(tmp_path, products=2)
    with pytest.raises(SnapshotMissing, match=f"keeps no snapshot from before {first.name}; build or calibrate it"):
        publication.previous(tmp_path)
    second, third = publish(tmp_path, products=3), publish(tmp_path, products=4)
    assert publication.previous(tmp_path) == second.name
    loaded = snapshot.load(tmp_path, second.name)
    assert (loaded.manifest.id, loaded.manifest.counts) == (second.name, {"products": 3})
    assert snapshot.read_manifest(tmp_path, second.name) == loaded.manifest
    assert snapshot.load(tmp_path).manifest.id == third.name
    with pytest.raises(SnapshotDamaged):
        snapshot.load(tmp_path, first.name)
