"""What is asked over HTTP: pydantic at the edge, `indexer.product.Product` inside. Answers are in `replies`.

Checked strictly: no field that is not known, no text where a number belongs; `null` is the same as absent.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import orjson
from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from indexer.errors import ProductError
from indexer.intake.patch import FIELDS, Patch
from indexer.product import (
    CATEGORY_CHARS,
    DESCRIPTION_CHARS,
    FACTS,
    ID_CHARS,
    IMAGE_COUNT,
    PART_COUNT,
    SPEC_COUNT,
    TAG_CHARS,
    TAG_COUNT,
    TITLE_CHARS,
    WEIGHT_LEAST,
    WEIGHT_MOST,
    Product,
    Provenance,
    check_fact,
)
from indexer.sources.rows import Problem
from indexer.sources.specs import Specs, parse_specs
from service.rest.images import ID_PATTERN, Body, ImageBody, PartName, Vector

Facts = tuple[tuple[str, str], ...]

SIMILAR_DEFAULT, SIMILAR_LIMIT = 10, 100

LABEL = ("category", "tags", "provenance", "weight")
"""The fields of a product that are no input of an answer."""

UNNAMED = "(without id)"
"""The id under which a product without one is asked about."""


def read_specs(given: object) -> Specs:
    """Return specs given as text, object or list, read as a cell of a file would be, so that both give one vector."""
    if given is None:
        return ()
    if not isinstance(given, str | dict | list):
        raise ValueError("give an object, a list of {name, value} or text")
    try:
        specs = parse_specs(given if isinstance(given, str) else orjson.dumps(given).decode())
    except orjson.JSONEncodeError as error:  # what was read from JSON has no other fault: orjson writes 254 levels
        raise ValueError("the specs are nested too deeply; give a name and a value for each") from error
    if isinstance(specs, Problem):
        raise ValueError(specs.reason)
    if len(specs) > SPEC_COUNT:
        raise ValueError(f"{len(specs):,} specs given, the limit is {SPEC_COUNT:,}; leave some out")
    return specs


def read_changed_specs(given: object) -> Specs | dict[str, str | None]:
    """Return specs given as `read_specs` takes them; an object changes those it names, null removes one."""
    if not isinstance(given, dict):
        return read_specs(given)
    kept = dict(read_specs({name: value for name, value in given.items() if value is not None}))
    return kept | {name: None for name, value in given.items() if value is None}


def read_facts(given: object) -> Facts:
    """Return facts given as an object; null is the same as absent, and a number is its text."""
    return tuple((name, value) for name, value in dict(read_changed_facts(given)).items() if value is not None)


def read_changed_facts(given: object) -> Facts | dict[str, str | None]:
    """Return facts that change by name, None for one that goes; null alone takes all of them away."""
    if given is None:
        return ()
    if not isinstance(given, dict):
        raise ValueError(f"give an object with some of {', '.join(FACTS)}")
    facts: dict[str, str | None] = {}
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float | None):
            raise ValueError(f"{str(name)[:40]} is neither text nor a number")
        facts[name] = None if value is None else f"{value}"
        try:
            check_fact(str(name), facts[name] or "")
        except ProductError as error:
            raise ValueError(str(error)) from error
    return facts


_FACTS = {
    "type": ["object", "null"],
    "properties": {name: {"type": ["string", "number", "null"]} for name in FACTS},
    "additionalProperties": False,
    "description": "What is known besides, and never encoded: article numbers, price (`12.50 EUR`), who delivers it, "
    "what it is worth to its owner (any number, as stock), and its category in another tree.",
}
_CHANGED_FACTS = _FACTS | {"description": "Changes the facts that it names, and null removes one."}

_SPECS = {
    "anyOf": [{"type": "object"}, {"type": "array"}, {"type": "string"}, {"type": "null"}],
    "description": "Properties by name: an object, a list of `{name, value}`, or text with one `name: value` a line.",
}

_CHANGED_SPECS = _SPECS | {
    "description": "An object changes the properties that it names, and null removes one; a list or text replaces all."
}

ChangedSpecs = Annotated[
    Specs | dict[str, str | None], BeforeValidator(read_changed_specs), WithJsonSchema(_CHANGED_SPECS)
]
ChangedFacts = Annotated[
    Facts | dict[str, str | None], BeforeValidator(read_changed_facts), WithJsonSchema(_CHANGED_FACTS)
]
Id = Annotated[str, Field(min_length=1, max_length=ID_CHARS, pattern=ID_PATTERN)]
Tag = Annotated[str, Field(max_length=TAG_CHARS)]


class ProductFields(Body):
    """A product as a supplier lists it: text, or images, or both."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "title": "Stainless Steel French Press 1 L",
                "description": "<p>Double-walled coffee maker for 8 cups.</p>",
                "brand": "Brewmont",
                "specs": {"Capacity": "1 l", "Material": "steel"},
            }
        }
    )

    title: str | None = Field(None, max_length=TITLE_CHARS)
    description: str | None = Field(None, max_length=DESCRIPTION_CHARS, description="Plain text or HTML.")
    brand: str | None = Field(None, max_length=TITLE_CHARS)
    specs: Annotated[Specs, BeforeValidator(read_specs), WithJsonSchema(_SPECS)] = ()
    facts: Annotated[Facts, BeforeValidator(read_facts), WithJsonSchema(_FACTS)] = ()
    category: str | None = Field(
        None,
        max_length=CATEGORY_CHARS,
        description="Label: a path (`A > B`), node id or name of the taxonomy. Never used as input of an answer.",
    )
    tags: list[Tag] | None = Field(
        None, max_length=TAG_COUNT, description="Label: tags. Never used as input of an answer."
    )

    provenance: Provenance | None = Field(
        None,
        description="Who gave the label, `supplier` when absent. A `machine`'s is kept and shown, but has no voice "
        "until a supplier or a person writes the product.",
    )
    weight: float | None = Field(
        None, ge=WEIGHT_LEAST, le=WEIGHT_MOST, description="How much the label counts beside others, 1 when absent."
    )
    images: list[ImageBody] | None = Field(None, max_length=IMAGE_COUNT, description="The main image first.")
    vectors: dict[PartName, Vector] | None = Field(
        None, max_length=PART_COUNT, description="Vectors made elsewhere, for an index that is built for them."
    )

    @property
    def says_anything(self) -> bool:
        """Whether there is anything to encode."""
        return any((self.title, self.description, self.brand, self.specs, self.images, self.vectors))

    def product(self, product_id: str) -> Product:
        """Return the product with its label, under that id."""
        return Product(
            id=product_id,
            title=self.title or "",
            description=self.description or "",
            brand=self.brand or "",
            specs=self.specs,
            facts=self.facts,
            category=self.category or "",
            tags=tuple(self.tags or ()),
            provenance=self.provenance or "supplier",
            weight=1.0 if self.weight is None else self.weight,
            images=tuple(image.name or f"image {at}" for at, image in enumerate(self.images or (), start=1)),
            vectors={part: np.array(row, np.float32) for part, row in (self.vectors or {}).items()},
        )


class ProductBody(ProductFields):
    """A product whose id may be left out."""

    id: Id | None = Field(None, description="One that is stored is asked about without its own vote.")

    def question(self) -> Product:
        """Return the product without its label, as it is asked about."""
        return self.model_copy(update=dict.fromkeys(LABEL)).product(self.id or UNNAMED)


class NewProduct(ProductFields):
    """A product to store under its own id."""

    id: Id


class PutItem(NewProduct):
    """One product to store."""

    op: Literal["put"] = "put"


class ProductPatch(ProductFields):
    """Fields of a stored product that change (JSON merge patch, RFC 7396): null resets one, others stay as they are.

    A new category or new tags are a supplier's with a weight of 1 unless `provenance` or `weight` is given, too.
    """

    model_config = ConfigDict(
        json_schema_extra={"example": {"category": "Kitchen > Coffee > French Presses", "provenance": "human"}}
    )

    specs: ChangedSpecs = ()  # type: ignore[assignment]  # an object is merged here, not taken as it is
    facts: ChangedFacts = ()  # type: ignore[assignment]  # as well

    def patch(self, product: Product) -> Patch:
        """Return the change; `product` has the fields of this one, and pictures where its images were looked at."""
        named = self.model_fields_set & FIELDS
        changes = {name: getattr(product, name) for name in named}
        if "images" in named:
            changes["pictures"] = product.pictures
        return Patch(product.id, changes)


class PatchItem(ProductPatch):
    """Fields of one stored product that change."""

    op: Literal["patch"]
    id: Id


class DeleteItem(Body):
    """One product to forget."""

    op: Literal["delete"]
    id: Id


def _each(*models: str) -> WithJsonSchema:
    known: list[dict[str, str]] = [{"$ref": f"#/components/schemas/{model}"} for model in models]
    items = {"anyOf": [*known, {"description": "Anything else gets a problem of its own."}]}
    return WithJsonSchema({"type": "array", "items": items})


class CategorizeBatch(Body):
    """Products to categorize; one that is refused never fails the others."""

    items: Annotated[list[Any], _each("ProductBody")]


class ProductsBatch(Body):
    """Products to store, change and forget, in this order; one that is refused never fails the others."""

    items: Annotated[list[Any], _each("PutItem", "PatchItem", "DeleteItem")]


class SimilarBody(ProductBody):
    """A product, or nothing but the `id` of a stored one."""

    limit: int = Field(SIMILAR_DEFAULT, ge=1, le=SIMILAR_LIMIT)


class DuplicatesBody(SimilarBody):
    """A product, or nothing but the `id` of a stored one."""

    least: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Probability of being the same product from which a stored one is told, the service's setting when "
        "absent; with 0, all that were judged, different ones too.",
    )


class MapBody(Body):
    """Categories as somebody else writes them."""

    categories: list[Annotated[str, Field(max_length=CATEGORY_CHARS)]]
