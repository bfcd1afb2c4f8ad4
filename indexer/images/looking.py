"""Products in their order with their pictures attached, read and decoded in threads ahead of whoever encodes them.

While the encoder works on one batch, the pictures of the next are decoded: Pillow leaves the interpreter to others
meanwhile. How far ahead is bounded, in pictures and in bytes of pixels, so memory does not grow with the catalogue.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from indexer.images.decode import read_picture
from indexer.images.gallery import Gallery, Unread
from indexer.picture import Picture
from indexer.product import Product
from indexer.settings import ImageSettings

AHEAD = 128
"""Pictures that are read ahead: two batches of products with one each."""
AHEAD_BYTES = 256_000_000
"""Bytes of decoded pixels from which no more are begun."""


def look(
    products: Iterable[Product],
    gallery: Gallery,
    side: int,
    threads: int = 0,
    settings: ImageSettings | None = None,
) -> Iterator[Product]:
    """Yield `products` in their order, each with one Picture for each of its images, or one `problem` instead.

    side: shorter side of the pixels that are asked for (`decode.read_picture`). threads: 0 takes one for each core.
    Images beyond `image_count` are not read, and their problem says so. A reference that several products share is
    read once while one of them is near. Products that were looked at before, or have no image, pass as they are.
    """
    settings = settings or ImageSettings()
    waiting: deque[tuple[Product, list[Future[Picture]]]] = deque()
    remaining = iter(products)
    pool = ThreadPoolExecutor(threads or os.cpu_count() or 1, "pictures")
    begun = _Begun(pool, gallery, side, settings)
    try:
        more = True
        while more or waiting:
            while more and begun.room:
                product = next(remaining, None)
                if product is None:
                    more = False
                else:
                    waiting.append((product, begun.begin(product)))
            if waiting:
                product, futures = waiting.popleft()
                yield begun.end(product, futures)
    finally:
        pool.shutdown(cancel_futures=True)


class _Begun:
    """Pictures that were begun and not handed on yet, by reference."""

    def __init__(self, pool: ThreadPoolExecutor, gallery: Gallery, side: int, settings: ImageSettings) -> None:
        self._pool, self._gallery, self._side, self._settings = pool, gallery, side, settings
        self._futures: dict[str, Future[Picture]] = {}
        self._wanted: Counter[str] = Counter()
        self._products = 0

    @property
    def room(self) -> bool:
        """Whether another product may be begun; always when none is."""
        if not self._products:
            return True
        if max(len(self._futures), self._products) >= AHEAD:
            return False
        ready = (future.result() for future in self._futures.values() if future.done())
        return sum(picture.pixels.nbytes for picture in ready if picture.pixels is not None) < AHEAD_BYTES

    def begin(self, product: Product) -> list[Future[Picture]]:
        """Begin with the pictures of a product."""
        self._products += 1
        wanted = self._of(product)
        for reference in wanted:
            if reference not in self._futures:
                self._futures[reference] = self._pool.submit(self._read, reference)
            self._wanted[reference] += 1
        return [self._futures[reference] for reference in wanted]

    def end(self, product: Product, futures: list[Future[Picture]]) -> Product:
        """Return a product with its pictures, once they are there."""
        self._products -= 1
        wanted = self._of(product)
        pictures = [future.result() for future in futures]
        for reference in wanted:
            self._wanted[reference] -= 1
            if not self._wanted[reference]:
                del self._futures[reference], self._wanted[reference]
        if not wanted:
            return product
        limit = self._settings.image_count
        unseen = Picture(
            problem=f"not looked at: only the first {limit} images of a product are; set AISLE_IMAGE_COUNT"
        )
        return replace(product, pictures=(*pictures, *[unseen] * (len(product.images) - len(pictures))))

    def _of(self, product: Product) -> tuple[str, ...]:
        return () if product.pictures else product.images[: self._settings.image_count]

    def _read(self, reference: str) -> Picture:
        try:
            data = self._gallery.read(reference)
        except Unread as unread:
            return Picture(problem=str(unread))
        limits = self._settings
        return read_picture(data, self._side, image_bytes=limits.image_bytes, image_pixels=limits.image_pixels)
