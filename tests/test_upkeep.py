"""service/upkeep: whose turn it is to bring a finding further, while a pass over all products goes on and without."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from indexer.product import Product
from indexer.store.findings import Reached
from indexer.store.schema import put_meta
from service.serving import Serving
from service.settings import ServiceSettings
from service.upkeep.upkeep import REST_SECONDS, Upkeep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import sqlalchemy as sa

    from indexer.build import Progress
    from indexer.store.decisions import Decided
    from indexer.vectors import Keys
    from service.engine import Engine

SOON = 20
"""Seconds in which other threads do what they are waited for."""


@dataclass(frozen=True)
class Said:
    """Words that take the place of what was said of a finding."""

    name: str
    words: str

    def write(self, connection: sa.Connection) -> None:
        """Write them as a fact of the store."""
        put_meta(connection, f"{self.name}_said", self.words)


@dataclass
class Diary:
    """A finding that says which products changed; its pass waits where a test wants it to."""

    name: str = "diary"
    upon: Sequence[str] = ()
    at: dict[str, threading.Event] = field(
        default_factory=lambda: {"begun": threading.Event(), "half": threading.Event()}
    )
    go: dict[str, threading.Event] = field(
        default_factory=lambda: {"begun": threading.Event(), "half": threading.Event()}
    )

    updates: list[list[int]] = field(default_factory=list)

    def update(self, engine: Engine, keys: Keys, decided: Sequence[Decided]) -> Said:  # noqa: ARG002 - of no interest
        """Say which products changed."""
        self.updates.append(keys.tolist())
        return Said(self.name, f"changed {keys.tolist()}")

    def anew(self, engine: Engine, progress: Progress) -> Iterator[Said]:  # noqa: ARG002 - of no interest
        """Say so in two pieces."""
        self._wait("begun")
        yield Said(self.name, "half of all")
        self._wait("half")
        yield Said(self.name, "all")

    def _wait(self, place: str) -> None:
        self.at[place].set()
        assert self.go[place].wait(SOON)


@pytest.fixture
def diary() -> Diary:
    """Return a finding whose passes wait for nothing yet."""
    made = Diary()
    for each in made.go.values():
        each.set()
    return made


@pytest.fixture
def serving(own_index: Path) -> Iterator[Serving]:
    """Return a service that keeps nothing current, of more products than a pass is made of by the way."""
    with closing(Serving.open(ServiceSettings(index=own_index, upkeep=False, upkeep_products=10))) as serving:
        yield serving


def upkeep_of(serving: Serving, *findings: Diary) -> Upkeep:
    """Return an upkeep of these findings."""
    return Upkeep(serving.settings, serving.live.records, lambda: serving.engine, findings)


def said(serving: Serving, name: str = "diary") -> str | None:
    """Return what is said now."""
    return serving.live.records.fact(f"{name}_said")


def put(serving: Serving, id_: str) -> None:
    """Store one product more."""
    serving.put([Product(id_, "an enamel mug")])


def test_what_stands_is_brought_further_while_a_pass_is_worked_out(serving: Serving, diary: Diary) -> None:
    """Nobody waits for the pass; what changed since it began is taken in again after it."""
    upkeep = upkeep_of(serving, diary)
    assert upkeep.reach("diary", SOON) is None
    assert upkeep.scan("diary") == Reached(60, 0)
    for each in ("begun", "half"):
        diary.at[each].clear()
        diary.go[each].clear()
    assert upkeep.begin("diary")
    assert diary.at["begun"].wait(SOON)
    put(serving, "A")
    assert upkeep.reach("diary", SOON) == Reached(61, 0)
    assert said(serving) == "changed [61]"

    diary.go["begun"].set()
    assert diary.at["half"].wait(SOON)
    assert (upkeep.reach("diary", SOON), said(serving)) == (None, "half of all")
    diary.go["half"].set()
    upkeep._begun[0].join(SOON)
    assert (upkeep.reached("diary"), said(serving)) == (Reached(60, 0), "all")
    assert upkeep.reach("diary", SOON) == Reached(61, 0)
    assert said(serving) == "changed [61]"


def test_a_first_pass_over_few_products_is_waited_for(serving: Serving, diary: Diary) -> None:
    """Also one that was asked for: nothing stands that could be shown instead."""
    serving.settings = serving.settings.model_copy(update={"upkeep_products": 60})
    upkeep = upkeep_of(serving, diary)
    diary.go["half"].clear()
    assert upkeep.begin("diary")
    assert diary.at["half"].wait(SOON)
    threading.Timer(0.1, diary.go["half"].set).start()
    assert upkeep.reach("diary", SOON) == Reached(60, 0)


def test_a_finding_is_never_ahead_of_what_it_is_worked_out_of(serving: Serving, diary: Diary) -> None:
    """That is brought as far first; while a pass of it is written, what stands is told at once."""
    review = Diary("review", upon=["diary"], go=diary.go)
    upkeep = upkeep_of(serving, diary, review)
    assert (upkeep.scan("diary"), upkeep.scan("review")) == (Reached(60, 0), Reached(60, 0))
    put(serving, "A")
    assert upkeep.reach("review", SOON) == upkeep.reached("diary") == Reached(61, 0)
    diary.go["half"].clear()
    diary.at["half"].clear()
    assert upkeep.begin("diary")
    assert diary.at["half"].wait(SOON)
    put(serving, "B")
    assert upkeep.reach("review", SOON) == Reached(61, 0)
    diary.go["half"].set()
    upkeep._begun[0].join(SOON)
    assert upkeep.reach("review", SOON) == upkeep.reached("diary") == Reached(62, 0)


def test_changes_that_come_one_by_one_are_taken_together(
    serving: Serving, diary: Diary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the thread that keeps findings current, twice a second at most."""
    monkeypatch.setattr("service.upkeep.upkeep.PAUSE_SECONDS", 0)
    serving.settings = serving.settings.model_copy(update={"upkeep": True})
    upkeep = upkeep_of(serving, diary)
    upkeep.scan("diary")
    begun = time.monotonic()
    upkeep.start()
    for number in range(12):
        put(serving, f"A{number}")
    while upkeep.reached("diary") != Reached(72, 0):
        time.sleep(0.01)
    assert len(diary.updates) <= 1 + (time.monotonic() - begun) / REST_SECONDS
    assert sorted(key for keys in diary.updates for key in keys) == list(range(61, 73))
    upkeep.close(SOON)


def test_a_trouble_is_told_once(
    serving: Serving, diary: Diary, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of the finding that has it, while others are brought further."""
    for name, seconds in (("PAUSE_SECONDS", 0), ("REST_SECONDS", 0)):
        monkeypatch.setattr(f"service.upkeep.upkeep.{name}", seconds)
    monkeypatch.setattr(Said, "write", lambda self, _: {"diary": None}[self.name])
    update = {"upkeep": True, "follow_seconds": 0.01, "upkeep_products": 100}
    serving.settings = serving.settings.model_copy(update=update)
    upkeep = upkeep_of(serving, diary, Diary("broken", go=diary.go, at=(broken := Diary()).at))
    upkeep.start()
    for _ in range(3):
        broken.at["begun"].clear()
        assert broken.at["begun"].wait(SOON)
    upkeep.close(SOON)
    told = [each.getMessage() for each in caplog.records if each.name == "aisle.upkeep"]
    assert told == ["broken cannot be kept current for now: 'broken'"]
