"""indexer/images/phash.py: the 64 bits of a picture, beside the cosine transform of scipy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import dctn

from indexer.images.phash import Greys, phash


def by_definition(grey: Greys) -> int:
    """Return the hash as its definition reads, with scipy's transform, one bit at a time."""
    low = dctn(grey.astype(np.float64), type=2)[:8, :8].ravel()
    bits = "".join("1" if value > np.median(low) else "0" for value in low)
    return int(bits, 2)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
@settings(max_examples=50)
def test_hashes_are_those_of_the_definition(seed: int, number: int) -> None:
    """Several at once are each the same as one alone."""
    greys = np.random.default_rng(seed).integers(0, 256, (number, 32, 32), np.uint8)
    found = phash(greys)
    assert (str(found.dtype), found.shape) == ("uint64", (number,))
    assert found.tolist() == [by_definition(grey) for grey in greys]


def test_a_flat_picture_has_its_mean_and_nothing_else() -> None:
    """Whatever its grey; black has not even that, and rounding makes no bits."""
    greys = np.repeat(np.array([0, 1, 100, 255], np.uint8), 32 * 32).reshape(4, 32, 32)
    assert phash(greys).tolist() == [0, 1 << 63, 1 << 63, 1 << 63]


def test_brightness_changes_no_bit() -> None:
    """It moves the mean alone, which is above the median anyway."""
    grey = np.random.default_rng(3).integers(40, 180, (1, 32, 32), np.uint8)
    assert phash(grey + np.uint8(50)).tolist() == phash(grey).tolist()
