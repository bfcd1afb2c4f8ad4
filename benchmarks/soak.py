"""Half an hour of changes and questions to two services on one store, while they are killed and the index is rebuilt.

    python -m benchmarks.soak [--minutes 30] [--kind exact] [--clients 4]

Two processes of `aisle serve` on one index by the `hashing:64` encoder, asked over loopback by several clients
(`benchmarks/shop.py`) who hold every answer to what they know. Every few seconds one of the two is killed with SIGKILL
and started again; every half minute one of them builds the index anew, which is swapped in by both, or the process that
builds is killed, too.
Every fifteen seconds all clients are held for a moment, and the whole store and the answers of each service are
compared with the clients' dicts and with exact search over them, encoded here by the same encoder.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.audit import Audit, Rows
from benchmarks.lines import Gone, Line, Pause, Service, Tally
from benchmarks.machine import ROOT, write
from benchmarks.shop import THINGS, WORDS, Client
from indexer import encoders
from indexer.build import build
from indexer.live import open_index
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.sources import read

ENCODER = "hashing:64"
SERVE = "from service.cli import main; main()"
SPARED = 0.75
"""Share of the kills that pass by a service that has the index built: else hardly any build would end. Before the first
swap all do, so that a short soak on a slow machine has one."""
STORED = 2_000
"""Products there are before anybody comes."""


class Soak:
    """Services, clients, and what disturbs them, on an index in a folder."""

    def __init__(self, folder: Path, kind: str, clients: int, minutes: float, disturbed: float = 1.0) -> None:
        self.index, self.kind, self.minutes, self.disturbed = folder / "index", kind, minutes, disturbed
        self.log = (folder / "services.log").open("wb")
        self.tally, self.pause, self.drawn = Tally(), Pause(), random.Random(0)
        self.services = [Service(port) for port in _free_ports(2)]
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self._build(folder / "rows.csv")
        line = Line(self.services, self.tally)
        self.audit = Audit(encoders.load(ENCODER), line, self.tally, whole=kind == "exact")
        self.lines = [Line(self.services, self.tally) for _ in range(clients)]
        self.clients: list[Client] = []
        self.over = threading.Event()
        self.begun = 0  # builds so far
        self.building: Service | None = None

    def run(self) -> dict[str, Any]:
        """Start everything, wait until the time is over, and return what was counted."""
        for service in self.services:
            self._start(service)
        until = time.monotonic() + 60 * self.minutes
        self.clients = [Client(number, line, self.pause, until) for number, line in enumerate(self.lines)]
        chores: list[tuple[float, Callable[[], None]]] = [(7, self.kill), (30, self.rebuild), (15, self.compare)]
        every = [
            threading.Thread(target=self._repeat, args=(self.disturbed * seconds, chore)) for seconds, chore in chores
        ]
        begun = time.monotonic()
        for thread in (*self.clients, *every):
            thread.start()
        for thread in self.clients:
            thread.join()
        self.over.set()
        for thread in every:
            thread.join()
        self.compare()
        self._stop()
        self.check_store()
        return self._result(time.monotonic() - begun)

    def kill(self) -> None:
        """Kill one of the services, and start it again; of one that has the index built it is less likely."""
        service = self.drawn.choice(self.services)
        spared = SPARED if "swaps" in self.tally.counts else 1.0
        if service is self.building and self.drawn.random() < spared:
            return
        service.down.set()
        service.generation += 1
        process = self.processes[service.port]
        process.kill()
        process.wait()
        service.generation += 1
        self.tally.count("kills")
        time.sleep(self.drawn.uniform(0, 1))
        begun = time.perf_counter()
        self._start(service)
        self.tally.time("restart", time.perf_counter() - begun)

    def rebuild(self) -> None:
        """Have a service build the index anew, publish it and roll it back; of three builds one is killed instead."""
        line = Line(self.services, self.tally)
        service = self.building = line.any(self.drawn)
        self.begun += 1
        try:
            made = self._built(line, service, doomed=self.begun % 3 == 0)
            if made is not None:
                self._publish(line, service, "/v1/index:publish", {"snapshot": made})
                if self.begun % 2 == 0:
                    self._publish(line, service, "/v1/index:rollback", None)
        except Gone:
            self.tally.count("rebuilds_cut_short_by_a_kill")
        finally:
            self.building = None
            self.tally.swapping.clear()
            line.close()

    def _built(self, line: Line, service: Service, *, doomed: bool) -> str | None:
        """Return the snapshot that a service had built and holds; None when there is none, as when it is doomed."""
        begun = time.perf_counter()
        status, said = line.ask(service, "rebuild", "POST", "/v1/index:rebuild", {"publish": "hold", "reason": "soak"})
        while status == 202:
            time.sleep(0.2)
            _, facts = line.ask(service, "facts", "GET", "/v1/index")
            said = facts["rebuild"]
            pid = (facts["builder"] or {}).get("pid", 0)  # 0 where it has not yet said, which would kill all of us
            if doomed and pid and time.perf_counter() > begun + self.drawn.uniform(0, 8):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                self.tally.count("killed_rebuilds")
                return None
            if said["state"] != "running":
                break
        if status == 202 and said["state"] == "held":
            self.tally.count("rebuilds")
            self.tally.time("rebuild, start to end", time.perf_counter() - begun)
            return str(said["snapshot"])
        underway = status == 409  # by a process whose service was killed
        self.tally.count("rebuilds_underway" if underway else "failed_rebuilds", "" if underway else str(said))
        return None

    def _publish(self, line: Line, service: Service, path: str, body: object) -> None:
        """Let another snapshot answer, and wait until all services do so by it."""
        self.tally.swapping.set()
        status, said = line.ask(service, "publish", "POST", path, body)
        if status != 200:
            self.tally.count("failed_swaps", str(said))
            return
        for each in self.services:
            self._swapped(line, each, said["snapshot"])

    def _swapped(self, line: Line, service: Service, published: str) -> None:
        """Wait until a service answers from a snapshot; one that is killed meanwhile opens what is published."""
        begun, answering = time.perf_counter(), ""
        while answering != published:
            try:
                answering = line.ask(service, "facts", "GET", "/v1/index")[1]["manifest"]["id"]
            except Gone:
                return
            if time.perf_counter() > begun + 60:
                self.tally.count("swaps_that_never_came", f"{published}, {answering} answers")
                return
            time.sleep(0.05)
        self.tally.count("swaps")
        self.tally.time("swap", time.perf_counter() - begun)

    def compare(self) -> None:
        """Hold all clients, and compare the store and the answers of each service with what they know."""
        with self.pause.all():
            expected = self._expected()
            seq = max(client.seq for client in self.clients)
            for service in self.services:
                if service.down.is_set():
                    continue
                try:
                    self.audit.service(service, seq, expected)
                except Gone as gone:
                    if not gone.killed:
                        self.tally.count("failed_comparisons", str(service.port))
                    continue
                self.tally.count("comparisons")

    def check_store(self) -> None:
        """Open the index once everything has ended, and compare what it holds."""
        with closing(open_index(self.index)) as live:
            rows: dict[str, tuple[Product, int]] = {}
            after = 0
            while page := live.records.page(after, 500):
                rows |= {each.record.product.id: (each.record.product, each.version) for each in page}
                after = page[-1].key
            self.tally.counts["products_at_the_end"] = len(rows)
            self.tally.counts["journal_at_the_end"] = live.seq
            if len(live.labels) != len(rows):
                self.tally.count("phantom_rows", f"{len(live.labels)} in memory, {len(rows)} stored")
        self.audit.rows(rows, self._expected())

    def _expected(self) -> Rows:
        """Return what must be stored by what all clients were told."""
        rows = {product.id: (product, 1) for product in self.stored}
        return rows | {id_: row for client in self.clients for id_, row in client.oracle.rows.items()}

    def _repeat(self, seconds: float, chore: Callable[[], None]) -> None:
        while not self.over.wait(seconds * self.drawn.uniform(0.5, 1.5)):
            try:
                chore()
            except Exception as error:  # whatever stops a chore is a finding, and the others go on
                self.tally.count("broken_chores", f"{chore.__name__}: {error!r}")

    def _build(self, rows: Path) -> None:
        drawn = random.Random(1)
        self.stored = [
            Product(
                f"base-{number}",
                f"{drawn.choice(WORDS)} {drawn.choice(WORDS)} {drawn.choice(THINGS)} no. {number}",
                category="Home > Kitchen" if number % 3 else "Sports > Balls",
            )
            for number in range(STORED)
        ]
        lines = ["id,title,category", *(f"{each.id},{each.title},{each.category}" for each in self.stored)]
        rows.write_text("\n".join(lines), encoding="utf-8")
        with read(rows) as source:
            build(source, self.index, settings=IndexSettings(encoder=ENCODER, kind=self.kind, space="raw"))

    def _start(self, service: Service) -> None:
        command = [sys.executable, "-c", SERVE, "serve", "--index", str(self.index), "--port", str(service.port)]
        process = self.processes[service.port] = subprocess.Popen(command, cwd=ROOT, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", service.port)) == 0:
                    service.down.clear()
                    return
            time.sleep(0.05)
        raise RuntimeError(f"a service did not start: exit {process.poll()}; see {self.log.name}")

    def _stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
            process.wait(60)
        for line in (self.audit.line, *(client.line for client in self.clients)):
            line.close()
        self.log.close()

    def _result(self, seconds: float) -> dict[str, Any]:
        counts = dict.fromkeys(("lost_writes", "phantom_rows", "wrong_answers", "failed_reads", "failed_writes"), 0)
        counts |= dict(sorted(self.tally.counts.items()))
        asked = counts.get("questions_compared", 0)
        return {
            "kind": self.kind,
            "encoder": ENCODER,
            "minutes": round(seconds / 60, 1),
            "clients": len(self.clients),
            "services": len(self.services),
            "counts": counts,
            "recall_at_10": round(counts.get("neighbours_found", 0) / (10 * asked), 4) if asked else None,
            "latency_ms": {name: _percentiles(times) for name, times in sorted(self.tally.seconds.items())},
            "problems": self.tally.problems,
        }


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    levels = {"p50": 50, "p90": 90, "p99": 99, "p999": 99.9, "max": 100}
    found = {name: round(1000 * float(np.percentile(seconds, level)), 1) for name, level in levels.items()}
    return {"requests": len(seconds), **found}


def _free_ports(count: int) -> list[int]:
    taken = [socket.socket() for _ in range(count)]
    for each in taken:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports


def main() -> None:
    asked = argparse.ArgumentParser(description="Changes and questions, kills and rebuilds, for some time.")
    asked.add_argument("--minutes", type=float, default=30)
    asked.add_argument("--kind", default="exact")
    asked.add_argument("--clients", type=int, default=4)
    asked.add_argument("--folder", type=Path, help="where the index and the services' log are left")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = Soak(given.folder or Path(folder), given.kind, given.clients, given.minutes).run()
    write("soak" if given.kind == "exact" else f"soak-{given.kind}", result)


if __name__ == "__main__":
    main()
