"""indexer/store/pictures.py: what the record store keeps of pictures, and when it lets go of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from indexer.picture import Picture
from indexer.product import Product, content_hash
from indexer.store.records import Record, Records

if TYPE_CHECKING:
    from tests.conftest import Database

FRONT = Picture("f0" * 16, phash=2**64 - 1, width=800, height=600, thumbnail=b"front, small")
BACK = Picture("ba" * 16, phash=7, width=600, height=800, thumbnail=b"back, small")
BROKEN = Picture(problem="the file ends in the middle")


@pytest.fixture
def records(database: Database) -> Iterator[Records]:
    """Return an empty store."""
    store = Records.open(database.where)
    yield store
    store.close()


def record(product_id: str, *pictures: Picture, title: str = "Lamp") -> Record:
    """Return a record of a product with these pictures, each with pixels as they come from a source."""
    seen = tuple(replace(each, pixels=np.full((2, 2, 3), 9, np.uint8)) if each.hash else each for each in pictures)
    images = tuple(f"{number}.jpg" for number in range(len(pictures)))
    product = Product(product_id, title, images=images, pictures=seen)
    return Record(product, content_hash(product))


def kept(database: Database) -> tuple[int, int]:
    """Return how many pictures the store keeps, and how many images of products it has looked at."""
    counts = database.count("pictures", "product_pictures")
    return counts["pictures"], counts["product_pictures"]


def bare(*pictures: Picture) -> tuple[Picture, ...]:
    """Return pictures as a stored product has them."""
    return tuple(replace(each, thumbnail=b"") for each in pictures)


def test_a_product_comes_back_with_its_pictures_in_order(records: Records) -> None:
    """Hash, problem, perceptual hash and size are there; pixels never, the thumbnail when it is asked for."""
    records.write([record("lamp", FRONT, BROKEN, BACK), record("tray")])

    seen = records.get(["lamp"])["lamp"].record.product.pictures
    assert seen == bare(FRONT, BROKEN, BACK)
    assert [picture.pixels for picture in seen] == [None, None, None]
    assert records.thumbnail(FRONT.hash) == b"front, small"
    assert records.thumbnail("00" * 16) is None
    assert records.page()[1].record.product.pictures == ()


def test_the_same_pictures_again_are_no_change(records: Records) -> None:
    """Neither thumbnails nor pixels are compared; one picture more, another order or another problem is a change."""
    records.write([record("lamp", FRONT, BACK)])

    def outcome(*pictures: Picture) -> str:
        return records.write([record("lamp", *pictures)])[0].outcome

    assert outcome(FRONT, BACK) == "unchanged"
    assert outcome(*bare(FRONT, BACK)) == "unchanged"
    assert outcome(BACK, FRONT) == "updated"
    assert outcome(BACK, BROKEN) == "updated"
    assert outcome(BACK, Picture(problem="no such file")) == "updated"
    assert records.get(["lamp"])["lamp"].record.product.pictures == bare(BACK, Picture(problem="no such file"))


def test_a_picture_goes_with_the_last_product_that_it_shows(records: Records, database: Database) -> None:
    """Deleting or changing one of two products keeps the picture that the other needs."""
    records.write([record("lamp", FRONT, BACK), record("copy", FRONT, FRONT)])
    assert kept(database) == (2, 4)

    records.write([record("lamp", FRONT)])
    assert (kept(database), records.thumbnail(BACK.hash)) == ((1, 3), None)
    records.delete(["lamp"])
    assert kept(database) == (1, 2)
    records.delete(["copy"])
    assert kept(database) == (0, 0)


def test_a_new_title_leaves_the_pictures_alone(records: Records) -> None:
    """As a stored product that is written again with another title does."""
    records.write([record("lamp", FRONT)])
    stored = records.get(["lamp"])["lamp"].record.product
    renamed = replace(stored, title="Brass lamp")
    records.write([Record(renamed, content_hash(renamed))])

    assert records.get(["lamp"])["lamp"].record.product == renamed
    assert records.thumbnail(FRONT.hash) == b"front, small"


def test_a_failing_picture_leaves_nothing_behind(records: Records, database: Database) -> None:
    """Product and pictures are one transaction."""
    database.fill_up("pictures")
    with pytest.raises(Exception, match="disk is full"):
        records.write([record("lamp", FRONT)])
    assert (records.get(["lamp"]), kept(database)) == ({}, (0, 0))


def test_an_index_is_told_the_perceptual_hash_of_the_first_picture_that_could_be_read(records: Records) -> None:
    """All 64 bits of it; None for a product without one."""
    records.write([record("lamp", BROKEN, FRONT, BACK), record("tray"), record("bowl", BROKEN), record("cup", BACK)])
    assert records.read([4, 1, 2, 3], "toy@1", {"text": 1}).phashes == [2**64 - 1, None, None, 7]


def test_pictures_of_more_products_than_one_statement_takes(records: Records, database: Database) -> None:
    """Thousands come and go in pieces that every database accepts."""
    some = [
        record(str(number), Picture(f"{number:032x}", phash=number, width=1, height=1, thumbnail=b"x"))
        for number in range(1_300)
    ]
    records.write(some)
    assert len(records.thumbnails([f"{number:032x}" for number in range(2_000)])) == 1_300
    assert records.page(limit=1_300)[-1].record.product.pictures[0].phash == 1_299
    records.delete([str(number) for number in range(1_300)])
    assert kept(database) == (0, 0)
