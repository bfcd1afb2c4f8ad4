"""Growing the forests of the decider: gradient boosting by scikit-learn, taken out of it as plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier

from service.duplicates.verdicts.comparison import COLUMN, FEATURES
from service.duplicates.verdicts.decider import Decider, Head
from service.duplicates.verdicts.forest import Forest, side_by_side

Floats = npt.NDArray[np.float32]
MOST = 1e30
"""In place of a threshold that is infinite, which parts the missing from all others."""
Doubles = npt.NDArray[np.float64]
Hits = npt.NDArray[np.bool_]


def grown(
    features: Floats,
    truth: Hits,
    weights: Doubles | None = None,
    *,
    rising: Sequence[str] = (),
    falling: Sequence[str] = (),
    trees: int = 100,
    leaves: int = 8,
    rate: float = 0.08,
    columns: float = 0.25,
    seed: int = 0,
) -> Head:
    """Return a forest that tells which pairs are true. rising, falling: features that only speak for it, or against."""
    inputs = np.where(np.isnan(features).all(axis=0), 0, features)  # a column without any value cannot be cut
    way = np.zeros(len(FEATURES), np.int8)
    way[[COLUMN[name] for name in rising]] = 1
    way[[COLUMN[name] for name in falling]] = -1
    model = HistGradientBoostingClassifier(
        max_iter=trees,
        learning_rate=rate,
        max_leaf_nodes=leaves,
        min_samples_leaf=20,
        l2_regularization=5.0,
        max_features=columns,
        monotonic_cst=way,
        early_stopping=False,
        random_state=seed,
    ).fit(inputs, truth, weights)
    return Head(forest_of(model))


def grown_together(features: Floats, truth: Hits, weights: Doubles, *, many: int = 2, **how: Any) -> Head:
    """Return the mean of some forests, each grown with another seed: it varies less from one training to the next."""
    forests = [grown(features, truth, weights, seed=seed, **how).forest for seed in range(many)]
    wide = max(each.feature.shape[1] for each in forests)

    def stacked(name: str) -> npt.NDArray[Any]:
        every = [getattr(each, name) for each in forests]
        return np.concatenate([np.pad(some, ((0, 0), (0, wide - some.shape[1]))) for some in every])

    arrays = {name: stacked(name) for name in ("feature", "threshold", "missing_left", "left", "right", "value")}
    arrays["value"] = arrays["value"] / np.float32(many)
    return Head(Forest(sum(each.base for each in forests) / many, max(each.depth for each in forests), **arrays))


def forest_of(model: Any) -> Forest:
    """Return a fitted HistGradientBoostingClassifier of two classes as a forest: equal scores, up to float32."""
    trees = [
        [
            {"value": float(node["value"])}
            | (
                {}
                if node["is_leaf"]
                else {
                    "feature": int(node["feature_idx"]),
                    "threshold": float(np.clip(np.float32(node["num_threshold"]), -MOST, MOST)),
                    "missing_left": bool(node["missing_go_to_left"]),
                    "left": int(node["left"]),
                    "right": int(node["right"]),
                }
            )
            for node in tree[0].nodes
        ]
        for tree in model._predictors  # noqa: SLF001  # there is no other way to its trees
    ]
    return side_by_side(trees, float(model._baseline_prediction.item()))  # noqa: SLF001


def untaught() -> Decider:
    """Return a decider that takes any two products for the same or not with equal probability: to compare with."""
    head = Head(side_by_side([[{"value": 0.0}]], 0.0))
    return Decider(head, head)
