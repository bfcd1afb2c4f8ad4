"""Article numbers: what a product says of itself that names the article, and not the listing.

A GTIN (EAN, UPC, ISBN) names one article in the world when its check digit is right. A maker's number (MPN, model) does
among the articles of one brand; titles often carry it, as a word of letters and digits that is no quantity. Read from
facts, from specs with such names, and from the text. Duplicates are looked up by them; when two are compared, more is
taken for such a number (`service/duplicates/verdicts/reading.py`).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from indexer.product import Product

DESCRIPTION_READ = 2_000
"""Characters of a description that are looked through for GTINs."""
NUMBERS_MOST = 16
"""Numbers of one sort that are kept of one product; a list of spare parts names others' articles."""
MAKER_LEAST, MAKER_MOST = 4, 40
"""Characters of a maker's number; shorter ones are shared by chance."""
DIGITS_LEAST = 5
"""Digits of a maker's number that has no letter."""

GTIN_NAMES = {"gtin", "gtin8", "gtin12", "gtin13", "gtin14", "ean", "ean8", "ean13", "upc", "upca", "upce", "jan"}
GTIN_NAMES |= {"isbn", "isbn10", "isbn13", "barcode", "strichcode"}
MAKER_NAMES = {"mpn", "asin", "model", "modelno", "modelnumber", "itemmodelnumber", "partno", "partnumber"}
MAKER_NAMES |= {"productcode", "manufacturernumber", "manufacturerpartnumber", "mfrpartnumber", "mfgpartnumber"}
MAKER_NAMES |= {"modele", "modell", "modellnr", "modellnummer", "herstellernummer", "herstellerartikelnummer"}
"""What specs are called that state such numbers, in lower case and without spaces; a name with a word of the first
does, too."""

_WORD = re.compile(r"[a-z0-9]+")
_SEPARATED = re.compile(r"[\s./_\u2010-\u2015-]+")
_LONG = re.compile(r"(?<![\d.,-])\d{12,14}(?![\d-]|[.,]\d)")
_ISBN = re.compile(r"\bISBN(?:-1[03])?:?\s*([\d][\d -]{8,16}[\dXx])", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9]+(?:[-/._][A-Za-z0-9]+)*")
_APART = re.compile(r"(?<![A-Za-z0-9/-])([A-Z]{1,5})[ -](\d{3,}[A-Z]{0,3})(?![A-Za-z0-9])")
_UNITS = (
    "[kmgt]i?b(?:/s)?|[kmg]?bps|[kmg]bit|bit|[kmg]?hz|m?ah|[km]?wh?|va|k?v|m[gl]|[cd]?l|ltr|k?g|lbs?|f?oz|[cmk]?m|mtr|ft|inch(?:es)?|in"
    "|mp|px|p|i|k|x|d|gen|th|st|nd|rd|pcs?|pieces?|packs?|pk|ct|count|stk|er|tlg|port|ports|watt|volt|dpi|ppm|rpm|btu"
    "|hours?|hrs?|min|sec|days?|yrs?|years?|months?|users?|pages?|sheets?|way|pin|cell|bay|channel|ch|speed|outlet"
    "|inch|zoll|cu|qt|gal|cc|hp|ghz|mhz|db|ohm|disc|sided?|in1|s|c|f"
)
_QUANTITY = re.compile(
    rf"(?:\d+(?:[.,/x-]\d+)*[-/]?(?:{_UNITS})(?:x\d+(?:{_UNITS})?)*|\d+(?:x\d+)+(?:{_UNITS})?|(?:x|n|no|vol|v|ver|size)\d+)",
    re.IGNORECASE,
)
_COMMON = re.compile(
    r"(?:USB|HDMI|DDR|CAT|MPEG|MP|H26|WIFI|BT|PCIE?|SATA|GEN|AC|RJ|PS|IP|WIN|OS)\d{1,3}[A-Z]?|80211[A-Z]+"
)
_TEN, _THIRTEEN = 10, 13


@dataclass(frozen=True, slots=True)
class ArticleNumbers:
    """The article numbers of one product, each once, in the order in which they were read.

    gtins: 14 digits, ISBNs among them. stated: maker's numbers that are given as such, by a fact or a spec. models:
    words of the title that look like one. Maker's numbers are upper case, letters and digits only.
    """

    gtins: tuple[str, ...] = ()
    stated: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


def numbers_of(product: Product) -> ArticleNumbers:
    """Return the article numbers that a normalised product says of itself."""
    gtins, stated = dict[str, None](), dict[str, None]()
    for name, value in (*product.facts, *product.specs):
        sort = _sort_of(name)
        if sort and (found := gtin(value)):
            gtins[found] = None
        elif sort == "maker" and (found := maker_number(value)):
            stated[found] = None
    for text in (product.title, product.description[:DESCRIPTION_READ]):
        gtins.update((found, None) for found in gtins_in(text))
    said = (each for each in _models_in(product.title) if each.rjust(14, "0") not in gtins)
    return ArticleNumbers(*(tuple(dict.fromkeys(some))[:NUMBERS_MOST] for some in (gtins, stated, said)))


def codes_of(products: Sequence[Product]) -> list[tuple[int, ...]]:
    """Return the article numbers of each product as `hashed`, in order: what stored products are looked up by."""
    return [hashed(numbers_of(product)) for product in products]


def hashed(numbers: ArticleNumbers) -> tuple[int, ...]:
    """Return each article number once as 64 bits, unsigned; a maker's number is the same one stated or in a title."""
    every = [f"g{each}" for each in numbers.gtins]
    every += [f"m{each}" for each in dict.fromkeys((*numbers.stated, *numbers.models))]
    return tuple(
        int.from_bytes(hashlib.blake2b(each.encode("ascii"), digest_size=8).digest(), "little") for each in every
    )


def content_code(content_hash: str) -> int:
    """Return 64 bits of a content hash: products of one content are looked up as those of one article number are."""
    return int(content_hash[:16], 16)


def gtin(text: str) -> str:
    """Return a GTIN of 8, 12, 13 or 14 digits or an ISBN of 10 as 14 digits, "" for what is none.

    Spaces and hyphens are left out. The check digit must be right, and a number of nothing but zeros names nothing.
    """
    digits = _SEPARATED.sub("", text.strip())
    if len(digits) == _TEN and digits[:9].isdecimal() and digits.isascii():
        return _of_isbn10(digits.upper())
    if len(digits) not in {8, 12, 13, 14} or not (digits.isascii() and digits.isdecimal()):
        return ""
    whole = digits.zfill(14)
    return whole if whole[13] == _check_digit(whole[:13]) and whole.strip("0") else ""


def misnumbered(facts: Iterable[tuple[str, str]]) -> str:
    """Return what facts give as the GTIN though it is none, mostly for a wrong digit; "" where all is right."""
    return next((value for name, value in facts if name == "gtin" and value.strip() and not gtin(value)), "")


def maker_number(text: str) -> str:
    """Return an MPN or model number as it is compared: upper case, letters and digits only; "" for what is none.

    One has 4 to 40 characters, a digit among them, 5 where there is no letter: so "N/A" and "none" are none.
    """
    plain = "".join(each for each in unicodedata.normalize("NFKD", text).upper() if each.isascii() and each.isalnum())
    digits = sum(map(str.isdigit, plain))
    if not MAKER_LEAST <= len(plain) <= MAKER_MOST or not digits or (digits == len(plain) and digits < DIGITS_LEAST):
        return ""
    return plain if plain.strip("0") else ""


@lru_cache(4_096)  # a source has a few names for all its products
def _sort_of(name: str) -> str:
    """Return "gtin" or "maker" for the name of a spec whose value is such a number, "" for any other."""
    words = _WORD.findall(unicodedata.normalize("NFKD", name).lower().replace("\u0301", "").replace("\u0300", ""))
    if not GTIN_NAMES.isdisjoint(words) or "".join(words) in GTIN_NAMES:
        return "gtin"
    return "maker" if "mpn" in words or "".join(words) in MAKER_NAMES else ""


def gtins_in(text: str) -> Iterable[str]:
    """Yield the GTINs in a text: 12 to 14 digits in a row, for eight are often something else, and what is an ISBN."""
    for match in _LONG.finditer(text):
        if found := gtin(match[0]):
            yield found
    if "isbn" in text.lower():
        for match in _ISBN.finditer(text):
            if found := gtin(match[1]):
                yield found


def _models_in(title: str) -> Iterable[str]:
    """Yield what looks like a model number: a word of letters and digits, or of digits with hyphens, no quantity."""
    for match in _TOKEN.finditer(title):
        word = match[0]
        if not any(map(str.isdigit, word)) or _QUANTITY.fullmatch(word):
            continue
        if (word.isdigit() and len(word) <= DIGITS_LEAST) or not (found := maker_number(word)):
            continue
        if not _COMMON.fullmatch(found):
            yield found
    for match in _APART.finditer(title):
        yield match[1] + match[2]


def _check_digit(digits: str) -> str:
    """Return the check digit of 13 digits: weights 3 and 1 in turn (GS1 General Specifications 7.9)."""
    total = sum(int(digit) * (3 - 2 * (place % 2)) for place, digit in enumerate(digits))
    return str(-total % 10)


def _of_isbn10(digits: str) -> str:
    """Return an ISBN of 10 as GTIN, "" when its own check digit is wrong (ISO 2108: weights 10 to 1, modulo 11)."""
    if digits[9] not in "0123456789X":
        return ""
    values = [int(each) for each in digits[:9]] + [_TEN if digits[9] == "X" else int(digits[9])]
    if sum(value * (_TEN - place) for place, value in enumerate(values)) % 11 or not digits.strip("0"):
        return ""
    whole = "0978" + digits[:9]
    return whole + _check_digit(whole)
