"""What speaks for which category: the neighbours' voices, the category's prototype, its name, and how many it has.

Between search and decision: `service/vote/search.py` finds who may vote, here it is counted what they say, and
`service/calibration/calibrate.py` turns it into probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.memory.labels import UNLABELLED
from indexer.memory.view import View
from indexer.snapshots.snapshot import Built
from indexer.space.prototypes import HALF
from service.vote.mixture import Evidence
from service.vote.questions import Question, Questions
from service.vote.voices import kernel, voices

Floats = npt.NDArray[np.float32]
Nodes = npt.NDArray[np.int32]

CANDIDATES = 32
"""Categories that are weighed for one question, at most, for each view that has a say."""
BY_PROTOTYPE = 8
"""Of these, how many come in by their prototype alone."""
BY_NAME = 4
"""Of these, how many come in by their name alone; only categories with fewer than FEW products do."""
FEW = 5


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of n questions: by view the voice of each neighbour, float32 (n, k), and what they come to."""

    voices: Mapping[str, Floats]
    evidence: Evidence


def heard(built: Built, questions: Questions, words: float) -> Heard:
    """Let the neighbours of each view speak for their categories, and every category's prototype and name for itself.

    words: weight of words in the comparison of products.
    """
    nodes = shelves(built)
    voices, said = {}, []
    for name, question in questions.items():
        voices[name], spoken = _heard(built, built.contents.views[name], question, nodes, words)
        said.append(spoken)
    every = Evidence(nodes, *(np.stack(each, axis=2) for each in zip(*said, strict=True)))
    # A category that only the asked product is in would not be there without it, unless it is meant to be filled.
    able = (every.products > HALF).any(axis=2) | _unfilled(built)[nodes]
    return Heard(voices, _candidates(nodes, every, able))


def _heard(
    built: Built, view: View, question: Question, nodes: Nodes, words: float
) -> tuple[Floats, tuple[Floats, Floats, Floats, Floats]]:
    """Return the neighbours' voices in one view, and what they, prototypes and names say of `nodes`: (n, m) each."""
    found, asked = question.found, question.asked
    weights = np.where(found.voters, view.labels.voices(found.keys), 0).astype(np.float32)
    spoken = voices(view.features, found.keys, weights, asked, kernel(built, words, view.name))
    scores = tally(spoken, np.where(found.voters, found.labels, UNLABELLED), nodes)
    prototype, products = view.prototypes.similarity(asked.vectors[view.name], nodes, question.own)
    name = built.contents.names.similarity(asked.raw, nodes, view.space)
    return spoken, (scores, prototype, products, name)


def shelves(built: Built) -> Nodes:
    """Return the categories that an answer may name as the place of a product, ascending.

    Those with products; of a tree that was given, its leaves without as well: somebody means them to be filled.
    """
    stocked = built.contents.counts[: len(built.tree)] > HALF
    return np.flatnonzero(stocked | _unfilled(built)).astype(np.int32)


def _unfilled(built: Built) -> npt.NDArray[np.bool_]:
    """Return which categories an answer may name although they have no product: bool (nodes of the tree,)."""
    made: npt.NDArray[np.bool_] = built.tree.leaves & (not built.grows)
    return made


def tally(voices: Floats, labels: Nodes, nodes: Nodes) -> Floats:
    """Return summed voices for each of `nodes` (m,), ascending: float32 (n, m); labels: int32 (n, k), -1 for none."""
    rows, size = len(labels), len(nodes)
    if not size:
        return np.zeros((rows, 0), np.float32)
    place = np.searchsorted(nodes, labels).clip(0, size - 1)
    told = nodes[place] == labels
    at = (np.arange(rows)[:, None] * size + place)[told]
    return np.bincount(at, voices[told], minlength=rows * size).reshape(rows, size).astype(np.float32)


def _candidates(nodes: Nodes, said: Evidence, able: npt.NDArray[np.bool_]) -> Evidence:
    """Keep the categories with most voice, and those whose prototypes or names are most alike in a view, best first.

    able: bool (n, m), which may be an answer at all.
    """
    near = np.zeros_like(able)
    for view in range(said.views):
        near |= _most(np.where(said.products[..., view] > HALF, said.prototype[..., view], -1), BY_PROTOTYPE)
        near |= _most(np.where(able & (said.products[..., view] < FEW), said.name[..., view], -1), BY_NAME)
    likeness = np.maximum(said.prototype, said.name).max(axis=2)
    spoken = near | ((said.voices != 0).any(axis=2) & able)
    rank = np.where(near, 1e3 + likeness, said.voices.sum(axis=2) + 1e-6 * likeness)
    # Padding stands at the end of a row: who is not spoken of ranks behind who is spoken against.
    order = np.argsort(-np.where(spoken, rank, -np.inf), axis=1, kind="stable")[:, : CANDIDATES * said.views]
    kept = np.take_along_axis(spoken, order, axis=1)
    chosen = np.where(kept, nodes[order] if len(nodes) else order, -1).astype(np.int32)
    return Evidence(
        chosen, *(np.take_along_axis(each, order[..., None], axis=1) * kept[..., None] for each in said.said)
    )


def _most(likeness: Floats, many: int) -> npt.NDArray[np.bool_]:
    """Return the `many` highest of each row: bool (n, m); what is -1 is never among them."""
    chosen = np.ones_like(likeness, dtype=np.bool_)
    if likeness.shape[1] > many:
        chosen[:] = False
        best = np.argpartition(-likeness, many - 1, axis=1)[:, :many]
        np.put_along_axis(chosen, best, values=True, axis=1)
    return chosen & (likeness > -1)
