"""Processes that work on an index and are killed with SIGKILL: after a time, or at a certain call of a function.

Run as a script it is told on standard input what to do, a JSON object on each line: `{"jobs": [...]}`. It forks a
process for each job, as what they need is imported already, kills each when its time is over, and answers with how
they ended. A job:

    work      write     carry out the plan of `seed` from `start` to `stop`, each step one transaction, and acknowledge
              rebuild   learn everything again and publish it
              calibrate publish what is in memory
              open      replay the journal
    index     the folder
    store     the address of its record store, "" where that is in the folder
    seconds   from the fork to the kill; null to wait for its end
    calls     calls of functions after which the process kills itself; null for none
    within    the function from which on calls are counted, as `snapshot.py:written`; "" for all of it
    told      the file that gets a line for each acknowledged step, what was answered, as JSON; of other work that comes
              to its end the number of calls
    lie       how a write goes wrong on purpose, to see whether that is noticed: "", early, torn
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from indexer import encoders
from indexer.build import build, rebuild
from indexer.errors import RequestRunning
from indexer.live import Change, Live, Patch, open_index
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.sources import read
from indexer.store.records import Answered, Receipt, Written
from service.rebuild import recalibrate
from tests.oracle import told

SETTINGS = IndexSettings(encoder="hashing:64", kind="exact")
ENCODER = encoders.load("hashing:64")

TITLES = ("red mug", "blue mug", "mug", "steel pan", "leather football", "red football", "kite", "stunt kite", "!")
CATEGORIES = ("", "Home > Kitchen", "Home > Garden", "Sports", "Sports > Balls")
TAGS = ("red", "new", "gift", "steel")
IDS = 40


def step(seed: str, number: int) -> list[Change]:
    """Return the changes of one step of a plan: one to eight, a few dozen ids, few contents, so that many are shared.

    Ids begin with `seed`, so that plans of several processes do not meet, but for their contents.
    """
    drawn = random.Random(f"{seed} {number}")

    def change() -> Change:
        product_id = f"{seed}-{drawn.randrange(IDS)}"
        category = drawn.choice(CATEGORIES) if drawn.random() < 0.95 else f"New > {seed} {number}"
        tags = tuple(drawn.sample(TAGS, drawn.randrange(3)))
        kind = drawn.random()
        if kind < 0.2:
            return product_id
        if kind < 0.35:
            return Patch(product_id, {"title": drawn.choice(TITLES)})
        if kind < 0.5:
            return Patch(product_id, {"category": category, "tags": tags})
        return Product(product_id, drawn.choice(TITLES), category=category, tags=tags)

    return [change() for _ in range(drawn.choice((1, 1, 2, 8)))]


def write(job: dict[str, Any]) -> None:
    """Carry out a plan as a careful client would: each step with a key, so that it can be asked again."""
    index, seed = Path(job["index"]), job["seed"]
    with closing(open_index(index, ENCODER)) as live, Path(job["told"]).open("ab", buffering=0) as acknowledged:
        for number in range(job["start"], job["stop"]):
            if job["lie"] == "early":
                acknowledged.write(b"null\n")
            answer = once(live, f"{seed}-{number}", step(seed, number), torn=job["lie"] == "torn")
            if job["lie"] != "early":
                acknowledged.write(answer + b"\n")


def once(live: Live, key: str, changes: Sequence[Change], *, torn: bool = False) -> bytes:
    """Carry out changes unless that was done under this key, and return what was answered then."""
    try:
        answered = live.records.claim(key, key)
    except RequestRunning:  # by a process that is dead: no other asks with this key
        live.records.release(key)
        answered = live.records.claim(key, key)
    if answered is not None:
        return answered.body
    before: list[tuple[str, int]] = []
    if torn:
        before = told(live.change(changes[:1]))
        changes = changes[1:]

    def answer(outcomes: Sequence[Written | Exception]) -> Answered:
        return Answered(200, json.dumps([*before, *told(outcomes)]).encode())

    live.change(changes, receipt=Receipt(key, answer))
    again = live.records.claim(key, key)
    if again is None:
        raise RuntimeError(f"{key} was carried out and has no answer")
    return again.body


WORK: dict[str, Callable[[dict[str, Any]], object]] = {
    "write": write,
    "rebuild": lambda job: rebuild(Path(job["index"]), settings=SETTINGS, encoder=ENCODER),
    "calibrate": lambda job: recalibrate(Path(job["index"]), encoder=ENCODER),
    "open": lambda job: open_index(Path(job["index"]), ENCODER).close(),
}


class _Count:
    """Counts calls from a certain function on, and kills this process at the last."""

    def __init__(self, within: str, last: int | None) -> None:
        self.calls = 0
        self._last = last
        self._waiting = within

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        if event != "call":
            return
        if self._waiting:
            if f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_name}" != self._waiting:
                return
            self._waiting = ""
        self.calls += 1
        if self.calls == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


def _forked(job: dict[str, Any]) -> int:
    if process := os.fork():
        return process
    status = 1
    try:
        os.environ["AISLE_STORE"] = job["store"]
        count = _Count(job["within"], job["calls"])
        if job["work"] != "write":
            sys.setprofile(count)
        WORK[job["work"]](job)
        sys.setprofile(None)
        if job["work"] != "write":
            Path(job["told"]).write_text(str(count.calls), encoding="utf-8")
        status = 0
    except BaseException:  # whatever it is ends this process, which must not go on as its parent
        traceback.print_exc()
    finally:
        os._exit(status)


def _ended(process: int, deadline: float | None) -> str:
    """Wait for a process, kill it when its time is over, and return "done", "killed" or "failed"."""
    with os.fdopen(os.pidfd_open(process)) as ending:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([ending], [], [], left)[0]:
            os.kill(process, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return {0: "done", -signal.SIGKILL: "killed"}.get(code, "failed")


def warm_up() -> None:
    """Do everything once, so that what is imported or loaded when it is needed is there before a process is forked."""
    with TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        rows = Path(folder) / "rows.csv"
        rows.write_text("id,title,category\na,Red mug,Home\nb,Leather football,Sports\n", encoding="utf-8")
        with read(rows) as source:
            build(source, index, settings=SETTINGS, encoder=ENCODER)
        job = {"index": index, "seed": "warm", "start": 0, "stop": 3, "told": Path(folder) / "told", "lie": ""}
        for work in WORK.values():
            work(job)


def main() -> None:
    """Do what standard input says until it ends."""
    warm_up()
    for line in sys.stdin:
        jobs = json.loads(line)["jobs"]
        begun = time.monotonic()
        processes = [(_forked(job), begun + job["seconds"] if job["seconds"] else None) for job in jobs]
        how = [""] * len(jobs)
        for at in sorted(range(len(jobs)), key=lambda at: processes[at][1] or float("inf")):
            how[at] = _ended(*processes[at])
        sys.stdout.write(json.dumps(how) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
