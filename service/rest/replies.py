"""What is answered over HTTP, described for OpenAPI; orjson writes the values themselves.

`tests/test_openapi.py` holds what is written to what is described here. Questions are in `schemas`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Literal

from pydantic import BaseModel, Field

from indexer.codes import misnumbered
from indexer.picture import Picture
from indexer.product import Product, Provenance
from indexer.store.records import Stored, Written
from service.answer import (
    Answer,
    Candidate,
    Decision,
    Duplicate,
    Level,
    Neighbour,
    Otherwise,
    TagScore,
    TaxonomyVersion,
)
from service.rest.problems import Problem
from taxonomy.foreign import Status


class ImageShown(BaseModel):
    """What became of an image that was sent: `problem` says what is wrong with it.

    One that is not used though nothing is wrong is of no use to this index: `missing` of `GET /v1/index` says why.
    """

    name: str
    used: bool
    problem: str


class Timings(BaseModel):
    """Milliseconds: waiting for the worker, in the worker (shared with what was answered in the same steps), in all."""

    queue: float
    compute: float
    total: float


class Answered(BaseModel):
    """Where the product belongs, and why. `category` is null when the decision is to abstain; `reason` says why.

    `levels` descend the best path to its leaf, each with the probability of its whole branch; `alternatives` are
    the best categories, best first. The same snapshot, journal place and product give the same answer.
    """

    prediction_id: str
    decision: Decision
    reason: str
    category: Candidate | None
    levels: list[Level]
    alternatives: list[Candidate]
    tags: list[TagScore]
    neighbours: list[Neighbour]
    duplicates: list[Duplicate]
    used: dict[str, bool] = Field(description="Which parts of the product were there to be used: text, image.")
    images: list[ImageShown] = Field(description="In the order they were sent.")
    language: str = Field(description='ISO 639-1, or "und" when the text is too short to tell.')
    snapshot: str
    taxonomy: TaxonomyVersion = Field(description="The tree that the answer is given in.")
    model: str
    without_image: Otherwise | None = Field(
        description="What the answer would be without the picture; null unless that was asked and a picture was used."
    )


class Categorized(Answered):
    """An answer with the time it took."""

    timings: Timings


class ItemCounts(BaseModel):
    """How many items of a batch succeeded and failed; always adds up to `total`."""

    total: int
    ok: int
    failed: int


class CategorizedItem(BaseModel):
    """One item of a batch: its status as if it had been sent alone, and either `result` or `problem`."""

    status: int
    id: str | None
    result: Answered | None = None
    problem: Problem | None = None


class CategorizedBatch(BaseModel):
    """Items in the order they were sent."""

    items: list[CategorizedItem]
    counts: ItemCounts
    timings: Timings


class Change(BaseModel):
    """What became of a change; whoever is at `seq` or beyond sees it. `version` grows by one with each change."""

    id: str
    outcome: Literal["created", "updated", "unchanged", "deleted", "missing"]
    version: int
    seq: int
    duplicates: list[Duplicate] = Field(description="Of a product that was stored with `on_duplicate=flag`.")
    images: list[ImageShown] = Field(description="In the order they were sent.")
    warnings: list[str] = Field(description="What was taken and is probably a slip, such as a GTIN that is none.")


class ChangedItem(BaseModel):
    """One item of a batch: its status as if it had been sent alone, and either `result` or `problem`."""

    status: int
    id: str | None
    result: Change | None = None
    problem: Problem | None = None


class ChangedBatch(BaseModel):
    """Items in the order they were sent."""

    items: list[ChangedItem]
    counts: ItemCounts


class Spec(BaseModel):
    """One property."""

    name: str
    value: str


class StoredPicture(BaseModel):
    """An image of a stored product; one that could not be read has a `problem` and no `hash`."""

    name: str
    hash: str | None = Field(description="`GET /v1/pictures/{hash}/thumbnail` shows it.")
    width: int
    height: int
    problem: str


class StoredProduct(BaseModel):
    """A product as it is stored, cleaned; `category` is its path in the taxonomy, empty without one."""

    id: str
    title: str
    description: str
    brand: str
    specs: list[Spec]
    facts: dict[str, str] = Field(description="What is known besides, by name; none that is not known.")
    category: str
    category_id: str
    tags: list[str]
    pictures: list[StoredPicture] = Field(description="Its images, the main one first.")
    language: str
    provenance: Provenance = Field(description="Who gave the label.")
    weight: float = Field(description="How much the label counts beside others; one that a machine gave has no voice.")
    version: int
    created_at: str
    updated_at: str


class ProductPage(BaseModel):
    """Products in the order they were first stored; `next` is the cursor of the page that follows, null at the end."""

    items: list[StoredProduct]
    next: str | None


class SimilarProducts(BaseModel):
    """Stored products, most similar first; weight is the share each would have in a vote among them."""

    items: list[Neighbour]
    images: list[ImageShown] = Field(description="Of the question, in the order they were sent.")


class Duplicates(BaseModel):
    """Stored products that may be the same: those that are, the likeliest first, then same pictures, then variants."""

    items: list[Duplicate]
    images: list[ImageShown] = Field(description="Of the question, in the order they were sent.")
    timings: Timings


class TaxonomySummary(BaseModel):
    """The category tree; equal versions are equal trees. An open one takes in new categories of stored products."""

    number: int = Field(description="One more with each change of the taxonomy.")
    version: str
    open: bool
    nodes: int
    leaves: int
    depth: int
    labelled: int = Field(description="Products with a category.")


class Node(BaseModel):
    """A category, how many are right below it, and how many products lie in it and in its whole branch."""

    id: str
    name: str
    path: str
    children: int
    products: int = Field(description="Products in its whole branch.")
    own: int = Field(description="Those of them that are labelled with itself.")
    doubted: int = Field(description="Labels of its branch that are wrong with a probability of 0.5 or more.")


class NodeList(BaseModel):
    """The categories right below one, or the top ones; of a search those that are meant, the best first."""

    parent: str | None
    items: list[Node]


class CategoryRef(BaseModel):
    """A category by id and path."""

    id: str
    path: str


class Share(CategoryRef):
    """A category and its share of the votes about a foreign one."""

    share: float


class Mapped(BaseModel):
    """What one category string means here: a category, or null with the reason and what may have been meant.

    Where stored products carry it as their foreign category, `nodes` are those that their labels speak for.
    """

    given: str
    category: CategoryRef | None
    reason: str
    candidates: list[CategoryRef]
    nodes: list[Share] = Field(
        description="By the labels of `products`, the one that is meant first; it may hold the others."
    )
    products: int = Field(description="Stored products of this foreign category whose labels speak.")
    status: Status | None = Field(
        description="`map`: the first of `nodes` can be relied on; `review`: a person should look; `ignore`: it says "
        "nothing; null where no product speaks."
    )


class MappedList(BaseModel):
    """In the order they were given."""

    items: list[Mapped]


class IndexCounts(BaseModel):
    """What the index holds now."""

    products: int
    labelled: int
    categories: int = Field(description="Categories with at least one product of their own.")


class Health(BaseModel):
    """Alive, or ready."""

    status: Literal["ok"] = "ok"


class Version(BaseModel):
    """Which aisle this is."""

    name: Literal["aisle"] = "aisle"
    version: str
    api: Literal["v1"] = "v1"


class ImageLimits(BaseModel):
    """What one image may be; beyond `bytes`, 413. Beyond `pixels` and in other formats, it has a problem."""

    bytes: int
    pixels: int
    formats: list[str]


class RateLimit(BaseModel):
    """Requests in so many seconds."""

    requests: int
    seconds: int


class Limits(BaseModel):
    """What one request may hold; beyond: 413 for bytes and items, 422 for fields, 503 when the queue is full."""

    body_bytes: int
    batch_items: int
    queue_items: int
    page_items: int
    rate: RateLimit | None = Field(description="Of the key or account that asks; null for any number.")
    nominated_items: int
    similar_items: int
    request_images: int
    form_parts: int
    image: ImageLimits
    product: Mapping[str, int] = Field(description="Characters of each text, entries of each list.")


UNSEEN = Picture()
"""An image that nobody has looked at."""


def answer_shown(answer: Answer, images: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return an answer as `Answered`, with what became of the images of its product."""
    return {name: images if name == "images" else getattr(answer, name) for name in Answered.model_fields}


def change_shown(
    written: Written, images: Sequence[Mapping[str, Any]] = (), facts: Iterable[tuple[str, str]] = ()
) -> dict[str, Any]:
    """Return what became of a change as `Change`; facts: that it gave."""
    wrong = misnumbered(facts)
    told = f"the GTIN {wrong[:40]!r} is none, as by a wrong check digit; it is kept, and names no article"
    own = {"images": images, "warnings": [told] if wrong else []}
    return {name: own[name] if name in own else getattr(written, name) for name in Change.model_fields}


def images_shown(product: Product, side: int) -> list[dict[str, Any]]:
    """Return what became of each image of a product as `ImageShown`, for an encoder that looks at `side` pixels."""
    return [
        {"name": name, "used": bool(side and picture.hash and not picture.problem), "problem": picture.problem}
        for name, picture in zip(product.images, product.pictures, strict=True)
    ]


def product_shown(stored: Stored) -> dict[str, Any]:
    """Return a stored product as `StoredProduct`."""
    record, product = stored.record, stored.record.product
    return {
        "id": product.id,
        "title": product.title,
        "description": product.description,
        "brand": product.brand,
        "specs": [{"name": name, "value": value} for name, value in product.specs],
        "facts": product.known,
        "category": product.category,
        "category_id": record.node_id,
        "tags": product.tags,
        "pictures": _pictures_shown(product),
        "language": product.language,
        "provenance": product.provenance,
        "weight": product.weight,
        "version": stored.version,
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
    }


def _pictures_shown(product: Product) -> list[dict[str, Any]]:
    """Return the images of a stored product as `StoredPicture`; of those that nobody looked at only names are known."""
    looked: Iterable[tuple[str, Picture | None]] = zip_longest(product.images, product.pictures)
    return [
        {
            "name": name,
            "hash": picture.hash or None,
            "width": picture.width,
            "height": picture.height,
            "problem": picture.problem,
        }
        for name, picture in ((name, seen or UNSEEN) for name, seen in looked)
    ]
