"""Vectors that were made elsewhere, as parts of an encoder: `precomputed:image=512`, or with `@NAME` of their model.

Nothing is computed here. A vector comes with its product, in `Product.vectors` under the name of its part; a product
without one lacks the part, and so does one whose vector is zero. Several parts are separated by commas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from indexer.encoders import Encoded, Progress, Say, Vectors, joints, silent
from indexer.errors import EncoderError, ProductError
from indexer.product import Product

DIMS = range(1, 16_385)
UNIT = 1e-6
"""How far the squared length of a row may be from 1 to be left as it is: so rows are normalised once and not again."""

_PART = re.compile(r"([a-z][a-z0-9_]{0,31})=(\d{1,5})(?:@([\w.:/-]{1,200}))?")
_NAME = re.compile(r"[^\w.:/-]+")


def load(model: str = "", _say: Say = silent) -> PrecomputedEncoder:
    """Return the encoder of the declared parts. Raises EncoderError when `model` declares none that there can be."""
    return PrecomputedEncoder(model, _declared(model))


def declared(spec: str) -> Mapping[str, int]:
    """Return the parts with their dimensions that a spec, joined or not, takes from elsewhere; {} for none."""
    pairs = (each.partition(":") for each in joints(spec))
    return {part: dim for name, _, model in pairs if name == "precomputed" for part, dim in _declared(model).items()}


def declaration(part: str, dim: int, name: str) -> str:
    """Return the spec of one part; `name` tells apart who made its vectors, as a model's or a file's does."""
    plain = _NAME.sub("-", name).strip("-")
    return f"precomputed:{part}={dim}" + (f"@{plain}" if plain else "")


class PrecomputedEncoder:
    """Hands on what products bring. Its fingerprint is the declaration: dimension and name of who made the vectors."""

    def __init__(self, declaration: str, parts: Mapping[str, int]) -> None:
        self.name = f"precomputed:{declaration}"
        self.parts = self.given = MappingProxyType(dict(parts))
        self.side = 0

    def encode(self, products: Sequence[Product], progress: Progress | None = None) -> Encoded:
        """Return the products' own vectors as unit rows.

        Raises EncoderError for one of another dimension, which `fitted` refuses before.
        """
        rows: dict[str, Vectors] = {}
        for part, dim in self.parts.items():
            rows[part] = np.zeros((len(products), dim), np.float32)
            for row, product in zip(rows[part], products, strict=True):
                vector = product.vectors.get(part)
                if vector is not None and vector.shape != (dim,):
                    raise EncoderError(_wrong(part, vector.shape, dim))
                if vector is not None:
                    row[:] = unit(vector)
        if progress:
            progress(len(products))
        return Encoded(rows, {part: np.any(matrix != 0, axis=1) for part, matrix in rows.items()})


def fitted(product: Product, given: Mapping[str, int]) -> Product:
    """Return `product` with its vectors as the parts `given` (name -> dimension) want them: unit, zeros left out.

    fitted(fitted(p, g), g) == fitted(p, g). Raises ProductError for a vector of a part that is not given, of another
    dimension, or with a number that is not finite.
    """
    if not product.vectors:
        return product
    vectors = {part: _fitted(part, vector, given) for part, vector in product.vectors.items()}
    return replace(product, vectors={part: row for part, row in vectors.items() if row.any()})


def unit(vector: Vectors) -> Vectors:
    """Return the vector at length 1, or as it is when it is zero or of that length already; its numbers are finite."""
    square = float(np.sum(np.square(vector, dtype=np.float64)))
    if square == 0 or abs(square - 1) <= UNIT:
        return vector.astype(np.float32, copy=False)
    return np.asarray(vector / np.sqrt(square), np.float32)


def _fitted(part: str, vector: Vectors, given: Mapping[str, int]) -> Vectors:
    if part not in given:
        taken = ", ".join(f"{name} ({dim:,})" for name, dim in given.items()) or "none"
        raise ProductError(
            f"a vector for the part {part[:40]!r}: of vectors made elsewhere, taken are {taken}", "vectors"
        )
    if vector.shape != (given[part],):
        raise ProductError(_wrong(part, vector.shape, given[part]), "vectors")
    if not np.isfinite(vector).all():
        place = int(np.flatnonzero(~np.isfinite(vector))[0])
        raise ProductError(
            f"the vector for {part} has {vector[place]} at place {place:,}; give finite numbers, or zeros for none",
            "vectors",
        )
    return unit(vector)


def _wrong(part: str, shape: tuple[int, ...], dim: int) -> str:
    found = " x ".join(f"{each:,}" for each in shape)
    return f"the vector for {part} has {found} numbers, the index takes {dim:,}; give one by the model of the others"


def _declared(model: str) -> Mapping[str, int]:
    """Return part -> dimension of a declaration such as `image=512@NAME,caption=512@NAME`."""
    parts: dict[str, int] = {}
    for text in model.split(","):
        found = _PART.fullmatch(text)
        if not found or int(found[2]) not in DIMS or found[1] in parts:
            raise EncoderError(
                f"precomputed:{model} declares no parts; name each once with its dimension from {DIMS[0]} to "
                f"{DIMS[-1]:,}, as in precomputed:image=512 or precomputed:image=512@marqo-b"
            )
        parts[found[1]] = int(found[2])
    return parts
