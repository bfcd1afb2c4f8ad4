"""service/evaluation/tracking.py: what MLflow keeps of an evaluation, in a store of files, and what it says instead."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import AisleError, MissingExtra
from service.evaluation.tracking import EXPERIMENT, PATIENCE, Tracker, metrics

FIGURES: dict[str, Any] = {
    "setting": {"index": "index/shop", "snapshot": "S", "encoder": "hashing:64", "precision": 0.95, "policy": "auto"},
    "method": "leave-one-out",
    "asked": 40,
    "measures": {"leaf": {"value": 0.9, "low": 0.8, "high": 0.95}, "macro_f1": {"value": 0.7, "low": 0.6, "high": 0.8}},
    "calibration": {"error": 0.02},
    "top": {"1": 0.9, "2": 0.95},
    "dial": [
        {"asked": 0.8, "coverage": 0.75, "precision": 0.85, "low": 0.8, "high": 0.9, "leaf": 0.7},
        {"asked": 0.99, "coverage": 0.0, "precision": None, "low": 0.0, "high": 1.0, "leaf": 0.0},
    ],
}
NUMBERS = {
    "asked": 40,
    "leaf": 0.9,
    "macro_f1": 0.7,
    "calibration_error": 0.02,
    "top_1": 0.9,
    "top_2": 0.95,
    "coverage_at_0.8": 0.75,
    "precision_at_0.8": 0.85,
    "coverage_at_0.99": 0.0,
}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of a store of files, which MLflow has to be asked for."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    for name in PATIENCE:
        monkeypatch.setenv(name, "1")
    return f"file:{tmp_path / 'runs'}"


def test_the_numbers_to_follow_are_those_that_there_are() -> None:
    """A precision that nothing reached is none."""
    assert dict(metrics(FIGURES)) == NUMBERS


def test_an_evaluation_is_kept_whole(store: str, tmp_path: Path) -> None:
    """Numbers as metrics, the setting as parameters, page and figures as files, in a run that has ended well."""
    page = tmp_path / "report.html"
    page.write_text("<p>")
    tracker = Tracker.open(store)
    run = tracker.log(FIGURES, [page])

    kept = tracker.client.get_run(run)
    assert kept.data.metrics == NUMBERS
    assert kept.data.params == {
        "index": "index/shop",
        "snapshot": "S",
        "encoder": "hashing:64",
        "precision": "0.95",
        "policy": "auto",
        "method": "leave-one-out",
    }
    assert kept.info.status == "FINISHED"
    assert [file.path for file in tracker.client.list_artifacts(run)] == ["report.html"]
    assert tracker.client.get_experiment(kept.info.experiment_id).name == EXPERIMENT


def test_runs_stand_side_by_side_in_one_experiment(store: str) -> None:
    """It is made with the first."""
    first = Tracker.open(store).log(FIGURES, [])
    tracker = Tracker.open(store)
    second = tracker.log(FIGURES, [])
    assert {run.info.run_id for run in tracker.client.search_runs([tracker.experiment_id])} == {first, second}


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    for name in [name for name in sys.modules if name.split(".")[0] == "mlflow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtra, match=r"mlflow is not installed; install it with: pip install 'aisle\[mlflow\]'"):
        Tracker.open("http://127.0.0.1:9")


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "nonsense://x", "file:/proc/none"])
def test_what_cannot_be_reached_is_told_in_one_line(uri: str) -> None:
    """Soon, and with the address."""
    began = time.monotonic()
    with pytest.raises(AisleError, match=f"the evaluation cannot be logged at {uri}: .") as told:
        Tracker.open(uri)
    assert "\n" not in str(told.value)
    assert time.monotonic() - began < 30


def test_a_run_that_breaks_off_is_told_in_one_line(store: str, tmp_path: Path) -> None:
    """As when a file of it is not there."""
    with pytest.raises(AisleError, match=f"the evaluation cannot be logged at {store}: .*none.html"):
        Tracker.open(store).log(FIGURES, [tmp_path / "none.html"])


def test_a_store_whose_package_is_not_there_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A database needs more than the extra brings."""
    monkeypatch.setitem(sys.modules, "alembic", None)
    with pytest.raises(AisleError, match="alembic is not installed; give the address of a tracking server"):
        Tracker.open(f"sqlite:///{tmp_path}/runs.db")


def test_the_environment_says_how_long_a_server_is_tried(monkeypatch: pytest.MonkeyPatch, store: str) -> None:
    """Where it says something, that stands; where not, the wait is short."""
    one, other = PATIENCE
    monkeypatch.setenv(one, "5")
    monkeypatch.delenv(other)
    Tracker.open(store)
    assert (os.environ[one], os.environ[other]) == ("5", PATIENCE[other])
