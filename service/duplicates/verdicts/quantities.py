"""Numbers with units in a text, in the unit of their dimension: 500 ml and 0.5 l are one volume, 64 GB a memory.

Compared by size class: two numbers of one dimension are the same when they round to the same hundredth, as what was
converted between inches and centimetres does not come out equal to the last digit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

UNITS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("kb",), ("memory", 1e-6)),
    **dict.fromkeys(("mb", "mo", "megabyte", "megabytes"), ("memory", 1e-3)),
    **dict.fromkeys(("gb", "go", "gig", "gigabyte", "gigabytes"), ("memory", 1.0)),
    **dict.fromkeys(("tb", "to", "terabyte", "terabytes"), ("memory", 1e3)),
    **dict.fromkeys(("ml", "milliliter", "millilitre"), ("volume", 1.0)),
    **dict.fromkeys(("cl",), ("volume", 10.0)),
    **dict.fromkeys(("l", "ltr", "ltrs", "lt", "liter", "liters", "litre", "litres"), ("volume", 1e3)),
    **dict.fromkeys(("fl oz", "fl. oz", "fl.oz", "floz", "fluid ounces"), ("volume", 29.57)),
    **dict.fromkeys(("gal", "gallon", "gallons"), ("volume", 3785.0)),
    **dict.fromkeys(("cu ft", "cu. ft", "cu.ft", "cuft", "cubic feet", "cubic foot"), ("volume", 28317.0)),
    **dict.fromkeys(("mg",), ("mass", 1e-3)),
    **dict.fromkeys(("g", "gr", "gram", "grams", "gramm"), ("mass", 1.0)),
    **dict.fromkeys(("kg", "kgs", "kilo", "kilos"), ("mass", 1e3)),
    **dict.fromkeys(("oz", "ounce", "ounces"), ("mass", 28.35)),
    **dict.fromkeys(("lb", "lbs", "pound", "pounds"), ("mass", 453.6)),
    **dict.fromkeys(("mm",), ("length", 1.0)),
    **dict.fromkeys(("cm",), ("length", 10.0)),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), ("length", 1e3)),
    **dict.fromkeys(("in", "inch", "inches", "zoll", '"', "''", "pouces"), ("length", 25.4)),
    **dict.fromkeys(("ft", "foot", "feet"), ("length", 304.8)),
    **dict.fromkeys(("w", "watt", "watts"), ("power", 1.0)),
    **dict.fromkeys(("kw",), ("power", 1e3)),
    **dict.fromkeys(("hp",), ("power", 745.7)),
    **dict.fromkeys(("btu", "btus"), ("power", 0.2931)),
    **dict.fromkeys(("v", "volt", "volts"), ("voltage", 1.0)),
    **dict.fromkeys(("hz",), ("frequency", 1.0)),
    **dict.fromkeys(("khz",), ("frequency", 1e3)),
    **dict.fromkeys(("mhz",), ("frequency", 1e6)),
    **dict.fromkeys(("ghz",), ("frequency", 1e9)),
    **dict.fromkeys(("mah",), ("charge", 1.0)),
    **dict.fromkeys(("ah",), ("charge", 1e3)),
    **dict.fromkeys(("mp", "megapixel", "megapixels"), ("pixels", 1.0)),
    **dict.fromkeys(("rpm",), ("speed", 1.0)),
    **dict.fromkeys(("mbps", "mb/s", "mbit", "mbit/s"), ("rate", 1.0)),
    **dict.fromkeys(("gbps", "gb/s", "gbit", "gbit/s"), ("rate", 1e3)),
    **dict.fromkeys(
        ("user", "users", "u", "seat", "seats", "license", "licenses", "licence", "licences"), ("seats", 1.0)
    ),
    **dict.fromkeys(
        (
            *(
                "pack",
                "packs",
                "pk",
                "pc",
                "pcs",
                "pieces",
                "piece",
                "count",
                "ct",
                "er",
                "er pack",
                "er-pack",
                "er set",
                "stk",
            ),
            *("bags", "cup", "cups", "pods", "cans", "tins", "bottles", "sachets", "pipettes", "pairs", "units"),
            *("stück", "stuck", "pièces", "tabs", "tablets", "capsules", "sheets", "rolls"),
            *(
                "tabletten",
                "kapseln",
                "beutel",
                "dosen",
                "flaschen",
                "rollen",
                "blatt",
                "pipetten",
                "paar",
                "teile",
                "teilig",
            ),
        ),
        ("pack", 1.0),
    ),
}
"""Unit as it is written in small letters -> its dimension and how many of that dimension's unit it is."""

DIMENSIONS = tuple(dict.fromkeys(dimension for dimension, _ in UNITS.values()))
"""Memory in GB, volume in ml, mass in g, length in mm, power in W, voltage in V, frequency in Hz, charge in mAh, ..."""

_UNIT_OF = {dimension: unit for unit, (dimension, factor) in reversed(UNITS.items()) if factor == 1}
_CLOSE = {unit.replace(" ", ""): meant for unit, meant in UNITS.items()}
_WRITTEN = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True)).replace(r"\ ", " ?")
_QUANTITY = re.compile(
    r"(?:(?<![\w.,-])|(?<=\d[x\xd7]))(?:(\d+)[ -](\d)/(\d\d?)|(\d{1,2})/([248]|16|32|64)(?=\s?(?:\"|'|in|zoll))|"
    r"(\d+(?:[.,]\d+)?|\.\d+))(?:\s?-\s?|\s{0,2})"
    rf"({_WRITTEN})"
    r"(?![\w/]|-in-|\s\d\b(?![.,]\d|\s?x|\s?[gt]b))"
)
_MEMORIES = re.compile(r"(?<![\w.,/])(\d{1,2}) ?[/+] ?(?=\d{2,4} ?[gt]b)")
"""Of a phone, both in one: 8/256 GB."""
_DIGITS = re.compile(r"[0-9]+")
_OF = re.compile(r"\b(?:pack|set|box|case|lot|paquet|satz) (?:of|de|von) (\d+)\b")
_TIMES = re.compile(r"(?<![\w.,])(\d+(?:[.,]\d+)?) ?[x\xd7] ?(?=\d)")
_GENERATIONS = frozenset("2345")  # of mobile networks
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")


def quantities_in(text: str) -> Iterator[tuple[str, float, str, int]]:
    """Yield dimension, number in the unit of the dimension, how it is written, and where it begins.

    text: in small letters. Of 140 x 200 cm both are lengths, of 6 x 500 ml the first is a pack.
    """
    known = {}
    for match in _written(text):
        whole, over, under, part, parts, plain, unit = match.groups()
        if unit == "g" and plain in _GENERATIONS:
            continue
        dimension, factor = _CLOSE[unit.replace(" ", "")]
        number = factor * (_number(plain) if plain else _fraction(whole, over or part, under or parts))
        if 0 < number < math.inf:  # beyond either, as of hundreds of digits, is no number
            known[match.start()] = dimension, factor
            yield dimension, number, match.group(), match.start()
    for match in _OF.finditer(text):
        if 0 < (many := float(match.group(1))) < math.inf:
            yield "pack", many, match.group(), match.start()
    for match in _MEMORIES.finditer(text):
        dimension, factor = known.get(match.end(), ("", 0.0))
        if dimension == "memory":
            yield dimension, factor * float(match.group(1)), match.group(), match.start()
    if known:
        yield from _times(text, known)


def _times(text: str, known: dict[int, tuple[str, float]]) -> Iterator[tuple[str, float, str, int]]:
    """Yield what stands before an x and a quantity; known: dimension and factor of those by where they begin."""
    for match in reversed(list(_TIMES.finditer(text))):
        dimension, factor = known.get(match.end(), ("", 0.0))
        number = _number(match.group(1)) * (factor if dimension == "length" else 1)
        if not dimension or not 0 < number < math.inf:
            continue
        if dimension == "length":
            known[match.start()] = dimension, factor
            yield dimension, number, match.group().rstrip(), match.start()
        elif match.group(1).isdigit():
            yield "pack", number, match.group().rstrip(), match.start()


def _written(text: str) -> Iterator[re.Match[str]]:
    """Yield where quantities are written, one after the other: looked for only where digits are, which is faster."""
    end = 0
    for digits in _DIGITS.finditer(text):
        start = digits.start()
        if start < end:
            continue
        match = _QUANTITY.match(text, start) or (text[start - 1 : start] == "." and _QUANTITY.match(text, start - 1))
        if match and match.start() >= end:
            end = match.end()
            yield match


def _fraction(whole: str | None, over: str, under: str) -> float:
    return float(whole or 0) + int(over) / max(1, int(under))


def plainly(dimension: str, number: float) -> str:
    """Return a quantity in one way, however it was written: `500ml` for half a litre."""
    return f"{float(f'{number:.3g}'):.9g}{_UNIT_OF[dimension]}"


def size_class(number: float) -> int:
    """Return the class of a number above 0: equal ones and those about a hundredth apart share one."""
    return 2_000 + round(math.log(number) * 80)


def _number(text: str) -> float:
    return float(text.replace(",", "")) if _THOUSANDS.fullmatch(text) else float(text.replace(",", "."))
