"""What every encoder answers, and the register of those that can be asked for by name.

One file per technology, imported only when its name is asked for. An encoder is named by its spec: `technology` or
`technology:model`, as in `sentence_transformers:all-MiniLM-L6-v2` or `hashing`, or several joined by `+`, one for the
text and one for the pictures. `auto` is the best of them that this machine has.
"""

from __future__ import annotations

import re
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

AUTO = "auto"
"""The spec of whatever `resolved` finds."""
DEFAULT = "sentence_transformers"
"""The encoder of texts that every machine has; what `auto` is without a model of pictures beside it."""
PICTURES = "open_clip"
"""The technology that makes vectors of pictures."""
TECHNOLOGIES = ("sentence_transformers", "static", "open_clip", "precomputed", "hashing")

_JOINT = re.compile(rf"\+(?=(?:{'|'.join(TECHNOLOGIES)})(?:[:+]|$))")  # any other plus belongs to a model's path

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

    @property
    def side(self) -> int:
        """The shorter side, in pixels, of the pictures that it wants to see; 0 when it looks at none."""

    def encode(self, products: Sequence[Product], progress: Progress | None = None) -> Encoded:
        """Return the raw vectors of `products`, in their order; `progress(n)` is called as n more are done.

        The vector of a product does not depend on which others are encoded with it, beyond 1e-5 of rounding.
        """


@runtime_checkable
class TakesVectors(Protocol):
    """An encoder with parts that it does not make but takes from `product.vectors`."""

    @property
    def given(self) -> Mapping[str, int]:
        """Those parts with their dimensions."""


def stacked(pieces: Sequence[Encoded]) -> Encoded:
    """Return pieces of one encoder's output, of which there is at least one, one after the other."""
    if len(pieces) == 1:
        return pieces[0]
    parts = pieces[0].parts
    return Encoded(
        {part: np.concatenate([piece.parts[part] for piece in pieces]) for part in parts},
        {part: np.concatenate([piece.mask[part] for piece in pieces]) for part in parts},
    )


def sound(encoded: Encoded) -> Encoded:
    """Return encoder output without rows that hold NaN or infinity: those products lack that part.

    One such row would be a neighbour of everything, or of nothing, and spoil the answers of all around it.
    """
    right: dict[str, Mask] = {
        part: np.atleast_1d(np.isfinite(matrix).all(axis=1)) for part, matrix in encoded.parts.items()
    }
    if all(rows.all() for rows in right.values()):
        return encoded
    parts = {part: np.where(right[part][:, None], rows, np.float32(0)) for part, rows in encoded.parts.items()}
    return Encoded(parts, {part: mask & right[part] for part, mask in encoded.mask.items()})


def given_parts(encoder: Encoder) -> Mapping[str, int]:
    """Return the parts that `encoder` takes from `product.vectors` with their dimensions, for most encoders none."""
    return encoder.given if isinstance(encoder, TakesVectors) else {}


Say = Callable[[str], None]
"""Hears in words how far a long preparation of an encoder is."""


def silent(_words: str) -> None:
    """Say nothing."""


def load(spec: str = DEFAULT, say: Say = silent) -> Encoder:
    """Return the encoder that `spec` names; `say` hears of what takes long.

    Raises EncoderError for an unknown technology, or when two that are joined have one part; ModelNotFound or
    ModelMismatch for a model, MissingExtra when the package behind it is not installed.
    """
    encoders = [_load(each, say) for each in joints(resolved(spec))]
    if len(encoders) == 1:
        return encoders[0]
    from indexer.encoders.joined import JoinedEncoder

    return JoinedEncoder(encoders)


def joints(spec: str) -> list[str]:
    """Return the specs that are joined in one."""
    return _JOINT.split(spec)


def resolved(spec: str) -> str:
    """Return the spec that names the same encoder on any other day, too: for `auto` what this machine has now.

    That is DEFAULT, and beside it the default model of pictures when its weights are on disk.
    """
    if spec != AUTO:
        return spec
    from indexer.models import default_on_disk

    pictures = default_on_disk()
    return f"{DEFAULT}+{pictures}" if pictures else DEFAULT


def missing(spec: str) -> str:
    """Return in words what an index by the encoder of this resolved spec cannot see, with the cure; "" when nothing."""
    technologies = [each.partition(":")[0] for each in joints(spec)]
    if PICTURES in technologies:
        return ""
    if "precomputed" in technologies:
        return "pictures are known by vectors made elsewhere: a picture that comes without one is not seen"
    if spec == DEFAULT:
        return (
            "pictures are not seen: the index was built without a model for them; "
            "get it once with `aisle models pull`, and the next build sees them"
        )
    return f"pictures are not seen by this encoder; build with `--encoder {spec}+{PICTURES}` to have both"


def _load(spec: str, say: Say) -> Encoder:
    technology, _, model = spec.partition(":")
    if technology not in TECHNOLOGIES:
        raise EncoderError(f"no encoder {technology!r}; choose one of {', '.join((AUTO, *TECHNOLOGIES))}")
    module = import_module(f"indexer.encoders.{technology}")
    encoder: Encoder = module.load(model, say)
    return encoder
