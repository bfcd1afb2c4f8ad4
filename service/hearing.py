"""What was heard of products that were asked about, and what is thought of it: the answer as arrays, before any word.

`hear` makes a Hearing of questions that all have the same views, `think` a Thought of it, and `service/compose.py`
writes the Answer. An evaluation takes the same way with stored products that are heard without themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.product import Product
from indexer.snapshots.snapshot import Built
from indexer.space import Projected
from indexer.vectors import Keys
from service.answer import TagScore
from service.calibration.calibrate import Calibration, Probabilities
from service.calibration.dial import Dial
from service.calibration.tagging import tags_of_neighbours
from service.decision import Decided, decide
from service.settings import ServiceSettings
from service.tags.tagger import Tagger
from service.vote.evidence import Floats, Heard, Nodes, heard
from service.vote.questions import Pattern, Questions, first, nearest, questions, restricted, saying
from service.vote.search import Neighbourhood, together
from service.vote.voices import kernel
from taxonomy.tree import Tree

WORDS = "words"
"""What brought a neighbour that no view has near."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """n questions of one pattern as the index sees them, what each view was asked, and what it said.

    found: the neighbours in all views together. silent: bool (n, k), those that may not speak for tags; None when all
    may.
    """

    asked: Projected
    questions: Questions
    found: Neighbourhood
    heard: Heard
    calibration: Calibration
    tagger: Tagger
    silent: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class Thought:
    """What is thought of n questions: probabilities, the decision at a precision, and tags, the likeliest first.

    nearest: float32 (n,), similarity of the nearest labelled neighbour, -1 where there is none.
    """

    likely: Probabilities
    nearest: Floats
    decided: Decided
    precision: float
    tags: list[list[TagScore]]
    calibration: Calibration


def hear(
    built: Built,
    asked: Projected,
    pattern: Pattern,
    itself: Keys,
    *,
    calibration: Calibration,
    tagger: Tagger,
    voters: int,
    least: int,
) -> Hearing:
    """Find who may vote on questions of one pattern and hear what they say; call it while the index is being read.

    itself: int64 (n,) the key a question is stored under, or -1. calibration: of this pattern. voters: neighbours that
    vote in each view; least: how many are looked for at least.
    """
    views = calibration.views or saying(built, pattern)
    reach = max(voters, least)
    put = questions(built, restricted(built, asked, pattern), views, itself, reach)
    return listened(built, asked, put, calibration=calibration, tagger=tagger, voters=voters, reach=reach)


def listened(
    built: Built,
    asked: Projected,
    put: Questions,
    *,
    calibration: Calibration,
    tagger: Tagger,
    voters: int,
    reach: int,
) -> Hearing:
    """Hear what the first `voters` of each view say; all that were found, `reach` at least, stand together beside it.

    put: what each view is asked, with the neighbours found there.
    """
    found = together([each.found for each in put.values()], reach)
    voting = {view: first(each, voters) for view, each in put.items()}
    return Hearing(asked, voting, found, heard(built, voting, calibration.words), calibration, tagger)


def think(
    built: Built, settings: ServiceSettings, products: Sequence[Product], hearing: Hearing, dial: Dial
) -> Thought:
    """Return what is thought of products that were heard; call it while the index is being read."""
    found, calibration = hearing.found, hearing.calibration
    likely = calibration.apply(hearing.heard.evidence, lineage_of(built.tree))
    near = nearest(hearing.questions)
    precision, policy = dial.precision or settings.precision, dial.policy or settings.policy
    decided = decide(likely, near, calibration, precision=precision, policy=policy)
    votes = tags_of_neighbours(built, found, hearing.asked, kernel(built, calibration.words), hearing.silent)
    tags = hearing.tagger.give(
        hearing.tagger.weigh(products, votes),
        likely.line,
        carriers=built.contents.labels.carriers,
        support=settings.tag_support,
        top=settings.tag_limit,
        threshold=settings.tag_threshold or None,
    )
    return Thought(likely, near, decided, precision, tags, calibration)


def shares(hearing: Hearing) -> Floats:
    """Return what part each neighbour found has in what speaks for something: float32 (n, k), rows sum to 1 or are 0.

    A voice under 0 corrects the others, as where neighbours repeat each other, and has no part of its own. Voices of
    several views count together.
    """
    spoken = np.zeros(hearing.found.keys.shape, np.float32)
    for view, question in hearing.questions.items():
        rows, places, voices = _met(hearing.found, question.found, hearing.heard.voices[view])
        np.add.at(spoken, (rows, places), np.maximum(voices, 0))
    total = spoken.sum(axis=1, keepdims=True)
    made: Floats = np.divide(spoken, total, out=np.zeros_like(spoken), where=total > 0)
    return made


def brought_by(hearing: Hearing) -> dict[str, npt.NDArray[np.bool_]]:
    """Return which neighbours found each view brought, and which words alone did: by name, bool (n, k)."""
    made = {name: np.zeros(hearing.found.keys.shape, np.bool_) for name in (*hearing.questions, WORDS)}
    for view, question in hearing.questions.items():
        near = question.found
        rows, places, similarity = _met(hearing.found, near, near.similarity)
        made[view][rows, places] = similarity > -1
        made[WORDS][rows, places] |= similarity <= -1
    made[WORDS] &= ~np.any([made[view] for view in hearing.questions], axis=0)
    return made


def _met(found: Neighbourhood, near: Neighbourhood, values: Floats) -> tuple[Keys, Keys, Floats]:
    """Return where the neighbours of one view stand among all found, rows and places, and their values (n, k)."""
    if near is found or near.keys is found.keys:
        rows, places = np.nonzero(near.present)
        return rows, places, values[rows, places]
    size = 1 + max(int(found.keys.max(initial=0)), int(near.keys.max(initial=0)))
    offset = np.arange(len(found.keys))[:, None] * size
    at, there = np.nonzero(found.present)
    known = (found.keys + offset)[at, there]
    order = np.argsort(known)
    rows, places = np.nonzero(near.present)
    wanted = (near.keys + offset)[rows, places]
    if not len(known) or not len(wanted):
        return rows[:0], places[:0], values[rows[:0], places[:0]]
    where = order[np.searchsorted(known, wanted, sorter=order).clip(0, len(known) - 1)]
    met = known[where] == wanted
    return rows[met], there[where[met]], values[rows[met], places[met]]


def lineage_of(tree: Tree) -> Nodes:
    """Return the tree's lineage; an empty tree gets one node that nobody speaks for, so -1 has its place."""
    return tree.lineage if len(tree) else np.full((1, 1), -1, np.int32)
