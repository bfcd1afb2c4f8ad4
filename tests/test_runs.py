"""indexer/memory/runs.py: each key's numbers lie apart from all others', and room that is given up is used again."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.memory.runs import Runs


@given(st.lists(st.dictionaries(st.integers(0, 9), st.integers(0, 4), min_size=1, max_size=4), max_size=30))
def test_runs_never_overlap(changes: list[dict[int, int]]) -> None:
    """Each key finds in a pool what it wrote there last, however often others came, went and changed their length."""
    runs, pool, model, stamp = Runs(), np.zeros(2_000, np.int64), dict[int, list[int]](), 0
    for change in changes:
        runs.reserve(max(change))
        keys, counts = np.array(list(change)), np.array(list(change.values()), np.int32)
        numbers = np.arange(stamp, stamp + counts.sum())
        stamp += len(numbers)
        pool[runs.put(keys, counts)] = numbers
        stops = np.cumsum(counts).tolist()
        model.update(
            {k: numbers[e - c : e].tolist() for k, c, e in zip(keys.tolist(), counts.tolist(), stops, strict=True)}
        )
    keys = np.array(list(model), np.int64)
    places, ends = runs.places(keys)
    found = [pool[places[s:e]].tolist() for s, e in pairwise(ends.tolist())]
    assert list(model.values()) == found
    assert [len(each) for each in model.values()] == runs.counts(keys).tolist()


def test_a_pool_that_changes_all_day_does_not_grow() -> None:
    """Runs of the same lengths in new places take the room of the old ones."""
    runs = Runs(np.array([3, 1, 2], np.int32))
    assert 6 == runs.end
    for _ in range(50):
        runs.put(np.array([0, 1, 2]), np.array([1, 2, 3], np.int32))
        runs.drop(np.array([1]))
        runs.put(np.array([2, 0]), np.array([2, 3], np.int32))
        runs.put(np.array([1]), np.array([1], np.int32))
    assert runs.end <= 12
    assert [3, 1, 2] == runs.counts(np.arange(3)).tolist()
