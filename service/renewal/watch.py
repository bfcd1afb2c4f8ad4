"""Who watches a rebuild: starts the process that does it, reads how far it is, and can stop it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import orjson

from indexer.snapshots.claim import builder, underway
from service.evaluation.gate import Comparison
from service.renewal.order import Order, Renewal, State
from service.settings import ServiceSettings

STOP_SECONDS = 10
"""How long a rebuild that is stopped may take to sweep up before it is killed."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")

_log = logging.getLogger("aisle.rebuild")

Told = Callable[[Renewal], None]


@dataclass(slots=True)
class _Run:
    """One rebuild on its way; changed under the lock of its Watch only."""

    order: Order
    process: subprocess.Popen[bytes]
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    state: State = "running"
    stage: str = "start"
    done: int = 0
    total: int | None = None
    began: float = field(default_factory=time.monotonic)
    started_at: str = ""
    finished_at: str | None = None
    error: str | None = None
    renewed: Mapping[str, Any] = field(default_factory=dict)
    stopped: bool = False


class Watch:
    """The rebuilds of one index that this process started, one at a time. Any thread may call it."""

    def __init__(self, settings: ServiceSettings, ended: Told = lambda _: None) -> None:
        """Watch over the index of `settings`; `ended` is told of each rebuild that has ended, in a thread of ours."""
        self._settings = settings
        self._ended = ended
        self._lock = threading.Lock()
        self._run: _Run | None = None
        self._reader: threading.Thread | None = None

    def start(self, order: Order) -> Renewal:
        """Start a rebuild and return how it begins; raises BuildUnderway when somebody builds the index already."""
        index = Path(self._settings.index)
        with self._lock:
            who = builder(index)
            if who is not None or (self._run is not None and self._run.state == "running"):
                raise underway(index, who)
            self._run = run = _Run(order, _started(self._settings, order), started_at=_now())
            _log.info("rebuild %s of %s has begun: %s", run.id, index, order.reason)
            self._reader = threading.Thread(target=self._read, args=(run,), name="aisle-rebuild", daemon=True)
            self._reader.start()
            return _shown(run)

    def latest(self) -> Renewal | None:
        """Return the rebuild that runs or has run last, None when there was none."""
        with self._lock:
            return None if self._run is None else _shown(self._run)

    def cancel(self) -> Renewal | None:
        """Stop the rebuild that runs and return what is left of it; one that has ended stays as it is."""
        with self._lock:
            run, reader = self._run, self._reader
            if run is not None and run.state == "running":
                run.stopped = True
                run.process.terminate()
        if run is not None and run.stopped and reader is not None:
            reader.join(STOP_SECONDS)
            if run.process.poll() is None:
                run.process.kill()
                reader.join(STOP_SECONDS)
        return self.latest()

    def wait(self) -> Renewal | None:
        """Wait until the rebuild that runs has ended, and return what came of it."""
        with self._lock:  # held until a reader that was begun runs: before that it cannot be waited for
            reader = self._reader
        if reader is not None:
            reader.join()
        return self.latest()

    def _read(self, run: _Run) -> None:
        with run.process:
            output: IO[bytes] | None = run.process.stdout
            for line in output or ():
                try:
                    said = orjson.loads(line)
                except ValueError:
                    continue  # a library that prints
                if isinstance(said, dict):
                    with self._lock:
                        _hear(run, said)
        code = run.process.returncode
        with self._lock:
            if run.stopped and not run.renewed:
                run.state = "cancelled"
            elif not run.renewed:
                run.state = "failed"
                run.error = run.error or f"the process ended with status {code}; its log says more"
            else:
                run.state = run.renewed["state"]
            run.finished_at = _now()
            shown = _shown(run)
        level = logging.ERROR if shown.state == "failed" else logging.INFO
        _log.log(level, "rebuild %s is %s: %s", shown.id, shown.state, shown.error or shown.snapshot or "stopped")
        for each in shown.compared:
            if each.worse:
                _log.warning(
                    "rebuild %s is worse in %s: %.4f, %.4f is served", shown.id, each.measure, each.this, each.other
                )
        self._ended(shown)


def _started(settings: ServiceSettings, order: Order) -> subprocess.Popen[bytes]:
    threads = dict.fromkeys(THREADS, str(settings.rebuild_threads))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "service.renewal.process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | threads | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,  # Ctrl-C is for the service, which stops it then
    )
    asked = {"settings": settings.model_dump(mode="json"), "order": asdict(order), "memory": settings.rebuild_bytes}
    if process.stdin is not None:
        with suppress(BrokenPipeError), process.stdin as to:  # one that died at once is told of by its status
            to.write(orjson.dumps(asked))
    return process


def _hear(run: _Run, said: Mapping[str, Any]) -> None:
    if "stage" in said:
        run.stage, run.total, run.began = said["stage"], said["total"], time.monotonic()
    run.done = said.get("done", run.done)
    run.error = said.get("error", run.error)
    run.renewed = said.get("renewed", run.renewed)


def _shown(run: _Run) -> Renewal:
    part = min(1.0, run.done / run.total) if run.total else None
    left = (time.monotonic() - run.began) * (1 - part) / part if part and run.state == "running" else None
    return Renewal(
        id=run.id,
        state=run.state,
        reason=run.order.reason,
        stage=run.stage,
        done=run.done,
        total=run.total,
        percent=None if part is None else round(100 * part, 1),
        eta_s=None if left is None else round(left, 1),
        started_at=run.started_at,
        finished_at=run.finished_at,
        error=run.error,
        snapshot=run.renewed.get("snapshot"),
        compared=[Comparison(**each) for each in run.renewed.get("compared", ())],
        note=run.renewed.get("note", ""),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
