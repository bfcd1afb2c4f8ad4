"""Several encoders as one, each with parts of its own: texts by one model, pictures by another.

`sentence_transformers+open_clip:MODEL` is the first beside the second; fingerprints are joined as their specs are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType

from indexer.encoders import Encoded, Encoder, Progress, given_parts
from indexer.errors import EncoderError
from indexer.product import Product
from indexer.space import IMAGE, view_of


class JoinedEncoder:
    """The parts of all `encoders`, in their order but those of pictures last: an index wants the views apart.

    Raises EncoderError when two of them have a part of one name.
    """

    def __init__(self, encoders: Sequence[Encoder]) -> None:
        names = [part for encoder in encoders for part in encoder.parts]
        if twice := sorted({part for part in names if names.count(part) > 1}):
            raise EncoderError(
                f"{' and '.join(encoder.name for encoder in encoders)} both have the part {twice[0]!r}; "
                "join encoders whose parts differ, as in sentence_transformers+open_clip"
            )
        self._encoders = tuple(encoders)
        self.name = " + ".join(encoder.name for encoder in encoders)
        parts = {part: dim for encoder in encoders for part, dim in encoder.parts.items()}
        last = sorted(parts, key=lambda part: view_of(part) == IMAGE)
        self.parts = MappingProxyType({part: parts[part] for part in last})
        self.given = MappingProxyType({part: dim for encoder in encoders for part, dim in given_parts(encoder).items()})
        self.side = max(encoder.side for encoder in encoders)

    def encode(self, products: Sequence[Product], progress: Progress | None = None) -> Encoded:
        """Return the parts of every encoder; a product counts as done when all have seen it, and counts once."""
        tell = _shared(progress, len(self._encoders)) if progress else None
        found = [encoder.encode(products, tell) for encoder in self._encoders]
        return Encoded(
            {part: rows for each in found for part, rows in each.parts.items()},
            {part: mask for each in found for part, mask in each.mask.items()},
        )


def _shared(progress: Progress, many: int) -> Callable[[int], None]:
    """Return what hears of each encoder's progress and tells as many products as their work comes to."""
    done = 0

    def more(number: int) -> None:
        nonlocal done
        before, done = done, done + number
        if whole := done // many - before // many:
            progress(whole)

    return more
