"""The audit as upkeep keeps it current: a sweep of all labels, and after that those that a change may concern.

A change concerns the products that were put and deleted, their nearest neighbours, which may count them, whoever named
one of them among those that say so, and their duplicates; a decision concerns the products that it is about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from indexer.build import Progress, Quiet
from indexer.live import Live
from indexer.store import reviews, tagfaults
from indexer.store.decisions import Decided
from indexer.store.findings import Reached, Result
from indexer.store.records import Records
from indexer.store.suspects import Replaced, Suspect
from indexer.store.twins import DUPLICATES
from indexer.vectors import Keys
from service.audit.apart import vouched
from service.audit.attributes import columns_of
from service.audit.findings import CONFLICT, FINDINGS, Conflict, Findings, conflicted, suspects
from service.audit.patterns import Column
from service.audit.suspicion import suspicions
from service.audit.sweep import MANY, swept
from service.audit.tags import tag_faults
from service.calibration.leave_one_out import ask, stored
from service.engine import Engine
from service.vote.questions import saying

AUDIT = "audit"
"""Name of the finding in the store."""
NEAR = 5
"""Neighbours of a changed product, in each view, that are asked about again."""
BATCH = 128
"""Products whose neighbours are looked for while a change waits."""
LABEL = "label"
"""Kind of decisions about labels."""


class Audit:
    """The finding `audit`."""

    def __init__(self) -> None:
        self._planted: int | None = None  # the version of the tree in which every suggestion was looked up last

    @property
    def name(self) -> str:
        """Its name in the store."""
        return AUDIT

    @property
    def upon(self) -> Sequence[str]:
        """Groups of duplicates: those with different labels are in conflict."""
        return (DUPLICATES,)

    def update(self, engine: Engine, keys: Keys, decided: Sequence[Decided]) -> Result:
        """Return what is suspected now of products that changed or were decided about, and of those beside them."""
        live = engine.live
        records = live.records
        planted = live.planted
        touched = set(keys.tolist()) | set(_decided(live, decided))
        if planted != self._planted:
            touched.update(records.suspects.suggesting_others(live.tree.ids))
        changed = np.array(sorted(touched), np.int64)
        touched.update(neighbours(engine, changed).tolist())
        gone = _gone(live, keys)
        touched.update(records.suspects.naming(gone.tolist()) if len(gone) else ())
        touched.update(records.suspects.naming(changed.tolist(), kind=CONFLICT))
        pairs = records.suspects.conflicts(touched)
        touched.update(key for pair in pairs for key in pair[:2])
        asked = np.array(sorted(touched), np.int64)
        found = _suspects(engine, asked, pairs)
        if live.planted != planted:  # what is found names nodes of another tree
            return self.update(engine, keys, decided)
        self._planted = planted
        return Replaced(asked.tolist(), found)

    def anew(self, engine: Engine, progress: Progress) -> Iterator[Result]:
        """Yield what is suspected of all products."""
        yield swept(engine, progress)[1]


def findings_of(records: Records) -> Findings | None:
    """Return what the last sweep found besides suspects, None before the first."""
    told = records.fact(FINDINGS)
    return Findings.from_json(told) if told else None


def sweep(engine: Engine, progress: Progress | None = None) -> Findings:
    """Audit every label of an open index, keep what is found in its record store, and return what it is besides."""
    records = engine.live.records
    before, decision = records.findings.place(AUDIT), records.decisions.last()
    findings, renewed = swept(engine, progress or Quiet())
    while not records.findings.advance(AUDIT, before, Reached(findings.seq, decision), [renewed]):
        before = records.findings.place(AUDIT)  # brought further meanwhile: from the older place on, once more
    return findings


def neighbours(engine: Engine, keys: Keys) -> Keys:
    """Return who is nearest to stored products in any view and labelled, int64 (m,), NEAR for each at most."""
    parts = [np.zeros(0, np.int64)]
    for start in range(0, len(keys), BATCH):
        with engine.live.reading():
            built, labels = engine.live.built, engine.live.labels
            some = keys[start : start + BATCH]
            some = some[some < labels.size]
            some = some[labels.known[some]]
            if not len(some):
                continue
            for pattern, rows in built.space.patterns(stored(built, some)).items():
                asked = ask(built, some[rows], NEAR, pattern, saying(built, pattern))
                parts += [each.found.keys[each.found.voters] for each in asked.questions.values()]
    return np.unique(np.concatenate(parts))


def _suspects(engine: Engine, keys: Keys, pairs: Sequence[Conflict]) -> list[Suspect]:
    records, tree = engine.live.records, engine.live.tree
    doubts = suspicions(engine, keys, screened=engine.live.labels.labelled >= MANY)
    doubts, conflicts = conflicted(doubts, pairs, tree)
    findings = findings_of(records)
    patterns, confused = (findings.patterns, findings.ambiguous) if findings else ((), ())
    columns: list[Column] = []
    if patterns:
        columns = columns_of(records, doubts.keys, lambda _: None)
        known = records.suspects.belonging([each.id for each in patterns])
        doubts = vouched(engine, doubts, patterns, columns, {id_: np.array(some) for id_, some in known.items()})
    tags = tag_faults(engine, keys)
    return suspects(tree, doubts, conflicts, known=patterns, columns=columns, confused=confused, tags=tags)


def _decided(live: Live, decided: Sequence[Decided]) -> list[int]:
    about = [each for each in decided if each.kind in {LABEL, tagfaults.KIND, DUPLICATES, reviews.KIND}]
    about += [live.records.decisions.get(each.detail["undoes"]) for each in about if "undoes" in each.detail]
    ids = {id_ for each in about for id_ in each.detail.get("ids", ())}
    with live.reading():
        return [key for id_ in sorted(ids) if (key := live.labels.key(id_)) is not None]


def _gone(live: Live, keys: Keys) -> Keys:
    with live.reading():
        known = live.labels.known
    made: Keys = keys[(keys >= len(known)) | ~known[np.minimum(keys, len(known) - 1)]] if len(known) else keys
    return made
