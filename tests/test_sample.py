"""The sample catalogue is what its generator makes and what data/README.md says of it, and aisle reads all of it."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import zlib
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

from indexer import product as limits
from indexer.sources import CODES, read
from indexer.sources.aliases import ALIASES, column_key, keys
from taxonomy.files import read_tree
from taxonomy.vocabulary import Vocabulary

DATA = Path(__file__).resolve().parent.parent / "data"
SAMPLE = DATA / "sample"
README = (DATA / "README.md").read_text("utf-8")
FOREIGN = "Vier Winde Import"

Rows = list[dict[str, str]]


def table(name: str) -> Rows:
    """Return the rows of one of the sample's tables."""
    with (SAMPLE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def stated(heading: str) -> list[list[str]]:
    """Return the cells of the README's table that starts with `heading`."""
    body = README.partition(f"\n| {heading} |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in body.splitlines()[2:]]


def pixels(png: bytes) -> bytes:
    """Return the pixels of a picture as the generator writes them: one IDAT chunk, no filters."""
    (size,) = (int.from_bytes(png[33:37], "big"),)
    return png[16:29] + zlib.decompress(png[41 : 41 + size])


@pytest.fixture(scope="module")
def products() -> Rows:
    """Return the committed products."""
    return table("products.csv")


@pytest.fixture(scope="module")
def marks() -> Rows:
    """Return the committed marks."""
    return table("marks.csv")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that the generator has just filled."""
    folder = tmp_path_factory.mktemp("sample")
    subprocess.run([sys.executable, DATA / "make_sample.py", folder], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("name", ["products.csv", "marks.csv", "taxonomy.csv"])
def test_the_generator_writes_the_committed_tables(made: Path, name: str) -> None:
    """Each table comes out byte for byte as it was committed."""
    assert (SAMPLE / name).read_bytes() == (made / name).read_bytes()


def test_the_generator_draws_the_committed_pictures(made: Path) -> None:
    """The same files with the same pixels, whatever zlib packed them."""
    committed = {path.name: pixels(path.read_bytes()) for path in (SAMPLE / "images").iterdir()}
    assert committed == {path.name: pixels(path.read_bytes()) for path in (made / "images").iterdir()}


def test_the_readme_counts_right(products: Rows, marks: Rows) -> None:
    """Every figure of the README's table is what the files hold."""
    shelves = Counter(row["category_path"] for row in products)
    paths = [row["path"] for row in table("taxonomy.csv")]
    leaves = set(paths) - {path.rpartition(" > ")[0] for path in paths}
    names = Counter(leaf.rpartition(" > ")[2] for leaf in leaves)
    tags = [row["tags"].split("|") if row["tags"] else [] for row in products]
    kinds = Counter(mark["kind"] for mark in marks)
    counted = {
        "products": len(products),
        "departments": sum(" > " not in path for path in paths),
        "leaf categories with products": len(shelves),
        "products in the largest leaf": max(shelves.values()),
        "products in the smallest leaf": min(shelves.values()),
        "leaf categories without products": len(leaves - set(shelves)),
        "nodes of the taxonomy": len(paths),
        "levels of the deepest leaf": max(leaf.count(" > ") + 1 for leaf in leaves),
        "leaf names under several parents": sum(count > 1 for count in names.values()),
        "suppliers": len({row["supplier"] for row in products}),
        "brands": len({row["brand"].casefold() for row in products if row["brand"]}),
        "distinct tags": len({tag for given in tags for tag in given}),
        "products without tags": sum(not given for given in tags),
        "products with more than three tags": sum(len(given) > 3 for given in tags),
        "products with a picture": sum(bool(row["image_path"]) for row in products),
        "products with an HTML description": sum("<" in row["description"] for row in products),
        "products without a description": sum(not row["description"] for row in products),
        "products with specs as JSON": sum(row["specs"].startswith("{") for row in products),
        "products with specs as text": sum(row["specs"][:1] not in ("", "{") for row in products),
        "German, French and Spanish products": sum(row["supplier"] == FOREIGN for row in products),
        "variants": kinds["variant"],
        "duplicates": kinds["duplicate"],
        "wrong labels": kinds["wrong_label"],
    }
    assert {what: f"{count:,}" for what, count in counted.items()} == dict(stated("what"))


def test_every_mark_is_about_products_of_the_catalogue(products: Rows, marks: Rows) -> None:
    """Ids and originals exist, and no product takes part in two marks."""
    ids = [mark[column] for mark in marks for column in ("id", "of") if mark[column]]
    assert set(ids) - {row["id"] for row in products} == set()
    assert [name for name, count in Counter(ids).items() if count > 1] == []


def test_variants_and_duplicates_share_the_shelf_of_their_original(products: Rows, marks: Rows) -> None:
    """They differ from it in the title, and duplicates in the supplier too."""
    rows = {row["id"]: row for row in products}
    for mark in marks:
        if mark["of"]:
            one, other = rows[mark["id"]], rows[mark["of"]]
            assert one["category_path"] == other["category_path"]
            assert one["title"] != other["title"]
            assert (one["supplier"] == other["supplier"]) == (mark["kind"] == "variant")


def test_a_wrong_label_is_half_the_time_a_sibling_and_else_another_department(products: Rows, marks: Rows) -> None:
    """`detail` is the right path, which differs from the one the row has."""
    given = {row["id"]: row["category_path"] for row in products}
    pairs = [(given[mark["id"]], mark["detail"]) for mark in marks if mark["kind"] == "wrong_label"]
    siblings = [one.rpartition(" > ")[0] == other.rpartition(" > ")[0] for one, other in pairs]
    strangers = [one.partition(" > ")[0] != other.partition(" > ")[0] for one, other in pairs]
    assert [one for one, other in pairs if one == other] == []
    assert (15, 15) == (sum(siblings), sum(strangers))


def test_every_picture_belongs_to_one_product(products: Rows) -> None:
    """No product names a picture that is missing, and no picture is left over."""
    named = sorted(row["image_path"] for row in products if row["image_path"])
    assert named == sorted(f"images/{path.name}" for path in (SAMPLE / "images").iterdir())


def test_the_sample_stays_small() -> None:
    """All of it together is below 3 MB."""
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 3_000_000


def test_aisle_reads_every_row(products: Rows) -> None:
    """No row of the sample is refused, and what the columns hold arrives."""
    with read(SAMPLE) as source:
        rows = list(source)
    assert [row.problem for row in rows if row.problem] == []
    assert [row["title"].strip() for row in products] == [row.product.title for row in rows if row.product]
    assert [bool(row["specs"]) for row in products] == [bool(row.product.specs) for row in rows if row.product]
    assert ["|".join(row.product.tags) for row in rows if row.product] == [row["tags"] for row in products]


def test_the_taxonomy_is_read_whole(products: Rows) -> None:
    """The tree has each path once, and every product's shelf is in it."""
    tree = read_tree(SAMPLE / "taxonomy.csv")
    paths = {tree.text(node) for node in range(len(tree))}
    assert paths == {row["path"] for row in table("taxonomy.csv")}
    assert {row["category_path"] for row in products} - paths == set()


def test_the_vocabulary_fits_the_catalogue(products: Rows) -> None:
    """All of it has an effect in the sample's tree, and products carry each tag that it names."""
    words = Vocabulary.read(SAMPLE / "vocabulary.json")
    assert words.oversights(read_tree(SAMPLE / "taxonomy.csv")) == []
    carried = {tag for row in products for tag in row["tags"].split("|")}
    named = {*words.spellings, *words.aliases.values(), *words.exclusions, *words.scopes, *chain(*words.conflicts)}
    assert named - carried == set()


def test_the_readme_names_columns_that_aisle_knows() -> None:
    """Each field is there with its first alias, and each name beside it leads to that field."""
    rows = stated("field")
    assert [(field, ALIASES[field][0]) for field in ALIASES] == [(row[0], row[1].strip("`")) for row in rows]
    for field, _, others, *_ in rows:
        assert [name for name in re.findall(r"`(.+?)`", others) if column_key(name) not in keys(field)] == []


def test_the_readme_lists_every_code_and_limit() -> None:
    """The codes are those of a problem, the limits those of `indexer.product`."""
    assert [f"`{code}`" for code in CODES] == [row[0] for row in stated("code")]
    assert [
        ["id", f"{limits.ID_CHARS} characters"],
        ["title, brand", f"{limits.TITLE_CHARS:,} characters each"],
        ["description", f"{limits.DESCRIPTION_CHARS:,} characters"],
        ["specs", f"{limits.SPEC_COUNT:,} entries"],
        ["category", f"{limits.CATEGORY_CHARS:,} characters"],
        ["tags", f"{limits.TAG_COUNT} entries of {limits.TAG_CHARS} characters"],
        ["images", f"{limits.IMAGE_COUNT}"],
        ["facts", f"{limits.FACT_CHARS:,} characters each"],
        ["weight", f"{limits.WEIGHT_LEAST:g} to {limits.WEIGHT_MOST:g}"],
    ] == stated("limit")
