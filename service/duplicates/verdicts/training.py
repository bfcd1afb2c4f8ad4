"""What a decider learns: how its scores become probabilities, and what its own index's people say differently.

calibrated   scores of pairs it did not learn from -> slope and intercept of their probabilities
taught       the same for all that people decided, kept in the record store of the index
retrained    pairs that people decided -> a correction to the shipped decider, small as long as they are few
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from indexer.errors import SettingError
from indexer.vectors import Keys
from service.duplicates.standing.said import settled_of
from service.duplicates.verdicts.comparison import FEATURES
from service.duplicates.verdicts.decider import FACT, Decider, Head, sigmoid
from service.duplicates.verdicts.judging import Judging
from service.duplicates.verdicts.verdict import VERDICTS, Floats, Verdict

PRIOR = 20.0
"""How firmly the shipped decider stands: the precision of the prior on each weight of the correction."""
STEPS = 50
_SCALES = {"picture_bits": 16.0, "specs_common": 8.0}
"""Sizes of the features that are not about 1."""

Doubles = npt.NDArray[np.float64]


def calibrated(head: Head, features: Floats, truth: npt.NDArray[np.bool_], weights: Doubles | None = None) -> Head:
    """Return a head whose probabilities fit pairs that its forest did not learn from (Platt 1999)."""
    scores = head.forest.scores(features).astype(np.float64)
    many = truth.sum(), (~truth).sum()
    aims = np.where(truth, (many[0] + 1) / (many[0] + 2), 1 / (many[1] + 2))
    inputs = np.stack([scores, np.ones_like(scores)], axis=1)
    start = np.array([1.0, 0.0])
    slope, intercept = _fitted(
        inputs, aims, np.zeros(len(scores)), prior=np.full(2, 1e-3), weights=weights, start=start
    )
    return replace(head, slope=float(slope), intercept=float(intercept))


def retrained(
    judging: Judging, left: Keys, right: Keys, verdicts: Sequence[Verdict], *, prior: float = PRIOR
) -> Decider:
    """Return the decider of `judging` corrected by pairs of stored products that a person judged: int64 (n,) keys each.

    The correction is linear in the features and added to the logits; a normal prior of precision `prior` holds each of
    its weights near 0, so that few decisions change little. It is learnt from it without its own correction: give
    all decisions each time. Keep it with `records.set_fact(FACT, decider.to_json())`.
    """
    base = judging.decider
    features, _ = judging.compared(left, right)
    same = np.array([verdict in {"identical", "same product"} for verdict in verdicts], bool)
    variant = np.array([verdict == "variant" for verdict in verdicts], bool)
    return base.taught_by(
        _correction(base.same, features, same, prior),
        _correction(base.variant, features[~same], variant[~same], prior),
        len(verdicts),
    )


def taught(judging: Judging) -> Counter[str]:
    """Teach the decider of an index all that people decided about its stored pairs, keep it, and count them by verdict.

    Raises SettingError when nobody has decided anything.
    """
    said = settled_of(judging.live)
    pairs = said.left != said.right
    verdicts = [VERDICTS[code] for code in said.verdicts[pairs].tolist()]
    if not verdicts:
        raise SettingError("nobody has decided about a pair of stored products yet; there is nothing to learn from")
    with judging.live.reading():
        learnt = retrained(judging, said.left[pairs], said.right[pairs], verdicts)
    judging.live.records.set_fact(FACT, learnt.to_json())
    return Counter(verdicts)


def _correction(head: Head, features: Floats, truth: npt.NDArray[np.bool_], prior: float) -> Floats:
    """Return what to add to a head's logits: float32 (FEATURES + 1,), weights and a constant."""
    if not len(truth):
        return np.zeros(len(FEATURES) + 1, np.float32)
    scale = np.array([_SCALES.get(name, 1.0) for name in FEATURES] + [1.0])
    inputs = np.concatenate([np.nan_to_num(features), np.ones((len(features), 1), np.float32)], axis=1) / scale
    offset = replace(head, correction=None).logits(features).astype(np.float64)
    start = np.zeros(len(scale))
    weights = _fitted(inputs, truth.astype(np.float64), offset, prior=start + prior, weights=None, start=start)
    made: Floats = (weights / scale).astype(np.float32)
    return made


def _fitted(
    inputs: Doubles, aims: Doubles, offset: Doubles, *, prior: Doubles, weights: Doubles | None, start: Doubles
) -> Doubles:
    """Return the weights of a logistic regression held near `start` by `prior`, by Newton's steps.

    A step is halved while it makes things worse.
    """
    given = np.ones(len(aims)) if weights is None else weights
    made = start.copy()

    def loss(some: Doubles) -> float:
        logits = inputs @ some + offset
        return float(given @ (np.logaddexp(0, logits) - aims * logits) + prior @ (some - start) ** 2 / 2)

    best = loss(made)
    for _ in range(STEPS):
        likely = sigmoid((inputs @ made + offset).astype(np.float32)).astype(np.float64)
        gradient = inputs.T @ (given * (likely - aims)) + prior * (made - start)
        curve = (inputs * (given * likely * (1 - likely))[:, None]).T @ inputs + np.diag(prior)
        step = np.linalg.solve(curve, gradient)
        while (now := loss(made - step)) > best and np.abs(step).max() > 1e-9:
            step = step / 2
        if best - now < 1e-9:
            break
        made, best = made - step, now
    return made
