"""indexer/encoders/precomputed.py: vectors made elsewhere are declared, checked and handed on at unit length."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from indexer import encoders
from indexer.encoders import Encoder, precomputed
from indexer.encoders.precomputed import declaration, declared, fitted
from indexer.errors import EncoderError, ProductError
from indexer.product import Product, content_hash

NAN, INF = float("nan"), float("inf")


def product(*numbers: float, part: str = "image") -> Product:
    """Return a product with such a vector."""
    return Product("p", title="Lamp", vectors={part: np.array(numbers, np.float32)})


def test_a_declaration_gives_parts_and_fingerprint() -> None:
    """Dimensions are those that were declared, and the name tells vectors of two models apart."""
    encoder = encoders.load("precomputed:image=3@marqo-b,outline=2")
    assert isinstance(encoder, Encoder)
    assert dict(encoder.parts) == {"image": 3, "outline": 2}
    assert encoder.name == "precomputed:image=3@marqo-b,outline=2"
    assert encoder.side == 0


@pytest.mark.parametrize(
    "model",
    ["", "image", "image=0", "image=16385", "Image=3", "image=3,image=4", "image=3@", "image=3@a b", "image=-3"],
)
def test_what_declares_no_part_is_refused(model: str) -> None:
    """The message shows how it is written."""
    with pytest.raises(EncoderError, match="as in precomputed:image=512 or precomputed:image=512@marqo-b"):
        encoders.load(f"precomputed:{model}")


def test_a_spec_says_beforehand_what_it_takes_from_elsewhere() -> None:
    """Joined or alone, without loading anything."""
    assert declared("sentence_transformers+precomputed:image=512@x") == {"image": 512}
    assert declared("sentence_transformers:some/model") == {}


def test_any_name_becomes_one_that_a_spec_can_hold() -> None:
    """Spaces and signs that separate parts or encoders are replaced; a name of nothing else is left out."""
    assert declaration("image", 512, "my vectors, 2+1") == "precomputed:image=512@my-vectors-2-1"
    assert declaration("image", 512, "+") == "precomputed:image=512"
    assert dict(encoders.load(declaration("image", 512, "a+b,c@d e")).parts) == {"image": 512}


def test_rows_are_the_products_own_at_unit_length() -> None:
    """A product without a vector, or with a zero one, lacks the part."""
    heard: list[int] = []
    encoded = encoders.load("precomputed:image=2").encode(
        [product(3, 4), Product("p", title="Lamp"), product(0, 0)], heard.append
    )
    np.testing.assert_array_equal(encoded.parts["image"], np.array([[0.6, 0.8], [0, 0], [0, 0]], np.float32))
    assert encoded.mask["image"].tolist() == [True, False, False]
    assert heard == [3]


def test_a_vector_of_another_length_never_reaches_the_rows() -> None:
    """Whoever hands it on unchecked hears of it."""
    with pytest.raises(EncoderError, match="has 3 numbers, the index takes 2"):
        encoders.load("precomputed:image=2").encode([product(1, 2, 3)])


@pytest.mark.parametrize(
    ("given_product", "words"),
    [
        (product(1, 2, 3), "the vector for image has 3 numbers, the index takes 2"),
        (product(1, NAN), "the vector for image has nan at place 1; give finite numbers, or zeros for none"),
        (product(-INF, 1), "the vector for image has -inf at place 0"),
        (product(1, 2, part="sound"), r"the part 'sound': of vectors made elsewhere, taken are image \(2\)"),
        (Product("p", vectors={"image": np.ones((1, 2), np.float32)}), "has 1 x 2 numbers"),
    ],
)
def test_a_vector_that_does_not_fit_is_refused_with_value_and_limit(given_product: Product, words: str) -> None:
    """The field of the error is `vectors`."""
    with pytest.raises(ProductError, match=words) as refusal:
        fitted(given_product, {"image": 2})
    assert refusal.value.field == "vectors"


def test_an_index_that_takes_none_says_so() -> None:
    """A vector is not silently left out."""
    with pytest.raises(ProductError, match="taken are none"):
        fitted(product(1, 2), {})


def test_a_zero_vector_is_none_at_all() -> None:
    """The product has the content of one that came without."""
    without = Product("p", title="Lamp")
    assert dict(fitted(product(0, 0), {"image": 2}).vectors) == {}
    assert content_hash(fitted(product(0, 0), {"image": 2})) == content_hash(without)


@given(arrays(np.float32, 5, elements=st.floats(-(2.0**127), 2.0**127, width=32, allow_subnormal=False)))
def test_fitting_twice_is_fitting_once(vector: npt.NDArray[np.float32]) -> None:
    """To the bit, so that the content hash of a vector that was stored at unit length is the same again."""
    once = fitted(Product("p", title="Lamp", vectors={"image": vector}), {"image": 5})
    twice = fitted(once, {"image": 5})
    assert content_hash(twice) == content_hash(once)
    for row in once.vectors.values():
        assert abs(float(np.linalg.norm(row.astype(np.float64))) - 1) < 1e-6


def test_the_length_of_large_and_small_numbers_is_taken_exactly() -> None:
    """Neither overflow nor rounding to nothing: 3e38 and 4e38 are as 3 and 4."""
    np.testing.assert_allclose(precomputed.unit(np.array([2.4e38, 3.2e38], np.float32)), [0.6, 0.8], rtol=1e-6)
    np.testing.assert_allclose(precomputed.unit(np.array([6e-37, 8e-37], np.float32)), [0.6, 0.8], rtol=1e-5)
