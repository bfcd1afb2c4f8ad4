"""What every encoder answers, and the register of those that can be asked for by name.

One file per technology, imported only when its name is asked for. An encoder is named `technology` or
`technology:model`, as in `sentence_transformers:all-MiniLM-L6-v2` or `hashing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from indexer.errors import EncoderError
from indexer.product import Product

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

DEFAULT = "sentence_transformers"
TECHNOLOGIES = ("sentence_transformers", "static", "hashing")

TEXT_VERSION = 1
"""Of the text that encoders see, part of each fingerprint: raised when `normalize` changes what it gives for a product,
so that no index mixes vectors of two kinds of text."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Raw vectors of n products.

    parts: float32 (n, dim) per part name; unit rows, or zeros where that product lacks the part.
    mask:  bool (n,) per part name; False where the product lacks the part.
    """

    parts: Mapping[str, Vectors]
    mask: Mapping[str, Mask]

    def __len__(self) -> int:
        """Return the number of products."""
        return len(next(iter(self.parts.values())))


Progress = Callable[[int], None]


@runtime_checkable
class Encoder(Protocol):
    """Products to raw vectors. Implementations hold no per-call state and may be called from one thread at a time."""

    @property
    def name(self) -> str:
        """Fingerprint: technology, model, hash of the weights, preprocessing; kept in manifests, compared on load."""

    @property
    def parts(self) -> Mapping[str, int]:
        """Part name -> dimension, e.g. {"text": 384}."""

    def encode(self, products: Sequence[Product], progress: Progress | None = None) -> Encoded:
        """Return the raw vectors of `products`, in their order; `progress(n)` is called as n more are done.

        The vector of a product does not depend on which others are encoded with it, beyond 1e-5 of rounding.
        """


Say = Callable[[str], None]
"""Hears in words how far a long preparation of an encoder is."""


def silent(_words: str) -> None:
    """Say nothing."""


def load(spec: str = DEFAULT, say: Say = silent) -> Encoder:
    """Return the encoder that `spec` ("technology" or "technology:model") names; `say` hears of what takes long.

    Raises EncoderError for an unknown technology, ModelNotFound or ModelMismatch for its model, MissingExtra when the
    package behind it is not installed.
    """
    technology, _, model = spec.partition(":")
    if technology not in TECHNOLOGIES:
        raise EncoderError(f"no encoder {technology!r}; choose one of {', '.join(TECHNOLOGIES)}")
    module = import_module(f"indexer.encoders.{technology}")
    encoder: Encoder = module.load(model, say)
    return encoder
