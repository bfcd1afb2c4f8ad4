"""Votes about foreign categories: for each how many products carry it, and for which nodes they speak how much."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from taxonomy.foreign import foreign_key

EXAMPLES = 3
EXAMPLE_CHARS = 80
SPELLINGS = 20_000
"""Texts whose key is remembered."""
CATEGORIES = 1_000_000
"""Foreign categories that are counted, at most; later ones are left out."""


@dataclass(slots=True)
class Ballot:
    """The votes about one foreign category.

    text: as the first product wrote it. products: that spoke. votes: by node, of at most 1 a product in all. examples:
    by node, titles of products that spoke for it first. mute: products with no label that speaks.
    """

    text: str
    products: int = 0
    votes: dict[int, float] = field(default_factory=dict)
    examples: dict[int, list[str]] = field(default_factory=dict)
    mute: int = 0

    def add(self, nodes: Iterable[tuple[int, float]], example: str) -> None:
        """Count one product that speaks for nodes, each with a share of its vote, the likeliest first."""
        self.products += 1
        for place, (node, share) in enumerate(nodes):
            self.votes[node] = self.votes.get(node, 0.0) + share
            if place == 0 and len(shown := self.examples.setdefault(node, [])) < EXAMPLES:
                shown.append(example[:EXAMPLE_CHARS])


class Ballots:
    """The votes about every foreign category, in the order in which they were met."""

    def __init__(self) -> None:
        self._of: dict[str, Ballot] = {}
        self._written = lru_cache(SPELLINGS)(foreign_key)

    def of(self, foreign: str) -> Ballot | None:
        """Return the votes about a foreign category so far, as one that votes can be added to; None over the limit."""
        key = self._written(foreign)
        found = self._of.get(key)
        if found is None and len(self._of) < CATEGORIES:
            found = self._of[key] = Ballot(foreign)
        return found

    def known(self, foreign: str) -> Ballot | None:
        """Return the votes about a foreign category, None when it was never met."""
        return self._of.get(foreign_key(foreign))

    def __iter__(self) -> Iterator[Ballot]:
        """Give each foreign category's votes."""
        return iter(self._of.values())

    def __len__(self) -> int:
        """Return how many foreign categories there are."""
        return len(self._of)
