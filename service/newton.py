"""The minimum of a smooth convex function by Newton's method, each step halved until it helps: for small fits.

Boyd and Vandenberghe 2004, chapter 9.5. A handful of weights that are drawn to a prior never needs more.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

STEPS, PRECISION = 50, 1e-7


def minimum(
    start: Doubles, loss: Callable[[Doubles], float], bends: Callable[[Doubles], tuple[Doubles, Doubles]]
) -> Doubles:
    """Return where `loss` is least, float64 (w,), from `start`.

    bends: returns the slope (w,) and the curvature (w, w), which must be positive definite.
    """
    at, now = start.astype(np.float64), loss(start)
    for _ in range(STEPS):
        slope, curvature = bends(at)
        step = np.linalg.solve(curvature, slope)
        size = 1.0
        while (then := loss(at - size * step)) > now and size > PRECISION:
            size /= 2
        if then > now:
            break
        at, before, now = at - size * step, now, then
        if before - now < PRECISION * max(1.0, abs(now)):
            break
    return at
