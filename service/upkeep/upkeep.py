"""One follower of the journal for all that is found: duplicates and suspected labels, current in every process.

follow   changes and decisions since the place of a finding -> what it says of them -> written, with the new place, in
         one transaction, when nobody else has brought it further meanwhile
first    a pass over all products: by itself where they are few, otherwise when somebody asks for it

While a pass is being worked out, what stands is brought further as ever; that stops while the pass is written, and goes
on from the place at which it began. Nobody waits for a pass that was asked for, but for a first one over few products.
What breaks off is begun again at the same place: a finding and its place are always of one transaction.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

import numpy as np

from indexer.build import Progress, Quiet
from indexer.store.findings import Reached, Result
from indexer.store.records import Records
from service.engine import Engine
from service.settings import ServiceSettings
from service.upkeep.finding import Finding

BATCH = 500
"""Changes that a finding is brought further by in one transaction."""
PAUSE_SECONDS, REST_SECONDS = 2.0, 0.5
"""How long a process that was just opened leaves findings alone, and how long upkeep waits when all is current.

Changes that come one by one are taken together so: each costs a fraction of what it would cost alone.
"""
LOOK_SECONDS = 0.02
"""Seconds between two looks at what another thread or process brings further."""

_log = logging.getLogger("aisle.upkeep")


CLOSING = "the service is being closed"
ELSEWHERE = "another process works it out for all products"


class Overtaken(Exception):
    """Somebody else has brought a finding further, or begun it anew."""


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass over all products that is going on: what is done at the moment, and how much of how much."""

    stage: str
    done: int = 0
    total: int | None = None


class Upkeep:
    """Keeps findings of one record store current. Every method may be called from any thread."""

    def __init__(
        self, settings: ServiceSettings, records: Records, engine: Callable[[], Engine], findings: Sequence[Finding]
    ) -> None:
        self.settings = settings
        self.passes: dict[str, Pass] = {}
        self._records = records
        self._engine = engine
        self._findings: Mapping[str, Finding] = {finding.name: finding for finding in findings}
        self._turns = {name: threading.Lock() for name in self._findings}  # to write what is found
        self._passing = {name: threading.Lock() for name in self._findings}  # one pass at a time
        self._stopped = threading.Event()
        self._trouble: dict[str, str] = {}
        self._thread: threading.Thread | None = None
        self._begun: list[threading.Thread] = []
        self._starting = threading.Lock()  # a thread can be waited for once it has started

    def start(self) -> None:
        """Keep findings current from a thread of its own from now on, where the settings say so."""
        if self.settings.upkeep:
            self._thread = threading.Thread(target=self._run, name="aisle-upkeep", daemon=True)
            self._thread.start()

    def close(self, seconds: float) -> None:
        """Stop; what is being worked out is given up after its batch."""
        self._stopped.set()
        with self._starting:
            begun = [self._thread, *self._begun]
        for thread in begun:
            if thread is not None:
                thread.join(seconds)

    def reached(self, name: str) -> Reached | None:
        """Return how far a finding is; None before its first pass over all products."""
        return self._records.findings.reached(name)

    def reach(self, name: str, seconds: float) -> Reached | None:
        """Bring a finding to the journal's end as it is now, for so many seconds at most; return how far it is then.

        None when it was never begun and there are too many products to do so by the way: then `scan` is asked for.
        """
        deadline, end = time.monotonic() + seconds, self._records.findings.end()
        while True:
            now = self.reached(name)
            if now is not None and now.covers(end):
                return now
            if time.monotonic() >= deadline or self._stopped.is_set():
                return now
            if not self._further(name):
                if self._awaits_a_pass(name):
                    return now
                time.sleep(LOOK_SECONDS)

    def scan(self, name: str, progress: Progress | None = None) -> Reached:
        """Work a finding out anew for all products, and return how far that is. Raises Overtaken."""
        with self._passing[name]:
            return self._scan(name, progress or Quiet())

    def begin(self, name: str) -> bool:
        """Begin a pass over all products in a thread of its own; False when one is going on here already."""
        with self._starting:
            if name in self.passes:
                return False
            self.passes[name] = Pass("waiting")
            thread = threading.Thread(target=self._pass, args=(name,), name=f"aisle-{name}", daemon=True)
            thread.start()
            self._begun = [*(each for each in self._begun if each.is_alive()), thread]
            return True

    def _pass(self, name: str) -> None:
        try:
            self.scan(name)
        except Overtaken as error:
            _log.info("%s: %s", name, str(error))
        except Exception:
            if not self._stopped.is_set():
                _log.exception("%s: the pass over all products broke off", name)
        finally:
            self.passes.pop(name, None)

    def _scan(self, name: str, progress: Progress) -> Reached:
        engine, findings = self._engine(), self._records.findings
        began, end = findings.place(name), findings.end()
        engine.live.reach(end.seq, self.settings.reach_seconds)
        with self._shown(name, progress) as shown:
            results = self._findings[name].anew(engine, shown)
            first = next(results)
            with self._turns[name]:
                self._write(name, began, end, chain([first], results))
        return end

    def _write(self, name: str, began: Reached | None, end: Reached, results: Iterable[Result]) -> None:
        findings, claim = self._records.findings, Reached(-1, secrets.randbits(31))
        before = _unless_overtaken(began, findings.place(name))
        for result in results:
            if self._stopped.is_set():
                raise Overtaken(CLOSING)
            if not findings.advance(name, before, claim, [result]):
                raise Overtaken(ELSEWHERE)
            before = claim
        if not findings.advance(name, before, end, []):
            raise Overtaken(ELSEWHERE)

    def _further(self, name: str) -> int:
        """Bring a finding one batch further, and return how many changes and decisions that was.

        0 when there is nothing to do, or nothing that may be done now.
        """
        if not self._turns[name].acquire(blocking=False):
            return 0
        try:
            before = self._records.findings.place(name)
            if before is not None and before.seq >= 0:
                return self._batch(name, before)
        finally:
            self._turns[name].release()
        return self._first(name)

    def _first(self, name: str) -> int:
        """Make the first pass where products are few; return BATCH when it was made: there may be more to do."""
        if not self._few() or not self._passing[name].acquire(blocking=False):
            return 0
        try:
            if self.reached(name) is None:
                self._scan(name, Quiet())
        except Overtaken:
            return 0
        finally:
            self._passing[name].release()
        return BATCH

    def _awaits_a_pass(self, name: str) -> bool:
        """Say whether a finding goes on only after a pass over many products, its own or one that is being written."""
        upon = [self._records.findings.place(each) for each in self._findings[name].upon]
        waits = self.reached(name) is None or any(place is not None and place.seq < 0 for place in upon)
        return waits and not self._few()

    def _few(self) -> bool:
        """Say whether products are so few that the first pass over them is made without being asked for."""
        return self._records.counts().products <= self.settings.upkeep_products

    def _batch(self, name: str, before: Reached) -> int:
        entries = self._records.journal(before.seq, BATCH)
        decided = self._records.decisions.since(before.decision, BATCH)
        if not entries and not decided:
            return 0
        after = Reached(entries[-1].seq if entries else before.seq, decided[-1].number if decided else before.decision)
        for other in self._findings[name].upon:
            place = self._records.findings.place(other)
            if place is not None and not place.covers(after):
                return self._further(other) if place.seq >= 0 else 0
        engine = self._engine()
        if not engine.live.reach(after.seq, self.settings.reach_seconds):
            return 0
        keys = np.unique(np.array([entry.key for entry in entries if entry.key >= 0], np.int64))
        result = self._findings[name].update(engine, keys, decided)
        self._records.findings.advance(name, before, after, [result])  # or somebody else did, which is as well
        return len(entries) + len(decided)

    @contextmanager
    def _shown(self, name: str, progress: Progress) -> Iterator[Progress]:
        self.passes[name] = Pass("waiting")
        try:
            yield _Shown(self.passes, name, progress, self._stopped)
        finally:
            self.passes.pop(name, None)

    def _run(self) -> None:
        self._stopped.wait(PAUSE_SECONDS)
        while not self._stopped.is_set():
            most = 0
            for name in self._findings:
                try:
                    most = max(most, self._further(name))
                    self._trouble.pop(name, None)
                except Exception as error:  # whatever it is, the next look may find it gone
                    self._say_trouble(name, error)
            self._stopped.wait(LOOK_SECONDS if most >= BATCH else max(REST_SECONDS, self.settings.follow_seconds))

    def _say_trouble(self, name: str, error: Exception) -> None:
        """Log a trouble of a finding once, however often it comes back."""
        if str(error) != self._trouble.get(name):
            self._trouble[name] = str(error)
            _log.warning("%s cannot be kept current for now: %s", name, str(error))


def _unless_overtaken(began: Reached | None, now: Reached | None) -> Reached | None:
    """Return where a finding is by now, unless another pass over all products was written since this one began.

    One that was there before may have been brought further meanwhile: the pass begins before that.
    """
    if now != began and (began is None or now is None or min(began.seq, now.seq) < 0):
        raise Overtaken(ELSEWHERE)
    return now


class _Shown:
    """Tells how far a pass is, to whoever looks and to whoever asked for it; ends it when upkeep stops."""

    def __init__(self, passes: dict[str, Pass], name: str, progress: Progress, stopped: threading.Event) -> None:
        self._passes, self._name, self._progress, self._stopped = passes, name, progress, stopped
        self._now = passes[name]

    def start(self, stage: str, total: int | None, unit: str) -> None:
        """Begin a stage."""
        self._check()
        self._now = self._passes[self._name] = Pass(stage, 0, total)
        self._progress.start(stage, total, unit)

    def at(self, done: int) -> None:
        """Say how much of the stage is done."""
        self._check()
        self._now = self._passes[self._name] = Pass(self._now.stage, done, self._now.total)
        self._progress.at(done)

    def _check(self) -> None:
        if self._stopped.is_set():
            raise Overtaken(CLOSING)
