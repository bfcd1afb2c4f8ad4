"""Scored pairs to groups without chaining: everybody in a group belongs with everybody else in it.

That a is like b and b like c says nothing of a and c, so groups are no connected components. They grow like those of
average linkage: the two that belong together most surely, in the mean of all pairs between them, are joined first, and
only when each of these pairs is known and at `floor` or above (docs/adr/0027-groups-without-chaining.md). Pairs that
nobody has judged are asked for when two groups would be joined but for them, all of a round at once.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Judge = Callable[[Keys, Keys], Floats]
"""Returns how likely each of n pairs belongs together, float32 (n,); left keys are the lesser ones."""

NEVER, ALWAYS = -1.0, 2.0
"""Weights of pairs that a person has parted, and of those that a person has put together."""

Rows = npt.NDArray[Any] | slice
Pair = tuple[int, int]
Known = Mapping[Pair, float]


@dataclass(frozen=True, slots=True)
class Linkage:
    """When groups are joined.

    least: of the mean over all pairs between the two. floor: of each such pair. most: members of a group. rounds: how
    often pairs are asked for, and asks: how many of one group in one round, beside those of its best match; what is
    unknown after the last counts as unsupported.
    """

    least: float = 0.6
    floor: float = 0.2
    most: int = 100
    rounds: int = 16
    asks: int = 64


@dataclass(frozen=True, slots=True)
class Scores:
    """What is known of n pairs: left and right keys int64 (n,), the lesser key left, weights float32 (n,), by key.

    A weight is the probability that both belong together, or NEVER or ALWAYS.
    """

    left: Keys
    right: Keys
    weight: Floats

    @classmethod
    def of(cls, left: Keys, right: Keys, weight: Floats) -> Scores:
        """Return pairs in their order by key; of a pair that is there several times the last weight counts."""
        low, high = np.minimum(left, right), np.maximum(left, right)
        order = np.lexsort((np.arange(len(low)), high, low))
        low, high, weight = low[order], high[order], np.asarray(weight, np.float32)[order]
        last = np.ones(len(low), np.bool_)
        last[:-1] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
        kept = last & (low != high)
        return cls(low[kept], high[kept], weight[kept])

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.left)

    def __getitem__(self, rows: Rows) -> Scores:
        """Return some of the pairs."""
        return Scores(self.left[rows], self.right[rows], self.weight[rows])

    def joined(self, other: Scores) -> Scores:
        """Return these pairs and others, whose weights count where both know a pair."""
        left, right = np.append(self.left, other.left), np.append(self.right, other.right)
        return Scores.of(left, right, np.append(self.weight, other.weight))


@dataclass(frozen=True, slots=True)
class Groups:
    """Who is together: keys int64 (m,), ascending, of all in a group of two or more; the group of each, its least key.

    asked: the pairs that were judged on the way.
    """

    keys: Keys
    group: Keys
    asked: Scores

    def of(self, keys: Keys) -> Keys:
        """Return the group of each key, int64 (n,); -1 for one that is alone."""
        if not len(self.keys):
            return np.full(len(keys), -1, np.int64)
        place = np.searchsorted(self.keys, keys).clip(0, len(self.keys) - 1)
        return np.where(self.keys[place] == keys, self.group[place], -1)


def grouped(scores: Scores, judge: Judge | None = None, linkage: Linkage | None = None) -> Groups:
    """Return the groups of the products in `scores`; judge: is asked for missing pairs, which are unsupported without.

    The order of the pairs makes no difference: equal ones are taken in the order of their keys. Time goes with the
    pairs, and with the square of members within a group alone.
    """
    linkage = linkage or Linkage()
    whole, known = scores, scores
    nodes, label = components(scores[scores.weight >= linkage.least])
    found: dict[int, int] = {}
    asked = scores[:0]
    for turn in range(linkage.rounds if judge else 1):
        last = judge is None or turn == linkage.rounds - 1
        wanted: set[Pair] = set()
        again: list[int] = []
        for name, some in _apart(known, nodes, label):
            joining = _joined(some, linkage)
            found.update(joining.group)
            if joining.wanted and not last:
                wanted |= joining.wanted
                again.append(name)
        if not wanted or judge is None:
            break
        pairs = np.array(sorted(wanted), np.int64)
        said = Scores(pairs[:, 0], pairs[:, 1], np.asarray(judge(pairs[:, 0], pairs[:, 1]), np.float32))
        asked = asked.joined(said)
        whole = whole.joined(said)
        kept = np.isin(label, np.array(again, np.int64))
        nodes, label = nodes[kept], label[kept]
        known = whole[np.isin(whole.left, nodes) & np.isin(whole.right, nodes)]
        for key in nodes.tolist():
            found.pop(key, None)
    keys = np.array(sorted(found), np.int64)
    return Groups(keys, np.array([found[key] for key in keys.tolist()], np.int64), asked)


def components(scores: Scores) -> tuple[Keys, Keys]:
    """Return all keys that occur, ascending, and for each the least key that a chain of pairs leads to."""
    nodes, places = np.unique(np.concatenate([scores.left, scores.right]), return_inverse=True)
    left, right = places[: len(scores)], places[len(scores) :]
    label = np.arange(len(nodes))
    while True:
        low = np.minimum(label[left], label[right])
        before = label.copy()
        np.minimum.at(label, label[left], low)
        np.minimum.at(label, label[right], low)
        label = label[label]
        if np.array_equal(before, label):
            return nodes, nodes[label]


def _apart(scores: Scores, nodes: Keys, label: Keys) -> Iterator[tuple[int, Scores]]:
    """Yield the name of each component and what is known of pairs inside it."""
    if not len(nodes):
        return
    left = np.searchsorted(nodes, scores.left).clip(0, len(nodes) - 1)
    right = np.searchsorted(nodes, scores.right).clip(0, len(nodes) - 1)
    inside = (nodes[left] == scores.left) & (nodes[right] == scores.right) & (label[left] == label[right])
    name, kept = label[left][inside], scores[inside]
    order = np.argsort(name, kind="stable")
    name = name[order]
    kept = kept[order]
    starts = np.flatnonzero(np.diff(name, prepend=-1))
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(name)], strict=True):
        yield int(name[start]), kept[start:end]


@dataclass(slots=True)
class _Joining:
    """Groups of one component that are being joined; a group is named by its least member.

    between: by pair of groups, both ways, the sum of the weights between them, how many are known, and the least.
    """

    members: dict[int, list[int]]
    between: dict[int, dict[int, tuple[float, int, float]]]
    group: dict[int, int] = field(default_factory=dict)
    wanted: set[Pair] = field(default_factory=set)
    asked: dict[int, int] = field(default_factory=dict)

    def join(self, one: int, other: int) -> Sequence[Pair]:
        """Put `other` into `one`, the lesser name; return the pairs of groups that changed."""
        self.members[one] += self.members.pop(other)
        mine, its = self.between[one], self.between.pop(other)
        for each, (total, count, low) in its.items():
            del self.between[each][other]
            if each == one:
                continue
            before = mine.get(each, (0.0, 0, ALWAYS))
            link = (before[0] + total, before[1] + count, min(before[2], low))
            mine[each] = self.between[each][one] = link
        return [(min(one, each), max(one, each)) for each in its if each != one]

    def ask(self, one: int, other: int, known: Known, most: int) -> None:
        """Want the pairs between two groups that nobody judged; beyond `most` of a group those of its first match."""
        lacking = len(self.members[one]) * len(self.members[other]) - self.between[one][other][1]
        before = max(self.asked.get(one, 0), self.asked.get(other, 0))
        if before and before + lacking > most:
            return
        self.wanted.update(self.missing(one, other, known))
        for each in (one, other):
            self.asked[each] = self.asked.get(each, 0) + lacking

    def missing(self, one: int, other: int, known: Known) -> Iterator[Pair]:
        """Yield the pairs between two groups that nobody has judged."""
        for left in self.members[one]:
            for right in self.members[other]:
                pair = (left, right) if left < right else (right, left)
                if pair not in known:
                    yield pair


def _joined(scores: Scores, linkage: Linkage) -> _Joining:
    """Return one component in groups; `wanted` are the pairs but for which two more groups would have been joined."""
    pairs = list(zip(scores.left.tolist(), scores.right.tolist(), strict=True))
    known: dict[Pair, float] = dict(zip(pairs, scores.weight.tolist(), strict=True))
    joining = _started(known)
    heap: list[tuple[float, int, int]] = []

    def push(links: Iterable[Pair]) -> None:
        for one, other in links:
            total, count, _ = joining.between[one][other]
            if total / count >= linkage.least:
                heapq.heappush(heap, (-total / count, one, other))

    push((one, other) for one, links in joining.between.items() for other in links if one < other)
    while heap:
        mean, one, other = heapq.heappop(heap)
        total, count, low = joining.between.get(one, {}).get(other, (0.0, 1, NEVER))
        sizes = len(joining.members.get(one, ())), len(joining.members.get(other, ()))
        if -mean != total / count or low < linkage.floor or sum(sizes) > linkage.most:
            continue  # as it was before one of the two was joined with another, or never to be joined
        if count < sizes[0] * sizes[1]:
            joining.ask(one, other, known, linkage.asks)
            continue
        push(joining.join(one, other))
    joining.group = {key: name for name, some in joining.members.items() if len(some) > 1 for key in some}
    return joining


def _started(known: Known) -> _Joining:
    """Return every member alone, but for those that a person has put together, where nobody has parted them."""
    nodes = {key for pair in known for key in pair}
    joining = _Joining({key: [key] for key in nodes}, {key: {} for key in nodes})
    for (left, right), weight in known.items():
        joining.between[left][right] = joining.between[right][left] = (min(max(weight, 0.0), 1.0), 1, weight)
    name = {key: key for key in nodes}
    for (left, right), weight in known.items():
        if weight != ALWAYS:
            continue
        one, other = sorted((name[left], name[right]))
        if one != other and joining.between[one][other][2] != NEVER:
            name.update(dict.fromkeys(joining.members[other], one))
            joining.join(one, other)
    return joining
