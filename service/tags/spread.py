"""How phrases lie over the categories: what each tells beyond them, and how many it reaches. Pure numpy.

    inside(phrase) = sum over categories of  share of the catalogue * H(share of the category that says it)

the entropy of a phrase given the category, in bits: how much it tells about a product whose shelf is known. A phrase
that is another word for one category tells next to nothing, and neither does a rare one; one that halves many
categories tells most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.tags.phrases import Counted, Numbers
from taxonomy.tree import Tree

Doubles = npt.NDArray[np.float64]

FULL = 30
"""Products from which a category stands for itself; a smaller one is taken with all that is beside it."""
CHUNK = 256


@dataclass(frozen=True, slots=True)
class Spread:
    """How each of n phrases lies over the categories, float64 (n,) each.

    inside: bits that it tells about a product whose category is known. breadth: how many categories it would have to be
    spread over evenly to be as spread as it is, the exponent of its entropy over them. reach: the categories that it is
    said in, as a part of those that as many products taken by chance would be in.
    """

    inside: Doubles
    breadth: Doubles
    reach: Doubles


def spread_of(said: Counted, sizes: Numbers, tree: Tree) -> Spread:
    """Return how the phrases lie over the categories; sizes: int64 (1 + nodes,), products without one first."""
    group = pooled(sizes, tree)
    wide = np.bincount(group, sizes)
    many, size, total = len(said.phrases), len(wide), max(1, int(sizes.sum()))
    codes, place = np.unique(said.phrase * size + group[said.node + 1], return_inverse=True)
    times = np.bincount(place, said.times, minlength=len(codes))
    phrase, at = np.divmod(codes, size)
    share = times / said.products[phrase]
    told = wide[at] / total * entropy(times / wide[at])
    reached = np.bincount(phrase, minlength=many) / _by_chance(said.products, wide / total)
    return Spread(
        inside=np.bincount(phrase, told, minlength=many).astype(np.float64),
        breadth=np.exp(np.bincount(phrase, -share * np.log(share), minlength=many)),
        reach=reached,
    )


def pooled(sizes: Numbers, tree: Tree) -> Numbers:
    """Return the group of no category and of each, int64 (1 + nodes,): numbers without a gap.

    A category stands for itself when FULL products are in its branch; else it joins the deepest above it that does.
    """
    totals = tree.totals(sizes[1:])
    group = np.zeros(len(sizes), np.int64)
    for node in range(len(tree)):
        line = tree.lineage[node][tree.lineage[node] >= 0]
        full = line[totals[line] >= FULL]
        group[node + 1] = 1 + (full[-1] if len(full) else line[0])
    _, numbered = np.unique(group, return_inverse=True)
    return numbered.astype(np.int64)


def entropy(share: Doubles) -> Doubles:
    """Return the entropy of a yes or no in bits, 0 for a share of 0 or 1."""
    inside = np.clip(share, 1e-12, 1 - 1e-12)
    bits: Doubles = -(inside * np.log2(inside) + (1 - inside) * np.log2(1 - inside))
    return bits


def _by_chance(products: Numbers, share: Doubles) -> Doubles:
    """Return how many groups as many products taken by chance would be in, float64 (n,)."""
    every, place = np.unique(products, return_inverse=True)
    expected = np.empty(len(every))
    for start in range(0, len(every), CHUNK):
        some = every[start : start + CHUNK, None]
        expected[start : start + CHUNK] = (1 - (1 - share[None]) ** some).sum(axis=1)
    made: Doubles = expected[place]
    return made
