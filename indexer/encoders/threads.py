"""How many threads encode: one for each core, each with work of its own and none shared."""

from __future__ import annotations

from functools import cache

import torch


@cache
def workers() -> int:
    """Return how many threads encode, which is how many torch would have used; torch itself is left with one.

    Threads that share one multiplication wait for each other, five times longer and more when another process wants
    the cores; threads with a batch each do not. OMP_NUM_THREADS sets the number. This holds for the whole process.
    """
    number = torch.get_num_threads()
    torch.set_num_threads(1)
    return number
