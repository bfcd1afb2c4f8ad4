"""Answer: everything the service says of one product, as plain frozen values.

`service/engine.py` makes it, `service/rest/replies.py` shows it over HTTP, `service/console/table.py` writes it to
a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from indexer.product import Product
from service.duplicates.verdicts.verdict import Verdict

Decision = Literal["auto", "suggest", "abstain"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A category with its probability: of the whole branch for the decided node, of the leaf itself otherwise."""

    id: str
    path: str
    probability: float


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the best path, from the root down; probability is that of the whole branch below it."""

    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class TagScore:
    """A tag with its probability, and who speaks for it: the product's own text, its neighbours, or both."""

    tag: str
    score: float
    source: Literal["text", "neighbours", "both"]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A stored product found by search; weight is its share of the positive voices, 0 when it has no category.

    brought_by: the views that have it near, `text` and `image`, or `words` when only they found it. picture: the hash
    of its main picture, None without one.
    """

    id: str
    title: str
    path: str
    similarity: float
    weight: float
    brought_by: tuple[str, ...] = ()
    picture: str | None = None


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What the answer would have been without the picture; changed: whether another category would have been named."""

    decision: Decision
    category: Candidate | None
    changed: bool


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A stored product that may be the same, or is a variant of it, or has the same picture.

    similarity: mean cosine of the parts that both have. probability: that both are the same product, whatever the
    verdict, which is one of `service.duplicates.verdicts.verdict`. evidence: what decided, the weightiest first.
    """

    id: str
    similarity: float
    verdict: Verdict
    probability: float
    evidence: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether it is taken for the same product."""
        return self.verdict in {"identical", "same product"}


@dataclass(frozen=True, slots=True)
class TaxonomyVersion:
    """Which tree an answer is given in: the number of its version, which every change makes one more, and its hash.

    An open tree grows without becoming another version; its hash tells that it did.
    """

    number: int
    version: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer about one product. `category` is None when the decision is to abstain; `reason` says why.

    `levels` descend the best path to its leaf; `alternatives` are the best labelled categories, best first, the best
    one included. `used` says which views of the product were looked at; `without_image` is None unless it was asked for
    and a picture was used. The same snapshot, journal place and product give the same answer, timings apart. `asked` is
    the product as it was understood: cleaned, and in no answer that is told; nor are the `precision` and `policy` that
    were asked for.
    """

    product_id: str
    prediction_id: str
    decision: Decision
    reason: str
    category: Candidate | None
    levels: tuple[Level, ...]
    alternatives: tuple[Candidate, ...]
    tags: tuple[TagScore, ...]
    neighbours: tuple[Neighbour, ...]
    duplicates: tuple[Duplicate, ...]
    used: dict[str, bool]
    language: str
    snapshot: str
    taxonomy: TaxonomyVersion
    model: str
    without_image: Otherwise | None = None
    asked: Product | None = field(default=None, compare=False, repr=False)
    precision: float | None = field(default=None, compare=False, repr=False)
    policy: str | None = field(default=None, compare=False, repr=False)
