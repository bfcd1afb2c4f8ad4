"""What routes take from path, query and headers, checked and described in one place."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Header, Path, Query, Request
from pydantic import AfterValidator, WithJsonSchema
from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor

from indexer.live import REACH_STEP
from indexer.product import ID_CHARS
from indexer.store.records import ANY
from service.calibration.dial import Dial, Policy
from service.duplicates.screening import OnDuplicate
from service.rest.asking import serving_of, settings_of
from service.rest.images import ID_PATTERN
from service.rest.problems import InvalidField, SeqNotReached

OnDuplicateAsked = Annotated[
    OnDuplicate,
    Query(
        description="What becomes of a product that is stored already under another id, or comes twice in the request: "
        "`accept` stores it, `flag` stores it and tells its duplicates, `reject` refuses it (409 `duplicate`).",
    ),
]


class _Rest(Convertor[str]):
    """The rest of a path, line breaks too: Starlette's own `path` drops one at the end, and two ids would be one."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("rest", _Rest())

ProductId = Annotated[
    str,
    Path(min_length=1, max_length=ID_CHARS, pattern=ID_PATTERN, description="May contain slashes and spaces."),
]


KEY = "Idempotency-Key"

Key = Annotated[
    str | None,
    Header(
        alias=KEY,
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="Any visible characters that name this request: sent again, it is answered as before and not "
        "carried out again.",
    ),
]
VERSION = re.compile(r'^(\*|"[0-9]{1,18}")$')


def _version(value: str) -> str:
    """Return the value of an If-Match; raises ValueError for one that is neither * nor one version."""
    if not VERSION.match(value):
        raise ValueError(
            f'If-Match takes the ETag of a product in its quotes, "3", or *, and one of them; not {value[:80]}'
        )
    return value


IfMatch = Annotated[
    Annotated[str, AfterValidator(_version), WithJsonSchema({"type": "string", "pattern": VERSION.pattern})] | None,
    Header(
        alias="If-Match",
        description='The version that the product must have, as its ETag says: `"3"`; `*` for any that is stored.',
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(alias="If-None-Match", pattern=r"^\*$", description="`*`: the product must not be stored yet."),
]
MinSeq = Annotated[
    int | None,
    Query(ge=0, lt=2**63, description="Place in the journal that the answer must know of, as `seq` of a change says."),
]


async def reached(request: Request, min_seq: MinSeq = None) -> None:
    """Wait until this process has followed the journal to `min_seq`; raises SeqNotReached after a time."""
    if min_seq is None:
        return
    patience = settings_of(request).reach_seconds
    begun = time.monotonic()
    while not await run_in_threadpool(serving_of(request).live.reach, min_seq, 0):
        if time.monotonic() - begun >= patience:
            here = serving_of(request).live.seq
            raise SeqNotReached(
                f"the journal is at {here:,} and {min_seq:,} was asked for, waited for {patience:g} s "
                "(AISLE_REACH_SECONDS); try again in a moment"
            )
        await asyncio.sleep(REACH_STEP)


def expected(product_id: str, if_match: str | None, if_none_match: str | None = None) -> Mapping[str, int | None]:
    """Return the version that a product must have: `"3"` is that one, None any that is stored, 0 none.

    Raises InvalidField when both are given, which nothing fits.
    """
    if if_match and if_none_match:
        raise InvalidField("no product fits both If-Match and If-None-Match; send one of them", "If-None-Match")
    if if_none_match:
        return {product_id: 0}
    if if_match is None:
        return ANY
    return {product_id: None if if_match == "*" else int(if_match.strip('"'))}


Precision = Annotated[
    float | None,
    Query(gt=0.5, lt=1, description="Share of `auto` answers that must be right; the service's setting when absent."),
]
PolicyAsked = Annotated[
    Policy | None, Query(description="How far an answer goes; the service's setting when absent. See docs/decision.md.")
]

WithoutImage = Annotated[
    bool, Query(description="Whether to say as well what the answer would be without the picture, if one was used.")
]


def _dial(precision: Precision = None, policy: PolicyAsked = None, *, without_image: WithoutImage = False) -> Dial:
    return Dial(precision, policy, without_image)


DialAsked = Annotated[Dial, Depends(_dial)]
