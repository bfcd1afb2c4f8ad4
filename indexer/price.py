"""What a price says: an amount above 0, and its currency where it names one; written in one way from then on.

And the number that any other text says, as `1,200 pieces`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

DIGITS = 15
"""Digits of an amount, at most."""
CURRENCY_CHARS = 5

_PRICE = re.compile(
    r"([^0-9]*+)([0-9](?:[0-9.,'\u2019\s]*[0-9])?)(?:[.,][-\u2013\u2014]{1,2})?([^0-9]*+)"
)  # CHF 1'200.-
_GROUPED = re.compile(r"[0-9]{1,3}(?:([.,'\u2019\s])[0-9]{3})(?:\1[0-9]{3})*|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}")
_NUMBER = re.compile(r"-?\d+(?:[\s,]\d{3})*(?:\.\d+)?", re.ASCII)
_NO_CURRENCIES = frozenset(
    {"from", "about", "up to", "ab", "bis", "ca", "ca.", "von", "dès", "desde", "each", "pcs", "pc"}
)


@dataclass(frozen=True, slots=True)
class Price:
    """An amount above 0 and the currency as it was written, "" when nobody said."""

    amount: Decimal
    currency: str = ""

    def __str__(self) -> str:
        """Return it as it is stored: `1299`, `12.50 EUR`; `Price.read` reads the same from that."""
        whole, _, cents = f"{self.amount:f}".partition(".")
        cents = cents.rstrip("0")
        if cents:
            cents = cents.ljust(4 if len(cents) == 3 else 2, "0")  # a dot before three digits may group thousands
        return " ".join(filter(None, (f"{whole}.{cents}" if cents else whole, self.currency)))

    @classmethod
    def read(cls, text: str) -> Price | None:
        """Return the price that a text says, None for any other: a range, a price for a unit, words, 0.

        The last mark of two sorts separates the cents, as in `1.299,00` and `1,299.00`. A single one before exactly
        three digits groups thousands, but for the dot of a number that stands alone, as programs write it.
        """
        found = _PRICE.fullmatch(text.strip())
        if found is None:
            return None
        currency = " ".join(part for part in (found[1].strip(), found[3].strip()) if part)
        amount = _amount(found[2], bare=not currency)
        return None if amount is None or not _is_currency(currency) else cls(amount, currency)


def number_in(text: str) -> float | None:
    """Return the number that a text says: a price in any of its ways, else the first number in it; None without one.

    One with more digits than a float can be is none: nothing could be weighed against it.
    """
    if (price := Price.read(text)) is not None:
        return float(price.amount)
    found = _NUMBER.search(text)
    number = float(re.sub(r"[\s,]", "", found[0])) if found else math.inf
    return number if math.isfinite(number) else None


def _is_currency(text: str) -> bool:
    return (
        len(text) <= CURRENCY_CHARS
        and text.casefold() not in _NO_CURRENCIES
        and all(char.isalpha() or char == "." or unicodedata.category(char) == "Sc" for char in text)
    )


def _amount(number: str, *, bare: bool) -> Decimal | None:
    marks = [char for char in number if char in ".,"]
    whole, cents = number, ""
    last = marks[-1] if marks else ""
    if last and (len(set(marks)) == 2 or (len(marks) == 1 and not _groups(number, bare=bare))):
        whole, _, cents = number.rpartition(last)
    digits = re.sub("[^0-9]", "", whole)
    if digits != whole and not _GROUPED.fullmatch(whole):
        return None
    if len(digits) + len(cents) > DIGITS or (cents and not cents.isdecimal()):
        return None
    amount = Decimal(f"{digits}.{cents or '0'}")
    return amount if amount > 0 else None


def _groups(number: str, *, bare: bool) -> bool:
    """Whether the only mark of a number groups thousands."""
    if not _GROUPED.fullmatch(number) or number.startswith("0"):
        return False
    return "," in number or not bare
