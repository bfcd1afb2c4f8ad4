"""Product, the frozen record that everything passes around, and the hash that says whether its content changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from indexer.errors import ProductError
from indexer.picture import Picture
from indexer.price import Price, number_in

ID_CHARS = 256
TITLE_CHARS = 4_000
DESCRIPTION_CHARS = 200_000
SPEC_COUNT = 1_000
TAG_COUNT = 200
TAG_CHARS = 200
CATEGORY_CHARS = 2_000
IMAGE_COUNT = 50
PART_COUNT = 8
FACT_CHARS = 2_000
WEIGHT_LEAST, WEIGHT_MOST = 0.001, 10.0

FOREIGN = "foreign_category"
WORTH = "worth"
FACTS = ("gtin", "mpn", "price", "supplier", WORTH, FOREIGN)
"""What may be known of a listing: article numbers, what it costs, who delivers it, what it is worth to its owner by any
number (stock, sales, margin), and its category in another tree."""

Provenance = Literal["supplier", "human", "machine"]
PROVENANCES: tuple[Provenance, ...] = get_args(Provenance)

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # the last range cannot be written as UTF-8


@dataclass(frozen=True, slots=True)
class Product:
    """One listing (SKU), labelled when `category` or `tags` is not empty.

    `category` is the path or node id as its source wrote it; `taxonomy.mapping` turns it into a node. `specs` keeps
    the source's order. `images` are file paths or URLs, the main picture first. `language` is an ISO 639-1 code,
    "und" when the text is too short to tell and "" before it was looked at. `provenance` says who gave the label, and
    `weight` how much it counts beside others, 1 being a full voice; what a machine gave has none, whatever its weight.

    `facts` are what is known of a listing besides what it says, by the names in FACTS, one value each and in that order
    once it is normalized: no encoder sees them, and they are no part of its content.

    `pictures` are the images that were looked at, one for each of `images` in their order, or none when nobody has
    looked yet. `vectors` are vectors made elsewhere by the name of the part they stand for, float32 (dim,).
    """

    id: str
    title: str = ""
    description: str = ""
    brand: str = ""
    specs: tuple[tuple[str, str], ...] = ()
    category: str = ""
    tags: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    language: str = field(default="", compare=False)
    provenance: Provenance = "supplier"
    weight: float = 1.0
    pictures: tuple[Picture, ...] = ()
    vectors: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict, compare=False, repr=False)
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def has_text(self) -> bool:
        """Whether there is any text to encode."""
        return bool(self.title or self.description or self.brand or self.specs)

    @property
    def known(self) -> dict[str, str]:
        """Its facts by name."""
        return dict(self.facts)

    @property
    def main_picture(self) -> Picture | None:
        """The first of its pictures that could be read."""
        return next((picture for picture in self.pictures if picture.hash), None)

    @property
    def voice(self) -> float:
        """How much the label counts."""
        return voice_of(self.provenance, self.weight)


def voice_of(provenance: str, weight: float) -> float:
    """Return how much a label counts: 0 for one that a machine gave and nobody confirmed."""
    return 0.0 if provenance == "machine" else weight


def check(product: Product) -> None:
    """Raise ProductError for the first field that is empty or over its limit; a product that passes can be stored."""
    if not product.id.strip():
        raise ProductError("the product has no id; give it one of 1 to 256 characters", "id")
    for name, text in (("id", product.id), *(("images", image) for image in product.images)):
        if _CONTROL.search(text):
            raise ProductError(f"{name} {text[:40]!r} has control characters or half a character; remove them", name)
    _check_content(product)
    limits = (
        ("id", len(product.id), ID_CHARS, "characters"),
        ("title", len(product.title), TITLE_CHARS, "characters"),
        ("description", len(product.description), DESCRIPTION_CHARS, "characters"),
        ("brand", len(product.brand), TITLE_CHARS, "characters"),
        ("specs", len(product.specs), SPEC_COUNT, "entries"),
        ("category", len(product.category), CATEGORY_CHARS, "characters"),
        ("tags", len(product.tags), TAG_COUNT, "entries"),
        ("tags", max(map(len, product.tags), default=0), TAG_CHARS, "characters in one tag"),
        ("images", len(product.images), IMAGE_COUNT, "entries"),
        ("vectors", len(product.vectors), PART_COUNT, "entries"),
    )
    for name, size, limit, unit in limits:
        if size > limit:
            raise ProductError(f"{name} has {size:,} {unit}, the limit is {limit:,}; shorten it", name)
    _check_label(product)
    _check_facts(product)


def _check_content(product: Product) -> None:
    """Refuse a product with nothing to go by; an image that nobody has looked at yet is taken for one that is there."""
    if product.has_text or product.vectors:
        return
    if not product.images:
        raise ProductError("the product has neither text nor image; give it at least a title", "title")
    if product.pictures and all(picture.problem for picture in product.pictures):
        raise ProductError(
            f"the product has no text and no image that can be read ({product.pictures[0].problem}); "
            "give it a title, or an image that can",
            "title",
        )


def _check_label(product: Product) -> None:
    if product.provenance not in PROVENANCES:
        given, known = product.provenance[:40], ", ".join(PROVENANCES)
        raise ProductError(f"the provenance {given!r} of a label is none of {known}; give one of them", "provenance")
    if not WEIGHT_LEAST <= product.weight <= WEIGHT_MOST:
        raise ProductError(
            f"the weight {product.weight:g} of a label is not from {WEIGHT_LEAST:g} to {WEIGHT_MOST:g}; "
            "give 1 for a full voice; a label without any has the provenance machine",
            "weight",
        )


def _check_facts(product: Product) -> None:
    named: set[str] = set()
    for name, value in product.facts:
        check_fact(name, value)
        if name in named:
            raise ProductError(f"the fact {name} is given twice; give one value", "facts")
        named.add(name)


def check_fact(name: str, value: str) -> None:
    """Raise ProductError for a fact that is not kept, is too long, or is a price that is none; "" is no fact."""
    if name not in FACTS:
        raise ProductError(f"{name[:40]!r} is no fact that is kept; name one of {', '.join(FACTS)}", "facts")
    if len(value) > FACT_CHARS:
        raise ProductError(f"{name} has {len(value):,} characters, the limit is {FACT_CHARS:,}; shorten it", "facts")
    if name == "price" and value.strip() and Price.read(value) is None:
        raise ProductError(
            f"the price {value[:40]!r} is no number above 0 with or without a currency; write it like 12.50 EUR, "
            "or leave it out",
            "facts",
        )
    if name == WORTH and value.strip() and number_in(value) is None:
        raise ProductError(f"the worth {value[:40]!r} holds no number; write it like 120, or leave it out", "facts")


def content_hash(product: Product) -> str:
    """Return 32 hex digits (BLAKE2b, 128 bits) of what encoders see, never id or label.

    That is the text, the pictures that were read, by their bytes and in their order, and vectors that were given.
    Two listings of the same content share one encoding, and a relabelled product needs none.
    """
    digest = hashlib.blake2b(digest_size=16)
    specs = [part for pair in product.specs for part in pair]
    pictures = [picture.hash for picture in product.pictures if picture.hash]
    for group in ([product.title, product.description, product.brand], specs, pictures):
        digest.update(len(group).to_bytes(4, "little"))
        for text in group:
            raw = text.encode("utf-8", "surrogatepass")
            digest.update(len(raw).to_bytes(4, "little"))
            digest.update(raw)
    for part in sorted(product.vectors):
        digest.update(f"{part}\0".encode())
        digest.update(np.asarray(product.vectors[part], "<f4").tobytes())
    return digest.hexdigest()


NOTHING = content_hash(Product(""))
"""Content of a product without text, picture or vector, as of one whose pictures could not be read: it says nothing."""
