"""aisle add, remove and sync: what they print, and what a service that is running makes of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from service.cli import main
from service.engine import Engine
from service.settings import ServiceSettings

PRODUCTS = """id,title,category,tags
mug,Stoneware mug,Home > Kitchen > Cups,stoneware
cup,Stoneware cup,Home > Kitchen > Cups,stoneware|gift
pan,Frying pan,Home > Kitchen > Pans,steel
ball,Leather football,Sports,
"""
CHANGED = """id,title,category,tags
mug,Stoneware mug,Home > Kitchen > Cups,stoneware
cup,Stoneware cup,Home > Kitchen > Mugs,gift
pan,Frying pan 28 cm,Home > Kitchen > Pans,steel
new,Wool blanket,Home > Blankets,
ball,,,
"""


class Ended(NamedTuple):
    """How a command ended."""

    code: int | str | None
    out: str
    lines: list[str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Ended]:
    """Return what runs a command beside an index `i` of PRODUCTS; its words on stderr come as lines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AISLE_ENCODER", "hashing:64")
    monkeypatch.setenv("AISLE_INDEX", "i")

    def ran(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["aisle", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Ended(ended.value.code, out, err.splitlines())

    Path("products.csv").write_text(PRODUCTS)
    Path("changed.csv").write_text(CHANGED)
    assert ran("build", "products.csv").code is None
    return ran


def test_a_sync_prints_counts_that_add_up(run: Callable[..., Ended]) -> None:
    """The same in a dry run, which only says what would be; with --json as numbers on stdout."""
    counted = [
        "  rows        5 read = 4 indexed + 1 quarantined",
        "  added       1",
        "  changed     1",
        "  relabelled  1 with nothing new but the label",
        "  unchanged   1",
        "  deleted     0 of 4",
    ]
    dry = run("sync", "changed.csv", "--dry-run")
    assert (dry.code, dry.out) == (None, "")
    assert dry.lines[1].startswith("i would change so; nothing was written, in ")
    assert dry.lines[2:8] == counted
    named = [
        "              Home > Kitchen > Mugs",
        "              Home > Blankets",
        "              the supplier's own? --map foreign_category=COLUMN reads them so, --mapping FILE places them",
    ]
    assert dry.lines[8:] == [
        "  categories  2 that the tree lacked would join it",
        *named,
        "  quarantine  1 rows; what is stored under their ids stays",
        "              1 x no_content: neither text nor an image that can be read",
        "  seq         4 is the place in the journal",
    ]
    real = run("sync", "changed.csv")
    assert real.lines[1].startswith("i is up to date in ")
    assert real.lines[2:8] == counted
    assert real.lines[8:] == [
        "  categories  2 that the tree lacked joined it",
        *named,
        "  quarantine  1 rows, each with its reason, in i/quarantine.jsonl; what is stored under their ids stays",
        "              1 x no_content: neither text nor an image that can be read",
        "  encoded     2 texts; what was encoded before is kept",
        "  seq         7 is the place in the journal of the last change",
    ]
    numbers = json.loads(run("sync", "changed.csv", "--json").out)
    assert numbers == {
        "read": 5,
        "indexed": 4,
        "skipped": 0,
        "quarantined": 1,
        "added": 0,
        "changed": 0,
        "relabelled": 0,
        "unchanged": 4,
        "deleted": 0,
        "held": 0,
        "encoded": 0,
        "flagged": 0,
        "joined": 0,
        "preceded": 0,
        "seq": 7,
        "dry_run": False,
    }


def test_an_index_that_is_open_follows_what_commands_change(run: Callable[..., Ended]) -> None:
    """Added, relabelled and removed products count in the next answer, without a new snapshot."""
    with closing(Engine.open(ServiceSettings(index=Path("i")))) as engine:
        snapshot = engine.live.manifest.id
        run("add", "changed.csv")
        engine.live.follow()
        assert {each.id for each in engine.similar("new", 10)} == {"mug", "cup", "pan", "ball"}
        assert engine.get("cup").record.product.category == "Home > Kitchen > Mugs"
        run("remove", "new", "cup")
        engine.live.follow()
        assert {each.id for each in engine.similar("mug", 10)} == {"pan", "ball"}
    with closing(Engine.open(ServiceSettings(index=Path("i")))) as engine:
        assert engine.live.manifest.id == snapshot
        assert {each.id for each in engine.similar("mug", 10)} == {"pan", "ball"}


def test_ids_that_are_not_stored_are_counted(run: Callable[..., Ended]) -> None:
    """On the command line or in a file, one on each line, each once; it is no error."""
    Path("ids.txt").write_text("mug\r\n\n nope \nmug\n", "utf-8-sig")
    assert run("remove", "--ids", "ids.txt")[::2] == (
        None,
        [
            "i holds 1 products less",
            "  missing     1 ids are not stored",
            "  seq         5 is the place in the journal of the last change",
        ],
    )
    assert json.loads(run("remove", "mug", "pan", "--json").out) == {"deleted": 1, "missing": 1, "seq": 6}
    Path("ids.txt").write_bytes(b"mug\n\xff\n")
    assert run("remove", "--ids", "ids.txt").lines == ["aisle: ids.txt is no UTF-8 (byte 4); write one id on each line"]
    assert [run("remove").code, run("remove", "mug", "--ids", "ids.txt").code] == [2, 2]


def test_a_part_of_a_source_is_never_synced(run: Callable[..., Ended]) -> None:
    """`add` takes a limit; `sync` would delete the rest."""
    assert run("add", "changed.csv", "--limit", "1").lines[2] == "  rows        1 read = 1 indexed"
    refused = run("sync", "changed.csv", "--limit", "1")
    assert (refused.code, refused.lines[-1]) == (
        2,
        "Error: --limit reads a part of SOURCE, and sync deletes what it did not read; use aisle add",
    )


def test_too_many_deletes_are_refused_with_the_remedy(run: Callable[..., Ended]) -> None:
    """The share can be set, and forced."""
    Path("one.csv").write_text("id,title\nmug,Stoneware mug\n")
    why = (
        "one.csv lacks 3 of the 4 products that are stored (75.0%), a sync deletes 50% at most; nothing was changed: "
        "see whether it is the whole source, and raise --delete-share, or --force it"
    )
    assert run("sync", "one.csv")[::2] == (1, ["loading the encoder hashing:64", f"aisle: {why}"])
    dry = run("sync", "one.csv", "--dry-run")
    assert (dry.code, f"  refused     {why}" in dry.lines) == (1, True)
    assert run("sync", "one.csv", "--dry-run", "--force").code is None
    assert "  deleted     3 of 4 (75.0%)" in run("sync", "one.csv", "--delete-share", "0.75").lines


def test_there_must_be_an_index(run: Callable[..., Ended]) -> None:
    """With the command that makes one; a source that is not there is refused before the encoder is loaded."""
    for command in (("add", "products.csv"), ("sync", "products.csv")):
        ended = run(*command, "--index", "none")
        message = "aisle: nothing was built in none yet; run: aisle build SOURCE --index none"
        assert (ended.code, ended.lines) == (1, [message])
    ended = run("remove", "mug", "--index", "none")
    assert (ended.code, ended.lines[0].startswith("aisle: no record store at none")) == (1, True)
    assert (run("add", "nowhere.csv").code, len(run("add", "nowhere.csv").lines)) == (1, 1)


def test_a_store_of_another_index_is_refused(run: Callable[..., Ended]) -> None:
    """Nothing is written into a record store that the published snapshot was not built from."""
    Path("other.csv").write_text(PRODUCTS)
    assert run("build", "other.csv", "--index", "other").code is None
    Path("i/records.sqlite").write_bytes(Path("other/records.sqlite").read_bytes())
    ended = run("add", "changed.csv")
    assert (ended.code, "was built from another record store than" in ended.lines[-1]) == (1, True)


def test_labels_say_who_gave_them(run: Callable[..., Ended]) -> None:
    """--provenance is of rows that do not say; a label that only changes its giver is a relabel."""
    ended = run("add", "products.csv", "--provenance", "human", "--json")
    numbers = json.loads(ended.out)
    assert (numbers["relabelled"], numbers["encoded"]) == (4, 0)


def test_duplicates_are_refused_or_named(run: Callable[..., Ended]) -> None:
    """A row whose product is stored already, or came before in the source, goes into quarantine, or is named."""
    rows = ["id,title", "pan2,Frying pan", "torch,Torch QX7731 with 3 lights", "torch2,Torch QX7731 with 3 lights"]
    Path("more.csv").write_text("\n".join(rows) + "\n")
    refused = json.loads(run("add", "more.csv", "--on-duplicate", "reject", "--json").out)
    assert (refused["read"], refused["added"], refused["quarantined"]) == (3, 1, 2)
    lines = [json.loads(line) for line in Path("i/quarantine.jsonl").read_text().splitlines()]
    assert [(line["id"], line["code"]) for line in lines] == [("pan2", "duplicate"), ("torch2", "duplicate")]
    assert "'torch2' is stored already as 'torch': identical" in lines[1]["reason"]
    flagged = run("add", "more.csv", "--on-duplicate", "flag")
    assert any("flagged" in line and "2 that may be stored already" in line for line in flagged.lines)
    assert any("pan2 may be pan: identical, 1.00" in line for line in flagged.lines)
