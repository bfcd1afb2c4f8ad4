"""service/audit/tags.py: tags that nobody like a product carries, and tags that all like it do."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from indexer import encoders
from indexer.product import Product
from indexer.settings import IndexSettings
from service.audit.tags import forgotten, mistaken, tag_faults
from service.engine import Engine
from service.evaluation.trial import fill
from service.rebuild import rebuild
from service.settings import ServiceSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHELVES = {
    "Kitchen > Mugs": ("stoneware drinking mug handle glaze", ("tableware", "dishwasher safe")),
    "Kitchen > Pans": ("coated frying skillet induction base", ("cookware", "metal")),
    "Garden > Pots": ("terracotta planter drainage saucer frost", ("outdoor", "clay")),
}
COLOURS = ("amber", "blue", "coral", "dune", "ebony", "fern", "gold", "hazel")
SERIES = ("alba", "bora", "cora")


def catalogue() -> list[Product]:
    """Return 24 products a shelf, each with both tags of its shelf; three have other tags."""
    made = [
        Product(f"{path[-4:]}-{colour}-{series}", f"{words} {colour} {series}", category=path, tags=tags)
        for path, (words, tags) in SHELVES.items()
        for colour in COLOURS
        for series in SERIES
    ]
    changed = {"Mugs-blue-bora": ("tableware",), "Pans-gold-alba": ("cookware", "metal", "clay"), "Pots-fern-cora": ()}
    return [Product(each.id, each.title, category=each.category, tags=changed.get(each.id, each.tags)) for each in made]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Return an index of that catalogue."""
    folder: Path = tmp_path_factory.mktemp("tagged") / "index"
    encoder = encoders.load("hashing:128")
    fill(catalogue(), folder, encoder)
    rebuild(folder, settings=IndexSettings(encoder="hashing:128"), encoder=encoder)
    with closing(Engine.open(ServiceSettings(index=folder), encoder)) as engine:
        yield engine


def test_a_tag_that_all_like_it_carry_is_missing(engine: Engine) -> None:
    """Every other mug is dishwasher safe; no other pan is of clay. A product without tags is not audited."""
    keys = np.flatnonzero(engine.live.labels.known)
    found = tag_faults(engine, keys)
    told = {engine.live.labels.ids(np.array([key]))[0]: faults for key, faults in found.items()}
    assert {"Mugs-blue-bora", "Pans-gold-alba"} == set(told)
    ((tag, fault, likely),) = told["Mugs-blue-bora"]
    assert ("dishwasher safe", "missing") == (tag, fault)
    assert likely > 0.5
    ((tag, fault, likely),) = told["Pans-gold-alba"]
    assert ("clay", "wrong") == (tag, fault)
    assert likely > 0.3


def test_keys_that_are_not_stored_are_left_out(engine: Engine) -> None:
    """Above all keys, and none at all."""
    assert {} == tag_faults(engine, np.array([10_000]))
    assert {} == tag_faults(engine, np.zeros(0, np.int64))


def test_how_likely_a_tag_is_missing_or_wrong() -> None:
    """Of ten who should carry it one does not; of twenty tags one is wrong, a common one more often."""
    assert 0.4737 == forgotten(0.9)
    assert 1.0 == forgotten(1.0)
    assert 0.0909 == forgotten(0.5)
    made = mistaken(np.array([0.5, 0.001, 0.001, 0.0]), np.array([0.2, 0.2, 0.002, 0.2]))
    np.testing.assert_allclose([0.0104, 0.9132, 0.0951, 1], made, atol=1e-4)
