"""Reading products: what a source is, its rows and their problems, JSONL, Parquet, SQL, quarantine, real files.

CSV and encodings are in test_sources_text.py, profiles and specs in test_sources_profile.py.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import MissingColumn, MissingExtra, SettingError, SourceError, UnknownFormat
from indexer.product import Product
from indexer.sources import CODES, Counts, Problem, Profile, Quarantine, Row, read
from indexer.sources.seen import SeenIds
from taxonomy.mapping import CategoryMapper
from taxonomy.tree import Tree

MUG = "id,title,category\n1,Mug,Home > Kitchen\n"


def write(folder: Path, name: str, content: str | bytes) -> Path:
    """Write a file, gzipped when its name says so."""
    path = folder / name
    raw = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return path


def problems(rows: list[Row]) -> list[tuple[int, str]]:
    """Return number and code of the refused rows."""
    return [(row.number, row.problem.code) for row in rows if row.problem]


def test_a_row_gives_its_product_its_raw_fields_and_its_line(tmp_path: Path) -> None:
    """Known columns become the product; every column stays in the fields, in the source's order."""
    text = "sku,colour,name,body_html,vendor,specs,product_type,tags,image_url\n"
    text += 'A1,red,Mug,<p>Big</p>,Acme,"Size: 3; Weight: 2 kg",Home > Kitchen,"a|b",http://x/1.jpg\n'
    with read(write(tmp_path, "p.csv", text)) as source:
        rows = list(source)
    assert source.columns == tuple(text.split("\n")[0].split(","))
    assert rows == [
        Row(
            2,
            "A1",
            dict(zip(source.columns, text.split("\n")[1].replace('"', "").split(","), strict=True)),
            Product(
                "A1",
                "Mug",
                "<p>Big</p>",
                "Acme",
                (("Size", "3"), ("Weight", "2 kg")),
                "Home > Kitchen",
                ("a", "b"),
                ("http://x/1.jpg",),
            ),
        )
    ]


BAD_ROWS = {
    "no id": (",Mug,,,,", "no_id"),
    "blank id": ("  ,Mug,,,,", "no_id"),
    "neither text nor image": ("1,,,Home,a,", "no_content"),
    "specs that are broken JSON": ('1,Mug,"{""a"": ",,,', "broken_json"),
    "a category that is no path": ("1,Mug,,Home > > Kitchen,,", "invalid_category"),
    "a title over its limit": (f"1,{'x' * 4_001},,,,", "too_long"),
    "an id over its limit": (f"{'x' * 257},Mug,,,,", "too_long"),
    "an id with a control character": ("a\x07b,Mug,,,,", "broken_row"),
    "too many images": (f"1,Mug,,,,{'|'.join(f'{n}.jpg' for n in range(51))}", "too_long"),
    "too many cells": ("1,Mug,,,,,x", "broken_row"),
    "too few cells": ("1,Mug", "broken_row"),
}


@pytest.mark.parametrize(("line", "code"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_bad_row_has_a_problem_and_the_next_is_read(tmp_path: Path, line: str, code: str) -> None:
    """Each kind of bad row has its code, a reason, and leaves its neighbours alone."""
    header = "id,title,specs,category,tags,image\n"
    rows = list(read(write(tmp_path, "p.csv", f"{header}8,Jug,,,,\n{line}\n9,Pot,,,,\n")))
    assert [row.id for row in rows if row.product] == ["8", "9"]
    assert problems(rows) == [(3, code)]
    assert code in CODES
    assert rows[1].problem is not None
    assert rows[1].problem.reason


def test_a_repeated_id_is_refused_and_names_the_first_row(tmp_path: Path) -> None:
    """Only the first good row of an id is a product; a row refused for something else does not count."""
    rows = list(read(write(tmp_path, "p.csv", "id,title\n1,\n1,Mug\n2,Jug\n 1 ,Pot\n")))
    assert problems(rows) == [(2, "no_content"), (5, "repeated_id")]
    assert rows[3].problem == Problem("repeated_id", "row 3 has the id '1' already; keep one of the two")


LABELS = "id,title,label_provenance,label_weight,weight\n"


def test_rows_say_who_gave_their_label_and_what_it_weighs(tmp_path: Path) -> None:
    """In columns of their own; `weight` is what the product weighs. A row that says nothing has a supplier's voice."""
    text = LABELS + '1,Mug,human,0.5,2 kg\n2,Pan,Machine,,\n3,Pot,,"1,5",9\n4,Lid,,,99\n'
    products = [row.product for row in read(write(tmp_path, "p.csv", text))]
    assert products == [
        Product("1", "Mug", provenance="human", weight=0.5),
        Product("2", "Pan", provenance="machine"),
        Product("3", "Pot", weight=1.5),
        Product("4", "Lid"),
    ]


def test_a_row_s_own_provenance_wins_over_the_profile_s(tmp_path: Path) -> None:
    """A constant says it of the rows that do not."""
    path = write(tmp_path, "p.csv", LABELS + "1,Mug,human,,\n2,Pan,,,\n")
    profile = Profile(constant={"provenance": "machine", "weight": "0.5"})
    given = [(row.product.provenance, row.product.weight) for row in read(path, profile) if row.product]
    assert given == [("human", 0.5), ("machine", 0.5)]


def test_constants_say_what_a_row_leaves_out_and_make_no_product_of_nothing(tmp_path: Path) -> None:
    """Specs are written as in a cell; a row that says nothing itself is refused, whatever all rows say."""
    path = write(tmp_path, "p.csv", "id,title,specs\n1,Mug,Colour: blue\n2,Pan,\n3,,\n")
    profile = Profile(constant={"brand": "Acme", "specs": "Department: Kitchen | Language: de"})
    first, second, third = read(path, profile)
    assert first.product is not None
    assert second.product is not None
    assert (first.product.specs, first.product.brand) == ((("Colour", "blue"),), "Acme")
    assert second.product.specs == (("Department", "Kitchen"), ("Language", "de"))
    assert third.problem is not None
    assert third.problem.code == "no_content"


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ("robot,", "the provenance 'robot' of a label is none of supplier, human, machine; give one of them"),
        (",heavy", "the weight 'heavy' of the label is no number; give 1 for a full voice"),
        (",0", "the weight 0 of a label is not from 0.001 to 10; give 1 for a full voice"),
        (",12", "the weight 12 of a label is not from 0.001 to 10; give 1 for a full voice"),
    ],
)
def test_a_label_of_no_known_provenance_or_weight_is_refused(tmp_path: Path, cells: str, reason: str) -> None:
    """The row goes to quarantine with value, limit and remedy; classify does not look at it."""
    path = write(tmp_path, "p.csv", LABELS + f"1,Mug,{cells},\n")
    (row,) = read(path)
    assert row.problem is not None
    assert (row.problem.code, row.problem.reason[: len(reason)]) == ("invalid_label", reason)
    assert [each.product for each in read(path, labelled=False)] == [Product("1", "Mug")]


def test_unlabelled_rows_are_products(tmp_path: Path) -> None:
    """Category and tags may be empty."""
    rows = list(read(write(tmp_path, "p.csv", "id,title,category,tags\n1,Mug,,\n")))
    assert [row.product for row in rows] == [Product("1", "Mug")]


def test_classify_loses_no_row_for_its_id_or_label(tmp_path: Path) -> None:
    """labelled=False: no id column is needed, ids may repeat, labels are left out and may be invalid."""
    path = write(tmp_path, "p.csv", "id,title,category\n1,Mug,a > > b\n,Jug,\n1,Pot,\n")
    rows = list(read(path, labelled=False))
    assert [row.product for row in rows] == [Product("1", "Mug"), Product("row-3", "Jug"), Product("1", "Pot")]
    rows = list(read(write(tmp_path, "q.csv", "title\nMug\n"), labelled=False))
    assert [row.product for row in rows] == [Product("row-2", "Mug")]


def test_a_mapper_turns_categories_into_paths_of_its_tree(tmp_path: Path) -> None:
    """An id, a path in another spelling and a unique name all become the tree's path; the rest is invalid."""
    tree = Tree.from_paths([("Home", "Kitchen"), ("Home", "Garden")])
    node = tree.find(("Home", "Garden"))
    assert node is not None
    text = f"id,title,category\n1,Mug,home>KITCHEN\n2,Rake,{tree.ids[node]}\n3,Jug,Kitchen\n4,Car,Cars\n5,Pot,\n"
    rows = list(read(write(tmp_path, "p.csv", text), mapper=CategoryMapper(tree)))
    assert [row.product.category for row in rows if row.product] == [
        "Home > Kitchen",
        "Home > Garden",
        "Home > Kitchen",
        "",
    ]
    assert problems(rows) == [(5, "invalid_category")]


CATEGORIES = {
    ">": ("A>B", "A > B"),
    ">>": ("A >> B", "A > B"),
    "|": ("A|B", "A > B"),
    "/": ("A/B", "A > B"),
    "JSON": ('["A", "B"]', "A > B"),
}


@pytest.mark.parametrize(("written", "expected"), CATEGORIES.values(), ids=CATEGORIES.keys())
def test_category_paths_are_read_in_every_notation(tmp_path: Path, written: str, expected: str) -> None:
    """Separators are found from the sample and the path is rewritten with " > "."""
    lines = "".join(json.dumps({"id": n, "title": "Mug", "category": written}) + "\n" for n in range(5))
    rows = list(read(write(tmp_path, "p.jsonl", lines)))
    assert {row.product.category for row in rows if row.product} == {expected}


def test_the_separator_can_be_given_and_levels_can_be_columns(tmp_path: Path) -> None:
    """category_separator overrides what is found; several category columns are the levels of the path."""
    path = write(tmp_path, "p.csv", "id,title,main,sub\n1,Mug,A.B,C/D\n2,Jug,A,\n")
    rows = list(read(path, category="main", category_separator="."))
    assert [row.product.category for row in rows if row.product] == ["A > B", "A"]
    rows = list(read(path, category=["main", "sub"]))
    assert [row.product.category for row in rows if row.product] == ["A.B > C/D", "A"]


IMAGES = {
    "pipes": ("a.jpg|b c.png", ("a.jpg", "b c.png")),
    "commas after an ending": ("a.jpg, b.PNG;c.webp", ("a.jpg", "b.PNG", "c.webp")),
    "addresses with commas": (
        "https://x/w_3,h_4/1.jpg,https://x/w_3,h_4/2",
        ("https://x/w_3,h_4/1.jpg", "https://x/w_3,h_4/2"),
    ),
    "JSON": ('["a.jpg", {"url": "b.jpg"}, null]', ("a.jpg", "b.jpg")),
}


@pytest.mark.parametrize(("cell", "expected"), IMAGES.values(), ids=IMAGES.keys())
def test_images_are_separated(tmp_path: Path, cell: str, expected: tuple[str, ...]) -> None:
    """Several images in one cell keep their order."""
    (row,) = read(write(tmp_path, "p.jsonl", json.dumps({"id": "1", "images": cell})))
    assert row.product == Product("1", images=expected)


def test_jsonl_values_are_flattened(tmp_path: Path) -> None:
    """Lists and objects are read where they mean something, and stay JSON text in the fields."""
    mug = {
        "id": 4006381333931,
        "name": "Mug",
        "bullet_points": ["Big.", "Blue."],
        "brand": {"@type": "Brand", "name": "Acme"},
        "attributes": {"size": {"height": 10.50, "unit": "cm"}, "dishwasher": True, "colours": ["red", "blue"]},
        "categories": ["Home", "Kitchen"],
        "tags": ["gift, small", "new"],
        "images": ["a.jpg"],
        "stock": None,
    }
    (row,) = read(write(tmp_path, "p.jsonl", json.dumps(mug).replace("10.5", "10.50")))
    assert row.product == Product(
        "4006381333931",
        "Mug",
        "Big.\nBlue.",
        "Acme",
        (("size.height", "10.50"), ("size.unit", "cm"), ("dishwasher", "yes"), ("colours", "red, blue")),
        "Home > Kitchen",
        ("gift, small", "new"),
        ("a.jpg",),
    )
    assert row.fields["tags"] == '["gift, small", "new"]'
    assert row.fields["stock"] == ""


BAD_JSON = {
    "cut off": '{"id": "2", "title": ',
    "no object": '["2", "Jug"]',
    "a constant that is no JSON": '{"id": "2", "title": NaN}',
    "nested without end": '{"id": "2", "title": ' + "[" * 100_000,
    "plain text": "id: 2",
}


@pytest.mark.parametrize("line", BAD_JSON.values(), ids=BAD_JSON.keys())
def test_a_broken_line_of_jsonl_is_refused_alone(tmp_path: Path, line: str) -> None:
    """Its number and its text are kept; blank lines are no rows."""
    rows = list(
        read(write(tmp_path, "p.jsonl", f'{{"id": "1", "title": "Mug"}}\n\n{line}\n{{"id": 3, "title": "Pot"}}'))
    )
    assert [row.id for row in rows] == ["1", "", "3"]
    assert problems(rows) == [(3, "broken_json")]
    assert rows[1].fields == {"line": line}


def test_huge_numbers_and_half_characters_are_text(tmp_path: Path) -> None:
    """A number keeps its digits however many, half of a surrogate pair becomes the replacement character."""
    digits = "9" * 10_000
    line = f'{{"id": "1", "title": "a\\ud83d", "price": {digits}, "rate": 1e999}}'
    (row,) = read(write(tmp_path, "p.jsonl", line))
    assert row.fields == {"id": "1", "title": "a\ufffd", "price": digits, "rate": "1e999"}


def test_columns_of_jsonl_come_from_its_first_rows(tmp_path: Path) -> None:
    """In order of appearance; a row may lack some."""
    with read(write(tmp_path, "p.jsonl", '{"id":1,"title":"a"}\n{"id":2,"brand":"b","title":"c"}\n')) as source:
        assert source.columns == ("id", "title", "brand")
        assert [row.fields for row in source] == [{"id": "1", "title": "a"}, {"id": "2", "brand": "b", "title": "c"}]


@pytest.mark.parametrize(("name", "rows", "off"), [("p.csv", 3, 0), ("p.csv", 1_500, 0), ("p.csv.gz", 40_000, 0.1)])
def test_rows_are_counted_before_they_are_read(tmp_path: Path, name: str, rows: int, off: float) -> None:
    """Those of a small file exactly, of a large one by what the first of them needed of it; none is lost by asking."""
    text = "id,title\n" + "".join(f"{number},Mug {hash((number, number))}\n" for number in range(rows))
    with read(write(tmp_path, name, text)) as source:
        expected = source.expected()
        assert expected is not None
        assert abs(expected - rows) <= off * rows
        assert [row.id for row in source] == [str(number) for number in range(rows)]


def test_no_more_rows_are_given_than_asked_for(tmp_path: Path) -> None:
    """Nor expected, where there are more; where there are fewer, all."""
    path = write(tmp_path, "p.csv", "id,title\n" + "".join(f"{number},Mug\n" for number in range(5)))
    for limit, count in ((2, 2), (9, 5)):
        with read(path, limit=limit) as source:
            assert (source.expected(), [row.id for row in source]) == (count, list("01234")[:count])


def test_parquet_rows_are_numbered_and_counted(tmp_path: Path) -> None:
    """Typed values become text, nulls are empty, structures mean what they mean in JSONL."""
    table = pa.table(
        {
            "id": pa.array([1, 2, None]),
            "title": ["Mug", "Jug", "Pot"],
            "price": [1.5, None, float("nan")],
            "tags": [["a", "b"], [], None],
            "specs": [{"size": "3"}, {"size": None}, None],
        }
    )
    pq.write_table(table, tmp_path / "p.parquet")
    with read(tmp_path / "p.parquet") as source:
        rows = list(source)
    assert (source.unit, source.total, source.position, source.expected()) == ("rows", 3, 3, 3)
    assert [row.product for row in rows] == [
        Product("1", "Mug", specs=(("size", "3"),), tags=("a", "b"), facts=(("price", "1.5"),)),
        Product("2", "Jug"),
        None,
    ]
    assert problems(rows) == [(3, "no_id")]
    assert [row.fields["price"] for row in rows] == ["1.5", "", ""]


def test_parquet_text_that_is_not_utf8_costs_its_row(tmp_path: Path) -> None:
    """The other rows of the batch are read."""
    raw = pa.array([b"Mug", b"J\xfcg", b"Pot"], pa.binary())
    table = pa.table({"id": ["1", "2", "3"], "title": pa.Array.from_buffers(pa.string(), 3, raw.buffers())})
    pq.write_table(table, tmp_path / "p.parquet")
    assert problems(list(read(tmp_path / "p.parquet"))) == [(2, "undecodable")]


def test_a_damaged_parquet_file_is_a_source_error(tmp_path: Path) -> None:
    """A cut file says that it cannot be read."""
    pq.write_table(pa.table({"id": ["1"] * 1000, "title": ["Mug"] * 1000}), tmp_path / "p.parquet")
    raw = (tmp_path / "p.parquet").read_bytes()
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        read(write(tmp_path, "q.parquet", raw[: len(raw) // 2]))


@pytest.fixture
def database(tmp_path: Path) -> str:
    """Return the URL of a SQLite file with 2,500 products."""
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE products (sku INTEGER, name TEXT, body BLOB)")
        rows = [(n, f"Mug {n}", None) for n in range(2_499)]
        connection.executemany("INSERT INTO products VALUES (?, ?, ?)", [*rows, (2_499, "Jug", b"\xff")])
    connection.close()
    return f"sqlite:///{tmp_path / 'shop.db'}"


def test_rows_of_a_query_are_streamed(database: str) -> None:
    """Columns come from the query as it stands, colons and percent signs included; bytes that are no text are bad."""
    with read(database, query="SELECT *, ':a' AS note FROM products WHERE name LIKE '%g%' ORDER BY sku") as source:
        rows = list(source)
    assert source.columns == ("sku", "name", "body", "note")
    assert (source.unit, source.total, source.position, source.expected()) == ("rows", None, 2_500, None)
    assert rows[41].product == Product("41", "Mug 41")
    assert problems(rows) == [(2_500, "undecodable")]


def test_a_query_is_not_kept(database: str) -> None:
    """What a statement changes is rolled back, and a statement without rows is refused."""
    with pytest.raises(SourceError, match=r"the query on sqlite.* failed"):
        read(database, query="DELETE FROM products")
    assert sum(1 for _ in read(database, query="SELECT * FROM products")) == 2_500


def test_a_database_can_be_left_early(database: str) -> None:
    """Leaving the block gives the connection back."""
    with read(database, query="SELECT * FROM products") as source:
        assert next(iter(source)).id == "0"


def test_database_errors_show_no_password(tmp_path: Path) -> None:
    """A wrong URL, a missing file, a missing driver and a failing query say what to do."""
    with pytest.raises(SettingError, match="needs a query"):
        read("postgresql://me:secret@host/shop")
    with pytest.raises(SettingError, match="needs a database URL"):
        read(tmp_path, query="SELECT 1")
    with pytest.raises(SourceError, match="there is no SQLite file"):
        read(f"sqlite:///{tmp_path}/none.db", query="SELECT 1")
    with pytest.raises(SourceError, match="no SQLAlchemy dialect"):
        read("nosuch://me:secret@host/shop", query="SELECT 1")
    with pytest.raises((SourceError, MissingExtra)) as caught:
        read("postgresql+psycopg://me:secret@127.0.0.1:1/shop", query="SELECT 1")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(caught.value.__cause__)


def test_an_empty_result_has_columns_and_no_rows(database: str) -> None:
    """A query without rows is no error."""
    with read(database, query="SELECT * FROM products WHERE 0") as source:
        assert (list(source), source.columns) == ([], ("sku", "name", "body"))


FOLDERS = {
    "products first": (["products.csv", "prices.csv"], "products.csv"),
    "gzipped": (["products.csv.gz", "matches.csv"], "products.csv.gz"),
    "the only data file": (["feed.jsonl", "README.md", "a.npy"], "feed.jsonl"),
}


@pytest.mark.parametrize(("names", "expected"), FOLDERS.values(), ids=FOLDERS.keys())
def test_a_folder_means_its_products_file(tmp_path: Path, names: list[str], expected: str) -> None:
    """products.* wins, else the only data file; relative pictures start in the folder."""
    for name in names:
        write(tmp_path, name, '{"id":1,"title":"a"}\n' if "jsonl" in name else MUG)
    with read(tmp_path) as source:
        assert (source.name, source.folder) == (str(tmp_path / expected), tmp_path)


def test_a_folder_that_may_mean_several_files_is_refused(tmp_path: Path) -> None:
    """The message lists what was found."""
    with pytest.raises(SourceError, match="there is no file or folder"):
        read(tmp_path / "none")
    write(tmp_path, "notes.md", "x")
    with pytest.raises(SourceError, match=r"holds no CSV.* only notes\.md"):
        read(tmp_path)
    write(tmp_path, "a.csv", MUG)
    write(tmp_path, "b.tsv", MUG)
    with pytest.raises(SourceError, match=r"holds a\.csv, b\.tsv; name the one"):
        read(tmp_path)


REFUSED = {
    "Excel": ("p.csv", b"PK\x03\x04" + b"\0" * 40, "no Excel workbook; unzip it"),
    "old Excel": ("p.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel"),
    "SQLite": ("p.csv", b"SQLite format 3\0", "sqlite:///PATH"),
    "bzip2": ("p.csv", b"BZh91AY", "bzip2"),
    "a web page": ("p.csv", b"<!DOCTYPE html><html>Log in</html>", "HTML or XML"),
    "XML": ("p.csv", b'<?xml version="1.0"?><rss/>', "HTML or XML"),
    "a picture": ("p.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(32)) * 20, "neither text nor Parquet"),
    "no Parquet": ("p.parquet", b"id,title\n", "does not start like it"),
    "packed Parquet": ("p.parquet.gz", b"PAR1....", "unpack it first"),
    "one JSON array": ("p.json", b'[{"id": 1}]', "one JSON array"),
    "nothing": ("p.csv", b"", "is empty"),
    "nothing but blank lines": ("p.csv", b"\n \n\n", "is empty"),
}


@pytest.mark.parametrize(("name", "content", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_table_is_refused_with_a_hint(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    """The bytes are looked at, whatever the name says."""
    with pytest.raises(UnknownFormat, match=message):
        read(write(tmp_path, name, content))


BY_CONTENT = {
    "CSV without an ending": ("feed", MUG.encode(), "delimited"),
    "JSONL without an ending": ("feed", b'{"id": 1, "title": "a"}\n', "jsonl"),
    "gzip without its ending": ("p.csv", gzip.compress(MUG.encode()), "delimited"),
    "an ending of gzip without gzip": ("p.csv.gz.txt", MUG.encode(), "delimited"),
}


@pytest.mark.parametrize(("name", "content", "expected"), BY_CONTENT.values(), ids=BY_CONTENT.keys())
def test_the_bytes_decide_what_the_name_leaves_open(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    """A missing or wrong ending is no obstacle."""
    (tmp_path / name).write_bytes(content)
    with read(tmp_path / name) as source:
        assert (source.format, len(list(source))) == (expected, 1)


def test_jsonl_with_broken_lines_only_has_no_columns(tmp_path: Path) -> None:
    """There is nothing to go by."""
    with pytest.raises(MissingColumn, match="has no columns"):
        read(write(tmp_path, "p.jsonl", "{broken\n"))


def test_the_quarantine_file_says_what_to_mend(tmp_path: Path) -> None:
    """One JSON line per refused row, with cut raw fields; characters that cannot be written are escaped."""
    bad = Row(7, "A1", {"id": "A1", "title": "x" * 600, "note": "é\udc80"}, problem=Problem("too_long", "shorten it"))
    with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
        quarantine.add(bad)
        quarantine.add(bad)
    lines = (tmp_path / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == 2 * [
        {
            "line": 7,
            "id": "A1",
            "code": "too_long",
            "reason": "shorten it",
            "row": {"id": "A1", "title": "x" * 500, "note": "é\udc80"},
        }
    ]
    with Quarantine(tmp_path / "quarantine.jsonl"):
        pass
    assert (tmp_path / "quarantine.jsonl").read_text() == ""


def test_a_quarantine_that_cannot_be_written_is_a_source_error(tmp_path: Path) -> None:
    """The message names the file."""
    with (
        pytest.raises(SourceError, match=r"none/q\.jsonl cannot be written"),
        Quarantine(tmp_path / "none" / "q.jsonl"),
    ):
        pass


def test_counts_add_up_or_say_so() -> None:
    """Every row read was indexed, skipped or quarantined."""
    counts = Counts(read=5, indexed=2, skipped=1)
    counts.by_code.update(no_id=1)
    assert (counts.quarantined, counts.adds_up) == (1, False)
    counts.by_code.update(no_id=1)
    assert (counts.quarantined, counts.adds_up) == (2, True)


@given(st.lists(st.text(max_size=2), max_size=60))
def test_seen_ids_are_a_dict_of_first_lines(ids: list[str]) -> None:
    """Whatever the ids, the line of the first occurrence is given back."""
    seen, expected = SeenIds(), dict[str, int]()
    for line, product_id in enumerate(ids, 1):
        assert seen.add(product_id, line) == expected.get(product_id, 0)
        expected.setdefault(product_id, line)
    assert len(seen) == len(expected)


def test_seen_ids_grow_and_forget_nothing() -> None:
    """Ten thousand ids are all found again after the table has grown."""
    seen = SeenIds()
    assert [seen.add(f"id-{n}", n) for n in range(1, 10_001)] == [0] * 10_000
    assert [seen.add(f"id-{n}", 0) for n in range(1, 10_001)] == list(range(1, 10_001))


# Rows, rows with a category, with specs, with tags and with images, by the READMEs and checked against the files.
REAL = {
    "bestbuy_phones_3k": (3_291, 3_291, 0, 0, 0),
    "cdiscount_50k": (50_000, 50_000, 0, 0, 0),
    "er_abt_buy": (2_171, 0, 0, 0, 0),
    "er_amazon_google": (4_546, 0, 0, 0, 0),
    "er_tvs_1624": (1_624, 1_624, 1_624, 0, 0),
    "fashion_8k": (7_892, 7_892, 7_892, 7_892, 7_892),
    "fashion_clip_2000": (2_000, 2_000, 0, 2_000, 2_000),
    "flipkart_1050": (1_050, 1_050, 1_045, 0, 1_047),
    "flipkart_20k": (20_000, 19_677, 1_991, 0, 0),
    "grocery_store": (2_721, 2_721, 0, 0, 2_721),
    "magento_luma": (2_038, 2_038, 2_038, 2_038, 2_038),
    "mwpd_gpc_16k": (16_119, 16_119, 0, 0, 0),
    "openfoodfacts_3k": (2_869, 2_738, 2_869, 2_869, 0),
    "pricerunner_35k": (35_311, 35_311, 0, 0, 0),
    "shopify_demo_1600": (1_603, 672, 1_544, 1_587, 132),
}


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "expected"), REAL.items(), ids=REAL)
def test_real_files_are_read_whole(real_data: Path, name: str, expected: tuple[int, ...]) -> None:
    """Every row of every real file is a product: none is refused, none is lost, labels and all."""
    counts = Counts()
    labelled = specs = tags = images = 0
    with read(real_data / name) as source:
        for row in source:
            counts.read += 1
            if row.problem:
                counts.by_code[row.problem.code] += 1
            elif row.product:
                counts.indexed += 1
                labelled += bool(row.product.category)
                specs += bool(row.product.specs)
                tags += bool(row.product.tags)
                images += bool(row.product.images)
    assert (counts.read, labelled, specs, tags, images) == expected
    assert counts.by_code == {}
    assert counts.adds_up
    assert source.position == source.total
