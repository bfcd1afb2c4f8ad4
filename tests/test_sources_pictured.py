"""indexer/sources/pictured.py: rows with the pictures of their products, in lists that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import SourceError
from indexer.images.gallery import Folder, Given
from indexer.picture import Picture
from indexer.product import Product
from indexer.sources import Problem, Row
from indexer.sources.pictured import PICTURES, batches, pictured


def row(number: int, *images: str) -> Row:
    """Return a row of a product with images, and one that was refused when it has none."""
    if not images:
        return Row(number, "", {}, problem=Problem("no_id", "the row has no id"))
    return Row(number, str(number), {}, product=Product(str(number), images=images))


def test_rows_keep_their_order_and_only_products_get_pictures(photos: Path) -> None:
    """Refused rows stand where they stood, at the beginning, in between and at the end."""
    rows = [row(1), row(2, "red.png"), row(3), row(4), row(5, "broken.jpg", "blue.webp"), row(6)]
    looked = list(pictured(rows, Folder(photos), 64))

    assert [each.number for each in looked] == [1, 2, 3, 4, 5, 6]
    assert [each.problem for each in looked] == [each.problem for each in rows]
    sizes = [[(picture.width, picture.height) for picture in each.product.pictures] for each in looked if each.product]
    assert sizes == [[(300, 200)], [(0, 0), (300, 200)]]


def test_a_source_that_breaks_off_raises_after_the_rows_before(photos: Path) -> None:
    """What came before stands."""

    def rows() -> Iterator[Row]:
        yield row(1, "red.png")
        raise SourceError("damaged after row 1")

    taken = pictured(rows(), Folder(photos), 64)
    with pytest.raises(SourceError, match="damaged after row 1"):
        list(taken)


def test_no_rows_are_no_rows() -> None:
    """Neither is it an error when all were refused."""
    assert list(pictured([], Given({}), 64)) == []
    assert [each.number for each in pictured([row(1), row(2)], Given({}), 64)] == [1, 2]


def test_a_batch_ends_at_its_size_or_with_the_pictures_that_memory_holds() -> None:
    """Pictures without pixels, as stored ones, take no room."""
    pixels = np.zeros((1, 1, 3), np.uint8)
    seen = Picture("ab" * 16, pixels=pixels)

    def rows(*pictures: Picture) -> Iterator[Row]:
        return (Row(n, str(n), {}, product=Product(str(n), "x", pictures=pictures)) for n in range(300))

    assert [len(batch) for batch in batches(rows(), 200)] == [200, 100]
    assert [len(batch) for batch in batches(rows(Picture("ab" * 16)), 200)] == [200, 100]
    assert [len(batch) for batch in batches(rows(seen), 200)] == [PICTURES, PICTURES, 300 - 2 * PICTURES]
    assert [len(batch) for batch in batches(rows(seen, seen), 200)][:4] == [PICTURES // 2] * 4
