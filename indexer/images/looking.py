"""Products in their order with their pictures attached, read and decoded in threads ahead of whoever encodes them.

While the encoder works on one batch, the pictures of the next are decoded: Pillow leaves the interpreter to others
meanwhile. How far ahead is bounded, in pictures and in bytes of pixels, so memory does not grow with the catalogue.
"""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from indexer.images.decode import read_picture
from indexer.images.gallery import Gallery, Unread
from indexer.picture import Picture
from indexer.product import Product
from indexer.settings import ImageSettings

AHEAD = 128
"""Pictures, and products, ahead of the consumer at most: two batches of products with one picture each."""
AHEAD_BYTES = 256_000_000
"""Bytes of decoded pixels that wait, from which no more pictures are begun."""


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
    reading = _Reading(partial(_read, gallery, side, settings), threads or os.cpu_count() or 1)
    ahead: deque[Product] = deque()
    remaining = iter(products)
    try:
        more = True
        while more or ahead:
            while more and len(ahead) < AHEAD and (reading.room or not ahead):
                product = next(remaining, None)
                if product is None:
                    more = False
                else:
                    reading.begin(_wanted(product, settings))
                    ahead.append(product)
            if ahead:
                product = ahead.popleft()
                yield _looked_at(product, reading.end(_wanted(product, settings)), settings)
    finally:
        reading.close()


def _wanted(product: Product, settings: ImageSettings) -> tuple[str, ...]:
    return () if product.pictures else product.images[: settings.image_count]


def _looked_at(product: Product, pictures: list[Picture], settings: ImageSettings) -> Product:
    if not pictures:
        return product
    limit = settings.image_count
    unseen = Picture(problem=f"not looked at: only the first {limit} images of a product are; set AISLE_IMAGE_COUNT")
    return replace(product, pictures=(*pictures, *[unseen] * (len(product.images) - limit)))


def _read(gallery: Gallery, side: int, settings: ImageSettings, reference: str) -> Picture:
    try:
        data = gallery.read(reference)
    except Unread as unread:
        return Picture(problem=str(unread))
    return read_picture(data, side, image_bytes=settings.image_bytes, image_pixels=settings.image_pixels)


class _Reading:
    """Pictures by reference, from when they are wanted until everybody who wanted them has them.

    They are begun in the order in which they were wanted, one for each thread, as long as those that wait do not have
    too many bytes; whoever is done begins the next. What the consumer has come to wait for is begun in any case.
    """

    def __init__(self, read: Callable[[str], Picture], threads: int) -> None:
        self._read, self._threads = read, threads
        self._pool = ThreadPoolExecutor(threads, "pictures")
        self._lock = threading.Lock()
        self._futures: dict[str, Future[Picture]] = {}
        self._wanted: Counter[str] = Counter()
        self._queue: deque[str] = deque()
        self._working = self._bytes = self._urgent = 0

    @property
    def room(self) -> bool:
        """Whether more may be wanted."""
        return len(self._futures) < AHEAD

    def begin(self, references: Iterable[str]) -> None:
        """Want the pictures of a product."""
        with self._lock:
            for reference in references:
                self._wanted[reference] += 1
                if reference not in self._futures:
                    self._futures[reference] = Future()
                    self._queue.append(reference)
            self._start()

    def end(self, references: Sequence[str]) -> list[Picture]:
        """Return the pictures of a product, once they are there."""
        with self._lock:
            self._urgent = sum(reference in self._queue for reference in set(references))  # the first of the queue
            self._start()
        pictures = [self._futures[reference].result() for reference in references]
        with self._lock:
            for reference, picture in zip(references, pictures, strict=True):
                self._wanted[reference] -= 1
                if not self._wanted[reference]:
                    self._bytes -= _size(picture)
                    del self._futures[reference], self._wanted[reference]
            self._start()
        return pictures

    def close(self) -> None:
        """Begin no more, and wait for those that were begun."""
        with self._lock:
            self._queue.clear()
        self._pool.shutdown()

    def _start(self) -> None:
        while self._queue and self._working < self._threads and (self._urgent or self._bytes < AHEAD_BYTES):
            self._urgent = max(0, self._urgent - 1)
            self._working += 1
            self._pool.submit(self._work, self._queue.popleft())

    def _work(self, reference: str) -> None:
        future = self._futures[reference]
        try:
            picture = self._read(reference)
        except BaseException as error:
            with self._lock:
                self._working -= 1
                self._start()
            future.set_exception(error)
            return
        with self._lock:
            self._working -= 1
            self._bytes += _size(picture)
            self._start()
        future.set_result(picture)


def _size(picture: Picture) -> int:
    return 0 if picture.pixels is None else picture.pixels.nbytes
