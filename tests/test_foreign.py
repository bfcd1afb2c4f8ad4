"""taxonomy/foreign.py and likeness.py: what foreign categories mean, as a file that a person edits; names compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from indexer.product import Product
from indexer.sources import read
from taxonomy.foreign import ForeignMap, Meaning, foreign_key, write_mapping
from taxonomy.likeness import Likeness
from taxonomy.mapping import CategoryMapper
from taxonomy.names import TaxonomyError
from taxonomy.tree import Tree

TREE = Tree.from_paths(
    [
        ("Home", "Kitchen", "Cups & Mugs"),
        ("Home", "Kitchen", "Pans"),
        ("Home", "Bath", "Towels"),
        ("Sports", "Balls"),
        ("Sports", "Towels"),
    ]
)
MAPPER = CategoryMapper(TREE)
HEADER = "foreign_category,path,status\n"


def mapping(tmp_path: Path, text: str, name: str = "mapping.csv") -> Path:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def test_only_what_was_decided_is_looked_up(tmp_path: Path) -> None:
    """`map` gives the path as the tree writes it, `ignore` none; `review` and what is not there are undecided."""
    text = HEADER + "Tassen,pans,map\nSale,,ignore\nBalls,Sports > Balls,review\nA / B > C,Home > kitchen,MAP\n"
    known = ForeignMap.read(mapping(tmp_path, text), MAPPER)
    looked = [known.find(each) for each in ("TASSEN ", "Sale", "Balls", "Else", "a / b  | c")]
    assert looked == ["Home > Kitchen > Pans", "", None, None, "Home > Kitchen"]
    assert known.counts == {"mapped": 2, "ignored": 1, "undecided": 2}


def test_spellings_of_one_foreign_category_are_one() -> None:
    """Case, spacing, the mark between names and a JSON list make no other category."""
    spellings = ("Home > Mugs", " home>MUGS", "Home | Mugs", '["Home", "Mugs"]')
    assert len({foreign_key(each) for each in spellings}) == 1
    assert foreign_key("Home/Mugs") != foreign_key("Home > Mugs")  # a slash may be part of a name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "Cups,Home > Kitchn > Pans,map\n", "line 2: the category 'Home > Kitchn > Pans' is not in the tax"),
        (HEADER + "Cups,Towels,map\n", "line 2: the category 'Towels' may be 'Home > Bath > Towels' or 'Sports > T"),
        (HEADER + "A,Pans,map\nCups,,map\n", "line 3: the status is map and path is empty; give a path, or write re"),
        (HEADER + "Cups,Pans,yes\n", "line 2: the status 'yes' is none of map, review, ignore; write one of them"),
        (HEADER + "Cups,Pans,map\nCUPS,,ignore\n", "line 3: 'CUPS' is in .*line 2 already; keep one of the two"),
        (HEADER + ",Pans,map\n", "line 2: foreign_category is empty; name it, or remove the entry"),
        (HEADER + f"{'x' * 2001},Pans,map\n", "line 2: foreign_category has 2,001 characters, the limit is 2,000"),
        ("foreign,path\nA,B\n", "has no column 'foreign_category'; its columns are foreign_category, path, status"),
    ],
)
def test_a_mapping_that_is_wrong_is_refused_by_line(tmp_path: Path, text: str, message: str) -> None:
    """The error names the line, the value and the remedy."""
    with pytest.raises(TaxonomyError, match=message):
        ForeignMap.read(mapping(tmp_path, text), MAPPER)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("m.json", "{}", "is no list of entries"),
        ("m.json", "[1]", "entry 1: '1' is no object"),
        ("m.json", '[{"foreign_category": 5}]', "entry 1: foreign_category is '5' and no text"),
        ("m.json", "[" * 100_000, "is no JSON"),
        ("m.txt", "", "'m.txt' is no mapping file; end its name with .csv or .json"),
    ],
)
def test_what_is_no_mapping_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    """By its name, or by its content."""
    with pytest.raises(TaxonomyError, match=message):
        ForeignMap.read(mapping(tmp_path, text, name), MAPPER)


def test_a_mapping_is_written_as_it_is_read(tmp_path: Path) -> None:
    """CSV and JSON hold the same decisions; a spreadsheet may have saved semicolons."""
    meanings = [
        Meaning("Cups; big", "Home > Kitchen > Pans", "map", 0.9, 0.8, 0.7, 0.1, 12, ("A | cup",), (("Sports", 0.1),)),
        Meaning("=Sale", "", "ignore", products=3),
    ]
    for name in ("m.csv", "m.json"):
        write_mapping(meanings, tmp_path / name)
        assert ForeignMap.read(tmp_path / name, MAPPER).paths == {
            "cups; big": "Home > Kitchen > Pans",
            "=sale": None,
        }
    assert json.loads((tmp_path / "m.json").read_text())[0] == {
        "foreign_category": "Cups; big",
        "path": "Home > Kitchen > Pans",
        "status": "map",
        "share": 0.9,
        "purity": 0.8,
        "confidence": 0.7,
        "likeness": 0.1,
        "products": 12,
        "examples": ["A | cup"],
        "others": [{"path": "Sports", "share": 0.1}],
    }
    saved = mapping(tmp_path, "\ufeffforeign_category;path;status\nCups, big;Pans;map\n", "s.csv")
    assert ForeignMap.read(saved, MAPPER).find("cups, big") == "Home > Kitchen > Pans"


@pytest.mark.parametrize("sign", ["\r", "\n", "\x0b", "\x1c", "\x85", "\u2028"])
def test_a_cell_may_hold_signs_that_end_lines_elsewhere(tmp_path: Path, sign: str) -> None:
    """Titles of a source that nobody has normalised are examples in the file."""
    meaning = Meaning(f"Tassen{sign}Becher", "Sports > Balls", "map", examples=(f"A{sign}B",))
    write_mapping([meaning, Meaning("Else", "", "ignore")], tmp_path / "mapping.csv")
    known = ForeignMap.read(tmp_path / "mapping.csv", MAPPER)
    assert [known.find(each) for each in (meaning.foreign, "else")] == ["Sports > Balls", ""]


def test_a_source_is_read_by_a_mapping(tmp_path: Path) -> None:
    """Its categories mean what the file says and stay as facts; without one its foreign category does."""
    known = ForeignMap.read(mapping(tmp_path, HEADER + "Mugs & more,Pans,map\nSale,,ignore\n"), MAPPER)
    rows = (
        "id,title,category,merchant_category\n1,A,MUGS & more,\n2,B,Sale,x\n3,C,,mugs & more\n4,D,Balls,\n5,E,Nope,\n"
    )
    (tmp_path / "p.csv").write_text(rows)
    with read(tmp_path / "p.csv", mapper=MAPPER, mapping=known) as source:
        found = list(source)
    assert [row.product for row in found] == [
        Product("1", "A", category="Home > Kitchen > Pans", facts=(("foreign_category", "MUGS & more"),)),
        Product("2", "B", facts=(("foreign_category", "x"),)),
        Product("3", "C", category="Home > Kitchen > Pans", facts=(("foreign_category", "mugs & more"),)),
        Product("4", "D", category="Sports > Balls"),
        None,
    ]
    assert known.counts == {"mapped": 2, "ignored": 1, "undecided": 2}
    with read(tmp_path / "p.csv", mapper=MAPPER, mapping=known) as source:
        list(source)
    assert known.counts.total() == 5  # of the last reading, not of both


def test_names_are_alike_by_their_words() -> None:
    """The same path is 1; the last name counts most; plural, order and small words do not count."""
    likeness = Likeness(TREE)
    (same,) = likeness.nearest(("Home", "Kitchen", "Mugs and cup"), 1)
    assert TREE.text(same[0]) == "Home > Kitchen > Cups & Mugs"
    assert same[1] == pytest.approx(1)
    (towels, alike), (other, less) = likeness.nearest(("Bath", "Towel"), 2)
    assert (TREE.text(towels), TREE.text(other)) == ("Home > Bath > Towels", "Sports > Towels")
    assert 1 > alike > less
    assert likeness.nearest(("Garden",), 3) == []


def test_a_reviewed_file_stays_when_a_new_one_cannot_be_written(tmp_path: Path) -> None:
    """It is written aside: what a person decided is there as it was, and nothing else is."""
    file = tmp_path / "mapping.csv"
    write_mapping([Meaning("Else", "", "ignore")], file)
    before = file.read_bytes()
    with pytest.raises(UnicodeEncodeError):
        write_mapping([Meaning("Shoes", "", "review"), Meaning("\ud800", "", "review")], file)
    assert before == file.read_bytes()
    assert [file] == list(tmp_path.iterdir())
