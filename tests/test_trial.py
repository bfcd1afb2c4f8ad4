"""service/evaluation/trial.py: an index of some products answers about others as a user's would."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import product as combinations
from pathlib import Path

import numpy as np
import pytest

from indexer.encoders import Encoded, Encoder, Progress, load
from indexer.errors import ProductError
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.sources import read
from indexer.store.place import STORE
from indexer.store.records import Records
from service.answer import Answer
from service.decision import KINDS
from service.engine import Engine
from service.evaluation.trial import Remembered, fill, trial
from service.rebuild import build
from service.settings import ServiceSettings
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

SETTINGS = IndexSettings(encoder="hashing:64")
SHELVES = {"Desk > Lamps": ("brass lamp", "light"), "Desk > Trays": ("cork tray", "tidy"), "Bath": ("towel", "soft")}
PRODUCTS = [
    Product(f"{number:02}", f"{maker} {style} {noun}", category=path, tags=(tag, maker.lower()))
    for number, ((path, (noun, tag)), maker, style) in enumerate(
        combinations(SHELVES.items(), ("Arbel", "Lind", "Norr"), ("round", "oval", "plain", "tall"))
    )
]
TEST = [each for each in PRODUCTS if " oval " in each.title]
TRAIN = [each for each in PRODUCTS if each not in TEST]


class Counting:
    """The hashing encoder, and what it was asked to encode."""

    def __init__(self) -> None:
        self._encoder: Encoder = load("hashing:64")
        self.name, self.parts, self.side = self._encoder.name, self._encoder.parts, self._encoder.side
        self.titles: list[str] = []

    def encode(self, products: Sequence[Product], progress: Progress | None = None) -> Encoded:
        """Encode and keep the titles."""
        self.titles += [product.title for product in products]
        return self._encoder.encode(products, progress)


def test_a_trial_answers_as_an_index_that_was_built_of_the_same_products(tmp_path: Path) -> None:
    """Category, probability, decision and tags of products that neither has are the same."""
    rows = [
        {"id": each.id, "title": each.title, "category": each.category, "tags": "|".join(each.tags)} for each in TRAIN
    ]
    (tmp_path / "p.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    build(read(tmp_path / "p.jsonl"), tmp_path / "built", settings=SETTINGS)
    with closing(Engine.open(ServiceSettings(index=tmp_path / "built"))) as engine:
        answers = [answer for answer in engine.classify(TEST) if isinstance(answer, Answer)]

    judged = trial(TRAIN, TEST, tmp_path / "trial", encoder=load("hashing:64"), index=SETTINGS, fold=3)

    assert judged.ids == [each.id for each in TEST]
    assert judged.fold.tolist() == [3] * len(TEST)
    tree = judged.tree
    assert [tree.text(node) for node in judged.nodes[:, 0].tolist()] == [each.alternatives[0].path for each in answers]
    assert [KINDS[kind] for kind in judged.kind.tolist()] == [each.decision for each in answers]
    decided = [tree.text(node) if node >= 0 else None for node in judged.decided.tolist()]
    assert decided == [each.category.path if each.category else None for each in answers]
    likely = [level.probability for each in answers for level in each.levels]
    assert judged.levels[judged.line >= 0].tolist() == pytest.approx(likely, abs=1e-4)
    assert judged.given == [{tag.tag: tag.score for tag in each.tags} for each in answers]


def test_labels_of_what_is_asked_about_make_no_difference(tmp_path: Path) -> None:
    """The index never sees them: with others the same is thought, and only judged differently."""
    wrong = [replace(each, category="Bath > Robes", tags=("odd",)) for each in TEST]
    one, other = (
        trial(TRAIN, some, tmp_path / name, encoder=load("hashing:64"), index=SETTINGS)
        for name, some in (("right", TEST), ("wrong", wrong))
    )
    assert [one.tree.text(node) for node in one.nodes[:, 0]] == [other.tree.text(node) for node in other.nodes[:, 0]]
    assert one.likely.tolist() == other.likely.tolist()
    assert one.given == other.given
    assert (one.taught.tolist(), other.taught.tolist()) == ([True] * len(TEST), [False] * len(TEST))
    assert {other.tree.text(node) for node in other.truth.tolist()} == {"Bath > Robes"}


def test_a_closed_tree_stays_closed_and_tags_are_those_of_the_vocabulary(tmp_path: Path) -> None:
    """An empty leaf can be answered, a product of another category is refused, an excluded tag is none."""
    tree = Tree.from_paths([("Desk", "Lamps"), ("Desk", "Trays"), ("Bath",), ("Garden",)])
    vocabulary = Vocabulary.from_tags(["Light", "tidy", "soft"], exclusions=["arbel", "lind", "norr"])
    new = Product("g", "garden shears", category="Garden")
    judged = trial(
        TRAIN,
        [*TEST, new],
        tmp_path / "closed",
        encoder=load("hashing:64"),
        index=SETTINGS,
        taxonomy=tree,
        vocabulary=vocabulary,
    )
    assert judged.tree == tree
    assert judged.taught.tolist() == [True] * (len(TEST) + 1)
    assert judged.tags[0] == ("Light",)
    assert {tag for given in judged.given for tag in given} <= {"Light", "tidy", "soft"}
    with pytest.raises(ProductError, match="Sports"):
        fill([replace(new, category="Sports")], tmp_path / "refused", load("hashing:64"), taxonomy=tree)


def test_nothing_to_ask_is_refused(tmp_path: Path) -> None:
    """There would be no figure."""
    with pytest.raises(ValueError, match="nothing was asked"):
        trial(TRAIN[:4], [], tmp_path / "index", encoder=load("hashing:64"), index=SETTINGS)


def test_what_was_encoded_before_is_looked_up(tmp_path: Path) -> None:
    """Only new content reaches the encoder, and every row is what it would have given."""
    counting = Counting()
    fill(TRAIN[:3], tmp_path / "index", counting)
    counting.titles.clear()
    with closing(Records.open(tmp_path / "index" / STORE, create=False)) as records:
        remembered = Remembered(counting, records)
        found = remembered.encode([TRAIN[2], TEST[0], TRAIN[0]])
        assert counting.titles == [TEST[0].title]
        remembered.encode([TRAIN[1]])
        assert counting.titles == [TEST[0].title]
    expected = load("hashing:64").encode([TRAIN[2], TEST[0], TRAIN[0]])
    assert np.allclose(found.parts["text"], expected.parts["text"], atol=1e-3)
    assert found.mask["text"].tolist() == [True] * 3
    assert (remembered.name, remembered.parts) == (counting.name, counting.parts)
