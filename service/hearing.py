"""What was heard of products that were asked about, and what is thought of it: the answer as arrays, before any word.

`Engine.hear` makes a Hearing, `think` a Thought of it, and `service/compose.py` writes the Answer. An evaluation takes
the same way with stored products that are heard without themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.product import Product
from indexer.snapshot import Built
from indexer.space import Projected
from indexer.space.features import Kernel
from service.answer import TagScore
from service.calibration.calibrate import Calibration, Probabilities
from service.calibration.dial import Dial
from service.calibration.tagging import tags_of_neighbours
from service.decision import Decided, decide
from service.settings import ServiceSettings
from service.tags.tagger import Tagger
from service.vote.evidence import Floats, Heard, Nodes
from service.vote.search import Neighbourhood
from taxonomy.tree import Tree


@dataclass(frozen=True, slots=True)
class Hearing:
    """n questions as the index sees them, who was found, what they said, and how that is compared and calibrated.

    silent: bool (n, k), neighbours that may not speak for tags; None when all may.
    """

    asked: Projected
    found: Neighbourhood
    heard: Heard
    kernel: Kernel
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


def think(
    built: Built, settings: ServiceSettings, products: Sequence[Product], hearing: Hearing, dial: Dial
) -> Thought:
    """Return what is thought of products that were heard; call it while the index is being read."""
    found, calibration = hearing.found, hearing.calibration
    likely = calibration.apply(hearing.heard.evidence, lineage_of(built.tree))
    near: Floats = np.where(found.voters, found.similarity, -1).max(axis=1, initial=-1).astype(np.float32)
    precision, policy = dial.precision or settings.precision, dial.policy or settings.policy
    decided = decide(likely, near, calibration, precision=precision, policy=policy)
    votes = tags_of_neighbours(built, found, hearing.asked, hearing.kernel, hearing.silent)
    tags = hearing.tagger.give(
        hearing.tagger.weigh(products, votes),
        likely.line,
        carriers=built.contents.labels.carriers,
        support=settings.tag_support,
        top=settings.tag_limit,
        threshold=settings.tag_threshold or None,
    )
    return Thought(likely, near, decided, precision, tags)


def shares(voices: Floats) -> Floats:
    """Return what part each neighbour has in what speaks for something: float32 (n, k), rows sum to 1 or are 0.

    A voice under 0 corrects the others, as where neighbours repeat each other, and has no part of its own.
    """
    spoken = np.maximum(voices, 0)
    total = spoken.sum(axis=1, keepdims=True)
    made: Floats = np.divide(spoken, total, out=np.zeros_like(spoken), where=total > 0)
    return made


def lineage_of(tree: Tree) -> Nodes:
    """Return the tree's lineage; an empty tree gets one node that nobody speaks for, so -1 has its place."""
    return tree.lineage if len(tree) else np.full((1, 1), -1, np.int32)
