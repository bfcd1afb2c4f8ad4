"""memory/assembly.py: from the record store to an index in memory, each view fitted to the products that have it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import product as combinations
from pathlib import Path

import numpy as np
import pytest

from indexer import encoders
from indexer.intake.update import named, store
from indexer.memory import assembly
from indexer.memory.contents import Contents
from indexer.picture import Picture
from indexer.product import Product, content_hash
from indexer.settings import IndexSettings
from indexer.space import IMAGE, TEXT
from indexer.space.features import Features
from indexer.space.fit import fit, pooled
from indexer.space.learnt import FILES
from indexer.space.names import Names
from indexer.space.views import Views
from indexer.store.records import Record, Records
from indexer.vectors import Keys
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

SHELVES = ("Desk > Lamps", "Desk > Trays", "Bath > Towels", "Bath > Mats")
NOUNS = ("brass lamp", "cork tray", "cotton towel", "bath mat")
TREE = Tree.from_paths(tuple(path.split(" > ")) for path in SHELVES)
WORDS = "hashing:32"
BOTH = f"{WORDS}+precomputed:image=6"
LOOKS = np.random.default_rng(5).normal(size=(4, 6))


def catalogue() -> list[Product]:
    """Return 120 products on four shelves; one in three has no photo, and one in ten a photo alone."""
    rng = np.random.default_rng(9)
    made = []
    for number, (maker, style, (shelf, noun)) in enumerate(
        combinations(("Arbel", "Lind", "Norr", "Tal", "Vey"), range(6), zip(SHELVES, NOUNS, strict=True))
    ):
        look = {} if number % 3 == 0 else {"image": (LOOKS[number % 4] + rng.normal(size=6)).astype(np.float32)}
        title = "" if number % 10 == 1 and look else f"{maker} {70 + style} {noun}"
        pictures = (Picture(f"{number:032x}", phash=number, width=8, height=8, thumbnail=b"small"),) if look else ()
        images = ("a.jpg",) if look or not title else ()
        made.append(Product(f"{number:03}", title, category=shelf, images=images, pictures=pictures, vectors=look))
    return made


Filled = tuple[assembly.Loaded, Views, Features, assembly.Learning, Contents]


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    """Return a store of the catalogue, encoded with its photos."""
    opened, encoder = Records.open(tmp_path / "records.sqlite"), encoders.load(BOTH)
    store(opened, encoder, [Record(each, content_hash(each)) for each in catalogue()], encoder.encode)
    yield opened
    opened.close()


def filled(records: Records, spec: str, **settings: object) -> Filled:
    """Return what is loaded, learnt and filled by an encoder."""
    encoder = encoders.load(spec)
    chosen = IndexSettings(encoder=spec, kind="exact", dim=16).model_copy(update=settings)
    told: list[int] = []
    size = records.counts()
    loaded = assembly.load(records, size, encoder, tree=TREE, vocabulary=Vocabulary(), tell=told.append)
    assert told[-1] == len(loaded.keys) == 120
    views, features, learning = assembly.learn(loaded, encoder.parts, TREE, chosen)
    names = Names(encoder.parts, named(records, encoder, TREE, 0, encoder.encode))
    return loaded, views, features, learning, assembly.fill(loaded, features, views, names, chosen)


def having(loaded: assembly.Loaded, views: Views, features: Features, name: str) -> Keys:
    """Return the positions of the products that have a view."""
    return np.flatnonzero(features.seen(loaded.keys, views.spaces[name]))


def test_what_is_loaded_is_what_the_store_holds(records: Records) -> None:
    """Keys, labels, raw parts and words of each product, and the hash of the photo of those that have one."""
    loaded, views, features, _, contents = filled(records, BOTH)
    products = catalogue()
    assert [each.id for each in products] == loaded.labels.ids(loaded.keys)
    assert [TREE.text(node) for node in loaded.labels.nodes(loaded.keys).tolist()] == [
        each.category for each in products
    ]
    assert (120, 38) == loaded.raw.shape
    photos = [bool(each.vectors) for each in products]
    assert photos == loaded.raw[:, 32:].any(axis=1).tolist()
    keys, bits = contents.lookalikes.search(0, 64)
    assert loaded.keys[photos].tolist() == sorted(keys.tolist())
    assert {key: int(key - 1).bit_count() for key in keys.tolist()} == dict(
        zip(keys.tolist(), bits.tolist(), strict=True)
    )
    assert (38, 120) == (features.raw(loaded.keys).shape[1], contents.searched)
    assert [TEXT, IMAGE] == list(contents.views) == list(views.spaces)


def test_each_view_is_fitted_to_the_products_that_have_it(records: Records) -> None:
    """Bit by bit what a fit to those alone learns; the vectors are theirs, and the prototypes have no others."""
    loaded, views, features, learning, contents = filled(records, BOTH)
    nodes = loaded.labels.spoken(loaded.keys)
    for name, share in ((TEXT, 112), (IMAGE, 80)):
        space, view, rows = views.spaces[name], contents.views[name], having(loaded, views, features, name)
        alone = fit(
            space.parts,
            loaded.raw[rows, space.columns],
            space.read(features.words(loaded.keys[rows])),
            pooled(nodes[rows], TREE.lineage),
            dim=16,
        )
        assert space.learnt is not None
        assert alone.learnt is not None
        assert (share, share, share) == (len(rows), learning[name]["sample"], len(view.vectors))
        assert (alone.shrinkage, round(alone.agreement, 4)) == (
            learning[name]["shrinkage"],
            learning[name]["agreement"],
        )
        for file in FILES.values():
            np.testing.assert_array_equal(alone.learnt.arrays()[file], space.learnt.arrays()[file])
        by_node = np.bincount(nodes[rows], minlength=len(TREE))
        assert by_node.tolist() == view.prototypes.counts.tolist()
    assert [TEXT, IMAGE] == list(views.bridges)  # 72 have both


def test_pictures_change_nothing_in_the_view_of_texts(records: Records) -> None:
    """It equals, array by array, the one view of an index without them."""
    _, views, features, learning, contents = filled(records, BOTH)
    _, plain, others, learnt, without = filled(records, WORDS)
    assert [TEXT] == list(plain.spaces)
    assert learnt == {TEXT: learning[TEXT]}
    assert views.spaces[TEXT].name == plain.spaces[TEXT].name != "raw"
    assert views.lexicon.rarity.tolist() == plain.lexicon.rarity.tolist()
    one, two, keys = contents.views[TEXT], without.views[TEXT], np.arange(1, 121)
    np.testing.assert_array_equal(one.prototypes.sums, two.prototypes.sums)
    np.testing.assert_array_equal(one.prototypes.counts, two.prototypes.counts)
    np.testing.assert_array_equal(one.placed(keys), two.placed(keys))
    np.testing.assert_array_equal(one.standing(keys), two.standing(keys))
    assert one.listings == two.listings
    placed, words = one.placed(keys), others.words(keys)
    for found in ("keys", "similarity"):
        for each, asked in (("vectors", placed), ("postings", words)):
            near = [getattr(getattr(view, each).search(asked, 10), found) for view in (one, two)]
            np.testing.assert_array_equal(near[0], near[1])
    np.testing.assert_array_equal(features.raw(keys)[:, :32], others.raw(keys))


def test_with_raw_spaces_nothing_is_measured(records: Records) -> None:
    """Each view has its own parts side by side; pairs still teach how a photo would read."""
    _, views, _, learning, contents = filled(records, BOTH, space="raw")
    assert ({}, {"raw"}) == (learning, {space.name for space in views.spaces.values()})
    assert [TEXT, IMAGE] == list(views.bridges)
    assert [(112, 32), (80, 6)] == [(len(view.vectors), view.space.dim) for view in contents.views.values()]


def test_a_view_that_nobody_has_is_empty_and_raw(tmp_path: Path) -> None:
    """Before the first photo came; with few products nothing is learnt of texts either."""
    with closing(Records.open(tmp_path / "records.sqlite")) as few:
        plain = Product("mat", "Bath mat", category="Bath > Mats")
        few.write([Record(plain, content_hash(plain))])
        encoder, chosen = encoders.load(BOTH), IndexSettings(encoder=BOTH)
        loaded = assembly.load(few, few.counts(), encoder, tree=TREE, vocabulary=Vocabulary(), tell=lambda _: None)
        views, features, learning = assembly.learn(loaded, encoder.parts, TREE, chosen)
        contents = assembly.fill(loaded, features, views, Names(encoder.parts), chosen)
    assert ({}, "raw") == (views.bridges, views.name)
    assert {TEXT: 1, IMAGE: 0} == {name: int(said["sample"]) for name, said in learning.items()}
    assert [1, 0] == [len(view.vectors) for view in contents.views.values()]
    assert 1 == contents.searched
