"""service/audit and aisle audit: an index with labels that are wrong, from the sweep to the table."""

from __future__ import annotations

import csv
import json
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

from indexer.errors import DecisionConflict, PatternNotFound, ProductNotFound, VersionConflict
from indexer.live import Patch
from indexer.product import Product
from indexer.store.decisions import Decision
from indexer.store.schema import twins
from indexer.store.suspects import Suspect, Wanted
from indexer.store.twins import Cleared, Regrouped, Twin
from service.audit.ambiguity import Pair
from service.audit.apart import suspicions_apart
from service.audit.audit import Audit, sweep
from service.audit.deciding import Label, decide_label, decide_pattern
from service.audit.findings import Findings
from service.audit.reading import Reading
from service.audit.suspicion import suspicions
from service.cli import aisle
from service.console.audits import pair_facts, pair_lines, write_patterns
from service.engine import Engine
from service.settings import ServiceSettings
from taxonomy.changes import Merge, Rename
from tests.doubtful import MISFILED, MUGS, PANS, POTS, PRUNERS, SHELVES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def engine(doubtful: Path, tmp_path: Path) -> Iterator[Engine]:
    """Return a copy of that index, open."""
    index = shutil.copytree(doubtful, tmp_path / "index")
    with closing(Engine.open(ServiceSettings(index=index))) as engine:
        yield engine


def test_a_sweep_finds_what_stands_wrong(engine: Engine) -> None:
    """The five first, each with where it belongs and who says so; what one brand does is a pattern."""
    findings = sweep(engine)
    reading = Reading(engine.live)
    mug, *pans = reading.labels(Wanted(), limit=5)
    assert (mug.id, mug.stored.path, mug.suggested.path) == ("mug-Arbel-alba", POTS, MUGS)
    assert (mug.severity, mug.kind, mug.pattern, mug.provenance) == (1.0, "slip", "", "supplier")
    assert {each.path for each in mug.neighbours} == {MUGS}

    (pattern,) = findings.patterns
    assert (pattern.attribute, pattern.value, pattern.support, pattern.products) == ("brand", "Hollin", 4, 4)
    assert [reading.where(each).path for each in (pattern.stored, pattern.suggested)] == [MUGS, PANS]
    assert {each.id for each in pans} == MISFILED
    assert {(each.kind, each.pattern) for each in pans} == {("systematic", pattern.id)}
    assert {each.severity for each in pans} == {0.5}
    assert (findings.products, findings.audited, findings.unlabelled, findings.seq) == (80, 79, 1, 80)


def test_a_duplicate_with_another_label_is_a_conflict(engine: Engine) -> None:
    """The one that is doubted more for itself is probably wrong, and its duplicate says so."""
    live = engine.live
    pair = sorted(key for each in ("pan-Hollin-alba", "pan-Lind-alba") if (key := live.labels.key(each)))
    row = dict(zip(("left_key", "right_key"), pair, strict=True))
    with live.records._changing() as connection:
        connection.execute(
            twins.insert(), row | {"verdict": "identical", "probability": 0.9, "variant": 0, "evidence": []}
        )
    sweep(engine)
    (conflict,) = Reading(live).labels(Wanted(kind="conflict", least=0.5))
    assert (conflict.id, conflict.suggested.path) == ("pan-Hollin-alba", PANS)
    assert conflict.neighbours[0].id == "pan-Lind-alba"


def test_a_conflict_ends_when_a_person_parts_the_two(engine: Engine) -> None:
    """A decision about two products is one about the labels in which they differ; so is a change of the duplicate."""
    live = engine.live
    ids = ["pan-Hollin-alba", "pan-Lind-alba"]
    keys = sorted(live.labels.key(each) or 0 for each in ids)
    with live.records._changing() as connection:
        Regrouped((), [Twin(keys[0], keys[1], "identical", 0.9)], (), ()).write(connection)
    sweep(engine)
    assert suspected(engine)["pan-Hollin-alba"][3] == "conflict"
    with live.records._changing() as connection:
        Cleared().write(connection)
    live.records.decisions.record(Decision("duplicates", "different", "g1", detail={"ids": ids}))
    further(engine)
    assert suspected(engine)["pan-Hollin-alba"][3] == "systematic"


def test_patterns_are_found_by_supplier_and_old_category(engine: Engine) -> None:
    """Facts of the products: whatever their brands, one supplier's pruners stand with the pots."""
    pruner = SHELVES[PRUNERS]
    engine.live.put(
        [
            Product(
                f"N-{maker}-{series}",
                f"{pruner} {series} {maker}",
                category=POTS,
                facts=(("supplier", "Nordhandel"), ("foreign_category", f"Beet/{maker}")),
            )
            for maker in ("Arbel", "Lind")
            for series in ("eden", "fora")
        ]
    )
    found = {(each.attribute, each.value, each.support) for each in sweep(engine).patterns}
    assert found == {("brand", "Hollin", 4), ("supplier", "Nordhandel", 4)}


def test_what_was_suspected_before_a_sweep_is_replaced(engine: Engine) -> None:
    """A label that was put right is no suspect."""
    sweep(engine)
    engine.live.change([Patch("mug-Arbel-alba", {"category": MUGS})])
    engine.live.records.suspects.replace([80], [Suspect(80, "a", "b", 1.0)])
    findings = sweep(engine)
    assert findings.seq == 81
    assert {each.id for each in Reading(engine.live).labels(Wanted(), limit=4)} == MISFILED
    assert engine.live.records.suspects.of(["mug-Arbel-alba"]) == {}


def further(engine: Engine) -> None:
    """Bring the audit to the journal's end, as upkeep does."""
    records = engine.live.records
    before, after = records.findings.reached("audit"), records.findings.end()
    assert before is not None
    keys = np.unique([entry.key for entry in records.journal(before.seq) if entry.key >= 0]).astype(np.int64)
    result = Audit().update(engine, keys, records.decisions.since(before.decision))
    assert records.findings.advance("audit", before, after, [result])


def suspected(engine: Engine) -> dict[str, tuple[str, str, float, str]]:
    """Return everything that is doubted, by id."""
    found = Reading(engine.live).labels(Wanted(), limit=100)
    return {each.id: (each.stored.path, each.suggested.path, each.probability, each.kind) for each in found}


def test_what_changes_is_asked_about_again(engine: Engine) -> None:
    """What is put on the wrong shelf is doubted, and what is put right is not; others stay as they are."""
    sweep(engine)
    before = suspected(engine)
    mug = "mug stoneware handle coffee dishwasher"
    engine.live.put([Product("new", f"{mug} eden", brand="Lind", category=PRUNERS)])
    engine.live.change([Patch("mug-Arbel-alba", {"category": MUGS}), "pan-Hollin-alba"])
    further(engine)
    now = suspected(engine)
    assert now["new"][:2] == (PRUNERS, MUGS)
    assert now["new"][2] > 0.9
    assert "mug-Arbel-alba" not in now
    assert "pan-Hollin-alba" not in now
    assert {now[id_][3] for id_ in MISFILED - {"pan-Hollin-alba"}} == {"systematic"}
    assert before.keys() >= MISFILED


def test_what_upkeep_finds_is_what_a_sweep_finds(engine: Engine) -> None:
    """For the products that changed: to the last digit."""
    sweep(engine)
    engine.live.change([Patch("mug-Arbel-alba", {"category": PANS}), Patch("pan-Lind-bora", {"category": POTS})])
    further(engine)
    kept = suspected(engine)
    sweep(engine)
    anew = suspected(engine)
    assert {id_: kept[id_][:3] for id_ in ("mug-Arbel-alba", "pan-Lind-bora")} == {
        id_: anew[id_][:3] for id_ in ("mug-Arbel-alba", "pan-Lind-bora")
    }


def test_a_tree_that_is_changed_changes_what_is_doubted(engine: Engine) -> None:
    """A category that is called otherwise is named so at once; one that is gone is suggested no more."""
    sweep(engine)
    engine.change_taxonomy([Rename(MUGS, "Cups")])
    assert suspected(engine)["mug-Arbel-alba"][:2] == (POTS, "Kitchen > Cups")
    assert suspected(engine)["pan-Hollin-alba"][:2] == ("Kitchen > Cups", PANS)
    further(engine)
    engine.change_taxonomy([Merge((PANS,), "Kitchen > Cups")])
    further(engine)
    assert not suspected(engine).keys() & MISFILED
    assert suspected(engine)["mug-Arbel-alba"][:2] == (POTS, "Kitchen > Cups")


def test_products_that_stand_wrong_together_do_not_vouch_for_each_other(engine: Engine) -> None:
    """Doubted for themselves they are hardly doubted; without each other, in a sweep as in upkeep, they are."""
    keys = np.array(sorted(key for id_ in MISFILED if (key := engine.live.labels.key(id_))), np.int64)
    together = suspicions(engine, keys).probability
    apart = suspicions_apart(engine, keys, keys).probability
    assert together.max() < 0.1
    assert apart.min() > 0.5
    sweep(engine)
    assert min(suspected(engine)[id_][2] for id_ in MISFILED) > 0.7
    engine.live.change([Patch("pan-Hollin-alba", {"tags": ("pan", "new")})])
    further(engine)
    assert min(suspected(engine)[id_][2] for id_ in MISFILED) > 0.7


def test_a_label_is_put_right_in_one_call(engine: Engine) -> None:
    """By the suggestion, with the provenance human; it is not doubted any more, and comes back with the undo."""
    sweep(engine)
    settled = decide_label(engine, Label("mug-Arbel-alba"), "fix", "Ann")
    assert (settled.decided.action, settled.decided.author, settled.decided.subject) == ("fix", "Ann", "mug-Arbel-alba")
    assert [(each.id, each.outcome, each.version) for each in settled.written] == [("mug-Arbel-alba", "updated", 2)]
    product = engine.get("mug-Arbel-alba").record.product
    assert (product.category, product.provenance) == (MUGS, "human")
    assert "mug-Arbel-alba" not in suspected(engine)
    further(engine)
    assert "mug-Arbel-alba" not in suspected(engine)

    engine.undo_decision(settled.decided.number, "Ben")
    product = engine.get("mug-Arbel-alba").record.product
    assert (product.category, product.provenance) == (POTS, "supplier")
    further(engine)
    assert suspected(engine)["mug-Arbel-alba"][:2] == (POTS, MUGS)


def test_a_label_that_is_found_right_is_left_alone(engine: Engine) -> None:
    """Nothing is changed; no sweep doubts it again, until that is taken back or the product says something else."""
    sweep(engine)
    settled = decide_label(engine, Label("mug-Arbel-alba"), "keep")
    assert (settled.written, settled.seq) == ([], 80)
    further(engine)
    sweep(engine)
    assert "mug-Arbel-alba" not in suspected(engine)
    engine.undo_decision(settled.decided.number)
    further(engine)
    assert "mug-Arbel-alba" in suspected(engine)

    decide_label(engine, Label("mug-Arbel-alba"), "keep")
    engine.live.change([Patch("mug-Arbel-alba", {"title": "mug stoneware handle coffee dishwasher fora"})])
    further(engine)
    assert "mug-Arbel-alba" in suspected(engine)


def test_a_pattern_is_put_right_at_once_and_taken_back_at_once(engine: Engine) -> None:
    """Each product goes where it is suggested; one decision, one transaction."""
    (pattern,) = sweep(engine).patterns
    settled = decide_pattern(engine, pattern.id, "fix")
    assert {each.id for each in settled.written} == MISFILED
    assert {engine.get(id_).record.product.category for id_ in MISFILED} == {PANS}
    with pytest.raises(PatternNotFound, match="list them again"):
        decide_pattern(engine, pattern.id, "fix")
    engine.undo_decision(settled.decided.number)
    assert {engine.get(id_).record.product.category for id_ in MISFILED} == {MUGS}


def test_a_label_that_changed_meanwhile_is_not_decided_about(engine: Engine) -> None:
    """Nothing is changed and nothing recorded."""
    sweep(engine)
    engine.live.change([Patch("mug-Arbel-alba", {"category": PANS})])
    with pytest.raises(DecisionConflict, match=r"is 'Kitchen > Pans' by now, not 'Garden > Pots'; nothing was changed"):
        decide_label(engine, Label("mug-Arbel-alba", seen=POTS), "fix")
    with pytest.raises(DecisionConflict, match="is not doubted; name its category"):
        decide_label(engine, Label("planter-Arbel-alba"), "fix")
    with pytest.raises(DecisionConflict, match="has no category that could be kept"):
        decide_label(engine, Label("mug-Orsa-dora"), "keep")
    with pytest.raises(VersionConflict):
        decide_label(engine, Label("mug-Arbel-alba", MUGS, version=1), "fix")
    with pytest.raises(ProductNotFound):
        decide_label(engine, Label("nobody"), "keep")
    with pytest.raises(DecisionConflict, match="there is no category 'Kitchen > Mug' to put product 'mug-Arbel-alba'"):
        decide_label(engine, Label("mug-Arbel-alba", "Kitchen > Mug"), "fix")
    assert engine.get("mug-Arbel-alba").record.product.category == PANS
    assert engine.live.records.decisions.page() == []


def test_the_table_has_the_columns_of_the_contract(doubtful: Path, tmp_path: Path) -> None:
    """The worst first, probabilities from --least on, neighbours by their ids; the counts add up."""
    out, patterns = tmp_path / "a.csv", tmp_path / "p.jsonl"
    options = ["-o", str(out), "--patterns", str(patterns), "--least", "0.1"]
    done = CliRunner().invoke(aisle, ["audit", "--index", str(doubtful), *options])
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(out.read_text("utf-8").splitlines()))
    header = ["id", "stored_path", "suggested_path", "probability", "severity", "kind", "neighbours"]
    assert list(rows[0]) == header
    assert {row["id"] for row in rows} == MISFILED | {"mug-Arbel-alba"}
    probabilities = [float(row["probability"]) for row in rows]
    assert probabilities == sorted(probabilities, reverse=True)
    assert [rows[0][name] for name in ("stored_path", "suggested_path", "severity", "kind")] == [
        POTS,
        MUGS,
        "1.0",
        "slip",
    ]
    assert rows[0]["neighbours"].startswith("mug-")
    (pattern,) = [json.loads(line) for line in patterns.read_text().splitlines()]
    assert (pattern["value"], pattern["stored_path"], pattern["support"]) == ("Hollin", MUGS, 4)
    assert (pattern["kind"], pattern["remedy"]) == ("systematic", "fix")
    assert MISFILED > set(pattern["examples"].split("|"))
    assert "80 = 79 audited + 1 without a label" in done.stderr
    assert "5 labels probably wrong, with a probability of 0.1 or more" in done.stderr


def test_what_is_found_is_printed_as_json(doubtful: Path) -> None:
    """Suspects add up over their kinds."""
    done = CliRunner().invoke(aisle, ["audit", "--index", str(doubtful), "--least", "0.1", "--json"])
    told = json.loads(done.stdout)
    assert (told["products"], told["audited"], told["unlabelled"]) == (80, 79, 1)
    assert told["kinds"] == {"slip": 1, "systematic": 4}
    assert told["suspects"] == 5


def test_categories_that_nobody_tells_apart_are_shown_with_examples_and_the_remedy(engine: Engine) -> None:
    """In the table of patterns and in the report: counts both ways, and the smaller is to be merged into the other."""
    reading, tree = Reading(engine.live), engine.live.tree
    node = {tree.text(node): node_id for node, node_id in enumerate(tree.ids)}
    with engine.live.reading():
        keys = [engine.live.labels.key(id_) for id_ in ("pan-Arbel-alba", "pan-Arbel-bora", "mug-Lind-cora")]
    pair = Pair(node[PANS], node[MUGS], 3, 4, 16, 22, (*(key for key in keys if key is not None), 999))
    gone = Pair("gone", node[POTS], 3, 3, 9, 9)
    findings = Findings(80, "", "", 80, 79, 1, ambiguous=(pair, gone))
    assert Findings.from_json(findings.to_json()) == findings
    (told,) = pair_facts(reading, findings.ambiguous)
    assert told["examples"] == ["pan-Arbel-alba", "pan-Arbel-bora", "mug-Lind-cora"]
    assert told["remedy"] == {"change": "merge", "nodes": [PANS], "into": MUGS}
    report = "\n".join(pair_lines([told]))
    assert (
        "3 of 16  4 of 22  Kitchen > Pans <-> Kitchen > Mugs  pan-Arbel-alba, pan-Arbel-bora, mug-Lind-cora" in report
    )
    assert "aisle taxonomy merge 'Kitchen > Pans' --into 'Kitchen > Mugs' --preview" in report


def test_an_ambiguous_pair_is_a_row_of_the_table_of_patterns(engine: Engine, tmp_path: Path) -> None:
    """What is to be merged as stored, into what is suggested; what is below the other is always merged into it."""
    reading, tree = Reading(engine.live), engine.live.tree
    node = {tree.text(node): node_id for node, node_id in enumerate(tree.ids)}
    findings = Findings(80, "", "", 80, 79, 1, ambiguous=(Pair(node["Kitchen"], node[MUGS], 3, 4, 10, 20),))
    assert write_patterns(reading, tmp_path / "p.jsonl", findings) == 1
    (row,) = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text("utf-8").splitlines()]
    assert [row[name] for name in ("kind", "stored_path", "suggested_path", "remedy")] == [
        "ambiguous",
        MUGS,
        "Kitchen",
        "merge",
    ]
    assert [row[name] for name in ("support", "products", "share", "back", "back_of")] == [4, 20, 0.2, 3, 10]


def test_without_a_file_the_worst_are_printed(doubtful: Path) -> None:
    """A line for each."""
    done = CliRunner().invoke(aisle, ["audit", "--index", str(doubtful), "--limit", "5"])
    lines = done.stdout.splitlines()
    assert len(lines) == 6
    assert "mug-Arbel-alba" in lines[1]


def test_an_output_that_cannot_be_written_is_refused_first(doubtful: Path, tmp_path: Path) -> None:
    """Before anything is asked."""
    done = CliRunner().invoke(aisle, ["audit", "--index", str(doubtful), "-o", str(tmp_path / "a.ods")])
    assert done.exit_code == 1
    assert "'a.ods' is none of .csv, .tsv, .jsonl, .parquet, .xlsx" in str(done.exception)


def test_labels_are_decided_about_on_the_command_line(doubtful: Path, tmp_path: Path) -> None:
    """One by one, or a pattern at once; a decision is taken back by its number."""
    index = shutil.copytree(doubtful, tmp_path / "index")

    def run(*words: str) -> str:
        done = CliRunner().invoke(aisle, ["audit", *words, "--index", str(index)])
        assert done.exit_code == 0, done.output
        return done.stdout if "--json" in words else done.output

    (pattern,) = json.loads(run("--json"))["patterns"]
    assert "decision 1: fix mug-Arbel-alba, 1 label changed" in run("fix", "mug-Arbel-alba", "--author", "Ann")
    assert f"decision 2: fix {pattern['id']}, 4 labels changed" in run("fix", "--pattern", pattern["id"])
    assert "decision 3: keep pan-Lind-alba, 0 labels changed" in run("keep", "pan-Lind-alba")
    told = json.loads(run("--json", "--least", "0.5"))
    assert (told["suspects"], told["patterns"]) == (0, [])
    assert "decision 2 is taken back by decision 4" in run("undo", "2")
    assert json.loads(run("--json", "--least", "0.5"))["kinds"] == {"systematic": 4}


def test_what_is_decided_about_is_named(doubtful: Path) -> None:
    """Products or a pattern, and not both."""
    done = CliRunner().invoke(aisle, ["audit", "keep", "--index", str(doubtful)])
    assert (done.exit_code, "name products by their ids, or a pattern" in done.output) == (2, True)
