"""Products of one pattern asked about without each other: who stands wrong together must not vouch for each other.

A supplier's chargers under Cases are like each other above all, so the vote takes the others for witnesses that the
label is right. Of the products with the value of a pattern, in the category where it puts them, none counts for another
here, neither as a neighbour nor in the category's prototype. Who belongs there is still spoken for by everybody else's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import numpy as np

from indexer.memory.labels import UNLABELLED
from indexer.memory.view import View
from indexer.snapshots.snapshot import Built
from indexer.space.prototypes import Own
from indexer.vectors import Keys
from service.audit.patterns import Column, Pattern
from service.audit.suspicion import BATCH, Suspicions, of_asked
from service.calibration.calibrate import Calibration
from service.calibration.leave_one_out import Asked, ask, stored
from service.engine import Engine
from service.vote.questions import Pattern as Views
from service.vote.questions import Question, first, saying

MOST = 200
"""Neighbours more than usual that are looked at, to stand in for those that do not count."""
OTHERS = 0.5
"""Share of a category that must be others, for them to speak for it."""
TRUSTED = 0.85
"""Share of what is doubted so that is wrong indeed: 39 of 44 where eight brands of flipkart_20k were made to stand
wrong, beside single errors. It keeps these behind single errors that are as clear."""


def vouched(
    engine: Engine,
    doubts: Suspicions,
    patterns: Sequence[Pattern],
    columns: Sequence[Column],
    fellows: Mapping[str, Keys] | None = None,
) -> Suspicions:
    """Return suspicions in which products that may belong to a pattern are doubted as they are without each other.

    doubts: in order of key. fellows: by pattern who else may belong to it and is not among `doubts`. A suspicion is
    raised only, never lowered, and only towards what the pattern says.
    """
    tree = engine.live.tree
    of_name = {each.name: each for each in columns}
    made = doubts
    with engine.live.reading():
        held = engine.live.labels.node_counts(len(tree))
    for pattern in patterns:
        here, there = tree.of_id(pattern.stored), tree.of_id(pattern.suggested)
        if here is None or there is None:
            continue
        rows = np.flatnonzero((doubts.stored == here) & of_name[pattern.attribute].having(pattern.value))
        together = np.union1d(doubts.keys[rows], (fellows or {}).get(pattern.id, np.zeros(0, np.int64)))
        if not len(rows) or len(together) > (1 - OTHERS) * held[here]:
            continue
        fresh = suspicions_apart(engine, doubts.keys[rows], together)
        fresh = replace(fresh, probability=np.float32(TRUSTED) * fresh.probability)
        rows = rows[np.isin(doubts.keys[rows], fresh.keys)]
        toward = (fresh.suggested >= 0) & (tree.lineage[fresh.suggested, tree.depths[there] - 1] == there)
        raised = toward & (fresh.stored == here) & (fresh.probability > made.probability[rows])
        made = _replaced(made, rows[raised], fresh[raised])
    return made


def suspicions_apart(engine: Engine, keys: Keys, together: Keys) -> Suspicions:
    """Return what is thought of the labels of products, ascending keys (n,), if none of `together` speaks for them."""
    parts = [Suspicions.none()]
    for start in range(0, len(keys), BATCH):
        with engine.live.reading():
            built, labels = engine.live.built, engine.live.labels
            some = keys[start : start + BATCH]
            some = some[some < labels.size]
            some = some[labels.nodes(some) != UNLABELLED]
            if not len(some):
                continue
            for pattern, rows in built.space.patterns(stored(built, some)).items():
                calibration = engine.calibration.of(pattern)
                asked = _asked(built, some[rows], together, calibration, pattern)
                parts.append(of_asked(built, calibration, asked))
    made = Suspicions.joined(parts)
    return made[np.argsort(made.keys)]


def _asked(built: Built, keys: Keys, together: Keys, calibration: Calibration, pattern: Views) -> Asked:
    wanted, views = calibration.neighbours, calibration.views or saying(built, pattern)
    asked = ask(built, keys, wanted + min(len(together), MOST), pattern, views)
    apart = {
        name: first(_without(built.contents.views[name], question, together), wanted)
        for name, question in asked.questions.items()
    }
    return replace(asked, questions=apart)


def _without(view: View, question: Question, together: Keys) -> Question:
    """Return a question in one view as if products were not stored; all of them are in the category of the asked."""
    found = question.found
    voters = found.voters & ~np.isin(found.keys, together)
    return replace(question, found=replace(found, voters=voters), own=_own(view, question.own, together))


def _own(view: View, own: Own, together: Keys) -> Own:
    told = own.nodes >= 0
    if not told.any():
        return own
    node = own.nodes[told][0]
    seen = together[view.seen(together)]
    seen = seen[view.labels.spoken(seen) == node]
    if not len(seen):
        return own
    gone = (view.labels.voices(seen)[:, None] * view.placed(seen)).sum(axis=0)
    sums, counts = own.sums.copy(), own.counts.copy()
    sums[told] = view.prototypes.sums[node] - gone
    counts[told] = max(0.0, float(view.prototypes.counts[node]) - len(seen))
    return Own(own.nodes, sums, counts)


def _replaced(doubts: Suspicions, rows: Keys, fresh: Suspicions) -> Suspicions:
    columns = {}
    for each in fields(Suspicions):
        column = getattr(doubts, each.name).copy()
        column[rows] = getattr(fresh, each.name)
        columns[each.name] = column
    return Suspicions(**columns)
