"""What the survivor of a merge gets from the products that go: what it lacks, as far as a product can hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from indexer.product import SPEC_COUNT, Product
from indexer.store.records import Stored


@dataclass(frozen=True, slots=True)
class Filling:
    """Fields that the survivor gets, as a Patch has them. left_out: how many specs are more than SPEC_COUNT."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    left_out: int = 0


def filled(survivor: Stored, others: Sequence[Stored]) -> Filling:
    """Return what a product lacks and one of the others has, the first stored before later ones.

    Specs are added up to SPEC_COUNT in all, which is what a product can hold; the rest is counted.
    """
    kept = survivor.record.product
    beside = [stored.record.product for stored in sorted(others, key=lambda stored: stored.key)]
    found: dict[str, Any] = {}
    for other in beside:
        for name, value in _lacking(kept, other).items():
            found.setdefault(name, value)
    specs = _unsaid(kept.specs, [other.specs for other in beside])
    room = max(0, SPEC_COUNT - len(kept.specs))
    added = {"specs": dict(islice(specs.items(), room)), "facts": _unsaid(kept.facts, [each.facts for each in beside])}
    found |= {name: new for name, new in added.items() if new}
    return Filling(found, max(0, len(specs) - room))


def _unsaid(kept: Sequence[tuple[str, str]], others: Sequence[Sequence[tuple[str, str]]]) -> dict[str, str]:
    """Return what the others say under names that are not there yet; of one name the first."""
    known = {name for name, _ in kept}
    new: dict[str, str] = {}
    for pairs in others:
        for name, value in pairs:
            if name not in known:
                new.setdefault(name, value)
    return new


def _lacking(kept: Product, other: Product) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name in ("description", "brand"):
        if not getattr(kept, name) and getattr(other, name):
            made[name] = getattr(other, name)
    if not kept.images and other.images:
        made |= {"images": other.images, "pictures": other.pictures}
    if not kept.category and other.category:
        made |= {"category": other.category, "provenance": other.provenance, "weight": other.weight}
    if not kept.tags and other.tags:
        made["tags"] = other.tags
    return made
