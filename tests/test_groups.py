"""service/evaluation/groups.py: listings that are as good as one another stand together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from indexer.encoders import load
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.snapshots.snapshot import Built
from service.calibration.leave_one_out import COPY, stored
from service.engine import Engine
from service.evaluation.groups import groups
from service.evaluation.trial import fill
from service.rebuild import rebuild
from service.settings import ServiceSettings

LONG = "enamelled stock pot " + " ".join(f"detail{number}" for number in range(27))
TEXTS = {
    "pot": LONG,
    "pot again": LONG,
    "pot unlabelled": LONG,
    "pot nearly": f"boxed {LONG}",
    "lead": "chain lead for big dogs",
    "lead red": "chain lead for big dogs, red",
}


@pytest.fixture
def built(own_index: Path) -> Iterator[Built]:
    """Return an index that has six products more, of which four are one pot."""
    products = [Product(name, title=text, category="" if "un" in name else "A") for name, text in TEXTS.items()]
    with closing(Engine.open(ServiceSettings(index=own_index))) as engine:
        engine.put(products)
        yield engine.live.built


def together(built: Built, names: tuple[str, ...]) -> set[frozenset[str]]:
    """Return the groups of some products, by name."""
    keys = np.array([built.contents.labels.key(name) for name in names], np.int64)
    found = groups(built, keys)
    return {
        frozenset(name for name, group in zip(names, found.tolist(), strict=True) if group == each)
        for each in found.tolist()
    }


def test_near_copies_are_of_one_group(built: Built) -> None:
    """The same words, and nearly the same; what shares most of a short title is another product."""
    assert together(built, tuple(TEXTS)) == {
        frozenset({"pot", "pot again", "pot unlabelled", "pot nearly"}),
        frozenset({"lead"}),
        frozenset({"lead red"}),
    }


def test_the_pot_with_one_word_more_is_a_near_copy_by_likeness_alone(built: Built) -> None:
    """Its words differ, its mean cosine of parts and words is COPY or more; that of the two leads is less."""
    labels, features = built.contents.labels, built.contents.features
    keys = np.array([labels.key(name) for name in ("pot", "pot nearly", "lead", "lead red")], np.int64)
    prints = features.fingerprints(keys, built.space.spaces["text"]).tolist()
    assert len(set(prints)) == 4
    asked = stored(built, keys)
    alike = features.copies(asked.raw, asked.words, keys[[1, 0, 3, 2]][:, None], COPY)
    assert alike.ravel().tolist() == [True, True, False, False]


def test_only_those_that_are_asked_for_are_grouped(built: Built) -> None:
    """In their order, whoever else is stored."""
    assert together(built, ("P001", "pot nearly", "lead", "pot")) == {
        frozenset({"P001"}),
        frozenset({"pot nearly", "pot"}),
        frozenset({"lead"}),
    }


def test_nobody_makes_no_group(built: Built) -> None:
    """And says so many were looked at: none."""
    told: list[int] = []
    assert groups(built, np.zeros(0, np.int64), told.append).tolist() == []
    assert told == []


def test_equal_texts_are_copies_whatever_their_photos(tmp_path: Path) -> None:
    """And equal photos alone are none; without a text the photo decides."""
    spec = "hashing:64+precomputed:image=4"
    photos = np.eye(4, dtype=np.float32)
    products = [
        Product("a", title=LONG, vectors={"image": photos[0]}, category="A"),
        Product("b", title=LONG, vectors={"image": photos[1]}, category="A"),
        Product("c", title="chain lead for big dogs", vectors={"image": photos[0]}, category="B"),
        Product("d", vectors={"image": photos[2]}, category="B"),
        Product("e", vectors={"image": photos[2]}, category="B"),
    ]
    encoder = load(spec)
    fill(products, tmp_path / "index", encoder)
    rebuild(tmp_path / "index", settings=IndexSettings(encoder=spec), encoder=encoder)
    with closing(Engine.open(ServiceSettings(index=tmp_path / "index"), encoder)) as engine:
        assert together(engine.live.built, ("a", "b", "c", "d", "e")) == {
            frozenset({"a", "b"}),
            frozenset({"c"}),
            frozenset({"d", "e"}),
        }
