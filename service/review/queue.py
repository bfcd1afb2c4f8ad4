"""What somebody looks at next: what people put there, the most doubted, now and then one of the sample; leased to him.

    record store -> what was nominated, and of the POOL most doubted that are free choosing.choose -> leases

Who asks again gets what he has already, and more where he wants more: nothing is lost by a page that is loaded anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from indexer.store.nominations import Nomination
from indexer.store.predictions import EVERY, Kept, Wanted
from indexer.store.records import Records
from indexer.store.waiting import Turn, Waiter
from service.review.choosing import Case, Chosen, choose
from service.review.sample import AUTO
from service.settings import ServiceSettings

Kind = Literal["mixed", "nominated", "doubt", "sample"]
How = Literal["nominated", "doubt", "sample", "held"]

POOL = 100
"""Of the most doubted, so many are chosen among."""
LATELY = 50
"""Decisions before, which the next items are unlike of."""
SAMPLE_EVERY = 5
"""Of a mixed queue, every so many-th item is one of the sample, as long as there are any."""
TRIES = 5
"""How often others may be quicker to take what was chosen."""
SKIPPED_HOURS = 24
"""For how long somebody is not given again what he skipped."""
PRICE = "price"

_NUMBER = re.compile(r"\d+(?:[\s,]\d{3})*(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Looking:
    """Who looks, at what.

    kind: what people put there, the most doubted, or the sample of `auto` answers; mixed: what people put there first,
    and then both others in turns.
    weigh: what an item is worth: `price`, or the name of a spec that is a number; "" for all alike. limit: how many
    items he has before him, together with those that he has already.
    """

    reviewer: str
    wanted: Wanted = EVERY
    kind: Kind = "mixed"
    weigh: str = ""
    limit: int = 1


class Came(NamedTuple):
    """How a prediction comes; chosen: its score, of one that comes for its doubt."""

    why: How
    chosen: Chosen | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """A prediction that somebody has before him, and how it came. nominations: of those who want it looked at."""

    kept: Kept
    until: str
    came: Came
    nominations: Sequence[Nomination] = ()


class Queue:
    """What waits for people in one record store."""

    def __init__(self, settings: ServiceSettings, records: Records) -> None:
        self._settings = settings
        self._records = records

    def next(self, looking: Looking) -> list[Item]:
        """Return what somebody looks at next, `looking.limit` at most; nobody else is given it until its time is over.

        What he had and has not decided about comes first, and he has it for as long again.
        """
        waiting, turn = self._records.waiting, self._turn(looking.reviewer)
        held = waiting.take(turn, waiting.held(turn)[: looking.limit])
        new: dict[int, Came] = {}
        for _ in range(TRIES):
            before = len(held) + len(new)
            if before >= looking.limit or not (chosen := self._chosen(looking, turn, before)):
                break
            new |= {number: chosen[number] for number in waiting.take(turn, list(chosen))}
        came = dict.fromkeys(held, Came("held")) | new
        wanted_by = self._records.nominations.of(came)
        return [
            Item(kept, turn.until, came[kept.number], wanted_by.get(kept.number, ()))
            for kept in waiting.read(list(came))
        ]

    def release(self, reviewer: str, prediction_id: str) -> bool:
        """Let others be given a prediction that somebody has; False when he had not. Raises PredictionNotFound."""
        self._records.predictions.get(prediction_id)
        return self._records.waiting.release(reviewer, prediction_id)

    def _turn(self, reviewer: str) -> Turn:
        now = datetime.now(UTC)
        until = now + timedelta(minutes=self._settings.review_minutes)
        return Turn(reviewer, _moment(now), _moment(until), _moment(now - timedelta(hours=SKIPPED_HOURS)))

    def _chosen(self, looking: Looking, turn: Turn, before: int) -> dict[int, Came]:
        """Return what comes next by its numbers, in order, where so many come before."""
        limit = looking.limit - before
        found = dict.fromkeys(self._nominated(looking, turn, limit), Came("nominated"))
        lacking = limit - len(found)
        if not lacking or looking.kind == "nominated":
            return found
        doubted = [] if looking.kind == "sample" else self._doubted(looking, turn, lacking)
        due = max(lacking - len(doubted), self._due(looking, before + len(found)))
        for number in self._sampled(looking, turn, due):
            found.setdefault(number, Came("sample"))
        for each in doubted:
            found.setdefault(each.number, Came("doubt", each))
        return dict(list(found.items())[:limit])

    def _nominated(self, looking: Looking, turn: Turn, limit: int) -> list[int]:
        """Return the numbers of what people want looked at."""
        if looking.kind in {"doubt", "sample"}:
            return []
        return self._records.waiting.nominated(turn, looking.wanted, limit)

    def _due(self, looking: Looking, before: int) -> int:
        """Return how many of the next items of a mixed queue are of the sample: every SAMPLE_EVERY-th."""
        if looking.kind != "mixed":
            return 0
        first = self._records.waiting.decided_by(looking.reviewer)
        return sum((first + n) % SAMPLE_EVERY == SAMPLE_EVERY - 1 for n in range(before, looking.limit))

    def _sampled(self, looking: Looking, turn: Turn, limit: int) -> list[int]:
        """Return the numbers of some of the sample."""
        share = self._settings.review_sample
        if looking.kind == "doubt" or not share or not limit or looking.wanted.decision not in {"", AUTO}:
            return []
        wanted = replace(looking.wanted, decision=AUTO, sample=share)
        return [each.number for each in self._records.waiting.sampled(turn, wanted, limit)]

    def _doubted(self, looking: Looking, turn: Turn, limit: int) -> list[Chosen]:
        waiting = self._records.waiting
        pool = waiting.doubted(turn, looking.wanted, POOL, specs=looking.weigh not in {"", PRICE})
        lately = [frozenset(each.neighbours) for each in waiting.lately(turn.now, LATELY)] if pool else []
        cases = [
            Case(each.number, each.doubt, frozenset(each.neighbours), _value(each, looking.weigh)) for each in pool
        ]
        return choose(cases, lately, limit)


def _value(waiter: Waiter, weigh: str) -> float | None:
    """Return what an item is worth: its price, or the number that a spec says; None where nothing is asked for."""
    if weigh == PRICE:
        return waiter.price
    said = (value for name, value in waiter.specs if weigh and name.casefold() == weigh.casefold())
    return _number(next(said, ""))


def _number(text: str) -> float | None:
    """Return the first number that a text holds, without spaces and commas between its digits; None without one."""
    found = _NUMBER.search(text)
    return float(re.sub(r"[\s,]", "", found[0])) if found else None


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
