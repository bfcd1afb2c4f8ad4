"""From what names a tag and who carries it to a probability, and from that to the tags that are given. Pure numpy.

    log-odds(tag) = weights . (1, share, root of share, log-odds of being named as it is)

A logistic line that all tags share; how far a tag's own name in a text can be believed is each tag's own, drawn to all
tags' together. A tag is given from its threshold on: the best for F1, per tag where it is carried often enough. Beside
a likelier tag that it is hardly ever carried with, as men with women, a tag's odds fall by how much more seldom that is
than by chance: both are given only where both are said beyond doubt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from service.newton import minimum
from service.tags.voted import Numbers, Voted
from service.tags.words import LEVELS, UNNAMED, Named

Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

WEIGHTS = (-4.5, 8.0, 5.0, 0.7)
ODDS = (-4.0, -3.0, -1.0, 1.0)
THRESHOLD = 0.4
"""What holds before anything was learnt: about the middle of what was on magento_luma and shopify_demo_1600."""

DRAWN = 2.0
"""Observations that all tags together are worth to what is known of one tag's name."""
PSEUDO = 40.0
"""Carriers that all tags together are worth to one tag's threshold."""
GRID = np.round(np.arange(0.1, 0.9, 0.02), 2)
SMOOTH = 0.06
"""How far around a threshold its F1 is averaged (deviation of a normal curve): the best for a few products is a peak of
chance, which the next refit finds elsewhere. docs/ablations.md has what it gains."""
PULL = 1.0
"""Observations that WEIGHTS are worth to what is learnt."""
SELDOM, EXPECTED, OFTEN = 0.02, 5.0, 10
"""Two tags conflict when each is on OFTEN products or more, EXPECTED or more would by chance carry both, and under a
fiftieth of the products of the rarer do."""
COMMONEST = 2_000
"""Tags that are compared, each with each, at most: 32 MB a table."""
CONFLICTS = 20_000
Conflict = tuple[str, str, float]
"""Two tags, and how much the log-odds of the one fall beside the other."""


@dataclass(frozen=True, slots=True)
class TagRule:
    """What is known of one tag: log-odds of it for each level of being named, and its threshold."""

    odds: tuple[float, ...]
    threshold: float


@dataclass(frozen=True, slots=True)
class TagRules:
    """What was learnt of the tags of one index; tags that came later have the odds and the threshold of all.

    conflicts: tags that products hardly ever carry together. observations: products asked about; f1: micro-averaged, on
    these, each without itself and what is much like it.
    """

    weights: tuple[float, ...] = WEIGHTS
    odds: tuple[float, ...] = ODDS
    threshold: float = THRESHOLD
    tags: Mapping[str, TagRule] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    observations: int = 0
    f1: float = 0.0

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Self:
        """Make of what JSON holds."""
        tags = {name: TagRule(tuple(rule["odds"]), float(rule["threshold"])) for name, rule in said["tags"].items()}
        conflicts = tuple((str(one), str(other), float(fall)) for one, other, fall in said["conflicts"])
        made = cls(
            weights=tuple(map(float, said["weights"])),
            odds=tuple(map(float, said["odds"])),
            threshold=float(said["threshold"]),
            tags=tags,
            conflicts=conflicts,
            observations=int(said["observations"]),
            f1=float(said["f1"]),
        )
        if len(made.weights) != len(WEIGHTS) or any(len(odds) != LEVELS for odds in (made.odds, *_odds_of(tags))):
            raise ValueError("the rules of its tags have other terms")
        return made


@dataclass(frozen=True, slots=True)
class Weighed:
    """Tags that speak for n products in any way, flat, in order of row and tag: share of the voices, level, carried."""

    row: Numbers
    tag: Numbers
    share: npt.NDArray[np.float32]
    level: npt.NDArray[np.int8]


def weighed(votes: Voted, named: Named, tags: int) -> Weighed:
    """Join what neighbours carry and what texts name; tags: how many there are."""
    pairs = np.concatenate([votes.row * tags + votes.tag, named.row * tags + named.tag])
    every, place = np.unique(pairs, return_inverse=True)
    share, level = np.zeros(len(every), np.float32), np.zeros(len(every), np.int8)
    share[place[: len(votes.row)]] = votes.share
    level[place[len(votes.row) :]] = named.level
    row, tag = np.divmod(every, max(1, tags))
    return Weighed(row, tag, share, level)


def log_odds(said: Weighed, weights: Sequence[float], odds: Doubles) -> Doubles:
    """Return the log-odds of each pair: float64 (pairs,). odds: float64 (tags, LEVELS)."""
    made: Doubles = _terms(said.share, odds[said.tag, said.level]) @ np.asarray(weights, np.float64)
    return made


def fit(said: Weighed, carried: Mask, tags: Sequence[str], conflicts: Sequence[Conflict]) -> TagRules:
    """Learn from products that were asked about without themselves.

    carried: bool (products, tags), what each really has.
    """
    right, names = carried[said.row, said.tag], _Names.of(said, carried)
    terms = _terms(said.share, names.without(said, right))
    weights = _logistic(terms, right)
    carriers = carried.sum(axis=0).astype(np.float64)
    threshold, own, f1 = _thresholds(sigmoid(terms @ weights), said.tag, right, carriers)
    seen = np.flatnonzero((carriers > 0) | (names.shown[:, UNNAMED + 1 :].sum(axis=1) > 0)).tolist()
    odds = np.round(names.odds, 3)
    rules = {tags[place]: TagRule(tuple(odds[place].tolist()), float(own[place])) for place in seen}
    return TagRules(
        weights=tuple(np.round(weights, 4).tolist()),
        odds=tuple(np.round(_log_odds(names.pooled), 3).tolist()),
        threshold=float(threshold),
        tags=rules,
        conflicts=tuple(conflicts),
        observations=len(carried),
        f1=round(float(f1), 4),
    )


def conflicting(row: Numbers, tag: Numbers, tags: Sequence[str], products: int) -> list[Conflict]:
    """Return tags that products hardly ever carry together though chance would have many do so.

    row, tag: int64 (t,), flat: product `row[i]` carries tag number `tag[i]`. The likeliest by chance come first, at
    most CONFLICTS of them.
    """
    carriers = np.bincount(tag, minlength=len(tags)).astype(np.float64)
    often = np.sort(np.argsort(-carriers, kind="stable")[:COMMONEST])
    often = often[carriers[often] >= OFTEN]
    if len(often) < 2:
        return []
    seat = np.full(len(tags), -1)
    seat[often] = np.arange(len(often))
    kept = seat[tag] >= 0
    together = _together(row[kept], seat[tag[kept]], len(often))
    chance = np.outer(carriers[often], carriers[often]) / products
    least = np.minimum(carriers[often][:, None], carriers[often][None])
    one, other = np.nonzero(np.triu((chance >= EXPECTED) & (together < SELDOM * least), 1))
    first = np.argsort(-chance[one, other], kind="stable")[:CONFLICTS]
    one, other = one[first], other[first]
    fall = np.log((chance[one, other] + 1) / (together[one, other] + 1))
    names = [tags[number] for number in often.tolist()]
    pairs = zip(one.tolist(), other.tolist(), np.round(fall, 3).tolist(), strict=True)
    return [(names[a], names[b], each) for a, b, each in pairs]


def _together(row: Numbers, tag: Numbers, size: int) -> Doubles:
    """Return how many rows carry both tags: float64 (size, size)."""
    order = np.argsort(row, kind="stable")
    row, tag = row[order], tag[order]
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    counts = np.diff(np.append(starts, len(row)))
    together = np.zeros(size * size)
    # Pairs within a row, by how far apart they stand: as many steps as the longest row has tags.
    for step in range(1, int(counts.max(initial=0))):
        left = np.flatnonzero(row[:-step] == row[step:]) if step < len(row) else np.zeros(0, np.int64)
        one, other = tag[left], tag[left + step]
        np.add.at(together, np.minimum(one, other) * size + np.maximum(one, other), 1)
    made = together.reshape(size, size)
    return made + made.T


def _terms(share: npt.NDArray[np.float32], odds: Doubles) -> Doubles:
    voice = share.astype(np.float64)
    return np.stack([np.ones_like(voice), voice, np.sqrt(voice), odds], axis=1)


@dataclass(frozen=True, slots=True)
class _Names:
    """How tags were named among some products. shown, hits: (tags, LEVELS), named so, and carried as well.

    base: (tags,), share of the products that carry it; pooled: (LEVELS,), share of all tags that are named so.
    """

    shown: Doubles
    hits: Doubles
    base: Doubles
    pooled: Doubles

    @classmethod
    def of(cls, said: Weighed, carried: Mask) -> Self:
        products, tags = carried.shape
        size, at = tags * LEVELS, said.tag * LEVELS + said.level
        shown = np.bincount(at, minlength=size).reshape(tags, LEVELS).astype(np.float64)
        hits = np.bincount(at, carried[said.row, said.tag], minlength=size).reshape(tags, LEVELS).astype(np.float64)
        carriers = carried.sum(axis=0)
        # Pairs that nothing speaks for are not named either.
        shown[:, UNNAMED] = products - shown[:, UNNAMED + 1 :].sum(axis=1)
        hits[:, UNNAMED] = carriers - hits[:, UNNAMED + 1 :].sum(axis=1)
        return cls(shown, hits, (carriers + 0.5) / (products + 1), (hits.sum(axis=0) + 1) / (shown.sum(axis=0) + 2))

    @property
    def odds(self) -> Doubles:
        """Log-odds of each tag for each level: float64 (tags, LEVELS)."""
        return _log_odds((self.hits + DRAWN * self._drawn_to) / (self.shown + DRAWN))

    def without(self, said: Weighed, right: Mask) -> Doubles:
        """Return for each pair the log-odds that the other products give: float64 (pairs,)."""
        hits = self.hits[said.tag, said.level] - right
        shown = self.shown[said.tag, said.level] - 1
        return _log_odds((hits + DRAWN * self._drawn_to[said.tag, said.level]) / (shown + DRAWN))

    @property
    def _drawn_to(self) -> Doubles:
        made = np.repeat(self.pooled[None], len(self.base), axis=0)
        made[:, UNNAMED] = self.base
        return made


def _log_odds(share: Doubles) -> Doubles:
    inside = np.clip(share, 1e-4, 1 - 1e-4)
    made: Doubles = np.log(inside / (1 - inside))
    return made


def sigmoid(line: Doubles) -> Doubles:
    """Return the probabilities of log-odds."""
    made: Doubles = 1 / (1 + np.exp(-np.clip(line, -30, 30)))
    return made


def _logistic(x: Doubles, right: Mask) -> Doubles:
    """Return the likeliest weights, drawn to WEIGHTS by PULL."""
    prior = np.array(WEIGHTS)

    def loss(at: Doubles) -> float:
        line = x @ at
        return float(np.logaddexp(0, np.where(right, -line, line)).sum() + PULL / 2 * ((at - prior) ** 2).sum())

    def bends(at: Doubles) -> tuple[Doubles, Doubles]:
        likely = sigmoid(x @ at)
        slope = x.T @ (likely - right) + PULL * (at - prior)
        return slope, (x * (likely * (1 - likely))[:, None]).T @ x + PULL * np.eye(len(prior))

    return minimum(prior, loss, bends)


def _thresholds(likely: Doubles, tag: Numbers, right: Mask, carriers: Doubles) -> tuple[float, Doubles, float]:
    """Return the threshold that is best for all tags together, for each tag, float64 (tags,), and the F1 of the former.

    A tag's own is the best for its F1 after PSEUDO carriers that behave as all tags do. F1 is averaged with that of
    thresholds near it.
    """
    size = len(carriers)
    given, hits = np.zeros((len(GRID), size)), np.zeros((len(GRID), size))
    for place, least in enumerate(GRID):
        some = likely >= least
        given[place] = np.bincount(tag[some], minlength=size)
        hits[place] = np.bincount(tag[some & right], minlength=size)
    every = 2 * hits.sum(axis=1) / np.maximum(given.sum(axis=1) + carriers.sum(), 1)
    own = (2 * hits + 2 * PSEUDO * every[:, None]) / (given + carriers + 2 * PSEUDO)
    near = np.exp(-(((GRID[:, None] - GRID) / SMOOTH) ** 2) / 2)
    near /= near.sum(axis=1, keepdims=True)
    best = int((near @ every).argmax())
    chosen = np.where(carriers > 0, GRID[(near @ own).argmax(axis=0)], GRID[best])
    return float(GRID[best]), chosen, float(every[best])


def _odds_of(tags: Mapping[str, TagRule]) -> list[tuple[float, ...]]:
    return [rule.odds for rule in tags.values()]
