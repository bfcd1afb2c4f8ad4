"""The images of a request looked at: decoded in threads, never on the event loop, and each one's problem kept.

A picture that cannot be read costs its product that picture and nothing else. What comes from here goes to the worker.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from indexer.images.decode import read_picture
from indexer.images.gallery import Gallery, Unread, open_gallery
from indexer.picture import Picture
from indexer.product import Product
from service.rest.asking import serving_of, settings_of
from service.rest.forms import too_large
from service.rest.images import ImageBody
from service.rest.problems import TooManyItems
from service.rest.replies import images_shown
from service.rest.schemas import ProductFields
from service.settings import ServiceSettings

REQUEST_IMAGES = 1_000
"""Images in one request at most; of lines of JSON, which are answered one after the other, in one step."""

REQUEST_PIXELS = 1_000_000_000
"""Bytes of decoded pixels of one request in memory, from which no more images are looked at: a thousand photos take
300 to 600 million, but a long narrow picture of 5 KB takes 10 million alone."""

REQUEST_SECONDS = 120
"""Seconds that decoding the images of one request may take together: a thousand photos take 40, but a picture that was
made to last takes 4 alone."""

FETCHED_AT_ONCE = 8
"""Images that are fetched from elsewhere at the same time, when that is allowed."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A product as it was sent, and its images before anybody looked."""

    product: Product
    images: Sequence[ImageBody]


def listing(request: Request, product: Product, body: ProductFields) -> Listing:
    """Return the product with the images of its body; raises ImageTooLarge for the first that is."""
    images, limit = body.images or (), settings_of(request).image_bytes
    for at, image in enumerate(images):
        if image.data is not None and len(image.data) > limit:
            raise too_large(image.name, limit, f"/images/{at}/data")
    return Listing(product, images)


class Room:
    """What the pictures of one request have taken so far: memory of their pixels, in bytes, and seconds to decode them.

    turns: as many of them are looked at at a time as there are cores, so that those of another request come between.
    """

    def __init__(self) -> None:
        self.taken = 0
        self.seconds = 0.0
        self.turns = asyncio.Semaphore(os.cpu_count() or 1)

    def full(self) -> str:
        """Return the limit that was reached, in words, "" before."""
        if self.taken >= REQUEST_PIXELS:
            return f"take {REQUEST_PIXELS:,} bytes of memory"
        return f"took {REQUEST_SECONDS:g} s" if self.seconds >= REQUEST_SECONDS else ""

    def read(self, data: bytes, side: int, settings: ServiceSettings) -> Picture:
        """Return a picture, and count it."""
        begun = time.perf_counter()
        picture = read_picture(data, side, image_bytes=settings.image_bytes, image_pixels=settings.image_pixels)
        self.seconds += time.perf_counter() - begun
        self.taken += 0 if picture.pixels is None else picture.pixels.nbytes
        return picture


class Looking:
    """Looks at images, as many at a time as there are cores; one for the whole service."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._gallery: Gallery = open_gallery(None, fetch=settings.fetch_images, settings=settings)
        self._cores = asyncio.Semaphore(os.cpu_count() or 1)
        self._fetched = asyncio.Semaphore(FETCHED_AT_ONCE)

    async def at(self, images: Sequence[ImageBody], side: int, room: Room) -> tuple[Picture, ...]:
        """Return a picture of each image, in order, for an encoder that looks at `side` pixels.

        room: of the request; where it is full, the images that are left have that as their problem.
        """
        limit = self._settings.image_count
        unseen = Picture(problem=f"not looked at: only the first {limit} images of a product are; raise the limit")
        seen = await asyncio.gather(*(self._one(image, side, room) for image in images[:limit]))
        return (*seen, *[unseen] * (len(images) - len(seen)))

    async def _one(self, image: ImageBody, side: int, room: Room) -> Picture:
        data = image.data
        if data is None:
            try:
                async with self._fetched:
                    data = await run_in_threadpool(self._gallery.read, image.name)
            except Unread as unread:
                return Picture(problem=str(unread))
        async with room.turns, self._cores:
            if full := room.full():
                limit = f"the images before it {full}, the limit of a request"
                return Picture(problem=f"not looked at: {limit}; send several")
            return await run_in_threadpool(room.read, data, side, self._settings)


def images_of(request: Request, product: Product) -> list[dict[str, Any]]:
    """Return what became of the images of a product that was looked at, as answers show it."""
    return images_shown(product, serving_of(request).live.encoder.side)


async def looked_at(request: Request, listings: Sequence[Listing]) -> list[Product]:
    """Return the products with the pictures of their images, in order; raises TooManyItems beyond REQUEST_IMAGES."""
    count = sum(len(each.images) for each in listings)
    if count > REQUEST_IMAGES:
        raise TooManyItems(f"{count:,} images given, the limit of a request is {REQUEST_IMAGES:,}; send several")
    looking: Looking = request.app.state.looking
    side = serving_of(request).live.encoder.side
    room = Room()
    shown = [each for each in listings if each.images]
    looked = iter(await asyncio.gather(*(looking.at(each.images, side, room) for each in shown)))
    return [replace(each.product, pictures=next(looked)) if each.images else each.product for each in listings]
