"""What speaks for which category: the neighbours' voices, the category's prototype, and how common the category is.

Between search and decision: `service/vote/search.py` finds who may vote, here it is counted what they say, and
`service/calibration/calibrate.py` turns it into probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.labels import UNLABELLED
from indexer.snapshot import Built
from indexer.space import Projected
from indexer.space.features import Kernel
from service.vote.mixture import Evidence
from service.vote.search import Neighbourhood
from service.vote.voices import voices

Floats = npt.NDArray[np.float32]
Nodes = npt.NDArray[np.int32]

CANDIDATES = 32
"""Categories that are weighed for one question, at most."""
BY_PROTOTYPE = 8
"""Of these, how many come in by their prototype alone."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of n questions: the voice of each neighbour, float32 (n, k), and the evidence they come to."""

    voices: Floats
    evidence: Evidence


def heard(built: Built, found: Neighbourhood, asked: Projected, kernel: Kernel, own: Nodes) -> Heard:
    """Let the neighbours speak for their categories, and every category's prototype for itself.

    own: int32 (n,), for a stored product the category that it speaks for, which is counted without it, or -1.
    """
    contents = built.contents
    weights = np.where(found.voters, contents.labels.voices(found.keys), 0).astype(np.float32)
    spoken = voices(contents.features, found.keys, weights, asked, kernel)
    counts = contents.prototypes.counts
    nodes = np.flatnonzero(counts > 0.5).astype(np.int32)
    labels = np.where(found.voters, found.labels, UNLABELLED)
    scores = tally(spoken, labels, nodes)
    likeness = contents.prototypes.similarity(asked.vectors, nodes, own)
    alone = counts[nodes] - (nodes == own[:, None])
    prior = np.log1p(np.maximum(alone, 0)).astype(np.float32)
    return Heard(spoken, _candidates(nodes, scores, likeness, prior))


def tally(voices: Floats, labels: Nodes, nodes: Nodes) -> Floats:
    """Return summed voices for each of `nodes` (m,), ascending: float32 (n, m); labels: int32 (n, k), -1 for none."""
    rows, size = len(labels), len(nodes)
    if not size:
        return np.zeros((rows, 0), np.float32)
    place = np.searchsorted(nodes, labels).clip(0, size - 1)
    told = nodes[place] == labels
    at = (np.arange(rows)[:, None] * size + place)[told]
    return np.bincount(at, voices[told], minlength=rows * size).reshape(rows, size).astype(np.float32)


def _candidates(nodes: Nodes, scores: Floats, likeness: Floats, prior: Floats) -> Evidence:
    """Keep the categories with most voice, and those whose prototypes are most alike, best first."""
    size = scores.shape[1]
    near = np.zeros_like(scores, dtype=bool)
    if size > BY_PROTOTYPE:
        nearest = np.argpartition(-likeness, BY_PROTOTYPE - 1, axis=1)[:, :BY_PROTOTYPE]
        np.put_along_axis(near, nearest, values=True, axis=1)
    else:
        near[:] = True
    rank = np.where(near, 1e3 + likeness, scores + 1e-6 * likeness)
    order = np.argsort(-rank, axis=1, kind="stable")[:, :CANDIDATES]
    kept = np.take_along_axis(near | (scores != 0), order, axis=1)
    # Padding stands at the end of a row: categories that nobody spoke for rank last.
    chosen = np.where(kept, nodes[order] if size else order, -1).astype(np.int32)
    values = (np.take_along_axis(each, order, axis=1) * kept for each in (scores, likeness, prior))
    return Evidence(chosen, *values)
