"""service/audit/retagging.py: what people decide about missing and wrong tags."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner

from indexer.errors import DecisionConflict, ProductNotFound, VersionConflict
from indexer.live import Patch
from indexer.store.suspects import Suspect
from service.audit.audit import Audit
from service.audit.reading import Reading
from service.audit.retagging import Tagged, decide_tags
from service.cli import aisle
from service.engine import Engine
from service.settings import ServiceSettings
from tests.doubtful import MUGS, POTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MUG = "mug-Arbel-bora"
FAULTS = (("clay", "missing", 0.9), ("mug", "wrong", 0.7), ("blue", "missing", 0.4))


@pytest.fixture
def engine(doubtful: Path, tmp_path: Path) -> Iterator[Engine]:
    """Return an index in which a mug with the tag `mug` is said to lack clay and blue, and to be no mug."""
    index = shutil.copytree(doubtful, tmp_path / "index")
    with closing(Engine.open(ServiceSettings(index=index, upkeep=False))) as engine:
        tell(engine)
        yield engine


def tell(engine: Engine) -> None:
    """Let the audit say of the mug's tags what it says in these tests."""
    engine.live.records.suspects.replace([key(engine)], [Suspect(key(engine), tags=FAULTS)])


def key(engine: Engine) -> int:
    """Return the key of the mug."""
    with engine.live.reading():
        found = engine.live.labels.key(MUG)
    assert found is not None
    return found


def told(engine: Engine) -> tuple[str, ...]:
    """Return the tags of the mug that are told."""
    return tuple(tag for tag, _, _ in Reading(engine.live).faults(MUG))


def label(engine: Engine) -> tuple[tuple[str, ...], str, float]:
    """Return the tags of the mug, who gave them, and how much they count."""
    product = engine.get(MUG).record.product
    return product.tags, product.provenance, product.weight


def test_missing_tags_are_added_and_wrong_ones_removed_in_one_call(engine: Engine) -> None:
    """Those as likely as not, by a person; told no more, though the audit says it again; as it was after the undo."""
    settled = decide_tags(engine, Tagged(MUG), "fix", "Ann")
    decided = settled.decided
    assert (decided.kind, decided.action, decided.subject, decided.author) == ("tags", "fix", MUG, "Ann")
    assert (decided.detail["missing"], decided.detail["wrong"]) == (["clay"], ["mug"])
    assert [(each.id, each.outcome, each.version) for each in settled.written] == [(MUG, "updated", 2)]
    assert label(engine) == (("clay",), "human", 1.0)
    assert engine.get(MUG).record.product.category == MUGS
    assert told(engine) == ("blue",)
    tell(engine)
    assert told(engine) == ("blue",)

    engine.undo_decision(decided.number, "Ben")
    assert label(engine) == (("mug",), "supplier", 1.0)
    tell(engine)
    assert told(engine) == ("clay", "mug", "blue")


def test_tags_that_are_found_right_are_told_again_when_tags_or_content_are_others(engine: Engine) -> None:
    """Nothing is changed; what the audit says of them is not kept, until then."""
    settled = decide_tags(engine, Tagged(MUG, ["Clay"]), "keep")
    assert (settled.written, settled.seq, settled.decided.detail["missing"]) == ([], 80, ["clay"])
    assert label(engine) == (("mug",), "supplier", 1.0)
    tell(engine)
    assert told(engine) == ("mug", "blue")
    for change in ({"tags": ("mug", "red")}, {"tags": ("mug",), "title": "mug stoneware"}):
        engine.live.change([Patch(MUG, change)])
        tell(engine)
        assert told(engine) == ("clay", "mug", "blue")


def test_what_is_kept_is_not_told_again_because_something_else_is_fixed(engine: Engine) -> None:
    """Unless that it was kept is taken back."""
    kept = decide_tags(engine, Tagged(MUG, ["mug"]), "keep")
    decide_tags(engine, Tagged(MUG, ["blue"]), "fix")
    assert label(engine)[0] == ("mug", "blue")
    tell(engine)
    assert told(engine) == ("clay",)
    engine.undo_decision(kept.decided.number)
    tell(engine)
    assert told(engine) == ("clay", "mug")


def test_tags_that_are_all_decided_leave_a_doubted_label_doubted(engine: Engine) -> None:
    """Only what is told of the tags goes; of a product with a right label the row goes whole."""
    one, with_label = key(engine), engine.live.records.get([MUG])[MUG].record.node_id
    tree = engine.live.tree
    (pots,) = (node_id for node, node_id in enumerate(tree.ids) if tree.text(node) == POTS)
    suspect = Suspect(one, with_label, pots, 0.8, 1.0, "slip", "", (1,), FAULTS)
    engine.live.records.suspects.replace([one], [suspect])
    decide_tags(engine, Tagged(MUG, least=0), "keep")
    assert told(engine) == ()
    doubted = Reading(engine.live).label(MUG)
    assert doubted is not None
    assert (doubted.suggested.path, doubted.probability) == (POTS, 0.8)
    assert Reading(engine.live).tags() == []


def test_a_decision_about_tags_lets_the_audit_ask_again(engine: Engine) -> None:
    """About the product itself, when it is made and when it is taken back."""
    kept = decide_tags(engine, Tagged(MUG), "keep").decided
    undone = engine.undo_decision(kept.number)
    for decided in (kept, undone):
        result = Audit().update(engine, np.zeros(0, np.int64), [decided])
        assert key(engine) in result.keys  # type: ignore[attr-defined]  # it is Replaced


def test_tags_that_changed_meanwhile_are_not_decided_about(engine: Engine) -> None:
    """Nothing is changed and nothing recorded."""
    with pytest.raises(DecisionConflict, match=r"are 'mug' by now, not 'cup'; nothing was changed"):
        decide_tags(engine, Tagged(MUG, carried=["cup"]), "fix")
    with pytest.raises(DecisionConflict, match=r"'red' .* is told neither as missing nor as wrong"):
        decide_tags(engine, Tagged(MUG, ["red"]), "fix")
    with pytest.raises(DecisionConflict, match=r"with a probability of 0\.95 or more; name tags"):
        decide_tags(engine, Tagged(MUG, least=0.95), "keep")
    with pytest.raises(VersionConflict):
        decide_tags(engine, Tagged(MUG, version=7), "fix")
    with pytest.raises(ProductNotFound):
        decide_tags(engine, Tagged("nobody"), "keep")
    engine.live.change([Patch(MUG, {"tags": ("mug", "clay")})])
    with pytest.raises(DecisionConflict, match="was changed while it was decided about"):
        decide_tags(engine, Tagged(MUG), "fix")
    assert label(engine)[0] == ("mug", "clay")
    assert engine.live.records.decisions.page() == []


def test_tags_are_decided_about_on_the_command_line(doubtful: Path, tmp_path: Path) -> None:
    """All that are likely with --tags, one with --tag; labels of a pattern are another thing."""
    index = shutil.copytree(doubtful, tmp_path / "shop")
    with closing(Engine.open(ServiceSettings(index=index, upkeep=False))) as engine:
        tell(engine)

    def run(*words: str) -> str:
        return CliRunner().invoke(aisle, ["audit", *words, "--index", str(index)]).output

    assert "decision 1: keep mug-Arbel-bora: do without blue" in run("keep", MUG, "--tag", "blue")
    assert "decision 2: fix mug-Arbel-bora: add clay; remove mug" in run("fix", MUG, "--tags")
    assert "a pattern is of labels" in run("fix", "--pattern", "0123456789ab", "--tags")
    assert "--category is for labels" in run("fix", MUG, "--tags", "--category", "Mugs")
