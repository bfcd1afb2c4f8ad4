"""Asks the stored products without themselves, tries the settings of the vote, and learns the calibration.

`calibration_of` is what `service/rebuild.py` hands to a build, and what `aisle calibrate` runs on demand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.snapshot import Built
from indexer.vectors import Keys
from service.calibration.calibrate import Calibration, calibrate
from service.calibration.leave_one_out import BATCH, ask, halves, listings
from service.vote.evidence import heard
from service.vote.mixture import Evidence, fit, mixed
from service.vote.voices import kernel

Nodes = npt.NDArray[np.int32]

SAMPLE = 10_000
"""Products asked about at most."""
TRIAL = 1_000
"""Of these, how many try each setting."""
NEIGHBOURS = (50, 100, 200)
WORDS = (1.0, 2.0, 4.0)
"""Settings that are tried: voters, and weight of the words beside a part's 2; first words, then voters."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was heard of stored products: evidence, true nodes, nearest similarity, and how much each counts."""

    evidence: Evidence
    truth: Nodes
    nearest: npt.NDArray[np.float32]
    counted: npt.NDArray[np.float64]


def calibration_of(
    built: Built, *, sample: int = SAMPLE, seed: int = 0, tell: Callable[[int], None] = lambda _: None
) -> Calibration:
    """Return the calibration of an index: from at most `sample` of its labelled products, half of each fold.

    tell(n) is called as n products were asked about.
    """
    chosen = Calibration(NEIGHBOURS[-1], kernel(built).words)
    folds = [(some[: sample // 2], twin) for some, twin in halves(built, seed)]
    folds = [(some, twin) for some, twin in folds if len(some)]
    if not folds:
        return chosen
    chosen = _chosen([(some[: TRIAL // 2], twin) for some, twin in folds], chosen)
    told = _told(folds, chosen, tell)
    lineage = built.tree.lineage
    return calibrate(told.evidence, told.truth, lineage, nearest=told.nearest, counted=told.counted, chosen=chosen)


def _chosen(folds: list[tuple[Keys, Built]], first: Calibration) -> Calibration:
    """Return the setting under which the truth is likeliest; of equal ones that with fewer voters."""

    def loss(neighbours: int, words: float) -> float:
        told = _told(folds, Calibration(neighbours, words), lambda _: None)
        weights = fit(told.evidence, told.truth, told.counted)
        found = told.evidence.nodes == told.truth[:, None]
        likely = (mixed(told.evidence, weights) * found).sum(axis=1)
        return float(-np.log(np.maximum(likely, 1e-3)).mean())

    by_words = {words: loss(first.neighbours, words) for words in WORDS}
    words = min(by_words, key=lambda each: (by_words[each], abs(each - first.words)))
    by_size = {first.neighbours: by_words[words]} | {size: loss(size, words) for size in NEIGHBOURS[:-1]}
    return Calibration(min(by_size, key=lambda size: (by_size[size], size)), words)


def _told(folds: list[tuple[Keys, Built]], setting: Calibration, tell: Callable[[int], None]) -> Told:
    parts: list[tuple[Evidence, Nodes, npt.NDArray[np.float32]]] = []
    done = 0
    for keys, twin in folds:
        for start in range(0, len(keys), BATCH):
            asked = ask(twin, keys[start : start + BATCH], setting.neighbours)
            own = twin.contents.labels.spoken(asked.keys)
            spoken = heard(twin, asked.found, asked.projected, kernel(twin, setting.words), own)
            nearest = np.where(asked.found.voters, asked.found.similarity, -1).max(axis=1, initial=-1)
            parts.append((spoken.evidence, own, nearest.astype(np.float32)))
            tell(done := done + len(asked.keys))
    evidence, truth, nearest = zip(*parts, strict=True)
    every = np.concatenate([keys for keys, _ in folds])
    return Told(
        Evidence.joined(list(evidence)), np.concatenate(truth), np.concatenate(nearest), listings(folds[0][1], every)
    )
