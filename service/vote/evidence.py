"""What speaks for which category: the neighbours' voices, the category's prototype, its name, and how many it has.

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
from indexer.space.prototypes import HALF, Own
from indexer.vectors import Keys
from service.vote.mixture import Evidence
from service.vote.search import Neighbourhood
from service.vote.voices import voices

Floats = npt.NDArray[np.float32]
Nodes = npt.NDArray[np.int32]

CANDIDATES = 32
"""Categories that are weighed for one question, at most."""
BY_PROTOTYPE = 8
"""Of these, how many come in by their prototype alone."""
BY_NAME = 4
"""Of these, how many come in by their name alone; only categories with fewer than FEW products do."""
FEW = 5


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard of n questions: the voice of each neighbour, float32 (n, k), and the evidence they come to."""

    voices: Floats
    evidence: Evidence


def heard(built: Built, found: Neighbourhood, asked: Projected, kernel: Kernel, own: Own) -> Heard:
    """Let the neighbours speak for their categories, and every category's prototype and name for itself.

    own: the category of each question that is about a stored product, as if that were not in it.
    """
    contents = built.contents
    weights = np.where(found.voters, contents.labels.voices(found.keys), 0).astype(np.float32)
    spoken = voices(contents.features, found.keys, weights, asked, kernel)
    nodes = shelves(built)
    scores = tally(spoken, np.where(found.voters, found.labels, UNLABELLED), nodes)
    prototype, products = contents.prototypes.similarity(asked.vectors, nodes, own)
    name = contents.names.similarity(asked.raw, nodes)
    said = Evidence(nodes, scores, prototype, products, name)
    # A category that only the asked product is in would not be there without it, unless it is meant to be filled.
    able = (products > HALF) | _unfilled(built)[nodes]
    return Heard(spoken, _candidates(nodes, said, able))


def without(built: Built, keys: Keys) -> Own:
    """Return the category of each stored product (n,), -1 where a key is -1, as if the product were not in it."""
    contents = built.contents
    stored = keys >= 0
    placed = np.zeros((len(keys), built.space.dim), np.float32)
    counted = contents.standing(keys[stored])
    placed[stored] = built.space.place(contents.features.raw(counted), contents.features.words(counted))
    nodes = np.where(stored, contents.labels.spoken(keys), UNLABELLED).astype(np.int32)
    return contents.prototypes.without(nodes, placed, contents.labels.voices(keys))


def shelves(built: Built) -> Nodes:
    """Return the categories that an answer may name as the place of a product, ascending.

    Those with products; of a tree that was given, its leaves without as well: somebody means them to be filled.
    """
    stocked = built.contents.prototypes.counts[: len(built.tree)] > HALF
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
    """Keep the categories with most voice, and those whose prototypes or names are most alike, best first.

    able: bool (n, m), which may be an answer at all.
    """
    near = _most(np.where(said.products > HALF, said.prototype, -1), BY_PROTOTYPE)
    near |= _most(np.where(able & (said.products < FEW), said.name, -1), BY_NAME)
    likeness = np.maximum(said.prototype, said.name)
    spoken = near | ((said.voices != 0) & able)
    rank = np.where(near, 1e3 + likeness, said.voices + 1e-6 * likeness)
    # Padding stands at the end of a row: who is not spoken of ranks behind who is spoken against.
    order = np.argsort(-np.where(spoken, rank, -np.inf), axis=1, kind="stable")[:, :CANDIDATES]
    kept = np.take_along_axis(spoken, order, axis=1)
    chosen = np.where(kept, nodes[order] if len(nodes) else order, -1).astype(np.int32)
    return Evidence(chosen, *(np.take_along_axis(each, order, axis=1) * kept for each in said.said))


def _most(likeness: Floats, many: int) -> npt.NDArray[np.bool_]:
    """Return the `many` highest of each row: bool (n, m); what is -1 is never among them."""
    chosen = np.ones_like(likeness, dtype=np.bool_)
    if likeness.shape[1] > many:
        chosen[:] = False
        best = np.argpartition(-likeness, many - 1, axis=1)[:, :many]
        np.put_along_axis(chosen, best, values=True, axis=1)
    return chosen & (likeness > -1)
