"""Asks the stored products without themselves, tries the settings of the vote, and learns the calibration.

`calibration_of` is what `service/rebuild.py` hands to a build, and what `aisle calibrate` runs on demand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import TypeVar

import numpy as np

from indexer.snapshot import Built
from indexer.vectors import Keys
from service.calibration.calibrate import Calibration, Told, calibrate
from service.calibration.leave_one_out import BATCH, Asked, ask, halves, listings, newcomers
from service.calibration.tagging import Read, tag_rules_of
from service.vote.evidence import heard
from service.vote.mixture import fit, mixed
from service.vote.voices import kernel

SAMPLE = 10_000
"""Products asked about at most."""
TRIAL = 1_000
"""Of these, how many try each setting."""
NEIGHBOURS = (50, 100, 200)
WORDS = (1.0, 2.0, 4.0)
"""Settings that are tried: voters, and weight of the words beside a part's 2; first words, then voters."""
REMAINING = (0, 1, 2, 5)
"""Products that are left in a category to ask as if it were new, each of NEW questions; none, where the tree was given
and a category may have none."""
NEW = 512
NEWCOMERS = 0.02
"""Share of the questions that is taken to be about categories as new as that. What a larger share gains there, others
lose: docs/ablations.md."""

Fold = tuple[Keys, Built]
"""Products to ask about, and the index as if it had not learnt from them."""
Question = tuple[Built, Asked]
"""Some of them as questions, and that index."""
_Each = TypeVar("_Each")
_Made = TypeVar("_Made")


def calibration_of(
    built: Built, read: Read, *, sample: int = SAMPLE, seed: int = 0, tell: Callable[[int], None] = lambda _: None
) -> Calibration:
    """Return the calibration of an index: from at most `sample` of its labelled products, half of each fold.

    read: gives stored products by key, for the words of their texts. tell(n) is called as n products were asked about.
    """
    chosen = Calibration(NEIGHBOURS[1], kernel(built).words)
    rng = np.random.default_rng(seed)  # keys follow the source, which may be sorted by category
    folds = [(rng.permutation(some)[: sample // 2], twin) for some, twin in halves(built, seed)]
    folds = [(some, twin) for some, twin in folds if len(some)]
    if not folds:
        return replace(chosen, tags=tag_rules_of(built, kernel(built), read, seed=seed))
    chosen = _chosen(_first(folds, TRIAL), chosen)
    chosen = replace(chosen, tags=tag_rules_of(built, kernel(built, chosen.words), read, seed=seed))
    told = _told(folds, chosen, tell)
    new = _told_anew(_first(folds, NEW), chosen, np.random.default_rng(seed), share=told.counted.sum() * NEWCOMERS)
    return calibrate(told, new, built.tree.lineage, chosen=chosen)


def _first(folds: Sequence[Fold], many: int) -> list[Fold]:
    return [(keys[: many // 2], twin) for keys, twin in folds]


def _chosen(folds: list[Fold], first: Calibration) -> Calibration:
    """Return the setting under which the truth is likeliest; of equal ones that with fewer voters."""

    @cache  # who votes does not depend on how much words count
    def asked(neighbours: int) -> list[Question]:
        return list(_side_by_side(lambda fold: _ask(fold, neighbours), _batches(folds)))

    def loss(neighbours: int, words: float) -> float:
        setting = Calibration(neighbours, words)
        told = _counted(folds, list(_side_by_side(lambda each: _heard(each, setting), asked(neighbours))))
        weights = fit(told.evidence, told.truth, told.counted)
        found = told.evidence.nodes == told.truth[:, None]
        likely = (mixed(told.evidence, weights) * found).sum(axis=1)
        return float(-np.log(np.maximum(likely, 1e-3)).mean())

    by_words = {words: loss(first.neighbours, words) for words in WORDS}
    words = min(by_words, key=lambda each: (by_words[each], abs(each - first.words)))
    by_size = {size: by_words[words] if size == first.neighbours else loss(size, words) for size in NEIGHBOURS}
    return Calibration(min(by_size, key=lambda size: (by_size[size], size)), words)


def _told(folds: Sequence[Fold], setting: Calibration, tell: Callable[[int], None]) -> Told:
    """Ask each product without itself."""
    parts, done = [], 0
    for part in _side_by_side(lambda fold: _heard(_ask(fold, setting.neighbours), setting), _batches(folds)):
        parts.append(part)
        tell(done := done + len(part))
    return _counted(folds, parts)


def _told_anew(folds: Sequence[Fold], setting: Calibration, rng: np.random.Generator, *, share: float) -> Told:
    """Ask each product as if its category had hardly any others; together they count as much as `share`."""
    # Who is left out makes room for others, so that many more are looked for.
    asked = _side_by_side(lambda fold: _ask(fold, 4 * setting.neighbours), _batches(folds))
    anew = [
        (twin, newcomers(twin, each, some, setting.neighbours, rng))
        for twin, each in asked
        for some in REMAINING
        if some or not twin.grows
    ]
    told = Told.joined(list(_side_by_side(lambda each: _heard(each, setting), anew)))
    return told.counting(share / max(1e-9, float(told.counted.sum())))


def _ask(fold: Fold, wanted: int) -> Question:
    keys, twin = fold
    return twin, ask(twin, keys, wanted)


def _heard(question: Question, setting: Calibration) -> Told:
    twin, asked = question
    spoken = heard(twin, asked.found, asked.projected, kernel(twin, setting.words), asked.own)
    nearest = np.where(asked.found.voters, asked.found.similarity, -1).max(axis=1, initial=-1)
    return Told(spoken.evidence, asked.own.nodes, nearest.astype(np.float32), np.ones(len(asked.keys)))


def _counted(folds: Sequence[Fold], parts: Sequence[Told]) -> Told:
    """Return all batches as one; a listing's copies share its voice, in whichever batch they were asked."""
    return Told.joined(parts).counting(listings(folds[0][1], np.concatenate([keys for keys, _ in folds])))


def _batches(folds: Sequence[Fold]) -> list[Fold]:
    return [(keys[start : start + BATCH], twin) for keys, twin in folds for start in range(0, len(keys), BATCH)]


def _side_by_side(work: Callable[[_Each], _Made], some: Sequence[_Each]) -> Iterator[_Made]:
    """Yield what `work` makes of each, in order; two at a time, since search and vote leave the interpreter alone."""
    with ThreadPoolExecutor(2, thread_name_prefix="aisle-calibration") as threads:
        yield from threads.map(work, some)
