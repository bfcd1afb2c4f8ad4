"""What one product says of itself that another listing can agree with or contradict, as marks with their words.

Some marks are read from the title, which names what is sold; all are read from everything that the product says.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from indexer.codes import content_code, gtin, gtins_in, maker_number
from indexer.price import Price
from indexer.product import NOTHING, Product
from indexer.space.lexicon import column_of
from service.duplicates.verdicts.attributes import COLUMN_BITS, NUMBER_OF, SPEC, SPEC_BITS, TOKEN, mark
from service.duplicates.verdicts.colours import CODES, colours_in, shades_in
from service.duplicates.verdicts.editions import EDITION, rewritten, terms_in
from service.duplicates.verdicts.marks import VALUE_BITS
from service.duplicates.verdicts.models import apart_in, models_in, series_in
from service.duplicates.verdicts.quantities import plainly, quantities_in, size_class
from service.duplicates.verdicts.sizes import NAMES, size, sizes_in
from service.duplicates.verdicts.words import one_word

TITLE_CHARS, TEXT_CHARS = 300, 1_500
"""Of a title, and of description and specs each, that are read; longer ones say no more that is compared."""
SPECS, MODELS = 16, 12
"""Specs and model numbers that are kept of a product: of specs those whose names come first by hash, so that two
products keep the same ones."""

SHORT = 4
"""Letters and digits at most of a word with a digit that is too short for a model number: 3S, A4, PS5, W34."""

_TOKEN = re.compile(r"\d+(?:[.,]\d+)+|[^\W_]+")
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"(?!.{9})v?(\d+(?:[.,]\d+)*)")  # a version, too
_PIECES = re.compile(
    r"(?<=^[^\W\d_])(?=\d\d)|(?<=^[^\W\d_]{2})(?=\d\d)|(?<=^[^\W\d_]{3})(?=\d\d)|(?<=\d)(?=[^\W\d_]{4})"
)
"""Where a word falls apart that others write as two: TS870, W712, 4Seasons."""
_ROUND = re.compile(r"(?:\.0+)+$")
_PUNCTUATION = re.compile(r"[\W_]+")
_SIGNS = str.maketrans(dict.fromkeys(",;:!?\"'()[]|/*_-", " "))
_GTIN = frozenset(("gtin gtin8 gtin12 gtin13 gtin14 ean ean13 upc isbn isbn10 isbn13 barcode").split())  # noqa: SIM905
_MPN = re.compile(
    r"(?:mpn|model|modell|item_model_number|.*part_(?:number|no)|.*model_(?:number|no|id|name)|artikelnummer|"
    r"herstellernummer|référence|reference|manufacturer_number|mfr.*)"
)
_COLOUR = re.compile(r"(?:.*_)?(?:colou?r|farbe|couleur)(?:_.*)?")
_BRAND = frozenset(["brand", "brand_name", "marke", "marque", "manufacturer", "hersteller"])

Told = dict[int, str]
"""Mark -> the words it was read from."""


@dataclass(slots=True)
class Said:
    """What one product says. title, everything: its marks. codes: the model numbers of its title, in their order."""

    title: Told = field(default_factory=dict)
    everything: Told = field(default_factory=dict)
    name: str = ""
    codes: str = ""
    price: float = 0.0
    currency: int = 0
    phash: int | None = None
    content: int = 0
    text: int = 0


def told(product: Product, content: str) -> Said:
    """Return what a normalised product says. content: its content hash; who says nothing is equal to nobody."""
    said = Said()
    title = rewritten(product.title[:TITLE_CHARS])
    small = title.lower()
    said.codes = " ".join(dict.fromkeys(models_in(small)))
    said.name = " ".join(_read_title(said.title, small, title))
    said.everything = {number: word for number, word in said.title.items() if number >> VALUE_BITS != TOKEN}
    for model in islice(apart_in(small) if _DIGIT.search(small) else (), MODELS):
        said.everything.setdefault(mark(NUMBER_OF["model"], _hashed(model)), model.upper())
    said.title = {number: word for number, word in said.title.items() if number >> VALUE_BITS != NUMBER_OF["gtin"]}
    _read_rest(said.everything, product)
    _read_facts(said, product)
    said.phash = product.main_picture.phash if product.main_picture else None
    said.content, said.text = 0 if content == NOTHING else content_code(content), _text_hash(product)
    return said


def _read_title(marks: Told, title: str, shown: str) -> list[str]:
    """Add to `marks` what a title in small letters says, and return its words.

    Quantities are written in one way, and so are colours and terms of several languages. shown: the title as written.
    """
    words: list[str] = []
    end, before = 0, ""
    for start, stop, plain in [*_read(marks, title, shown), (len(title), len(title), "")]:
        for word in _TOKEN.findall(title[end : max(end, start)]):
            said, compared = _of_word(word)
            words += compared
            for number, shown_word in said:
                marks.setdefault(number, shown_word)
            if word in {"xl", "xxl"} and before[-1:].isdigit():  # of a cartridge, and of no shirt
                marks.setdefault(mark(NUMBER_OF[EDITION], _hashed(word)), word)
            before = word
        if plain:
            words.append(plain)
            marks.setdefault(mark(TOKEN, _hashed(plain) << COLUMN_BITS), plain)
            before = ""
        end = max(end, stop)
    if _DIGIT.search(title):
        for word in series_in(title):
            marks.setdefault(mark(NUMBER_OF["short"], _hashed(word)), word)
    for kind, written in sizes_in(title).items():
        marks.setdefault(mark(NUMBER_OF["size"], _hashed(kind)), written)
    for name, word in shades_in(title):
        marks.setdefault(mark(NUMBER_OF["colour"], CODES[name]), word)
    return words


@lru_cache(65_536)
def _of_word(word: str) -> tuple[tuple[tuple[int, str], ...], tuple[str, ...]]:
    """Return the marks of a word in small letters, with what of it says so, and the words that it is compared as."""
    marks: Told = {}
    words = []
    for attribute, value in terms_in(word):
        marks.setdefault(mark(NUMBER_OF[attribute], _hashed(value)), word)
    if len(word) <= SHORT and any(map(str.isdigit, word)) and not _NUMBER.fullmatch(word):
        marks.setdefault(mark(NUMBER_OF["short"], _hashed(word)), word)
    for piece in _PIECES.split(word):
        if compared := one_word(piece):
            words.append(compared)
            marks.setdefault(_token(compared), piece)
        if number := _NUMBER.fullmatch(piece):
            digits = _ROUND.sub("", number[1].replace(",", ".")).lstrip("0") or "0"
            marks.setdefault(mark(NUMBER_OF["number"], _hashed(digits)), piece)
    return tuple(marks.items()), tuple(words)


def _read(marks: Told, text: str, shown: str) -> list[tuple[int, int, str]]:
    """Add to `marks` what running text in small letters says; shown: the same as it was written.

    Return where quantities begin and end, and what they are in one way of writing, in order.
    """
    shown = shown if len(shown) == len(text) else text  # a Turkish İ is two signs in small letters
    for number in gtins_in(text):
        marks.setdefault(mark(NUMBER_OF["gtin"], _wide(int(number))), number.lstrip("0"))
    for model in islice(models_in(text) if _DIGIT.search(text) else (), MODELS):
        marks.setdefault(mark(NUMBER_OF["model"], _hashed(model)), model.upper())
    taken: list[tuple[int, int, str]] = []
    for dimension, much, written, start in quantities_in(text):
        taken.append((start, start + len(written), plainly(dimension, much)))
        marks.setdefault(mark(NUMBER_OF[dimension], size_class(much)), shown[start : start + len(written)].strip())
    for name, word in colours_in(text):
        marks.setdefault(mark(NUMBER_OF["colour"], CODES[name]), word)
    return sorted(taken)


def _read_rest(marks: Told, product: Product) -> None:
    """Add to `marks` what specs and description say."""
    specs = [(_PUNCTUATION.sub("_", name.casefold()).strip("_"), value) for name, value in product.specs]
    kept = []
    for name, value in specs:
        small = value.lower()[:TITLE_CHARS]
        _read_spec(marks, name, value, small)
        kept.append((_hashed(name) << SPEC_BITS | _hashed(_PUNCTUATION.sub("", small)) & (1 << SPEC_BITS) - 1, value))
    for number, value in sorted(kept)[:SPECS]:
        marks.setdefault(mark(SPEC, number), value[:40])
    listed = " ; ".join(value for _, value in specs)[:TEXT_CHARS]
    for text in (listed, product.description[:TEXT_CHARS]):
        if text:
            _read(marks, text.lower(), text)


def _read_spec(marks: Told, name: str, value: str, small: str) -> None:
    """Add to `marks` what one spec says by its name."""
    if name in _GTIN:
        for each in re.split(r"[;,|/]", value):
            if number := gtin(each.strip()):
                marks.setdefault(mark(NUMBER_OF["gtin"], _wide(int(number))), number.lstrip("0"))
    elif name in NAMES:
        marks.setdefault(mark(NUMBER_OF["size"], _hashed(size(value))), value)
    elif _COLOUR.fullmatch(name):
        for colour, word in colours_in(small, asked=True):
            marks.setdefault(mark(NUMBER_OF["colour"], CODES[colour]), word)
    elif name in _BRAND:
        marks.setdefault(mark(NUMBER_OF["brand"], _brand(value)), value)
    elif _MPN.fullmatch(name):
        _read_mpn(marks, value)


def _read_mpn(marks: Told, value: str) -> None:
    """Add an article number of the maker, which others may name as a model in their title."""
    if number := maker_number(value).lower():
        marks.setdefault(mark(NUMBER_OF["mpn"], _hashed(number)), value)
        marks.setdefault(mark(NUMBER_OF["model"], _hashed(number)), value)


def _read_facts(said: Said, product: Product) -> None:
    """Add brand and facts."""
    if product.brand:
        said.everything.setdefault(mark(NUMBER_OF["brand"], _brand(product.brand)), product.brand)
    for name, value in product.facts:
        if name == "gtin" and (number := gtin(value)):
            said.everything.setdefault(mark(NUMBER_OF["gtin"], _wide(int(number))), number.lstrip("0"))
        elif name == "mpn":
            _read_mpn(said.everything, value)
        elif name == "price" and not said.price and (price := Price.read(value)):
            said.price, said.currency = float(price.amount), _hashed(price.currency.casefold()) & 0xFFFF


@lru_cache(65_536)
def _hashed(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


@lru_cache(65_536)
def _token(word: str) -> int:
    return mark(TOKEN, _hashed(word) << COLUMN_BITS | (column_of(word) if len(word) > 1 else 0))


def _wide(number: int) -> int:
    """Return a number of 14 digits in 42 bits, by multiplicative hashing (Knuth 1998, 6.4)."""
    return (number * 0x9E3779B97F4A7C15 & (1 << 64) - 1) >> 64 - VALUE_BITS


def _brand(text: str) -> int:
    """Return a brand as it is compared: its first word of three letters or more, as shops add "Inc." or a country."""
    words = _TOKEN.findall(text.casefold())
    return _hashed(next((word for word in words if len(word) > 2 and word != "the"), "".join(words)))


def _text_hash(product: Product) -> int:
    """Return 64 bits of the text in small letters without signs, specs in any order, and of the pictures; 0 without."""
    parts = [
        product.title,
        product.brand,
        product.description,
        *sorted(f"{key}:{value}" for key, value in product.specs),
    ]
    pictures = [picture.hash for picture in product.pictures if picture.hash]
    letters = [*(_plain(part) for part in parts), *pictures]
    if not any(letters):
        return 0
    digest = hashlib.blake2b("\0".join(letters).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _plain(text: str) -> str:
    """Return text in small letters without signs that say nothing; the point of a number stays, and so does C++."""
    return " ".join(text.casefold().translate(_SIGNS).split()).replace(". ", " ").rstrip(".")
