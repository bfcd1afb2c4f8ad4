"""aisle duplicates: the tables it writes, and what becomes of pairs that are given."""

import csv
import json
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from indexer.product import Product
from indexer.store.decisions import Decision
from service.cli import aisle
from service.engine import Engine
from service.formulas import defused
from service.settings import ServiceSettings

PAIR = ["left_id", "right_id", "verdict", "probability", "group_id", "evidence"]
POT = "enamelled stock pot 5 l, cream, with a lid of glass and two handles"


@pytest.fixture(scope="module")
def index(built_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an index of 60 products and three copies of a pot."""
    import shutil

    folder = Path(shutil.copytree(built_index, tmp_path_factory.mktemp("pots") / "index"))
    with closing(Engine.open(ServiceSettings(index=folder))) as engine:
        engine.put([Product(name, title=POT, brand="Emalia") for name in ("pot", "pot again", "=pot")])
    return folder


def run(index: Path, *arguments: object) -> Result:
    done = CliRunner().invoke(aisle, ["duplicates", "--index", str(index), *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_pairs_of_an_index_are_written_with_the_columns_that_are_promised(index: Path, tmp_path: Path) -> None:
    """The pot and each of its copies are identical, for certain and in one group, and no pair is different."""
    assert 0 == run(index, "-o", tmp_path / "pairs.csv").exit_code
    found = rows(tmp_path / "pairs.csv")
    assert PAIR == list(found[0])
    pots = [row for row in found if row["left_id"] == "pot"]
    assert [("pot again", "identical", "1.0"), ("'=pot", "identical", "1.0")] == [
        (row["right_id"], row["verdict"], row["probability"]) for row in pots
    ]
    assert 1 == len({row["group_id"] for row in pots})
    assert pots[0]["group_id"]
    assert pots[0]["evidence"]
    assert "different" not in {row["verdict"] for row in found}


def test_the_tables_are_the_same_in_every_format(index: Path, tmp_path: Path) -> None:
    """CSV, TSV, JSON lines, Parquet and stdout hold the same pairs; numbers are such where a format has them."""
    for name in ("a.csv", "a.tsv", "a.jsonl", "a.parquet"):
        run(index, "-o", tmp_path / name)
    told = rows(tmp_path / "a.csv")
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()]
    table = pd.read_parquet(tmp_path / "a.parquet")
    assert told == pd.read_csv(tmp_path / "a.tsv", sep="\t", dtype=str, keep_default_na=False).to_dict("records")
    assert told == [{name: defused(str(cell)) for name, cell in line.items()} for line in lines]
    assert "=pot" in {line["right_id"] for line in lines}
    assert lines == table.to_dict("records")
    assert (tmp_path / "a.csv").read_text("utf-8") == run(index, "-o", "-").stdout


def test_groups_are_written_with_the_product_that_is_kept(index: Path, tmp_path: Path) -> None:
    """Of three equal pots the first that was stored."""
    run(index, "--groups", tmp_path / "groups.csv")
    found = [row for row in rows(tmp_path / "groups.csv") if "pot" in row["id"].split()[0].strip("'=")]
    assert [("pot", "true", "it was stored first"), ("pot again", "false", ""), ("'=pot", "false", "")] == [
        (row["id"], row["survivor"], row["reasons"]) for row in found
    ]
    assert 1 == len({row["group_id"] for row in found})


def test_given_pairs_are_scored_in_place(index: Path, tmp_path: Path) -> None:
    """Same rows, same order, other columns kept; what is unknown has no verdict and says why; counts add up."""
    listed = tmp_path / "listed.csv"
    listed.write_text(
        'note,right_id,left_id,verdict\n"a, b",pot again,pot,old\n,P001,pot,\nx,gone,pot,\n,pot,pot,\nbroken\n', "utf-8"
    )
    said = run(index, "--pairs", listed).stderr
    assert "5 pairs read: 3 scored, 2 unknown" in said
    found = rows(listed)
    assert ["note", "right_id", "left_id", "verdict", "probability", "group_id", "evidence"] == list(found[0])
    assert ["a, b", "", "x", "", "broken"] == [row["note"] for row in found]
    assert ["identical", "different", "", "identical", ""] == [row["verdict"] for row in found]
    assert "not stored: 'gone'" == found[2]["evidence"]
    assert "line 6" in found[4]["evidence"]
    assert found[0]["group_id"]
    assert not found[1]["group_id"]


def test_a_table_of_pairs_can_be_judged_again(index: Path, tmp_path: Path) -> None:
    """Ids that a spreadsheet would take for formulas are quoted in it and found all the same; the list stays theirs."""
    run(index, "-o", tmp_path / "pairs.csv")
    assert "0 unknown" in run(index, "--pairs", tmp_path / "pairs.csv", "-o", tmp_path / "again.csv").stderr
    listed = tmp_path / "listed.csv"
    listed.write_text("note,left_id,right_id\n=1+1,pot,=pot\n", "utf-8")
    run(index, "--pairs", listed)
    (row,) = rows(listed)
    assert ("=1+1", "=pot", "identical") == (row["note"], row["right_id"], row["verdict"])


def test_a_list_without_its_columns_is_refused_and_left_alone(index: Path, tmp_path: Path) -> None:
    """The message names what is missing and what there is."""
    listed = tmp_path / "listed.csv"
    listed.write_text("left_id,other\npot,P001\n", "utf-8")
    done = CliRunner().invoke(aisle, ["duplicates", "--index", str(index), "--pairs", str(listed)])
    assert "has no column right_id, its columns are left_id, other" in str(done.exception)
    assert "left_id,other\npot,P001\n" == listed.read_text("utf-8")


def test_what_people_decided_is_learnt(own_index: Path, tmp_path: Path) -> None:
    """Ten pairs said to be the same product make another likelier; without a decision there is nothing to learn."""
    refused = CliRunner().invoke(aisle, ["duplicates", "--index", str(own_index), "--train"])
    assert "nobody has decided" in str(refused.exception)
    pairs = [(f"P{number:03}", f"P{number + 12:03}", "same product") for number in range(1, 11)]
    listed = tmp_path / "listed.csv"
    listed.write_text("left_id,right_id\nP011,P023\n", "utf-8")
    run(own_index, "--pairs", listed, "-o", tmp_path / "before.csv")
    with closing(Engine.open(ServiceSettings(index=own_index))) as engine:
        engine.live.records.decisions.record(Decision("duplicates", "same", "ten pairs", says=pairs))
    assert "10 decisions about pairs learnt" in run(own_index, "--train").stderr
    run(own_index, "--pairs", listed, "-o", tmp_path / "after.csv")
    before, after = (float(rows(tmp_path / f"{name}.csv")[0]["probability"]) for name in ("before", "after"))
    assert before < after


def test_options_that_do_not_go_together_are_refused(index: Path, tmp_path: Path) -> None:
    """Nothing to write, and --groups beside --pairs."""
    assert 2 == run(index).exit_code
    assert 2 == run(index, "--pairs", tmp_path / "a.csv", "--groups", tmp_path / "b.csv").exit_code


def said(index: Path, *words: str) -> str:
    """Return what `aisle` says, on the index."""
    done = CliRunner().invoke(aisle, [*words, "--index", str(index)])
    assert done.exit_code == 0, done.output
    return done.output


def test_pairs_are_decided_about_on_the_command_line(own_index: Path) -> None:
    """Each is a decision with a number, listed with who, what and whether it stands, and taken back by the number."""
    decided = said(own_index, "duplicates", "decide", "P001", "P002", "different", "--author", "Ann")
    assert "decision 1: P001 and P002: different" in decided
    merged = said(own_index, "duplicates", "decide", "P003", "P004", "merge", "--survivor", "P004")
    assert "decision 2: P003 and P004: merge, P003 is deleted, P004 is kept" in merged
    assert "decision 2 is taken back by decision 3" in said(own_index, "duplicates", "undo", "2")
    lines = [line.split() for line in said(own_index, "decisions").splitlines()]
    assert ["number", "at", "by", "about", "decided", "stands", "subject"] == lines[0]
    assert [["3", "undo"], ["2", "merge"], ["1", "different"]] == [[line[0], line[5]] for line in lines[1:]]
    assert ["undone", "yes"] == [line[6] for line in lines[2:]]
    assert ["Ann", "P001|P002"] == [lines[3][3], lines[3][-1]]
    (listed,) = json.loads(said(own_index, "decisions", "--json", "--limit", "1"))
    assert (listed["number"], listed["undoes"]) == (3, 2)
    assert "nothing is decided yet" in said(own_index, "decisions", "--kind", "tags")
    beyond = CliRunner().invoke(aisle, ["duplicates", "undo", str(2**63), "--index", str(own_index)])
    assert (beyond.exit_code, "is not in the range" in beyond.output) == (2, True)


def test_options_before_a_command_that_does_not_see_them_are_refused(own_index: Path) -> None:
    """Whoever names the index too early would else decide in another one."""
    words = ["duplicates", "--index", str(own_index), "decide", "P001", "P002", "same"]
    done = CliRunner().invoke(aisle, words)
    assert (done.exit_code, "--index stands before decide" in done.output) == (2, True)


def test_what_is_for_merge_alone_is_refused_elsewhere(own_index: Path) -> None:
    """A survivor of two that both stay is a slip of whoever types."""
    words = ["duplicates", "decide", "P001", "P002", "same", "--survivor", "P001", "--index", str(own_index)]
    done = CliRunner().invoke(aisle, words)
    assert (done.exit_code, "are for merge; same keeps both products" in done.output) == (2, True)
