"""service/evaluation/methods.py: who is asked, by which index, and what becomes of the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.build import Quiet
from indexer.encoders import Encoder
from indexer.errors import SourceError
from indexer.images.gallery import Folder
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.sources import Row, read
from indexer.sources.rows import Problem
from service.engine import Engine
from service.evaluation.methods import (
    HELD,
    REFUSED,
    UNASKED,
    UNLABELLED_LEFT,
    UNSAMPLED,
    UNSHARED,
    Evaluated,
    _settings_of,
    held_out,
    labelled,
    left_out,
    of_source,
)
from service.rebuild import build
from service.settings import ServiceSettings
from taxonomy.mapping import CategoryMapper
from taxonomy.tree import Tree

PUMP, PUMP_WORDS = "Sheds > Zeta", "submersible pond pump with foam filter and ten metre cable"
ADDED = [
    Product("pump", PUMP_WORDS, category=PUMP),
    Product("pump too", PUMP_WORDS, category=PUMP),
    Product("bare", "mystery box without a label"),
    Product("guess", "machine labelled box", category="Garden > Planters", provenance="machine"),
]


@pytest.fixture
def engine(own_index: Path) -> Iterator[Engine]:
    """Return an engine on an index of its own: 60 products, and ADDED."""
    with closing(Engine.open(ServiceSettings(index=own_index))) as opened:
        opened.put(ADDED)
        yield opened


def hold(engine: Engine, *, folds: int = 2, crossed: bool = False, sample: int = 1_000) -> Evaluated:
    """Ask what was held out."""
    return held_out(engine, folds=folds, crossed=crossed, sample=sample, seed=0, progress=Quiet())


def leave(engine: Engine, *, ids: list[str] | None = None, sample: int = 1_000) -> Evaluated:
    """Ask the index about its own."""
    return left_out(engine, ids=ids, sample=sample, seed=0, progress=Quiet())


def ask(engine: Engine, rows: list[Row], *, sample: int = 1_000) -> Evaluated:
    """Ask the index about the rows of a source."""
    return of_source(engine, rows, sample=sample, seed=0, progress=Quiet())


def rows(*products: Product) -> list[Row]:
    """Return products as the rows of a source."""
    return [Row(number, each.id, {}, each) for number, each in enumerate(products, start=1)]


def adds_up(found: Evaluated) -> bool:
    """Say whether everything that was read was asked about or left out for a reason."""
    return found.read == len(found.judged) + sum(found.left.values())


def test_cross_validated_every_labelled_product_is_asked_once_and_no_near_copy_votes(engine: Engine) -> None:
    """Tags neither: two unlabelled listings of P001 would give it theirs if they were not held out with it.

    The two pumps are asked in the index without either, which has no such category.
    """
    original = engine.get("P001").record.product
    secret = replace(original, category="", tags=("secret",))
    engine.put([replace(secret, id="copy 1"), replace(secret, id="copy 2"), replace(original, tags=("secret",))])

    found = hold(engine, crossed=True)

    judged = found.judged
    assert found.method == "cross-validated in 2 parts"
    assert found.snapshot == engine.live.manifest.id
    assert sorted(judged.ids) == sorted([*(f"P{number:03}" for number in range(1, 61)), "pump", "pump too"])
    assert (found.read, found.left) == (66, {UNLABELLED_LEFT: 4})
    assert adds_up(found)
    place = {product_id: row for row, product_id in enumerate(judged.ids)}
    assert "secret" not in judged.given[place["P001"]]
    assert judged.tags[place["P001"]] == ("secret",)
    assert judged.fold[place["pump"]] == judged.fold[place["pump too"]]
    assert not judged.taught[[place["pump"], place["pump too"]]].any()
    assert judged.taught.sum() == 60
    assert judged.exact.sum() == 60
    assert sorted(np.bincount(judged.fold).tolist()) in ([30, 32], [31, 31])


def test_of_one_part_no_more_are_asked_than_are_wanted(engine: Engine) -> None:
    """The others are counted."""
    found = hold(engine, folds=4, sample=5)
    assert found.method == "1 of 4 parts held out"
    assert len(found.judged) == 5
    assert (found.read, found.left) == (64, {UNASKED: 57, UNLABELLED_LEFT: 2})


def test_a_sample_is_shared_out_among_the_parts(engine: Engine) -> None:
    """One of five parts: the others get none, and no index is built for them."""
    found = hold(engine, folds=5, crossed=True, sample=1)
    assert found.judged.fold.tolist() == [4]
    assert adds_up(found)


def test_too_few_products_to_hold_out_are_refused_with_the_remedy(engine: Engine) -> None:
    """Copies count once: of 62 labelled products there are 61."""
    with pytest.raises(SourceError, match=r"has 62 labelled products, too few for 63 parts; label more, give fewer"):
        hold(engine, folds=63)
    with pytest.raises(SourceError, match="has 61 labelled products that are no near-copies, too few for 62 parts"):
        hold(engine, folds=62)


def test_an_index_without_labels_has_nothing_to_ask(engine: Engine) -> None:
    """It says so, whichever way it is asked."""
    engine.delete([f"P{number:03}" for number in range(1, 61)])
    engine.delete(["pump", "pump too"])
    with pytest.raises(SourceError, match="the index has 0 labelled products, too few for 2 parts"):
        hold(engine)
    with pytest.raises(
        SourceError, match=r"the index has 0 labelled products to ask about, 2 are needed at least; lab"
    ):
        leave(engine)


def test_an_index_is_asked_about_its_own_without_their_near_copies(engine: Engine) -> None:
    """A pump finds no pump: the nearest that may vote is far, and nobody says Zeta."""
    found = leave(engine)
    judged = found.judged
    assert found.method == "leave-one-out"
    assert (found.read, found.left) == (64, {UNLABELLED_LEFT: 2})
    assert sorted(judged.ids) == sorted(engine.live.labels.ids(labelled(engine)))
    place = {product_id: row for row, product_id in enumerate(judged.ids)}
    pumps = [place["pump"], place["pump too"]]
    assert judged.nearest[pumps].max() < 0.8
    assert not judged.exact[pumps].any()
    assert judged.exact.sum() == 60
    assert set(judged.fold.tolist()) == {0, 1}


def test_its_own_label_tells_a_product_nothing(engine: Engine) -> None:
    """With another label it is thought of as before, to the last bit, and judged differently."""
    before = leave(engine).judged
    engine.put([replace(engine.get("P001").record.product, category=PUMP, tags=("pets",))])
    after = leave(engine).judged
    one, other = before.ids.index("P001"), after.ids.index("P001")
    assert before.nodes[one].tolist() == after.nodes[other].tolist()
    assert before.likely[one] == pytest.approx(after.likely[other], abs=1e-5)
    assert before.given[one].keys() == after.given[other].keys() - {"pets"}
    assert (before.exact[one], after.exact[other]) == (True, False)


def test_a_sample_of_its_own_is_the_same_for_another_index_that_has_them(engine: Engine) -> None:
    """What only one of two holds is counted; the draw is by id, so both draw the same."""
    shared = [f"P{number:03}" for number in range(1, 41)]
    found = leave(engine, ids=[*shared, "elsewhere", "bare"], sample=10)
    assert (found.read, len(found.judged)) == (64, 10)
    assert found.left == {UNSAMPLED: 30, UNSHARED: 22, UNLABELLED_LEFT: 2}
    engine.delete([f"P{number:03}" for number in range(50, 61)])
    again = leave(engine, ids=shared, sample=10)
    assert sorted(again.judged.ids) == sorted(found.judged.ids)
    with pytest.raises(SourceError, match="the two indexes share 1 labelled products"):
        leave(engine, ids=["P001", "elsewhere"])


def test_rows_of_a_source_are_asked_about_or_counted_by_reason(engine: Engine) -> None:
    """Refused, unlabelled, held by id or as a near-copy, not sampled: all that were read."""
    new = [
        Product(f"new {n}", f"Fenwick {word} frying pan for gas", category="Kitchen > Cookware > Frying Pans")
        for n, word in enumerate(("tall", "oval", "deep"))
    ]
    source = [
        *rows(
            *new,
            replace(new[0], id="no label", category=""),
            replace(new[0], id="machine", provenance="machine"),
            replace(new[0], id="P001"),
            replace(engine.get("P002").record.product, id="copy of P002"),
            replace(new[0], id="bad weight", weight=99.0),
        ),
        Row(9, "", {}, problem=Problem("no_id", "the row has no id")),
    ]
    found = ask(engine, source, sample=2)
    assert found.method == "products of a source"
    assert (found.read, found.left) == (9, {REFUSED: 2, UNLABELLED_LEFT: 2, HELD: 2, UNSAMPLED: 1})
    assert adds_up(found)
    assert set(found.judged.ids) < {each.id for each in new}
    assert found.judged.exact.tolist() == [True, True]
    whole = ask(engine, source)
    assert (len(whole.judged), adds_up(whole)) == (3, True)


def test_a_category_that_the_index_lacks_is_judged_all_the_same(engine: Engine) -> None:
    """In a tree that has grown for the judge alone; the answer cannot be right."""
    found = ask(engine, rows(Product("kite", "box kite with tail", category="Toys > Kites")))
    assert found.judged.tree.text(int(found.judged.truth[0])) == "Toys > Kites"
    assert (found.judged.taught.tolist(), found.judged.exact.tolist()) == ([False], [False])
    assert engine.tree.find(("Toys", "Kites")) is None


def test_a_source_without_anything_new_is_refused_with_the_counts(engine: Engine) -> None:
    """And with what to name instead."""
    held = engine.get("P001").record.product
    with pytest.raises(SourceError, match=r"none of the 2 rows .*: 1 without a category.*; 1 in the index already"):
        ask(engine, rows(held, replace(held, id="x", category="")))
    with pytest.raises(SourceError, match="none of the 0 rows can be asked about"):
        ask(engine, [])


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Engine]:
    """Return an engine on an index in the raw space whose tree was given, with a leaf that nothing is in."""
    tree = Tree.from_paths([("Desk", "Lamps"), ("Desk", "Trays"), ("Bath",), ("Garden",)])
    said = [(f"{noun} {n}", path) for path, noun in (("Desk > Lamps", "lamp"), ("Bath", "towel")) for n in range(6)]
    said.append(("cork tray", "Desk > Trays"))
    lines = [json.dumps({"id": f"c{n}", "title": title, "category": path}) for n, (title, path) in enumerate(said)]
    (tmp_path / "c.jsonl").write_text("\n".join(lines))
    build(
        read(tmp_path / "c.jsonl", mapper=CategoryMapper(tree)),
        tmp_path / "closed",
        settings=IndexSettings(encoder="hashing:64", space="raw"),
        taxonomy=tree,
    )
    with closing(Engine.open(ServiceSettings(index=tmp_path / "closed"))) as opened:
        yield opened


def test_an_index_with_a_tree_of_its_own_is_held_out_with_that_tree(closed: Engine) -> None:
    """A category whose only product is held out is in it still, as an empty leaf; other categories are refused."""
    found = hold(closed, crossed=True)
    assert found.judged.tree == closed.tree
    assert (len(found.judged), found.judged.taught.all()) == (13, np.True_)
    assert adds_up(found)
    source = ask(closed, rows(Product("s", "football", category="Sports"), Product("g", "shears", category="Garden")))
    assert (source.judged.ids, source.left) == (["g"], {REFUSED: 1})


def test_an_index_is_built_again_as_it_was_built(
    closed: Engine, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the raw space or a learnt one of the same width, whatever the environment says of spaces."""
    monkeypatch.setenv("AISLE_SPACE", "learnt")
    assert (_settings_of(closed).space, _settings_of(closed).encoder) == ("raw", "hashing:64")
    monkeypatch.setenv("AISLE_SPACE", "raw")
    manifest = replace(
        engine.live.manifest, space="learnt-0123", views={"text": {"dim": 17, "learning": {"sample": 9}}}
    )
    engine.live.manifest = manifest
    assert (_settings_of(engine).space, _settings_of(engine).dim) == ("learnt", 17)


COLOURS = {"Red": "red.png", "Green": "green.jpg", "Blue": "blue.webp"}


def titles(number: int) -> str:
    """Return words that no other product has, so that text tells nothing of a category."""
    return " ".join(f"{chr(97 + number % 26)}{word}{number}" for word in ("xo", "ka", "mi", "tul"))


def right(evaluated: Evaluated) -> float:
    """Return the share of the products whose likeliest category is theirs."""
    judged = evaluated.judged
    return float((judged.nodes[:, 0] == judged.truth).mean())


def test_what_is_held_out_keeps_the_vectors_that_came_with_it(tmp_path: Path) -> None:
    """With titles that say nothing all that is known is the vectors, in the trial's index and in its questions."""
    rng = np.random.default_rng(1)
    path, spec = tmp_path / "p.jsonl", "hashing:64+precomputed:image=6"
    with path.open("w") as file:
        for number in range(60):
            kind = number % 3
            vector = np.eye(6)[kind] + rng.normal(0, 0.1, 6)
            row = {"id": f"{number:02}", "title": titles(number), "category": list(COLOURS)[kind]}
            file.write(json.dumps(row | {"image_vector": vector.tolist()}) + "\n")
    with read(path, vectors=True) as source:
        build(source, tmp_path / "index", settings=IndexSettings(encoder=spec))
    with closing(Engine.open(ServiceSettings(index=tmp_path / "index"))) as engine:
        assert right(hold(engine, crossed=True)) == 1.0


def test_products_of_a_source_are_asked_about_with_their_pictures(
    tmp_path: Path, photos: Path, seeing: Encoder
) -> None:
    """Where a gallery is given; titles say nothing, so without pictures hardly more than a third can be right."""
    path, gallery = tmp_path / "p.jsonl", Folder(photos)
    with path.open("w") as file:
        for number in range(45):
            kind = list(COLOURS)[number % 3]
            row = {"id": f"{number:02}", "title": titles(number), "category": kind, "image": COLOURS[kind]}
            file.write(json.dumps(row) + "\n")
    with read(path, limit=30) as source:
        build(source, tmp_path / "index", settings=IndexSettings(), encoder=seeing, gallery=gallery)
    with closing(Engine.open(ServiceSettings(index=tmp_path / "index"), seeing)) as engine:
        for where, least, most in ((gallery, 1.0, 1.0), (None, 0.0, 0.8)):
            with read(path) as source:
                asked = of_source(engine, source, gallery=where, sample=100, seed=0, progress=Quiet())
            assert (asked.read, len(asked.judged)) == (45, 15)
            assert least <= right(asked) <= most


@pytest.mark.parametrize("crossed", [True, False], ids=["held out", "left out"])
def test_products_known_by_text_by_picture_or_by_both_are_asked_side_by_side(tmp_path: Path, crossed: bool) -> None:
    """Each beside its own label, whichever views the products before it had; what either view tells is enough."""
    rng, nouns = np.random.default_rng(2), ("kettle", "anorak", "trellis")
    path, spec = tmp_path / "p.jsonl", "hashing:64+precomputed:image=6"
    with path.open("w") as file:
        for number in range(90):
            kind, known = number % 3, rng.integers(3)
            vector = np.eye(6)[kind] + rng.normal(0, 0.1, 6)
            row = {"id": f"{number:02}", "title": f"{nouns[kind]} {titles(number)}", "category": nouns[kind]}
            row |= {"title": ""} if known == 1 else {}
            file.write(json.dumps(row | ({"image_vector": vector.tolist()} if known else {})) + "\n")
    with read(path, vectors=True) as source:
        build(source, tmp_path / "index", settings=IndexSettings(encoder=spec))
    with closing(Engine.open(ServiceSettings(index=tmp_path / "index"))) as engine:
        assert {"text", "image", "text+image"} >= engine.calibration.others.keys()
        found = hold(engine, crossed=True) if crossed else leave(engine)
        labels = {each.record.product.id: each.record.product.category for each in engine.page(0, 100)}
    assert sorted(found.judged.ids) == [f"{number:02}" for number in range(90)]
    assert [labels[each] for each in found.judged.ids] == found.judged.paths
    assert found.judged.exact.mean() > 0.95
