"""From arrays to words: the vote over each neighbourhood, written out as one Answer per query."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.live import Live
from indexer.product import Product, content_hash
from indexer.space import IMAGE, TEXT, present
from indexer.store.records import Stored
from indexer.vectors import Keys
from service.answer import Answer, Candidate, Decision, Level, Neighbour, TaxonomyVersion
from service.calibration.dial import Dial
from service.decision import KINDS, reason
from service.hearing import Hearing, brought_by, lineage_of, shares, think
from service.settings import ServiceSettings
from service.vote.evidence import Floats, Nodes

LEAVES = 3
"""Categories named at least, so that the file columns for them are always filled."""


def compose(
    live: Live, settings: ServiceSettings, products: Sequence[Product], hearing: Hearing, dial: Dial
) -> list[Answer]:
    """Return the answer for each product from its hearing, in order, but for its duplicates (`duplicates.lookup`).

    Call it while the index is being read.
    """
    composition = _Composition(live, settings, products, hearing, dial)
    return [composition.answer(row) for row in range(len(products))]


def neighbour_lists(live: Live, hearing: Hearing, limit: int) -> list[list[Neighbour]]:
    """Return the first `limit` neighbours of each question in words."""
    shown = _Shown.of(live, hearing, limit)
    return [shown.neighbours(live, row) for row in range(len(hearing.found.keys))]


class _Composition:
    """What was counted over n queries, as arrays, and the words for one of them at a time."""

    def __init__(
        self, live: Live, settings: ServiceSettings, products: Sequence[Product], hearing: Hearing, dial: Dial
    ) -> None:
        self.live, self.settings, self.products, self.dial = live, settings, products, dial
        self.tree, self.lineage = live.tree, lineage_of(live.tree)
        self.thought = think(live.built, settings, products, hearing, dial)
        self.likely, self.decided = self.thought.likely, self.thought.decided
        self.shown = _Shown.of(live, hearing, settings.shown)
        self.pictured = present(hearing.asked.vectors[IMAGE]) if IMAGE in hearing.asked.vectors else None

    def answer(self, row: int) -> Answer:
        """Return the answer to one of them; what no view sees is near to nothing, so nothing is said of it."""
        product = self.products[row]
        decision, reason = self._decision(row)
        manifest, heard = self.live.manifest, any(self._used(row).values())
        return Answer(
            product_id=product.id,
            prediction_id=self._prediction_id(product),
            decision=decision,
            reason=reason,
            category=self._category(row) if decision != "abstain" else None,
            levels=self._levels(row) if heard else (),
            alternatives=self._alternatives(row) if heard else tuple(commonest(self.live, LEAVES)),
            tags=tuple(self.thought.tags[row]) if heard else (),
            neighbours=tuple(self.shown.neighbours(self.live, row)) if heard else (),
            duplicates=(),
            used=self._used(row),
            language=product.language,
            snapshot=manifest.id,
            taxonomy=TaxonomyVersion(self.live.planted, self.tree.version),
            model=manifest.encoder,
            asked=product,
            precision=self.dial.precision or self.settings.precision,
            policy=self.dial.policy or self.settings.policy,
        )

    def _prediction_id(self, product: Product) -> str:
        """Name an answer by what it depends on, so that the same question in the same state has the same name."""
        asked = (product.id, content_hash(product), *(text for fact in product.facts for text in fact))
        dial = (str(self.dial.precision or self.settings.precision), self.dial.policy or self.settings.policy)
        question = "\0".join((self.live.manifest.id, str(self.live.seq), *dial, *asked))
        return "p" + hashlib.blake2b(question.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()

    def _decision(self, row: int) -> tuple[Decision, str]:
        if not any(self._used(row).values()):
            return "abstain", self._unseen()
        if self.likely.line.shape[1] == 0 or self.likely.line[row, 0] < 0:
            return "abstain", self._alone(row)
        nearest = float(self.thought.nearest[row])
        why = reason(self.decided, self.likely, row, precision=self.thought.precision, nearest=nearest)
        return KINDS[int(self.decided.kind[row])], why

    def _used(self, row: int) -> dict[str, bool]:
        text = TEXT in self.live.contents.views and self.products[row].has_text
        return {TEXT: text, IMAGE: self.pictured is not None and bool(self.pictured[row])}

    def _unseen(self) -> str:
        views = self.live.contents.views
        if IMAGE not in views:
            return "this index reads text and the product has none; give it a title"
        read = "text and pictures" if TEXT in views else "pictures"
        return f"this index reads {read} and the product has none that can be read; give it a title or a picture"

    def _alone(self, row: int) -> str:
        """Return why nothing was found for a product that has something to look for."""
        used = [view for view, some in self._used(row).items() if some]
        if any(len(self.live.contents.views[view].vectors) for view in used) or not self.live.labels.labelled:
            return "no stored product with a category was found; add labelled products"
        lacking = (
            "no stored product has a picture; give it a title"
            if used == [IMAGE]
            else "no stored product has a text; add a picture"
        )
        return f"there is nothing to compare with: {lacking}"

    def _category(self, row: int) -> Candidate:
        return self._candidate(int(self.decided.node[row]), float(self.decided.likely[row]))

    def _candidate(self, node: int, share: float) -> Candidate:
        return Candidate(self.tree.ids[node], self.tree.text(node), round(share, 6))

    def _levels(self, row: int) -> tuple[Level, ...]:
        pairs = zip(self.likely.line[row].tolist(), self.likely.levels[row].tolist(), strict=True)
        return tuple(Level(self.tree.names[node], round(share, 6)) for node, share in pairs if node >= 0)

    def _alternatives(self, row: int) -> tuple[Candidate, ...]:
        top = max(self.settings.alternatives, LEAVES)
        pairs = zip(self.likely.nodes[row, :top].tolist(), self.likely.own[row, :top].tolist(), strict=True)
        voted = {node: share for node, share in pairs if node >= 0}
        if len(voted) < LEAVES:
            near = self._nearest_shelves(next(iter(voted), -1))
            unvoted = [node for node in near if node not in voted]
            voted.update(dict.fromkeys(unvoted[: LEAVES - len(voted)], 0.0))
        return tuple(self._candidate(node, share) for node, share in voted.items())

    def _nearest_shelves(self, best: int) -> list[int]:
        """Return a few labelled categories: those that share most of their path with `best` first, then by size."""
        shared = (self.lineage[self._labelled] == self.lineage[best]) & (self.lineage[best] >= 0)
        closeness = shared.sum(axis=1) if best >= 0 else np.zeros(len(self._labelled))
        order = np.lexsort((self._labelled, -self._sizes[self._labelled], -closeness))
        return [int(node) for node in self._labelled[order[: 2 * LEAVES]]]

    @cached_property
    def _sizes(self) -> Nodes:
        return self.live.labels.spoken_counts(len(self.tree)).astype(np.int32)

    @cached_property
    def _labelled(self) -> Nodes:
        return np.flatnonzero(self._sizes).astype(np.int32)


def commonest(live: Live, limit: int) -> list[Candidate]:
    """Return the `limit` categories with the most products, each with its share of all that are labelled."""
    sizes = live.labels.spoken_counts(len(live.tree))
    largest = np.argsort(-sizes, kind="stable")[:limit].tolist()
    total = max(1, int(sizes.sum()))
    return [
        Candidate(live.tree.ids[node], live.tree.text(node), round(int(sizes[node]) / total, 6))
        for node in largest
        if sizes[node]
    ]


@dataclass(frozen=True, slots=True)
class _Shown:
    """The neighbours shown of n questions, most similar first: (n, limit) of each column, and their records.

    brought: by view, and `words`, which of them it found.
    """

    keys: Keys
    similarity: Floats
    labels: Nodes
    present: npt.NDArray[np.bool_]
    weights: Floats
    brought: dict[str, npt.NDArray[np.bool_]]
    stored: dict[int, Stored]

    @classmethod
    def of(cls, live: Live, hearing: Hearing, limit: int) -> Self:
        found = hearing.found
        places = found.nearest(limit)
        keys = np.take_along_axis(found.keys, places, axis=1)
        return cls(
            keys=keys,
            similarity=np.take_along_axis(found.similarity, places, axis=1),
            labels=np.take_along_axis(found.labels, places, axis=1),
            present=np.take_along_axis(found.present, places, axis=1),
            weights=np.take_along_axis(shares(hearing), places, axis=1),
            brought={name: np.take_along_axis(some, places, axis=1) for name, some in brought_by(hearing).items()},
            stored=live.records.by_keys(np.unique(keys).tolist()),
        )

    def neighbours(self, live: Live, row: int) -> list[Neighbour]:
        columns = (self.keys, self.similarity, self.labels, self.present, self.weights)
        places = zip(*(column[row].tolist() for column in columns), strict=True)
        return [
            Neighbour(
                id=self.stored[key].record.product.id,
                title=self.stored[key].record.product.title,
                path=live.tree.text(node) if node >= 0 else "",
                similarity=round(similarity, 6),
                weight=round(weight, 6),
                brought_by=tuple(name for name, some in self.brought.items() if some[row, place]),
                picture=main.hash if (main := self.stored[key].record.product.main_picture) else None,
            )
            for place, (key, similarity, node, here, weight) in enumerate(places)
            if here and key in self.stored
        ]
