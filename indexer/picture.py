"""Picture, one image of a product as it was read: what is kept of it, and its pixels on their way to an encoder."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Picture:
    """One image that was read, or why it was not: then `problem` says so and the rest is empty.

    hash: 32 hex digits (BLAKE2b, 128 bits) of the file's bytes. phash: its perceptual hash, 64 bits, unsigned. width,
    height: of the whole image, upright. thumbnail: a small JPEG. pixels: uint8 (height, width, 3), RGB, upright, over
    white, perhaps smaller than the image but no smaller than was asked for; None once it is stored.
    """

    hash: str = ""
    problem: str = ""
    phash: int = 0
    width: int = 0
    height: int = 0
    thumbnail: bytes = field(default=b"", repr=False)
    pixels: Pixels | None = field(default=None, compare=False, repr=False)
