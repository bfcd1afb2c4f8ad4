"""Which stored products are worth judging beside some of them: near by vector, words, title, number or picture.

It is for a product what `candidates` and `titles` are for the whole catalogue, within the same bounds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from indexer.codes import codes_of
from indexer.live import Live
from indexer.vectors import Keys
from service.duplicates.groups.candidates import BITS, COMMON, LOOKALIKES, PLACES
from service.duplicates.groups.titles import SIMILAR, UNLIKE
from service.duplicates.standing.loaded import Loaded
from service.duplicates.verdicts.surroundings import BY_VECTOR, BY_WORDS, Surroundings

AT_ONCE = 8
"""Products that are searched for at a time, while changes wait."""

Pairs = set[tuple[int, int]]
"""Of keys, the lesser one first."""


@dataclass(frozen=True, slots=True)
class Near:
    """How many neighbours of a product are taken."""

    by_vector: int = 5
    by_words: int = 3
    by_title: int = 4


def nearby(live: Live, loaded: Loaded, keys: Collection[int], near: Near, rivals: Surroundings) -> Pairs:
    """Return pairs of which one is among `keys`; neighbours by vector or words whose titles are unlike are left out.

    rivals: takes over what searches find of `keys`, so that judging them needs no search of its own.
    """
    found, searched = Pairs(), list[tuple[Keys, Keys]]()
    asked = sorted(loaded.get(sorted(keys)))
    for start in range(0, len(asked), AT_ONCE):
        some = np.array(asked[start : start + AT_ONCE], np.int64)
        with live.reading():
            some = some[some < live.labels.size]
            some = some[live.labels.known[some]]
            titles, size = live.contents.titles, int(np.count_nonzero(live.labels.known))
            for name, seen, neighbours in _searched(live, some, near):
                if name == rivals.view:
                    searched.append((seen, np.concatenate(neighbours, axis=1)))
                for each, k in zip(neighbours, (near.by_vector, near.by_words), strict=False):
                    left, right = _listed(seen, each[:, : k + 1])
                    unlike = titles.unlike(left, right, size, UNLIKE)
                    found |= _pairs(left[~unlike], right[~unlike])
            for key, others in zip(some.tolist(), titles.near(some, size, near.by_title, SIMILAR), strict=True):
                found |= _pairs(np.full(len(others), key), others)
            for left, right in _alike(live, loaded, some):
                found |= _pairs(left, right)
    if searched:
        rivals.take(*(np.concatenate(each) for each in zip(*searched, strict=True)))
    return found


def _searched(live: Live, keys: Keys, near: Near) -> Iterator[tuple[str, Keys, list[Keys]]]:
    """Yield each view, the keys (n,) that it has, and who is nearest to each by vector, and by words, (n, k) each."""
    for name, view in live.contents.views.items():
        some = keys[view.seen(keys)]
        if len(some):
            found = [view.vectors.search(view.placed(some), max(near.by_vector + 1, BY_VECTOR)).keys]
            if view.space.words:
                k = max(near.by_words + 1, BY_WORDS)
                found.append(view.postings.search(view.features.words(some), k, PLACES).keys)
            yield name, some, found


def _listed(keys: Keys, found: Keys) -> tuple[Keys, Keys]:
    """Return keys beside what was found of each, (n, k) with -1 for none, one after the other."""
    left, right = np.repeat(keys, found.shape[1]), found.ravel()
    return left[right >= 0], right[right >= 0]


def _alike(live: Live, loaded: Loaded, keys: Keys) -> Iterator[tuple[Keys, Keys]]:
    """Yield keys, and who has an article number or a picture in common with each, (n,) each."""
    products = [stored.record.product for stored in loaded.get(keys.tolist()).values()]
    at, sharing = live.contents.codes.search(codes_of(products), COMMON)
    yield keys[at], sharing
    for key, product in zip(keys.tolist(), products, strict=True):
        if (picture := product.main_picture) is not None:
            alike = live.contents.lookalikes.search(picture.phash, BITS)[0][:LOOKALIKES]
            yield np.full(len(alike), key, np.int64), alike


def _pairs(left: Keys, right: Keys) -> Pairs:
    """Return pairs; of a product and itself none."""
    two = left != right
    low, high = np.minimum(left, right)[two], np.maximum(left, right)[two]
    return set(zip(low.tolist(), high.tolist(), strict=True))
