"""What a product that comes is beside the one that is stored under its id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from indexer.store.records import Record, Stored
from indexer.store.rows import same

Difference = Literal["added", "changed", "relabelled", "unchanged"]


def difference(stored: Record | None, new: Record) -> Difference:
    """Return `added` where nothing is stored, `relabelled` where nothing but the label differs, so none is encoded.

    The label is category, tags, provenance and weight. What the store would not touch is `unchanged`.
    """
    if stored is None:
        return "added"
    if same(stored, new):
        return "unchanged"
    label = new.product
    relabelled = replace(
        stored.product,
        category=label.category,
        tags=label.tags,
        provenance=label.provenance,
        weight=label.weight,
    )
    return "relabelled" if same(Record(relabelled, stored.content_hash, new.node_id), new) else "changed"


@dataclass(slots=True)
class Differences:
    """How many products of a source are which; they add up to those that can be stored."""

    counts: Counter[Difference] = field(default_factory=Counter)

    def add(self, stored: Mapping[str, Stored], new: Sequence[Record]) -> None:
        """Count records, whose ids all differ, beside what is stored under those."""
        for record in new:
            found = stored.get(record.product.id)
            self.counts[difference(found.record if found else None, record)] += 1

    def __getitem__(self, name: Difference) -> int:
        """Return how many are that."""
        return self.counts[name]
