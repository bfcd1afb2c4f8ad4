"""The table that classify writes: the columns that came, the columns that are added, whole or not at all."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from indexer.errors import SettingError, SourceError
from indexer.product import Product
from indexer.sources import read
from service.answer import Answer, Candidate, Duplicate, Neighbour, TagScore, TaxonomyVersion
from service.console import workbook
from service.console.table import (
    ADDED,
    CHUNK,
    NOTHING,
    Cells,
    Tally,
    answer_cells,
    check_output,
    classify_table,
    open_table,
)
from service.engine import Engine
from service.settings import ServiceSettings

LEAVES = ("aisle_leaf_1", "aisle_leaf_2", "aisle_leaf_3")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@pytest.fixture(scope="module")
def engine(built_index: Path) -> Iterator[Engine]:
    """Return an engine over the invented products."""
    with closing(Engine.open(ServiceSettings(index=built_index))) as opened:
        yield opened


def ignore(tally: Tally) -> None:
    """Take no notice of progress."""
    del tally


def run(engine: Engine, source: Path, out: Path) -> Tally:
    """Classify a file into another."""
    with read(source, labelled=False) as rows:
        return classify_table(rows, out, engine.classify, ignore, engine.commonest(3))


def table(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    """Return the rows of a delimited file as another program reads them."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


def test_the_columns_are_a_contract() -> None:
    """Other programs rely on these names and this order."""
    assert (
        *("aisle_decision", "aisle_path", "aisle_probability"),
        *("aisle_leaf_1", "aisle_leaf_1_probability", "aisle_leaf_2", "aisle_leaf_2_probability"),
        *("aisle_leaf_3", "aisle_leaf_3_probability"),
        *("aisle_tags", "aisle_neighbours", "aisle_duplicates", "aisle_prediction", "aisle_problem"),
    ) == ADDED


def test_cells_of_an_answer() -> None:
    """The decided category, the three best leaves, and lists separated by bars."""
    leaves = [Candidate(str(n), f"A > B{n}", 0.5 / n) for n in range(1, 6)]
    answer = Answer(
        product_id="p",
        prediction_id="x",
        decision="suggest",
        reason="0.80 of the vote agree",
        category=Candidate("a", "A", 0.8),
        levels=(),
        alternatives=tuple(leaves),
        tags=(TagScore("red", 0.9, "text"), TagScore("big", 0.4, "neighbours")),
        neighbours=(Neighbour("n1", "One", "A > B1", 0.9, 0.6), Neighbour("n2", "Two", "", 0.8, 0.0)),
        duplicates=(
            Duplicate("n1", 0.99, "identical", 1.0, ("equal content",)),
            Duplicate("n3", 0.97, "same product", 0.8, ()),
            Duplicate("n2", 0.95, "variant", 0.1, ()),
        ),
        used={"text": True},
        language="en",
        snapshot="s",
        taxonomy=TaxonomyVersion(1, "v"),
        model="m",
    )
    assert answer_cells(answer) == {
        "aisle_decision": "suggest",
        "aisle_path": "A",
        "aisle_probability": 0.8,
        "aisle_leaf_1": "A > B1",
        "aisle_leaf_1_probability": 0.5,
        "aisle_leaf_2": "A > B2",
        "aisle_leaf_2_probability": 0.25,
        "aisle_leaf_3": "A > B3",
        "aisle_leaf_3_probability": 0.5 / 3,
        "aisle_tags": "red|big",
        "aisle_neighbours": "n1|n2",
        "aisle_duplicates": "n1|n3",
        "aisle_prediction": "x",
        "aisle_problem": "",
    }


def test_cells_that_came_keep_their_text(engine: Engine, tmp_path: Path) -> None:
    """What looks like a number or like nothing, quotes, line breaks and spaces: all of it comes out as it went in."""
    odd = ["NA", "007", "1.0", "null", "", " padded ", 'she said "no"', "two\nlines", "a,b;c\td", "=1+1", "1e5", "été"]
    rows = [["id", "title", "NaN", "empty"], *([f"p{n}", "Dog lead", cell, ""] for n, cell in enumerate(odd))]
    with (tmp_path / "in.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)

    run(engine, tmp_path / "in.csv", tmp_path / "out.csv")

    came = table(tmp_path / "in.csv")
    assert [{name: row[name] for name in came[0]} for row in table(tmp_path / "out.csv")] == came
    assert [*came[0], *ADDED] == list(table(tmp_path / "out.csv")[0])


@pytest.mark.parametrize(
    ("suffix", "shown"), [(".csv", "'=a"), (".tsv", "'=a"), (".jsonl", "=a"), (".parquet", "=a"), (".xlsx", "=a")]
)
def test_no_text_of_ours_is_a_formula_to_a_spreadsheet(tmp_path: Path, suffix: str, shown: str) -> None:
    """In formats that one opens; what others wrote, numbers and other formats stay as they are."""
    path = tmp_path / f"any{suffix}"
    with open_table(path, ["theirs", "ours", "number"], ["number"], own=["ours", "number"]) as write:
        write([{"theirs": "=t", "ours": "=a", "number": -0.5}])
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".csv": pd.read_csv,
        ".tsv": lambda file: pd.read_csv(file, sep="\t"),
        ".jsonl": lambda file: pd.read_json(file, lines=True),
        ".parquet": pd.read_parquet,
        ".xlsx": pd.read_excel,
    }
    assert [("=t", shown, -0.5)] == list(readers[suffix](path).itertuples(index=False, name=None))


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(TEXT, TEXT), max_size=5), suffix=st.sampled_from([".csv", ".tsv"]))
def test_whatever_text_is_written_is_read_back(tmp_path: Path, rows: list[tuple[str, str]], suffix: str) -> None:
    """A delimited file holds any text: delimiters, quotes, every kind of line break."""
    path = tmp_path / f"any{suffix}"
    with open_table(path, ["a", "b"], own=()) as write:
        write([dict(zip("ab", row, strict=True)) for row in rows])
    assert table(path, "\t" if suffix == ".tsv" else ",") == [{"a": a, "b": b} for a, b in rows]


def test_every_row_is_there_in_order_over_many_chunks(engine: Engine, tmp_path: Path) -> None:
    """Rows come out in the order they went in, progress is told after each chunk, counts add up."""
    count, told = 2 * CHUNK + 3, []
    source = tmp_path / "in.csv"
    source.write_text("id,title\n" + "".join(f"r{n},Frying pan {n}\n" for n in range(count)))

    with read(source, labelled=False) as rows:
        tally = classify_table(rows, tmp_path / "out.csv", engine.classify, lambda tally: told.append(tally.read))

    assert [row["id"] for row in table(tmp_path / "out.csv")] == [f"r{n}" for n in range(count)]
    assert told == [CHUNK, 2 * CHUNK, count]
    assert (tally.read, tally.decisions.total(), tally.problems) == (count, count, 0)


def test_a_bad_row_stays_in_its_place_with_its_problem(engine: Engine, tmp_path: Path) -> None:
    """Its own cells are kept, it is left to a person, and the rows around it are answered."""
    source = tmp_path / "in.csv"
    source.write_text("id,title,specs\nA,Dog lead,\nB,,\nC,Pruner,{broken\n,Terracotta planter,\nE,one,two,three\n")

    tally = run(engine, source, tmp_path / "out.csv")

    rows = table(tmp_path / "out.csv")
    assert [(row["id"], row["title"], row["aisle_decision"] != "abstain") for row in rows] == [
        *(("A", "Dog lead", True), ("B", "", False), ("C", "Pruner", False), ("", "Terracotta planter", True)),
        ("E", "one", False),
    ]
    assert [row["aisle_problem"] for row in rows] == [
        "",
        "line 3: the row has neither text nor image; give it at least a title",
        (
            "line 4: the specs '{broken' start as JSON and are none: "
            "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
        ),
        "",
        "line 6: 4 cells where the header has 3; quote cells that contain ','",
    ]
    bad = [row for row in rows if row["aisle_problem"]]
    assert {row[name] for row in bad for name in ("aisle_path", "aisle_probability", "aisle_tags")} == {""}
    commonest = [each.path for each in engine.commonest(3)]
    assert [[row[leaf] for leaf in LEAVES] for row in bad] == [commonest] * 3
    assert (tally.read, tally.decisions.total(), tally.decisions["abstain"], tally.problems) == (5, 5, 3, 3)


def test_the_three_best_leaves_are_always_filled(engine: Engine, tmp_path: Path) -> None:
    """Even where all voters agree, and where nothing alike is stored."""
    source = tmp_path / "in.csv"
    source.write_text("id,title\nA,Oakridge large dog lead\nB,zzzz\n")
    run(engine, source, tmp_path / "out.csv")
    assert [sum(bool(row[leaf]) for leaf in LEAVES) for row in table(tmp_path / "out.csv")] == [3, 3]


def test_a_stored_product_finds_its_shelf_and_its_copy(engine: Engine, tmp_path: Path) -> None:
    """A listing without its label gets path, tags and neighbours of its like; its equal is its duplicate."""
    source = tmp_path / "in.jsonl"
    stored = engine.get("P060").record.product
    row = {"id": "new", "title": stored.title, "description": stored.description, "brand": stored.brand}
    source.write_text(json.dumps({**row, "specs": dict(stored.specs)}) + "\n")

    run(engine, source, tmp_path / "out.jsonl")

    found = json.loads((tmp_path / "out.jsonl").read_text())
    assert (found["aisle_path"], found["aisle_tags"]) == ("Pets > Dogs > Leads", "dog|outdoor")
    assert found["aisle_duplicates"].split("|")[0] == found["aisle_neighbours"].split("|")[0] == "P060"


def test_a_second_run_replaces_what_the_first_added(engine: Engine, tmp_path: Path) -> None:
    """A table that was classified can be classified again, even into itself, and has no column twice."""
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("id,title\nA,Dog lead\nB,Pruner\n")
    run(engine, source, out)
    first = out.read_text()
    run(engine, out, out)
    assert out.read_text() == first


def test_lines_keep_what_they_have_and_lack(engine: Engine, tmp_path: Path) -> None:
    """In JSONL a missing entry stays missing, an empty one empty, and a late column is kept."""
    source = tmp_path / "in.jsonl"
    lines = ['{"id":"A","title":"Dog lead","note":""}', '{"id":"B","title":"Pruner"}']
    late = '{"id":"Z","title":"Planter","late":"x/y"}'
    source.write_text("\n".join([*lines, *['{"id":"f","title":"Pan"}'] * 1_000, late]) + "\n")

    assert run(engine, source, tmp_path / "out.jsonl").left_out == 0

    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [set(row) - set(ADDED) for row in (*rows[:2], rows[-1])] == [
        {"id", "title", "note"},
        {"id", "title"},
        {"id", "title", "late"},
    ]
    assert '"late":"x/y"' in (tmp_path / "out.jsonl").read_text()
    assert run(engine, source, tmp_path / "out.csv").left_out == 1


def test_a_parquet_table_has_text_and_numbers(engine: Engine, tmp_path: Path) -> None:
    """Columns that came are text, probabilities are numbers, missing ones are null; any reader can tell."""
    source = tmp_path / "in.csv"
    source.write_text("id,title,price\n007,Dog lead,1.50\n008,,\n")

    run(engine, source, tmp_path / "out.parquet")

    frame = pd.read_parquet(tmp_path / "out.parquet")
    assert list(frame.columns) == ["id", "title", "price", *ADDED]
    assert frame[["id", "price"]].to_numpy().tolist() == [["007", "1.50"], ["008", ""]]
    assert frame["aisle_probability"].isna().tolist() == [False, True]
    types = {str(field.type) for field in pq.read_schema(tmp_path / "out.parquet") if field.name in ADDED}
    assert types == {"string", "double"}


def test_a_parquet_table_is_written_in_groups(tmp_path: Path) -> None:
    """Small chunks make no small row groups, which would be slow to read."""
    path = tmp_path / "out.parquet"
    with open_table(path, ["id", *ADDED]) as write:
        for start in range(0, 10_000, CHUNK):
            write([{"id": str(n), **NOTHING} for n in range(start, min(start + CHUNK, 10_000))])
    with pq.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        assert (sizes, file.read(["id"]).column(0).to_pylist()) == ([8_192, 1_808], [str(n) for n in range(10_000)])


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".xlsx"])
def test_a_source_without_rows_gives_a_table_without_rows(engine: Engine, tmp_path: Path, suffix: str) -> None:
    """The header alone is a whole table."""
    (tmp_path / "in.csv").write_text("id,title\n")
    tally = run(engine, tmp_path / "in.csv", tmp_path / f"out{suffix}")
    assert (tally.read, (tmp_path / f"out{suffix}").is_file()) == (0, True)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".xlsx"])
def test_what_is_broken_off_leaves_the_table_from_before(engine: Engine, tmp_path: Path, suffix: str) -> None:
    """A source that ends inside its gzip data is an error; no half of a table is left, nothing else either."""
    rows = gzip.compress(b"id,title\n" + b"".join(b"%d,Dog lead %d\n" % (n, n * n) for n in range(3_000)))
    (tmp_path / "in.csv.gz").write_bytes(rows[:-900])
    out = tmp_path / f"out{suffix}"
    out.write_text("from before")

    def classify(products: Sequence[Product]) -> list[Answer]:
        answer = engine.classify([products[0]])[0]
        assert isinstance(answer, Answer)
        return [answer] * len(products)

    with read(tmp_path / "in.csv.gz", labelled=False) as source, pytest.raises(SourceError, match="ends inside"):
        classify_table(source, out, classify, ignore)
    assert out.read_text() == "from before"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in.csv.gz", out.name])


def test_a_workbook_holds_text_as_text_and_numbers_as_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a text looks like; what no cell can hold is left out or cut, and no sheet is longer than sheets are."""
    path = tmp_path / "t.xlsx"
    texts = ["007", "=1+1", "a\x0bb", "1e5", "x" * 40_000]
    with open_table(path, ["text", "share"], ["share"]) as write:
        write([{"text": text, "share": 0.25} for text in texts])
    sheet = load_workbook(path).active
    assert [[cell.value for cell in row] for row in sheet.iter_rows(max_row=5)] == [
        ["text", "share"],
        ["007", 0.25],
        ["=1+1", 0.25],
        ["a b", 0.25],
        ["1e5", 0.25],
    ]
    assert (sheet["A3"].data_type, sheet["B3"].data_type, len(sheet["A6"].value)) == ("s", "n", 32_767)
    monkeypatch.setattr(workbook, "ROWS", 5)
    with (
        pytest.raises(SettingError, match=r"more than the 5 rows of a sheet; ask for \.csv"),
        open_table(path, ["text"]) as write,
    ):
        write([{"text": text} for text in texts])
    assert load_workbook(path).active.max_row == 6


def test_missing_cells_are_empty_in_a_table(tmp_path: Path) -> None:
    """None and a cell that is not there are the same in CSV."""
    rows: list[Cells] = [{"a": "x"}, {"a": "y", "b": None}, {"a": "z", "b": 0.25}]
    with open_table(tmp_path / "t.csv", ["a", "b"]) as write:
        write(rows)
    assert (tmp_path / "t.csv").read_text() == "a,b\nx,\ny,\nz,0.25\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out.ods", "'out.ods' is none of .csv, .tsv, .jsonl, .parquet, .xlsx"),
        ("out", "'out' is none of"),
        ("missing/out.csv", "there is no folder .*missing to write out.csv into; make it first"),
        ("folder.csv", "folder.csv is a folder; name a file"),
    ],
)
def test_a_name_that_no_table_can_have_is_refused(tmp_path: Path, name: str, message: str) -> None:
    """Before anything is read or loaded."""
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(SettingError, match=message):
        check_output(tmp_path / name)
