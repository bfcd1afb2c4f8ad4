"""service/evaluation/run.py: one evaluation from start to end, and the gate between two indexes."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import SettingError, SnapshotMissing, SourceError
from indexer.settings import IndexSettings
from indexer.snapshots import snapshot
from indexer.sources import Source, read
from service.engine import Engine
from service.evaluation import gate
from service.evaluation.run import PREVIOUS, Plan, evaluate
from service.rebuild import rebuild, recalibrate
from service.settings import ServiceSettings
from taxonomy.mapping import CategoryMapper

OWN = Plan(method="leave-one-out")


@pytest.fixture(autouse=True)
def _fewer_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw a fifth of the samples, with which these tests are as plain."""
    monkeypatch.setattr(gate, "RESAMPLES", 400)


@pytest.fixture
def shuffled(built_index: Path, tmp_path: Path) -> Path:
    """Return an index in which the labels of half of the products are shuffled."""
    folder = Path(shutil.copytree(built_index, tmp_path / "shuffled"))
    with closing(Engine.open(ServiceSettings(index=folder))) as engine:
        stored = [each.record.product for each in engine.page(0, 100)]
        chosen = np.random.default_rng(5).permutation(len(stored))[:30].tolist()
        labels = [stored[place].category for place in chosen]
        engine.put([replace(stored[to], category=label) for to, label in zip(sorted(chosen), labels, strict=True)])
    return folder


def test_an_index_is_asked_by_the_plan(built_index: Path) -> None:
    """Of its own, with a snapshot, a precision and a policy that the report names."""
    settings = ServiceSettings(index=built_index, precision=0.9, policy="leaf")
    said = evaluate(settings, replace(OWN, sample=20))
    assert said["setting"] == {
        "index": str(built_index),
        "snapshot": snapshot.read_manifest(built_index).id,
        "encoder": "hashing:64",
        "precision": 0.9,
        "policy": "leaf",
    }
    assert (said["method"], said["read"], said["asked"], said["left"]) == ("leave-one-out", 60, 20, {"not sampled": 40})
    assert "gate" not in said


def test_equal_indexes_pass_the_gate(built_index: Path, tmp_path: Path) -> None:
    """A copy is no different in any measure, on all that both hold."""
    copy = shutil.copytree(built_index, tmp_path / "copy")
    said = evaluate(ServiceSettings(index=built_index), replace(OWN, against=str(copy)))["gate"]
    assert (said["products"], said["worse"], said["other"]["index"]) == (60, [], str(copy))
    assert {each["difference"] for each in said["comparisons"]} == {0.0}


def test_half_of_the_labels_shuffled_does_not_pass(built_index: Path, shuffled: Path) -> None:
    """And the other way round it does."""
    worse = evaluate(ServiceSettings(index=shuffled), replace(OWN, against=str(built_index)))["gate"]["worse"]
    assert {"leaf", "macro_f1", "hierarchical_f1", "automatic", "certainty"} <= set(worse)
    assert evaluate(ServiceSettings(index=built_index), replace(OWN, against=str(shuffled)))["gate"]["worse"] == []


def test_a_gate_is_refused_where_each_index_would_be_asked_about_other_products(built_index: Path) -> None:
    """Before anything is opened, with both remedies."""
    for method in ("held-out", "cross-validated"):
        plan = Plan(method=method, against=PREVIOUS)
        with pytest.raises(SettingError, match=r"builds new ones; name a SOURCE .* or give --method leave-one-out"):
            evaluate(ServiceSettings(index=built_index / "none"), plan)


def test_an_index_is_compared_with_what_was_served_before_it(own_index: Path) -> None:
    """There is something only after a second build or calibration; then it is the snapshot before."""
    before = snapshot.read_manifest(own_index).id
    with pytest.raises(SnapshotMissing, match="keeps no snapshot from before"):
        evaluate(ServiceSettings(index=own_index), replace(OWN, against=PREVIOUS))
    recalibrate(own_index)
    said = evaluate(ServiceSettings(index=own_index), replace(OWN, against=PREVIOUS))
    assert said["setting"]["snapshot"] != before == said["gate"]["other"]["snapshot"]
    assert said["gate"]["worse"] == []


def test_the_snapshot_before_may_be_of_another_encoder(own_index: Path) -> None:
    """It is asked with its own."""
    rebuild(own_index, settings=IndexSettings(encoder="hashing:32"))
    said = evaluate(ServiceSettings(index=own_index), replace(OWN, sample=40, against=PREVIOUS))
    assert (said["setting"]["encoder"], said["gate"]["other"]["encoder"]) == ("hashing:32", "hashing:64")
    assert said["gate"]["products"] == 40


def test_both_indexes_are_asked_about_the_products_of_a_source(built_index: Path, own_index: Path) -> None:
    """Each reads it once; what one of them holds is asked of neither."""
    file = own_index / "new.csv"
    kinds = [f"{size} {colour}" for size in ("short", "long", "broad", "thin") for colour in range(10)]
    rows = [f"n{n},Fenwick {kind} dog lead for walks,Pets > Dogs > Leads" for n, kind in enumerate(kinds)]
    file.write_text("\n".join(["id,title,category", *rows]))
    opened: list[CategoryMapper | None] = []

    def source(mapper: CategoryMapper | None) -> Source:
        opened.append(mapper)
        return read(file, mapper=mapper)

    with read(file) as some, closing(Engine.open(ServiceSettings(index=own_index))) as engine:
        engine.put([row.product for row in some if row.product is not None][:2])
    said = evaluate(ServiceSettings(index=built_index), Plan(against=str(own_index)), source=source)
    assert opened == [None, None]
    assert (said["method"], said["asked"], said["gate"]["products"]) == ("products of a source", 40, 38)
    assert {each["measure"]: each["this"] for each in said["gate"]["comparisons"]}["leaf"] == 1.0


def test_two_indexes_that_share_nothing_are_refused(built_index: Path, own_index: Path) -> None:
    """There is no question for both."""
    with closing(Engine.open(ServiceSettings(index=own_index))) as engine:
        stored = [each.record.product for each in engine.page(0, 100)]
        engine.delete([each.id for each in stored])
        engine.put([replace(each, id=f"other {each.id}") for each in stored[:20]])
    with pytest.raises(SourceError, match="the two indexes share 0 labelled products to ask about"):
        evaluate(ServiceSettings(index=built_index), replace(OWN, against=str(own_index)))
