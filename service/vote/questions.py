"""What each view is asked: products by the views that they have and, where that leaves stored ones out, by a bridge.

A question with text and picture asks both views. One with a picture alone asks the pictures and, when there are stored
products without one, the texts too, as the text that such a picture tends to come with (`indexer/space/bridge.py`). So
a product without a photo is found by a photo, and one without text by a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from indexer.memory.labels import UNLABELLED
from indexer.memory.view import View
from indexer.snapshots.snapshot import Built
from indexer.space import Projected
from indexer.space.lexicon import none
from indexer.space.prototypes import Own
from indexer.vectors import Keys
from service.vote.search import Neighbourhood, neighbourhoods

Pattern = tuple[str, ...]
"""The views that a question has, in the order of the index."""

LACKING = 0.01
"""Share of the stored products that a question's own views must leave out before a bridge is taken to the others."""


@dataclass(frozen=True, slots=True)
class Question:
    """What one view is asked: n questions as it sees them, who may vote there, and the category of each there.

    own: of each question that is about a stored product, as if that were not in it.
    """

    asked: Projected
    found: Neighbourhood
    own: Own


Questions = Mapping[str, Question]
"""What is asked of each view that has a say, in the order of the views."""


def saying(built: Built, pattern: Pattern) -> Pattern:
    """Return the views that have a say on questions of a pattern: their own, and those that a bridge leads to.

    A bridge is taken where own views leave out more than LACKING of what is stored.
    """
    contents, space = built.contents, built.space
    total = len(contents.labels)
    left = min((total - len(contents.views[view].vectors) for view in pattern), default=0)
    crosses = left > LACKING * total
    return tuple(view for view in contents.views if view in pattern or (crosses and view in space.bridges))


def restricted(built: Built, asked: Projected, pattern: Pattern) -> Projected:
    """Return questions as if they had the views of a pattern alone."""
    if set(pattern) == set(asked.vectors):
        return asked
    raw, words = np.zeros_like(asked.raw), none(len(asked))
    for view in pattern:
        space = built.space.spaces[view]
        raw[:, space.columns] = asked.raw[:, space.columns]
        words = asked.words if space.words else words
    return Projected(raw, words, {view: asked.vectors[view] for view in pattern})


def questions(built: Built, asked: Projected, views: Pattern, itself: Keys, wanted: int) -> dict[str, Question]:
    """Return what each of `views` is asked about n questions that all have the same views (`restricted`).

    itself: int64 (n,) the key a question is stored under, or -1. wanted: neighbours that vote in each view.
    """
    made = {}
    for name in views:
        view = built.contents.views[name]
        seen = asked if name in asked.vectors else built.space.crossed(asked, name)
        made[name] = Question(seen, neighbourhoods(view, seen, itself, wanted), without(view, itself))
    return made


def first(question: Question, voters: int) -> Question:
    """Return the question with the first of its voters alone, as many as `voters` in each row."""
    found = question.found
    return replace(question, found=replace(found, voters=found.voters & (np.cumsum(found.voters, axis=1) <= voters)))


def without(view: View, keys: Keys) -> Own:
    """Return the category of each stored product (n,), -1 where a key is -1, as if the product were not in it.

    One that lacks the view was not in it before.
    """
    stored = keys >= 0
    stored[stored] = view.seen(keys[stored])
    at = np.maximum(keys, 0)
    placed = np.zeros((len(keys), view.space.dim), np.float32)
    nodes, voices = np.full(len(keys), UNLABELLED, np.int32), np.zeros(len(keys), np.float32)
    if stored.any():
        placed[stored] = view.placed(view.standing(keys[stored]))
        nodes = np.where(stored, view.labels.spoken(at), UNLABELLED).astype(np.int32)
        voices = view.labels.voices(at)
    return view.prototypes.without(nodes, placed, voices)


def nearest(asked: Questions) -> npt.NDArray[np.float32]:
    """Return the similarity of the nearest voter in any view, float32 (n,); -1 where there is none."""
    found = [each.found for each in asked.values()]
    near = [np.where(each.voters, each.similarity, -1).max(axis=1, initial=-1) for each in found]
    made: npt.NDArray[np.float32] = np.max(near, axis=0).astype(np.float32)
    return made
