"""Leave-one-out answers about the index itself -> what turns evidence into probabilities that hold. Pure numpy.

    mixture       evidence -> probability of each category
    reliability   mass of a branch -> how often such a branch is right, by level and branch
    curves        what a threshold would have answered, and how much of it was right

`calibrate` learns all three; `Calibration.apply` is what every question passes through.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from service.calibration.dial import Curve
from service.calibration.reliability import Reliability, expected_error
from service.tags.rules import TagRules
from service.vote.mixture import PRIOR, Doubles, Evidence, Nodes, fit, mixed, prior

VERSION = 2
FOLDS = 2
FLOOR = 0.2
"""Similarity under which everything is far away, before a calibration says better."""
NOVEL = 0.005
"""Share of the stored products, asked about without themselves, that would have been called far from everything."""
NOTHING = Curve((), (), (), 0.0)
"""Of answers of which nothing is known."""
ENOUGH = 100
"""Observations under which nothing is called novel and no threshold is read off."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was heard of n stored products that were asked about without themselves.

    truth: int32 (n,) tree position of each; nearest: float32 (n,) similarity of its nearest labelled neighbour;
    counted: float64 (n,), how much each counts: copies of one listing share one voice.
    """

    evidence: Evidence
    truth: Nodes
    nearest: npt.NDArray[np.float32]
    counted: Doubles

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return several batches as one."""
        evidence = Evidence.joined([each.evidence for each in parts])
        columns = zip(*((each.truth, each.nearest, each.counted) for each in parts), strict=True)
        return cls(evidence, *(np.concatenate(column) for column in columns))

    def counting(self, factor: float | Doubles) -> Self:
        """Return the same, each product counting `factor` times as much."""
        return replace(self, counted=self.counted * factor)

    def __len__(self) -> int:
        """Return the number of products."""
        return len(self.truth)

    def __getitem__(self, rows: npt.NDArray[np.bool_]) -> Self:
        """Return the products of a mask."""
        return type(self)(self.evidence[rows], self.truth[rows], self.nearest[rows], self.counted[rows])


@dataclass(frozen=True, slots=True)
class Probabilities:
    """What is thought of n questions over a tree of some depth.

    nodes: int32 (n, m) candidates, likeliest first, -1 for none; own: float32 (n, m), the probability that the product
    belongs in each itself and nowhere below, summing to at most 1. line: int32 (n, depth) the path of the likeliest,
    from the root, then -1; levels: float32 (n, depth) the calibrated probability that the product belongs at or under
    each node of it, never rising on the way down.
    """

    nodes: Nodes
    own: npt.NDArray[np.float32]
    line: Nodes
    levels: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was learnt about the answers of one index. neighbours and words: chosen for the vote, see `leave_one_out`.

    observations: products asked about, 0 before any calibration; floor: similarity under which everything is far away.
    error: expected calibration error of the leaf before and after the reliability step, cross-fitted. tags: what was
    learnt of the tags. pattern: the views that the questions had from which it was learnt, and views: those that had a
    say on them. others: what was learnt of other kinds of questions, by `key_of` their pattern.
    """

    neighbours: int = 100
    words: float = 2.0
    weights: tuple[float, ...] = PRIOR
    reliability: Reliability = field(default_factory=Reliability)
    curves: Mapping[str, Curve] = field(default_factory=dict)
    floor: float = FLOOR
    observations: int = 0
    accuracy: float = 0.0
    error: tuple[float, float] = (0.0, 0.0)
    tags: TagRules = field(default_factory=TagRules)
    pattern: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    others: Mapping[str, Calibration] = field(default_factory=dict)

    def of(self, pattern: tuple[str, ...]) -> Calibration:
        """Return what was learnt of questions that have these views.

        Where hardly any could be asked, none or fewer than ENOUGH of a catalogue that has more, no answer is sure.
        """
        if not self.pattern or pattern == self.pattern:
            return self
        known = self.others.get(key_of(pattern)) or replace(Calibration(self.neighbours, self.words), pattern=pattern)
        if known.observations and known.observations >= min(ENOUGH, self.observations):
            return known
        return replace(known, curves={"auto": NOTHING, "leaf": NOTHING})

    def replanted(self, places: Nodes) -> Calibration:
        """Return the same for another tree; places: int32, where each node of the tree it was learnt in is, or -1."""
        others = {name: each.replanted(places) for name, each in self.others.items()}
        return replace(self, reliability=self.reliability.replanted(places), others=others)

    def apply(self, evidence: Evidence, lineage: Nodes) -> Probabilities:
        """Return calibrated probabilities; lineage: int32 (N, depth) of the tree."""
        return _applied(evidence, self.mixing(evidence.views), self.reliability, lineage)

    def mixing(self, views: int) -> Doubles:
        """Return the weights of the mixture for evidence of so many views: those learnt, or what is known before."""
        return np.array(self.weights if len(self.weights) == views * len(PRIOR) else prior(views))

    def to_json(self) -> str:
        """Return everything as JSON text."""
        return json.dumps({"version": VERSION, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read `to_json`; raises ValueError naming what is no calibration."""
        try:
            said = json.loads(text)
            if said.pop("version") != VERSION:
                raise ValueError("it was written by another version")
            said["reliability"] = Reliability.read(said["reliability"])
            said["curves"] = {name: Curve.read(curve) for name, curve in said["curves"].items()}
            said["tags"] = TagRules.read(said["tags"])
            said["pattern"], said["views"] = tuple(said["pattern"]), tuple(said["views"])
            others = said["others"].items()
            said["others"] = {name: cls.from_json(json.dumps({"version": VERSION, **each})) for name, each in others}
            said["weights"], said["error"] = tuple(map(float, said["weights"])), tuple(said["error"])
            made = cls(**said)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"this calibration cannot be read ({error}); calibrate the index again") from error
        if len(made.weights) % len(PRIOR) or not np.isfinite(made.weights).all():
            raise ValueError(f"this calibration has weights {made.weights}; calibrate the index again")
        return made


def key_of(pattern: tuple[str, ...]) -> str:
    """Return the name under which a calibration of questions with these views is kept."""
    return "+".join(pattern)


Alone = Sequence[tuple[float, ...] | None]
"""What is known of each view alone, its weights in the mixture; None for one of which nothing is."""


def calibrate(told: Told, new: Told, lineage: Nodes, *, chosen: Calibration, alone: Alone | None = None) -> Calibration:
    """Learn from stored products that were asked about without themselves.

    new: products asked about as if their category were new; only the mixture learns from them. lineage: int32
    (N, depth) of the tree. `chosen` holds what was chosen before. Reliability and curves are learnt from probabilities
    of the other fold, so they are not flattered.
    """
    size, truth, counted = len(told), told.truth, told.counted
    if not size:
        return chosen
    weights = _fitted(told, new, alone)
    levels, nodes, right, part = _cross_fitted(told, new, lineage, alone)
    reliability = Reliability.fit(levels, nodes, right, lineage, counted)
    fold = np.arange(size) % FOLDS
    calibrated = np.zeros_like(levels)
    for each in range(FOLDS):
        rest, here = fold != each, fold == each
        other = Reliability.fit(levels[rest], nodes[rest], right[rest], lineage, counted[rest])
        calibrated[here] = other.apply(levels[here], nodes[here])
    leaf = (nodes >= 0).sum(axis=1) - 1
    rows = np.arange(size)
    exact = right[rows, leaf] & (nodes[rows, leaf] == truth)
    before, after = part * levels[rows, leaf], part * calibrated[rows, leaf]
    enough = size >= ENOUGH
    return replace(
        chosen,
        weights=tuple(weights.tolist()),
        reliability=reliability,
        curves={
            "auto": Curve.of(calibrated, right, counted),
            "leaf": Curve.of(after[:, None], exact[:, None], counted),
        }
        if enough
        else {},
        floor=float(np.quantile(told.nearest, NOVEL)) if enough else FLOOR,
        observations=size,
        accuracy=round(float(np.average(exact, weights=counted)), 4),
        error=(
            round(expected_error(before, exact, counted), 4),
            round(expected_error(after, exact, counted), 4),
        ),
    )


def _fitted(told: Told, new: Told, alone: Alone | None) -> Doubles:
    every = Told.joined([told, new])
    return fit(every.evidence, every.truth, every.counted, alone)


def _cross_fitted(
    told: Told, new: Told, lineage: Nodes, alone: Alone | None
) -> tuple[Doubles, Nodes, npt.NDArray[np.bool_], Doubles]:
    """Return mass, node and rightness of each level of the likeliest path, by the weights of the other fold.

    The last is the part of the deepest level's mass that its category has itself, (n,): 1 for a leaf.
    """
    size, depth = len(told), lineage.shape[1]
    levels, nodes, part = np.zeros((size, depth)), np.full((size, depth), -1, np.int32), np.ones(size)
    fold = np.arange(size) % FOLDS
    for each in range(FOLDS):
        here = fold == each
        found = _applied(told.evidence[here], _fitted(told[~here], new, alone), Reliability(), lineage)
        levels[here], nodes[here] = found.levels, found.line
        end = found.levels[np.arange(len(found.line)), np.maximum((found.line >= 0).sum(axis=1) - 1, 0)]
        part[here] = np.divide(found.own[:, 0], end, out=np.ones_like(end), where=end > 0)
    right = (nodes == lineage[told.truth]) & (nodes >= 0)
    return levels, nodes, right, part


def _applied(evidence: Evidence, weights: Doubles, reliability: Reliability, lineage: Nodes) -> Probabilities:
    share = mixed(evidence, weights)
    rows, size = share.shape
    if not size:
        nothing = np.full((rows, lineage.shape[1]), -1, np.int32)
        return Probabilities(evidence.nodes, share.astype(np.float32), nothing, np.zeros(nothing.shape, np.float32))
    lines = np.where(evidence.nodes[:, :, None] >= 0, lineage[evidence.nodes], -1)
    mass = _masses(share, lines)
    first = _likeliest(share, mass)
    each = np.arange(rows)
    line: Nodes = lines[each, first].astype(np.int32)
    levels, end = reliability.apply(mass[each, first], line), np.maximum((line >= 0).sum(axis=1) - 1, 0)
    branch = mass[each, first, end]  # more than the category's own share where others lie below it
    part = np.divide(share[each, first], branch, out=np.zeros(rows), where=branch > 0)
    own = _consistent(share, first, part * levels[each, end])
    rank = own.copy()
    rank[each, first] = 2
    order = np.argsort(-np.where(evidence.nodes >= 0, rank, -1), axis=1, kind="stable")
    nodes = np.take_along_axis(evidence.nodes, order, axis=1)
    own = np.take_along_axis(own, order, axis=1)
    return Probabilities(nodes, own.astype(np.float32), line, levels.astype(np.float32))


def _masses(share: Doubles, lines: Nodes) -> Doubles:
    """Return the summed share of all candidates under each ancestor of each: float64 (n, m, depth), 0 below its end."""
    mass = np.zeros(lines.shape)
    for level in range(lines.shape[2]):
        here = lines[:, :, level]
        same = (here[:, :, None] == here[:, None, :]) & (here >= 0)[:, :, None]
        mass[:, :, level] = np.einsum("nmc,nc->nm", same, share)
    return mass


def _likeliest(share: Doubles, mass: Doubles) -> npt.NDArray[np.int64]:
    """Return the place of the likeliest candidate under the deepest node that has more than half: int64 (n,).

    So the leaf never contradicts the branch (flipkart_1050: 0.25 points more departments right, leaves as before).
    """
    major = mass > 0.5
    deepest = (major * np.arange(1, mass.shape[2] + 1)).max(axis=2)
    under = deepest == deepest.max(axis=1, keepdims=True)
    best: npt.NDArray[np.int64] = np.where(under, share + 1, share).argmax(axis=1)
    return best


def _consistent(share: Doubles, first: npt.NDArray[np.int64], likely: Doubles) -> Doubles:
    """Give the first place its calibrated probability and share the rest out as before."""
    rows = np.arange(len(share))
    before = share[rows, first]
    left = np.divide(1 - likely, 1 - before, out=np.zeros_like(likely), where=before < 1)
    made: Doubles = share * left[:, None]
    made[rows, first] = np.where(before > 0, likely, 0)
    return made
