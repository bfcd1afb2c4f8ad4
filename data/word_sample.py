"""How suppliers word the products of the sample catalogue; `make_sample.py` says which products there are.

A Thing is what a product is; a supplier's habits (data/sample_words/suppliers.toml) make a Listing of it. All chance
comes from `Random.random()` of generators seeded by text, so each run writes the same words.
"""

from __future__ import annotations

import html
import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html.entities import codepoint2name
from pathlib import Path
from random import Random
from typing import Any, TypeVar

HERE = Path(__file__).resolve().parent
SEED = "aisle sample 1"

Words = dict[str, Any]
T = TypeVar("T")


def read(name: str) -> Words:
    """Return one file of words."""
    return tomllib.loads((HERE / "sample_words" / f"{name}.toml").read_text(encoding="utf-8"))


SHARED, TRADE = read("catalogue"), read("suppliers")
*SUPPLIERS, IMPORTER = TRADE["supplier"]
HTML_NAMES = {code: f"&{name};" for code, name in codepoint2name.items() if chr(code) != '"'}
EARNED = {
    tag: re.compile(rf"(?<!\w)({'|'.join(map(re.escape, words))})s?(?!\w)") for tag, words in SHARED["tags"].items()
}


def chance(key: str) -> Random:
    """Return the generator of one decision, which no other decision disturbs."""
    return Random(f"{SEED} / {key}")


def pick(rng: Random, options: Sequence[T]) -> T:
    """Return one option."""
    return options[int(rng.random() * len(options))]


def shuffled(rng: Random, options: Sequence[T]) -> list[T]:
    """Return the options in a drawn order."""
    return sorted(options, key=lambda _: rng.random())


@dataclass(frozen=True)
class Thing:
    """What a product is, whoever sells it; `said` holds title and description where another language was written."""

    leaf: Words
    key: str
    brand: str
    series: str
    noun: str
    look: str
    made: str
    fit: str
    colour: str
    price: float
    said: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Listing:
    """One row, and what is true about it that the row does not say: its `kind` and the listing it is a kind `of`."""

    thing: Thing
    supplier: Words
    wording: str
    row: dict[str, str]
    kind: str = ""
    of: Listing | None = None
    detail: str = ""


def told(whole: Thing, supplier: Words, wording: str = "") -> Listing:
    """Return a supplier's listing of a thing; the same `wording` words two things alike."""
    wording = wording or whole.key
    rng = chance(f"{wording} {supplier['name']}")
    names = whole.noun.split("/")
    thing = replace(whole, noun=names[min(int(rng.random() * 1.4), len(names) - 1)])
    points = shuffled(rng, thing.leaf["points"])[: 1 + int(rng.random() * 4)] if thing.noun else [thing.said[1]]
    title = thing.said[0] or headline(thing, supplier, points[0], rng)
    stated = {"Material": thing.made, "Colour": thing.colour, "Size": thing.fit}
    specs = [(supplier["keys"][name], value) for name, value in stated.items() if value]
    specs += [(k, pick(rng, v)) for k, v in thing.leaf["specs"].items() if thing.noun] or [("Series", thing.series)]
    if rng.random() < supplier["grouped"]:
        specs.append((supplier["keys"]["Group"], " / ".join(whole.leaf["path"].split(" > ")[-2:])))
    description = described(thing, pick(rng, supplier["descriptions"]), points, specs, rng)
    row = {
        "title": garbled(spoiled(title, supplier["habits"], rng), supplier, wording),
        "description": garbled(description, supplier, wording),
        "brand": thing.brand.upper() if "caps" in supplier["habits"] else thing.brand if rng.random() < 0.9 else "",
        "specs": specified(specs, pick(rng, supplier["specs"])),
        "category_path": thing.leaf["path"],
        "tags": "|".join(tagged(thing, points, rng)),
        "supplier": supplier["name"],
        "price": f"{int(thing.price)}.{pick(rng, ('99', '95', '90', '50', '00'))}",
    }
    return Listing(whole, supplier, wording, row)


def item(thing: Thing) -> str:
    """Return look and noun in the order that English wants."""
    after = thing.look.startswith(("with ", "for ", "in "))
    return f"{thing.noun} {thing.look}" if after else f"{thing.look} {thing.noun}"


def headline(thing: Thing, supplier: Words, point: str, rng: Random) -> str:
    """Return a title after one of the supplier's patterns."""
    letters = "ABCDEFGHKLMNPRSTUVWX"
    code = f"{pick(rng, letters)}{pick(rng, letters)}{10000 + int(rng.random() * 90000)}"
    own = chance(f"{thing.brand} {thing.series} {thing.look} {thing.made} model")
    model = f"{pick(own, letters)}{pick(own, letters)}-{100 + int(own.random() * 900)}" if thing.leaf["models"] else ""
    facts = {"brand": thing.brand, "series": thing.series, "noun": thing.noun, "look": thing.look, "made": thing.made}
    facts |= {
        "fit": thing.fit,
        "colour": thing.colour,
        "item": item(thing),
        "point": point,
        "model": model,
        "sku": code,
    }
    text = " ".join(pick(rng, supplier["titles"]).format(**facts).split())
    for gap, mended in ((" ()", ""), (" in from ", " from "), (", ,", ","), (" ,", ",")):  # where a fact is missing
        text = text.replace(gap, mended)
    return text.strip(" ,&")


def spoiled(text: str, habits: dict[str, float], rng: Random) -> str:
    """Return the title as the supplier's habits leave it."""
    has = {habit for habit, share in habits.items() if rng.random() < share}
    if "abbreviate" in has:
        for word, short in TRADE["abbreviations"].items():
            text = re.sub(rf"(?<!\w){word}(?!\w)", short, text, flags=re.IGNORECASE)
    if "title_case" in has:
        text = " ".join(word[:1].upper() + word[1:] for word in text.split())
    long = [word for word in text.split() if word.isalpha() and len(word) > 5]
    if "typo" in has and long:
        word = pick(rng, long)
        text = text.replace(word, pick(rng, (word[:3] + word[4] + word[3] + word[5:], word[:4] + word[5:])), 1)
    text = text.upper() if "caps" in has else text
    text = text.replace(" ", "  ", 1 + int(rng.random() * 2)) if "spaces" in has else text
    text = text.replace(" ", "\u00a0", 2) if "nbsp" in has else text
    text = f"{pick(rng, '⭐🎁🔥✅🌿')} {text}" if "emoji" in has else text
    return html.escape(text, quote=False) if "entities" in has else text


def garbled(text: str, supplier: Words, wording: str) -> str:
    """Return UTF-8 read as Windows-1252, where this supplier's export did that to the row."""
    if chance(f"{wording} export").random() >= supplier["habits"].get("mojibake", 0):
        return text
    raw = text.encode()
    return text if set(raw) & {0x81, 0x8D, 0x8F, 0x90, 0x9D} else raw.decode("cp1252")


def described(thing: Thing, form: str, points: list[str], specs: list[tuple[str, str]], rng: Random) -> str:
    """Return a description as HTML (list, table, prose), plain text or nothing."""
    if thing.said[1] or form == "none":
        return thing.said[1]
    facts = {"series": thing.series, "brand": thing.brand, "noun": thing.noun, "item": item(thing)}
    start, end = pick(rng, TRADE["phrases"]["open"]).format(**facts), pick(rng, TRADE["phrases"]["close"])
    if form == "plain":
        return " ".join([start, *(f"{point}." for point in points), end]).strip()
    start, end, *claims = map(escaped, (start, end, *points))
    if form == "list":
        items = "\n".join(f"<li>{claim}</li>" for claim in claims)
        return f"<p>{start}</p>\n<ul>\n{items}\n</ul>\n<p>{end}</p>"
    if form == "table":
        rows = "".join(f"<tr><th>{escaped(key)}</th><td>{escaped(value)}</td></tr>" for key, value in specs)
        return f"<table>{rows}</table><p>{'. '.join(claims)}.</p>"
    return f'<div class="desc"><p>{start} <b>{claims[0]}.</b></p><p>{". ".join([*claims[1:], end])}</p></div>'


def escaped(text: str) -> str:
    """Return the text with named entities wherever HTML has a name, but for quotes."""
    return text.translate(HTML_NAMES)


def specified(specs: list[tuple[str, str]], form: str) -> str:
    """Return specs as JSON, as `key: value; key: value` text, or nothing."""
    if form == "none":
        return ""
    return json.dumps(dict(specs), ensure_ascii=False) if form == "json" else "; ".join(f"{k}: {v}" for k, v in specs)


def tagged(thing: Thing, points: list[str], rng: Random) -> list[str]:
    """Return the tags that someone at the supplier's thought of."""
    text = " ".join([*thing.said, thing.noun, thing.look, thing.made, thing.fit, *points]).lower()
    earned = [*thing.leaf["tags"], *(tag for tag, words in EARNED.items() if words.search(text))]
    kept = [tag for tag in earned if rng.random() < 0.9][: pick(rng, (0, 1, 2, 3, 3, 4, 4, 5, 6, 8))]
    return list(dict.fromkeys([*kept, *(tag for tag, share in SHARED["whims"].items() if rng.random() < share)]))
