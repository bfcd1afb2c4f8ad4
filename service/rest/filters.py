"""Which predictions a route is about: the parameters that lists, figures and the review queue share."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, Strict

from indexer.product import CATEGORY_CHARS, FACT_CHARS
from indexer.store.predictions import Wanted
from service.answer import Decision
from service.rest.asking import serving_of
from service.serving import Serving

_DATED = re.compile(r"\d{4}-\d\d-\d\d[Tt]")


def _is_dated(value: object) -> object:
    """Refuse a number, which would be taken for seconds, and whatever is no text."""
    if not (isinstance(value, str) and _DATED.match(value)):
        raise ValueError("write a time with its zone, as 2026-11-27T00:00:00Z")
    return value


Time = Annotated[AwareDatetime, Strict(False), BeforeValidator(_is_dated)]


class Filters(BaseModel):
    """Which answers are meant: the parameters of a query, and a part of a body."""

    decision: Decision | None = Field(None, description="What the answer decided.")
    category: str | None = Field(
        None, max_length=CATEGORY_CHARS, description="Id or path: answers of it and below, as it was called then."
    )
    supplier: str | None = Field(None, max_length=FACT_CHARS, description="Of products with this fact.")
    since: Time | None = Field(None, description="Answered then or later.")
    until: Time | None = Field(None, description="Answered before.")
    least: float = Field(0, ge=0, le=1, description="As probable as that, or more.")
    most: float = Field(1, ge=0, le=1, description="As probable as that, or less.")
    nomination: int | None = Field(
        None, ge=1, le=2**53, description="Those that it put into the review queue, by its number."
    )

    def wanted(self, serving: Serving) -> Wanted:
        """Return them as the record store takes them."""
        return Wanted(
            decision=self.decision or "",
            branch=_branch(serving, self.category),
            supplier=self.supplier,
            since=_moment(self.since),
            until=_moment(self.until),
            least=self.least,
            most=self.most,
            nomination=self.nomination,
        )


def _filtered(request: Request, filters: Annotated[Filters, Query()]) -> Wanted:
    return filters.wanted(serving_of(request))


Filtered = Annotated[Wanted, Depends(_filtered)]


def _branch(serving: Serving, category: str | None) -> str:
    """Return the path of a category that was named by id, or by a path that it has or had; "" for none."""
    node = serving.tree.of_id(category) if category else None
    return (category or "") if node is None else serving.tree.text(node)


def _moment(at: datetime | None) -> str:
    """Return a time as the store writes it, "" for none."""
    if at is None:
        return ""
    try:
        at = at.astimezone(UTC)
    except OverflowError:  # of a year that is none in UTC: a day more or less is no matter there
        at = at.replace(tzinfo=UTC)
    return at.isoformat(timespec="milliseconds")
