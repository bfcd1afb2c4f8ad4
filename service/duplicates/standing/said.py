"""What people said of pairs of products, by key, and pairs as the record store keeps them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from indexer.live import Live
from indexer.store.twins import Twin
from service.duplicates.groups.book import SETTLED, Settled
from service.duplicates.verdicts.verdict import DIFFERENT, IDENTICAL, SAME, VARIANT, VERDICTS

Pair = tuple[int, int]
Said = Mapping[Pair, int]
"""What people said of pairs of keys, the lesser one first: places in VERDICTS."""

COPY = "equal content"
"""Evidence of a copy."""


def keys_of(live: Live, ids: Collection[str]) -> list[int]:
    """Return the keys of those of `ids` that are stored."""
    with live.reading():
        return [key for id_ in ids if (key := live.labels.key(id_)) is not None]


def settled_of(live: Live) -> Settled:
    """Return all that people said of pairs of products that are stored.

    One whose other is gone is beside itself in it, so that it stands for itself still.
    """
    every = live.records.twins.settled()
    said = dict(by_key(live, every))
    alone = set(keys_of(live, {id_ for pair in every for id_ in pair})).difference(*said)
    said |= {(key, key): DIFFERENT for key in alone}
    pairs = np.array(sorted(said), np.int64).reshape(-1, 2)
    return Settled(pairs[:, 0], pairs[:, 1], np.array([said[pair] for pair in sorted(said)], np.int8))


def by_key(live: Live, said: Mapping[tuple[str, str], str]) -> Said:
    """Return what people said of pairs whose products are both in memory, by key."""
    keys = dict.fromkeys({id_ for pair in said for id_ in pair}, -1)
    with live.reading():
        keys.update({id_: key for id_ in keys if (key := live.labels.key(id_)) is not None})
    found = {}
    for (one, other), verdict in said.items():
        low, high = sorted((keys[one], keys[other]))
        if low >= 0:
            found[low, high] = VERDICTS.index(verdict)
    return found


def settled_twin(pair: Pair, verdict: int) -> Twin:
    """Return a pair as a person judged it."""
    same, variant = float(verdict in {IDENTICAL, SAME}), float(verdict == VARIANT)
    return twin_of(*pair, verdict, same, variant, (SETTLED,))


def twin_of(  # noqa: PLR0917 - the columns of a pair, in their order
    left: int, right: int, verdict: int, probability: float, variant: float, evidence: Sequence[str]
) -> Twin:
    """Return a pair as the store keeps it."""
    return Twin(left, right, VERDICTS[verdict], round(probability, 6), round(variant, 6), tuple(evidence))
