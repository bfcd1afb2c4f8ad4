"""indexer/intake/update.py and placement.py: changes to an open index, and what a restart makes of them."""

from __future__ import annotations

import atexit
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from indexer import encoders
from indexer.build import build, rebuild
from indexer.encoders import Encoded
from indexer.errors import (
    ModelMismatch,
    ProductError,
    ProductNotFound,
    RecordError,
    SnapshotMismatch,
    SnapshotMissing,
    VersionConflict,
)
from indexer.images.gallery import Folder
from indexer.intake.placement import Place, Placement
from indexer.intake.update import seen_again, whole
from indexer.live import Live, Patch, open_index
from indexer.memory.view import View
from indexer.normalize import text_of
from indexer.picture import Picture
from indexer.product import Product, content_hash
from indexer.settings import IndexSettings
from indexer.sources import read
from indexer.space import IMAGE, TEXT, present
from indexer.store.place import STORE, open_store
from indexer.store.records import Record, Records, Written
from indexer.vectors import VectorIndex, Vectors
from indexer.vectors.exact import ExactIndex
from taxonomy.tree import Tree

if TYPE_CHECKING:
    from tests.conftest import Database

ENCODER = encoders.load("hashing:64")
SETTINGS = IndexSettings(encoder="hashing:64", kind="exact")
ROWS = """id,title,category,tags
mug,Stoneware mug,Home > Kitchen,stoneware|gift
pan,Frying pan,Home > Kitchen,steel
ball,Leather football,Sports,leather
"""


def make(index: Path, taxonomy: Tree | None = None) -> None:
    """Build an index of the three products of ROWS."""
    source = index.parent / f"{index.name}.csv"
    source.write_text(ROWS)
    build(read(source), index, settings=SETTINGS, taxonomy=taxonomy, encoder=ENCODER)


@pytest.fixture
def live(tmp_path: Path, database: Database) -> Iterator[Live]:
    """Return an open index of the three products of ROWS, its tree inferred; once on each engine."""
    assert database.where
    make(tmp_path / "index")
    opened = open_index(tmp_path / "index", ENCODER)
    yield opened
    opened.close()


def category(live: Live, product_id: str) -> str:
    """Return the category path in memory of a product, "" when it has none."""
    node = int(live.labels.nodes(np.array([live.labels.key(product_id)]))[0])
    return live.tree.text(node) if node >= 0 else ""


def tags(live: Live, product_id: str) -> list[str]:
    """Return the tags in memory of a product."""
    rows = live.labels.tags(np.array([live.labels.key(product_id)]))
    return [live.labels.tag_names[tag] for tag in rows.tag.tolist()]


def seen(live: Live, *products: Product) -> Vectors:
    """Return the search vectors of products, by their text."""
    return live.space.project(live.encode(products), [text_of(product) for product in products]).vectors[TEXT]


def vectors(live: Live) -> VectorIndex:
    """Return the search vectors by text of an index."""
    return live.contents.views[TEXT].vectors


def nearest(live: Live, title: str, k: int = 1) -> list[str]:
    """Return the ids of the products most similar to a title."""
    query = seen(live, Product("", title))
    return live.labels.ids(vectors(live).search(query, k).keys[0])


def state(live: Live) -> tuple[int, dict[str, tuple[str, list[str]]], list[list[float]]]:
    """Return everything that answers depend on: place, labels by id, neighbours with similarities."""
    ids = [product_id for page in live.records.ids(2**40) for product_id in page.values()]
    queries = seen(live, *(Product("", title) for title in ("mug red", "football", "pan ball")))
    found = vectors(live).search(queries, 5)
    labels = {each: (category(live, each), tags(live, each)) for each in ids}
    return live.seq, labels, [*found.keys.tolist(), *found.similarity.tolist()]


def test_a_new_product_is_a_neighbour_at_once(live: Live) -> None:
    """What `put` returned counts in the next search, under a category that the tree did not have before."""
    written = live.put([Product("kite", "Stunt kite", category="Toys > Outdoor", tags=("nylon",))])

    assert written == [Written(4, "kite", "created", 1, 4)]
    assert (nearest(live, "stunt kite"), category(live, "kite"), tags(live, "kite")) == (
        ["kite"],
        "Toys > Outdoor",
        ["nylon"],
    )
    assert live.seq == 4


def test_positions_of_the_tree_survive_its_growth(live: Live) -> None:
    """Labels given before a category joined still point to their own."""
    before = live.tree.ids
    live.put([Product("kite", "Stunt kite", category="Arts > Toys")])

    assert live.tree.ids[: len(before)] == before
    assert (category(live, "mug"), category(live, "ball")) == ("Home > Kitchen", "Sports")


def test_a_relabelled_product_needs_no_encoding_and_keeps_its_vector(live: Live) -> None:
    """A correction changes the label alone, and the last spelling of a known path is the tree's own."""
    live.put([Product("mug", "Stoneware mug", category="home>KITCHEN", provenance="human")])
    assert category(live, "mug") == "Home > Kitchen"
    assert live.records.get(["mug"])["mug"].record.product.provenance == "human"

    live.put([Product("mug", "Stoneware mug", category="Sports")])
    assert (category(live, "mug"), tags(live, "mug"), nearest(live, "stoneware mug")) == ("Sports", [], ["mug"])


def test_an_id_of_the_tree_is_a_category(live: Live) -> None:
    """A client may send back the node id that it was given."""
    node = live.tree.find(("Sports",))
    assert node is not None
    live.put([Product("mug", "Stoneware mug", category=live.tree.ids[node])])
    assert category(live, "mug") == "Sports"


def test_a_removed_label_leaves_a_neighbour_without_a_category(live: Live) -> None:
    """The product is still found; it has no category any more."""
    live.put([Product("ball", "Leather football")])
    assert (nearest(live, "leather football"), category(live, "ball"), live.labels.labelled) == (["ball"], "", 2)


def test_a_deleted_product_is_no_neighbour_and_has_no_label(live: Live) -> None:
    """Deleting it again is answered as missing."""
    assert [each.outcome for each in live.delete(["ball", "ball", "x"])] == ["deleted", "missing", "missing"]
    assert [each.outcome for each in live.delete(["ball"])] == ["missing"]
    assert (live.labels.key("ball"), len(vectors(live)), len(live.labels)) == (None, 2, 2)


def test_a_product_that_lost_its_text_is_found_no_more(live: Live) -> None:
    """With a picture alone and an encoder of text it stays stored and labelled, without a vector."""
    live.put([Product("ball", images=("ball.jpg",), category="Sports")])
    assert (len(vectors(live)), len(live.labels), category(live, "ball")) == (2, 3, "Sports")
    live.put([Product("ball", "Leather football", category="Sports")])
    assert nearest(live, "leather football") == ["ball"]


def test_one_bad_product_never_fails_the_others(live: Live) -> None:
    """Each refusal stands in its place with its field; the rest is stored."""
    outcomes = live.put(
        [
            Product("", "no id"),
            Product("kite", "Stunt kite", category="Toys"),
            Product("empty", "<p> </p>"),
            Product("deep", "Deep", category=" > ".join("abcdefghijklmnopqrstuvwxyz")),
            Product("\ud800", "half a character"),
        ]
    )
    assert [each.field if isinstance(each, ProductError) else each.outcome for each in outcomes] == [
        *("id", "created", "title", "category", "id"),
    ]


def test_another_encoder_sees_stored_pictures_by_their_thumbnails(
    tmp_path: Path, photos: Path, seeing: encoders.Encoder
) -> None:
    """A rebuild loses no picture: red is red still, and an image that could not be read is none still."""
    (tmp_path / "p.csv").write_text("id,title,image\nlamp,Brass lamp,broken.jpg|red.png\ntray,Cork tray,broken.jpg\n")
    with read(tmp_path / "p.csv") as rows:
        build(rows, tmp_path / "index", settings=SETTINGS, encoder=ENCODER, gallery=Folder(photos))

    rebuild(tmp_path / "index", settings=SETTINGS, encoder=seeing)

    with closing(open_store(tmp_path / "index")) as records:
        found = records.read([1, 2], seeing.name, seeing.parts)
        assert (found.known.tolist(), found.encoded.mask["image"].tolist()) == ([True, True], [True, False])
        assert int(found.encoded.parts["image"][0].argmax()) == 0
        assert found.encoded.mask["text"].tolist() == [True, True]
        product = records.get(["lamp"])["lamp"].record.product
        (again,) = seen_again(records, [product], seeing.side)
        assert [each.pixels is None for each in again.pictures] == [True, False]
        assert again == product
        assert seen_again(records, [product], 0) == [product]


def test_vectors_made_elsewhere_cannot_be_made_again(tmp_path: Path) -> None:
    """By an encoder of another text the part is lacking; the encoder that took them has them still."""
    spec = "hashing:64+precomputed:image=2"
    index = tmp_path / "index"
    (tmp_path / "p.csv").write_text('id,title,image_vector\nlamp,Brass lamp,"[3, 4]"\n')
    with read(tmp_path / "p.csv", vectors=True) as rows:
        build(rows, index, settings=IndexSettings(encoder=spec, kind="exact"))
    other = encoders.load("hashing:32+precomputed:image=2")
    rebuild(index, settings=SETTINGS, encoder=other)

    first = encoders.load(spec)
    with closing(Records.open(index / STORE)) as records:
        stored = list(records.get(["lamp"]).values())
        assert records.read([1], other.name, other.parts).encoded.mask["image"].tolist() == [False]
        (given,) = whole(records, first, stored)
        np.testing.assert_array_equal(given.vectors["image"], np.array([0.6, 0.8], np.float32))
        assert content_hash(given) == stored[0].record.content_hash
        assert whole(records, ENCODER, stored) == [stored[0].record.product]


def test_a_product_brings_a_vector_that_fits_or_is_refused(tmp_path: Path) -> None:
    """Into a running index, too: in its place, with field and remedy, and without costing the others anything."""
    (tmp_path / "p.csv").write_text('id,title,image_vector\nlamp,Brass lamp,"[3, 4]"\n')
    with read(tmp_path / "p.csv", vectors=True) as rows:
        build(rows, tmp_path / "index", settings=IndexSettings(encoder="hashing:64+precomputed:image=2", kind="exact"))
    with closing(open_index(tmp_path / "index")) as opened:
        good, wide, text = opened.put(
            [
                Product("a", "Oak lamp", vectors={"image": np.array([0, 2], np.float32)}),
                Product("b", "Oak lamp", vectors={"image": np.array([0, 2, 1], np.float32)}),
                Product("c", vectors={"image": np.array([1, 0], np.float32)}),
            ]
        )
        assert [good, text] == [Written(2, "a", "created", 1, 2), Written(3, "c", "created", 1, 3)]
        assert isinstance(wide, ProductError)
        assert (wide.field, str(wide)[:57]) == ("vectors", "the vector for image has 3 numbers, the index takes 2; gi")
        found = opened.records.read([2, 3], opened.encoder.name, opened.encoder.parts).encoded
        np.testing.assert_array_equal(found.parts["image"], np.array([[0, 1], [1, 0]], np.float32))
        assert found.mask["text"].tolist() == [True, False]


def test_a_closed_tree_refuses_other_categories(tmp_path: Path) -> None:
    """With a taxonomy given at build the refusal names the category and the remedy; known ones are accepted."""
    make(tmp_path / "index", Tree.from_paths([("Home", "Kitchen"), ("Home", "Garden"), ("Sports",)]))
    with closing(open_index(tmp_path / "index", ENCODER)) as live:
        refused, accepted = live.put(
            [Product("kite", "Kite", category="Toys"), Product("pot", "Pot", category="Garden")]
        )

        assert isinstance(refused, ProductError)
        assert str(refused).startswith("the category 'Toys' is not in the taxonomy")
        assert isinstance(accepted, Written)
        assert category(live, "pot") == "Home > Garden"
        assert len(live.tree) == 4


def test_a_patch_changes_the_fields_that_it_names(live: Live) -> None:
    """Title, specs and label stay unless they are named; the new title is found at once."""
    done = live.change([Patch("mug", {"title": "Enamel cup"}), Patch("x", {"title": "?"}), Patch("pan", {"colour": 1})])

    assert [type(each) for each in done] == [Written, ProductNotFound, ProductError]
    assert (nearest(live, "enamel cup"), category(live, "mug"), tags(live, "mug")) == (
        ["mug"],
        "Home > Kitchen",
        ["stoneware", "gift"],
    )


def test_a_patched_label_is_a_suppliers_unless_it_is_said(live: Live) -> None:
    """A label that a machine gave has a voice once somebody names another; what is said of it is kept."""
    live.put([Product("mug", "Stoneware mug", category="Sports", provenance="machine", weight=0.5)])
    live.change([Patch("mug", {"category": "Home > Kitchen"}), Patch("ball", {"tags": ("a",), "provenance": "human"})])

    mug, ball = (live.records.get(["mug", "ball"])[each].record.product for each in ("mug", "ball"))
    assert (mug.category, mug.provenance, mug.weight) == ("Home > Kitchen", "supplier", 1)
    assert (ball.category, ball.tags, ball.provenance) == ("Sports", ("a",), "human")


def test_a_relabelling_patch_encodes_nothing(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content is what it was, and so are its vectors."""
    monkeypatch.setattr(live, "encode_in_pieces", lambda _: pytest.fail("encoded"))
    live.change([Patch("mug", {"tags": ("new",)})])
    assert tags(live, "mug") == ["new"]


def test_a_patch_sees_what_comes_before_it(live: Live) -> None:
    """In one call: of a product just put, not of one just deleted, and not of one that was refused."""
    done = live.change(
        [
            Product("kite", "Stunt kite", tags=("nylon",)),
            Patch("kite", {"title": "Power kite"}),
            "ball",
            Patch("ball", {"title": "Football"}),
            Product("mug", ""),
            Patch("mug", {"tags": ("kept",)}),
        ]
    )

    assert [each.outcome if isinstance(each, Written) else type(each) for each in done] == [
        "created",
        "updated",
        "deleted",
        ProductNotFound,
        ProductError,
        "updated",
    ]
    assert (tags(live, "kite"), nearest(live, "power kite"), nearest(live, "stoneware mug")) == (
        ["nylon"],
        ["kite"],
        ["mug"],
    )


def test_a_patch_is_made_again_when_another_process_was_faster(live: Live, tmp_path: Path) -> None:
    """What the other changed meanwhile is kept: only the fields named are overwritten."""
    other, encode = open_store(tmp_path / "index"), live.encode_in_pieces

    def slow(products: Sequence[Product]) -> Encoded:
        stored = other.get(["mug"])["mug"].record
        other.write([replace(stored, product=replace(stored.product, tags=("theirs",)))])
        return encode(products)

    with closing(other), pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "encode_in_pieces", slow)
        (done,) = live.change([Patch("mug", {"title": "Enamel cup"})])

    assert isinstance(done, Written)
    assert (done.version, tags(live, "mug"), nearest(live, "enamel cup")) == (3, ["theirs"], ["mug"])


def test_a_version_that_is_asked_for_is_not_tried_again(live: Live) -> None:
    """A patch of version 2 of a product that has version 1 changes nothing."""
    with pytest.raises(VersionConflict):
        live.change([Patch("mug", {"title": "Enamel cup"})], expected={"mug": 2})
    assert live.seq == 3


def test_contents_whose_vectors_went_meanwhile_are_encoded(live: Live, tmp_path: Path) -> None:
    """Another process deletes the last product of a content between the look for its vectors and the write."""
    other, known = open_store(tmp_path / "index"), live.records.known

    def then_deleted(hashes: Collection[str], encoder: str) -> set[str]:
        found = known(hashes, encoder)
        other.delete(["mug"])
        return found

    with closing(other), pytest.MonkeyPatch.context() as patch:
        patch.setattr(live.records, "known", then_deleted)
        live.put([Product("cup", "Stoneware mug")])

    assert nearest(live, "stoneware mug") == ["cup"]
    assert known([content_hash(Product("", "Stoneware mug"))], ENCODER.name)


def test_a_place_in_the_journal_is_waited_for(live: Live, tmp_path: Path) -> None:
    """What another process has written is there after `reach`; what nobody writes is given up."""
    other = open_store(tmp_path / "index")
    other.delete(["ball"])
    other.close()

    assert live.reach(4, 0)
    assert live.labels.key("ball") is None
    assert not live.reach(5, 0.05)


def test_a_slash_separates_below_a_known_root_only() -> None:
    """A name with a slash that the tree has is that name; below a root a slash is a separator; elsewhere it is text."""
    placement = Placement(Tree.from_paths([("Toys", "Cars"), ("Tops/Shirts",)]), grows=True)
    texts = ["Toys/Cars", "Tops/Shirts", "CD/DVD", " ", "a > > b"]

    categories = [each.category if isinstance(each, Place) else str(each) for each in placement.place(texts)]

    assert categories[:4] == ["Toys > Cars", "Tops/Shirts", "CD/DVD", ""]
    assert "a name is empty" in categories[4]


def test_unchanged_content_is_not_encoded_again(live: Live, database: Database) -> None:
    """A product of known content is stored with the raw vectors that are there: a marked one proves it."""
    marked = np.eye(64, dtype="<f4")[5].tobytes().hex()
    hashed = live.records.get(["mug"])["mug"].record.content_hash
    blob = f"x'{marked}'" if database.engine == "sqlite" else f"'\\x{marked}'"
    database.run(f"UPDATE vectors SET vector = {blob} WHERE content_hash = '{hashed}'")  # noqa: S608 - constants

    live.put([Product("mug2", "Stoneware mug", category="Sports")])

    assert vectors(live).search(np.eye(64, dtype=np.float32)[5:6], 1).keys.tolist() == [[live.labels.key("mug2")]]


def test_what_another_process_wrote_is_followed(live: Live, tmp_path: Path) -> None:
    """A change in the store shows after `follow`; content that the other did not encode is encoded here, and kept."""
    other = open_store(tmp_path / "index")
    record = Record(Product("kite", "Stunt kite", category="Toys"), "0123456789abcdef" * 2)
    other.write([record])
    other.delete(["ball"])
    other.close()

    assert live.follow() == 5
    assert (nearest(live, "stunt kite"), category(live, "kite"), live.labels.key("ball")) == (["kite"], "Toys", None)
    assert live.records.known(["0123456789abcdef" * 2], ENCODER.name) == {"0123456789abcdef" * 2}


def test_a_refusing_store_changes_nothing_in_memory(live: Live, database: Database) -> None:
    """When the transaction fails the error is raised, and searches go on as before."""
    before = state(live)
    database.fill_up("journal")
    with pytest.raises(RecordError, match="disk is full"):
        live.put([Product("kite", "Stunt kite", category="Toys")])
    assert state(live) == before


def test_changes_from_several_threads_end_in_what_a_restart_finds(live: Live, tmp_path: Path) -> None:
    """Every writer's products are there, once, and memory equals a fresh opening."""

    def work(number: int) -> None:
        for round_ in range(5):
            live.put([Product(f"{number}-{round_}", f"Kite {number} {round_}", category=f"Toys > {number}")])
            live.delete([f"{number}-{round_ - 1}"])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with closing(open_index(tmp_path / "index", ENCODER)) as again:
        assert state(again) == state(live)
    assert {each for each in state(live)[1] if "-" in each} == {f"{number}-4" for number in range(4)}


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    """No snapshot, another encoder, another store and an older store are each refused by their own reason."""
    index = tmp_path / "index"
    with pytest.raises(SnapshotMissing, match="nothing was built"):
        open_index(index)
    make(index)
    with pytest.raises(ModelMismatch, match=r"built with encoder hashing:64 .* not with hashing:128"):
        open_index(index, encoders.load("hashing:128"))

    backup = tmp_path / "backup.sqlite"
    shutil.copy(index / STORE, backup)
    with closing(open_index(index)) as live:
        live.put([Product("kite", "Stunt kite")])
    rebuild(index, settings=SETTINGS, encoder=ENCODER)
    for file in index.glob(f"{STORE}*"):
        file.unlink()
    with pytest.raises(RecordError, match="no record store"):
        open_index(index, ENCODER)
    shutil.copy(backup, index / STORE)
    with pytest.raises(SnapshotMismatch, match="ends at 3: the record store is older"):
        open_index(index, ENCODER)
    (index / STORE).unlink()
    Records.open(index / STORE).close()
    with pytest.raises(SnapshotMismatch, match="built from another record store"):
        open_index(index, ENCODER)


def test_an_index_of_two_views_follows_as_it_would_be_built(tmp_path: Path) -> None:
    """Texts, pictures and labels that come, change and go leave in each view what a rebuild finds in the store."""
    settings = IndexSettings(encoder="hashing:32+precomputed:image=4", kind="exact", space="raw")
    rng, index = np.random.default_rng(7), tmp_path / "index"
    make(index)
    rebuild(index, settings=settings)
    with closing(open_index(index)) as live:
        for _ in range(25):
            live.put([drawn(rng, id_) for id_ in rng.choice(list("abcdefghij"), 4)])
            live.delete(rng.choice([*"abcdefghij", "mug"], 2).tolist())
        kept = {name: arrays(live, name) for name in (TEXT, IMAGE)}
        written = rebuild(index, settings=settings)
        with closing(open_index(index)) as again:
            assert again.manifest.id == written.id
            assert (
                again.contents.lookalikes.search(0, 64)[0].tolist()
                == live.contents.lookalikes.search(0, 64)[0].tolist()
            )
            assert {name: arrays(again, name) for name in (TEXT, IMAGE)} == kept
            having = {name: len(view.vectors) for name, view in again.contents.views.items()}
        counts = written.counts
    assert 0 < having[IMAGE] < counts["products"]
    assert 0 < having[TEXT] < counts["products"] == counts["vectors"]


def drawn(rng: np.random.Generator, product_id: str) -> Product:
    """Return a product by chance: few titles, pictures and labels, so that many have something in common."""
    title = str(rng.choice(["red mug", "steel pan", "leather football", ""]))
    look, category = int(rng.integers(0, 3)), str(rng.choice(["", "Sports", "Home > Kitchen"]))
    if look == 2 and title:
        return Product(product_id, title, category=category)
    picture = Picture(f"{look:032x}", phash=look, width=8, height=8, thumbnail=b"small")
    vector = np.eye(4, dtype=np.float32)[look]
    return Product(
        product_id, title, category=category, images=("a.jpg",), pictures=(picture,), vectors={"image": vector}
    )


def arrays(live: Live, name: str) -> tuple[object, ...]:
    """Return everything that a view says of its products, by id and path, as another index would have it as well."""
    view, tree = live.contents.views[name], live.tree
    found = view.vectors.search(np.eye(view.space.dim, dtype=np.float32)[:4], 20)
    words = view.postings.search(live.space.lexicon.rows(["mug", "steel"]), 20)
    near = [(each.keys.tolist(), np.sign(each.similarity).tolist()) for each in (found, words)]
    counted = {tree.text(node): float(count) for node, count in enumerate(view.prototypes.counts) if count}
    sums = {tree.text(node): np.round(each, 3).tolist() for node, each in enumerate(view.prototypes.sums) if each.any()}
    return near, counted, sums, sorted(view.listings.all().values())


@cache
def template() -> str:
    """Return the folder of an index that examples copy, as building one takes longer."""
    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    make(Path(folder.name) / "index")
    return f"{folder.name}/index"


class LiveMachine(RuleBasedStateMachine):
    """An open index against a plain dict and an exact index, with restarts, crashes and rebuilds in between."""

    ids = st.sampled_from("abcdefg")
    titles = st.sampled_from(["red mug", "blue mug", "mug", "steel pan", "leather football", "football", "kite", "!"])
    categories = st.sampled_from(["", "Home > Kitchen", "home > kitchen", "Sports", "Toys > Kites", "Toys"])
    tag_lists = st.lists(st.sampled_from(["red", "new", "gift"]), max_size=3, unique=True)

    def __init__(self) -> None:
        super().__init__()
        self.things = ExitStack()
        self.index = Path(self.things.enter_context(TemporaryDirectory())) / "index"
        self.furnish()
        self.live = open_index(self.index, ENCODER)
        self.model = {
            "mug": ("Stoneware mug", "Home > Kitchen", ["stoneware", "gift"]),
            "pan": ("Frying pan", "Home > Kitchen", ["steel"]),
            "ball": ("Leather football", "Sports", ["leather"]),
        }

    def furnish(self) -> None:
        """Put an index of the three products of ROWS into its folder."""
        shutil.copytree(template(), self.index)

    def teardown(self) -> None:
        """Remove the index."""
        self.live.close()
        self.things.close()

    @rule(changes=st.lists(st.tuples(ids, titles, categories, tag_lists), min_size=1, max_size=4))
    def put(self, changes: list[tuple[str, str, str, list[str]]]) -> None:
        """Create, rewrite or relabel products, perhaps the same one twice."""
        self.live.put([Product(id_, title, category=path, tags=tuple(tags)) for id_, title, path, tags in changes])
        spelt = {"home > kitchen": "Home > Kitchen"}
        self.model.update({id_: (title, spelt.get(path, path), tags) for id_, title, path, tags in changes})

    @rule(ids=st.lists(ids | st.just("mug"), min_size=1, max_size=3))
    def delete(self, ids: list[str]) -> None:
        """Delete products, known or not."""
        expected = ["missing" if self.model.pop(id_, None) is None else "deleted" for id_ in ids]
        assert [each.outcome for each in self.live.delete(ids)] == expected

    @rule(crash=st.booleans(), anew=st.booleans())
    def restart(self, crash: bool, anew: bool) -> None:
        """Open the index again, with or without closing it, from the same snapshot or a new one."""
        before = state(self.live)
        if not crash:
            self.live.close()
        if anew:
            rebuild(self.index, settings=SETTINGS, encoder=ENCODER)
        again = open_index(self.index, ENCODER)
        assert state(again) == before
        if crash:
            self.live.close()
        self.live = again

    @invariant()
    def agrees_with_the_model(self) -> None:
        """Labels, counts and neighbours are those of the plain dict."""
        live, model, view = self.live, self.model, self.live.contents.views[TEXT]
        assert state(live)[1] == {id_: (path, tags) for id_, (_, path, tags) in model.items()}
        assert (len(live.labels), live.labels.labelled) == (
            len(model),
            sum(bool(path) for _, path, _ in model.values()),
        )
        assert live.records.counts().products == len(model)
        products = [Product(id_, title) for id_, (title, *_) in model.items()]
        placed = seen(live, *products)
        keys = np.array([live.labels.key(product.id) for product in products], np.int64)
        every = np.arange(live.labels.size)
        nodes = live.labels.spoken(keys)
        assert np.array_equal(live.contents.features.raw(keys) > 0, placed > 0)
        assert live.contents.features.words(every).nnz == live.contents.features.words(keys).nnz
        # In a prototype each content of a category counts once, and what has no text to go by, as "!", does not.
        distinct = {
            (node, title.lower())
            for node, (title, *_), there in zip(nodes.tolist(), model.values(), present(placed).tolist(), strict=True)
            if node >= 0 and there
        }
        counts = Counter(node for node, _ in distinct)
        assert view.prototypes.counts[: len(live.tree)].tolist() == [counts[node] for node in range(len(live.tree))]
        assert len(live.contents.names) == len(live.tree)
        by_word = view.postings.search(live.space.lexicon.rows(["mug"]), 10).keys
        assert set(by_word[by_word >= 0].tolist()) == {
            live.labels.key(id_) for id_, (title, *_) in model.items() if "mug" in title.lower()
        }
        exact = ExactIndex(64)
        exact.upsert(keys[placed.any(axis=1)], placed[placed.any(axis=1)])
        query = seen(live, Product("", "red football mug"))
        expected, found = exact.search(query, 10), vectors(live).search(query, 10)
        assert (expected.keys.tolist(), expected.similarity.tolist()) == (
            found.keys.tolist(),
            found.similarity.tolist(),
        )


@pytest.fixture(scope="module")
def schemas(request: pytest.FixtureRequest) -> None:
    """Let the machine on PostgreSQL have a schema for each example."""
    PostgresMachine.empty = staticmethod(request.getfixturevalue("postgresql"))


class PostgresMachine(LiveMachine):
    """The same, its record store in a schema of a PostgreSQL."""

    empty: Callable[[], AbstractContextManager[str]]

    def furnish(self) -> None:
        """Build the index anew, as its store is in no folder that could be copied."""
        self.things.callback(os.environ.pop, "AISLE_STORE", None)
        os.environ["AISLE_STORE"] = self.things.enter_context(type(self).empty())
        make(self.index)


TestLiveMachine = LiveMachine.TestCase
TestPostgresMachine = pytest.mark.usefixtures("schemas")(PostgresMachine.TestCase)
TestPostgresMachine.settings = settings(
    max_examples=10, stateful_step_count=10, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLiveMachine.settings = settings(
    max_examples=20, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_a_question_stands_behind_one_piece_of_a_change(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a hundred products are encoded, somebody who asks in between has the encoder before they are done."""
    order, asking = list[str](), threading.Event()
    encode = live.encoder.encode

    def slow(products: Sequence[Product]) -> Encoded:
        order.append("question" if products[0].id == "?" else "piece")
        if len(order) == 1:
            asking.set()
            while len(live._encoding._line) < 2:
                time.sleep(0.001)
        time.sleep(0.05)
        return encode(products)

    monkeypatch.setattr(live.encoder, "encode", slow)
    putting = threading.Thread(target=live.put, args=([Product(f"p{n}", f"Kite number {n}") for n in range(100)],))
    putting.start()
    asking.wait()
    live.encode([Product("?", "Kite")])
    putting.join()

    assert order.index("question") == 1
    assert order.count("piece") > 2
    assert nearest(live, "kite number 99") == ["p99"]


def test_a_change_that_breaks_off_in_memory_can_be_followed_again(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that ran out half-way through a piece leaves a mark, and the next follow brings all of it in."""
    calls = list[int]()
    enter = View.enter

    def short_of_memory(view: View, *given: object) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise MemoryError
        enter(view, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(View, "enter", short_of_memory)
    with pytest.raises(MemoryError):
        live.put([Product("mug", "Enamel cup", category="Toys > Outdoor"), Product("kite", "Stunt kite")])

    assert live.torn
    assert live.follow() == 5
    assert (nearest(live, "stunt kite"), nearest(live, "enamel cup")) == (["kite"], ["mug"])
    assert category(live, "mug") == "Toys > Outdoor"
    assert len(live.contents.names) == len(live.tree)


def test_a_vector_that_is_no_number_is_a_part_that_is_lacking(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that gives NaN for one product spoils neither the others nor the store."""
    encode = live.encoder.encode

    def broken(products: Sequence[Product]) -> Encoded:
        encoded = encode(products)
        for row, product in enumerate(products):
            if product.id == "nan":
                encoded.parts["text"][row, 0] = np.nan
        return encoded

    monkeypatch.setattr(live.encoder, "encode", broken)
    live.put([Product("nan", "Broken kite"), Product("kite", "Stunt kite")])

    found = live.records.read([4, 5], live.encoder.name, live.encoder.parts).encoded
    assert found.mask["text"].tolist() == [False, True]
    assert not found.parts["text"][0].any()
    assert nearest(live, "stunt kite") == ["kite"]
