"""How answers were received: how many were accepted and overruled, by category, confidence, supplier and day.

Only decisions count that say something of the category: accept, correct, coarser and finer. The acceptance rate is the
share of `accept` among these, the override rate that of the others; what was answered by abstaining cannot be accepted
and is told apart. The interval of a rate is Wilson's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from indexer.store.predictions import EDGES, Group, Predictions, Wanted
from indexer.store.reviews import ACTIONS, OVERRIDES, RIGHT, SETTLING
from service.evaluation.measures import wilson
from service.review.sample import Sampled, sample_of

GROUPS: tuple[Group, ...] = get_args(Group)
CLASSES = [f"{low:g} to {high:g}" for low, high in zip((0.0, *EDGES), (*EDGES, 1.0), strict=True)]
"""The classes of confidence by their place."""
LISTED = 200
"""Values of a group that are told at most."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What was decided about the predictions of one value of a group; actions: how often each."""

    value: str
    actions: Mapping[str, int]

    @property
    def decided(self) -> int:
        """How many decisions said something of the category."""
        return sum(self.actions.get(name, 0) for name in (*RIGHT, *OVERRIDES))

    @property
    def accepted(self) -> int:
        """How many of them said that it was right."""
        return sum(self.actions.get(name, 0) for name in RIGHT)

    def told(self) -> dict[str, Any]:
        """Return it as JSON tells it; rates are null where nothing was decided."""
        many, right = self.decided, self.accepted
        return {
            "value": self.value,
            "decided": many,
            "actions": {name: self.actions.get(name, 0) for name in ACTIONS},
            "acceptance": round(right / many, 6) if many else None,
            "override": round(1 - right / many, 6) if many else None,
            "interval": [round(each, 6) for each in wilson(right, many)],
        }


@dataclass(frozen=True, slots=True)
class Figures:
    """How wanted predictions were received: `kept` of them, `undecided` without a decision, all and by groups.

    abstained: what was decided about those that named no category. sample: what the sample of `auto` answers says.
    """

    kept: int
    undecided: int
    total: Rates
    abstained: Rates
    sample: Sampled
    groups: Mapping[Group, list[Rates]]

    def told(self) -> dict[str, Any]:
        """Return them as JSON tells them."""
        return {
            "kept": self.kept,
            "undecided": self.undecided,
            "total": self.total.told(),
            "abstained": self.abstained.told(),
            "sample": self.sample.told(),
            **{group: [each.told() for each in rates] for group, rates in self.groups.items()},
        }


def figures_of(predictions: Predictions, wanted: Wanted, share: float) -> Figures:
    """Return how the wanted predictions were received; share: of the `auto` answers that are in the sample.

    Of each group the LISTED values with the most decisions are told, in their order: categories and suppliers by how
    many decisions they have, confidences from the lowest, days from the latest.
    """
    every, named = predictions.tally(None, wanted), replace(wanted, named=True)
    abstained = predictions.tally(None, replace(wanted, named=False)).get("", Counter())
    said, kept = every.get("", Counter()), predictions.count(wanted)
    return Figures(
        kept=kept,
        undecided=kept - sum(said[action] for action in SETTLING),
        total=Rates("", said - abstained),
        abstained=Rates("", abstained),
        sample=sample_of(predictions, wanted, share),
        groups={group: _rates(group, predictions.tally(group, named)) for group in GROUPS},
    )


def _rates(group: Group, tally: Mapping[str, Counter[str]]) -> list[Rates]:
    found = [Rates(value, actions) for value, actions in tally.items()]
    if group == "confidence":
        return [replace(each, value=CLASSES[int(each.value)]) for each in sorted(found, key=lambda each: each.value)]
    if group == "day":
        return sorted(found, key=lambda each: each.value, reverse=True)[:LISTED]
    return sorted(found, key=lambda each: (-each.decided, each.value))[:LISTED]
