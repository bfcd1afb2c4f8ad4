"""Vectors of pictures and texts in one space by a CLIP model: `open_clip:MODEL`, named as `indexer.models` says.

Two parts: `image`, of a product's pictures, and `caption`, of its text by the same model, near the pictures it fits.
A thread for each core takes a batch at a time through all of it, frame and tower, so no core waits for another and
preparing pictures costs no more than its own time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from indexer.encoders import TEXT_VERSION, Encoded, Mask, Progress, Say, Vectors, silent
from indexer.encoders.texts import embedded
from indexer.encoders.threads import side_by_side
from indexer.models import Found, found
from indexer.picture import Picture, Pixels
from indexer.product import Product

if TYPE_CHECKING:
    from indexer.encoders.clip.checkpoint import Checkpoint

BATCH = 16
"""Pictures at a time and thread. ViT-B-32, two threads, pictures per CPU-second: 4.7 one at a time, 7.2 by 4, 8.1 by 8,
8.6 by 16, 8.5 by 32."""

WEIGHTS = tuple(1 / place for place in range(1, 9))
"""Of a product's pictures by their place: the reciprocal of the rank, as the main picture comes first in a listing and
later ones show details, packages and size charts. Chosen, not measured. Pictures after the eighth are not looked at."""

PICTURES_SHARE = 0.85
"""Of the time that a product with one picture takes; the rest is its text's."""


def load(model: str = "", say: Say = silent) -> ClipEncoder:
    """Return the encoder of `model`, "" being the default; `say` hears what takes long.

    Raises ModelNotFound, with the command that gets it, when it is not on this machine or cannot be loaded;
    ModelMismatch when its weights are not those that were got.
    """
    here = found(model)
    say("reading the weights")
    from indexer.encoders.clip import checkpoint

    return ClipEncoder(here, checkpoint.load(here))


class ClipEncoder:
    """Parts `image` and `caption`. Its fingerprint has the weights' hash, the frame, pictures and tokens at most."""

    def __init__(self, model: Found, checkpoint: Checkpoint) -> None:
        from indexer.encoders.clip.caption import Captions
        from indexer.encoders.clip.sight import Sight

        self._sight = Sight(checkpoint)
        self._captions = Captions(checkpoint)
        self.name = (
            f"open_clip:{model.name}@{model.sha256[:12]} frame={checkpoint.frame} pictures={len(WEIGHTS)} "
            f"tokens={self._captions.tokens} text={TEXT_VERSION}"
        )
        self.parts = MappingProxyType({"caption": checkpoint.dim, "image": checkpoint.dim})
        self.side = checkpoint.frame.side

    def encode(self, products: Sequence[Product], progress: Progress | None = None) -> Encoded:
        """Return unit rows, zeros where a product has no picture that was read, or no text.

        A picture that several products have is encoded once, and so is a text. All pixels of one call are in memory.
        """
        done = _Shares(progress, products)
        image, seen = self._images(products, done.of_pictures)
        caption, told = self._texts(products, done.of_texts)
        done.all()
        return Encoded({"image": image, "caption": caption}, {"image": seen, "caption": told})

    def _images(self, products: Sequence[Product], done: Callable[[float], None]) -> tuple[Vectors, Mask]:
        pictures: dict[str, Pixels] = {}
        of_product = [_looked_at(product.pictures, pictures) for product in products]
        place = {name: row for row, name in enumerate(pictures)}
        pixels = list(pictures.values())
        rows = np.zeros((len(pixels), self.parts["image"]), np.float32)
        batches = [range(start, min(start + BATCH, len(pixels))) for start in range(0, len(pixels), BATCH)]
        made = side_by_side(lambda batch: self._sight.rows([pixels[row] for row in batch]), batches)
        for batch, found_rows in zip(batches, made, strict=True):
            rows[batch] = found_rows
            done(len(batch) / len(pixels))
        vectors = np.zeros((len(products), self.parts["image"]), np.float32)
        for row, names in enumerate(of_product):
            if names:
                vectors[row] = _pooled(rows[[place[name] for name in names]])
        return vectors, np.array([bool(names) for names in of_product], np.bool_)

    def _texts(self, products: Sequence[Product], done: Callable[[float], None]) -> tuple[Vectors, Mask]:
        def embed(texts: Sequence[str]) -> Iterator[tuple[list[int], Vectors]]:
            batches = list(self._captions.batches(texts))
            made = side_by_side(lambda batch: self._captions.rows(batch[1]), batches)
            yield from zip((positions for positions, _ in batches), made, strict=True)

        return embedded(products, self.parts["caption"], embed, lambda number: done(number / len(products)))


class _Shares:
    """Tells of whole products while first their pictures and then their texts are done, as shares of all."""

    def __init__(self, progress: Progress | None, products: Sequence[Product]) -> None:
        self._progress = progress
        self._products = len(products)
        seen = any(picture.pixels is not None for product in products for picture in product.pictures)
        self._pictures = PICTURES_SHARE if seen else 0.0
        self._share = 0.0
        self._told = 0

    def of_pictures(self, share: float) -> None:
        """Hear that this share of the pictures is done."""
        self._share += share * self._pictures
        self._tell(int(self._share * self._products))

    def of_texts(self, share: float) -> None:
        """Hear that this share of the texts is done."""
        self._share += share * (1 - self._pictures)
        self._tell(int(self._share * self._products))

    def all(self) -> None:
        """Hear that everything is done."""
        self._tell(self._products)

    def _tell(self, done: int) -> None:
        if self._progress and done > self._told:
            self._progress(done - self._told)
            self._told = done


def _looked_at(pictures: Sequence[Picture], known: dict[str, Pixels]) -> list[str]:
    """Return the hashes of the first pictures that were read, each once, and add their pixels to those known."""
    names: dict[str, None] = {}
    for picture in pictures:
        if picture.pixels is not None and len(names) < len(WEIGHTS):
            names[picture.hash] = None
            known.setdefault(picture.hash, picture.pixels)
    return list(names)


def _pooled(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the unit mean of unit rows, the first counting most."""
    mean = np.array(WEIGHTS[: len(rows)], np.float32) @ rows
    length = np.linalg.norm(mean)
    return np.asarray(mean / length if length > 0 else rows[0], np.float32)
