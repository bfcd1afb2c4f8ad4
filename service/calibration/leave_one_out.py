"""Stored products asked about as if they were new: what calibration and audit learn from.

A product is asked about without itself and without its near-copies. The space and the prototypes have seen its label
when they were fitted, so half of the products is asked in a space that only the other half made (cross-fitting).
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from indexer import vectors as kinds
from indexer.memory.labels import UNLABELLED
from indexer.memory.view import View
from indexer.snapshots.snapshot import Built
from indexer.space import RAW, Projected, Space, present
from indexer.space.bridge import paired
from indexer.space.fit import pooled, refit
from indexer.space.prototypes import Own
from indexer.space.views import learnt
from indexer.vectors import Keys
from service.vote.questions import Pattern, Question, Questions, first, questions, restricted

Nodes = npt.NDArray[np.int32]

BATCH = 256
COPY = 0.98
"""Mean cosine of parts and words from which a stored product is a near-copy of the asked one."""
COPIES = 20
"""Neighbours more than wanted that are looked at, to stand in for copies."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Stored products as questions: keys int64 (n,), truth int32 (n,) their categories, and what each view is asked."""

    keys: Keys
    truth: Nodes
    questions: Questions


def halves(built: Built, seed: int) -> list[tuple[Keys, Built]]:
    """Return each half of the labelled products, in an order by chance, and the index that learnt from the other alone.

    Where nothing was learnt, that is the index itself.
    """
    every = np.arange(built.contents.labels.size)
    keys = every[built.contents.labels.spoken(every) != UNLABELLED]
    mixed = np.random.default_rng(seed).permutation(keys)
    parts = mixed[::2], mixed[1::2]  # not sorted, so that the first of a half are a sample of the whole index
    with ThreadPoolExecutor(2, thread_name_prefix="aisle-halves") as threads:
        twins = list(threads.map(partial(_without, built), parts[::-1]))
    return list(zip(parts, twins, strict=True))


def _without(built: Built, told: Keys) -> Built:
    """Return the index in the spaces, and with the bridges, that the products `told` alone would have made."""
    contents = built.contents
    if built.space.name == RAW or not len(told):
        return built
    spaces = {name: _space_without(built, view, told) for name, view in contents.views.items()}
    views = {
        name: view if spaces[name] is view.space else _placed_in(view, spaces[name], len(built.tree))
        for name, view in contents.views.items()
    }
    pairs = contents.features.raw(told[paired(spaces, contents.features, told)])
    space = learnt(built.space, spaces, pairs) if built.space.bridges else built.space
    return replace(built, space=replace(space, spaces=spaces), contents=replace(contents, views=views))


def _space_without(built: Built, view: View, told: Keys) -> Space:
    some = told[view.seen(told)]
    if view.space.learnt is None or not len(some):
        return view.space
    features = built.contents.features
    nodes = pooled(view.labels.spoken(some), built.tree.lineage)
    raw, words = features.raw(some, view.space), view.space.read(features.words(some))
    return replace(view.space, learnt=refit(view.space.learnt, raw, words, nodes, view.labels.voices(some)))


def _placed_in(view: View, space: Space, nodes: int) -> View:
    moved = replace(view, space=space)
    keys = np.flatnonzero(view.labels.known).astype(np.int64)
    placed = moved.placed(keys)
    here = present(placed)
    return view.twin(space, kinds.build(kinds.AUTO, space.dim, keys[here], placed[here]), nodes)


def listings(built: Built, keys: Keys) -> npt.NDArray[np.float64]:
    """Return how much each product counts, float64 (n,): its label's voice beside the others', which have the mean 1.

    Listings of the same words and pictures share one.
    """
    views = built.contents.views.values()
    said = [built.contents.features.fingerprints(keys, view.space).tolist() for view in views]
    groups = list(zip(*said, strict=True))
    sizes = Counter(groups)
    voices = built.contents.labels.voices(keys).astype(np.float64)
    alone = np.array([1.0 / sizes[group] for group in groups])
    made: npt.NDArray[np.float64] = alone * voices * len(keys) / max(1e-12, float(voices.sum()))
    return made


def stored(built: Built, keys: Keys) -> Projected:
    """Return stored products as the index sees them."""
    return built.space.placed(built.contents.features.raw(keys), built.contents.features.words(keys))


def having(built: Built, keys: Keys, pattern: Pattern) -> npt.NDArray[np.bool_]:
    """Return which stored products have all views of a pattern: bool (n,)."""
    made: npt.NDArray[np.bool_] = np.all([built.contents.views[view].seen(keys) for view in pattern], axis=0)
    return made


def ask(built: Built, keys: Keys, wanted: int, pattern: Pattern, views: Pattern) -> Asked:
    """Return stored products as questions of a pattern, with up to `wanted` voters in each of `views`.

    Near-copies are not among the voters: in each view the products that are as good as the asked one there.
    """
    itself = stored(built, keys)
    asked = questions(built, restricted(built, itself, pattern), views, keys, wanted + COPIES)
    apart = {name: _apart(built.contents.views[name], each, itself, wanted) for name, each in asked.items()}
    return Asked(keys, built.contents.labels.spoken(keys), apart)


def _apart(view: View, question: Question, itself: Projected, wanted: int) -> Question:
    found = question.found
    copies = view.features.copies(itself.raw, itself.words, found.keys, COPY, view.space)
    return first(replace(question, found=replace(found, voters=found.voters & ~copies)), wanted)


def newcomers(built: Built, asked: Asked, remaining: int, wanted: int, rng: np.random.Generator) -> Asked:
    """Return the same questions as if their category had `remaining` other products at most, taken by chance.

    Near-copies of the asked product in any view are not among them.
    """
    contents = built.contents
    nodes = contents.labels.spoken(np.arange(contents.labels.size))
    drawn = np.full((len(asked.keys), remaining + COPIES), -1, np.int64)
    for row, (key, node) in enumerate(zip(asked.keys.tolist(), asked.truth.tolist(), strict=True)):
        others = np.flatnonzero(nodes == node)
        some = rng.permutation(others[others != key])[: drawn.shape[1]]
        drawn[row, : len(some)] = some
    itself, others = stored(built, asked.keys), np.maximum(drawn, 0)
    fit = drawn >= 0
    for name in asked.questions:
        fit &= ~contents.features.copies(itself.raw, itself.words, others, COPY, contents.views[name].space)
    fit &= np.cumsum(fit, axis=1) <= remaining
    kept = np.where(fit, drawn, -1)
    made = {
        name: _thinned(contents.views[name], question, asked.truth, kept, wanted)
        for name, question in asked.questions.items()
    }
    return replace(asked, questions=made)


def _thinned(view: View, question: Question, truth: Nodes, kept: Keys, wanted: int) -> Question:
    """Return a question as if of its category, `truth`, only the products `kept` (n, r), -1 for none, were stored."""
    rows, places = np.nonzero(kept >= 0)
    remained = kept[rows, places]
    here = view.seen(remained)
    rows, remained = rows[here], remained[here]
    sums = np.zeros_like(question.own.sums)
    np.add.at(sums, rows, view.labels.voices(remained)[:, None] * view.placed(remained))
    counts = np.bincount(rows, minlength=len(kept)).astype(np.float32)
    found = question.found
    among = (found.keys[:, :, None] == kept[:, None, :]).any(axis=2)
    voters = found.voters & (among | (found.labels != truth[:, None]))
    own = Own(truth.astype(np.int32), sums, counts)
    return first(replace(question, found=replace(found, voters=voters), own=own), wanted)
