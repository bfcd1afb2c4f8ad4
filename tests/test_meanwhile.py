"""indexer/store/meanwhile.py: what became of a product since a time, without what was taken back."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from indexer.store.decisions import Decision
from indexer.store.records import Records
from tests.test_decisions import found_right, record

if TYPE_CHECKING:
    from tests.conftest import Database


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the moments at which the store changes from now on: one for each change."""
    moments = [f"2026-01-01T00:00:{second:02}.000+00:00" for second in range(60)]
    left = iter(moments)
    for module in ("records", "decisions"):
        monkeypatch.setattr(f"indexer.store.{module}.now_text", lambda: next(left))
    return moments


def test_a_product_is_gone_when_somebody_deleted_it(database: Database, clock: list[str]) -> None:
    """Not where the decision that stored it was undone, once or again; what was before that counts then."""
    with closing(Records.open(database.where)) as records:

        def make() -> None:
            records.change([record("a")], decision=Decision("prediction", "accept", "p1"))

        make()
        records.decisions.undo(1)
        make()
        records.decisions.undo(3)
        assert not records.meanwhile.deleted("a", "")
        assert not records.meanwhile.deleted("b", "")
        records.write([record("a")])
        records.delete(["a"])
        make()
        records.decisions.undo(5)
        assert [records.meanwhile.deleted("a", at) for at in ("", clock[4], clock[5], clock[6])] == [
            True,
            True,
            False,
            False,
        ]


def test_a_label_is_as_old_as_what_a_person_said_of_it(database: Database, clock: list[str]) -> None:
    """However the product changed since; without a decision it is as old as that, unless that was an undo."""
    with closing(Records.open(database.where)) as records:

        def labelled(since: int, subject: str = "p1") -> bool:
            return records.meanwhile.labelled(records.get(["a"])["a"], clock[since], subject)

        records.change([record("a")], decision=found_right("fix", "a"))
        records.write([record("a", "Another mug")])
        assert not labelled(0)
        records.write([record("a", category="Home > Cups")])
        assert (labelled(1), labelled(2)) == (True, False)
        records.change([record("a", category="Home")], decision=Decision("prediction", "correct", "p1"))
        records.decisions.undo(2)
        assert records.get(["a"])["a"].updated_at == clock[4]
        assert (labelled(2), labelled(2, "p2")) == (False, True)
