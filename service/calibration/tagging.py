"""Learns the rules of the tags: products that carry some are asked about without themselves and what is like them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from indexer.memory.labels import TagRows
from indexer.product import Product
from indexer.snapshots.snapshot import Built
from indexer.space import Projected
from indexer.space.features import Kernel
from indexer.vectors import Keys
from service.calibration.leave_one_out import BATCH, stored
from service.tags.rules import TagRules, Weighed, conflicting, fit, weighed
from service.tags.voted import Voted, voted
from service.tags.words import TagWords
from service.vote.questions import Pattern, questions, restricted, saying
from service.vote.search import Neighbourhood, together
from service.vote.voices import kernel, voices

Read = Callable[[Sequence[int]], Sequence[Product]]
"""Returns the stored products of some keys, in their order."""

SAMPLE = 4_000
"""Products asked about at most, and fewer where there are so many tags that PAIRS are passed."""
PAIRS = 50_000_000
VOTERS = 200
"""Neighbours with tags that speak for theirs: 100 give 1.7 points less F1 on magento_luma."""
SPARE = 40
ALIKE = 0.85
"""Mean cosine of parts and words from which a stored product is too much like the asked one to vouch for its tags:
colours and sizes of one article carry the same, and a new article has no such brothers yet."""


def tag_rules_of(built: Built, weight: float, read: Read, *, seed: int = 0) -> TagRules:
    """Return the rules of an index's tags, those that hold anywhere when it has none; weight: of words."""
    labels = built.contents.labels
    known = np.flatnonzero(labels.known)
    every = known[labels.voices(known) > 0]
    carried = labels.tags(every)
    carrying = every[np.unique(carried.row)]
    tags = labels.tag_names
    if not len(carrying):
        return TagRules()
    some = np.random.default_rng(seed).permutation(carrying)[: max(1, min(SAMPLE, PAIRS // len(tags)))]
    some.sort()
    words = TagWords.of(tags, {word: built.vocabulary.canonical(tag) for word, tag in built.vocabulary.aliases.items()})
    alike = kernel(built, weight)
    parts = [said_of(built, some[start : start + BATCH], alike, words, read) for start in range(0, len(some), BATCH)]
    said = Weighed(
        np.concatenate([part.row + place * BATCH for place, part in enumerate(parts)]),
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("tag", "share", "level")),
    )
    truth = labels.tags(some)
    right = np.zeros((len(some), len(tags)), np.bool_)
    right[truth.row, truth.tag] = True
    return fit(said, right, tags, conflicting(carried.row, carried.tag.astype(np.int64), tags, len(known)))


def tags_of_neighbours(
    built: Built, found: Neighbourhood, asked: Projected, alike: Kernel, but: npt.NDArray[np.bool_] | None = None
) -> Voted:
    """Return the tags that neighbours carry: the first VOTERS with a voice that carry any, without a category too.

    but: bool (n, k), neighbours that may not.
    """
    labels = built.contents.labels
    carried: TagRows = labels.tags(found.keys.ravel())
    near = np.zeros(found.keys.size, np.bool_)
    near[carried.row] = True
    near = near.reshape(found.keys.shape) & found.present & (labels.voices(found.keys) > 0)
    if but is not None:
        near &= ~but
    near &= np.cumsum(near, axis=1) <= VOTERS
    weights = np.where(near, np.maximum(labels.voices(found.keys), 0), 0).astype(np.float32)
    spoken = voices(built.contents.features, found.keys, weights, asked, alike)
    return voted(spoken, carried.row, carried.tag)


def said_of(built: Built, keys: Keys, alike: Kernel, words: TagWords, read: Read, *, voters: int = VOTERS) -> Weighed:
    """Return the tags that neighbours of stored products (n,) carry or that they name, each without its like."""
    projected = stored(built, keys)
    votes = [
        _votes(built, projected[np.array(rows)], keys[rows], alike, pattern, voters).moved(np.array(rows))
        for pattern, rows in built.space.patterns(projected).items()
    ]
    order = np.lexsort((np.concatenate([each.tag for each in votes]), np.concatenate([each.row for each in votes])))
    said = Voted(*(np.concatenate([getattr(v, name) for v in votes])[order] for name in ("row", "tag", "share")))
    return weighed(said, words.named(read(keys.tolist())), len(built.contents.labels.tag_names))


def _votes(  # noqa: PLR0917 - whom to ask, about what, and how
    built: Built, asked: Projected, keys: Keys, alike: Kernel, pattern: Pattern, voters: int
) -> Voted:
    """Return the tags of the neighbours of some questions of one pattern."""
    put = questions(built, restricted(built, asked, pattern), saying(built, pattern), keys, voters + SPARE)
    found = together([each.found for each in put.values()], voters + SPARE)
    copies = built.contents.features.copies(asked.raw, asked.words, found.keys, ALIKE)
    return tags_of_neighbours(built, found, asked, alike, copies)
