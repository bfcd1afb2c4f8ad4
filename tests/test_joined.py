"""indexer/encoders/joined.py: the parts of several encoders as those of one."""

from __future__ import annotations

from collections.abc import Sized
from pathlib import Path

import numpy as np
import pytest

from indexer import encoders
from indexer.encoders import Encoder, given_parts
from indexer.encoders.joined import JoinedEncoder
from indexer.errors import EncoderError
from indexer.product import Product
from indexer.space import spaces_of

BOTH = "hashing:16+precomputed:image=2@sketch"
PRODUCTS = (
    Product("lamp", title="Brass lamp", vectors={"image": np.array([0.6, 0.8], np.float32)}),
    Product("tray", title="Cork tray"),
    Product("photo", vectors={"image": np.array([0, 3], np.float32)}),
)


def test_the_parts_stand_side_by_side_each_with_its_own_mask() -> None:
    """A product without text lacks the text alone, one without a picture the picture alone."""
    encoder = encoders.load(BOTH)
    encoded = encoder.encode(PRODUCTS)

    assert isinstance(encoder, Encoder)
    assert dict(encoder.parts) == {"text": 16, "image": 2}
    assert encoded.mask["text"].tolist() == [True, True, False]
    assert encoded.mask["image"].tolist() == [True, False, True]
    np.testing.assert_array_equal(encoded.parts["text"], encoders.load("hashing:16").encode(PRODUCTS).parts["text"])
    np.testing.assert_array_equal(encoded.parts["image"], np.array([[0.6, 0.8], [0, 0], [0, 1]], np.float32))


def test_parts_of_pictures_come_last() -> None:
    """Whichever encoder is named first: an index has the parts of each view side by side."""
    encoder = encoders.load("precomputed:image=2,outline=3+hashing:16")
    assert list(encoder.parts.items()) == [("outline", 3), ("text", 16), ("image", 2)]
    assert list(spaces_of(encoder.parts)) == ["text", "image"]


def test_the_fingerprint_names_both() -> None:
    """So that vectors of another text model never meet these, nor those of other pictures."""
    assert encoders.load(BOTH).name == "hashing:16 text=1 + precomputed:image=2@sketch"


def test_two_encoders_of_one_part_cannot_be_joined() -> None:
    """The message names both and the part."""
    with pytest.raises(EncoderError, match=r"^hashing:16 .* and hashing:32 .* both have the part 'text'"):
        encoders.load("hashing:16+hashing:32")


def test_every_product_counts_once_in_the_progress() -> None:
    """However many encoders look at it, a bar ends at its total and never beyond."""

    class Slow:
        name, parts, side = "slow", {"shape": 1}, 0

        def encode(self, products: Sized, progress: encoders.Progress | None = None) -> encoders.Encoded:
            assert progress
            for _ in range(len(products)):
                progress(1)
            return encoders.Encoded({"shape": np.ones((3, 1), np.float32)}, {"shape": np.ones(3, np.bool_)})

    heard: list[int] = []
    JoinedEncoder([encoders.load("hashing:16"), Slow()]).encode(PRODUCTS, heard.append)
    assert heard == [1, 1, 1]


def test_pictures_are_wanted_as_large_as_the_largest_wish() -> None:
    """The shorter side is that of the encoder that wants most of it."""

    class Sharp:
        name, parts, side = "sharp", {"image": 1}, 224

        def encode(self, products: object, progress: encoders.Progress | None = None) -> encoders.Encoded:
            raise NotImplementedError

    assert JoinedEncoder([encoders.load("hashing:16"), Sharp()]).side == 224


def test_what_one_of_them_takes_from_elsewhere_all_take() -> None:
    """An encoder alone takes nothing."""
    assert given_parts(encoders.load(BOTH)) == {"image": 2}
    assert given_parts(encoders.load("hashing:16")) == {}


def test_a_plus_in_the_name_of_a_model_joins_nothing(tmp_path: Path) -> None:
    """Only a technology's name after it makes it a joint."""
    folder = tmp_path / "c++hashingway"
    assert encoders.joints(f"sentence_transformers:{folder}+hashing") == [f"sentence_transformers:{folder}", "hashing"]
