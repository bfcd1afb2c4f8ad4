"""Pairs that were judged, as arrays, and what people said of pairs; the book in which a scan keeps both."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from indexer.live import Live
from indexer.vectors import Keys
from service.duplicates.groups.candidates import quiet
from service.duplicates.groups.grouping import ALWAYS, NEVER, Scores
from service.duplicates.verdicts.judging import Judging
from service.duplicates.verdicts.verdict import IDENTICAL, SAME, VARIANT, Codes, Floats

SETTLED = "decided by a person"
"""Evidence of what a person said of a pair."""
JUDGED, TOLD = 512, 1_024
"""Pairs that are judged at a time, while changes wait, and that are told about: their products are read together."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What people said of n pairs: left and right keys int64 (n,), and places in VERDICTS."""

    left: Keys = field(default_factory=lambda: np.zeros(0, np.int64))
    right: Keys = field(default_factory=lambda: np.zeros(0, np.int64))
    verdicts: Codes = field(default_factory=lambda: np.zeros(0, np.int8))


@dataclass(frozen=True, slots=True)
class Pairs:
    """n pairs of keys, by key: left and right int64 (n,), verdicts int8 (n,), probability and variant float32 (n,)."""

    left: Keys
    right: Keys
    verdicts: Codes
    probability: Floats
    variant: Floats

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.left)

    def take(self, rows: Keys) -> Pairs:
        """Return some pairs."""
        return Pairs(self.left[rows], self.right[rows], self.verdicts[rows], self.probability[rows], self.variant[rows])

    def joined(self, other: Pairs) -> Pairs:
        """Return these pairs and others, each once, by key; of what both know, what the others say."""
        made = Pairs(
            np.append(self.left, other.left),
            np.append(self.right, other.right),
            np.append(self.verdicts, other.verdicts),
            np.append(self.probability, other.probability),
            np.append(self.variant, other.variant),
        )
        order = np.lexsort((np.arange(len(made)), made.right, made.left))
        left, right = made.left[order], made.right[order]
        last = np.ones(len(order), np.bool_)
        last[:-1] = (left[1:] != left[:-1]) | (right[1:] != right[:-1])
        return made.take(order[last])

    @property
    def related(self) -> Floats:
        """How likely each pair is the same product or variants of one."""
        made: Floats = np.minimum(self.probability + self.variant, np.float32(1))
        return made


class Book:
    """Every pair that was judged, and what was settled."""

    def __init__(self, live: Live, judging: Judging, settled: Settled, threads: int = 1) -> None:
        self._live, self._judging, self._threads = live, judging, threads
        low, high = np.minimum(settled.left, settled.right), np.maximum(settled.left, settled.right)
        same = np.isin(settled.verdicts, (IDENTICAL, SAME)).astype(np.float32)
        variant = (settled.verdicts == VARIANT).astype(np.float32)
        nothing = Pairs(low[:0], low[:0], settled.verdicts[:0], same[:0], same[:0])
        self._settled = nothing.joined(Pairs(low, high, settled.verdicts, same, variant))
        self.pairs = self._settled

    def judge(self, left: Keys, right: Keys, tell: Callable[[int], None] = quiet) -> Pairs:
        """Judge pairs, the lesser keys left, and remember them; tell(n): n are judged."""
        codes, probability = np.empty(len(left), np.int8), np.empty(len(left), np.float32)
        variant = np.empty(len(left), np.float32)

        def judge(rows: slice) -> slice:
            with self._live.reading():
                said = self._judging.stored(left[rows], right[rows])
            codes[rows], probability[rows], variant[rows] = said.verdicts, said.probability, said.variant
            return rows

        batches = [slice(start, min(start + JUDGED, len(left))) for start in range(0, len(left), JUDGED)]
        with ThreadPoolExecutor(self._threads) as pool:
            for rows in pool.map(judge, batches):
                tell(rows.stop)
        made = Pairs(left, right, codes, probability, variant)
        self.pairs = self.pairs.joined(made).joined(self._settled)
        return made

    def of(self, left: Keys, right: Keys) -> Pairs:
        """Return what is known of pairs that were judged, in their order, whichever key is left."""
        size = int(max(self.pairs.right.max(initial=0), left.max(initial=0), right.max(initial=0))) + 1
        codes = self.pairs.left * size + self.pairs.right
        return self.pairs.take(np.searchsorted(codes, np.minimum(left, right) * size + np.maximum(left, right)))

    def told(self, pairs: Pairs) -> list[tuple[str, ...]]:
        """Return what decided some pairs, in words."""
        told: list[tuple[str, ...]] = []
        for start in range(0, len(pairs), TOLD):
            left, right = pairs.left[start : start + TOLD], pairs.right[start : start + TOLD]
            with self._live.reading():
                compared = self._judging.beside(left, right)
            told += self._judging.worded(left, right, compared)
        size = int(max(self._settled.right.max(initial=0), pairs.right.max(initial=0))) + 1
        said = np.isin(pairs.left * size + pairs.right, self._settled.left * size + self._settled.right)
        return [(SETTLED, *each) if by_person else each for each, by_person in zip(told, said.tolist(), strict=True)]

    def ask_same(self, left: Keys, right: Keys) -> Floats:
        """Return how likely pairs are the same product."""
        return self.judge(left, right).probability

    def ask_related(self, left: Keys, right: Keys) -> Floats:
        """Return how likely pairs are the same product or variants of one."""
        made = self.judge(left, right)
        return made.related

    def same(self) -> Scores:
        """Return what is known of which products are the same."""
        said = Scores.of(self.pairs.left, self.pairs.right, self.pairs.probability)
        settled = self._settled
        weight = np.where(settled.probability > 0, np.float32(ALWAYS), np.float32(NEVER))
        return said.joined(Scores.of(settled.left, settled.right, weight))

    def related(self) -> Scores:
        """Return what is known of which products are the same or variants of each other."""
        pairs, settled = self.pairs, self._settled
        said = Scores.of(pairs.left, pairs.right, pairs.related)
        weight = np.where(settled.related > 0, np.float32(ALWAYS), np.float32(NEVER))
        return said.joined(Scores.of(settled.left, settled.right, weight))
