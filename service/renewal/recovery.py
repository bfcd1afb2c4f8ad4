"""From what is left of an index folder to an engine that answers.

    the published snapshot -> or the one before it -> or the index built anew from its record store

Every snapshot lacks only what the journal has since, so whichever can be read answers as well once that is replayed.
Nothing is encoded again: raw vectors are in the record store.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from indexer.encoders import Encoder
from indexer.errors import BuildUnderway, SnapshotDamaged, SnapshotError, StoreMismatch
from indexer.product import Product
from indexer.snapshots import publication
from indexer.snapshots.claim import builder
from indexer.store.records import Records
from service.answer import Answer
from service.engine import Engine
from service.renewal.order import Order
from service.renewal.watch import Watch
from service.settings import ServiceSettings

CANARY = Product(
    "canary", title="Stainless steel water bottle", description="Keeps drinks cold for a day, holds 750 ml."
)
"""Asked of every engine before it answers anybody; long enough for the language to be told, so that this is loaded."""

LOOK_SECONDS = 0.5
"""Between two looks at a rebuild that has to come first."""
TRIES = 3
"""Rebuilds that are tried, or waited for where another process does them, before there is nothing to answer with."""

Say = Callable[[str], None]

_log = logging.getLogger("aisle.serving")


def log_it(words: str) -> None:
    """Write what is to be said into the log."""
    _log.warning("%s", words)


def opened(
    settings: ServiceSettings, encoder: Encoder | None, records: Records, say: Say
) -> tuple[Engine, dict[str, str]]:
    """Return the engine of the first snapshot that can be read, and why those before it cannot, by id.

    Where none can be read the index is built anew before.
    """
    index, problem = Path(settings.index), ""
    for _ in range(TRIES):
        damage: dict[str, str] = {}
        for name in publication.kept(index):
            try:
                engine = Engine.open(settings, encoder, name, records)
            except StoreMismatch:
                raise  # the wrong store was named; nothing is damaged
            except SnapshotError as error:
                damage[name] = str(error)
                _log.error("snapshot %s cannot be served: %s", name, error)
            else:
                check(engine)
                return engine, damage
        problem = "; ".join(damage.values()) or f"{index / publication.CURRENT} names no snapshot that is there"
        say(f"{problem}; building the index anew from its record store first")
        _rebuilt(settings, problem, say)
    raise SnapshotDamaged(f"{problem}; and what was built anew cannot be read either: check the disk")


def _rebuilt(settings: ServiceSettings, problem: str, say: Say) -> None:
    """Have the index built anew, here or by whoever is at it; raises SnapshotDamaged when that fails."""
    rebuilds = Watch(settings)
    try:
        rebuilds.start(Order(reason=f"damaged: {problem}"))
    except BuildUnderway as error:
        say(str(error))
        while builder(Path(settings.index)) is not None:
            time.sleep(LOOK_SECONDS)
        return
    try:
        stage = ""
        while (now := rebuilds.latest()) is not None and now.state == "running":
            if now.stage != stage:
                stage = now.stage
                say(f"rebuild: {stage}" + (f", {now.total:,}" if now.total else ""))
            time.sleep(LOOK_SECONDS)
    except BaseException:
        rebuilds.cancel()
        raise
    done = rebuilds.wait()
    if done is None or done.state != "published":
        raise SnapshotDamaged(f"{problem}; and building it anew failed: {done.error if done else 'it did not start'}")


def check(engine: Engine) -> None:
    """Ask one question, so that the first client waits for nothing to load and a broken index never answers."""
    answer = engine.classify([CANARY])[0]
    if not isinstance(answer, Answer):
        raise answer
