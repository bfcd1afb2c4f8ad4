"""What the commands say about their work, word for word."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from indexer.build import Report
from indexer.intake.ingest import PictureCounts
from indexer.snapshots.manifest import Manifest
from indexer.sources import Counts
from indexer.store.records import StoreCounts
from service.answer import Neighbour
from service.console.table import Tally
from service.console.words import (
    build_report,
    classify_report,
    evaluation_facts,
    index_facts,
    neighbour_table,
    one_line,
    taxonomy_notes,
)
from taxonomy.rows import ReadReport
from taxonomy.tree import Tree

INDEX = Path("index/shop")
MANIFEST = Manifest(
    format=4,
    aisle="0.1.0",
    id="20300102T030405000Z-0123abcd",
    created_at="2030-01-02T03:04:05.000+00:00",
    encoder_spec="hashing:64",
    encoder="hashing:64 text=1",
    parts={"text": 64},
    settings={"kind": "exact"},
    space="raw",
    views={"text": {"dim": 64, "vectors": {"kind": "exact", "count": 1180, "parameters": {}}, "learning": {}}},
    taxonomy={"version": "0" * 16, "nodes": 112, "open": True},
    store_id="s",
    seq=1183,
    counts={"read": 1200, "indexed": 1183, "skipped": 0, "quarantined": 17, "products": 1183, "labelled": 1150}
    | {"vectors": 1180},
    files={"vectors.npy": {"bytes": 302_080, "sha256": "x"}, "labels.json": {"bytes": 1_000_000, "sha256": "x"}},
)
COUNTS = Counts(1200, 1183, 0, Counter(repeated_id=9, no_content=4, no_id=2, too_long=1, broken_row=1))


def test_a_build_without_any_category_says_how_to_come_by_some() -> None:
    """Which option names the column, and that labelled products can be added; with one label nothing is said."""
    counts = [{"products": 2, "labelled": labelled, "vectors": 2} for labelled in (0, 1)]
    reports = [
        build_report(Report(replace(MANIFEST, counts=some), COUNTS, 2, 0, INDEX / "quarantine.jsonl", 1.0), INDEX)
        for some in counts
    ]
    assert [True, False] == ["--map category=" in report and "aisle add" in report for report in reports]


def test_a_build_reports_counts_that_add_up_and_what_to_do_next() -> None:
    """1,183 + 17 = 1,200 rows; the three commonest reasons by name; commands to paste."""
    report = Report(MANIFEST, COUNTS, encoded=1_100, removed=3, quarantine=INDEX / "quarantine.jsonl", seconds=65.2)
    assert build_report(report, INDEX).splitlines() == [
        "index/shop is built in 1 min 05 s",
        "  rows        1,200 read = 1,183 indexed + 17 quarantined",
        "  products    1,183 = 1,150 with a category + 33 without",
        "              1,180 can be found; 3 have nothing that is encoded",
        "  categories  112 in the tree, which grows with the labels",
        "  encoder     hashing:64, dimensions: text 64",
        "  vectors     exact: every vector is compared, recall 1",
        "  missing     pictures are not seen by this encoder; build with `--encoder hashing:64+open_clip` to have both",
        "  quarantine  17 rows, each with its reason, in index/shop/quarantine.jsonl",
        "              9 x repeated_id: an earlier row has the id",
        "              4 x no_content: neither text nor an image that can be read",
        "              2 x no_id: the id is empty",
        "              2 for other reasons",
        "  removed     3 products that the source no longer has",
        "  encoded     1,100 texts; what was encoded before is kept",
        "next:",
        "  aisle info --index index/shop",
        "  aisle classify NEW_PRODUCTS.csv -o answers.csv --index index/shop",
        "  aisle serve --index index/shop",
    ]


def test_a_clean_build_does_not_speak_of_refusals() -> None:
    """What did not happen is not mentioned."""
    report = Report(MANIFEST, Counts(1183, 1183), 0, 0, INDEX / "quarantine.jsonl", 0.5)
    text = build_report(report, INDEX)
    assert "in index/shop/quarantine.jsonl" not in text
    assert "removed" not in text


def test_an_index_says_what_it_holds() -> None:
    """When built, by what, how much, how well it finds, where, and what came since."""
    parameters = {"nlist": 128, "nprobe": 9, "recall": 0.9667, "recall_target": 0.95}
    views = {"text": {"dim": 64, "vectors": {"kind": "ivf", "count": 1180, "parameters": parameters}, "learning": {}}}
    closed = {"version": "0" * 16, "nodes": 5595, "open": False}
    facts = index_facts(replace(MANIFEST, views=views, taxonomy=closed), INDEX, StoreCounts(1190, 1160, 1200, 1195))
    assert facts.splitlines() == [
        "index/shop holds snapshot 20300102T030405000Z-0123abcd",
        "  built       2030-01-02 03:04 UTC, by aisle 0.1.0",
        "  rows        1,200 read = 1,183 indexed + 17 quarantined",
        "  products    1,183 = 1,150 with a category + 33 without",
        "              1,180 can be found; 3 have nothing that is encoded",
        "  categories  5,595 in the tree, and no others: labels outside are refused",
        "  encoder     hashing:64, dimensions: text 64",
        "  vectors     ivf: recall 0.967 measured, 0.95 asked for, nlist 128, nprobe 9",
        "  missing     pictures are not seen by this encoder; build with `--encoder hashing:64+open_clip` to have both",
        "  since then  12 changes; the record store holds 1,190 products now",
        "  files       1.3 MB in index/shop/snapshots/20300102T030405000Z-0123abcd",
    ]


def test_each_view_has_vectors_of_its_own() -> None:
    """With pictures an index says for either view how many it has, and how well they find."""
    parameters = {"nlist": 128, "recall": 0.9667, "recall_target": 0.95}
    image = {"dim": 512, "vectors": {"kind": "ivf", "count": 900, "parameters": parameters}, "learning": {}}
    views = {"text": MANIFEST.views["text"], "image": image}
    lines = index_facts(replace(MANIFEST, views=views), INDEX, StoreCounts(1, 1, 1, 1183)).splitlines()
    start = lines.index("  vectors     by text, exact: every vector is compared, recall 1")
    assert lines[start + 1] == "  vectors     by image, ivf: recall 0.967 measured, 0.95 asked for, nlist 128"


def test_a_build_counts_pictures_and_names_the_commonest_reasons_without_one() -> None:
    """790 + 18 looked at; a product whose only image is broken has no picture, as one that names none."""
    unread = Counter({"no file … in images": 9, "the JPEG file is truncated …": 6, "another": 2, "a fourth": 1})
    counts = dict(MANIFEST.counts) | {"pictures": 790, "unread": 18, "pictureless": 400}
    manifest = replace(MANIFEST, encoder_spec="hashing:64+open_clip:ViT-B-32/x", counts=counts)
    pictures = PictureCounts(790, unread, 400)
    report = Report(manifest, COUNTS, 1, 0, INDEX / "quarantine.jsonl", seconds=1, pictures=pictures)
    lines = build_report(report, INDEX).splitlines()
    assert "  pictures    808 looked at = 790 read + 18 not; 400 products have none" in lines
    start = lines.index("  unread      18 images, each with its reason beside the product")
    assert lines[start + 1 : start + 5] == [
        "              9 x no file … in images",
        "              6 x the JPEG file is truncated …",
        "              2 x another",
        "              1 for other reasons",
    ]
    assert "missing" not in "\n".join(lines)


def test_an_index_of_vectors_made_elsewhere_says_how_many_products_have_one() -> None:
    """And that a picture by itself is not seen."""
    spec, counts = "hashing:64+precomputed:image=512@clip", dict(MANIFEST.counts) | {"given": 1_170}
    facts = index_facts(replace(MANIFEST, encoder_spec=spec, counts=counts), INDEX, StoreCounts(1, 1, 1, 1183))
    assert "  vectors     1,170 products came with one of their picture" in facts
    assert "  missing     pictures are known by vectors made elsewhere" in facts


def test_an_index_that_was_rebuilt_has_no_rows_to_speak_of() -> None:
    """Rows belong to a source; a snapshot of the record store alone has none."""
    manifest = replace(MANIFEST, counts={"products": 2, "labelled": 2, "vectors": 2})
    facts = index_facts(manifest, INDEX, StoreCounts(2, 2, 2, 1183)).splitlines()
    assert facts[2] == "  products    2 = 2 with a category + 0 without"


def test_classify_reports_as_many_decisions_as_rows() -> None:
    """812 + 150 + 38 = 1,000; what cannot be read is among those left to a person, as in the file."""
    tally = Tally(1_000, problems=8, left_out=5, decisions=Counter(auto=812, suggest=150, abstain=38))
    assert classify_report(tally, Path("out.csv"), 40.0).splitlines() == [
        "out.csv holds 1,000 rows, answered in 40 s (25.0/s)",
        "  auto              812  sure enough to apply",
        "  suggest           150  worth a look",
        "  abstain            38  left to a person",
        "                      8  of these cannot be read; the column aisle_problem says why",
        "  left out    5 cells of columns that the first rows lack; .jsonl keeps them",
    ]


def test_neighbours_stand_in_columns() -> None:
    """The most similar first; a product without a category has a dash."""
    near = [Neighbour("A1", "Mug", "Home > Cups", 0.98765, 0.7), Neighbour("long-id", "Pan\n\x1b[31m", "", 0.5, 0.0)]
    assert neighbour_table(near).splitlines() == [
        "similarity  id       category     title",
        "0.988       A1       Home > Cups  Mug",
        "0.500       long-id  -            Pan [31m",
    ]
    assert neighbour_table([]) == "nothing is stored here yet"


def test_what_was_left_out_of_a_tree_is_said() -> None:
    """Merged ids, rows without a name and second parents, each only where there are any."""
    tree = Tree.from_paths([("A",)])
    assert taxonomy_notes(ReadReport(tree), Path("t.csv")) == []
    assert taxonomy_notes(ReadReport(tree, {"2": "1"}, 1_200, 3), Path("t.csv")) == [
        "t.csv: ids that stand for a path which has an id already, understood as that one: 1",
        "t.csv: rows left out that have no path in this language: 1,200",
        "t.csv: second parents dropped, as a category has one here: 3",
    ]


def test_a_suppliers_text_does_nothing_to_a_terminal() -> None:
    """Line breaks and escape sequences become spaces."""
    assert one_line(" a\r\n b\x1b]0;title\x07c\u202e ") == "a b ]0;title c"


def test_an_evaluation_says_each_measure_with_its_range() -> None:
    """What was asked and what not, the dial, and the gate's verdict last before the report."""
    figures: dict[str, Any] = {
        "asked": 1_200,
        "read": 1_500,
        "left": {"not sampled": 298, "refused, as by a build": 2},
        "method": "products of a source",
        "measures": {
            "leaf": {"value": 0.9123, "low": 0.9, "high": 0.925},
            "tags_f1": {"value": 0.5, "low": 0.4, "high": 0.6},
        },
        "calibration": {"error": 0.0123},
        "dial": [
            {"asked": 0.9, "coverage": 0.875, "precision": 0.9266, "low": 0.9, "high": 0.95, "leaf": 0.8},
            {"asked": 0.99, "coverage": 0.0, "precision": None, "low": 0.0, "high": 1.0, "leaf": 0.0},
        ],
    }
    plain = [
        "1,200 of 1,500 products asked about, products of a source",
        "              298 not sampled",
        "              2 refused, as by a build",
        "  Category right        91.2%  (90.0 to 92.5)",
        "  Tags, micro-F1        50.0%  (40.0 to 60.0)",
        "  Calibration error     0.012",
        "  At precision 0.9     87.5% answered, 92.66% of it right",
        "  At precision 0.99    no answer is sure enough",
    ]
    page = "report: index/shop/evaluation/report.html"
    assert evaluation_facts(figures, INDEX / "evaluation" / "report.html") == [*plain, page]
    gate = {
        "other": {"index": "index/old", "snapshot": "S"},
        "products": 1_100,
        "comparisons": [
            {"measure": "leaf", "difference": -0.0412, "low": -0.06, "high": -0.02, "worse": True},
            {"measure": "tags_f1", "difference": 0.001, "low": -0.02, "high": 0.03, "worse": False},
        ],
        "worse": ["leaf"],
    }
    assert evaluation_facts(figures | {"gate": gate}, INDEX / "evaluation" / "report.html") == [
        *plain,
        "beside index/old, snapshot S, on 1,100 products that both were asked about:",
        "  Category right        -4.12  (-6.00 to -2.00) worse",
        "  Tags, micro-F1        +0.10  (-2.00 to +3.00)",
        "worse beyond noise",
        page,
    ]
