"""indexer/memory/tuning.py: an index that grew searches more widely by itself, beside searches and changes."""

from __future__ import annotations

import threading
from contextlib import nullcontext

import numpy as np

from indexer.memory.sharing import SharedLock
from indexer.memory.tuning import Tuner
from indexer.vectors import VectorIndex, Vectors, build

DIM = 16


def spread(count: int, seed: int) -> Vectors:
    """Return unit rows without clusters."""
    rows = np.random.default_rng(seed).standard_normal((count, DIM))
    made: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return made


def outgrown() -> VectorIndex:
    """Return an index that was built from a sixth of what it holds."""
    index = build("ivf", DIM, np.arange(1_000), spread(1_000, 1))
    index.upsert(np.arange(1_000, 6_000), spread(5_000, 2))
    return index


def test_what_was_outgrown_is_retuned_once() -> None:
    """In a thread; what was not is left alone, and who asks again begins nothing new."""
    index, even = outgrown(), build("exact", DIM, np.arange(5), spread(5, 0))
    tuner = Tuner(nullcontext)
    tuner.tend([even, index])
    tuner.wait()
    assert (6_000, False) == (index.parameters["tuned_at"], index.outgrown)
    assert float(index.parameters["recall"]) >= 0.95
    before = dict(index.parameters)
    tuner.tend([even, index])
    tuner.wait()
    assert before == dict(index.parameters)
    assert {} == even.parameters


def test_an_index_is_changed_while_it_is_measured() -> None:
    """Upserts and searches find the lock open in between, and what came meanwhile is found."""
    index, lock = outgrown(), SharedLock()
    tuner = Tuner(lock.reading)
    tuner.tend([index])
    added = spread(50, 3)
    for place in range(50):
        with lock.changing():
            index.upsert(np.array([9_000 + place]), added[place : place + 1])
        with lock.reading():
            assert [[9_000 + place]] == index.search(added[place : place + 1], 1).keys.tolist()
    tuner.wait()
    assert not index.outgrown


def test_it_stops_when_it_is_told_to() -> None:
    """Within a moment, in the middle of a measurement, and begins nothing afterwards."""
    index, inside, going = outgrown(), threading.Event(), threading.Event()

    class Slow:
        def __enter__(self) -> None:
            inside.set()
            going.wait(60)

        def __exit__(self, *_: object) -> None:
            pass

    tuner = Tuner(Slow)
    tuner.tend([index])
    assert inside.wait(60)
    threading.Timer(0.05, going.set).start()
    tuner.stop()
    assert index.outgrown
    tuner.tend([index])
    tuner.wait()
    assert index.outgrown
