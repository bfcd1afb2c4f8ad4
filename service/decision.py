"""From calibrated probabilities to a decision: how deep an answer dares to go, and in words why. Pure numpy.

Every threshold of the decision stands here and in `service/calibration/dial.py`; docs/decision.md explains them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from service.calibration.calibrate import Calibration, Probabilities
from service.calibration.dial import UNCALIBRATED, Policy

Decision = Literal["auto", "suggest", "abstain"]
KINDS: tuple[Decision, ...] = ("auto", "suggest", "abstain")
AUTO, SUGGEST, ABSTAIN = range(3)

HALF = 0.5
"""A category is suggested when it is likelier than not."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided about n questions.

    node: int32 (n,) tree position or -1; likely: float32 (n,) its calibrated probability; kind: int8 (n,), a place in
    KINDS; novel: bool (n,), far from everything known. threshold: float or None, what `auto` asked for.
    """

    node: npt.NDArray[np.int32]
    likely: npt.NDArray[np.float32]
    kind: npt.NDArray[np.int8]
    novel: npt.NDArray[np.bool_]
    threshold: float | None


def threshold(calibration: Calibration, precision: float, policy: Policy) -> float | None:
    """Return the probability from which an answer is `auto`: None when no threshold is known to be that precise."""
    curve = calibration.curves.get("leaf" if policy == "leaf" else "auto")
    return max(UNCALIBRATED, precision) if curve is None else curve.threshold(precision)


def decide(
    found: Probabilities,
    nearest: npt.NDArray[np.float32],
    calibration: Calibration,
    *,
    precision: float,
    policy: Policy,
) -> Decided:
    """Decide on a node for each question; nearest: float32 (n,), similarity of the nearest labelled neighbour, or -1.

    auto: the deepest node that reaches the threshold of the precision; else `suggest` the deepest likelier than not;
    else abstain. leaf: the likeliest leaf, `auto` where it reaches its own threshold, `suggest` otherwise. coverage:
    as auto, but what would abstain suggests the likeliest root. Without any candidate, and under the policy `auto`
    where everything known is far away, the decision is to abstain.
    """
    wanted = threshold(calibration, precision, policy)
    rows, ends = np.arange(len(found.line)), (found.line >= 0).sum(axis=1)
    empty = ends == 0
    novel = (nearest < calibration.floor) & ~empty
    sure = _deepest(found.levels, wanted) if wanted is not None else np.full(len(rows), -1)
    likely = _deepest(found.levels, HALF)
    if policy == "leaf":
        deep = ends - 1
        own = found.own[:, 0] if found.own.shape[1] else np.zeros(len(rows))
        kind = np.where(own >= (2 if wanted is None else wanted), AUTO, SUGGEST)
    else:
        deep = np.where(sure >= 0, sure, likely)
        kind = np.where(sure >= 0, AUTO, np.where(likely >= 0, SUGGEST, ABSTAIN))
        if policy == "coverage":
            kind, deep = np.where(kind == ABSTAIN, SUGGEST, kind), np.maximum(deep, 0)
    kind = np.where(empty | (novel & (policy == "auto")), ABSTAIN, np.where(novel, SUGGEST, kind))
    deep = np.clip(deep, 0, found.line.shape[1] - 1)
    named = kind != ABSTAIN
    node = np.where(named, found.line[rows, deep], -1).astype(np.int32)
    return Decided(
        node, np.where(named, found.levels[rows, deep], 0).astype(np.float32), kind.astype(np.int8), novel, wanted
    )


def reason(decided: Decided, found: Probabilities, row: int, *, precision: float, nearest: float) -> str:
    """Return one sentence: why this decision."""
    likely, kind = float(decided.likely[row]), int(decided.kind[row])
    if decided.novel[row]:
        return f"far from everything known: the nearest labelled product has similarity {nearest:.2f}"
    if kind == ABSTAIN:
        best = float(found.levels[row, 0]) if found.levels.shape[1] else 0.0
        return f"no category is likelier than not: the best root has probability {best:.2f}"
    if decided.threshold is None:
        return f"right with probability {likely:.2f}; no threshold of this index is known to reach {precision:g}"
    return f"right with probability {likely:.2f}; a precision of {precision:g} asks for {decided.threshold:.2f}"


def _deepest(levels: npt.NDArray[np.float32], least: float) -> npt.NDArray[np.int64]:
    """Return the depth, from 0, of the deepest node that is as likely as `least`; -1 where none is."""
    deep: npt.NDArray[np.int64] = ((levels >= least) & (levels > 0)).sum(axis=1) - 1
    return deep
