"""Which product of a group of duplicates is best kept, and why: the one that would be missed most."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from indexer.product import Product

Measure = Callable[[Product], int]


@dataclass(frozen=True, slots=True)
class Survivor:
    """The key of the product that is best kept, and what speaks for it, the weightiest first."""

    key: int
    reasons: tuple[str, ...]


def _words(product: Product) -> int:
    return len(product.title.split()) + len(product.description.split())


def _labelled(product: Product) -> int:
    """Return how much somebody stands behind the label: 2 for a person, 1 for whoever delivers it."""
    if not (product.category or product.tags):
        return 0
    return {"human": 2, "supplier": 1, "machine": 0}[product.provenance]


MEASURES: Mapping[str, tuple[Measure, str]] = {
    "label": (_labelled, "its label counts for more: {}"),
    "number": (lambda product: int(any(name == "gtin" for name, _ in product.facts)), "it has a GTIN"),
    "specs": (lambda product: len(product.specs), "it has the most specs: {:,}"),
    "pictures": (lambda product: len(product.images), "it has the most pictures: {:,}"),
    "text": (_words, "it has the longest text: {:,} words"),
    "brand": (lambda product: int(bool(product.brand)), "it has a brand"),
}
"""What is weighed of a product, the weightiest first, and how it is said."""

_BEHIND = ("none", "by a supplier", "by a person")
OLDEST = "it was stored first"


def survivor(members: Mapping[int, Product]) -> Survivor:
    """Return which of the members of a group, by key, is best kept.

    What a person has labelled and what has an article number comes first; then counts how complete it is, by the shares
    of the most specs, pictures and words in the group; of equals the one that was stored first is kept.
    """
    keys = sorted(members)
    said = {name: [measure(members[key]) for key in keys] for name, (measure, _) in MEASURES.items()}
    best = max(range(len(keys)), key=lambda place: _worth(said, place))
    reasons = [
        _worded(name, values[best]) for name, values in said.items() if values[best] == max(values) > min(values)
    ]
    if best == 0:
        reasons.append(OLDEST)
    return Survivor(keys[best], tuple(reasons))


def _worth(said: Mapping[str, Sequence[int]], place: int) -> tuple[int, int, float, int]:
    share = sum(said[name][place] / max(1, *said[name]) for name in ("specs", "pictures", "text", "brand"))
    by_person = int(said["label"][place] == 2)
    return by_person, said["number"][place], round(share, 6), said["label"][place]


def _worded(name: str, value: int) -> str:
    return MEASURES[name][1].format(_BEHIND[value] if name == "label" else value)
