"""From the votes about one foreign category, and its name, to the node that it means and a decision. Pure.

The name speaks, too: a node whose name is much like it gets votes as if that many products more had spoken for it, so
that names decide where there are few products, and hardly count where there are many.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from service.mapping.ballots import EXAMPLES, Ballot
from taxonomy.foreign import Meaning, Status, foreign_path
from taxonomy.likeness import Likeness
from taxonomy.tree import Tree

Z = 1.645
"""Of the lower bound of a share: it is at least that in 95 of 100 cases."""
NEAR = 5
"""Nodes of like names that are looked at."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of a meaning before it is applied without a person.

    share: of the votes, for the node. confidence: what that share can be counted on to be. names: votes of a name that
    is the same. alike: from which likeness on a name decides, where the node has the share `named`. scattered: a
    category of at least `many` products of which no department has this share says nothing.
    """

    share: float = 0.8
    confidence: float = 0.5
    names: float = 2.0
    alike: float = 0.9
    named: float = 0.5
    scattered: float = 0.5
    many: int = 10


DEMAND = Demand()


def meaning_of(ballot: Ballot, tree: Tree, likeness: Likeness, demand: Demand = DEMAND) -> Meaning:
    """Return what a foreign category means, with the decision that `demand` allows."""
    near = likeness.nearest(foreign_path(ballot.text), NEAR)
    votes, total = dict(ballot.votes), float(ballot.products)
    for node, alike in near[:1]:
        heard = demand.names * alike**4  # a name that is half alike is hardly heard
        votes[node] = votes.get(node, 0.0) + heard
        total += heard
    if not votes:
        return Meaning(ballot.text, "", "review", products=ballot.products)
    count = _Count(votes, total, tree, ballot.votes)
    deepest = count.deepest(demand)
    node = count.first() if deepest is None else deepest
    alike = dict(near).get(node, 0.0)
    spoken = sorted(ballot.examples, key=lambda each: (each != node, -votes[each], each))
    return Meaning(
        ballot.text,
        tree.text(node),
        _status(count, node, ballot.products, alike, demand),
        share=count.share(node),
        purity=sum((vote / total) ** 2 for vote in votes.values()),
        confidence=lower_bound(count.share(node), total),
        likeness=alike,
        products=ballot.products,
        examples=tuple([title for each in spoken for title in ballot.examples[each]][:EXAMPLES]),
        others=tuple((tree.text(each), votes[each] / total) for each in count.order() if each != node)[:EXAMPLES],
    )


def lower_bound(share: float, of: float) -> float:
    """Return the lower end of Wilson's score interval of a share of `of` votes, 0 of none."""
    if of <= 0:
        return 0.0
    inner = Z * Z / of
    half = Z * math.sqrt(max(0.0, share * (1 - share)) / of + inner / of / 4)
    return max(0.0, (share + inner / 2 - half) / (1 + inner))


class _Count:
    """Votes by node, of `total` in all, and by branch: a node with all that is below it. spoken: by products alone."""

    def __init__(self, votes: dict[int, float], total: float, tree: Tree, spoken: dict[int, float]) -> None:
        self.votes, self.total, self._tree, self._spoken = votes, total, tree, spoken
        self._branch: dict[int, float] = {}
        for node, vote in votes.items():
            at = node
            while at >= 0:
                self._branch[at] = self._branch.get(at, 0.0) + vote
                at = int(tree.parents[at])

    def share(self, node: int) -> float:
        """Return the share of a node's branch."""
        return min(1.0, self._branch[node] / self.total)

    def order(self) -> list[int]:
        """Return the nodes that were voted for, most votes first."""
        return sorted(self.votes, key=lambda node: (-self.votes[node], node))

    def first(self) -> int:
        """Return the node with most votes of its own."""
        return self.order()[0]

    def department(self) -> float:
        """Return the share of the greatest department."""
        return max(self.share(node) for node in self._branch if self._tree.parents[node] < 0)

    def speaks(self, node: int) -> bool:
        """Whether products speak for the node itself, or nothing is below it; else they belong deeper, and apart."""
        return bool(self._tree.leaves[node]) or self._spoken.get(node, 0.0) >= self._branch[node] / 2

    def sure(self, node: int, demand: Demand) -> bool:
        """Whether a branch has what is demanded."""
        share = self.share(node)
        return share >= demand.share and lower_bound(share, self.total) >= demand.confidence

    def deepest(self, demand: Demand) -> int | None:
        """Return the deepest node on the way of most votes that has what is demanded; None when no department has."""
        found: int | None = None
        below = [node for node in self._branch if self._tree.parents[node] < 0]
        while below:
            node = max(below, key=lambda each: (self._branch[each], -each))
            if not self.sure(node, demand):
                return found
            found, below = node, [child for child in self._tree.children(node) if child in self._branch]
        return found


def _status(count: _Count, node: int, products: int, alike: float, demand: Demand) -> Status:
    named = alike >= demand.alike and count.share(node) >= demand.named
    if (named or count.sure(node, demand)) and count.speaks(node):
        return "map"
    scattered = products >= demand.many and count.department() < demand.scattered
    return "ignore" if scattered else "review"
