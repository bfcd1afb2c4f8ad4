"""How alike a category of another tree and the categories of this one are, by the words of their names.

Each path is a vector of its words: the last name counts most and every level above it less, rare words of the tree
count more than common ones. Likeness is the cosine of two such vectors, from 0 to 1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from math import log

import numpy as np
import numpy.typing as npt

from taxonomy.names import Path, name_key
from taxonomy.tree import Tree

FADE = 0.7
"""What a name counts beside the one below it."""
COMMON = frozenset(
    (
        *("and", "or", "of", "for", "the", "a", "in", "with", "und", "für", "mit"),
        *("de", "la", "le", "les", "des", "du", "et", "y", "el", "los", "las", "para"),
    )
)

_WORD = re.compile(r"[^\W_]+")
_Floats = npt.NDArray[np.float64]


class Likeness:
    """The names of one tree, ready to be compared with any number of foreign paths."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def nearest(self, path: Path, limit: int) -> list[tuple[int, float]]:
        """Return up to `limit` nodes and how alike they are, the most alike first; none that shares no word.

        Of equals the one nearer the root comes first, then the one that is earlier in the tree.
        """
        known = self._weighed(path)
        length = np.sqrt(sum(weight**2 for weight in known.values()))
        scores = np.zeros(len(self._tree))
        for word, weight in known.items():
            if word in self._postings:
                nodes, weights = self._postings[word]
                scores[nodes] += weight * weights
        found = np.flatnonzero(scores)
        scores = scores[found] / (length or 1.0)
        order = np.lexsort((found, self._tree.depths[found], -np.round(scores, 9)))[:limit]
        return [(int(found[at]), float(min(1.0, scores[at]))) for at in order]

    def _weighed(self, path: Path) -> dict[str, float]:
        return {word: weight * self._rarity(word) for word, weight in words_of(path).items()}

    def _rarity(self, word: str) -> float:
        return log(1 + len(self._tree) / (1 + self._counts.get(word, 0)))

    @cached_property
    def _counts(self) -> Counter[str]:
        """How many categories have a word in their own name."""
        return Counter(word for name in self._tree.names for word in set(_words(name)))

    @cached_property
    def _postings(self) -> dict[str, tuple[npt.NDArray[np.int64], _Floats]]:
        """By word the nodes whose path has it, and its weight there, paths being of length 1."""
        lists: dict[str, tuple[list[int], list[float]]] = {}
        for node in range(len(self._tree)):
            weighed = self._weighed(self._tree.path(node))
            length = sum(weight**2 for weight in weighed.values()) ** 0.5
            for word, weight in weighed.items():
                nodes, weights = lists.setdefault(word, ([], []))
                nodes.append(node)
                weights.append(weight / length)
        return {word: (np.array(nodes), np.array(weights)) for word, (nodes, weights) in lists.items()}


def words_of(path: Sequence[str]) -> dict[str, float]:
    """Return the words of a path with what each counts: 1 in the last name, FADE of that a level above, and so on."""
    bag: dict[str, float] = {}
    for up, name in enumerate(reversed(path)):
        for word in _words(name):
            bag[word] = max(bag.get(word, 0.0), FADE**up)
    return bag


def _words(name: str) -> Iterable[str]:
    """Return the words of a name, without their plural, and without those that tie others together."""
    for word in _WORD.findall(name_key(name)):
        if word not in COMMON:
            yield _singular(word)


def _singular(word: str) -> str:
    """Return an English word without the ending of its plural; elsewhere both sides lose the same letter."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
