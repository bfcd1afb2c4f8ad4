"""What is said of a pair of products: a verdict, how likely both are the same product, and what decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Verdict = Literal["identical", "same product", "variant", "same picture", "different"]
VERDICTS: tuple[Verdict, ...] = ("identical", "same product", "variant", "same picture", "different")
IDENTICAL, SAME, VARIANT, SAME_PICTURE, DIFFERENT = range(5)
"""Places in VERDICTS, as arrays hold them."""

PICTURE_BITS = 4
"""Bits of 64 in which the perceptual hashes of one picture differ at most: decoded smaller, 42 of 300 photos differed
in 2 and one in 4 (benchmarks/images.py)."""

Codes = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Judgements:
    """What is said of n pairs, as arrays (n,). verdicts: places in VERDICTS.

    probability: that both are the same product, whatever the verdict. variant: that they are variants of one. tell:
    says of some rows what decided, in words, the weightiest first, which costs more than all the rest.
    """

    verdicts: Codes
    probability: Floats
    variant: Floats
    tell: Callable[[Sequence[int]], list[tuple[str, ...]]]

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.verdicts)
