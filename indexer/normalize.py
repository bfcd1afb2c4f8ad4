"""What a product says once its text is clean (HTML, mojibake, Unicode, language), and the text that encoders see.

Between `sources` and `encoders`, at build and at query time alike: the same listing must always give the same vector.
Good text passes untouched, bad text is cleaned until nothing changes, so that cleaning twice is cleaning once.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from functools import cache, lru_cache
from itertools import islice
from typing import Any

from indexer.price import Price
from indexer.product import DESCRIPTION_CHARS, FACT_CHARS, FACTS, TAG_CHARS, TITLE_CHARS, Product

TEXT_CHARS = 2_000
"""`text_of` is cut here; a transformer reads 128 to 512 tokens, about 500 to 2,000 characters."""

LANGUAGE_CHARS = 300
LANGUAGE_LETTERS = 40
LANGUAGE_PROBABILITY = 0.5
"""Below either limit the language is "und". Share answered and share of those right, 1,000 listings of each set, taking
every set for one language (French or English): title and description 94-100% and 98-100% (four sets), titles alone
8-42% and 93-100% (six sets)."""

LANGUAGES = (
    *("ar", "bg", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr", "hu", "id", "it"),
    *("ja", "ko", "lt", "lv", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "th", "tr", "uk", "vi", "zh"),
)
"""Written in shops. The identifier knows 140 languages and takes short English for Nigerian Pidgin, Latin or Shona."""

MARKUP_TAGS = 3_000
"""A description is cut at this many tags: the HTML algorithm is quadratic in badly nested ones (5 s for 15,000)."""

PASSES = 8
"""Cleaning is repeated while it changes something: `&amp;lt;b&amp;gt;` hides a tag under two layers."""

_TAGS = (
    "a|abbr|article|aside|b|big|blockquote|body|br|button|caption|center|cite|code|col|colgroup|dd|del|details|div|dl|dt|"
    "em|fieldset|figcaption|figure|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|input|ins|kbd|label|legend|"
    "li|link|main|mark|meta|nav|noscript|object|ol|option|p|picture|pre|q|s|samp|script|section|select|small|source|"
    "span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|thead|title|tr|tt|u|ul|var|video"
)
# A tag of HTML that is bare, closing or has attr=value, perhaps cut off at the text's end; `5 <b and c> 6` is none.
# Each part ends where the next begins: what can be shared out in several ways takes the square of a text's length.
_MARKUP = re.compile(
    rf"</?(?:{_TAGS})(?:\s[^<>=]*=[^<>]*|\s*/?)>|<(?:{_TAGS})\s+[\w-]+=[^<>]*$|<!--|<!doctype\s", re.IGNORECASE
)
_BLOCK = re.compile(
    r"</?(?:address|article|aside|blockquote|br|caption|center|dd|details|div|dl|dt|fieldset|figcaption|figure|footer|"
    r"form|h[1-6]|header|hr|li|main|nav|ol|option|p|pre|section|summary|table|tbody|tfoot|thead|tr|ul)\b[^<>]*>",
    re.IGNORECASE,
)
_CELL = re.compile(r"</?(?:td|th)\b[^<>]*>", re.IGNORECASE)
_TAG_START = re.compile("<")
_HIDDEN = ["script", "style", "template", "noscript", "iframe", "svg", "head"]
_AMPERSANDS = re.compile(r"&(?:(?:amp|#0{0,4}38|#x0{0,4}26);)+", re.IGNORECASE)
# Only with a semicolon (but for &nbsp): `?a=1&copy=2` and `R&D` are text.
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,30});|&nbsp(?![a-z0-9])", re.IGNORECASE)
# Control, format (zero-width, direction, soft hyphen), surrogate, private and unassigned characters; ™ and ℠, which
# NFKC would glue to the name as letters.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\ud800-\udfff\ue000-\uf8ff"
    "\U000e0000-\U0010ffff\u2120\u2122]"
)
_FRACTION = re.compile("(?<=[0-9])(?=[\xbc-\xbe\u2150-\u215e])")
_SPACES = re.compile(r"[^\S\n]+")
_BREAKS = re.compile(r" ?\n[ \n]*")
_UNUSUAL = re.compile(r"[^ -%'-;=-~]|  ")
"""Anything but printable ASCII without `&` and `<` in single spaces: the rest is clean already."""


def clean_text(text: str, limit: int) -> str:
    """Return `text` as a reader sees it, at most `limit` characters; line breaks stay, other white space is one space.

    HTML blocks, list items and table rows become lines, cells are spaced, scripts, styles and comments vanish. Text
    that only looks like HTML (`5 < 6`, `<3`) survives. clean_text(clean_text(x, n), n) == clean_text(x, n).
    """
    return _settled(text, limit, "\n")


def clean_line(text: str, limit: int) -> str:
    """Return `clean_text` on one line."""
    return _settled(text, limit, " ")


def normalize(product: Product) -> Product:
    """Return `product` with clean text and its language; id, category and images are left as they are.

    Specs and facts without a value and empty or repeated tags go; facts are in the order of FACTS, and a price is
    written in one way. normalize(normalize(p)) == normalize(p).
    """
    title = clean_line(product.title, TITLE_CHARS)
    description = clean_text(product.description, DESCRIPTION_CHARS)
    specs = ((clean_line(key, TITLE_CHARS), clean_line(value, TITLE_CHARS)) for key, value in product.specs)
    tags = (clean_line(tag, TAG_CHARS) for tag in product.tags)
    return replace(
        product,
        title=title,
        description=description,
        brand=clean_line(product.brand, TITLE_CHARS),
        specs=tuple((key, value) for key, value in specs if value),
        tags=tuple(dict.fromkeys(tag for tag in tags if tag)),
        language=language_of(f"{title} {description[:LANGUAGE_CHARS]}"),
        facts=_facts(product.facts),
    )


def _facts(given: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    if not given:
        return ()
    clean = [(name, clean_line(value, FACT_CHARS)) for name, value in given]
    clean = [(name, str(Price.read(value) or value) if name == "price" else value) for name, value in clean if value]
    return tuple(sorted(clean, key=lambda fact: FACTS.index(fact[0]) if fact[0] in FACTS else len(FACTS)))


def normalize_many(products: Iterable[Product]) -> list[Product]:
    """Return the normalized products, in their order."""
    return [normalize(product) for product in products]


def text_of(product: Product, limit: int = TEXT_CHARS) -> str:
    """Return what encoders see: title, brand unless the title names it, specs as `key: value; ...`, description.

    In this order because a model reads only the beginning: docs/adr/0005.
    """
    brand = "" if product.brand.casefold() in product.title.casefold() else product.brand
    specs = "; ".join(f"{key}: {value}" if key else value for key, value in product.specs)
    parts = (part.strip(" .") for part in (product.title, brand, specs, product.description))
    return ". ".join(part for part in parts if part)[:limit].strip()


@lru_cache(16_384)  # the same products come again and again, with other labels
def language_of(text: str) -> str:
    """Return the ISO 639-1 code of the first 300 characters' language, "und" when unsure or with under 40 letters.

    The limit holds for ASCII only: few letters of another script, or with accents, tell more.
    """
    text = text[:LANGUAGE_CHARS]
    if sum(map(str.isalpha, text)) < LANGUAGE_LETTERS and text.isascii():
        return "und"
    language, probability = _identifier().classify(text)
    return language if probability >= LANGUAGE_PROBABILITY else "und"


@cache
def _identifier() -> Any:  # noqa: ANN401  # the package ships no types
    """Return the language identifier; loading it takes about two seconds, once per process."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier


def _settled(text: str, limit: int, line_end: str) -> str:
    if not _UNUSUAL.search(text):
        return text[:limit].strip()
    for _ in range(PASSES):
        before, text = text, _BREAKS.sub(line_end, _cleaned_once(text)).strip()[:limit].strip()
        if text == before:
            break
    return text


def _cleaned_once(text: str) -> str:
    if "&" in text:
        text = _AMPERSANDS.sub("&amp;", text)
    if "<" in text and _MARKUP.search(text):
        text = _text_of_html(text)
    elif "&" in text:
        text = _ENTITY.sub(lambda match: html.unescape(match.group()), text)
    if not text.isascii():
        text = _FRACTION.sub(" ", _without_mojibake(text))
    text = _INVISIBLE.sub("", text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace("\u2044", "/")
    return _SPACES.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))


def _text_of_html(text: str) -> str:
    from selectolax.lexbor import LexborHTMLParser

    text = text.replace("<![CDATA[", "").replace("]]>", "").replace("\r", "\n")
    tags = list(islice(_TAG_START.finditer(text), MARKUP_TAGS + 1))
    if len(tags) > MARKUP_TAGS:
        text = text[: tags[-1].start()]
    text = _CELL.sub(" ", _BLOCK.sub("\n", text.replace("\n", " ")))
    parser = LexborHTMLParser(text)
    parser.strip_tags(_HIDDEN)
    return parser.root.text(separator="") if parser.root else ""


def _without_mojibake(text: str) -> str:
    """Undo text decoded with the wrong encoding (`cafÃ©`); quotes, ligatures and widths are not touched here."""
    from ftfy import TextFixerConfig, fix_encoding

    return str(fix_encoding(text, TextFixerConfig(restore_byte_a0=False, explain=False)))
