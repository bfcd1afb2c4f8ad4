"""Systematic errors: a brand, supplier, provenance or old category whose products stand in the wrong place together.

"Supplier X files all chargers under Cases": of the products of X that seem to be chargers, most are stored under Cases,
and far more of them than of anybody else's chargers. What chance could have made is no pattern: the probability of so
many by chance has a bound (Chernoff's, of a binomial count), times everything that was looked at (Bonferroni).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from taxonomy.tree import Tree

Nodes = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

ATTRIBUTES = ("brand", "supplier", "provenance", "foreign_category")
"""What a pattern may be about; the second and the last are facts of a product."""
BELIEVED = 0.05
"""Share of another category (`Suspicions.runner_up`) from which a product counts here as one of it: products of one
source that stand wrong together vouch for each other, so each is doubted little, and what chance may do has its bound
below.
"""
SUPPORT = 3
"""Products that make a pattern at least."""
SHARE = 0.5
"""Share of the value's products of a category that stand elsewhere, at least."""
MOSTLY = 0.75
"""Share of the products of a pattern that a closer one must have to take its place."""
COMMON = 0.9
"""Share of all products above which a value says nothing: there is nobody to compare with."""
CHANCE = 0.01
"""Bound of the probability that chance made any of the patterns that are found."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """`support` of the `products` that carry the value and seem to belong to `suggested` are stored as `stored`.

    stored, suggested: ids of categories; suggested with all below it. share: support of products. lift: how many times
    the share of products without the value that is. chance: bound of the probability that chance made it.
    """

    attribute: str
    value: str
    stored: str
    suggested: str
    support: int
    products: int
    share: float
    lift: float
    chance: float

    @property
    def id(self) -> str:
        """The same for the same pattern, whenever it is found."""
        named = "\0".join((self.attribute, self.value.casefold(), self.stored, self.suggested))
        return hashlib.blake2b(named.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


@dataclass(frozen=True)
class Column:
    """One attribute of n products: codes int32 (n,), places in `values`, -1 for a product without it."""

    name: str
    codes: Nodes
    values: Sequence[str]

    def having(self, value: str) -> npt.NDArray[np.bool_]:
        """Return which products have a value, in whatever case: bool (n,)."""
        folded = value.casefold()
        code = next((place for place, each in enumerate(self.values) if each.casefold() == folded), -2)
        made: npt.NDArray[np.bool_] = self.codes == code
        return made


@dataclass(frozen=True)
class Placed:
    """Where n products stand, and where they seem to belong: nodes of the tree, int32 (n,), equal for most of them."""

    tree: Tree
    stored: Nodes
    believed: Nodes
    columns: Sequence[Column]


@dataclass(frozen=True)
class _Candidates:
    """Patterns that may be: (n,) each; column is a place in Placed.columns, level counts from the root."""

    column: Nodes
    level: Nodes
    code: Numbers
    stored: Numbers
    suggested: Numbers
    support: Numbers
    products: Numbers
    base: Floats
    chance: Floats  # logarithm of the bound for one


def patterns(placed: Placed) -> list[Pattern]:
    """Return the patterns that are found, those with the most products first.

    Of two that are about the same products the less likely by chance is kept: a product belongs to one pattern.
    """
    parts, tests = [], 1
    for place in range(len(placed.columns)):
        for level in range(placed.tree.lineage.shape[1]):
            found, looked = _at_level(placed, place, level)
            parts.append(found)
            tests += looked
    every = _joined(parts)
    good = _deepest(placed.tree, every, every.chance + np.log(tests) <= np.log(CHANCE))
    order = np.lexsort((-every.level, every.chance))
    free = placed.stored != placed.believed
    kept = []
    for at in order[good[order]].tolist():
        column = placed.columns[every.column[at]]
        seems = placed.tree.lineage[placed.believed, every.level[at]]
        own = (column.codes == every.code[at]) & (placed.stored == every.stored[at]) & (seems == every.suggested[at])
        if np.count_nonzero(free & own) * 2 > every.support[at]:
            free &= ~own
            kept.append(_pattern(placed, every, at, tests))
    return sorted(kept, key=lambda each: (-each.support, each.chance, each.id))


def _deepest(tree: Tree, every: _Candidates, good: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return which of the good ones say where products belong as closely as they can: bool (n,).

    One of a category is left out when another names a category below that, with MOSTLY as many of the same products.
    """
    made = good.copy()
    places = np.flatnonzero(good)
    for at in places.tolist():
        same = (every.column[places] == every.column[at]) & (every.code[places] == every.code[at])
        same &= (every.stored[places] == every.stored[at]) & (every.level[places] > every.level[at])
        same &= tree.lineage[every.suggested[places], every.level[at]] == every.suggested[at]
        made[at] = not (same & (every.support[places] >= MOSTLY * every.support[at])).any()
    return made


def _at_level(placed: Placed, place: int, level: int) -> tuple[_Candidates, int]:
    """Return what may be patterns of one attribute, as suggested at one level, and how many were looked at."""
    codes, stored = placed.columns[place].codes.astype(np.int64), placed.stored.astype(np.int64)
    seems = placed.tree.lineage[placed.believed, level].astype(np.int64)
    there = (seems >= 0) & (placed.stored >= 0)
    wrong = there & (placed.tree.lineage[placed.stored, level] != seems)
    size, rare = max(1, len(placed.tree)), _rare(placed.columns[place])
    all_seem = np.bincount(seems[there], minlength=size)
    pairs, all_stored = np.unique(stored[wrong] * size + seems[wrong], return_counts=True)
    kinds = np.bincount(pairs % size, minlength=size)  # stored categories that each is mistaken for
    own, of_value = np.unique(codes[there & rare] * size + seems[there & rare], return_counts=True)
    triples, support = np.unique(
        np.stack([codes[wrong & rare], stored[wrong & rare], seems[wrong & rare]]), axis=1, return_counts=True
    )
    enough = support >= SUPPORT
    (code, where, what), support = triples[:, enough], support[enough]
    products = of_value[np.searchsorted(own, code * size + what)]
    others = all_seem[what] - products
    elsewhere = all_stored[np.searchsorted(pairs, where * size + what)] - support
    usual = np.count_nonzero(placed.stored != placed.believed) / max(1, len(placed.stored))
    base = np.clip((elsewhere + usual) / (others + 1), 1e-9, 1 - 1e-9)
    share = support / products
    chance = np.where((share > base) & (share >= SHARE), -products * _divergence(share, base), 0.0)
    full = np.full(len(code), place, np.int32), np.full(len(code), level, np.int32)
    return _Candidates(*full, code, where, what, support, products, base, chance), int(kinds[own % size].sum())


def _rare(column: Column) -> npt.NDArray[np.bool_]:
    """Return which products carry a value that not nearly all of them carry: bool (n,)."""
    counts = np.bincount(column.codes[column.codes >= 0], minlength=max(1, len(column.values)))
    return (column.codes >= 0) & (counts[column.codes] <= COMMON * len(column.codes))


def _divergence(share: Floats, base: Floats) -> Floats:
    """Return the relative entropy of a coin of `share` to one of `base`, which bounds a binomial tail (Chernoff)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(share > 0, share * np.log(share / base), 0)
        right = np.where(share < 1, (1 - share) * np.log((1 - share) / (1 - base)), 0)
    made: Floats = left + right
    return made


def _joined(parts: Sequence[_Candidates]) -> _Candidates:
    if not parts:
        nothing = np.zeros(0, np.int64)
        return _Candidates(*(nothing.astype(np.int32),) * 2, *(nothing,) * 5, *(nothing.astype(np.float64),) * 2)
    names = _Candidates.__dataclass_fields__
    return _Candidates(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _pattern(placed: Placed, every: _Candidates, at: int, tests: int) -> Pattern:
    column = placed.columns[every.column[at]]
    share = float(every.support[at] / every.products[at])
    return Pattern(
        column.name,
        column.values[every.code[at]],
        placed.tree.ids[every.stored[at]],
        placed.tree.ids[every.suggested[at]],
        int(every.support[at]),
        int(every.products[at]),
        round(share, 6),
        round(share / float(every.base[at]), 2),
        float(np.exp(min(0.0, every.chance[at] + np.log(tests)))),
    )
