"""Why two products are thought to be what they are to each other, in words, the weightiest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from math import isnan

import numpy as np
import numpy.typing as npt

from indexer.images.lookalikes import BITS
from service.duplicates.verdicts.comparison import COLUMN
from service.duplicates.verdicts.marks import VALUE_BITS
from service.duplicates.verdicts.quantities import DIMENSIONS
from service.duplicates.verdicts.traits import NUMBER_OF, Said, Told
from service.duplicates.verdicts.verdict import PICTURE_BITS

MOST = 8
"""Pieces of evidence that are told of a pair."""
_WORDS = 3
"""Values of one attribute that are told."""

Piece = tuple[float, str]
"""How much it weighs, and what it says."""


def evidence(left: Said, right: Said, features: npt.NDArray[np.float32], *, equal: bool) -> tuple[str, ...]:
    """Return what speaks for or against two products being the same; features: float32 (FEATURES,) of the pair."""
    pieces = [(100.0, "equal content")] if equal else []
    for some in (_identifiers, _attributes):
        pieces += some(left, right)
    pieces += _measures(left, right, features)
    return tuple(text for _, text in sorted(pieces, key=lambda piece: -piece[0])[:MOST])


def _identifiers(left: Said, right: Said) -> Iterator[Piece]:
    for name, written, weight in (("gtin", "GTIN", 20.0), ("mpn", "part number", 12.0)):
        ours, theirs = _of(left.everything, name), _of(right.everything, name)
        if shared := _shared(ours, theirs):
            yield weight, f"same {written} {_listed(shared)}"
        elif ours and theirs:
            yield weight, f"{written} {_listed(ours.values())} and {_listed(theirs.values())}"
    ours, theirs = _of(left.title, "model"), _of(right.title, "model")
    if shared := _shared(ours, theirs):
        yield 10.0, f"model {_listed(shared)} in both titles"
        return
    known = _shared(ours, _of(right.everything, "model")) or _shared(theirs, _of(left.everything, "model"))
    if known:
        yield 8.0, f"model {_listed(known)} in the title of one and the text of the other"
    elif ours and theirs:
        yield 7.0, f"model {_listed(ours.values())} and {_listed(theirs.values())}"


def _attributes(left: Said, right: Said) -> Iterator[Piece]:
    for name in ("size", "colour", *DIMENSIONS):
        ours, theirs = _of(left.everything, name), _of(right.everything, name)
        what = f"{name} " if name in {"size", "colour"} else ""
        if shared := _shared(ours, theirs):
            yield 2.0, f"{what}{_listed(shared)} in both"
        elif ours and theirs:
            yield 9.0, f"{what}{_listed(ours.values())} and {_listed(theirs.values())}"
    ours, theirs = _of(left.title, "number"), _of(right.title, "number")
    apart = [word for number, word in ours.items() if number not in theirs]
    others = [word for number, word in theirs.items() if number not in ours]
    if apart and others:
        yield 6.0, f"{_listed(apart)} and {_listed(others)} in the titles"
    elif ours and not apart and not others:
        yield 2.5, f"{_listed(ours.values())} in both titles"
    ours, theirs = _of(left.everything, "brand"), _of(right.everything, "brand")
    if ours and theirs:
        yield (
            (1.5, f"brand {_listed(ours.values())} in both")
            if _shared(ours, theirs)
            else (
                5.0,
                f"brand {_listed(ours.values())} and {_listed(theirs.values())}",
            )
        )


def _measures(left: Said, right: Said, features: npt.NDArray[np.float32]) -> Iterator[Piece]:
    overlap, text, image, bits, ratio = (
        float(features[COLUMN[name]]) for name in ("overlap", "text", "image", "picture_bits", "price_ratio")
    )
    if not isnan(overlap):
        yield 3.0 + 4 * abs(overlap - 0.5), f"titles overlap {overlap:.2f}"
    if not isnan(text):
        yield 2.0 + abs(text - 0.7), f"similarity of text {text:.2f}"
    if not isnan(image):
        yield 1.8 + abs(image - 0.7), f"similarity of pictures {image:.2f}"
    if not isnan(bits):
        yield (5.5 if bits <= PICTURE_BITS else 1.0), f"pictures differ in {bits:.0f} of {BITS} bits"
    if not isnan(ratio):
        yield (4.0 if ratio < 0.5 else 1.0), f"prices {left.price:g} and {right.price:g}"


def _of(told: Told, name: str) -> Told:
    attribute = NUMBER_OF[name]
    return {number: word for number, word in told.items() if number >> VALUE_BITS == attribute}


def _shared(ours: Told, theirs: Told) -> list[str]:
    return [word for number, word in ours.items() if number in theirs]


def _listed(words: Iterable[str]) -> str:
    return ", ".join(islice(words, _WORDS))
