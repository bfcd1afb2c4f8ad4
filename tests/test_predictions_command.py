"""service/commands/predictions.py: predictions listed, exported, counted and taken back from the command line."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import orjson
import pandas as pd
import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from service.cli import aisle
from service.rest.app import create_app
from service.settings import ServiceSettings

if TYPE_CHECKING:
    from pathlib import Path

PANS, PRESSES = "Kitchen > Cookware > Frying Pans", "Kitchen > Coffee > French Presses"


@pytest.fixture
def index(own_index: Path) -> Path:
    """Return an index whose service answered three times: accepted, corrected, and nobody looked."""
    with TestClient(create_app(ServiceSettings(index=own_index, upkeep=False))) as client:
        for number, body in enumerate(
            ({"decision": "accept"}, {"decision": "correct", "category": PRESSES, "author": "Ann"}, None), start=1
        ):
            product = {"id": f"N{number}", "title": "=Hollin frying pan", "facts": {"supplier": "@ACME"}}
            answer = client.post("/v1/categorize", json=product).json()
            if body:
                client.post(f"/v1/predictions/{answer['prediction_id']}/decision", json=body)
    return own_index


def ran(*arguments: object) -> str:
    """Return what a command prints."""
    done = CliRunner().invoke(aisle, ["predictions", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_predictions_are_listed(index: Path) -> None:
    """The latest first, with what was decided; as JSON with everything; of some alone where that is asked."""
    lines = ran("--index", index).splitlines()
    assert [line.split()[3] for line in lines[1:]] == ["N3", "N2", "N1"]
    assert [line.split()[6] for line in lines[1:]] == ["-", "correct", "accept"]
    (undecided,) = orjson.loads(ran("--index", index, "--json", "--decided", "no"))
    assert (undecided["product_id"], undecided["product"]["title"]) == ("N3", "=Hollin frying pan")
    assert ran("--index", index, "--since", "2999-01-01").strip() == "nothing is kept yet"


def test_predictions_are_exported(index: Path, tmp_path: Path) -> None:
    """As tables with the decision beside the answer, and no formula in those that spreadsheets open; JSON has all."""
    for suffix in ("csv", "parquet", "jsonl"):
        ran("export", "-o", tmp_path / f"p.{suffix}", "--index", index)
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["title"] for row in rows] == ["'=Hollin frying pan"] * 3
    assert [row["supplier"] for row in rows] == ["'@ACME"] * 3
    assert [(row["category"], row["action"], row["decided_category"], row["author"]) for row in rows] == [
        (PANS, "", "", ""),
        (PANS, "correct", PRESSES, "Ann"),
        (PANS, "accept", PANS, ""),
    ]
    table = pd.read_parquet(tmp_path / "p.parquet")
    assert table["title"].tolist() == ["=Hollin frying pan"] * 3
    assert table["probability"].dtype == float
    lines = [orjson.loads(line) for line in (tmp_path / "p.jsonl").read_bytes().splitlines()]
    assert [len(each["reviews"]) for each in lines] == [0, 1, 1]
    assert lines[1]["reviews"][0]["category"] == PRESSES


def test_figures_are_told(index: Path) -> None:
    """In words and as JSON; a decision that is taken back is in none."""
    said = ran("figures", "--index", index)
    assert "3 predictions kept, 1 to be decided about" in said
    assert "1 of 2 accepted, 50.0% (9.5% to 90.5%)" in said
    assert "@ACME" in said
    told = orjson.loads(ran("figures", "--index", index, "--json", "--supplier", "@ACME"))
    assert (told["total"]["decided"], told["total"]["override"]) == (2, 0.5)
    ran("undo", 2, "--index", index)
    assert "1 of 1 accepted" in ran("figures", "--index", index)
