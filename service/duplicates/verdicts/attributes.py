"""What marks are of: the attributes of products that are compared, and how a mark is put together."""

from __future__ import annotations

from service.duplicates.verdicts.editions import ACCESSORY, AUDIENCE, EDITION, MEDIUM, SIDE
from service.duplicates.verdicts.marks import VALUE_BITS
from service.duplicates.verdicts.quantities import DIMENSIONS

STATED = (
    "gtin",
    "mpn",
    "model",
    "brand",
    "number",
    "short",
    "colour",
    "size",
    AUDIENCE,
    SIDE,
    MEDIUM,
    EDITION,
    ACCESSORY,
)
ATTRIBUTES = (*STATED, *DIMENSIONS, "token", "spec")
"""What marks are of; `spec` has its name in the value."""
NUMBER_OF = {name: number for number, name in enumerate(ATTRIBUTES)}
TOKEN, SPEC = NUMBER_OF["token"], NUMBER_OF["spec"]

SPEC_BITS, COLUMN_BITS = 24, 20
"""Of the value of a spec: what it says, after its name. Of a word: its column in the lexicon, after its hash."""


def mark(attribute: int, value: int) -> int:
    """Return the number of a mark."""
    return attribute << VALUE_BITS | value & (1 << VALUE_BITS) - 1
