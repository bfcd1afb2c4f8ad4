"""Text sources: delimiters, quotes, lines, encodings, gzip, and memory that does not grow with the file."""

from __future__ import annotations

import codecs
import gzip
import random
import time
import tracemalloc
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import SourceError, UnknownFormat
from indexer.sources import Row, Source, read
from indexer.sources.formats import unique
from indexer.sources.formats.delimited import RECORD_CHARS
from indexer.sources.formats.lines import LINE_BYTES, Lines
from indexer.sources.formats.streams import ByteStream


def source_of(folder: Path, content: str | bytes, name: str = "p.csv") -> Source:
    """Open a file of that content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(path)


def titles(rows: list[Row]) -> list[str]:
    """Return the titles of the products."""
    return [row.product.title for row in rows if row.product]


def problems(rows: list[Row]) -> list[tuple[int, str]]:
    """Return number and code of the refused rows."""
    return [(row.number, row.problem.code) for row in rows if row.problem]


DELIMITED = {
    "comma": ("id,title,note\n1,Mug,a;b\n2,Jug,c;d\n", ","),
    "semicolon": ("id;title;note\n1;Mug;1,5\n2;Jug;2,5\n", ";"),
    "tab": ("id\ttitle\tnote\n1\tMug\ta, b\n2\tJug\tc\n", "\t"),
    "pipe": ("id|title|note\n1|Mug|a\n2|Jug|c, d\n", "|"),
    "commas inside quotes": ('id;title;note\n1;"Mug";"a, b, c, d"\n2;"Jug";"e, f, g, h"\n', ";"),
    "quoted lines": ('id,title,note\n1,Mug,"a;b\nc;d\ne;f"\n2,Jug,"g;h"\n', ","),
    "Excel's own word": ("sep=;\nid;title;note\n1;Mug;\n2;Jug;\n", ";"),
    "space after the comma": ('id, title, note\n1, "Mug", "a, b"\n2, "Jug", c\n', ","),
    "blank lines first": ("\n\nid,title,note\n1,Mug,\n2,Jug,\n", ","),
    "Windows line ends": ("id,title,note\r\n1,Mug,\r\n2,Jug,\r\n", ","),
    "Macintosh line ends": ("id,title,note\r1,Mug,\r2,Jug,\r", ","),
    "no line end at the end": ("id,title,note\n1,Mug,a\n2,Jug,b", ","),
    "empty cells beyond the header": ("id,title,note,,\n1,Mug,a,,\n2,Jug,b,,,,\n", ","),
}


@pytest.mark.parametrize(("text", "delimiter"), DELIMITED.values(), ids=DELIMITED.keys())
def test_the_delimiter_is_found(tmp_path: Path, text: str, delimiter: str) -> None:
    """By how evenly it splits the first lines, quotes respected."""
    with source_of(tmp_path, text) as source:
        rows = list(source)
    assert (source.delimiter, source.columns, titles(rows)) == (delimiter, ("id", "title", "note"), ["Mug", "Jug"])
    assert problems(rows) == []


def test_a_given_delimiter_is_taken(tmp_path: Path) -> None:
    """It wins over what would be found."""
    (tmp_path / "p.csv").write_text("id:title\n1:Mug\n")
    assert titles(list(read(tmp_path / "p.csv", delimiter=":"))) == ["Mug"]


def test_blank_lines_are_no_rows_and_lines_are_counted_as_in_an_editor(tmp_path: Path) -> None:
    """Lines of nothing, of spaces and of delimiters are passed over; numbers are those of the file's lines."""
    rows = list(source_of(tmp_path, 'id,title\n\n1,"Mug\nbig"\n ,\n,\n2,Jug\n\n'))
    assert [(row.number, row.id) for row in rows] == [(3, "1"), (7, "2")]
    assert titles(rows) == ["Mug\nbig", "Jug"]


def test_a_header_alone_is_no_rows(tmp_path: Path) -> None:
    """It is no error either."""
    with source_of(tmp_path, "id,title\n") as source:
        assert list(source) == []


def test_column_names_are_made_unique(tmp_path: Path) -> None:
    """Empty and repeated names get a number, so that no cell is lost."""
    with source_of(tmp_path, "id,title,,title,note\n1,Mug,a,Cup,b\n") as source:
        (row,) = source
    assert row.fields == {"id": "1", "title": "Mug", "column_3": "a", "title_2": "Cup", "note": "b"}
    assert unique(["a", "a", "a_2", " "], "p.csv") == ("a", "a_2", "a_2_2", "column_4")


def test_ragged_rows_say_how_many_cells(tmp_path: Path) -> None:
    """More or fewer cells than the header are refused with both numbers; fields are filled as far as they go."""
    rows = list(source_of(tmp_path, "id,title,note\n1,Mug\n2,Jug,a,b\n3,Pot,c\n"))
    assert problems(rows) == [(2, "broken_row"), (3, "broken_row")]
    assert rows[0].problem is not None
    assert rows[1].problem is not None
    assert rows[0].problem.reason == "2 cells where the header has 3; write every ','"
    assert rows[1].problem.reason == "4 cells where the header has 3; quote cells that contain ','"
    assert rows[0].fields == {"id": "1", "title": "Mug", "note": ""}
    assert titles(rows) == ["Pot"]


QUOTES = {
    "inside a cell": ('1,5" pipe,a\n2,Jug,b\n', ['5" pipe', "Jug"], []),
    "doubled": ('1,"a ""good"" mug",a\n2,Jug,b\n', ['a "good" mug', "Jug"], []),
    "not doubled": ('1,"a "good" mug",a\n2,Jug,b\n', ['a good" mug"', "Jug"], []),
    "opened and not closed": ('1,"Mug,a\n2,Jug,b\n3,Pot,c\n', ["Jug", "Pot"], [(2, "broken_row")]),
    "opened in the last cell": ('1,Mug,"a\n2,Jug,b\n3,Pot,c\n', ["Jug", "Pot"], [(2, "broken_row")]),
    "opened, then quoted rows": ('1,"Mug,a\n2,"Jug","b"\n3,"Pot",c\n', ["Jug", "Pot"], [(2, "broken_row")]),
    "opened in the last line": ('1,Mug,a\n2,Jug,"b\n', ["Mug"], [(3, "broken_row")]),
    "a cell of several lines": ('1,"Mug\nof\nclay",a\n2,Jug,b\n', ["Mug\nof\nclay", "Jug"], []),
    "several lines, a cell too many": ('1,"Mug\nof clay",a,x\n2,Jug,b\n', ["Jug"], [(2, "broken_row")]),
    "a return inside a quoted line": ('1,a\rb,"x"\n2,Jug,b\n', ["a\rb", "Jug"], []),
}


@pytest.mark.parametrize(("lines", "expected", "refused"), QUOTES.values(), ids=QUOTES.keys())
def test_a_stray_quote_costs_its_own_line(
    tmp_path: Path, lines: str, expected: list[str], refused: list[tuple[int, str]]
) -> None:
    """Quotes are read as written where that makes sense; one that is not closed loses no other row."""
    rows = list(source_of(tmp_path, f"id,title,note\n{lines}"))
    assert titles(rows) == expected
    assert problems(rows) == refused


def test_a_quote_closed_far_below_does_not_swallow_rows(tmp_path: Path) -> None:
    """Rows that a record over several lines would contain whole are rows, though the cells add up."""
    rows = "".join(f"{n},Mug {n},a,b\n" for n in range(2, 9))
    read_rows = list(source_of(tmp_path, f'id,title,note,more\n1,"Mug,a,b\n{rows}9,"Pot",a,b\n10,5",a,b\n'))
    assert problems(read_rows) == [(2, "broken_row")]
    assert [row.id for row in read_rows if row.product] == ["2", "3", "4", "5", "6", "7", "8", "9", "10"]


def test_an_open_quote_is_given_up_after_a_megabyte(tmp_path: Path) -> None:
    """Nothing more is kept in memory, and every row behind it is read."""
    rows = "".join(f"{n},Mug {n},x\n" for n in range(2, 100_000))
    read_rows = list(source_of(tmp_path, f'id,title,note\n1,"Mug,x\n{rows}'))
    assert len(rows) > RECORD_CHARS
    assert problems(read_rows) == [(2, "broken_row")]
    assert len(read_rows) == 99_999


@pytest.mark.parametrize("line", ['x","', '"', '"a""', '","', 'x""'])
def test_quotes_cannot_make_reading_slow(tmp_path: Path, line: str) -> None:
    """Fifty thousand lines of quotes that keep a cell open are read in seconds: what is read twice is bounded."""
    start = time.process_time()
    assert len(list(source_of(tmp_path, "id,title\n" + f"{line}\n" * 50_000))) > 0
    assert time.process_time() - start < 20


def test_a_line_over_a_megabyte_is_too_long_and_reading_goes_on(tmp_path: Path) -> None:
    """It is never held whole; its start is shown; the line numbers stay right."""
    for size in (LINE_BYTES, LINE_BYTES + 1, 3 * LINE_BYTES):
        with source_of(tmp_path, f"id,title\n1,Mug\n2,{'x' * (size - 2)}\n3,Pot\n") as source:
            rows = list(source)
        assert [(row.number, row.id) for row in rows] == [(2, "1"), (3, "2"), (4, "3")]
        assert problems(rows) == [(3, "too_long")]
        assert titles(rows) == ["Mug", "Pot"]


@given(st.lists(st.binary(max_size=6), max_size=8), st.integers(1, 7))
def test_lines_do_not_depend_on_how_bytes_are_cut(lines: list[bytes], size: int) -> None:
    """Chunks of any size give the same lines and problems."""
    raw = b"\n".join(lines)
    chunks = [raw[start : start + size] for start in range(0, len(raw), size)]
    assert lines_or_refusal(chunks) == lines_or_refusal([raw])


def lines_or_refusal(chunks: list[bytes]) -> object:
    """Return the lines of a file, or why it cannot be read: a byte order mark may promise what does not follow."""
    try:
        return list(Lines(chunks, "utf-8"))
    except SourceError as error:
        return str(error)


GERMAN = "Größe für Männer, Kaffeemühle 5 €"
ENCODED = {
    "utf-8": ("utf-8", GERMAN, "utf-8"),
    "utf-8 with mark": ("utf-8-sig", GERMAN, "utf-8"),
    "utf-16 with mark": ("utf-16", GERMAN, "utf-16-le"),
    "utf-16 without mark, little": ("utf-16-le", GERMAN, "utf-16-le"),
    "utf-16 without mark, big": ("utf-16-be", GERMAN, "utf-16-be"),
    "utf-32": ("utf-32", GERMAN, "utf-32-le"),
    "Windows, western": ("cp1252", GERMAN, "cp1252"),
    "Windows, French": ("cp1252", "Câble chargeur – été, protégé à l’arrière", "cp1252"),
    "Windows, Spanish": ("cp1252", "Sartén antiadherente pequeña para niños, año 2014", "cp1252"),
    "Windows, Cyrillic": ("cp1251", "Кофемолка электрическая чёрная", "cp1251"),
    "Windows, Greek": ("cp1253", "Ηλεκτρικός μύλος καφέ με δοχείο για τους κόκκους και εγγύηση δύο ετών", "cp1253"),
    "Japanese": ("shift_jis", "コーヒーミル 電動 黒", "cp932"),
    "Chinese": ("gb18030", "电动咖啡研磨机 黑色", "gb18030"),
    "Korean": ("cp949", "전동 커피 그라인더", "cp949"),
    "plain": ("ascii", "Mug", "ascii"),
}


@pytest.mark.parametrize(("encoding", "title", "found"), ENCODED.values(), ids=ENCODED.keys())
def test_the_encoding_is_found(tmp_path: Path, encoding: str, title: str, found: str) -> None:
    """From a mark, from zero bytes, or from the lines that are not ASCII."""
    text = "id\ttitle\tnote\n" + "".join(f"{n}\t{title}\tMug number {n}\n" for n in range(20))
    with source_of(tmp_path, text.encode(encoding), "p.tsv") as source:
        rows = list(source)
    assert titles(rows) == [title] * 20
    assert source.encoding == found


def test_a_given_encoding_is_taken(tmp_path: Path) -> None:
    """It wins over what would be found; a byte order mark wins over it."""
    (tmp_path / "p.csv").write_bytes("id,title\n1,Größe\n".encode("cp850"))
    assert titles(list(read(tmp_path / "p.csv", encoding="cp850"))) == ["Größe"]
    (tmp_path / "p.csv").write_bytes("id,title\n1,Größe\n".encode("cp500"))
    assert titles(list(read(tmp_path / "p.csv", encoding="cp500"))) == ["Größe"]
    (tmp_path / "p.csv").write_bytes(codecs.BOM_UTF8 + "id,title\n1,Größe\n".encode())
    assert titles(list(read(tmp_path / "p.csv", encoding="cp850"))) == ["Größe"]


def test_the_encoding_is_decided_where_it_shows(tmp_path: Path) -> None:
    """Ten thousand lines of ASCII before the first umlaut do not make it bad UTF-8."""
    text = "id,title\n" + "".join(f"{n},Mug of clay\n" for n in range(50_000)) + "x,Größe für Männer\n"
    with source_of(tmp_path, text.encode("cp1252")) as source:
        rows = list(source)
    assert (rows[-1].fields["title"], problems(rows)) == ("Größe für Männer", [])


def test_bytes_of_another_encoding_cost_their_row(tmp_path: Path) -> None:
    """In a file of UTF-8 a row that is none is refused, with the byte and what stands before it."""
    rows = [f"{n},Größe\n".encode() for n in range(10)]
    rows[4] = "4,Größe\n".encode("cp1252")
    read_rows = list(source_of(tmp_path, b"id,title\n" + b"".join(rows)))
    assert problems(read_rows) == [(6, "undecodable")]
    assert read_rows[4].problem is not None
    assert read_rows[4].problem.reason.startswith("byte 0xf6 after '4,Gr' is not valid utf-8; ")
    assert read_rows[4].fields == {"id": "4", "title": "Gr\ufffd\ufffde"}


def test_half_a_character_of_utf16_costs_its_row(tmp_path: Path) -> None:
    """A lone surrogate or an odd last byte is no reason to stop."""
    raw = "id,title\n1,Mug\n2,J".encode("utf-16") + b"\x3d\xd8" + "g\n3,Pot\n".encode("utf-16-le")
    assert problems(list(source_of(tmp_path, raw))) == [(3, "undecodable")]


def test_zero_characters_are_dropped(tmp_path: Path) -> None:
    """Padding of a crashed export makes no rows."""
    rows = list(source_of(tmp_path, b"id,title\n1,M\0ug\n" + b"\0" * 50))
    assert (titles(rows), problems(rows)) == (["Mug"], [])


def test_a_header_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Without the names of its columns there is nothing to go by."""
    with pytest.raises(UnknownFormat, match=r"the header of .* cannot be read: a quote is opened"):
        source_of(tmp_path, 'id,"title\n1,Mug\n')


def test_a_packed_file_of_several_members_is_one_file(tmp_path: Path) -> None:
    """Members may be cut anywhere, be empty, and be padded with zeros."""
    parts = [b"id,ti", b"", b"tle\n1,Mug\n2,", b"Jug\n"]
    raw = b"".join(map(gzip.compress, parts)) + b"\0" * 512
    with source_of(tmp_path, raw, "p.csv.gz") as source:
        assert titles(list(source)) == ["Mug", "Jug"]
        assert (source.unit, source.position, source.total) == ("bytes", len(raw), len(raw))


def packed_rows(count: int) -> bytes:
    """Return gzipped rows that pack about as well as real ones."""
    chance = random.Random(0)
    return gzip.compress(b"id,title\n" + b"".join(b"%d,Mug %d\n" % (n, chance.getrandbits(64)) for n in range(count)))


def test_a_truncated_packed_file_gives_its_good_rows_and_then_an_error(tmp_path: Path) -> None:
    """The row that is cut is not given; what came before it stands."""
    raw = packed_rows(60_000)
    rows: list[Row] = []
    with source_of(tmp_path, raw[: len(raw) // 2], "p.csv.gz") as source:
        rows.extend(islice(source, 10_000))
        with pytest.raises(SourceError, match="ends inside its gzip data"):
            rows.extend(source)
    assert len(rows) > 10_000
    assert [row.id for row in rows] == [str(n) for n in range(len(rows))]
    assert problems(rows) == []


@pytest.mark.parametrize("damage", ["check sum", "inside", "behind"])
def test_a_damaged_packed_file_is_a_source_error(tmp_path: Path, damage: str) -> None:
    """Whether its check sum, its data or what follows is wrong."""
    raw = bytearray(packed_rows(2_000))
    if damage == "check sum":
        raw[-6] ^= 1
    elif damage == "inside":
        raw[len(raw) // 2 : len(raw) // 2 + 40] = b"\xff" * 40
    else:
        raw += b"no gzip"
    with (
        pytest.raises(SourceError, match="is damaged near byte"),
        source_of(tmp_path, bytes(raw), "p.csv.gz") as source,
    ):
        list(source)


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    """What unpacks to more than 250 times its size is given up at 64 MiB."""
    bomb = gzip.compress(b"id,title\n" + b"1,Mug\n" * 12_000_000)
    (tmp_path / "p.csv.gz").write_bytes(bomb)
    with pytest.raises(SourceError, match="as only a decompression bomb does"):
        for _ in ByteStream(tmp_path / "p.csv.gz"):
            pass
    assert sum(map(len, ByteStream(tmp_path / "p.csv.gz", gzip_ratio=2_000))) == 72_000_009


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A file of 24 MB passes through less than 12 MB, its ids included."""
    line = f"Mug of clay,{'Seats six people comfortably. ' * 10}\n"
    with (tmp_path / "p.csv").open("w") as file:
        file.write("id,title,description\n")
        file.writelines(f"{n},{line}" for n in range(80_000))
    assert (tmp_path / "p.csv").stat().st_size > 24_000_000
    tracemalloc.start()
    try:
        assert sum(1 for row in read(tmp_path / "p.csv") if row.product) == 80_000
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()


CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from('",;|\n'), max_size=12)


@settings(deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6), st.sampled_from([",", ";", "\t", "|"]))
def test_what_is_properly_quoted_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]], delimiter: str
) -> None:
    """Any cells, quoted by the rules, come back as they were."""
    quoted = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in (f"{n}", *pair)] for n, pair in enumerate(cells)]
    text = "\n".join(delimiter.join(row) for row in [["id", "title", "note"], *quoted])
    path = tmp_path_factory.mktemp("cells") / "p.csv"
    path.write_bytes(text.encode())
    with read(path, delimiter=delimiter, encoding="utf-8") as source:
        assert [tuple(row.fields.values())[1:] for row in source] == cells
