"""Which phrases of a catalogue would make tags: said often, of many products, and by no tag or category so far.

Candidates are what a good part of the products says. Left out are words that only hold others together, units, brands,
names of specs and of product families, words that hardly ever come without another, and what is known already. The
rest is ranked by what a phrase tells about products whose category is known, and by how many categories it crosses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from service.tags.phrases import Counted, Numbers
from service.tags.spread import Doubles, Spread, spread_of
from service.tags.words import Words, words_of
from taxonomy.tree import Tree

Mask = npt.NDArray[np.bool_]

SUPPORT, PER = 5, 2_000
"""Products that say a phrase at least; one in PER of all, where that is more."""
SHARE = 0.5
"""Share of all products at most: what more than half of them say tells no two apart."""
MOSTLY = 0.5
"""Share of those that say a word from which it is a unit, a brand, or what its category is called."""
SELDOM_ALONE, SELDOM_LAST, HEADS, ANYWHERE = 0.02, 0.1, 0.9, 0.35
"""A word holds others together that hardly ever stands alone or last and not always first, in more than a third of the
categories that as many products by chance would be in: of, the, avec, für. On flipkart_20k, mwpd_gpc_16k and
cdiscount_50k these words stand alone in 0 to 1 of a hundred products, last in 0 to 10, articles first in 37 to 85, and
reach 0.4 to 0.95."""
ITSELF = 0.2
"""Share of those that say a phrase that have it alone, from which its words may be any."""
FAMILIES, PER_FAMILY = 8, 8
"""With as many openings of a title a phrase is no family's name; with fewer, one for each PER_FAMILY products."""
CROSSES = 1.5
"""What is always first (HEADS), in hardly more than one category, is the name of a family too."""
TOGETHER = 0.45
"""Normalised pointwise mutual information (Bouma 2009) of the parts of a phrase at least."""
FREE = 0.3
"""Share of those that say a phrase that must say it outside of longer phrases."""
CLOSED = 0.8
"""Share of those that say a phrase that say a longer one around it, from which it is no phrase of its own."""
ALONE_SCORES = 0.3
"""What a phrase of one category alone counts beside one of many, by what it tells."""
LETTERS = 3
"""Letters of a phrase at least, and of what is left of a word without its ending; two where a sign is more than one."""
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A phrase that would make a tag.

    categories: the SHOWN nodes, -1 for none, with most products that say it, and how many; key: of the first of them.
    """

    phrase: str
    products: int
    share: float
    categories: tuple[tuple[int, int], ...]
    key: int


def suggested(said: Counted, sizes: Numbers, tree: Tree, known: Iterable[str], limit: int) -> list[Suggestion]:
    """Return the `limit` phrases that would make the best tags, best first; the same input gives the same list.

    sizes: int64 (1 + nodes,), the products without a category and in each, which `said` was counted from. known: tags
    and other words that need no suggestion.
    """
    total = max(1, int(sizes.sum()))
    spread = spread_of(said, sizes, tree)
    choice = _Choice(said, total, spread, _Known.of(known, tree))
    score = spread.inside * (1 - (1 - ALONE_SCORES) / spread.breadth)
    ranked = sorted(choice.chosen(), key=lambda number: (-score[number], said.phrases[number]))
    distinct = {tuple(map(_stem, said.phrases[number].split())): number for number in reversed(ranked)}
    best = sorted(distinct.values(), key=lambda number: (-score[number], said.phrases[number]))[:limit]
    return [_suggestion(said, number, total) for number in best]


def _suggestion(said: Counted, number: int, total: int) -> Suggestion:
    here = slice(*np.searchsorted(said.phrase, [number, number + 1]))
    node, times = said.node[here], said.times[here]
    most = np.argsort(-times, kind="stable")[:SHOWN]
    products = int(said.products[number])
    categories = tuple(zip(node[most].tolist(), times[most].tolist(), strict=True))
    return Suggestion(said.phrases[number], products, products / total, categories, int(said.first[number]))


@dataclass(frozen=True, slots=True)
class _Known:
    """Words of what needs no suggestion: tags, whole or without the key before a colon, and names of categories."""

    tags: frozenset[Words]
    names: frozenset[Words]
    tree: Tree

    @classmethod
    def of(cls, tags: Iterable[str], tree: Tree) -> _Known:
        values = [part for tag in tags for part in {tag, tag.partition(":")[2]}]
        return cls(frozenset(map(_stems, values)) - {()}, frozenset(map(_stems, tree.names)) - {()}, tree)

    def is_tag(self, words: Sequence[str]) -> bool:
        """Whether the phrase is a tag."""
        return tuple(map(_stem, words)) in self.tags

    def covers(self, words: Sequence[str]) -> bool:
        """Whether a tag is in the phrase, or a category is called that."""
        stems = tuple(map(_stem, words))
        parts = {stems[start:end] for start, end in combinations(range(len(stems) + 1), 2)}
        return stems in self.names or not self.tags.isdisjoint(parts)

    def named(self, said: Counted, often: Mask) -> Doubles:
        """Return the share of those that say each single word whose own category says it in its path: float64 (n,).

        often: bool (n,), which phrases to look at; 0 for the others.
        """
        single = np.array([" " not in phrase for phrase in said.phrases], np.bool_)
        here = np.flatnonzero((single & often)[said.phrase] & (said.node >= 0))
        names: dict[int, frozenset[str]] = {}
        times = np.zeros(len(said.phrases))
        for number, node, count in zip(
            said.phrase[here].tolist(), said.node[here].tolist(), said.times[here].tolist(), strict=True
        ):
            if node not in names:
                names[node] = _endings(word for name in self.tree.path(node) for word in words_of(name))
            if not _endings([said.phrases[number]]).isdisjoint(names[node]):
                times[number] += count
        return times / np.maximum(said.products, 1)


class _Choice:
    """Sorts the phrases of a catalogue out, the longest first, since a shorter one may be but a piece of it."""

    def __init__(self, said: Counted, total: int, spread: Spread, known: _Known) -> None:
        self._said, self._total, self._known = said, total, known
        self._number = {phrase: number for number, phrase in enumerate(said.phrases)}
        support = max(SUPPORT, total // PER, said.lost + 1)
        self._often = (said.products >= support) & (said.products <= SHARE * total)
        first, last, alone, counted, brand = (said.ways / np.maximum(said.products, 1)[:, None]).T
        self._alone = alone >= ITSELF
        between = (alone < SELDOM_ALONE) & (last < SELDOM_LAST) & (first < HEADS)
        self._holds = between & (spread.reach > ANYWHERE)
        self._family = (said.openings < np.minimum(FAMILIES, np.maximum(2, said.products / PER_FAMILY))) | (
            (first >= HEADS) & ~self._alone & (spread.breadth < CROSSES)
        )
        self._other = (counted >= MOSTLY) | (brand >= MOSTLY) | (known.named(said, self._often) >= MOSTLY)

    def chosen(self) -> list[int]:
        """Return the numbers of the phrases that would make tags."""
        said = self._said
        words = {number: said.phrases[number].split(" ") for number in np.flatnonzero(self._often).tolist()}
        before: dict[str, int] = defaultdict(int)
        behind: dict[str, int] = defaultdict(int)
        around: dict[str, int] = defaultdict(int)
        chosen = []
        for number in sorted(words, key=lambda number: -len(words[number])):
            phrase, products = said.phrases[number], int(said.products[number])
            head, tail = " ".join(words[number][:-1]), " ".join(words[number][1:])
            fits = self._fits(number, words[number])
            free = products - max(before[phrase], behind[phrase])
            if fits and free >= FREE * products and around[phrase] < CLOSED * products:
                chosen.append(number)
            if fits or self._known.is_tag(words[number]):
                before[tail] += products
                behind[head] += products
            if not any(self._other[self._number[word]] for word in words[number] if word in self._number):
                around[head], around[tail] = max(around[head], products), max(around[tail], products)
        return chosen

    def _fits(self, number: int, words: Sequence[str]) -> bool:
        """Return whether a phrase could be a tag by itself."""
        places = [self._number.get(word, -1) for word in words]
        said = self._said
        return (
            min(places) >= 0
            and len(said.phrases[number]) >= (LETTERS if words[0].isascii() else LETTERS - 1)
            and all(len(word) > 1 for word in words[1:])
            and not (self._other[places].any() or self._other[number] or self._family[number])
            and (bool(self._alone[number]) or not (self._holds[places[0]] or self._holds[places[-1]]))
            and bool(said.names[number] < said.products[number])
            and not self._known.covers(words)
            and self._together(number, words) >= TOGETHER
        )

    def _together(self, number: int, words: Sequence[str]) -> float:
        """Return how much the parts of a phrase belong together where they do least, 1 for a single word."""
        both, least = self._said.products[number] / self._total, 1.0
        for cut in range(1, len(words)):
            parts = [self._number.get(" ".join(part), -1) for part in (words[:cut], words[cut:])]
            if min(parts) < 0:  # forgotten while counting: it is not said often
                return -1.0
            one, other = self._said.products[parts] / self._total
            least = min(least, float(np.log(both / (one * other)) / -np.log(both)))
        return least


def _endings(words: Iterable[str]) -> frozenset[str]:
    """Return words with and without an ending, as they are compared: lamp, lamps and Lampen have one in common."""
    return frozenset(
        word[: len(word) - cut] for word in words for cut in range(3) if not cut or len(word) - cut >= LETTERS
    )


def _stems(text: str) -> Words:
    return tuple(map(_stem, words_of(text)))


def _stem(word: str) -> str:
    """Return a word without the s of its plural."""
    return word[:-1] if len(word) > LETTERS and word.endswith("s") and not word.endswith("ss") else word
