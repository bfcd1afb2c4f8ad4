"""indexer/product.py: what a product may be, and what of it is content."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from indexer.errors import ProductError
from indexer.picture import Picture
from indexer.product import Product, check, content_hash

MUG = Product("mug", "Stoneware mug", category="Home > Kitchen")


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        (
            {"provenance": "robot"},
            "provenance",
            "the provenance 'robot' of a label is none of supplier, human, machine; give one of them",
        ),
        ({"weight": 0.0}, "weight", "the weight 0 of a label is not from 0.001 to 10; give 1 for a full voice"),
        ({"weight": 10.5}, "weight", "the weight 10.5 of a label is not from 0.001 to 10; give 1 for a full voice"),
        ({"weight": float("nan")}, "weight", "the weight nan of a label is not from 0.001 to 10"),
    ],
)
def test_a_label_s_provenance_and_weight_are_checked(changed: dict[str, Any], field: str, reason: str) -> None:
    """Either is refused with what was given, what may be given and what to do."""
    with pytest.raises(ProductError) as refused:
        check(replace(MUG, **changed))
    assert (refused.value.field, str(refused.value)[: len(reason)]) == (field, reason)


@pytest.mark.parametrize("weight", [0.001, 1.0, 10.0])
def test_weights_within_the_limits_pass(weight: float) -> None:
    """The limits themselves are allowed."""
    check(replace(MUG, weight=weight))


def test_only_a_machine_s_label_has_no_voice() -> None:
    """A supplier's and a person's count with their weight, a machine's not at all."""
    voices = {who: replace(MUG, provenance=who, weight=0.5).voice for who in ("supplier", "human", "machine")}
    assert voices == {"supplier": 0.5, "human": 0.5, "machine": 0.0}


def test_a_label_is_no_content() -> None:
    """Products that differ in category, tags, provenance and weight alone are another product with the same hash."""
    relabelled = replace(MUG, category="Sports", tags=("new",), provenance="machine", weight=0.5)
    assert relabelled != MUG
    assert content_hash(relabelled) == content_hash(MUG)
    assert content_hash(replace(MUG, title="Stoneware cup")) != content_hash(MUG)


UNREAD = Picture(problem="the JPEG file is truncated; send the whole file")
READ = Picture("ab" * 16, width=2, height=2)


@pytest.mark.parametrize(
    "product",
    [
        Product("p", images=("a.jpg",)),
        Product("p", images=("a.jpg", "b.jpg"), pictures=(UNREAD, READ)),
        Product("p", vectors={"image": np.ones(2, np.float32)}),
        Product("p", "Mug", images=("a.jpg",), pictures=(UNREAD,)),
    ],
)
def test_text_a_picture_or_a_vector_is_enough(product: Product) -> None:
    """An image that nobody has looked at is taken for a picture; a broken one costs nothing while there is text."""
    check(product)


def test_a_product_whose_only_images_cannot_be_read_has_nothing_to_go_by() -> None:
    """It is refused with the reason of the first, like one without anything."""
    with pytest.raises(ProductError, match=r"no image that can be read \(the JPEG file is truncated; ") as refused:
        check(Product("p", images=("a.jpg", "b.jpg"), pictures=(UNREAD, UNREAD)))
    assert refused.value.field == "title"
    with pytest.raises(ProductError, match="neither text nor image"):
        check(Product("p"))


def test_a_product_brings_vectors_for_eight_parts_at_most() -> None:
    """The ninth is refused."""
    rows = {f"part{number}": np.ones(1, np.float32) for number in range(9)}
    with pytest.raises(ProductError, match="vectors has 9 entries, the limit is 8"):
        check(replace(MUG, vectors=rows))


def test_pictures_and_vectors_are_content() -> None:
    """By what was read, in its order: not by where it was read from, nor by what could not be."""
    other = Picture("cd" * 16, width=2, height=2)
    shown = replace(MUG, images=("a.jpg", "b.jpg"), pictures=(READ, other))
    assert content_hash(replace(MUG, images=("a.jpg",))) == content_hash(MUG)
    assert content_hash(replace(shown, images=("x.jpg", "y.jpg"))) == content_hash(shown)
    assert content_hash(replace(shown, pictures=(READ, other, UNREAD))) == content_hash(shown)
    assert content_hash(replace(shown, pictures=(other, READ))) != content_hash(shown)
    vectors = [{"image": np.array(numbers, np.float32)} for numbers in ((1, 0), (0, 1))]
    assert len({content_hash(replace(MUG, vectors=each)) for each in ({}, *vectors)}) == 3
