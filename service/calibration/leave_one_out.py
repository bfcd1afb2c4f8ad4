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
from indexer.contents import Contents
from indexer.labels import UNLABELLED
from indexer.snapshot import Built
from indexer.space import Projected, Space, present
from indexer.space.fit import pooled, refit
from indexer.space.prototypes import Own, Prototypes
from indexer.vectors import Keys, Vectors
from service.vote.search import Neighbourhood, neighbourhoods

Nodes = npt.NDArray[np.int32]

BATCH = 256
COPY = 0.98
"""Mean cosine of parts and words from which a stored product is a near-copy of the asked one."""
COPIES = 20
"""Neighbours more than wanted that are looked at, to stand in for copies."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Stored products as questions: keys int64 (n,), as projected, who may vote, and their category without them."""

    keys: Keys
    projected: Projected
    found: Neighbourhood
    own: Own


def halves(built: Built, seed: int) -> list[tuple[Keys, Built]]:
    """Return each half of the labelled products, in an order by chance, and the index that learnt from the other alone.

    In the raw space, which learns nothing, that is the index itself.
    """
    every = np.arange(built.contents.labels.size)
    keys = every[built.contents.labels.spoken(every) != UNLABELLED]
    mixed = np.random.default_rng(seed).permutation(keys)
    parts = mixed[::2], mixed[1::2]  # not sorted, so that the first of a half are a sample of the whole index
    with ThreadPoolExecutor(2, thread_name_prefix="aisle-halves") as threads:
        twins = list(threads.map(partial(_without, built), parts[::-1]))
    return list(zip(parts, twins, strict=True))


def _without(built: Built, told: Keys) -> Built:
    """Return the index in the space that the products `told` alone would have made."""
    if built.space.learnt is None or not len(told):
        return built
    contents, features = built.contents, built.contents.features
    nodes = pooled(contents.labels.spoken(told), built.tree.lineage)
    voices = contents.labels.voices(told)
    learnt = refit(built.space.learnt, features.raw(told), features.words(told), nodes, voices)
    space = replace(built.space, learnt=learnt)
    keys = np.flatnonzero(contents.labels.known).astype(np.int64)
    placed = place_of(space, contents, keys)
    here = present(placed)
    vectors = kinds.build(kinds.AUTO, space.dim, keys[here], placed[here])
    prototypes = Prototypes(len(built.tree), space.dim)
    twin = replace(contents, vectors=vectors, prototypes=prototypes, listings={})
    twin.count(keys, space)
    return replace(built, space=space, contents=twin)


def place_of(space: Space, contents: Contents, keys: Keys) -> Vectors:
    """Return the search vectors of stored products, float32 (n, dim)."""
    placed = np.empty((len(keys), space.dim), np.float32)
    for start in range(0, len(keys), BATCH):
        rows = slice(start, start + BATCH)
        placed[rows] = space.place(contents.features.raw(keys[rows]), contents.features.words(keys[rows]))
    return placed


def listings(built: Built, keys: Keys) -> npt.NDArray[np.float64]:
    """Return how much each product counts, float64 (n,): its label's voice beside the others', which have the mean 1.

    Listings of the same words share one.
    """
    groups = built.contents.features.fingerprints(keys)
    sizes = Counter(groups)
    voices = built.contents.labels.voices(keys).astype(np.float64)
    alone = np.array([1.0 / sizes[group] for group in groups])
    made: npt.NDArray[np.float64] = alone * voices * len(keys) / max(1e-12, float(voices.sum()))
    return made


def stored(built: Built, keys: Keys) -> Projected:
    """Return stored products as the index sees them."""
    features = built.contents.features
    raw, words = features.raw(keys), features.words(keys)
    return Projected(raw, words, built.space.place(raw, words))


def ask(built: Built, keys: Keys, wanted: int) -> Asked:
    """Return stored products as questions, with up to `wanted` voters each; near-copies are not among them."""
    contents, features = built.contents, built.contents.features
    projected = stored(built, keys)
    found = neighbourhoods(built, projected, keys, wanted + COPIES)
    voters = found.voters & ~features.copies(projected.raw, projected.words, found.keys, COPY)
    voters &= np.cumsum(voters, axis=1) <= wanted
    labels = contents.labels
    counted = place_of(built.space, contents, contents.standing(keys))
    own = contents.prototypes.without(labels.spoken(keys), counted, labels.voices(keys))
    return Asked(keys, projected, replace(found, voters=voters), own)


def newcomers(built: Built, asked: Asked, remaining: int, wanted: int, rng: np.random.Generator) -> Asked:
    """Return the same questions as if their category had `remaining` other products at most, taken by chance.

    Near-copies of the asked product are not among them.
    """
    contents, size = built.contents, len(asked.keys)
    nodes = contents.labels.spoken(np.arange(contents.labels.size))
    drawn = np.full((size, remaining + COPIES), -1, np.int64)
    for row, (key, node) in enumerate(zip(asked.keys.tolist(), asked.own.nodes.tolist(), strict=True)):
        others = np.flatnonzero(nodes == node)
        some = rng.permutation(others[others != key])[: drawn.shape[1]]
        drawn[row, : len(some)] = some
    copies = contents.features.copies(asked.projected.raw, asked.projected.words, np.maximum(drawn, 0), COPY)
    fit = (drawn >= 0) & ~copies
    fit &= np.cumsum(fit, axis=1) <= remaining
    kept = np.where(fit, drawn, -1)
    rows, places = np.nonzero(fit)
    sums = np.zeros_like(asked.own.sums)
    remained = kept[rows, places]
    voices = contents.labels.voices(remained)
    np.add.at(sums, rows, voices[:, None] * place_of(built.space, contents, remained))
    counts = np.bincount(rows, minlength=size).astype(np.float32)
    found = asked.found
    here = (found.keys[:, :, None] == kept[:, None, :]).any(axis=2)
    voters = found.voters & (here | (found.labels != asked.own.nodes[:, None]))
    voters &= np.cumsum(voters, axis=1) <= wanted
    return replace(asked, found=replace(found, voters=voters), own=replace(asked.own, sums=sums, counts=counts))
