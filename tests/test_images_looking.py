"""indexer/images/looking.py: products with pictures, in order, each read once and not too far ahead."""

from __future__ import annotations

import io
import threading
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from indexer.images import looking
from indexer.images.decode import read_picture
from indexer.images.gallery import Unread
from indexer.images.looking import look
from indexer.picture import Picture
from indexer.product import Product
from indexer.settings import ImageSettings


def image(grey: int, side: int = 8) -> bytes:
    """Return a PNG of one grey."""
    file = io.BytesIO()
    Image.new("L", (side, side), grey).save(file, "PNG")
    return file.getvalue()


WAIT = 60.0
"""Seconds in which even a busy machine reads some pictures."""


class Shelf:
    """A gallery of greys 0.png to 255.png that counts who reads what, and takes longer for the first ones."""

    def __init__(self, slow: float = 0, side: int = 8) -> None:
        self.reads: Counter[str] = Counter()
        self.at_once = self.most_at_once = 0
        self._slow, self._side = slow, side
        self._lock = threading.Lock()

    def read(self, reference: str) -> bytes:
        """Return a grey, or say that there is none."""
        with self._lock:
            self.reads[reference] += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        number = int(reference.removesuffix(".png"))
        time.sleep(self._slow / (number + 1))
        with self._lock:
            self.at_once -= 1
        if number > 255:
            raise Unread(f"no {reference}")
        return image(number, self._side)


def listing(number: int, *images: int) -> Product:
    """Return a product with these greys as images."""
    return Product(id=f"P{number}", title="a tile", images=tuple(f"{each}.png" for each in images))


def greys(product: Product) -> list[int | str]:
    """Return of each picture its grey, or its problem."""
    return [int(each.pixels[0, 0, 0]) if each.pixels is not None else each.problem for each in product.pictures]


def test_products_keep_their_order_and_pictures_that_of_their_images() -> None:
    """Though the first take longest, in four threads."""
    products = [listing(number, number, 255 - number) for number in range(100)]
    seen = list(look(products, Shelf(slow=0.2), 224, threads=4))
    assert [product.id for product in seen] == [product.id for product in products]
    assert [greys(product) for product in seen] == [[number, 255 - number] for number in range(100)]
    assert seen[3].pictures[0] == read_picture(image(3))


def test_a_bad_picture_costs_its_product_that_picture() -> None:
    """One that is not there and one that is none, each with its reason."""

    class Broken(Shelf):
        def read(self, reference: str) -> bytes:
            return b"no image" if reference == "7.png" else super().read(reference)

    seen = list(look([listing(1, 5, 300, 7, 6)], Broken(), 224))
    assert greys(seen[0])[:2] == [5, "no 300.png"]
    assert greys(seen[0])[2:] == [
        "the file is none of JPEG, PNG, WebP, GIF and AVIF, whatever its name; convert it to one of them",
        6,
    ]


def test_products_without_images_and_those_that_were_looked_at_pass_as_they_are() -> None:
    """Nothing is read for them."""
    shelf = Shelf()
    plain = Product(id="A", title="a lamp")
    looked = Product(id="B", title="a lamp", images=("1.png",), pictures=(Picture(problem="blurred"),))
    seen = list(look([plain, looked], shelf, 224))
    assert seen[0] is plain
    assert seen[1] is looked
    assert shelf.reads == {}


def test_only_so_many_images_of_a_product_are_looked_at() -> None:
    """The others have a problem that says so, so that there is one picture for each image."""
    shelf = Shelf()
    seen = next(look([listing(1, 0, 1, 2, 3)], shelf, 224, settings=ImageSettings(image_count=2)))
    refused = "not looked at: only the first 2 images of a product are; set AISLE_IMAGE_COUNT"
    assert greys(seen) == [0, 1, refused, refused]
    assert shelf.reads == {"0.png": 1, "1.png": 1}


def test_the_limits_of_the_settings_hold() -> None:
    """Of bytes and of pixels."""
    small = ImageSettings(image_bytes=1_000, image_pixels=1_000)
    wide = next(look([listing(1, 5)], Shelf(side=40), 224, settings=small))
    assert greys(wide) == ["the image has 40 x 40 = 1,600 pixels, the limit is 1,000; send a smaller one"]


def test_a_reference_that_neighbours_share_is_read_once() -> None:
    """Also within one product; all get the same picture."""
    shelf = Shelf()
    seen = list(look([listing(1, 9, 9), listing(2, 9), listing(3, 8, 9)], shelf, 224))
    assert [greys(product) for product in seen] == [[9, 9], [9], [8, 9]]
    assert shelf.reads == {"9.png": 1, "8.png": 1}


def test_no_more_is_read_ahead_than_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a window of four pictures, the source is four products ahead of the consumer, and no further."""
    monkeypatch.setattr(looking, "AHEAD", 4)
    drawn = 0

    def source() -> Iterator[Product]:
        nonlocal drawn
        for number in range(50):
            drawn += 1
            yield listing(number, number)

    ahead = []
    for taken, _ in enumerate(look(source(), Shelf(), 224, threads=2), start=1):
        ahead.append(drawn - taken)
    assert max(ahead) == 3
    assert len(ahead) == 50


def test_no_more_is_kept_ahead_than_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three pictures wait and fill the limit: one more is begun with each that is taken, though 128 are wanted."""
    monkeypatch.setattr(looking, "AHEAD_BYTES", 3 * 40 * 40 * 3)
    shelf = Shelf(side=40)
    products = look((listing(number, number) for number in range(50)), shelf, 224, threads=1)
    begun = []
    for number in range(5):
        next(products)
        begun.append(settled(shelf, 4 + number))
    assert begun == [4, 5, 6, 7, 8]
    assert [product.id for product in products] == [f"P{number}" for number in range(5, 50)]


def settled(shelf: Shelf, expected: int) -> int:
    """Return how many pictures were read, a while after as many were as are expected."""
    deadline = time.monotonic() + WAIT
    while shelf.reads.total() < expected and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    return shelf.reads.total()


def test_a_product_of_more_bytes_than_that_is_looked_at_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """One picture after the other: nobody waits for a picture that nobody begins."""
    monkeypatch.setattr(looking, "AHEAD_BYTES", 1)
    seen = list(look([listing(1, 1, 2, 3, 4), listing(2, 4, 5)], Shelf(), 224, threads=4))
    assert [greys(product) for product in seen] == [[1, 2, 3, 4], [4, 5]]


def test_an_error_of_a_gallery_is_no_picture() -> None:
    """A gallery promises to raise Unread alone; anything else is a fault of the program, and comes through."""

    class Faulty:
        def read(self, reference: str) -> bytes:
            raise KeyError(reference)

    with pytest.raises(KeyError):
        list(look([listing(1, 1), listing(2, 2)], Faulty(), 224, threads=1))


def test_pictures_are_read_while_the_consumer_is_busy() -> None:
    """What comes next is there when it is asked for: decoding runs beside encoding."""
    shelf = Shelf()
    products = look((listing(number, number) for number in range(20)), shelf, 224, threads=2)
    next(products)
    deadline = time.monotonic() + WAIT
    while len(shelf.reads) < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(shelf.reads) == 20
    products.close()  # type: ignore[attr-defined]  # an Iterator by its contract, a generator in fact


def test_as_many_threads_read_as_were_asked_for() -> None:
    """And no more."""
    shelf = Shelf(slow=0.3)
    list(look((listing(number, number) for number in range(30)), shelf, 224, threads=3))
    assert 1 < shelf.most_at_once <= 3


def test_a_consumer_that_stops_leaves_no_threads_behind() -> None:
    """What was not begun is not done."""
    shelf = Shelf(slow=0.5)
    before = threading.active_count()
    products = look((listing(number, number) for number in range(100)), shelf, 224, threads=2)
    next(products)
    products.close()  # type: ignore[attr-defined]  # an Iterator by its contract, a generator in fact
    assert threading.active_count() == before
    assert len(shelf.reads) < 100


def test_a_source_that_fails_fails_the_same_way() -> None:
    """The error of the source comes through, and no thread stays."""

    def source() -> Iterator[Product]:
        yield listing(1, 1)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(look(source(), Shelf(), 224))


def test_pixels_have_the_side_that_was_asked_for() -> None:
    """Or up to twice that: a JPEG of 900 is decoded at half its size, and a third would be no whole step of it."""
    file = io.BytesIO()
    Image.fromarray(np.zeros((900, 1_200), np.uint8)).save(file, "JPEG")

    class One:
        def read(self, _reference: str) -> bytes:
            return file.getvalue()

    seen = next(look([listing(1, 1)], One(), 300))
    assert seen.pictures[0].pixels is not None
    assert seen.pictures[0].pixels.shape == (450, 600, 3)
