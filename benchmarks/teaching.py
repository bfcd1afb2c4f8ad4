"""What the decider that aisle ships learns from, and how much each set of pairs weighs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from benchmarks.growing import grown, grown_together, untaught
from benchmarks.paired import CONTRASTS, RELISTED, Pairs
from service.duplicates.verdicts.comparison import AGREEING, RIVAL
from service.duplicates.verdicts.decider import Decider
from service.duplicates.verdicts.training import calibrated

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Hits = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.int64]

RISING = (
    *("text", "image", "words", "overlap", "contained", "containing", "ratio", "sorted_ratio", "set_ratio"),
    *("model_shared", "model_known", "codes_ratio", "numbers_shared", "quantities_shared", "quantities_known"),
    *("brand_named", "specs_equal", "price_ratio", "rival_worse", "rival_better", *AGREEING),
)
FALLING = (
    *("missing", "missing_both", "model_apart", "numbers_apart", "quantities_apart"),
    *("quantities_unknown", "words_fewer", "exchanged", "edition_alone", "accessory_alone", "pack_alone"),
    *("quantities_unmet", "short_apart"),
    *("rivals_more", "rivals_fewer", "picture_bits"),
)
"""Features that only speak for, and against, two products being the same, whatever the sets say."""
SAME_SHARE, SAME_CONTRASTS, VARIANT_SHARE = 0.16, 0.4, 0.3
"""Share of pairs that are the same in each set, and of the others that are variants, as they are weighed."""
SHARES = {"pricerunner_35k": 0.15, "er_tvs_1624": 0.5, RELISTED: 0.6, CONTRASTS: 0.05}
"""How much sets weigh beside the others."""
BLIND, LONE = 0.25, 0.1
"""Weights of pairs that are learnt from again: without what rivals say, and as if none were nearer."""


def taught(some: Sequence[Pairs], calibrating: Sequence[Pairs], *, cautious: bool = True) -> Decider:
    """Return a decider that learnt from the pairs of some sets, each set as weighty as any other.

    cautious: for catalogues of any kind, and not those of these sets alone.
    """
    learnt, weights = _joined(some, cautious=cautious)
    held, counts = _joined(calibrating)
    rising, falling = (RISING, FALLING) if cautious else ((), ())
    same = grown_together(learnt.features, learnt.same, weights, rising=rising, falling=falling)
    same = calibrated(same, held.features, held.same, counts)
    rows, kept = (~each.same & ~np.isnan(each.variant) for each in (learnt, held))
    if not (learnt.variant[rows] == 1).any():
        return Decider(same, untaught().variant)
    weights, counts = (
        each[some] * _balanced(pairs.variant[some] == 1, VARIANT_SHARE)
        for each, pairs, some in ((weights, learnt, rows), (counts, held, kept))
    )
    variant = grown(learnt.features[rows], learnt.variant[rows] == 1, weights, trees=60, leaves=8)
    variant = calibrated(variant, held.features[kept], held.variant[kept] == 1, counts)
    return Decider(same, variant)


def _joined(some: Sequence[Pairs], *, cautious: bool = False) -> tuple[Pairs, Doubles]:
    """Return the pairs of sets, and weights by which each set counts the same.

    If cautious, pairs come again without what rivals say, and those that are not the same as if no rival were nearer,
    both with less weight: in a catalogue without any duplicate each product has one that is nearest.
    """
    pieces, weights = [], []
    for each in some:
        one = SHARES.get(each.name, 1.0) * _balanced(
            each.same, SAME_CONTRASTS if each.name == CONTRASTS else SAME_SHARE
        )
        pieces.append(each)
        weights.append(one)
        if cautious:
            blind, lone = each.features.copy(), each.features.copy()
            blind[:, RIVAL], lone[:, RIVAL] = np.nan, 0
            pieces += [replace(each, features=blind), replace(each, features=lone)]
            weights += [one * BLIND, np.where(each.same, 0, one * LONE)]
    fields = ("features", "equal", "same", "variant", "part")
    joined = [np.concatenate([getattr(piece, name) for piece in pieces]) for name in fields]
    return Pairs("", *joined), np.concatenate(weights)


def _balanced(truth: Hits, share: float) -> Doubles:
    """Return weights by which what is true has a share of 10,000 in all."""
    made: Doubles = 10_000 * np.where(truth, share / max(1, truth.sum()), (1 - share) / max(1, (~truth).sum()))
    return made


def default(every: Mapping[str, Pairs], without: str = "") -> Decider:
    """Return the decider that learns from all sets but one."""
    some = [pairs for name, pairs in every.items() if name != without]
    return taught([each.of("train") for each in some], [each.of("valid") for each in some])
