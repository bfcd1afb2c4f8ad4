"""indexer/keeping/export.py and `aisle export`: what leaves an index comes back equal, in every format."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from indexer.encoders import load
from indexer.errors import SettingError
from indexer.intake.placement import CANONICAL, Placement
from indexer.intake.update import prepare, store
from indexer.keeping.export import STDOUT, RawParts, export, format_of
from indexer.keeping.writers import COLUMNS, FORMATS
from indexer.normalize import normalize
from indexer.product import PROVENANCES, Product
from indexer.settings import IndexSettings
from indexer.sources import Profile, read
from indexer.store.place import STORE
from indexer.store.records import Record, Records
from service.commands.keeping import KINDS
from service.rebuild import build
from taxonomy.tree import Tree

ODD = [
    Product("=1+1", "Plain mug", "One line", "Acme", (("Capacity", "1 l"), ("Colour", "red")), "Home > Mugs"),
    Product('["x"]', '{"name": "Mug"}', '["a", "b"]', '["Acme"]', (("", "red"),), "Toys/Games", ("a|b", "c, d")),
    Product(" padded ", "Mug, large; \"best\" | 'x'", "two\nlines, with, commas", specs=(("k", "v"), ("k", "w: x"))),
    Product("rows", "Mug", "\n".join(["a,b,c,d,e,f,g,h,i,j,k,l,m,n"] * 4), category="A/B > C|D", tags=("x", "y")),
    Product("tabs", "Mug", "\n".join(["a\tb\tc"] * 4), category="Home | Garden", tags=("[x]",), weight=0.25),
    Product("123", "0012", "NaN", "null", category="> Odd", images=("a,b.jpg",), provenance="human", weight=1 / 3),
    Product("ä/☃", "Tée 🍵", "+-@", "ß", (("größe", '{"a": 1}'), ('"', "[1]")), "Küche > Teller", ("grün",)),
    Product("picture", "Lamp", images=("a.jpg", "b c.png", "https://shop.example/p.jpg?a=1,2;3")),
    Product("machine", "Lamp", category="Home", tags=("t",), provenance="machine", weight=10.0),
]


def stored_in(records: Records, products: list[Product]) -> None:
    """Store products as a build would."""
    encoder = load("hashing:64")
    placement = Placement(Tree.empty(), grows=True, separators=CANONICAL)
    made = [each for each in prepare(products, placement) if isinstance(each, Record)]
    assert len(made) == len(products)
    store(records, encoder, made, encoder.encode)


def all_of(index: Path) -> dict[str, Record]:
    """Return every record of an index by its id."""
    with closing(Records.open(index / STORE, create=False)) as records, records.moment() as moment:
        return {each.record.product.id: each.record for page in moment.pages() for each in page}


def lines_of(file: Path) -> list[dict[str, Any]]:
    """Return the objects of a file of JSON lines."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    """Return a store of products whose texts readers could take for something else."""
    (tmp_path / "index").mkdir()
    with closing(Records.open(tmp_path / "index" / STORE)) as opened:
        stored_in(opened, ODD)
        yield opened


def test_the_command_offers_every_format() -> None:
    """What can be asked for is what can be written."""
    assert tuple(FORMATS) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_built_from_its_export_is_equal(records: Records, tmp_path: Path, kind: str) -> None:
    """Every field, node and content hash of every product, however odd its text, comes back as it was."""
    out = tmp_path / f"out.{kind}"
    with records.moment() as moment:
        done = export(moment, str(out))

    assert (done.products, done.seq, done.bare) == (len(ODD), len(ODD), 0)
    with read(out) as source:
        report = build(source, tmp_path / "again", settings=IndexSettings(encoder="hashing:64"))
    assert report.rows.by_code == {}
    assert all_of(tmp_path / "again") == all_of(tmp_path / "index")


TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t") | st.sampled_from("[]{}\",;|=>/:#'\\ "),
    max_size=30,
)
LINE = TEXT.map(lambda text: text.replace("\n", " "))
NAME = st.text(st.sampled_from("abÄ/|»& .,;[]{}\"'"), min_size=1, max_size=8).filter(lambda name: name.strip())
PRODUCTS = st.builds(
    Product,
    id=LINE.filter(lambda text: text.strip() and "\t" not in text),
    title=st.just("Mug ") | LINE.map("Mug {}".format) | LINE.map('["{}'.format) | LINE.map('{{"{}'.format),
    description=TEXT,
    brand=LINE,
    specs=st.lists(st.tuples(LINE, LINE), max_size=3).map(tuple),
    category=st.lists(NAME, max_size=3).map(" > ".join),
    tags=st.lists(LINE, max_size=3, unique_by=lambda tag: normalize(Product("p", tag, tags=(tag,))).tags).map(tuple),
    provenance=st.sampled_from(PROVENANCES),
    weight=st.floats(0.001, 10.0),
    facts=st.fixed_dictionaries(
        {},
        optional={"price": st.integers(1, 10**9).map("{} EUR".format), "gtin": LINE, "mpn": LINE, "supplier": LINE}
        | {"foreign_category": LINE | st.lists(NAME, min_size=1, max_size=3).map(" > ".join)},
    ).map(lambda facts: tuple(facts.items())),
)


@settings(max_examples=50)
@given(products=st.lists(PRODUCTS, min_size=1, max_size=4, unique_by=lambda product: product.id))
def test_any_product_comes_back_as_it_is_stored(
    products: list[Product], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Read back from each format, placed and normalised once more, a record equals itself."""
    folder = tmp_path_factory.mktemp("any")
    placement = Placement(Tree.empty(), grows=True, separators=CANONICAL)
    made = [each for each in prepare(products, placement) if isinstance(each, Record)]
    assume(made)  # all may be refused
    with closing(Records.open(folder / STORE)) as records:
        records.write(made)
        for kind in KINDS:
            with records.moment() as moment:
                export(moment, str(folder / f"out.{kind}"))
            with read(folder / f"out.{kind}") as source:
                found = [row.product or row.problem for row in source]
            again = prepare([each for each in found if isinstance(each, Product)], placement)
            assert again == made


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_made_elsewhere_come_back_bit_for_bit(tmp_path: Path, kind: str) -> None:
    """With --vectors an index of such parts can be built again; the column holds what encoders would have made."""
    rng = np.random.default_rng(0)
    rows = [{"id": f"p{n}", "title": f"Mug {n}", "category": "Home > Mugs"} for n in range(6)]
    vectors = [rng.normal(size=3).round(4).tolist() for _ in rows[1:]]
    given = [row | {"image_vector": vector} for row, vector in zip(rows[1:], vectors, strict=True)]
    (tmp_path / "in.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in [rows[0], *given]), "utf-8")
    settings = IndexSettings(encoder="hashing:8+precomputed:image=3@clip")
    with read(tmp_path / "in.jsonl", vectors=True) as source:
        made = build(source, tmp_path / "index", settings=settings).manifest
    raw = RawParts(made.encoder, made.parts)

    with closing(Records.open(tmp_path / "index" / STORE)) as records, records.moment() as moment:
        assert export(moment, str(tmp_path / f"out.{kind}"), raw=raw).bare == 0
    with read(tmp_path / f"out.{kind}", vectors=True) as source:
        assert {"text_vector", "image_vector"} <= set(source.columns)
        again = build(source, tmp_path / "again", settings=settings).manifest

    assert all_of(tmp_path / "again") == all_of(tmp_path / "index")
    stores = [Records.open(tmp_path / name / STORE) for name in ("index", "again")]
    hashes = sorted(each.content_hash for each in all_of(tmp_path / "index").values())
    one, other = (store.vectors(hashes, made.encoder, made.parts)[0] for store in stores)
    for store_ in stores:
        store_.close()
    assert all(np.array_equal(one.parts[part], other.parts[part]) for part in made.parts)
    assert other.mask["image"].sum() == 5
    assert again.encoder == made.encoder


def test_what_has_no_raw_vectors_is_counted(records: Records, tmp_path: Path) -> None:
    """Such a product has empty cells: an encoder that has not seen it yet is no reason to stop."""
    with records.moment() as moment:
        done = export(moment, str(tmp_path / "out.jsonl"), raw=RawParts("another", {"text": 4}))
    assert done.bare == len(ODD)
    assert {row["text_vector"] for row in lines_of(tmp_path / "out.jsonl")} == {None}


def test_an_export_is_one_moment(records: Records, tmp_path: Path) -> None:
    """What is written, changed or deleted while it runs is not in it, nor half of it."""
    changed = replace(ODD[0], title="Another mug")

    def meanwhile(_: int) -> None:
        stored_in(records, [changed, Product("late", "Mug")])
        records.delete(["123"])

    with records.moment() as moment:
        before = list(records.get([each.id for each in ODD]))
        moment.pages = partial(moment.pages, 2)  # type: ignore[method-assign]
        done = export(moment, str(tmp_path / "out.jsonl"), tell=meanwhile)

    rows = lines_of(tmp_path / "out.jsonl")
    assert (done.products, done.seq) == (len(ODD), len(ODD))
    assert len(rows) == len(before) == len(ODD)
    assert rows[0]["title"] == "Plain mug"
    assert records.seq() > done.seq


def test_an_export_that_breaks_off_leaves_the_file_from_before(records: Records, tmp_path: Path) -> None:
    """Nothing half written ever has the name that was asked for, and nothing lies beside it."""
    out = tmp_path / "out.csv"
    out.write_text("before", "utf-8")

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), records.moment() as moment:
        export(moment, str(out), tell=stop)
    assert out.read_text("utf-8") == "before"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["index", "out.csv"]


@pytest.mark.parametrize("kind", KINDS)
def test_memory_is_one_page_of_products(tmp_path: Path, kind: str) -> None:
    """Ten times as many products need hardly more."""
    peaks = []
    with closing(Records.open(tmp_path / STORE)) as records:
        for count in (1_000, 9_000):
            products = [Product(f"{count}-{n}", f"Mug {n}", "text " * 40, category="Home") for n in range(count)]
            records.write([Record(each, each.id) for each in products])
            with records.moment() as moment:
                export(moment, str(tmp_path / f"first.{kind}"))  # what is loaded once is loaded
                tracemalloc.start()
                export(moment, str(tmp_path / f"out.{kind}"))
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.parametrize(
    ("out", "kind", "said"),
    [
        ("out.xlsx", "", "is none of csv, tsv, jsonl, parquet by its name"),
        (STDOUT, "", "give --format"),
        (STDOUT, "parquet", "not parquet"),
        ("nowhere/out.csv", "", "there is no folder nowhere"),
    ],
)
def test_a_name_that_cannot_be_written_is_refused(out: str, kind: str, said: str) -> None:
    """Before anything is opened, with the remedy."""
    with pytest.raises(SettingError, match=said):
        format_of(out, kind)
    assert format_of("out.CSV") == "csv"
    assert format_of("out", "parquet") == "parquet"


def command(index: Path, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run `aisle export` in a process of its own."""
    line = [sys.executable, "-c", "from service.cli import main; main()", "export", "--index", str(index), *arguments]
    return subprocess.run(line, capture_output=True, text=True, env={**os.environ}, check=False, **more)


def test_the_command_writes_files_and_streams(own_index: Path, tmp_path: Path) -> None:
    """What goes to stdout is the file to the byte; the report says as of which change it is."""
    written = command(own_index, "-o", str(tmp_path / "out.csv"))
    assert written.returncode == 0, written.stderr
    assert written.stderr.strip() == f"60 products as of change 60 written to {tmp_path / 'out.csv'}"
    streamed = command(own_index, "-o", "-", "--format", "csv")
    assert streamed.stdout == (tmp_path / "out.csv").read_text("utf-8")
    assert tuple(streamed.stdout.split("\n", 1)[0].split(",")) == COLUMNS
    refused = command(own_index, "-o", "out.doc")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)

    vectors = command(own_index, "-o", str(tmp_path / "out.parquet"), "--vectors")
    assert vectors.returncode == 0, vectors.stderr
    with read(tmp_path / "out.parquet", Profile()) as source:
        assert source.columns == (*COLUMNS, "text_vector")
