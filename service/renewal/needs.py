"""Does an index need to be built anew: measured while it answers, and why in words.

    growth      products that came since the build, as a share of those it was built from
    unseen      share of the labelled products whose category came after the build, so that no space was fitted to it
    recall      what searches find of the true neighbours, after the search was widened as far as it goes
    imbalance   how many times as long a search takes as with lists of one length

A vector index that holds twice what it was tuned on is retuned first, which costs a second and is often enough.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from indexer.errors import BuildUnderway
from indexer.live import Live
from indexer.snapshots import publication
from indexer.snapshots.snapshot import TAXONOMY
from indexer.vectors import VectorIndex
from service.engine import Engine
from service.renewal.order import Order
from service.renewal.watch import Watch
from service.settings import ServiceSettings
from taxonomy.files import tree_from_json

_log = logging.getLogger("aisle.needs")


@dataclass(frozen=True, slots=True)
class Need:
    """One measurement; due: it is beyond its limit, so that the index needs to be built anew."""

    name: str
    value: float
    limit: float
    due: bool

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.name} {self.value:.3g}, the limit is {self.limit:.3g}"


class Needs:
    """Measures from time to time, in a thread, what the engine that answers needs, and has it built anew."""

    def __init__(self, settings: ServiceSettings, rebuilds: Watch, engine: Callable[[], Engine]) -> None:
        """Begin to count from the build of the engine that answers now."""
        self._settings, self._rebuilds, self._engine = settings, rebuilds, engine
        self._at, self._seq = time.monotonic(), engine().live.manifest.seq
        self._measured: list[Need] = []
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()  # a thread can be waited for once it has started

    @property
    def measured(self) -> list[Need]:
        """What was measured last; empty before the first time."""
        return self._measured

    def look(self) -> None:
        """Measure in a thread, if it is time to: cheap, and to be called often."""
        if self._thread is not None and self._thread.is_alive():
            return
        late = time.monotonic() - self._at > 60 * self._settings.needs_minutes
        if not late and abs(self._engine().live.seq - self._seq) < self._settings.needs_writes:
            return
        self._at, self._seq = time.monotonic(), self._engine().live.seq
        with self._starting:
            self._thread = threading.Thread(target=self._check, name="aisle-needs", daemon=True)
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait until a measurement that is under way has ended."""
        with self._starting:
            thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _check(self) -> None:
        try:
            engine = self._engine()
            self._measured = measured(engine.live, _known(engine, self._settings), self._settings)
            due = [str(need) for need in self._measured if need.due]
            if due and self._settings.rebuild_automatic and self._may(engine.live):
                _log.info("the index needs to be built anew: %s", "; ".join(due))
                with suppress(BuildUnderway):  # another process is at it
                    self._rebuilds.start(Order(reason=f"needed: {'; '.join(due)}"))
        except Exception:
            _log.exception("what the index needs could not be measured")

    def _may(self, live: Live) -> bool:
        """Return whether a rebuild can be expected to help: none was lately, and the index has changed since."""
        pause = 60 * self._settings.rebuild_pause_minutes
        latest = self._rebuilds.latest()
        ended = [datetime.fromisoformat(live.manifest.created_at)]
        if latest is not None and latest.finished_at is not None:
            ended.append(datetime.fromisoformat(latest.finished_at))
        age = (datetime.now(UTC) - max(ended)).total_seconds()
        current = publication.published(Path(self._settings.index)) == live.manifest.id
        return current and age >= pause and live.seq - live.manifest.seq >= self._settings.rebuild_least


def measured(live: Live, known: Collection[str], settings: ServiceSettings) -> list[Need]:
    """Measure what an open index needs; known: the ids of the categories that it was built with.

    It may take seconds, and holds nobody up: the index is read in touches of about a millisecond.
    """
    with live.reading():
        products, own, ids = len(live.labels), live.labels.node_counts(len(live.tree)), live.tree.ids
    built = max(1, live.manifest.counts.get("products", 0))
    unseen = np.array([each not in known for each in ids], np.bool_)
    share = float(own[unseen].sum() / max(1, own.sum())) if len(ids) else 0.0
    growth = products / built - 1
    needs = [
        Need("growth", round(growth, 4), settings.rebuild_growth, growth > settings.rebuild_growth),
        Need("unseen", round(share, 4), settings.rebuild_unseen, share > settings.rebuild_unseen),
    ]
    for name, view in live.contents.views.items():
        kept = live.manifest.views[name]["vectors"]["parameters"]
        target = min(float(kept.get("recall_target", 0)), float(kept.get("recall", 0)))
        if target and len(view.vectors):
            recall, least = _recall(view.vectors, live), target - settings.rebuild_recall_slack
            needs.append(Need(f"recall of {name}", round(recall, 4), round(least, 4), recall < least))
        imbalance = view.vectors.imbalance
        limit = settings.rebuild_imbalance
        needs.append(Need(f"imbalance of {name}", round(imbalance, 4), limit, imbalance > limit))
    return needs


def _recall(vectors: VectorIndex, live: Live) -> float:
    """Return the recall as it is now; an index that was outgrown is retuned before."""
    if vectors.outgrown:
        recall = vectors.retune(reading=live.reading)
        _log.info("a vector index that holds twice what it was tuned on was retuned: recall %.3f", recall)
    else:
        recall = vectors.probe(reading=live.reading)
    return recall


def _known(engine: Engine, settings: ServiceSettings) -> Collection[str]:
    """Return the ids of the categories that were there when the snapshot that answers was built."""
    folder = publication.folder_of(Path(settings.index), engine.live.manifest.id)
    return frozenset(tree_from_json((folder / TAXONOMY).read_bytes()).ids)
