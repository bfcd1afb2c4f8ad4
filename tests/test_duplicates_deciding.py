"""service/duplicates/standing/deciding.py: what others do while somebody decides, and decisions that are too large."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from indexer.errors import DecisionConflict, ProductNotFound
from indexer.live import Change, Outcome
from indexer.product import SPEC_COUNT, Product
from indexer.store.twins import DUPLICATES, Member, Regrouped
from service.duplicates.standing.deciding import Verdict, decide, decide_pair
from service.engine import Engine
from service.settings import ServiceSettings

GROUP = "g1"


class Beaten(Engine):
    """An engine on which somebody deletes a product, once, right before a change."""

    loses = ""

    def change(self, changes: Sequence[Change], **said: Any) -> list[Outcome]:
        """Change products after the other one did."""
        if self.loses:
            super().change([self.loses])
            self.loses = ""
        return super().change(changes, **said)


@pytest.fixture
def engine(own_index: Path) -> Iterator[Beaten]:
    """Return an engine on an index of its own."""
    with closing(Beaten.open(ServiceSettings(index=own_index))) as opened:
        yield opened


def grouped(engine: Engine, size: int) -> None:
    """Store so many products and let all of them be in one group."""
    keys = [each.key for each in engine.live.put([Product(f"D{n}", title=f"Mug {n}") for n in range(size)])]  # type: ignore[union-attr]
    findings = engine.live.records.findings
    members = [Member(key, GROUP, "", survivor=key == keys[0]) for key in keys]
    assert findings.advance(DUPLICATES, findings.place(DUPLICATES), findings.end(), [Regrouped((), (), keys, members)])


def test_of_two_who_merge_each_other_one_is_refused(engine: Beaten) -> None:
    """Whoever is to be kept is there when the others go, so that the last listing of a product is never deleted."""
    grouped(engine, 2)
    engine.loses = "D0"
    with pytest.raises(DecisionConflict, match="'D0' was changed while it was decided about; nothing was changed"):
        decide(engine, GROUP, Verdict("merge", ["D1"], survivor="D0"))
    assert sorted(engine.live.records.get(["D0", "D1"])) == ["D1"]


def test_a_decision_about_many_pairs_is_refused_before_they_are_made(engine: Beaten) -> None:
    """A group of copies has more pairs than memory."""
    grouped(engine, 1_000)
    tracemalloc.start()
    try:
        with pytest.raises(DecisionConflict, match="about 499,500 pairs, 5,000 are taken at a time"):
            decide(engine, GROUP, Verdict("different"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000


def test_a_pair_is_decided_about_without_a_group(engine: Beaten) -> None:
    """Of a merge the one that is best kept stays when none is named; what was decided is taken back as of a group."""
    engine.live.put([Product("A", title="Mug"), Product("B", title="Mug", brand="Arbel")])
    decided = decide_pair(engine, Verdict("merge", ("A", "B")), "Ann").decided
    assert (decided.subject, decided.author) == ("A|B", "Ann")
    assert (decided.detail["survivor"], decided.detail["pairs"]) == ("B", [["A", "B", "same product"]])
    assert sorted(engine.live.records.get(["A", "B"])) == ["B"]
    engine.undo_decision(decided.number)
    assert sorted(engine.live.records.get(["A", "B"])) == ["A", "B"]


def test_a_pair_is_of_two_products_that_are_stored(engine: Beaten) -> None:
    """One beside itself, one that is not stored and a survivor from elsewhere are refused."""
    engine.live.put([Product("A", title="Mug"), Product("B", title="Mug")])
    with pytest.raises(DecisionConflict, match="a pair is of two products"):
        decide_pair(engine, Verdict("same", ("A", "A")))
    with pytest.raises(ProductNotFound, match="'C'"):
        decide_pair(engine, Verdict("same", ("A", "C")))
    with pytest.raises(DecisionConflict, match="'P001' is neither of the two"):
        decide_pair(engine, Verdict("merge", ("A", "B"), survivor="P001"))


def test_a_survivor_is_filled_as_far_as_it_can_hold(engine: Beaten) -> None:
    """Of 700 further specs beside 400 it gets 600; 100 are left out, which the decision says."""
    specs = {name: tuple((f"{name}{n}", "1") for n in range(count)) for name, count in (("a", 400), ("b", 700))}
    engine.live.put([Product("A", title="Mug", specs=specs["a"]), Product("B", title="Mug", specs=specs["b"])])
    decided = decide_pair(engine, Verdict("merge", ("A", "B"), survivor="A", fill=True)).decided
    assert (decided.detail["filled"], decided.detail["left_out"]) == (["specs"], 100)
    filled = engine.get("A").record.product.specs
    assert len(filled) == SPEC_COUNT
    assert filled == (*specs["a"], *specs["b"][:600])
