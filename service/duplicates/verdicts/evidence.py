"""Why two products are thought to be what they are to each other, in words, the weightiest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from math import isnan
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.images.lookalikes import BITS
from service.duplicates.verdicts.attributes import NUMBER_OF, TOKEN
from service.duplicates.verdicts.comparison import COLUMN, VARIED
from service.duplicates.verdicts.editions import ACCESSORY, AUDIENCE, EDITION, MEDIUM, SIDE
from service.duplicates.verdicts.marks import VALUE_BITS
from service.duplicates.verdicts.reading import Said, Told
from service.duplicates.verdicts.verdict import PICTURE_BITS

MOST = 8
"""Pieces of evidence that are told of a pair."""
_LISTED = 3
"""Values of one attribute that are told."""
_NAMED = frozenset(["colour", "size", AUDIENCE, SIDE, MEDIUM])
"""Attributes whose values do not say by themselves what they are."""

_NOTHING: Told = {}

Piece = tuple[float, str]
"""How much it weighs, and what it says."""


@dataclass(frozen=True, slots=True)
class _Side:
    """What a product says, by attribute: looked through once, however much is asked of it."""

    title: Mapping[int, Told]
    everything: Mapping[int, Told]

    @classmethod
    def of(cls, said: Said) -> Self:
        return cls(_by_attribute(said.title), _by_attribute(said.everything))


def evidence(left: Said, right: Said, features: npt.NDArray[np.float32], *, equal: bool) -> tuple[str, ...]:
    """Return what speaks for or against two products being the same; features: float32 (FEATURES,) of the pair."""
    pieces = [(100.0, "equal content")] if equal else []
    sides = _Side.of(left), _Side.of(right)
    for some in (_identifiers, _attributes, _words):
        pieces += some(*sides)
    pieces += _measures(left, right, features)
    return tuple(text for _, text in sorted(pieces, key=lambda piece: -piece[0])[:MOST])


def _identifiers(left: _Side, right: _Side) -> Iterator[Piece]:
    for name, written, weight in (("gtin", "GTIN", 20.0), ("mpn", "part number", 12.0)):
        ours, theirs = _of(left.everything, name), _of(right.everything, name)
        if shared := _shared(ours, theirs):
            yield weight, f"same {written} {_listed(shared)}"
        elif ours and theirs:
            yield weight, _differs(written, ours, theirs)
    ours, theirs = _of(left.title, "model"), _of(right.title, "model")
    if shared := _shared(ours, theirs):
        yield 10.0, f"model {_listed(shared)} in both titles"
        return
    known = _shared(ours, _of(right.everything, "model")) or _shared(theirs, _of(left.everything, "model"))
    if known:
        yield 8.0, f"model {_listed(known)} in the title of one and the text of the other"
    elif ours and theirs:
        yield 7.0, _differs("model", ours, theirs)


def _attributes(left: _Side, right: _Side) -> Iterator[Piece]:
    said = set().union(left.title, left.everything, right.title, right.everything)
    for name in VARIED:
        if NUMBER_OF[name] not in said:
            continue
        ours, theirs = _of(left.title, name), _of(right.title, name)
        if not (ours and theirs):
            ours, theirs = _of(left.everything, name), _of(right.everything, name)
        what = f"{name} " if name in _NAMED else ""
        apart = _alone(ours, theirs), _alone(theirs, ours)
        if all(apart):
            yield 9.0, _differs(name, *apart)
        elif shared := _shared(ours, theirs):
            yield 2.0, f"same {what}{_listed(shared)}"
        elif name == "pack" and (ours or theirs):
            yield 8.0, f"only one says {_listed((ours or theirs).values())}"
    for name in (EDITION, ACCESSORY):
        ours, theirs = _of(left.title, name), _of(right.title, name)
        if some := _alone(ours, theirs) | _alone(theirs, ours):
            yield 9.5, f"only one title says {_listed(some.values())}"
    yield from _numbers(left, right)
    ours, theirs = _of(left.everything, "brand"), _of(right.everything, "brand")
    if shared := _shared(ours, theirs):
        yield 1.5, f"same brand {_listed(shared)}"
    elif ours and theirs:
        yield 5.0, _differs("brand", ours, theirs)


def _words(left: _Side, right: _Side) -> Iterator[Piece]:
    """Yield the plain words that only one title has, unless they are told of as a colour, an edition or the like."""
    telling = (left.title.keys() & right.title.keys()) - {TOKEN} | {NUMBER_OF[EDITION], NUMBER_OF[ACCESSORY]}
    told = {word for side in (left, right) for each in telling for word in side.title.get(each, _NOTHING).values()}
    ours, theirs = (_of(side.title, "token") for side in (left, right))
    apart = [
        _listed(word for word in _alone(*pair).values() if _plain(word) and word not in told)
        for pair in ((ours, theirs), (theirs, ours))
    ]
    if all(apart):
        yield 5.2, f"only one title says {apart[0]}, the other {apart[1]}"
    elif any(apart):
        yield 2.8, f"only one title says {apart[0] or apart[1]}"


def _plain(word: str) -> bool:
    return len(word) > 1 and word.isalpha()


def _numbers(left: _Side, right: _Side) -> Iterator[Piece]:
    ours, theirs = ({**_of(side.title, "number"), **_of(side.title, "short")} for side in (left, right))
    apart = _alone(ours, theirs), _alone(theirs, ours)
    if all(apart):
        yield 6.0, f"{_listed(apart[0].values())} and {_listed(apart[1].values())} in the titles"
    elif ours and not any(apart):
        yield 2.5, f"{_listed(ours.values())} in both titles"


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


def _of(told: Mapping[int, Told], name: str) -> Told:
    return told.get(NUMBER_OF[name], _NOTHING)


def _by_attribute(told: Told) -> Mapping[int, Told]:
    made: dict[int, Told] = {}
    for number, word in told.items():
        made.setdefault(number >> VALUE_BITS, {})[number] = word
    return made


def _alone(ours: Told, theirs: Told) -> Told:
    return {number: word for number, word in ours.items() if number not in theirs}


def _differs(what: str, ours: Told, theirs: Told) -> str:
    return f"{what} differs: {_listed(ours.values())} and {_listed(theirs.values())}"


def _shared(ours: Told, theirs: Told) -> list[str]:
    return [word for number, word in ours.items() if number in theirs]


def _listed(words: Iterable[str]) -> str:
    return ", ".join(islice(words, _LISTED))
