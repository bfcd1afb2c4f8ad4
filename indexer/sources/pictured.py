"""The rows of a source with the pictures of their products, looked at ahead of whoever takes the rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from indexer.images.gallery import Gallery
from indexer.images.looking import look
from indexer.product import Product
from indexer.sources.rows import Row

PICTURES = 128
"""Pictures from which a batch takes no further row: their pixels are in memory, some 30 MB in all."""


def batches(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    """Yield rows in lists of `size`, or of as many as have PICTURES pictures in memory together."""
    batch: list[Row] = []
    pixels = 0
    for row in rows:
        batch.append(row)
        pixels += sum(picture.pixels is not None for picture in row.product.pictures) if row.product else 0
        if len(batch) == size or pixels >= PICTURES:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch


def pictured(rows: Iterable[Row], gallery: Gallery, side: int) -> Iterator[Row]:
    """Yield `rows` in their order, each product with its pictures as `images.look` gives them; others pass as they are.

    Raises what taking the rows raises, once those before have been given.
    """
    waiting: deque[Row] = deque()

    def products() -> Iterator[Product]:
        for row in rows:
            waiting.append(row)
            if row.product is not None:
                yield row.product

    for product in look(products(), gallery, side):
        while waiting[0].product is None:
            yield waiting.popleft()
        yield replace(waiting.popleft(), product=product)
    yield from waiting
