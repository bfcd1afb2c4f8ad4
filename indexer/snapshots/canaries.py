"""Canaries: a few fixed products whose raw vectors say whether the model behind an encoder is still the same.

An encoder's fingerprint names its weights, but not what runs them: another version of a library, another processor, a
preprocessing that changed. Canaries are encoded when an index is built and kept in the record store beside the raw
vectors of that encoder; whoever opens the index encodes them again and compares. Vectors that products bring along have
no model behind them here, and so no canaries.
"""

from __future__ import annotations

import numpy as np

from indexer.encoders import Encoder
from indexer.errors import ModelMismatch
from indexer.picture import Picture
from indexer.product import Product, content_hash
from indexer.store.raw import RawVectors
from indexer.store.records import Records

ALIKE = 0.999
"""Cosine from which two encodings of one canary are by the same model; precisions and processors differ by less."""

SIDE = 256
"""Pixels of the picture's sides."""

TEXTS = (
    Product("canary-1", title="Stainless steel water bottle 750 ml", description="Keeps drinks cold for a day."),
    Product("canary-2", title="Herren Winterjacke mit Kapuze", brand="Nordhang", specs=(("Größe", "XL"),)),
    Product("canary-3", title="ワイヤレスイヤホン", description="Bluetooth 5.3, 30 hours"),
    Product("canary-4", title="USB-C to HDMI adapter, 4K @ 60 Hz", specs=(("Length", "15 cm"), ("Colour", "grey"))),
)


def check_model(records: Records, encoder: Encoder) -> None:
    """Raise ModelMismatch when `encoder` sees the canaries otherwise than the vectors in the store were made by it.

    Where none are kept, as in a store that an older version wrote, there is nothing to compare with.
    """
    compared(records, encoder, keep=False)


def keep_canaries(records: Records, encoder: Encoder) -> None:
    """Keep the canaries of an encoder by which vectors are about to be stored; raises as `check_model` does."""
    compared(records, encoder, keep=True)


def compared(records: Records, encoder: Encoder, *, keep: bool) -> None:
    """Compare the canaries with what is kept of them, and keep those that are not when told to."""
    some = canaries(encoder)
    hashes = [content_hash(each) for each in some]
    kept, there = records.vectors(hashes, encoder.name, encoder.parts)
    if not (keep or there.any()):
        return
    made = encoder.encode(some)
    for part in encoder.parts:
        both = there & kept.mask[part] & made.mask[part]
        cosine = np.sum(kept.parts[part][both] * made.parts[part][both], axis=1)
        if len(cosine) and cosine.min() < ALIKE:
            raise ModelMismatch(
                f"the model behind {encoder.name} is not the one that made the stored vectors: the same {part} now "
                f"gives a vector of cosine {cosine.min():.3f} with the one kept, {ALIKE} is the least; put the model "
                "and the libraries that run it back as they were, or build into a new folder, or rebuild with another "
                "--encoder"
            )
    if keep and not there.all():
        new = np.flatnonzero(~there).tolist()
        rows = {part: made.parts[part][new] for part in encoder.parts}
        masks = {part: made.mask[part][new] for part in encoder.parts}
        records.write([], RawVectors(encoder.name, [hashes[row] for row in new], type(made)(rows, masks)))


def canaries(encoder: Encoder) -> list[Product]:
    """Return what an encoder is shown: some texts and, where it looks at pictures, a generated one."""
    if not encoder.side:
        return list(TEXTS)
    across, down = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    pixels = np.stack([across, down, (across ^ down)], axis=2).astype(np.uint8)
    picture = Picture(hash="canary", width=SIDE, height=SIDE, pixels=pixels)
    return [*TEXTS, Product("canary-picture", images=("canary",), pictures=(picture,))]
