"""taxonomy/files.py: category strings to paths, and trees from and to files."""

import csv
import gzip
import json
from pathlib import Path as File

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from taxonomy import files, rows
from taxonomy.files import (
    Invalid,
    ReadReport,
    Separators,
    detect_separator,
    infer,
    parse_path,
    read_report,
    read_tree,
    tree_from_json,
    tree_json,
    write_tree,
)
from taxonomy.tree import Path, TaxonomyError, Tree, clean_name

names = st.text(st.characters(exclude_characters=">"), min_size=1, max_size=8).map(clean_name).filter(bool)
paths = st.lists(st.lists(names, min_size=1, max_size=4).map(tuple), max_size=8)


def table(path: File) -> list[dict[str, str]]:
    """Return the rows of a CSV file, read without the code under test."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as source:
        return list(csv.DictReader(source))


ARROWS = ["Home > Kitchen & Dining/Bar", "Clothing > Shirts/Tops", "Home"]
SLASHES = ["Home/Kitchen/Pans", "Home/Bath", "/Home/Garden/", "Gifts", ""]
FLAT = ["Fridge Freezers", "CPUs", "Audio/Video", "TVs", ""]


def texts(tree: Tree) -> list[str]:
    """Return every path of a tree as text, in order of position."""
    return [tree.text(node) for node in range(len(tree))]


@pytest.mark.parametrize(
    ("sample", "cell", "path"),
    [
        (ARROWS, "Clothing > Shirts/Tops", ("Clothing", "Shirts/Tops")),
        (ARROWS, "Home>Den/Office Furniture/Fittings", ("Home", "Den/Office Furniture/Fittings")),
        (ARROWS, "Shirts/Tops", ("Shirts/Tops",)),
        (ARROWS, "home/Kitchen", ("home", "Kitchen")),
        (ARROWS, "A > B | C", ("A", "B | C")),
        (ARROWS, "A | B/C", ("A", "B/C")),
        (ARROWS, " A > B > ", ("A", "B")),
        (ARROWS, "A \u203a B \u203a C", ("A", "B", "C")),
        (ARROWS, "A \u00bb B", ("A", "B")),
        (ARROWS, "A &gt; B &amp; C", ("A", "B & C")),
        (ARROWS, "Shoes&regular", ("Shoes&regular",)),
        (ARROWS, '["A", "B/C"]', ("A", "B/C")),
        (ARROWS, '["A >> B >> C"]', ("A", "B", "C")),
        (SLASHES, "/A/B/", ("A", "B")),
        (SLASHES, "Gifts", ("Gifts",)),
        (SLASHES, "A > B/C", ("A", "B/C")),
        (FLAT, "Audio/Video", ("Audio/Video",)),
        (FLAT, "CPUs", ("CPUs",)),
        ([], "Audio/Video", ("Audio/Video",)),
    ],
)
def test_a_cell_is_read_as_its_source_writes(sample: list[str], cell: str, path: Path) -> None:
    """A slash separates only where the sample says so; an arrow beats a bar."""
    assert parse_path(cell, detect_separator(sample)) == path


@pytest.mark.parametrize(
    ("fixed", "cell", "path"),
    [
        ("/", "A/B|C/D", ("A", "B|C", "D")),
        (">", "A/B|C > D", ("A/B|C", "D")),
        ("::", "A::B/C", ("A", "B/C")),
    ],
)
def test_a_separator_that_the_user_gave_overrides_everything(fixed: str, cell: str, path: Path) -> None:
    """Only that separator splits."""
    assert parse_path(cell, Separators(fixed=fixed)) == path


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "the category is empty"),
        (" > > ", "the category is empty"),
        ("[]", "the category is empty"),
        ("A > > B", "the category 'A > > B' is no path: a name is empty; give every level a name"),
        ("A|" * 20 + "B", "is no path: it has 21 levels; a path has 1 to 20"),
        ("A > " + "b" * 201, "has 201 characters, the limit is 200; shorten it"),
        ("A >> B > C", "the name 'B > C' contains '>', which separates names; write it without"),
        ('["A", "B > C"]', "the name 'B > C' contains '>', which separates names; write it without"),
        ('["A", ["B"]]', 'is no JSON array of names; write it like ["A", "B"]'),
        ("['A', 'B']", 'is no JSON array of names; write it like ["A", "B"]'),
        ('["A",' + "[" * 4000, 'is no JSON array of names; write it like ["A", "B"]'),
        ("x" * 5001, "the category has 5,001 characters, the limit is 5,000; shorten it"),
    ],
)
def test_a_cell_that_is_no_path_says_why(cell: str, reason: str) -> None:
    """The reason is a value that goes to quarantine with the row."""
    answer = parse_path(cell, Separators())
    assert isinstance(answer, Invalid)
    assert reason in answer.reason


@given(st.text(max_size=60), st.sampled_from([Separators(), Separators(slash=True), Separators(fixed="::")]))
def test_every_path_that_is_parsed_fits_in_a_tree(text: str, separators: Separators) -> None:
    """What parse_path accepts, Tree accepts: ingest needs no second check."""
    path = parse_path(text, separators)
    if not isinstance(path, Invalid):
        tree = Tree.from_paths([path])
        assert tree.path(len(path) - 1) == path


@given(paths)
def test_the_text_of_a_path_parses_back(listed: list[Path]) -> None:
    """Slashes and bars inside names survive when the separator is known; a text that is a JSON array is read as one."""
    for path in listed:
        assume(not (path[0].startswith("[") and path[-1].endswith("]")))
        assert parse_path(" > ".join(path), Separators(fixed=">")) == path


PATHS = ["Home", "Home > Bath", "Home > Kitchen & Bar", "Home > Kitchen & Bar > Pans", "Toys"]
LINES = "\ufeff# version 1\r\n\r\nHome\r\nHome > Bath\r\nHome > Kitchen & Bar > Pans\r\nToys\r\n"
GOOGLE = "# Google_Product_Taxonomy_Version: 1\n1 - Home\n2 - Home > Bath\n3 - Home > Kitchen & Bar > Pans\n4 - Toys\n"
SHOPIFY = (
    "gid://shopify/TaxonomyCategory/hg     : Home\n"
    "gid://shopify/TaxonomyCategory/hg-1   : Home > Bath\n"
    "gid://shopify/TaxonomyCategory/hg-2-1 : Home > Kitchen & Bar > Pans\n"
    "gid://shopify/TaxonomyCategory/ty     : Toys\n"
)
NESTED = {
    "name": "Home",
    "id": 1,
    "children": [{"name": "Bath"}, {"name": "Kitchen & Bar", "children": ["Pans"]}],
}
POINTERS = [
    {"id": 4, "name": "Pans", "parent_id": 3},
    {"id": 1, "name": "Home", "parent_id": None},
    {"id": 2, "name": "Bath", "parent_id": 1},
    {"id": 3, "name": "Kitchen & Bar", "parent_id": 1},
    {"id": 5, "name": "Toys", "parent_id": 0},
]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("lines.txt", LINES),
        ("google.txt", GOOGLE),
        ("shopify.txt", SHOPIFY),
        ("slashes.txt", "Home/Bath\nHome/Kitchen & Bar/Pans\nToys\n"),
        ("paths.csv", "ID,Path\n1,Home > Bath\n2,Home > Kitchen & Bar > Pans\n3,Toys\n"),
        ("paths.tsv", "path\nHome > Bath\nHome > Kitchen & Bar > Pans\nToys\n"),
        ("semicolons.csv", "Level 1;Level 2;Level 3\nHome;Bath;\nHome;Kitchen & Bar;Pans\nToys;;\n"),
        ("locales.csv", "id,de-DE,en-GB\n1,Bad,Home > Bath\n2,x,Home > Kitchen & Bar > Pans\n3,y,Toys\n"),
        ("pointers.csv", "id,name,parent\n1,Home,\n2,Bath,1\n3,Kitchen & Bar,1\n4,Pans,3\n5,Toys,0\n"),
        ("paths.json", json.dumps(PATHS)),
        ("arrays.json", json.dumps([path.split(" > ") for path in PATHS])),
        ("objects.json", json.dumps([{"id": number, "path": path} for number, path in enumerate(PATHS)])),
        ("nested.json", json.dumps([NESTED, {"name": "Toys"}])),
        (
            "mapping.json",
            json.dumps(
                {
                    "h": {"name": {"en": "Home"}},
                    "b": {"name": {"en": "Bath"}, "parents": ["h"]},
                    "k": {"name": {"en": "Kitchen & Bar"}, "parents": ["h"], "children": ["p"]},
                    "p": {"name": {"en": "Pans"}, "parents": ["k", "h"]},
                    "t": {"name": {"de": "Toys"}},
                }
            ),
        ),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_every_format_gives_the_same_tree(tmp_path: File, name: str, content: str, zipped: bool) -> None:
    """The format is found from the content, gzipped or not."""
    file = tmp_path / (name + ".gz" if zipped else name)
    file.write_bytes(gzip.compress(content.encode()) if zipped else content.encode())
    assert texts(read_tree(file)) == PATHS


def test_utf_16_is_read(tmp_path: File) -> None:
    """Spreadsheets save "Unicode text" this way."""
    (tmp_path / "wide.tsv").write_bytes("id\tpath\n1\tMöbel > Stühle\n".encode("utf-16"))
    assert texts(read_tree(tmp_path / "wide.tsv")) == ["Möbel", "Möbel > Stühle"]


def test_ids_come_from_the_file(tmp_path: File) -> None:
    """Google's number, Shopify's code without its prefix, and the parent pointer's id stay a node's id."""
    for name, content, expected in (
        ("google.txt", GOOGLE, ["1", "2", "3", "4"]),
        ("shopify.txt", SHOPIFY, ["hg", "hg-1", "hg-2-1", "ty"]),
        ("pointers.json", json.dumps(POINTERS), ["1", "2", "4", "5"]),
        (
            "levels.csv",
            "id,level1,level2,level3\na,Home,,\nb,Home,Bath,\nc,Home,Kitchen & Bar,Pans\nd,Toys,,\n",
            [*"abcd"],
        ),
    ):
        (tmp_path / name).write_text(content, encoding="utf-8")
        tree = read_tree(tmp_path / name)
        listed = [tree.find(tuple(text.split(" > "))) for text in (PATHS[0], PATHS[1], PATHS[3], PATHS[4])]
        assert [tree.ids[node] for node in listed if node is not None] == expected


def test_a_root_with_a_bar_stays_one_name_in_a_file_of_arrows(tmp_path: File) -> None:
    """A taxonomy file is written in one way throughout, and the user may say in which."""
    file = tmp_path / "tree.txt"
    file.write_text("Hoses | Reels\nHoses | Reels > Hoses/Tubes\n", encoding="utf-8")
    assert texts(read_tree(file)) == ["Hoses | Reels", "Hoses | Reels > Hoses/Tubes"]
    assert texts(read_tree(file, separator="> Hoses/"))[1:] == ["Hoses | Reels > Tubes"]


def test_a_report_counts_what_was_left_out(tmp_path: File) -> None:
    """A path listed twice keeps its first id, a row without a path and a second parent are counted."""
    (tmp_path / "twice.csv").write_text("id,path\n1,Home > Bath\n2,HOME > bath\n3,\n", encoding="utf-8")
    report = read_report(tmp_path / "twice.csv")
    assert report == ReadReport(Tree.from_paths([("Home", "Bath")], {("Home", "Bath"): "1"}), {"2": "1"}, unnamed=1)
    (tmp_path / "graph.csv").write_text("id,name,parents\n1,A,\n2,B,\n3,C,1|2\n", encoding="utf-8")
    assert read_report(tmp_path / "graph.csv").dropped_parents == 1
    assert texts(read_tree(tmp_path / "graph.csv")) == ["A", "B", "A > C"]


NOTED = [
    ("paths.csv", 'id,path,synonyms,description\n1,Home,,\n2,Home > Bath,"tub, shower", all for washing\n'),
    ("levels.csv", 'level1,level2,Keywords,Notes\nHome,,,\nHome,Bath,"tub, shower",all for washing\n'),
    (
        "parents.csv",
        'id,name,parent,aliases,description\n1,Home,,,\n2,Bath,1,"[""tub"", ""shower""]",all for washing\n',
    ),
    (
        "nested.json",
        json.dumps(
            {
                "name": "Home",
                "children": [{"name": "Bath", "synonyms": ["tub", "shower"], "description": "all for washing"}],
            }
        ),
    ),
    ("objects.json", json.dumps([{"path": "Home"}, {"path": "Home > Bath", "notes": "tub, shower, all for washing"}])),
]


@pytest.mark.parametrize(("name", "content"), NOTED)
def test_what_categories_say_of_themselves_is_read(tmp_path: File, name: str, content: str) -> None:
    """Synonyms, keywords and descriptions in the order of their columns, the words of a list apart."""
    (tmp_path / name).write_text(content, encoding="utf-8")
    tree = read_tree(tmp_path / name)
    assert (texts(tree), tree.notes) == (["Home", "Home > Bath"], ("", "tub, shower, all for washing"))


def test_the_first_note_of_a_path_stands(tmp_path: File) -> None:
    """A path that is listed again, in any spelling, says nothing new."""
    (tmp_path / "twice.csv").write_text("path,notes\nHome,\nHOME,one\nhome,two\n", encoding="utf-8")
    assert read_tree(tmp_path / "twice.csv").notes == ("one",)


@pytest.mark.parametrize("note", ["[discontinued] use Bath", "[", "[1, 2", "[" * 2_000])
def test_a_note_in_brackets_is_a_text_like_any_other(tmp_path: File, note: str) -> None:
    """Only a list in JSON is one."""
    (tmp_path / "tree.csv").write_text(f'path,description\nHome,"{note}"\n', encoding="utf-8")
    assert read_tree(tmp_path / "tree.csv").notes == (note[:1000],)


CHAIN = "".join(f"x{level},A,x{level - 1}\n" for level in range(1, 25))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "id,name,parent\n1,A,3\n2,B,1\n3,C,2\n", "a.csv: each of 1, 3, 2 is its own ancestor; break"),
        ("a.csv", "id,name,parent\n1,A,1\n", "each of 1 is its own ancestor"),
        ("a.csv", "id,name,parent\n1,A,7\n", "'1' has the parent '7', which is not in the file"),
        ("a.csv", "id,name,parent\n1,A,\n1,B,\n", "row 2: the id '1' stands for two categories"),
        ("a.csv", "id,name,parent\n,A,\n", "row 1 has no id"),
        ("a.csv", "id,path\n1,A\n1,B\n", "the id '1' stands for two paths"),
        ("a.csv", "id,path\n1,A > > B\n", "row 1: the category 'A > > B' is no path: a name is empty"),
        ("a.csv", "id,colour\n1,red\n", "the columns id, colour are no taxonomy; give id and path"),
        ("a.txt", "id,colour\n1,red\n", "the columns id, colour are no taxonomy; give id and path"),
        ("a.csv", "id,de,fr\n1,A,B\n", "there is no locale 'en'; choose one of de, fr"),
        ("a.csv", "level1,level2\n,A\n", "row 1 leaves level 1 empty above 'A'; fill it in"),
        ("a.csv", "id,path\n1,\"" + "A" * 140_000 + "\"\n", " limit "),
        ("a.txt", "1 - A\nB\n", "path 2, 'B', has no id before it as the first one has"),
        ("a.json", "[1, 2]", "this JSON is no taxonomy"),
        ("a.json", '{"name": "A", "children": [3]}', "below 'A', '3' is no category"),
        ("a.json", '[{"id": "1", "path": "A"', "a.json: Expecting"),
        ("a.json", "[" * 100_000, "a.json: "),
        ("a.csv", "id,name,parent\nx0,A,\n" + CHAIN, "'x20' is 21 levels deep, the limit is 20"),
    ],
)  # fmt: skip
def test_a_file_that_makes_no_tree_is_refused(tmp_path: File, name: str, content: str, message: str) -> None:
    """The message names the file, the row or id, and what to do."""
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(TaxonomyError) as refused:
        read_tree(tmp_path / name)
    assert message in str(refused.value)


def test_files_that_cannot_be_read_are_refused(tmp_path: File) -> None:
    """Missing, truncated, corrupt and wrongly encoded files give one kind of error."""
    packed = gzip.compress(("id,path\n" + "\n".join(f"{n},A{n}" for n in range(9999))).encode())
    (tmp_path / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "bad.csv.gz").write_bytes(packed[:40] + b"\0" * 40 + packed[80:])
    (tmp_path / "latin.txt").write_bytes("Möbel".encode("latin-1"))
    for name, message in (
        ("none.csv", "none.csv cannot be read"),
        ("cut.csv.gz", "cut.csv.gz cannot be read"),
        ("bad.csv.gz", "bad.csv.gz cannot be read"),
        ("latin.txt", "is not text in UTF-8 or UTF-16; save it as UTF-8"),
    ):
        with pytest.raises(TaxonomyError, match=message):
            read_tree(tmp_path / name)


def test_a_file_over_the_limits_is_refused(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small gzip file that unpacks to more than the limit is given up on when the limit is passed, not after."""
    (tmp_path / "bomb.txt.gz").write_bytes(gzip.compress(b"A\n" * 1_000_000))
    monkeypatch.setattr(rows, "ROW_LIMIT", 999_999)
    with pytest.raises(TaxonomyError, match="there are more than 999,999 rows"):
        read_tree(tmp_path / "bomb.txt.gz")
    monkeypatch.setattr(files, "BYTE_LIMIT", 1_000_000)
    with pytest.raises(TaxonomyError, match="it holds more than 1,000,000 bytes, the limit"):
        read_tree(tmp_path / "bomb.txt.gz")


def test_an_empty_file_is_an_empty_tree(tmp_path: File) -> None:
    """Nothing in, nothing out."""
    (tmp_path / "empty.txt").write_text("# nothing yet\n", encoding="utf-8")
    assert read_tree(tmp_path / "empty.txt") == Tree.empty()


@given(listed=paths)
def test_a_tree_survives_json(listed: list[Path]) -> None:
    """Ids, names, parents, positions and version come back as they were."""
    tree = Tree.from_paths(listed).extended([("Zz", "Yy"), ("Aa",)])
    again = tree_from_json(tree_json(tree))
    assert (again.ids, again.names, again.version) == (tree.ids, tree.names, tree.version)
    assert again.parents.tolist() == tree.parents.tolist()


@pytest.mark.parametrize("name", ["tree.json", "tree.json.gz", "tree.csv", "tree.csv.gz"])
def test_a_written_file_is_read_back_equal(tmp_path: File, name: str) -> None:
    """Positions included, though they are in no natural order; commas, quotes and slashes are kept."""
    tree = Tree.from_paths([("Home", 'Pans, "large"'), ("Möbel", "Audio/Video")], {("Home",): "h-1"})
    tree = tree.extended([("Home", "Bath | Bed")])
    write_tree(tree, tmp_path / name)
    assert read_tree(tmp_path / name) == tree


@pytest.mark.parametrize("name", ["tree.json", "tree.csv.gz"])
def test_notes_are_written_and_read_back(tmp_path: File, name: str) -> None:
    """Commas, quotes and brackets included; a tree without any has no column for them."""
    said: dict[Path, str] = {("Home",): '"house", Möbel', ("Home", "Bath"): "[old] tub; shower"}
    tree = Tree.from_paths([("Home", "Bath"), ("Toys",)], notes=said)
    write_tree(tree, tmp_path / name)
    assert read_tree(tmp_path / name) == tree
    assert read_tree(tmp_path / name).notes == ('"house", Möbel', "[old] tub; shower", "")
    write_tree(Tree.from_paths([("Toys",)]), tmp_path / name)
    written = (tmp_path / name).read_bytes()
    assert b"notes" not in (gzip.decompress(written) if name.endswith(".gz") else written)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"Toys"', '"Boys"', "it was altered"),
        ('"aisle_taxonomy": 1', '"aisle_taxonomy": 2', "this is no taxonomy of format 1"),
        ("[-1]", '["-1"]', "ids and names are no lists of text, or parents none of numbers"),
        ("[-1]", "[0]", "node 0 has parent 0"),
        ("{", "", "this is no taxonomy in JSON"),
        ("[-1]", '[-1], "notes": [1]', "the notes are no list of text"),
        ("[-1]", '[-1], "notes": ["a", "b"]', "2 notes for 1 categories"),
        ("[-1]", '[-1], "notes": ["a"]', "it was altered"),
    ],
)
def test_json_that_was_altered_is_refused(old: str, new: str, message: str) -> None:
    """A snapshot with another tree than it was built with is never loaded."""
    text = tree_json(Tree.from_paths([("Toys",)]))
    assert old in text
    with pytest.raises(TaxonomyError, match=message):
        tree_from_json(text.replace(old, new, 1))


def test_inferring_keeps_the_most_frequent_spelling() -> None:
    """Each level is counted by itself; equally frequent spellings are decided by alphabet."""
    listed: list[Path] = [
        ("shoes", "BOOTS"),
        ("Shoes", "Boots"),
        ("Shoes", "Boots"),
        ("shoes", "hats"),
        ("Shoes", "Hats"),
    ]
    tree = infer(listed)
    assert texts(tree) == ["Shoes", "Shoes > Boots", "Shoes > Hats"]
    assert tree.ids == Tree.from_paths(listed).ids


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "locale", "shape"),
    [
        ("google/google_2021-09-21_en.csv", "en", (5595, 4719, 7)),
        ("google/google_taxonomy_21_locales.csv.gz", "en-US", (5582, 4709, 7)),
        ("google/google_taxonomy_21_locales.csv.gz", "en", (5582, 4709, 7)),
        ("google/google_taxonomy_21_locales.csv.gz", "de_DE", (5427, 4612, 7)),
        ("shopify/shopify_categories_en.csv", "en", (10595, 8516, 8)),
        ("shopify/shopify_categories_all_locales.csv.gz", "de", (10583, 8504, 8)),
        ("bestbuy/bestbuy_categories.csv", "en", (4712, 3878, 6)),
        ("openfoodfacts/off_categories.csv.gz", "en", (12649, 10481, 10)),
        ("openfoodfacts/categories.full.json.gz", "fr", (12646, 10478, 10)),
    ],
)
def test_public_taxonomies_are_read_whole(real_data: File, file: str, locale: str, shape: tuple[int, int, int]) -> None:
    """Counts of nodes, leaves and levels."""
    tree = read_tree(real_data / "taxonomies" / file, locale)
    assert (len(tree), int(tree.leaves.sum()), tree.lineage.shape[1]) == shape


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "column", "locale", "counts"),
    [
        ("google/google_2021-09-21_en.csv", "path", "en", (5595, 0)),
        ("google/google_taxonomy_21_locales.csv.gz", "ja-JP", "ja", (5442, 0)),
        ("shopify/shopify_categories_en.csv", "en", "en", (10595, 0)),
        ("bestbuy/bestbuy_categories.csv", "path", "en", (4584, 134)),
    ],
)
def test_every_row_of_a_public_taxonomy_is_where_its_id_says(
    real_data: File, file: str, column: str, locale: str, counts: tuple[int, int]
) -> None:
    """Each id leads to the path beside it, up to spacing and case; only ancestors that have no row are added."""
    report = read_report(real_data / "taxonomies" / file, locale)
    rows_read = {row["id"]: row[column] for row in table(real_data / "taxonomies" / file) if row[column]}
    for node_id, path in rows_read.items():
        found = report.tree.text(report.tree.index(report.aliases.get(node_id, node_id)))
        assert found.casefold() == " ".join(path.split()).removesuffix(" >").casefold()
    assert (len(rows_read), len(report.tree) + len(report.aliases) - len(rows_read)) == counts


@pytest.mark.real_data
def test_odd_rows_of_public_taxonomies_are_counted(real_data: File) -> None:
    """Google has rows of other languages, Best Buy paths with two ids, Open Food Facts several parents."""
    folder = real_data / "taxonomies"
    reports = (
        read_report(folder / "google" / "google_taxonomy_21_locales.csv.gz", "en-US"),
        read_report(folder / "bestbuy" / "bestbuy_categories.csv"),
        read_report(folder / "openfoodfacts" / "off_categories.csv.gz"),
    )
    counts = [(report.unnamed, len(report.aliases), report.dropped_parents) for report in reports]
    assert counts == [(18, 0, 0), (0, 6, 0), (0, 2, 2174)]


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("folder", "file", "paths_read", "levels"),
    [
        ("flipkart_20k", "products.csv", 945, 6),
        ("mwpd_gpc_16k", "products.csv.gz", 284, 3),
        ("pricerunner_35k", "products.csv", 10, 1),
        ("cdiscount_50k", "products.csv.gz", 2682, 3),
    ],
)
def test_labels_of_real_sources_are_read_as_paths(
    real_data: File, folder: str, file: str, paths_read: int, levels: int
) -> None:
    """The number of different paths is that of the source: slashes inside names split none of them."""
    cells = [cell for row in table(real_data / folder / file) if (cell := row["category_path"])]
    separators = detect_separator(cells[:1000])
    found = {parse_path(cell, separators) for cell in cells}
    read = [path for path in found if not isinstance(path, Invalid)]
    assert (len(read), len(found) - len(read)) == (paths_read, 0)
    assert max(map(len, read)) == levels
