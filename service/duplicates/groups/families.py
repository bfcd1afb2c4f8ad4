"""Groups as they stand for their members: what is between them, who joins them as a copy, and families of them.

A group is judged as one product, named by its least key; a product that is in no group is named by itself.
"""

from __future__ import annotations

import numpy as np

from service.duplicates.groups.grouping import NEVER, Groups, Keys, Scores


def named(groups: Groups, keys: Keys) -> Keys:
    """Return the group of each key, or itself: int64 (n,)."""
    name = groups.of(keys)
    return np.where(name >= 0, name, keys)


def between(groups: Groups, related: Scores, least: float) -> Scores:
    """Return pairs of groups as the surest of the pairs of their members; who is parted stays so.

    Below `least`, from which pairs are surely known, only the pair of their first members counts: it is what is asked
    for where it is not known, so that families do not hang on which pairs happen to have been judged.
    """
    left, right = named(groups, related.left), named(groups, related.right)
    first = (left == related.left) & (right == related.right)
    parted = related.weight == NEVER
    rows = np.flatnonzero(first | parted | (related.weight >= least))
    order = rows[np.argsort(related.weight[rows], kind="stable")]
    left, right, weight, parted = left[order], right[order], related.weight[order], parted[order]
    return Scores.of(left, right, weight).joined(Scores.of(left[parted], right[parted], weight[parted]))


def with_copies(groups: Groups, keys: Keys, stands: Keys) -> Groups:
    """Return groups with the copies of their members, and those of copies alone.

    keys: int64 (n,), ascending. stands: who stands for each, itself or the first of equal content.
    """
    copied = np.isin(stands, stands[keys != stands])
    name = groups.of(stands)
    name = np.where((name < 0) & copied, stands, name)
    return Groups(keys[name >= 0], name[name >= 0], groups.asked)


def of_members(families: Groups, groups: Groups, keys: Keys, stands: Keys) -> Groups:
    """Return families of groups as those of all their members, and of products that are in none.

    keys, stands: as for `with_copies`.
    """
    family = families.of(named(groups, stands))
    return Groups(keys[family >= 0], family[family >= 0], families.asked)
