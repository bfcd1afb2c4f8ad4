"""service/evaluation/trial.py: a real index of some products, and what it thinks of others."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer import encoders
from indexer.build import Quiet
from indexer.encoders import Encoded
from indexer.encoders import Progress as Told
from indexer.errors import ProductError
from indexer.normalize import normalize_many
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.store.records import Records
from indexer.update import STORE
from service.evaluation import trial as module
from service.evaluation.trial import Remembered, fill, trial
from service.settings import ServiceSettings
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

SETTINGS = IndexSettings(encoder="hashing:64", kind="exact")
SHELVES = {"Home > Cups": "stoneware mug handle", "Home > Pans": "steel frying pan lid", "Pets": "dog lead nylon"}


class Counting:
    """The hashing encoder, counting what it is asked to encode."""

    def __init__(self) -> None:
        self.inner = encoders.load("hashing:64")
        self.name, self.parts = self.inner.name, self.inner.parts
        self.products = 0

    def encode(self, products: Sequence[Product], progress: Told | None = None) -> Encoded:
        """Encode and count."""
        self.products += len(products)
        return self.inner.encode(products, progress)


class Stages(Quiet):
    """Progress that keeps what it was told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int | None, int]] = []

    def start(self, name: str, total: int | None, unit: str) -> None:
        """Keep a stage."""
        del unit
        self.seen.append((name, total, 0))

    def at(self, done: int) -> None:
        """Keep how far it is."""
        self.seen[-1] = (*self.seen[-1][:2], done)


def products(size: int, start: int = 0) -> list[Product]:
    """Return normalised products of three shelves in turn, no two of the same text."""
    shelves = list(SHELVES.items())
    made = [
        Product(f"p{number}", f"{shelves[number % 3][1]} w{number} v{number % 7}", category=shelves[number % 3][0])
        for number in range(start, start + size)
    ]
    return normalize_many(made)


def test_a_trial_asks_an_index_about_products_that_it_never_saw(tmp_path: Path) -> None:
    """All of them rightly here, in their order, labels kept from the index; every stage is told."""
    stages = Stages()
    made = trial(
        products(60), products(9, 60), tmp_path / "index", encoder=Counting(), index=SETTINGS, progress=stages, fold=2
    )
    assert [f"p{number}" for number in range(60, 69)] == made.ids
    assert [True] * 9 == made.exact.tolist() == made.taught.tolist()
    assert [2] * 9 == made.fold.tolist()
    assert [("store", 60, 60), ("ask", 9, 9)] == [stages.seen[0], stages.seen[-1]]
    assert [60] == [done for name, _, done in stages.seen if name == "calibrate"]


def test_categories_that_the_index_lacks_are_judged_as_such(tmp_path: Path) -> None:
    """A label of the test joins the tree that is judged in; nothing can answer it, and it was not taught."""
    kite = Product("kite", "stunt kite", category="Toys > Kites")
    made = trial(products(30), [kite, *products(1, 30)], tmp_path / "index", encoder=Counting(), index=SETTINGS)
    assert [False, True] == made.taught.tolist() == made.exact.tolist()
    assert "Toys > Kites" == made.tree.text(int(made.truth[0]))


def test_a_given_tree_and_vocabulary_hold_in_a_trial(tmp_path: Path) -> None:
    """Shelves without a product can be answered, another's tag is spelt as the vocabulary says, and it stays closed."""
    tree = Tree.from_paths([("Home", "Cups"), ("Home", "Pans"), ("Pets",), ("Kites",)])
    words = Vocabulary({"red": "Red"})
    test = [Product("x", "kites", category="Kites", tags=("red",))]
    made = trial(
        products(30),
        test,
        tmp_path / "i",
        encoder=Counting(),
        index=SETTINGS,
        taxonomy=tree,
        vocabulary=words,
        tree=tree,
    )
    assert [True] == made.taught.tolist()
    assert [("Red",)] == made.tags
    assert made.tree == tree
    assert "Kites" in {made.tree.names[node] for node in made.nodes[0].tolist() if node >= 0}
    with pytest.raises(ProductError):
        fill([Product("y", "hat", category="Hats")], tmp_path / "j", Counting(), taxonomy=tree)


def test_settings_of_the_service_hold_in_a_trial(tmp_path: Path) -> None:
    """A tag that all cups carry is given to another, unless no tags are."""
    train = [replace(each, tags=("clay",) if "mug" in each.title else ()) for each in products(30)]
    test = [Product("x", "stoneware mug handle w99")]
    given = [
        trial(train, test, tmp_path / name, encoder=Counting(), index=SETTINGS, service=service).given[0].keys()
        for name, service in (("some", None), ("none", ServiceSettings(tag_limit=0)))
    ]
    assert [{"clay"}, set()] == given


def test_products_are_asked_batch_by_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes no difference how many at a time; nobody to ask about is an error."""
    train, test = products(30), products(8, 30)
    whole = trial(train, test, tmp_path / "a", encoder=Counting(), index=SETTINGS)
    monkeypatch.setattr(module, "BATCH", 3)
    cut = trial(train, test, tmp_path / "b", encoder=Counting(), index=SETTINGS)
    assert whole.ids == cut.ids
    np.testing.assert_allclose(whole.likely, cut.likely, atol=1e-5)
    with pytest.raises(ValueError, match="nothing was asked"):
        trial(train, [], tmp_path / "c", encoder=Counting(), index=SETTINGS)


def test_what_a_record_store_knows_is_not_encoded_again(tmp_path: Path) -> None:
    """Looked up by content under whatever id; the rest is encoded, each in its place."""
    inner, some = Counting(), products(6)
    fill(some[:4], tmp_path, inner)
    assert 4 == inner.products
    with closing(Records.open(tmp_path / STORE, create=False)) as records:
        encoder = Remembered(inner, records)
        assert (inner.name, inner.parts) == (encoder.name, encoder.parts)
        asked = [some[5], Product("other", some[1].title), some[0], some[4]]
        made = encoder.encode(asked)
        assert 6 == inner.products
        np.testing.assert_allclose(made.parts["text"], inner.inner.encode(asked).parts["text"], atol=1e-3)
        assert [True] * 4 == made.mask["text"].tolist()
        encoder.encode(some[:4])
        assert 6 == inner.products


def test_a_refused_product_ends_the_filling(tmp_path: Path) -> None:
    """A trial of fewer products than were meant would be another trial."""
    with pytest.raises(ProductError, match="neither text nor image"):
        fill([*products(2), Product("empty")], tmp_path, Counting())
