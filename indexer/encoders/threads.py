"""Batches encoded side by side: a thread for each core, each with work of its own and none shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

Batch = TypeVar("Batch")
Made = TypeVar("Made")


@cache
def workers() -> int:
    """Return how many threads encode, which is how many torch would have used; torch itself is left with one.

    Threads that share one multiplication wait for each other, five times longer and more when another process wants
    the cores; threads with a batch each do not. OMP_NUM_THREADS sets the number. This holds for the whole process.
    """
    number = torch.get_num_threads()
    torch.set_num_threads(1)
    return number


def side_by_side(work: Callable[[Batch], Made], batches: Sequence[Batch]) -> Iterator[Made]:
    """Yield what `work` makes of each batch, in order, by as many threads as there are cores."""
    number = workers()
    if min(len(batches), number) <= 1:
        yield from map(work, batches)
        return
    pool = ThreadPoolExecutor(number, "encoding")
    try:
        yield from pool.map(work, batches)
    finally:
        pool.shutdown(cancel_futures=True)  # who stops listening, by Ctrl-C say, waits for no further batch
