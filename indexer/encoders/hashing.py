"""A deterministic toy encoder without a model: hashed words and character trigrams.

A real implementation of the contract that tests and quick trials use. It sees which words and word pieces two listings
share and nothing of their meaning. `hashing` has 256 dimensions, `hashing:128` that many.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from indexer.encoders import TEXT_VERSION, Encoded, Progress, Say, Vectors, silent
from indexer.errors import EncoderError
from indexer.normalize import text_of
from indexer.product import Product

DEFAULT_DIM = 256
DIMS = range(8, 4_097)

SPELLING = 0.5
"""Weight of a word's trigrams together, beside 1 for the word itself: near spellings are near, equal words nearer."""

_WORD = re.compile(r"\w+")


def load(model: str = "", _say: Say = silent) -> HashingEncoder:
    """Return the encoder of `model` dimensions ("" is 256). Raises EncoderError when that is no number in range."""
    if model and not (model.isascii() and model.isdigit() and int(model) in DIMS):
        raise EncoderError(
            f"hashing:{model} names no dimension; give a whole number from {DIMS[0]} to {DIMS[-1]:,}, as in hashing:128"
        )
    return HashingEncoder(int(model or DEFAULT_DIM))


class HashingEncoder:
    """Signed feature hashing (Weinberger et al. 2009) of a text's words and their trigrams into `dim` buckets."""

    def __init__(self, dim: int) -> None:
        self.name = f"hashing:{dim} text={TEXT_VERSION}"
        self.parts = MappingProxyType({"text": dim})
        self.side = 0

    def encode(self, products: Sequence[Product], progress: Progress | None = None) -> Encoded:
        """Return unit rows; a text without a letter or digit counts as none."""
        vectors = np.zeros((len(products), self.parts["text"]), np.float32)
        for row, product in zip(vectors, products, strict=True):
            self._add(text_of(product), row)
        norms = np.linalg.norm(vectors, axis=1)
        mask = norms > 0
        vectors[mask] /= norms[mask, None]
        if progress:
            progress(len(products))
        return Encoded({"text": vectors}, {"text": mask})

    def _add(self, text: str, row: Vectors) -> None:
        """Add the features of `text` to its `row`, which is zero before."""
        features = [_features(word, len(row)) for word in _WORD.findall(text.casefold())]
        if features:
            buckets, weights = np.concatenate(features, axis=1)
            row += np.bincount(buckets.astype(np.intp), weights, len(row))


@lru_cache(maxsize=65_536)
def _features(word: str, dim: int) -> npt.NDArray[np.float64]:
    """Return (2, features): the buckets of a word and of its trigrams, and their signed weights."""
    padded = f"^{word}$"
    trigrams = [padded[start : start + 3] for start in range(len(padded) - 2)]
    hashes = np.array([zlib.crc32(feature.encode("utf-8", "surrogatepass")) for feature in (word, *trigrams)])
    signs = np.where(hashes & 1, 1.0, -1.0)
    weights = np.array([1.0, *[SPELLING / len(trigrams) ** 0.5] * len(trigrams)])
    return np.stack([(hashes >> 1) % dim, signs * weights])
