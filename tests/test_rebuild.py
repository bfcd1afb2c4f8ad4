"""service/rebuild.py: an index built and calibrated in one go learns from labels as far as they have a voice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import product as combinations
from pathlib import Path

import numpy as np
import pytest

from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.snapshots import snapshot
from indexer.snapshots.snapshot import Snapshot
from indexer.sources import read
from indexer.space import TEXT
from service.rebuild import build

SETTINGS = IndexSettings(encoder="hashing:64", kind="exact")
SHELVES = {"Desk > Lamps": "brass lamp", "Desk > Trays": "cork tray", "Bath > Towels": "cotton towel"}
STYLES = ("round", "oval", "plain", "striped", "tall", "flat")
CATALOGUE = [
    Product(f"{number:02}", f"{maker} {style} {noun}", category=path, tags=(noun.split()[0],))
    for number, ((path, noun), maker, style) in enumerate(
        combinations(SHELVES.items(), ("Arbel", "Lind", "Norr"), STYLES)
    )
]
WRONG = [replace(each, id=f"w{each.id}", title=f"{each.title} new", category="Bath > Towels") for each in CATALOGUE[:9]]


def built(folder: Path, products: Sequence[Product]) -> Snapshot:
    """Return the published snapshot of an index of these products, calibrated."""
    folder.mkdir()
    rows = [
        {
            "id": each["id"],
            "title": each["title"],
            "category": each["category"],
            "tags": "|".join(each["tags"]),
            "label_provenance": each["provenance"],
            "label_weight": str(each["weight"]),
        }
        for each in map(asdict, products)
    ]
    (folder / "p.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    build(read(folder / "p.jsonl"), folder / "i", settings=SETTINGS)
    return snapshot.load(folder / "i")


def assert_learnt_alike(one: Snapshot, other: Snapshot) -> None:
    """Space, prototypes and calibration are the same to the last bit."""
    spaces = [loaded.built.space.spaces[TEXT].learnt for loaded in (one, other)]
    assert spaces[0] is not None
    assert spaces[1] is not None
    for name in ("columns", "reduction", "centres", "matrix", "shift", "shrinkage"):
        assert np.array_equal(getattr(spaces[0], name), getattr(spaces[1], name)), name
    prototypes = [loaded.built.contents.views[TEXT].prototypes for loaded in (one, other)]
    assert np.array_equal(prototypes[0].counts, prototypes[1].counts)
    assert one.calibration == other.calibration
    learning = [loaded.manifest.views[TEXT]["learning"] for loaded in (one, other)]
    assert learning[0] == learning[1] != {}


def test_a_machine_s_labels_teach_nothing(tmp_path: Path) -> None:
    """An index with wrong labels by a machine has learnt what it would without those labels, and shows them."""
    machine = built(tmp_path / "machine", CATALOGUE + [replace(each, provenance="machine") for each in WRONG])
    without = built(tmp_path / "without", CATALOGUE + [replace(each, category="", tags=()) for each in WRONG])
    assert_learnt_alike(machine, without)
    sums = [loaded.built.contents.views[TEXT].prototypes.sums for loaded in (machine, without)]
    assert np.array_equal(sums[0], sums[1])
    labels = machine.built.contents.labels
    key = labels.key("w00")
    assert (labels.labelled, without.built.contents.labels.labelled) == (63, 54)
    assert machine.built.tree.text(int(labels.nodes(np.array([key]))[0])) == "Bath > Towels"


def test_a_person_who_takes_over_a_machine_s_labels_is_learnt_from(tmp_path: Path) -> None:
    """The same labels with another provenance are as good as any."""
    confirmed = built(tmp_path / "human", CATALOGUE + [replace(each, provenance="human") for each in WRONG])
    supplied = built(tmp_path / "supplier", CATALOGUE + WRONG)
    assert_learnt_alike(confirmed, supplied)
    assert json.loads(confirmed.calibration)["observations"] == 63


@pytest.mark.parametrize("weight", [0.5, 4.0])
def test_what_is_learnt_depends_on_how_weights_compare(tmp_path: Path, weight: float) -> None:
    """The space of labels that all weigh the same is the one of full voices, and prototypes point the same way."""
    alike = built(tmp_path / "alike", [replace(each, weight=weight) for each in CATALOGUE])
    full = built(tmp_path / "full", CATALOGUE)
    one, other = (each.built.space.spaces[TEXT].learnt for each in (alike, full))
    assert one is not None
    assert other is not None
    np.testing.assert_allclose(one.matrix, other.matrix, atol=1e-5)
    sums = [loaded.built.contents.views[TEXT].prototypes.sums for loaded in (alike, full)]
    np.testing.assert_allclose(sums[0], weight * sums[1], atol=1e-3)
