"""Who is asked: the parts that products are held out in, and draws that are the same for every index."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from service.evaluation.groups import Groups


def parts(group: Groups, nodes: npt.NDArray[np.int32], many: int, seed: int) -> npt.NDArray[np.int64]:
    """Return which of `many` parts each product is in: int64 (n,), a group whole, categories spread evenly.

    nodes: category of each, -1 without one. Where `many` groups have a category, each part has one of them.
    """
    rng = np.random.default_rng(seed)
    names, of = np.unique(group, return_inverse=True)
    of_group = np.full(len(names), -1, np.int32)
    np.maximum.at(of_group, of, nodes)
    order = rng.permutation(len(names))
    order = order[np.argsort(of_group[order], kind="stable")]
    part = np.empty(len(names), np.int64)
    part[order] = np.arange(len(names)) % many
    made: npt.NDArray[np.int64] = part[of]
    return made


def drawn(ids: Sequence[str], seed: int) -> npt.NDArray[np.int64]:
    """Return the positions of product ids in an order by chance: int64 (n,).

    Of any two ids the same one comes first whatever others there are, so that two indexes draw the same products.
    """
    lots = [blake2b(f"{seed}:{each}".encode(), digest_size=16).digest() for each in ids]
    return np.array(sorted(range(len(lots)), key=lots.__getitem__), np.int64)
