"""The full pass of an audit: every stored label asked about, patterns found, and what is suspected of any product.

    keys at one place of the journal -> suspicions, some at a time -> conflicts, patterns, kinds -> all at once

Answers go on meanwhile. What changes during a sweep is asked about again by upkeep, which goes on from the place at
which the sweep began.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np

from indexer.build import Progress
from indexer.memory.labels import UNLABELLED
from indexer.store.suspects import Renewed
from indexer.store.tagfaults import TagFault
from indexer.vectors import Keys
from service.audit.ambiguity import pairs
from service.audit.apart import vouched
from service.audit.attributes import columns_of
from service.audit.findings import FINDINGS, Findings, conflicted, patterns_in, suspects
from service.audit.suspicion import Suspicions, suspicions
from service.audit.tags import tag_faults
from service.calibration.tagging import VOTERS
from service.engine import Engine

STEP = 1_024
"""Products between two words about progress."""
MANY = 50_000
"""Products from which labels beyond doubt are not asked about, and tags by FEW neighbours: with fewer all are."""
FEW = 60


class _TreeChanged(Exception):
    """The tree was changed during a sweep: its nodes are others now."""


def swept(engine: Engine, progress: Progress) -> tuple[Findings, Renewed]:
    """Ask about every label of an open index; return what was found, and what takes the place of all that was.

    Memory: some hundred bytes for each labelled product. Begun again when the tree is changed meanwhile.
    """
    while True:
        try:
            return _swept(engine, progress)
        except _TreeChanged:
            continue


def _swept(engine: Engine, progress: Progress) -> tuple[Findings, Renewed]:
    live, records = engine.live, engine.live.records
    live.follow()
    with live.reading():
        seq, planted, snapshot = live.seq, live.planted, live.manifest.id
        known = np.flatnonzero(live.labels.known).astype(np.int64)
        keys = known[live.labels.nodes(known) != UNLABELLED]
    doubts = _asked(engine, keys, planted, progress)
    tree = live.tree
    doubts, conflicts = conflicted(doubts, records.suspects.conflicts(), tree)
    progress.start("patterns", len(doubts), "labels")
    columns = columns_of(records, doubts.keys, progress.at)
    found = patterns_in(tree, doubts, np.array(records.suspects.right(), np.int64), columns)
    doubts = vouched(engine, doubts, found, columns)
    confused = pairs(tree, doubts)
    findings = Findings(
        seq,
        datetime.now(UTC).isoformat(timespec="milliseconds"),
        snapshot,
        products=len(known),
        audited=len(keys),
        unlabelled=len(known) - len(keys),
        patterns=tuple(found),
        ambiguous=tuple(confused),
    )
    tags = _tags(engine, known, progress)
    kept = suspects(tree, doubts, conflicts, known=found, columns=columns, confused=confused, tags=tags)
    if live.planted != planted:
        raise _TreeChanged
    return findings, Renewed(kept, {FINDINGS: findings.to_json()})


def _asked(engine: Engine, keys: Keys, planted: int, progress: Progress) -> Suspicions:
    """Return what is thought of all labels; two steps at a time, since search and vote leave the interpreter alone."""
    progress.start("audit", len(keys), "labels")
    some, screened = [keys[start : start + STEP] for start in range(0, len(keys), STEP)], len(keys) >= MANY
    parts, done = [Suspicions.none()], 0
    with ThreadPoolExecutor(2, thread_name_prefix="aisle-audit") as threads:
        for step, part in zip(some, threads.map(lambda s: suspicions(engine, s, screened=screened), some), strict=True):
            if engine.live.planted != planted:
                threads.shutdown(cancel_futures=True)
                raise _TreeChanged
            parts.append(part)
            progress.at(done := done + len(step))
    return Suspicions.joined(parts)


def _tags(engine: Engine, keys: Keys, progress: Progress) -> dict[int, tuple[TagFault, ...]]:
    """Return what is amiss with the tags of products, by key."""
    made: dict[int, tuple[TagFault, ...]] = {}
    if not engine.live.labels.tag_names:
        return made
    progress.start("audit tags", len(keys), "products")
    voters = FEW if len(keys) >= MANY else VOTERS
    for start in range(0, len(keys), STEP):
        made |= tag_faults(engine, keys[start : start + STEP], voters=voters)
        progress.at(min(start + STEP, len(keys)))
    return made
