"""The decider: from what two products have in common to a verdict, with a probability that can be believed.

    features -> forest `same`    -> calibrated -> probability that both are the same product
             -> forest `variant` -> calibrated -> of those that are not, that they are variants of one

A default is shipped (`decider.json`, learnt by `training`); an index may have its own, learnt from what people decided.
Rules stand above it: content that is equal is identical, and one picture under two unlike products is told as that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from service.duplicates.verdicts.comparison import COLUMN, FEATURES, VARIED
from service.duplicates.verdicts.forest import Forest
from service.duplicates.verdicts.verdict import (
    DIFFERENT,
    IDENTICAL,
    PICTURE_BITS,
    SAME,
    SAME_PICTURE,
    VARIANT,
    Codes,
    Floats,
)

FORMAT = 1
SHIPPED = Path(__file__).with_name("decider.json")
FACT = "decider"
"""Name of the fact in the record store under which an index keeps its own."""

ONE_ARTICLE, CERTAIN = 0.97, 0.999
"""Least probability of what has one GTIN and no contradiction, and of what is identical."""


IDENTIFYING = {"gtin": (4.0, -4.0), "mpn": (1.5, -1.0)}
VARYING = {
    "size": (0.0, -2.0),
    "colour": (0.0, -1.5),
    "pack": (0.0, -1.5),
    "audience": (0.0, -1.5),
    "side": (0.0, -2.0),
    "medium": (0.0, -1.5),
    "memory": (0.0, -1.5),
    "volume": (0.0, -1.0),
}
"""What is added to the logit of `same product` where both agree, and where they contradict each other. The forest
learnt from too few pairs with article numbers, and what varies counts in any catalogue. What is the same but for one
that varies is a variant."""
TELLING = {
    **dict.fromkeys(("edition_alone", "accessory_alone", "pack_alone", "numbers_apart", "short_apart"), 0.0),
    "model_apart": 0.5,
    "exchanged": 0.25,
}
UNLIKE = ("edition_alone", "accessory_alone", "numbers_apart", "short_apart")
ONE_SERIES = 0.6
"""Likeness of two model numbers of one series, from which the sizes of an article have their own."""
APART, FEW_WORDS, NEAR_WORDS = -2.0, 2, 0.5
"""What is added to the logit of two titles that say the same but for what tells articles apart (TELLING, quantities):
of one of them, so many words at most are not in the other, and so much of the shorter one is, by weight. Labelled
sets hardly have such pairs."""
MISUSED, ALIKE = -1.0, 0.4
"""Logit at most of two that share a GTIN, but no word, and whose texts are less alike than this: one has another's."""
FAMILY_WORDS, FAMILY_SHARE = 0.7, 0.8
"""From what share of the words of the shorter title, which the other has too, two products are of one family when what
varies is contradicted and nothing else is; and how likely they are variants then, unless they are the same."""


class OutdatedDecider(ValueError):
    """A decider that another version of aisle has learnt, which compares products otherwise."""


class Decided(NamedTuple):
    """What was decided of n pairs: verdicts, and the probabilities of `same product` and `variant`, (n,) each."""

    verdicts: Codes
    same: Floats
    variant: Floats


@dataclass(frozen=True, slots=True)
class Head:
    """One question that a forest answers. slope, intercept: from its score to the logit of a probability (Platt 1999).

    correction: float32 (FEATURES + 1,), what an index learnt from its people's decisions: weights of features, then a
    constant, added to that logit; zeros without.
    """

    forest: Forest
    slope: float = 1.0
    intercept: float = 0.0
    correction: Floats | None = None

    def logits(self, features: Floats) -> Floats:
        """Return float32 (n,), the logits of the probabilities."""
        made = self.slope * self.forest.scores(features) + self.intercept
        if self.correction is not None:
            made = made + np.nan_to_num(features) @ self.correction[:-1] + self.correction[-1]
        return made.astype(np.float32)

    def probabilities(self, features: Floats) -> Floats:
        """Return float32 (n,)."""
        return sigmoid(self.logits(features))


@dataclass(frozen=True, slots=True)
class Decider:
    """Decides pairs by their features. same, variant: the two questions. taught: decisions of people it learnt from."""

    same: Head
    variant: Head
    taught: int = 0

    def decide(self, features: Floats, equal: npt.NDArray[np.bool_], logits: Floats | None = None) -> Decided:
        """Return what is decided of pairs with features float32 (n, FEATURES). equal: bool (n,), of equal content.

        logits: those of `same`, float32 (n,), where they are known already.
        """
        known = self.same.logits(features) if logits is None else logits
        score: Floats = (known + _shifts(features, IDENTIFYING) + APART * _apart(features)).astype(np.float32)
        misused = _misused(features)
        score[misused] = np.minimum(score[misused], MISUSED)
        same, but_for = sigmoid(score + _shifts(features, VARYING)), sigmoid(score)
        same = np.where(_one_article(features) & ~misused, np.maximum(same, ONE_ARTICLE), same)
        share = np.maximum(self.variant.probabilities(features), FAMILY_SHARE * _families(features))
        variant = np.maximum((1 - same) * share, but_for - same)
        variant = np.where(_other_maker(features) | (_unlike(features) & ~_varies(features)), 0, variant)
        differing = np.any(features[:, [COLUMN["gtin"], COLUMN["mpn"]]] == -1, axis=1)
        equal = equal & ~differing
        same = np.where(equal, np.maximum(same, CERTAIN), same)
        variant = np.minimum(variant, 1 - same)
        verdicts = np.where(same >= 0.5, SAME, np.where(variant >= (1 - same) / 2, VARIANT, DIFFERENT))
        pictured = (verdicts == DIFFERENT) & (features[:, COLUMN["picture_bits"]] <= PICTURE_BITS)
        verdicts = np.where(equal, IDENTICAL, np.where(pictured, SAME_PICTURE, verdicts))
        return Decided(verdicts.astype(np.int8), same.astype(np.float32), variant.astype(np.float32))

    def to_json(self) -> str:
        """Return it as text."""
        said = {"format": FORMAT, "features": list(FEATURES), "taught": self.taught}
        for name, head in (("same", self.same), ("variant", self.variant)):
            said[name] = {
                "slope": round(head.slope, 6),
                "intercept": round(head.intercept, 6),
                "correction": [] if head.correction is None else [round(each, 6) for each in head.correction.tolist()],
                "forest": head.forest.as_lists(),
            }
        return json.dumps(said, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what `to_json` wrote; raises ValueError for what is none, OutdatedDecider for other features."""
        said = json.loads(text)
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise ValueError(f"the decider is not of format {FORMAT}")
        if said.get("features") != list(FEATURES):
            raise OutdatedDecider("the decider was learnt from other features than this aisle has")
        return cls(_head(said.get("same")), _head(said.get("variant")), int(said.get("taught", 0)))

    def taught_by(self, same: Floats, variant: Floats, decisions: int) -> Self:
        """Return it corrected by what was learnt from decisions: float32 (FEATURES + 1,) each."""
        return replace(
            self,
            same=replace(self.same, correction=same),
            variant=replace(self.variant, correction=variant),
            taught=decisions,
        )


def _shifts(features: Floats, by: Mapping[str, tuple[float, float]]) -> Floats:
    """Return what is added to the logits of pairs, float32 (n,)."""
    made = np.zeros(len(features), np.float32)
    for name, (agreed, contradicted) in by.items():
        column = features[:, COLUMN[name]]
        made += np.float32(agreed) * (column == 1) + np.float32(contradicted) * ((column == -1) + (column == 0) / 2)
    return made


def _one_article(features: Floats) -> npt.NDArray[np.bool_]:
    """Return which pairs have one GTIN while nothing that names an article or varies is contradicted: bool (n,)."""
    against = np.any(features[:, [COLUMN[name] for name in ("mpn", "brand", *VARYING)]] == -1, axis=1)
    made: npt.NDArray[np.bool_] = (features[:, COLUMN["gtin"]] == 1) & ~against
    return made


def _misused(features: Floats) -> npt.NDArray[np.bool_]:
    """Return which pairs have one GTIN and nothing else in common, so that one of them has another's: bool (n,)."""
    unlike = (features[:, COLUMN["overlap"]] <= 0) & ~(features[:, COLUMN["text"]] >= ALIKE)
    made: npt.NDArray[np.bool_] = (features[:, COLUMN["gtin"]] == 1) & unlike
    return made


def _other_maker(features: Floats) -> npt.NDArray[np.bool_]:
    """Return which pairs have two brands, neither of which the other names: bool (n,)."""
    made: npt.NDArray[np.bool_] = (features[:, COLUMN["brand"]] == -1) & (features[:, COLUMN["brand_named"]] == -1)
    return made


def _apart(features: Floats) -> npt.NDArray[np.bool_]:
    """Return which pairs have titles that say the same but for what tells articles apart: bool (n,)."""
    near = (features[:, COLUMN["words_fewer"]] <= FEW_WORDS) & (features[:, COLUMN["containing"]] >= NEAR_WORDS)
    made: npt.NDArray[np.bool_] = near & np.any(_telling(features, *TELLING, "quantities_unmet"), axis=1)
    return made


def _telling(features: Floats, *names: str) -> npt.NDArray[np.bool_]:
    """Return which of what tells articles apart does so: bool (n, names)."""
    made: npt.NDArray[np.bool_] = features[:, [COLUMN[name] for name in names]] > [
        TELLING.get(name, 0) for name in names
    ]
    return made


def _varies(features: Floats) -> npt.NDArray[np.bool_]:
    """Return which pairs contradict each other in what varies, wholly or in part: bool (n,)."""
    made: npt.NDArray[np.bool_] = np.any(features[:, [COLUMN[name] for name in VARIED]] <= 0, axis=1)
    return made | (features[:, COLUMN["pack_alone"]] > 0)


def _unlike(features: Floats) -> npt.NDArray[np.bool_]:
    """Return which pairs differ in what no variants of one article differ in: bool (n,).

    Models of one maker that are alike are those of sizes or colours, where sizes or colours differ.
    """
    telling = np.any(_telling(features, *UNLIKE), axis=1)
    codes = (features[:, COLUMN["model_apart"]] == 1) & ~(
        _varies(features) & (features[:, COLUMN["codes_ratio"]] >= ONE_SERIES)
    )
    works = (features[:, COLUMN["medium"]] == 1) & _telling(features, "exchanged")[:, 0]  # two books, two games
    made: npt.NDArray[np.bool_] = telling | codes | works
    return made


def _families(features: Floats) -> npt.NDArray[np.bool_]:
    """Return which pairs are one article but for what varies, as people would say: bool (n,)."""
    unlike = _unlike(features) | (features[:, COLUMN["brand"]] == -1)
    made: npt.NDArray[np.bool_] = _varies(features) & ~unlike & (features[:, COLUMN["containing"]] >= FAMILY_WORDS)
    return made


def _head(said: Any) -> Head:  # noqa: ANN401  # JSON
    if not isinstance(said, Mapping):
        raise ValueError("the decider lacks one of its two questions")
    slope, intercept = float(said["slope"]), float(said["intercept"])
    correction = np.array(said.get("correction") or np.zeros(0), np.float32)
    if len(correction) not in {0, len(FEATURES) + 1} or not np.isfinite([slope, intercept, *correction.tolist()]).all():
        raise ValueError("the decider has numbers that are none, or not one for each feature")
    forest = Forest.from_lists(said["forest"], len(FEATURES))
    return Head(forest, slope, intercept, correction if len(correction) else None)


@cache
def shipped() -> Decider:
    """Return the decider that comes with aisle."""
    return Decider.from_json(SHIPPED.read_text(encoding="utf-8"))


def sigmoid(logits: Floats) -> Floats:
    """Return the probabilities of logits."""
    made: Floats = (1 / (1 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)
    return made
