"""How the clients of a soak reach the services, one request after the other, and what is counted of all they send."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 60.0
"""Seconds after which a request that is not answered counts as failed."""

IDLE = 2.0
"""Seconds that a kept connection may be idle; a service closes it after five."""

Answer = tuple[int, Any]
"""Status and document."""


class Gone(Exception):
    """No answer came; `killed` says whether that is because the process was killed meanwhile."""

    def __init__(self, *, killed: bool) -> None:
        super().__init__("killed" if killed else "failed")
        self.killed = killed


class Service:
    """Where a service listens, and whether it is being killed: then it may leave questions without an answer."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.down = threading.Event()
        self.generation = 0  # another one before and after each death


@dataclass
class Tally:
    """What was counted over all clients; `seconds` by kind of request, those while engines are swapped once more."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    swapping: threading.Event = field(default_factory=threading.Event)

    def count(self, name: str, problem: str = "") -> None:
        """Count one of a name; `problem` says more of the first hundred that should not have been."""
        with self.lock:
            self.counts[name] += 1
            if problem and len(self.problems) < 100:
                self.problems.append(f"{name}: {problem}")

    def time(self, name: str, seconds: float) -> None:
        """Note how long a request took."""
        with self.lock:
            self.seconds.setdefault(name, []).append(seconds)
            if self.swapping.is_set():
                self.seconds.setdefault(f"{name} while swapping", []).append(seconds)


class Pause:
    """Lets clients go on, or holds them between two requests."""

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self._busy = 0
        self._held = False

    @contextmanager
    def step(self) -> Iterator[None]:
        """Be busy with one request, or wait until one may be begun."""
        with self._moved:
            self._moved.wait_for(lambda: not self._held)
            self._busy += 1
        try:
            yield
        finally:
            with self._moved:
                self._busy -= 1
                self._moved.notify_all()

    @contextmanager
    def all(self) -> Iterator[None]:
        """Hold everybody, from when the last has ended its request."""
        with self._moved:
            self._held = True
            self._moved.wait_for(lambda: not self._busy)
        try:
            yield
        finally:
            with self._moved:
                self._held = False
                self._moved.notify_all()


class Line:
    """A client's connections to the services."""

    def __init__(self, services: Sequence[Service], tally: Tally) -> None:
        self.services, self.tally = services, tally
        self._open: dict[tuple[int, int], http.client.HTTPConnection] = {}
        self._used = 0.0

    def ask(  # noqa: PLR0917 - an HTTP request has as many parts
        self, service: Service, kind: str, method: str, path: str, body: Any = None, key: str = ""
    ) -> Answer:
        """Send one request and return status and document; raises Gone when the process died meanwhile.

        An answer of 500 or above, or none at all, while nobody kills, counts as failed and is Gone too.
        """
        generation = service.generation
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        begun = time.perf_counter()
        try:
            connection = self._connection(service.port, generation)
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            document, status = answer.read(), answer.status
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._failed(service, generation, kind, repr(error)) from error
        self.tally.time(kind, time.perf_counter() - begun)
        if status >= 500:
            raise self._failed(service, generation, kind, f"{status} {document[:300]!r}")
        return status, json.loads(document)

    def close(self) -> None:
        """Close all connections; they are opened again when they are needed."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()

    def _connection(self, port: int, generation: int) -> http.client.HTTPConnection:
        """Return a kept connection to a process, not to one that was killed, nor one that the service may close."""
        if time.monotonic() > self._used + IDLE:
            self.close()
        self._used = time.monotonic()
        if (port, generation) not in self._open:
            self._open[port, generation] = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        return self._open[port, generation]

    def _failed(self, service: Service, generation: int, kind: str, what: str) -> Gone:
        killed = service.down.is_set() or service.generation != generation
        name = "failed_writes" if kind in {"put", "patch", "delete", "batch"} else "failed_reads"
        self.tally.count("unanswered_for_a_kill" if killed else name, "" if killed else f"{kind} {what}")
        return Gone(killed=killed)

    def any(self, drawn: random.Random) -> Service:
        """Return a service that is not being killed, as soon as there is one."""
        while not (up := [each for each in self.services if not each.down.is_set()]):
            time.sleep(0.05)
        return drawn.choice(up)
