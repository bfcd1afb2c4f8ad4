"""What `/v1/audit` answers with, as OpenAPI describes it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from service.rest.taxonomies import Category

Kind = Literal["slip", "systematic", "ambiguous", "conflict"]


class Witness(BaseModel):
    """A neighbour that speaks for the suggested category, or the duplicate that has another label."""

    id: str
    title: str
    path: str


class LabelDoubted(BaseModel):
    """A stored label that is probably wrong."""

    id: str
    title: str
    stored: Category
    suggested: Category
    probability: float = Field(description="That the stored category is wrong.")
    severity: float = Field(description="How far both categories are apart; 1 for different departments.")
    kind: Kind
    pattern: str | None = Field(description="The pattern that it belongs to.")
    neighbours: list[Witness] = Field(description="Those that say so, the loudest first.")
    provenance: str
    version: int = Field(description="Of the product, for If-Match.")


class KindCounts(BaseModel):
    """How many of the total are of each kind."""

    slip: int
    systematic: int
    ambiguous: int
    conflict: int


class LabelsDoubted(BaseModel):
    """Doubted labels, the worst first. `seq` is null before the first sweep."""

    seq: int | None = Field(description="The place in the journal up to which labels are audited.")
    total: int
    kinds: KindCounts
    items: list[LabelDoubted]
    next: str | None


class TagFaultShown(BaseModel):
    """A tag that a product probably lacks, or should not have."""

    tag: str
    fault: Literal["missing", "wrong"]
    probability: float


class TagsDoubted(BaseModel):
    """A product with doubted tags, the likeliest fault first."""

    id: str
    title: str
    path: str
    faults: list[TagFaultShown]
    version: int


class TagPage(BaseModel):
    """Products with doubted tags, the one with the likeliest fault first."""

    seq: int | None
    items: list[TagsDoubted]
    next: str | None


class PatternShown(BaseModel):
    """Products of one brand, supplier, provenance or old category that stand in the wrong place together."""

    id: str
    attribute: Literal["brand", "supplier", "provenance", "foreign_category"]
    value: str
    stored: Category
    suggested: Category = Field(description="Where they seem to belong, or below it.")
    support: int = Field(description="Of `products`, those that were stored there when it was found.")
    products: int = Field(description="Products with that value that seem to belong to the suggested category.")
    share: float
    lift: float = Field(description="How many times the share among all others that is.")
    chance: float = Field(description="Bound of the probability that chance made any such pattern.")
    left: int = Field(description="Doubted labels that belong to it now.")


class Merging(BaseModel):
    """A change of the tree, as `POST /v1/taxonomy/changes` takes it in `changes`."""

    change: Literal["merge"]
    nodes: list[str]
    into: str


class PairShown(BaseModel):
    """Two categories that take each other's products, so that they should perhaps be one."""

    one: Category
    other: Category
    one_to_other: int = Field(description="Products of `one` that seem to belong to `other`.")
    other_to_one: int
    one_of: int = Field(description="Products of `one`.")
    other_of: int
    examples: list[Witness] = Field(description="Some of both that seem to belong to the other.")
    remedy: Merging = Field(description="That ends it, if a person thinks so: the smaller category joins the other.")


class SweepGoing(BaseModel):
    """A sweep that is going on in this process: what is done at the moment, and how much of how much."""

    stage: str
    done: int
    total: int | None


class PatternPage(BaseModel):
    """What the last sweep found: products = audited + unlabelled. All null or empty before the first."""

    seq: int | None
    sweep: SweepGoing | None
    swept_at: str | None
    products: int
    audited: int
    unlabelled: int
    items: list[PatternShown]
    ambiguous: list[PairShown]


class SweepBegun(BaseModel):
    """Whether a sweep was begun; not when one is going on here already."""

    begun: bool
    sweep: SweepGoing | None
