"""Gives products their tags: the rules of an index, made ready for the tags and the tree that it has now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from indexer.product import Product
from service.answer import TagScore
from service.tags.rules import Conflict, Doubles, TagRules, Weighed, log_odds, sigmoid, weighed
from service.tags.voted import Numbers, Voted
from service.tags.words import LEVELS, UNNAMED, TagWords
from taxonomy.names import SEPARATOR, name_key
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

Nodes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Tagger:
    """Tags by number, with what the rules and the vocabulary say of each.

    odds: float64 (tags, LEVELS); thresholds: float64 (tags,). scopes: tag number -> nodes that it may be given under.
    falls: tag number -> how much its log-odds fall beside other numbers.
    """

    tags: Sequence[str]
    words: TagWords
    weights: tuple[float, ...]
    odds: Doubles
    thresholds: Doubles
    scopes: Mapping[int, frozenset[int]]
    falls: Mapping[int, Mapping[int, float]]

    @classmethod
    def of(cls, rules: TagRules, tags: Sequence[str], vocabulary: Vocabulary, tree: Tree) -> Tagger:
        """Make the rules ready for these tags, numbered in their order, and this tree."""
        tags = tuple(tags)
        known = {name_key(tag): number for number, tag in enumerate(tags)}
        odds = np.repeat(np.array([rules.odds], np.float64), len(tags), axis=0).reshape(len(tags), LEVELS)
        thresholds = np.full(len(tags), rules.threshold)
        for tag, rule in rules.tags.items():
            if (number := known.get(name_key(tag))) is not None:
                odds[number], thresholds[number] = rule.odds, rule.threshold
        scopes = {
            number: frozenset(node for path in paths if (node := tree.find(tuple(path.split(SEPARATOR)))) is not None)
            for tag, paths in vocabulary.scopes.items()
            if (number := known.get(tag)) is not None
        }
        falls = _falls(rules.conflicts, vocabulary.conflicts, known)
        words = TagWords.of(tags, {word: vocabulary.canonical(tag) for word, tag in vocabulary.aliases.items()})
        return cls(tags, words, rules.weights, odds, thresholds, scopes, falls)

    def weigh(self, products: Sequence[Product], votes: Voted) -> Weighed:
        """Return every tag that neighbours or the product itself speak for."""
        return weighed(votes, self.words.named(products), len(self.tags))

    def give(
        self,
        said: Weighed,
        lines: Nodes,
        *,
        carriers: npt.NDArray[np.int32],
        support: int,
        top: int,
        threshold: float | None = None,
    ) -> list[list[TagScore]]:
        """Return the tags of each product, the likeliest first; equal ones in order of number.

        lines: int32 (n, depth), the path that each product is taken to be in, -1 past its end. carriers: int32 (tags,),
        how many products carry each; one with fewer than `support` is given only to who names it, and one that nobody
        carries to nobody. threshold: instead of the tags' own.
        """
        odds = log_odds(said, self.weights, self.odds)
        least = self.thresholds[said.tag] if threshold is None else np.full(len(odds), threshold)
        carried = carriers[said.tag]
        able = ((said.level > UNNAMED) & (carried > 0)) | (carried >= max(1, support))
        kept = np.flatnonzero((sigmoid(odds) >= least) & able)
        order = kept[np.lexsort((said.tag[kept], -odds[kept], said.row[kept]))]
        ends = np.searchsorted(said.row[order], np.arange(len(lines) + 1))
        return [
            self._given(said, order[ends[row] : ends[row + 1]], odds, least, set(line))[:top]
            for row, line in enumerate(lines.tolist())
        ]

    def _given(self, said: Weighed, places: Numbers, odds: Doubles, least: Doubles, line: set[int]) -> list[TagScore]:
        """Return the tags at these places of one product, those left out that do not belong here or beside likelier."""
        given: dict[int, TagScore] = {}
        for place in places.tolist():
            tag = int(said.tag[place])
            if tag in self.scopes and not self.scopes[tag] & line:
                continue
            falls = self.falls.get(tag, {})
            fall = max((falls[other] for other in falls.keys() & given.keys()), default=0.0)
            likely = float(sigmoid(odds[place] - fall))
            if likely >= least[place]:
                given[tag] = TagScore(self.tags[tag], round(likely, 4), _source(said, place))
        return sorted(given.values(), key=lambda tag: -tag.score)


def _source(said: Weighed, place: int) -> Literal["text", "neighbours", "both"]:
    if said.level[place] == UNNAMED:
        return "neighbours"
    return "both" if said.share[place] > 0 else "text"


def _falls(
    learnt: Iterable[Conflict], groups: Iterable[Sequence[str]], known: Mapping[str, int]
) -> dict[int, dict[int, float]]:
    """Return for each tag number how much its log-odds fall beside others; of one group only one is given at all."""
    falls: dict[int, dict[int, float]] = defaultdict(dict)
    excluded = ((one, other, np.inf) for group in groups for one, other in combinations(group, 2))
    for one, other, fall in [*learnt, *excluded]:
        first, second = known.get(name_key(one)), known.get(name_key(other))
        if first is not None and second is not None:
            falls[first][second] = falls[second][first] = fall
    return dict(falls)
