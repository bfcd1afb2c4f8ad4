"""What somebody looks at next: what people put there, the most doubted, now and then one of the sample; leased to him.

    record store -> what was nominated, and of the POOL most doubted that are free choosing.choose
                 -> anew, where a decision taught something -> leases, in one transaction

Who asks again gets what he has already, and more where he wants more: nothing is lost by a page that is loaded anew.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Literal, NamedTuple

from indexer.store.nominations import Nomination
from indexer.store.predictions import EVERY, Kept, Wanted
from indexer.store.records import Records
from indexer.store.reviews import OVERRIDES, RIGHT
from indexer.store.waiting import Looked, Turn, Waiter
from service.review.anew import Anew
from service.review.choosing import Case, Chosen, choose, teaches
from service.review.sample import AUTO
from service.review.worth import PRICE, check_worth, worths
from service.settings import ServiceSettings

Kind = Literal["mixed", "nominated", "doubt", "sample"]
How = Literal["nominated", "doubt", "sample", "held"]

POOL, WIDEST = 100, 1_600
"""Of the most doubted, so many are chosen among; where too few are left as copies wait for others, four times as many,
and so on, WIDEST at most."""
LATELY = 50
"""Decisions before, which the next items are unlike of."""
TAUGHT = 200
"""Decisions before, of which one may have taught the answer to an item; then it is asked about anew."""
AGAIN = 8
"""Answers that are asked for anew at a time."""
PATIENCE_SECONDS = 3.0
"""How long asking anew may take of one look at the queue; then what was asked before is given."""
SAMPLE_EVERY = 5
"""Of a mixed queue, every so many-th item is one of the sample, as long as there are any."""
TRIES = 5
"""How often others may be quicker to take what was chosen."""
SKIPPED_HOURS = 24
"""For how long somebody is not given again what he skipped."""

_log = logging.getLogger("aisle.review")


@dataclass(frozen=True, slots=True)
class Looking:
    """Who looks, at what.

    kind: what people put there, the most doubted, or the sample of `auto` answers; mixed: what people put there first,
    and then both others in turns.
    weigh: what an item is worth: the name of a fact or spec with a number, as `price`; "" for all alike, None for what
    the settings say. limit: how many items he has before him, together with those that he has already.
    """

    reviewer: str
    wanted: Wanted = EVERY
    kind: Kind = "mixed"
    weigh: str | None = None
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
    """What waits for people in one record store. anew: asks about answers anew; without it they come as they are."""

    def __init__(self, settings: ServiceSettings, records: Records, anew: Anew | None = None) -> None:
        self._settings = settings
        self._records = records
        self._anew = anew

    def next(self, looking: Looking) -> list[Item]:
        """Return what somebody looks at next, `looking.limit` at most; nobody else is given it until its time is over.

        What he had and has not decided about comes first, and he has it for as long again. Raises SettingError where he
        names what items are worth and nothing that waits has a number under that name.
        """
        waiting, turn = self._records.waiting, self._turn(looking.reviewer)
        held = waiting.hold(turn, looking.limit)
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
        """Return the most doubted; those that a decision has taught are asked about anew first, and chosen again."""
        deadline, asked = monotonic() + PATIENCE_SECONDS, set[int]()
        stale = self._records.waiting.untaught(turn, TAUGHT, POOL) if self._anew is not None else []
        while True:
            if stale and self._anew is not None:
                asked.update(stale)
                try:
                    self._anew(self._records.waiting.read(stale))
                except TimeoutError:
                    _log.warning(
                        "%d answers could not be asked for anew in time; they are given as they are", len(stale)
                    )
                    deadline = 0.0
            chosen, taught = self._choose(looking, turn, limit)
            stale = [number for number in taught if number not in asked][:AGAIN]
            if not stale or self._anew is None or monotonic() >= deadline:
                return chosen

    def _choose(self, looking: Looking, turn: Turn, limit: int) -> tuple[list[Chosen], list[int]]:
        """Return the most doubted of the pool; and where a decision has taught one of them, all that it has taught."""
        waiting, weigh, size = self._records.waiting, self._weigh(looking), POOL
        looked = waiting.lately(turn.now, TAUGHT)
        held, said = ([each for each in looked if bool(each.at) is decided] for decided in (False, True))
        while True:
            pool = waiting.doubted(turn, looking.wanted, size, products=weigh not in {"", PRICE})
            if pool and looking.weigh is not None:
                check_worth(pool, weigh)
            cases = [self._case(each, worth) for each, worth in zip(pool, worths(pool, weigh), strict=True)]
            chosen = choose(cases, map(_near, said[:LATELY]), limit, held=map(_shown, held))
            if len(chosen) == limit or len(pool) < size or size >= WIDEST:
                break
            size *= 4
        numbers, lessons = {each.number for each in chosen}, _lessons(said)
        if not any(_is_taught(each, lessons) for each in pool if each.number in numbers):
            return chosen, []
        chosen_first = sorted(pool, key=lambda each: each.number not in numbers)
        return chosen, [each.number for each in chosen_first if _is_taught(each, lessons)]

    def _case(self, waiter: Waiter, worth: float | None) -> Case:
        waits = waiter.title is not None and self._anew is not None
        return Case(waiter.number, waiter.doubt, _near(waiter), worth, _words(waiter), waits)

    def _weigh(self, looking: Looking) -> str:
        return (self._settings.review_weigh or "") if looking.weigh is None else looking.weigh


def _lessons(said: Sequence[Looked]) -> list[tuple[str, Case]]:
    """Return what was decided about a category, and when."""
    says = {*RIGHT, *OVERRIDES}
    return [(each.at, _shown(each)) for each in said if each.action in says]


def _is_taught(waiter: Waiter, lessons: Sequence[tuple[str, Case]]) -> bool:
    """Whether one like it was decided about after it was answered, and it can be asked about anew."""
    if waiter.title is None:
        return False
    its = _shown(waiter)
    return any(at > waiter.at and teaches(other, its) for at, other in lessons)


def _shown(each: Waiter | Looked) -> Case:
    """Return what was seen of it."""
    return Case(0, 0.0, _near(each), words=_words(each))


def _near(each: Waiter | Looked) -> frozenset[str]:
    return frozenset(each.neighbours)


def _words(each: Waiter | Looked) -> frozenset[str]:
    return frozenset((each.title or "").casefold().split())


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
