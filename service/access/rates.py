"""How often a caller may ask: a bucket of requests that fills as fast as they are allowed (a token bucket).

Buckets are in the memory of one process. Several services of one index allow as many requests each.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

WINDOW = 60
"""Seconds that a rate is told for."""
MOST = 10_000
"""Buckets that are kept; full ones are forgotten beyond."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Whether a request is allowed. quota, window: requests in that many seconds. left: requests that could follow now.

    reset: seconds until the whole quota is there again. wait: seconds until the next request is allowed.
    """

    allowed: bool
    quota: int
    window: int
    left: int
    reset: int
    wait: int


class Rates:
    """The buckets of callers by their ids; not to be used by two threads at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, window: int = WINDOW) -> None:
        self._clock = clock
        self._window = window
        self._buckets: dict[str, tuple[float, float]] = {}  # id -> what was left, when

    def take(self, caller: str, quota: int) -> Allowance:
        """Count one request of a caller who may make `quota` of them in a window, all at once if they like."""
        left, now = self._left(caller, quota)
        allowed = left >= 1
        if allowed:
            left -= 1
        self._buckets[caller] = left, now
        pace = self._window / quota
        wait = 0 if allowed else max(1, math.ceil((1 - left) * pace))
        return Allowance(allowed, quota, self._window, int(left), math.ceil((quota - left) * pace), wait)

    def _left(self, caller: str, quota: int) -> tuple[float, float]:
        now = self._clock()
        if len(self._buckets) >= MOST and caller not in self._buckets:
            self._buckets = {name: (left, at) for name, (left, at) in self._buckets.items() if now - at < self._window}
            if len(self._buckets) >= MOST:
                del self._buckets[next(iter(self._buckets))]
        left, at = self._buckets.get(caller, (float(quota), now))
        return min(float(quota), left + (now - at) * quota / self._window), now
