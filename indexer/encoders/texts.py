"""The texts of products through a text model: equal ones once, each row where it belongs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from indexer.encoders import Mask, Vectors
from indexer.normalize import text_of
from indexer.product import Product

Embed = Callable[[Sequence[str]], Iterable[tuple[Sequence[int], Vectors]]]
"""Yields batch by batch the positions in some texts and their unit rows; each position comes once."""


def embedded(products: Sequence[Product], dim: int, embed: Embed, done: Callable[[int], None]) -> tuple[Vectors, Mask]:
    """Return float32 (n, dim) unit rows, zeros without a text, and which products have one: bool (n,).

    done(n): n more products are through, in the caller's thread.
    """
    rows_of: dict[str, list[int]] = {}
    for row, product in enumerate(products):
        rows_of.setdefault(text_of(product), []).append(row)
    empty = rows_of.pop("", [])
    told = np.ones(len(products), np.bool_)
    told[empty] = False
    vectors = np.zeros((len(products), dim), np.float32)
    if empty:
        done(len(empty))
    rows = list(rows_of.values())
    for positions, batch in embed(list(rows_of)):
        for position, vector in zip(positions, batch, strict=True):
            vectors[rows[position]] = vector
        done(sum(len(rows[position]) for position in positions))
    return vectors, told
