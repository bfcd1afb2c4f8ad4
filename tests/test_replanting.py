"""memory/replanting.py and live.py: an open index in another version of its tree, beside one that is built anew."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer import encoders
from indexer.build import build, rebuild
from indexer.encoders import Encoded
from indexer.errors import TaxonomyConflict
from indexer.intake.ingest import Ingest, placement_in
from indexer.live import Live, open_index
from indexer.memory import assembly
from indexer.memory.labels import UNLABELLED
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.sources import Quarantine, read
from indexer.space import TEXT
from indexer.store.place import open_store
from taxonomy.changes import Change, Merge, Move, Part, Rename, Retire, Split
from taxonomy.files import read_tree
from taxonomy.names import TaxonomyError
from taxonomy.rules import Rule
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

ENCODER = encoders.load("hashing:64")
SETTINGS = IndexSettings(encoder="hashing:64", kind="exact")
SHELVES = {
    "Shoes > Trainers": ("trail running shoe", "running shoe", "tennis shoe", "canvas shoe", "squash shoe"),
    "Shoes > Boots": ("rain boot", "rubber boot", "rain boot"),
    "Footwear > Boots": ("hiking boot", "leather boot", "rain boot"),
    "Footwear": ("footwear polish",),
    "Garden > Hoses": ("garden hose", "soaker hose"),
    "Garden": ("garden gnome",),
    "": ("thing", "other thing"),
}
ROWS = [
    (f"p{number}-{place}", title, path)
    for number, (path, titles) in enumerate(SHELVES.items())
    for place, title in enumerate(titles)
]
SPLIT = Split(
    "Shoes > Trainers", (Part("Running", Rule(some=("running",))), Part("Court", Rule(some=("tennis", "squash"))))
)
CHANGES: dict[str, Sequence[Change]] = {
    "rename": [Rename("Shoes", "Feet")],
    "move": [Move("Shoes > Trainers", "Garden"), Move("Footwear > Boots", None)],
    "merge": [Merge(("Shoes",), "Footwear")],
    "split": [SPLIT],
    "beside": [Split("Garden", (Part("Gnomes", Rule(some=("gnome",))),), beside=True)],
    "retire": [Retire("Shoes > Trainers"), Retire("Garden", unlabelled=True)],
    "all": [SPLIT, Merge(("Shoes > Boots",), "Footwear > Boots"), Rename("Footwear", "F"), Move("Shoes", "Garden")],
    "exchange": [Rename("Shoes", "T"), Rename("Footwear", "Shoes"), Rename("T", "Footwear")],
}


class Counting:
    """An encoder that counts the products that it encodes; what categories say of themselves is none."""

    def __init__(self) -> None:
        self.name, self.parts, self.side = ENCODER.name, ENCODER.parts, ENCODER.side
        self.products: list[str] = []

    def encode(self, products: Sequence[Product], progress: Callable[[int], None] | None = None) -> Encoded:
        """Return what the toy makes of products."""
        titles = {title for _, title, _ in ROWS}
        self.products += [product.title for product in products if product.title in titles]
        return ENCODER.encode(products, progress)


def made(folder: Path, taxonomy: Tree | None = None) -> Path:
    """Build an index of ROWS in a folder."""
    source = folder / "rows.csv"
    source.write_text("id,title,category\n" + "".join(f"{','.join(row)}\n" for row in ROWS))
    build(read(source), folder / "index", settings=SETTINGS, taxonomy=taxonomy, encoder=ENCODER)
    return folder / "index"


@pytest.fixture(params=["open", "closed", "open on postgresql"])
def index(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an index whose tree is inferred, or was given; the former once on each engine."""
    if request.param == "closed":
        tree = tmp_path / "tree.txt"
        tree.write_text("\n".join([*filter(None, SHELVES), "Hats", "Garden > Hoses > Reels"]))
        yield made(tmp_path, read_tree(tree))
    elif request.param == "open":
        yield made(tmp_path)
    else:
        with request.getfixturevalue("postgresql")() as url:
            monkeypatch.setenv("AISLE_STORE", url)
            yield made(tmp_path)


@pytest.fixture
def live(index: Path) -> Iterator[Live]:
    """Return it open, by an encoder that counts."""
    opened = open_index(index, Counting())
    yield opened
    opened.close()


def shelves(live: Live) -> dict[str, str]:
    """Return the category in memory of every product."""
    keys = np.flatnonzero(live.labels.known)
    nodes = live.labels.nodes(keys).tolist()
    return {
        product_id: live.tree.text(node) if node != UNLABELLED else ""
        for product_id, node in zip(live.labels.ids(keys), nodes, strict=True)
    }


def stored(live: Live) -> dict[str, str]:
    """Return the category in the store of every product."""
    return {each.record.product.id: each.record.product.category for each in live.records.page(limit=500)}


def sums(live: Live) -> dict[str, tuple[float, list[float], list[float], int]]:
    """Return by path what stands for each category: count, sum and name, and the products behind it."""
    view = live.contents.views[TEXT]
    own = live.labels.node_counts(len(live.tree))
    raw = live.contents.names._raw
    return {
        live.tree.text(node): (
            float(view.prototypes.counts[node]),
            np.round(view.prototypes.sums[node], 4).tolist(),
            np.round(raw[node], 3).tolist(),
            int(own[node]),
        )
        for node in range(len(live.tree))
    }


def like_one_built_anew(live: Live, index: Path) -> None:
    """Check everything in memory that is about categories beside an index that is rebuilt from the store."""
    alike(live, index, same=True)


def alike(live: Live, index: Path, *, same: bool = False) -> None:
    """Check the same; an open tree that grew in another order has its categories elsewhere, unless it is the same."""
    assert stored(live) == shelves(live)
    rebuild(index, settings=SETTINGS, encoder=ENCODER)
    with closing(open_index(index, ENCODER)) as anew:
        assert live.planted == anew.planted
        assert sorted(live.tree.ids) == sorted(anew.tree.ids)
        assert live.tree == anew.tree or not same
        assert shelves(anew) == shelves(live)
        mine, other = sums(live), sums(anew)
        assert mine.keys() == other.keys()
        for path, (count, total, name, own) in mine.items():
            assert (count, own) == (other[path][0], other[path][3])
            assert other[path][1] == pytest.approx(total, abs=1e-3)
            assert other[path][2] == pytest.approx(name, abs=2e-3)
        keys = np.flatnonzero(live.labels.known)
        view, another = live.contents.views[TEXT], anew.contents.views[TEXT]
        assert view.standing(keys).tolist() == another.standing(keys).tolist()


@pytest.mark.parametrize("change", CHANGES)
def test_an_index_follows_a_change_of_its_tree(live: Live, index: Path, change: str) -> None:
    """As if it had been built so, without encoding a product; undone, it is what it was."""
    before, tree = shelves(live), live.tree
    effect = live.records.taxonomies.change(CHANGES[change])
    assert (before, 1) == (shelves(live), live.planted)
    assert effect.seq == live.follow()
    assert (2, effect.tree) == (live.planted, live.tree)
    like_one_built_anew(live, index)
    live.records.taxonomies.undo()
    live.follow()
    assert (before, 3, tree) == (shelves(live), live.planted, live.tree)
    like_one_built_anew(live, index)
    assert [] == live.encoder.products  # type: ignore[attr-defined]  # it is a Counting


@pytest.mark.parametrize("change", CHANGES)
def test_a_snapshot_from_before_a_change_follows_it(index: Path, change: str) -> None:
    """An index that is opened from it is what a running one is, also when products were changed around it."""
    with closing(open_store(index)) as records, closing(open_index(index, ENCODER)) as running:
        running.put([Product("late", "rain boot", category="Garden > Hoses"), Product("p0-0", "trail running shoe")])
        records.taxonomies.change(CHANGES[change])
        running.delete(["p1-0"])
        running.put([Product("later", "tennis shoe", category="Shoes > Trainers")])
        with closing(open_index(index, Counting())) as restarted:
            assert shelves(running) == shelves(restarted) == stored(running)
            assert running.tree == restarted.tree
            like_one_built_anew(restarted, index)


def test_products_are_placed_by_names_of_before(live: Live) -> None:
    """As soon as the change is followed, and even before: what is put meanwhile is placed in the tree that stands."""
    live.records.taxonomies.change([Rename("Shoes", "Feet"), Merge(("Shoes > Boots",), "Footwear > Boots")])
    live.put([Product("a", "rain boot", category="Shoes > Boots"), Product("b", "shoe", category="Shoes/Trainers")])
    assert ["Footwear > Boots", "Feet > Trainers"] == [shelves(live)[each] for each in "ab"]
    assert ["Footwear > Boots", "Feet > Trainers"] == [stored(live)[each] for each in "ab"]


def test_an_open_tree_grows_on(tmp_path: Path) -> None:
    """Below what was renamed, too, under whichever name."""
    index = made(tmp_path)
    with closing(open_index(index, ENCODER)) as live:
        live.records.taxonomies.change([Rename("Garden", "Outdoors")])
        live.put([Product("a", "cart", category="Garden > Carts"), Product("b", "sock", category="Shoes > Socks")])
        assert ["Outdoors > Carts", "Shoes > Socks"] == [shelves(live)[each] for each in "ab"]
        like_one_built_anew(live, index)
        with closing(open_store(index)) as records:
            records.taxonomies.undo()
        live.follow()
        assert "Garden > Carts" == shelves(live)["a"]
        like_one_built_anew(live, index)


def test_a_build_goes_on_with_the_tree_that_stands(tmp_path: Path) -> None:
    """A source that names categories of before is taken as ever; the change is not taken back, nor its products."""
    index = made(tmp_path)
    with closing(open_store(index)) as records:
        records.taxonomies.change([Rename("Garden", "Outdoors"), Merge(("Shoes",), "Footwear")])
        shelved = {each.record.product.id: each.record.product.category for each in records.page(limit=500)}
    made(tmp_path)
    with closing(open_index(index, ENCODER)) as live:
        assert shelved == shelves(live) == stored(live)
        assert (2, True) == (live.planted, live.grows)


def test_searches_go_on_while_an_index_is_replanted(live: Live) -> None:
    """A reader is not held off by it: it is made aside, and a reader sees one version or the other."""
    live.records.taxonomies.change([Rename("Shoes", "Feet")])
    told = threading.Event()
    encode, seen = live.encode_in_pieces, list[tuple[int, bool]]()

    def waiting(products: Sequence[Product]) -> Encoded:
        told.wait(60)
        return encode(products)

    live.encode_in_pieces = waiting  # type: ignore[method-assign]
    follower = threading.Thread(target=live.follow)
    follower.start()
    with live.reading():
        seen.append((live.planted, "Shoes" in live.tree.names))
    told.set()
    follower.join()
    with live.reading():
        seen.append((live.planted, "Shoes" in live.tree.names))
    assert [(1, True), (2, False)] == seen


def test_a_delivery_is_placed_in_the_tree_that_stands(index: Path) -> None:
    """Also where somebody changes it after the delivery has begun; a row is never stored as another tree calls it."""
    rows = index.parent / "more.csv"
    rows.write_text("id,title,category\na,rain boot,Shoes > Boots\nb,hose,Garden > Hoses\nc,thing,Garden\n")
    with closing(open_store(index)) as records, Quarantine(index / "quarantine.jsonl") as quarantine:
        placement = placement_in(records)
        records.taxonomies.change([Rename("Shoes", "Feet"), Retire("Garden", unlabelled=True)])
        ingest = Ingest(records, ENCODER, placement, quarantine)
        ingest.run(read(rows), lambda _: None)
        found = {name: each.record.product.category for name, each in records.get("abc").items()}
    assert {"a": "Feet > Boots", "b": "", "c": ""} == found
    assert (3, 3, True) == (ingest.counts.read, ingest.counts.indexed, ingest.counts.adds_up)


def test_scopes_of_tags_follow_the_tree(tmp_path: Path) -> None:
    """A vocabulary goes on naming the categories that it named, in an open index as in one that is built anew."""
    index = tmp_path / "index"
    source = tmp_path / "rows.csv"
    source.write_text("id,title,category\n" + "".join(f"{','.join(row)}\n" for row in ROWS))
    words = Vocabulary.from_json('{"scopes": {"wet": ["Shoes > Boots", "Garden"]}}')
    build(read(source), index, settings=SETTINGS, vocabulary=words, encoder=ENCODER)
    with closing(open_index(index, ENCODER)) as live:
        live.change_taxonomy([Rename("Shoes", "Feet"), Merge(("Feet > Boots",), "Footwear > Boots")])
        assert ("Footwear > Boots", "Garden") == live.vocabulary.scopes["wet"]
        rebuild(index, settings=SETTINGS, encoder=ENCODER)
        with closing(open_index(index, ENCODER)) as anew:
            assert live.vocabulary.scopes == anew.vocabulary.scopes
        live.undo_taxonomy()
        assert ("Shoes > Boots", "Garden") == live.vocabulary.scopes["wet"]


def putting(live: Live, name: str, rng: np.random.Generator) -> None:
    """Put some products on any shelf, again and again, and delete some of them."""
    for number in range(25):
        path = list(SHELVES)[rng.integers(len(SHELVES))]
        key = rng.integers(12)
        live.put([Product(f"{name}{key}", f"{name} {number}", category=path)])
        if rng.random() < 0.2:
            live.delete([f"{name}{key}"])


def planting(live: Live, rng: np.random.Generator) -> None:
    """Change the tree in any way, and take changes back."""
    for _ in range(15):
        names = list(live.tree.ids)
        one, other = (names[rng.integers(len(names))] for _ in range(2))
        some: list[Change] = [
            Rename(one, f"N{rng.integers(99)}"),
            Move(one, other),
            Merge((one,), other),
            Split(one, (Part("Fours", Rule(some=("4", "14", "24"))),)),
            Retire(one, other),
        ]
        with suppress(TaxonomyError, TaxonomyConflict):
            if rng.random() < 0.3:
                live.undo_taxonomy()
            else:
                live.change_taxonomy([some[rng.integers(len(some))]])


@pytest.mark.parametrize("seed", range(3))
def test_products_and_trees_may_change_side_by_side(tmp_path: Path, seed: int) -> None:
    """Of three open indexes of one store two put products while one changes the tree: in the end all are the same."""
    index = made(tmp_path)
    first, second, third = (open_index(index, ENCODER) for _ in range(3))
    rngs = [np.random.default_rng([seed, number]) for number in range(3)]
    with ThreadPoolExecutor(3) as threads:
        done = [
            threads.submit(putting, first, "a", rngs[0]),
            threads.submit(putting, second, "b", rngs[1]),
            threads.submit(planting, third, rngs[2]),
        ]
    for each in done:
        each.result()
    assert first.follow() == second.follow() == third.follow()
    assert 1 < first.planted == second.planted == third.planted
    for live in (first, second, third):
        alike(live, index)
        live.close()


@pytest.mark.parametrize("moment", ["load", "learn", "fill"])
def test_a_tree_may_change_while_an_index_is_built_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Before the labels are read, after, or later: whoever opens the snapshot plants it in the tree that stands."""
    index = made(tmp_path)
    step = getattr(assembly, moment)

    def changed(*given: Any, **more: Any) -> Any:
        with closing(open_store(index)) as records:
            records.taxonomies.change([SPLIT, Merge(("Shoes > Boots",), "Footwear > Boots"), Rename("Shoes", "Feet")])
        monkeypatch.setattr(assembly, moment, step)
        return step(*given, **more)

    monkeypatch.setattr(assembly, moment, changed)
    rebuild(index, settings=SETTINGS, encoder=ENCODER)
    with closing(open_index(index, ENCODER)) as live:
        assert 2 == live.planted
        assert "Footwear > Boots" == shelves(live)["p1-0"]
        like_one_built_anew(live, index)
