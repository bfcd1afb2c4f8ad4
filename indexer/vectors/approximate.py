"""A search that looks at part of what is stored: how far it looks, what is measured for that, and when it looks again.

A kind proposes candidates and gives the vectors it keeps for them. Similarity and order are computed here as `exact`
does it, so a row's answer does not depend on its batch. How widely to look (the effort: lists probed, length of a
graph's candidate list) is chosen at build, again when the index has grown, and travels with each call.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from copy import copy
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.vectors import PROBED, Keys, Neighbours, Reading, Vectors
from indexer.vectors.exact import ExactIndex
from indexer.vectors.probing import Truth, share, truth
from indexer.vectors.rows import BLOCK, asked, cosine, damaged

Parameters = dict[str, int | float | str]

PARAMETERS_FILE = "vectors.json"

SPARE = 8
"""Candidates fetched beyond k, so that a tie at the k-th place is seen whole and ordered by key."""

MORE = (1, 4, 16)
"""A row whose tie at the k-th place goes on past what was fetched is searched again for this many times as much; a tie
longer than 15 k is cut there. A row that came back short is searched 8 times as widely, and then everywhere."""

EVERYWHERE = 2**31 - 1
"""The effort that means every stored vector."""

SAMPLE = 512
"""Vectors, one in 32 at most, that are held back at build to measure recall with."""

ADD_AT_ONCE = 65_536

FOR_CHANCE = 0.1
"""Share of what may be missed that is kept in hand: the least effort that meets a target on a sample has been lucky on
it. A million products tuned to 0.95 on 512 were found to have 0.945 by 1,000 others."""

WORTH_TUNING = 1_000
"""Vectors under which an index is never outgrown."""

HURRIED = 8
"""The effort that nobody goes below."""

ALMOST = 0.995
"""Recall that is never aimed beyond to make up for flattery."""

CEILING, TUNED_AT = "ceiling", "tuned_at"
"""Parameters: the recall that codes reach at most, and how many vectors were stored when the effort was chosen."""


class ApproximateIndex(ABC):
    """What the approximate kinds share; `parameters` holds the effort under `effort_name`."""

    effort_name: str
    coded = False
    """Whether vectors are stored as codes, so that similarities are near the true ones and not equal to them."""

    flattery = 0.0
    """How much more stored vectors find of their neighbours than new questions do."""

    def __init__(self, kind: str, dim: int, parameters: Parameters) -> None:
        self.kind = kind
        self.dim = dim
        self.parameters: Mapping[str, int | float | str] = parameters

    @abstractmethod
    def __len__(self) -> int: ...

    def ahead(self, vectors: Vectors) -> Keys | None:  # noqa: ARG002  # a kind may know more
        """Return None: where a vector goes depends on what is there."""
        return None

    @abstractmethod
    def upsert(self, keys: Keys, vectors: Vectors, ahead: Keys | None = None) -> None:
        """File `vectors` under `keys`, as VectorIndex says."""

    @property
    @abstractmethod
    def widest(self) -> int:
        """The largest effort that is of use."""

    @property
    def imbalance(self) -> float:
        """There are no lists."""
        return 1.0

    @abstractmethod
    def sizes(self) -> Keys:
        """Return how many vectors each stretch holds, as `probing.Stretched` says."""

    @abstractmethod
    def stretch(self, number: int) -> tuple[Keys, Vectors]:
        """Return keys and stored vectors of one stretch, as `probing.Stretched` says."""

    @abstractmethod
    def _candidates(self, queries: Vectors, fetch: int, effort: int) -> tuple[Keys, Vectors]:
        """Return keys (n, fetch), -1 where no more were found, and the vectors (n, fetch, dim) stored under them."""

    def search(self, vectors: Vectors, k: int) -> Neighbours:
        """Return the `k` most similar of each row that were found, as VectorIndex says."""
        queries, k = asked(vectors, k, self.dim, len(self))
        return Neighbours(*self._answer(queries, k, self.effort))

    @property
    def effort(self) -> int:
        """How widely searches look by now."""
        return int(self.parameters[self.effort_name])

    def hurried(self, share: float) -> Self:
        """Return the same index, searched `share` times as widely, HURRIED at least: for who asks about everything.

        It holds no copy: what changes in the one has changed in the other.
        """
        made, least = copy(self), min(HURRIED, self.effort)
        made.parameters = {**self.parameters, self.effort_name: max(least, int(self.effort * share))}
        return made

    @property
    def outgrown(self) -> bool:
        """Whether it has doubled since its effort was chosen, and a larger one would be of use."""
        tuned_at = max(WORTH_TUNING, int(self.parameters[TUNED_AT]))
        return len(self) >= 2 * tuned_at and self.effort < self.widest

    def probe(self, samples: int = PROBED, k: int = 10, *, seed: int = 0, reading: Reading = nullcontext) -> float:
        """Return the share of the true `k` nearest that searches find, as VectorIndex says."""
        return self._share(truth(self, samples, k, seed, reading), reading, self.effort)

    def retune(self, *, seed: int = 0, reading: Reading = nullcontext) -> float:
        """Raise the effort until searches find what was aimed at, as VectorIndex says.

        The recall that is returned is of what is stored, the one in `parameters` what new questions may expect.
        """
        with reading():
            size = len(self)
        true, before = truth(self, PROBED, 10, seed, reading), self.effort
        ceiling = float(self.parameters.get(CEILING, 1))
        goal = _goal(float(self.parameters["recall_target"]), ceiling, coded=self.coded) / max(ceiling, 1e-9)
        goal = min(goal + self.flattery, max(goal, ALMOST))
        reached = partial(self._share, true, reading)
        effort = _least(range(before, self.widest + 1), goal, reached)
        recall = reached(effort)
        found = {self.effort_name: effort, "recall": (recall - self.flattery) * ceiling, TUNED_AT: size}
        self.parameters = {**self.parameters, **found}  # in one go: searches may be under way
        return recall

    def _share(self, true: Truth, reading: Reading, effort: int) -> float:
        return share(true, partial(self._answer, effort=effort), reading)

    def fill(self, keys: Keys, vectors: Vectors, efforts: range, target: float, seed: int) -> Parameters:
        """Upsert `vectors` under `keys`, which ascend; return the smallest effort that meets the recall target.

        Some vectors are held back, looked for in the others and added last. A neighbour counts when it is as similar as
        the true tenth, so that copies of one listing stand in for one another. Where codes lose too much for any effort
        to meet the target, half a point below the most they can reach is taken in its place.
        """
        held = np.zeros(len(keys), dtype=np.bool_)
        held[np.random.default_rng(seed).choice(len(keys), min(len(keys) // 32, SAMPLE), replace=False)] = True
        self._add(keys, vectors, np.flatnonzero(~held))
        effort, recall, ceiling = efforts[0], 1.0, 1.0
        if held.any():
            queries, tenth = vectors[held], _tenth(vectors, held)

            def reached(effort: int) -> float:
                found, _ = self._answer(queries, 10, effort)
                true = cosine(queries[:, np.newaxis], vectors[np.searchsorted(keys, found)])
                return float((true >= tenth).mean())

            ceiling = round(reached(efforts[-1]), 4) if self.coded else 1.0
            goal = _goal(target, ceiling, coded=self.coded)
            effort = _least(efforts, goal, reached)
            recall = reached(effort)
        self._add(keys, vectors, np.flatnonzero(held))
        said = {CEILING: ceiling} if self.coded else {}
        return {self.effort_name: effort, "recall": recall, "recall_target": target, TUNED_AT: len(keys), **said}

    def _add(self, keys: Keys, vectors: Vectors, rows: Keys) -> None:
        for start in range(0, len(rows), ADD_AT_ONCE):
            part = rows[start : start + ADD_AT_ONCE]
            self.upsert(keys[part], vectors[part])

    def _answer(self, queries: Vectors, k: int, effort: int, *, more: int = 0, wider: int = 0) -> tuple[Keys, Vectors]:
        """Search and search again, `more` and `wider` times so far: what is short needs no more fetched than before."""
        keys = np.empty((len(queries), k), dtype=np.int64)
        similarity = np.empty((len(queries), k), dtype=np.float32)
        fetch = min((k + SPARE) * MORE[more], len(self))
        step = max(1, BLOCK // max(1, fetch * self.dim))
        for start in range(0, len(queries) if k else 0, step):
            block = np.arange(start, min(start + step, len(queries)))
            found, closeness = self._ranked(queries[block], fetch, effort)
            keys[block], similarity[block] = found[:, :k], closeness[:, :k]
            short = found[:, k - 1] < 0
            tied = ~short & (closeness[:, k - 1] == closeness[:, -1]) & (fetch < len(self))
            if short.any() and wider < 2:
                again, reach = block[short], EVERYWHERE if wider else 8 * effort
                keys[again], similarity[again] = self._answer(queries[again], k, reach, more=more, wider=wider + 1)
            if tied.any() and more + 1 < len(MORE):
                again = block[tied]
                keys[again], similarity[again] = self._answer(queries[again], k, effort, more=more + 1, wider=wider)
        return keys, similarity

    def _ranked(self, queries: Vectors, fetch: int, effort: int) -> tuple[Keys, Vectors]:
        """Return what was found in order of similarity, then key; what was not is key -1 and similarity -2."""
        keys, vectors = self._candidates(queries, fetch, effort)
        similarity = np.where(keys >= 0, cosine(queries[:, np.newaxis], vectors), np.float32(-2))
        order = np.lexsort((keys, -similarity))
        return np.take_along_axis(keys, order, axis=1), np.take_along_axis(similarity, order, axis=1)


def _least(efforts: range, goal: float, reached: Callable[[int], float]) -> int:
    """Return the least effort that reaches the goal, or the last. From below: the widest searches take the longest."""
    beyond = 1
    while beyond < len(efforts) and reached(efforts[beyond - 1]) < goal:
        beyond *= 2
    some = efforts[beyond // 2 : beyond]
    return efforts[min(beyond // 2 + bisect_left(some, goal, key=reached), len(efforts) - 1)]


def _goal(target: float, ceiling: float, *, coded: bool) -> float:
    """Return the recall to aim at: a little above the target, or half a point below what codes can reach at most."""
    aim = target + (1 - target) * FOR_CHANCE
    return min(aim, ceiling - 0.005) if coded else aim


def _tenth(vectors: Vectors, held: npt.NDArray[np.bool_]) -> Vectors:
    """Return (queries, 1): the similarity of the true tenth neighbour, among the rest, of each vector held back."""
    rows = ExactIndex.over(np.arange(len(vectors)), vectors)
    near = rows.search(vectors[held], 32)  # ten of them were not held back: of all vectors, at most 1 in 32 was
    similarity = np.where(held[near.keys], np.float32(-1), near.similarity)
    return -np.sort(-similarity, axis=1)[:, 9:10]


def write_parameters(folder: Path, index: ApproximateIndex) -> Path:
    """Write the kind and its parameters beside its other files."""
    path = folder / PARAMETERS_FILE
    path.write_text(json.dumps({"kind": index.kind, "parameters": dict(index.parameters)}), encoding="utf-8")
    return path


def read_parameters(folder: Path, kind: str, effort_name: str) -> Parameters:
    """Read what `write_parameters` wrote; SnapshotDamaged when it is not that, or of another kind."""
    path = folder / PARAMETERS_FILE
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        parameters: Parameters = written["parameters"]
        parameters.setdefault(TUNED_AT, 0)
        if written["kind"] != kind or int(parameters[effort_name]) < 1:
            raise ValueError(f"{written['kind']} written, {kind} asked for, {effort_name} {parameters[effort_name]}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(path, repr(error)) from error
    return parameters
