"""Asks the stored products without themselves, tries the settings of the vote, and learns the calibration.

`calibration_of` is what `service/rebuild.py` hands to a build, and what `aisle calibrate` runs on demand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

import numpy as np

from indexer.snapshots.snapshot import Built
from indexer.vectors import Keys
from service.calibration.calibrate import Alone, Calibration, Told, calibrate, key_of
from service.calibration.leave_one_out import BATCH, Asked, ask, halves, having, listings, newcomers
from service.calibration.tagging import Read, tag_rules_of
from service.vote.evidence import heard
from service.vote.mixture import fit, mixed
from service.vote.questions import Pattern, nearest, saying
from service.vote.voices import WORDS as WEIGHT

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
Put = tuple[Built, Asked]
"""Some of them as questions, and that index."""
_Each = TypeVar("_Each")
_Made = TypeVar("_Made")


def calibration_of(
    built: Built, read: Read, *, sample: int = SAMPLE, seed: int = 0, tell: Callable[[int], None] = lambda _: None
) -> Calibration:
    """Return the calibration of an index: from at most `sample` of its labelled products, half of each fold.

    Each kind of question, by text, by picture or by both, is calibrated by the products that could be asked about so,
    first of all the kind that most are of. The settings of the vote are chosen for questions by text, so that these are
    answered as by an index that knows no pictures. read: gives stored products by key, for the words of
    their texts. tell(n) is called as n products were asked about.
    """
    chosen = Calibration(NEIGHBOURS[1], WEIGHT)
    rng = np.random.default_rng(seed)  # keys follow the source, which may be sorted by category
    folds = [(rng.permutation(some)[: sample // 2], twin) for some, twin in halves(built, seed)]
    folds = [(some, twin) for some, twin in folds if len(some)]
    if not folds:
        return replace(chosen, tags=tag_rules_of(built, chosen.words, read, seed=seed))
    kinds = [_kind(built, folds, pattern) for pattern in _patterns(built)]
    if not any(kind.size for kind in kinds):  # products that no view sees
        return replace(chosen, tags=tag_rules_of(built, chosen.words, read, seed=seed))
    main = max(kinds, key=lambda kind: (kind.size, len(kind.pattern)))
    chosen = _chosen(next(kind for kind in kinds if kind.size).some(TRIAL), chosen)
    chosen = replace(chosen, tags=tag_rules_of(built, chosen.words, read, seed=seed))
    made: dict[str, Calibration] = {}
    for kind in kinds:  # those of one view first: what is learnt of them is where those of several begin
        if kind.size:
            some = kind if kind is main else kind.some(SAMPLE // 4)
            heard_of = tell if kind is main else lambda _: None
            alone = _alone(kind, made)
            made[key_of(kind.pattern)] = _calibrated(built, some, _plain(chosen, kind), alone, seed, heard_of)
    first = replace(made.pop(key_of(main.pattern)), tags=chosen.tags)
    return replace(first, others=made)


@dataclass(frozen=True, slots=True)
class Kind:
    """Questions of one pattern: who can be asked so, in folds, and the views that have a say."""

    folds: Sequence[Fold]
    pattern: Pattern
    views: Pattern

    @property
    def size(self) -> int:
        """How many products can be asked about so."""
        return sum(len(keys) for keys, _ in self.folds)

    def some(self, many: int) -> Kind:
        """Return the first of each fold, `many` together at most."""
        return replace(self, folds=[(keys[: many // 2], twin) for keys, twin in self.folds])


def _patterns(built: Built) -> list[Pattern]:
    """Return the kinds of questions that an index may be asked: by every view alone, and by all together."""
    views = tuple(built.contents.views)
    return [(view,) for view in views] + ([views] if len(views) > 1 else [])


def _kind(built: Built, folds: Sequence[Fold], pattern: Pattern) -> Kind:
    able = [(keys[having(built, keys, pattern)], twin) for keys, twin in folds]
    return Kind(able, pattern, saying(built, pattern))


def _plain(chosen: Calibration, kind: Kind) -> Calibration:
    return replace(Calibration(chosen.neighbours, chosen.words), pattern=kind.pattern, views=kind.views)


def _alone(kind: Kind, made: Mapping[str, Calibration]) -> Alone:
    """Return the weights that each view of a kind has alone, where questions by it alone are calibrated so."""
    known = [made.get(key_of((view,))) for view in kind.views]
    return [
        each.weights if each is not None and each.views == (view,) and each.observations else None
        for view, each in zip(kind.views, known, strict=True)
    ]


def _calibrated(  # noqa: PLR0917 - what is learnt, of what, from where, and who is told
    built: Built, kind: Kind, chosen: Calibration, alone: Alone, seed: int, tell: Callable[[int], None]
) -> Calibration:
    """Return what is learnt of one kind of questions, the settings of the vote being chosen."""
    told = _told(kind, chosen, tell)
    share = float(told.counted.sum()) * NEWCOMERS
    new = _told_anew(kind.some(NEW), chosen, np.random.default_rng(seed), share=share)
    return calibrate(told, new, built.tree.lineage, chosen=chosen, alone=alone)


def _chosen(kind: Kind, first: Calibration) -> Calibration:
    """Return the setting under which the truth is likeliest; of equal ones that with fewer voters."""

    @cache  # who votes does not depend on how much words count
    def asked(neighbours: int) -> list[Put]:
        return list(_side_by_side(lambda fold: _ask(kind, fold, neighbours), _batches(kind.folds)))

    def loss(neighbours: int, words: float) -> float:
        heard_so = _side_by_side(lambda each: _heard(each, words), asked(neighbours))
        told = _counted(kind.folds, list(heard_so))
        weights = fit(told.evidence, told.truth, told.counted)
        found = told.evidence.nodes == told.truth[:, None]
        likely = (mixed(told.evidence, weights) * found).sum(axis=1)
        return float(-np.log(np.maximum(likely, 1e-3)).mean())

    reads = any(twin.space.spaces[view].words for _, twin in kind.folds for view in kind.views)
    weights = WORDS if reads else (first.words,)
    by_words = {words: loss(first.neighbours, words) for words in weights}
    words = min(by_words, key=lambda each: (by_words[each], abs(each - first.words)))
    by_size = {size: by_words[words] if size == first.neighbours else loss(size, words) for size in NEIGHBOURS}
    return replace(first, neighbours=min(by_size, key=lambda size: (by_size[size], size)), words=words)


def _told(kind: Kind, setting: Calibration, tell: Callable[[int], None]) -> Told:
    """Ask each product without itself."""
    parts, done = [], 0
    for part in _side_by_side(
        lambda fold: _heard(_ask(kind, fold, setting.neighbours), setting.words), _batches(kind.folds)
    ):
        parts.append(part)
        tell(done := done + len(part))
    return _counted(kind.folds, parts)


def _told_anew(kind: Kind, setting: Calibration, rng: np.random.Generator, *, share: float) -> Told:
    """Ask each product as if its category had hardly any others; together they count as much as `share`."""
    # Who is left out makes room for others, so that many more are looked for.
    asked = _side_by_side(lambda fold: _ask(kind, fold, 4 * setting.neighbours), _batches(kind.folds))
    anew = [
        (twin, newcomers(twin, each, some, setting.neighbours, rng))
        for twin, each in asked
        for some in REMAINING
        if some or not twin.grows
    ]
    told = Told.joined(list(_side_by_side(lambda each: _heard(each, setting.words), anew)))
    return told.counting(share / max(1e-9, float(told.counted.sum())))


def _ask(kind: Kind, fold: Fold, wanted: int) -> Put:
    keys, twin = fold
    return twin, ask(twin, keys, wanted, kind.pattern, kind.views)


def _heard(put: Put, words: float) -> Told:
    twin, asked = put
    spoken = heard(twin, asked.questions, words)
    return Told(spoken.evidence, asked.truth, nearest(asked.questions), np.ones(len(asked.keys)))


def _counted(folds: Sequence[Fold], parts: Sequence[Told]) -> Told:
    """Return all batches as one; a listing's copies share its voice, in whichever batch they were asked."""
    return Told.joined(parts).counting(listings(folds[0][1], np.concatenate([keys for keys, _ in folds])))


def _batches(folds: Sequence[Fold]) -> list[Fold]:
    return [(keys[start : start + BATCH], twin) for keys, twin in folds for start in range(0, len(keys), BATCH)]


def _side_by_side(work: Callable[[_Each], _Made], some: Sequence[_Each]) -> Iterator[_Made]:
    """Yield what `work` makes of each, in order; two at a time, since search and vote leave the interpreter alone."""
    with ThreadPoolExecutor(2, thread_name_prefix="aisle-calibration") as threads:
        yield from threads.map(work, some)
