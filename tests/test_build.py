"""indexer/build.py and ingest.py: a source into a published snapshot, again and again, and when it goes wrong."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from indexer import encoders
from indexer.build import Progress, Quiet, Report, build, rebuild, shelves
from indexer.encoders import Encoded
from indexer.encoders import Progress as Told
from indexer.errors import RecordError, SourceError
from indexer.live import open_index
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.snapshots import snapshot
from indexer.sources import read
from indexer.space import TEXT
from indexer.store.place import open_store
from taxonomy.mapping import CategoryMapper
from taxonomy.tree import Tree

if TYPE_CHECKING:
    from tests.conftest import Database

SETTINGS = IndexSettings(encoder="hashing:64", kind="exact")
HEADER = "id,title,category_path,tags\n"
ROWS = """mug,Stoneware mug,Home > Kitchen,stoneware|gift
pan,Frying pan,Home > Kitchen,steel
ball,Leather football,Sports,leather
plain,A thing without a shelf,,
"""


class Counting:
    """The hashing encoder, counting what it is asked to encode."""

    def __init__(self) -> None:
        self.inner = encoders.load(SETTINGS.encoder)
        self.name, self.parts, self.side = self.inner.name, self.inner.parts, self.inner.side
        self.products = 0

    def encode(self, products: Sequence[Product], progress: Told | None = None) -> Encoded:
        """Encode, and count all but the canaries."""
        self.products += sum(not product.id.startswith("canary") for product in products)
        return self.inner.encode(products, progress)


def run(folder: Path, text: str, encoder: Counting | None = None, progress: Progress | None = None) -> Report:
    """Build `folder`/index from CSV text."""
    source = folder / "products.csv"
    source.write_text(HEADER + text)
    with read(source) as rows:
        return build(rows, folder / "index", settings=SETTINGS, encoder=encoder, progress=progress)


def ids(index: Path) -> list[str]:
    """Return the ids in the record store, in order of key."""
    with closing(open_store(index)) as records:
        return [stored.record.product.id for stored in records.page(limit=10_000)]


@pytest.mark.usefixtures("database")
def test_a_build_can_be_searched(tmp_path: Path) -> None:
    """Products, labels, tags, tree and counts of the source are in the published snapshot."""
    report = run(tmp_path, ROWS)

    loaded = snapshot.load(tmp_path / "index")
    assert loaded.manifest == report.manifest
    assert (loaded.manifest.encoder, loaded.manifest.encoder_spec) == (encoders.load("hashing:64").name, "hashing:64")
    assert loaded.manifest.counts == {
        "read": 4,
        "indexed": 4,
        "skipped": 0,
        "quarantined": 0,
        "products": 4,
        "labelled": 3,
        "vectors": 4,
    }
    assert [loaded.built.tree.text(node) for node in range(len(loaded.built.tree))] == [
        "Home",
        "Home > Kitchen",
        "Sports",
    ]
    keys = np.array([1, 2, 3, 4])
    assert (loaded.built.contents.labels.ids(keys), loaded.built.contents.labels.nodes(keys).tolist()) == (
        ["mug", "pan", "ball", "plain"],
        [1, 1, 2, -1],
    )
    assert loaded.manifest.taxonomy["open"] is True


def test_bad_rows_are_quarantined_and_the_counts_add_up(tmp_path: Path) -> None:
    """Each refused row is in the file with its line, code and reason; read = indexed + skipped + quarantined."""
    report = run(
        tmp_path,
        ROWS + 'mug,again,,\n,no id,,\nempty,"<p> </p>",,\ndeep,Deep,' + " > ".join("abcdefghijklmnopqrstuvw") + ",\n",
    )

    assert report.rows.adds_up
    assert (report.rows.read, report.rows.indexed, dict(report.rows.by_code)) == (
        *(8, 4),
        {"repeated_id": 1, "no_id": 1, "no_content": 1, "invalid_category": 1},
    )
    lines = [json.loads(line) for line in report.quarantine.read_text().splitlines()]
    assert [(line["line"], line["id"], line["code"]) for line in lines] == [
        (6, "mug", "repeated_id"),
        (7, "", "no_id"),
        (8, "empty", "no_content"),
        (9, "deep", "invalid_category"),
    ]


@pytest.mark.usefixtures("database")
def test_a_second_build_of_the_same_source_encodes_nothing(tmp_path: Path) -> None:
    """Keys, journal and vectors stay as they are; only the snapshot is new. The names of three categories count too."""
    encoder = Counting()
    first, second = run(tmp_path, ROWS, encoder), run(tmp_path, ROWS, encoder)

    assert (first.encoded, second.encoded, encoder.products) == (4, 0, 4 + 3)
    assert (second.removed, second.manifest.seq, second.manifest.files) == (0, 4, first.manifest.files)


def test_equal_content_is_encoded_once(tmp_path: Path) -> None:
    """Two listings of one text in a batch share an encoding."""
    assert run(tmp_path, "a,Mug,A,\nb,Mug,B,\nc,Cup,,\n").encoded == 2


@pytest.mark.usefixtures("database")
def test_a_build_from_another_source_leaves_its_products_only(tmp_path: Path) -> None:
    """What the new source lacks is removed, with journal entries that a running service follows; the rest stays."""
    run(tmp_path, ROWS)
    with closing(open_index(tmp_path / "index")) as live:
        report = run(tmp_path, "ball,Leather football,Toys,\nkite,Stunt kite,Toys,\n")

        assert (report.encoded, report.removed, ids(tmp_path / "index")) == (1, 3, ["ball", "kite"])
        live.follow()
        assert (len(live.labels), len(live.contents.views[TEXT].vectors), live.labels.key("mug")) == (2, 2, None)
    tree = snapshot.load(tmp_path / "index").built.tree
    assert tree.names == ("Toys",)


@pytest.mark.usefixtures("database")
def test_what_is_added_during_a_build_stays(tmp_path: Path) -> None:
    """A product that a service stores while the source is read is no leftover of an earlier source."""
    run(tmp_path, ROWS)
    with closing(open_index(tmp_path / "index")) as live:

        class Meanwhile(Quiet):
            """Stores a product while the first rows are encoded."""

            def at(self, done: int) -> None:
                """Store it."""
                del done
                live.put([Product("kite", "Stunt kite")])

        run(tmp_path, ROWS.replace("Stoneware", "Blue"), progress=Meanwhile())

    assert ids(tmp_path / "index") == ["mug", "pan", "ball", "plain", "kite"]


class Stopped:
    """Ctrl-C when a stage begins, or after so many products."""

    def __init__(self, stage: str, done: int | None = None) -> None:
        self.stage, self.done, self.now = stage, done, ""

    def start(self, name: str, total: int | None, unit: str) -> None:
        """Stop at the beginning of the stage."""
        del total, unit
        self.now = name
        if name == self.stage and self.done is None:
            raise KeyboardInterrupt

    def at(self, done: int) -> None:
        """Stop within the stage."""
        if self.now == self.stage and self.done is not None and done >= self.done:
            raise KeyboardInterrupt


@pytest.mark.parametrize("stopped", [Stopped("encode", 600), Stopped("load"), Stopped("index"), Stopped("save")])
def test_a_build_that_is_stopped_leaves_the_published_snapshot(tmp_path: Path, stopped: Stopped) -> None:
    """The snapshot before is loaded as it was, and the next build encodes only what is still missing."""
    before = run(tmp_path, ROWS).manifest
    rows = "".join(f"p{number},Product {number},Things,\n" for number in range(700))

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, rows, progress=stopped)

    assert snapshot.load(tmp_path / "index").manifest == before
    assert run(tmp_path, rows).encoded == (700 - 512 if stopped.stage == "encode" else 0)
    assert len(ids(tmp_path / "index")) == 700


def test_a_build_sweeps_up_what_killed_builds_have_left(tmp_path: Path) -> None:
    """A snapshot that was complete and never published goes before the next one is made; the published one stays."""
    published = run(tmp_path, ROWS).manifest.id
    index = tmp_path / "index"
    left = index / "snapshots" / "20260101T000000000Z-0123abcd"
    shutil.copytree(index / "snapshots" / published, left)

    with pytest.raises(KeyboardInterrupt):
        rebuild(index, settings=SETTINGS, progress=Stopped("load"))

    assert [folder.name for folder in (index / "snapshots").iterdir()] == [published]


def test_a_source_that_breaks_off_removes_nothing(tmp_path: Path) -> None:
    """What was stored before is still there, and the published snapshot is the one before."""
    before = run(tmp_path, ROWS).manifest
    packed = gzip.compress(
        (HEADER + "".join(f"p{number},Product {number * 7919},,\n" for number in range(9_000))).encode()
    )
    (tmp_path / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])

    with pytest.raises(SourceError), read(tmp_path / "cut.csv.gz") as source:
        build(source, tmp_path / "index", settings=SETTINGS)

    assert ids(tmp_path / "index")[:4] == ["mug", "pan", "ball", "plain"]
    assert snapshot.read_manifest(tmp_path / "index") == before


def test_a_source_of_bad_rows_alone_is_refused(tmp_path: Path) -> None:
    """A wrong column for the id must not empty an index; the error says where the reasons are."""
    run(tmp_path, ROWS)
    with pytest.raises(
        SourceError, match=r"none of the 2 rows of .*products.csv can be indexed; see .*quarantine.jsonl"
    ):
        run(tmp_path, ",Mug,,\n,Cup,,\n")
    assert len(ids(tmp_path / "index")) == 4


@pytest.mark.usefixtures("database")
def test_a_given_taxonomy_is_kept_whole_and_closed(tmp_path: Path) -> None:
    """Nodes without products stay in the tree; a row of another category is quarantined; a rebuild knows the tree."""
    tree = Tree.from_paths([("Home", "Kitchen"), ("Home", "Garden"), ("Sports",)])
    (tmp_path / "products.csv").write_text(HEADER + ROWS + "kite,Stunt kite,Toys,\n")
    with read(tmp_path / "products.csv", mapper=CategoryMapper(tree)) as source:
        report = build(source, tmp_path / "index", settings=SETTINGS, taxonomy=tree)

    assert (report.rows.indexed, dict(report.rows.by_code)) == (4, {"invalid_category": 1})
    assert (report.manifest.taxonomy["open"], report.manifest.taxonomy["version"]) == (False, tree.version)
    assert rebuild(tmp_path / "index", settings=SETTINGS).taxonomy == report.manifest.taxonomy


@pytest.mark.usefixtures("database")
def test_a_lost_snapshot_is_rebuilt_without_source_or_encoding(tmp_path: Path) -> None:
    """The record store is the truth: the files of the new snapshot equal those that were lost."""
    first = run(tmp_path, ROWS).manifest
    shutil.rmtree(tmp_path / "index" / "snapshots")
    (tmp_path / "products.csv").unlink()
    encoder = Counting()

    again = rebuild(tmp_path / "index", settings=SETTINGS, encoder=encoder)

    assert (again.files, encoder.products) == (first.files, 0)
    assert snapshot.load(tmp_path / "index").manifest == again


@pytest.mark.usefixtures("database")
def test_shelves_are_what_the_store_holds_now(tmp_path: Path) -> None:
    """The tree of the labels with the products of each category itself, what a service added included."""
    run(tmp_path, ROWS)
    with closing(open_index(tmp_path / "index")) as live:
        live.put(
            [Product("tea", title="Teapot", category="Home > Kitchen"), Product("box", title="Box", category="Home")]
        )

    tree, products = shelves(tmp_path / "index")

    assert [(tree.text(node), int(count)) for node, count in enumerate(products)] == [
        ("Home", 1),
        ("Home > Kitchen", 3),
        ("Sports", 1),
    ]


@pytest.mark.usefixtures("database")
def test_another_encoder_needs_no_source(tmp_path: Path) -> None:
    """A rebuild with another encoder encodes what is stored; going back encodes nothing."""
    run(tmp_path, ROWS)
    other = rebuild(tmp_path / "index", settings=IndexSettings(encoder="hashing:32", kind="exact"))
    assert (other.views[TEXT]["dim"], other.counts["vectors"]) == (32, 4)

    encoder = Counting()
    rebuild(tmp_path / "index", settings=SETTINGS, encoder=encoder)
    assert encoder.products == 0


def test_where_nothing_was_built_there_is_nothing_to_look_at(database: Database, tmp_path: Path) -> None:
    """No empty store appears in its place, neither a file nor tables."""
    with pytest.raises(RecordError, match="run: aisle build SOURCE"):
        shelves(tmp_path / "index")
    with pytest.raises(RecordError, match="no record store"):
        rebuild(tmp_path / "index", settings=SETTINGS)
    if database.engine == "postgresql":
        assert database.run("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()") == []
    assert list((tmp_path / "index").iterdir()) == []


def test_a_product_without_any_part_has_no_vector(tmp_path: Path) -> None:
    """A picture alone cannot be searched for with an encoder of text; it is stored and counted all the same."""
    (tmp_path / "products.csv").write_text("id,title,image\na,Mug,\nb,,b.jpg\n")
    encoder = Counting()
    for _ in range(2):
        with read(tmp_path / "products.csv") as source:
            counts = build(source, tmp_path / "index", settings=SETTINGS, encoder=encoder).manifest.counts
        assert (counts["products"], counts["vectors"]) == (2, 1)
    assert encoder.products == 2


class Watching:
    """Keeps what a build says of its progress."""

    def __init__(self) -> None:
        self.said: list[tuple[str, int | None]] = []
        self.done: dict[str, list[int]] = {}

    def start(self, name: str, total: int | None, unit: str) -> None:
        """Note the stage."""
        del unit
        self.said.append((name, total))

    def at(self, done: int) -> None:
        """Note how far it is."""
        self.done.setdefault(self.said[-1][0], []).append(done)


@pytest.mark.parametrize(("rows", "width", "off"), [(3, 5, 0), (1_500, 5, 0), (2_000, 1_000, 0.02)])
def test_progress_ends_about_where_it_said_it_would(tmp_path: Path, rows: int, width: int, off: float) -> None:
    """The rows of a small source are counted before; those of a long one are told by how far the first ones reached."""
    watching = Watching()
    run(tmp_path, "".join(f"p{number:05},{number:0{width}},A,\n" for number in range(rows)), progress=watching)

    assert [name for name, _ in watching.said] == ["encode", "load", "learn", "index", "calibrate", "save"]
    assert abs((watching.said[0][1] or 0) - rows) <= off * rows
    assert (watching.done["encode"][-1], watching.done["load"][-1]) == (rows, rows)
    assert watching.done["encode"] == sorted(watching.done["encode"])


@pytest.mark.real_data
def test_a_real_catalogue_adds_up(real_data: Path, tmp_path: Path) -> None:
    """All 1,050 listings of flipkart_1050 are indexed under their 181 paths."""
    with read(real_data / "flipkart_1050") as source:
        report = build(source, tmp_path / "index", settings=SETTINGS)

    assert (report.rows.read, report.rows.indexed, report.rows.quarantined) == (1050, 1050, 0)
    with closing(open_store(tmp_path / "index")) as records:
        assert len(records.categories()) == 181


def test_a_manifest_keeps_the_encoder_that_auto_stood_for(tmp_path: Path) -> None:
    """Another machine, or this one on another day, might find another under that word."""
    (tmp_path / "p.csv").write_text(HEADER + ROWS)
    with read(tmp_path / "p.csv") as rows:
        report = build(rows, tmp_path / "index", settings=IndexSettings(), encoder=encoders.load("hashing:64"))
    assert IndexSettings().encoder == "auto"
    assert report.manifest.encoder_spec == encoders.resolved("auto") != "auto"
