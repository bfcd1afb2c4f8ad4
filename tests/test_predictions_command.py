"""service/commands/predictions.py: predictions listed, exported, counted and taken back from the command line."""

from __future__ import annotations

import csv
from contextlib import closing
from typing import TYPE_CHECKING

import orjson
import pandas as pd
import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from indexer.store.place import open_store
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


def failed(*arguments: object) -> str:
    """Return what a command says that is refused."""
    done = CliRunner().invoke(aisle, ["predictions", *map(str, arguments)])
    assert done.exit_code != 0, done.output
    return f"{done.output}{done.exception}"


def kept(index: Path) -> dict[str, str]:
    """Return the ids of predictions by those of their products."""
    return {each["product_id"]: each["id"] for each in orjson.loads(ran("--index", index, "--json"))}


def category(index: Path, product_id: str) -> str:
    """Return the category of a stored product."""
    with closing(open_store(index)) as records:
        return records.get([product_id])[product_id].record.product.category


def test_an_answer_is_decided_about_by_its_id(index: Path) -> None:
    """Its product is labelled so, with tags and author; a decision that does not fit is refused, as is a second."""
    answer = kept(index)["N3"]
    assert "correct names the category that is right" in failed("decide", answer, "correct", "--index", index)
    told = orjson.loads(ran("decide", answer, "accept", "--tag", "rare", "--author", "Cy", "--json", "--index", index))
    assert (told["action"], told["author"], told["detail"]["added"]) == ("accept", "Cy", ["rare"])
    assert category(index, "N3") == PANS
    assert "is decided about: accept, by decision 3" in failed("decide", answer, "accept", "--index", index)
    assert "no prediction 'p0' is kept" in failed("decide", "p0", "accept", "--index", index)
    assert "with --file" in failed("decide", "--index", index)
    assert "--file says it all" in failed("decide", answer, "accept", "--file", "x.csv", "--index", index)
    ran("undo", 3, "--index", index)
    done = CliRunner().invoke(aisle, ["predictions", "decide", answer, "skip", "--index", str(index)])
    assert done.stderr.splitlines()[-1] == f"decision 5: skip {answer}; it waits for others"


def test_a_table_of_decisions_is_carried_out_once(index: Path, tmp_path: Path) -> None:
    """Row by row; what cannot be is written with its reason, counts add up, and the same table changes nothing."""
    ids = kept(index)
    rows = [
        (ids["N3"], "correct", PRESSES, "steel|'=x", "", "Ann"),
        (ids["N1"], "accept", "", "", "", "Ann"),
        (ids["N2"], "accept", "", "", "", "Ann"),
        (ids["N2"], "", "", "", "", ""),
        (ids["N2"], "approve", "", "", "", ""),
        ("p123", "accept", "", "", "", ""),
        (ids["N3"], "tags", "", "", "", ""),
    ]
    table = tmp_path / "decisions.csv"
    names = ("prediction", "decision", "category", "tags_added", "tags_removed", "author")
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    told = orjson.loads(ran("decide", "--file", table, "--json", "--index", index))
    assert told == {
        "read": 7,
        "decided": 1,
        "unchanged": 1,
        "skipped": 1,
        "refused": 4,
        "actions": {"correct": 1},
        "problems": {"refused": 2, "unknown_decision": 1, "missing_prediction": 1},
        "decisions": [3, 3],
    }
    assert category(index, "N3") == PRESSES
    with (index / "decisions.refused.csv").open(encoding="utf-8", newline="") as file:
        refused = list(csv.DictReader(file))
    assert [(each["line"], each["code"], each["prediction"]) for each in refused] == [
        ("4", "refused", ids["N2"]),
        ("6", "unknown_decision", ids["N2"]),
        ("7", "missing_prediction", "p123"),
        ("8", "refused", ids["N3"]),
    ]
    assert "by decision 2" in refused[0]["reason"]
    again = orjson.loads(ran("decide", "--file", table, "--json", "--index", index))
    assert (again["decided"], again["unchanged"], again["refused"]) == (0, 2, 4)
    words = CliRunner().invoke(aisle, ["predictions", "decide", "--file", str(table), "--index", str(index)]).stderr
    assert "7 rows read" in words
    assert "2 decided so already" in words
    once_more = orjson.loads(ran("decide", "--file", index / "decisions.refused.csv", "--json", "--index", index))
    assert (once_more["read"], once_more["refused"]) == (4, 4)


def test_an_exported_table_is_filled_in_and_carried_out(index: Path, tmp_path: Path) -> None:
    """Rows that were decided about before change nothing; one without both columns is refused whole."""
    table = tmp_path / "p.csv"
    ran("export", "-o", table, "--index", index)
    frame = pd.read_csv(table, dtype=str, keep_default_na=False)
    frame.loc[frame["product_id"] == "N3", ["action", "author"]] = ["coarser", "Cy"]
    frame.to_csv(table, index=False)
    told = orjson.loads(ran("decide", "--file", table, "--json", "--index", index))
    assert (told["decided"], told["unchanged"], told["refused"]) == (1, 2, 0)
    assert category(index, "N3") == "Kitchen > Cookware"
    frame[["title"]].to_csv(table, index=False)
    assert "its columns are title; give it prediction and decision" in failed(
        "decide", "--file", table, "--index", index
    )


def test_what_classify_answers_is_kept_and_decided_about(own_index: Path, tmp_path: Path) -> None:
    """With the ids in its table, of which a row without a product's id has none; not where nothing is to be kept."""
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("sku,title\nN1,Hollin frying pan\n,Dog lead\nN3,\n", encoding="utf-8")
    asked = ["classify", str(source), "-o", str(out), "--index", str(own_index)]
    for extra, environment in ((["--keep-nothing"], {}), ([], {"AISLE_PREDICTION_DAYS": "0"})):
        assert CliRunner().invoke(aisle, [*asked, *extra], env=environment).exit_code == 0
        assert kept(own_index) == {}
    done = CliRunner().invoke(aisle, asked)
    assert "2 answers kept" in done.stderr
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    ids = kept(own_index)
    assert [row["aisle_prediction"] for row in rows] == [ids["N1"], ids[""], ""]
    told = orjson.loads(ran("--index", own_index, "--json"))
    assert {each["caller"] for each in told} == {"aisle classify"}
    CliRunner().invoke(aisle, asked)
    assert len(kept(own_index)) == 2
    columns = [*rows[0], "decision", "decided_category"]
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows([rows[0] | {"decision": "Accept"}, rows[1] | {"decision": "accept"}])
    decided = orjson.loads(ran("decide", "--file", out, "--json", "--index", own_index))
    assert (decided["decided"], decided["problems"]) == (1, {"refused": 1})
    assert category(own_index, "N1") == PANS
