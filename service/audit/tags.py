"""The audit of tags: which of a product's tags nobody like it carries, and which it lacks that all like it do.

A tagged product is asked about without itself and without what is much like it, and the rules of the index say how
likely each tag is (`service/tags`). That is compared with what it carries:

    missing    of the products that should carry a tag, FORGOTTEN lack it
    wrong      of the tags that products carry, MISTAKEN are wrong, the common ones as often as they are common

What carries no tag at all is not audited: it waits for its tags. A tag that fewer carry than are needed to give it is
left alone, since nobody can speak for or against it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from indexer.product import Product
from indexer.store.tagfaults import TagFault
from indexer.vectors import Keys
from service.calibration.tagging import VOTERS, said_of
from service.engine import Engine
from service.tags.rules import Doubles, Weighed, log_odds, sigmoid
from service.tags.tagger import Tagger
from service.tags.words import UNNAMED
from service.vote.voices import kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.memory.labels import TagRows

BATCH = 64
"""Products asked about while a change waits."""
FORGOTTEN = 0.1
"""Share of the products that should carry a tag and do not."""
MISTAKEN = 0.05
"""Share of the tags that products carry and should not."""
KEPT = 0.3
"""Probability from which a fault is told."""
TOP = 200
"""Tags of a product that are looked at."""


def tag_faults(engine: Engine, keys: Keys, *, voters: int = VOTERS) -> dict[int, tuple[TagFault, ...]]:
    """Return what is amiss with the tags of stored products, int64 (n,), by key, the likeliest fault first.

    Products without a fault, and those that carry no tag, are left out. voters: neighbours whose tags are looked at.
    Changes are held off for BATCH at a time.
    """
    made: dict[int, tuple[TagFault, ...]] = {}
    for start in range(0, len(keys), BATCH):
        with engine.live.reading():
            labels = engine.live.labels
            some = keys[start : start + BATCH]
            some = some[some < labels.size]
            some = some[np.unique(labels.tags(some).row)]
            if len(some):
                made |= _faults(engine, some, voters)
    return made


def _faults(engine: Engine, keys: Keys, voters: int) -> dict[int, tuple[TagFault, ...]]:
    live, tagger = engine.live, engine.tagger()
    labels, tree = live.labels, live.tree

    def read(some: Sequence[int]) -> Sequence[Product]:
        there = live.records.by_keys(some)  # one that was deleted just now says nothing
        return [there[key].record.product if key in there else Product("") for key in some]

    said = said_of(live.built, keys, kernel(live.built, engine.calibration.words), tagger.words, read, voters=voters)
    carried = labels.tags(keys)
    found: dict[int, list[TagFault]] = defaultdict(list)
    for place, likely in _wrong(engine, tagger, said, carried):
        found[int(carried.row[place])].append((tagger.tags[carried.tag[place]], "wrong", likely))
    nodes = labels.nodes(keys)
    lines = np.where((nodes >= 0)[:, None], tree.lineage[nodes], -1) if len(tree) else nodes[:, None]
    support = max(2, engine.settings.tag_support)
    given = tagger.give(said, lines, carriers=labels.carriers, support=support, top=TOP, threshold=0.5)
    has = set(zip(carried.row.tolist(), (tagger.tags[tag] for tag in carried.tag.tolist()), strict=True))
    for row, tags in enumerate(given):
        for tag in tags:
            if (row, tag.tag) not in has:
                found[row].append((tag.tag, "missing", forgotten(tag.score)))
    return {
        int(keys[row]): tuple(kept)
        for row, faults in sorted(found.items())
        if (kept := sorted((each for each in faults if each[2] >= KEPT), key=lambda each: (-each[2], each[0])))
    }


def _wrong(engine: Engine, tagger: Tagger, said: Weighed, carried: TagRows) -> list[tuple[int, float]]:
    """Return the places in `carried` of tags that are perhaps wrong, and how likely each is."""
    labels, size = engine.live.labels, max(1, len(tagger.tags))
    spoken = said.row * size + said.tag
    pairs = carried.row * size + carried.tag
    odds = tagger.weights[0] + tagger.weights[3] * tagger.odds[carried.tag, UNNAMED]
    if len(spoken):
        place = np.searchsorted(spoken, pairs).clip(0, len(spoken) - 1)
        odds = np.where(spoken[place] == pairs, log_odds(said, tagger.weights, tagger.odds)[place], odds)
    carriers = labels.carriers[carried.tag]
    likely = mistaken(sigmoid(odds), carriers / max(1, len(labels)))
    kept = np.flatnonzero((likely >= KEPT) & (carriers >= max(2, engine.settings.tag_support)))
    return [(place, round(float(likely[place]), 4)) for place in kept.tolist()]


def forgotten(likely: float) -> float:
    """Return how likely a product should carry a tag that it lacks; likely: how likely such a product carries it."""
    return round(FORGOTTEN * likely / (FORGOTTEN * likely + 1 - likely), 4) if likely < 1 else 1.0


def mistaken(likely: Doubles, common: npt.NDArray[np.float64]) -> Doubles:
    """Return how likely tags that products carry are wrong, (n,).

    likely: how likely such a product carries the tag. common: share of all products that do.
    """
    by_mistake = MISTAKEN * common * (1 - likely)
    made: Doubles = by_mistake / np.maximum(by_mistake + (1 - MISTAKEN) * likely, 1e-12)
    return made
