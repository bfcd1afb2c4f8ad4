"""Who may vote: the stored products nearest to each question by vector and by words, itself left out.

The two take turns: the nearest by vector, the nearest by words, the second nearest by vector, and so on. Vectors know
what is meant; words know brand, model and material. Each view has its own neighbours; `together` lets them take turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from indexer.memory.labels import UNLABELLED
from indexer.memory.view import View
from indexer.space import Projected
from indexer.vectors import Keys, Vectors

Mask = npt.NDArray[np.bool_]

WIDENINGS = 3
WIDEN_BY = 4


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The neighbours of n queries in the order they were found; what is no neighbour (the query itself) stands last.

    keys int64 (n, k); similarity float32 (n, k), -1 for what is no neighbour and for what only words found, which is
    less similar than all that vectors found; labels int32 (n, k) tree position or UNLABELLED; present bool (n, k) False
    for what is no neighbour; voters bool (n, k) the first with a category that speaks, as many as were asked for.
    """

    keys: Keys
    similarity: Vectors
    labels: npt.NDArray[np.int32]
    present: Mask
    voters: Mask

    def nearest(self, limit: int) -> npt.NDArray[np.int64]:
        """Return the places of the `limit` most similar neighbours of each query, in that order: int64 (n, limit)."""
        order: npt.NDArray[np.int64] = np.argsort(-self.similarity, axis=1, kind="stable")[:, :limit]
        return order


def neighbourhoods(view: View, asked: Projected, itself: Keys, wanted: int) -> Neighbourhood:
    """Find at least `wanted` neighbours of each query, and `wanted` with a category where the view has them near.

    itself: int64 (n,) the key a query is stored under, or -1. Where many products have no category the search widens,
    to 64 times `wanted` at most.
    """
    reach = wanted + 1
    for _ in range(WIDENINGS):
        found = _look(view, asked, itself, reach)
        if reach >= len(view.vectors) or (found.voters.sum(axis=1) >= wanted).all():
            break
        reach *= WIDEN_BY
    else:
        found = _look(view, asked, itself, reach)
    return _narrowed(found, wanted)


def together(found: Sequence[Neighbourhood], wanted: int) -> Neighbourhood:
    """Return the neighbours of n questions in several views as one, each once: the views take turns.

    A neighbour is as similar as in the view where it is nearest. Where there is one view, that is what is returned.
    """
    if len(found) == 1:
        return found[0]
    keys = np.concatenate([each.keys for each in found], axis=1)
    present = np.concatenate([each.present for each in found], axis=1)
    turn = np.concatenate([np.arange(each.keys.shape[1]) * len(found) + at for at, each in enumerate(found)])
    similarity = np.concatenate([each.similarity for each in found], axis=1)
    order = np.lexsort((np.broadcast_to(turn, keys.shape), keys, ~present), axis=1)
    sorted_keys, here = np.take_along_axis(keys, order, axis=1), np.take_along_axis(present, order, axis=1)
    again = np.zeros_like(here)
    again[:, 1:] = (sorted_keys[:, 1:] == sorted_keys[:, :-1]) & here[:, 1:] & here[:, :-1]
    alike = np.take_along_axis(similarity, order, axis=1)
    for _ in range(len(found) - 1):  # hand the similarity of a repeated neighbour on to its first place
        alike[:, :-1] = np.where(again[:, 1:], np.maximum(alike[:, :-1], alike[:, 1:]), alike[:, :-1])
    first = here & ~again
    turns = np.where(first, np.broadcast_to(turn, keys.shape)[np.arange(len(keys))[:, None], order], keys.shape[1] * 9)
    back = np.argsort(turns, axis=1, kind="stable")
    keys, present, similarity = (np.take_along_axis(each, back, axis=1) for each in (sorted_keys, first, alike))
    labels = _taken([each.labels for each in found], order, back)
    voters = _taken([each.voters for each in found], order, back) & present
    made = Neighbourhood(
        keys, np.where(present, similarity, -1), np.where(present, labels, UNLABELLED).astype(np.int32), present, voters
    )
    return _narrowed(made, wanted)


def _taken(columns: Sequence[npt.NDArray[Any]], *orders: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    made = np.concatenate(columns, axis=1)
    for order in orders:
        made = np.take_along_axis(made, order, axis=1)
    return made


def _look(view: View, asked: Projected, itself: Keys, reach: int) -> Neighbourhood:
    """Return everything within `reach` of each query by vector or by words, in turns."""
    near = view.vectors.search(asked.vectors[view.name], reach)
    alike = view.postings.search(view.space.read(asked.words), reach)
    keys = np.concatenate([near.keys, alike.keys], axis=1)
    present = (keys != itself[:, None]) & (keys >= 0)
    wide = near.keys.shape[1]
    turn = np.concatenate([2 * np.arange(wide), 2 * np.arange(keys.shape[1] - wide) + 1])
    turn = np.repeat(turn[None], len(keys), axis=0)
    rows, first, second = _twice(near.keys, alike.keys)
    turn[rows, first] = np.minimum(turn[rows, first], turn[rows, wide + second])
    present[rows, wide + second] = False
    order = np.argsort(np.where(present, turn, 2 * keys.shape[1]), axis=1, kind="stable")
    similarity = np.concatenate([near.similarity, np.full(alike.keys.shape, -1, np.float32)], axis=1)
    keys, present, similarity = (np.take_along_axis(each, order, axis=1) for each in (keys, present, similarity))
    keys = np.maximum(keys, 0)
    labels = np.where(present, view.labels.nodes(keys), UNLABELLED).astype(np.int32)
    voters = present & (view.labels.spoken(keys) != UNLABELLED)
    return Neighbourhood(keys, np.where(present, similarity, -1).astype(np.float32), labels, present, voters)


def _narrowed(found: Neighbourhood, wanted: int) -> Neighbourhood:
    """Return the columns that are needed to have `wanted` voters, and `wanted` neighbours, in every row."""
    voters = found.voters & (np.cumsum(found.voters, axis=1) <= wanted)
    ends = np.where(voters.any(axis=1), voters.shape[1] - np.argmax(voters[:, ::-1], axis=1), 0)
    kept = slice(max(wanted, int(ends.max(initial=0))))
    keys, similarity, labels = found.keys[:, kept], found.similarity[:, kept], found.labels[:, kept]
    return Neighbourhood(keys, similarity, labels, found.present[:, kept], voters[:, kept])


def _twice(near: Keys, alike: Keys) -> tuple[Keys, Keys, Keys]:
    """Return what stands in both: rows, places in `near` (n, k) and places in `alike` (n, l)."""
    size = max(int(near.max(initial=0)), int(alike.max(initial=0))) + 2  # so that equal keys of two rows differ
    offset = np.arange(len(near))[:, None] * size
    one, other = (near + offset).ravel(), np.where(alike >= 0, alike + offset, -1).ravel()
    order = np.argsort(one)
    place = order[np.searchsorted(one, other, sorter=order).clip(0, len(one) - 1)] if len(one) else other[:0]
    same = np.flatnonzero(one[place] == other) if len(one) else place
    return same // alike.shape[1], place[same] % near.shape[1], same % alike.shape[1]
