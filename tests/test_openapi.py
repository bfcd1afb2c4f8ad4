"""The description of the API: what is committed is what is served, and what is served keeps to it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import settings
from schemathesis.config import SchemathesisConfig

from service.rest.app import create_app, openapi_text
from service.settings import ServiceSettings

ROOT = Path(__file__).resolve().parent.parent

EXAMPLES = 25
"""Requests tried at each route in each of schemathesis's ways; half of them break the description on purpose."""

SAYS_MORE = (
    *("/v1/categorize", "/v1/categorize:batch", "/v1/similar", "/v1/duplicates"),
    *("/v1/products/{product_id}", "/v1/products", "/v1/products:batch"),
    *(f"/v1/index:{what}" for what in ("rebuild", "publish", "rollback", "discard")),
    *("/v1/taxonomy/changes", "/v1/taxonomy/changes/{number}:undo"),
    *("/v1/audit/labels", "/v1/audit/tags", "/v1/audit/labels/{product_id}/decision"),
    *("/v1/audit/patterns/{pattern_id}/decision", "/v1/audit/tags/{product_id}/decision"),
    *("/v1/duplicate-groups", "/v1/decisions", "/v1/predictions", "/v1/predictions/{prediction_id}/decision"),
    *("/v1/review:nominate", "/v1/review:next", "/v1/review/{prediction_id}:release"),
    *("/v1/session", "/v1/keys", "/v1/keys/{key_id}:rotate", "/v1/jobs", "/v1/jobs:preview"),
    *("/v1/duplicate-groups/{group_id}/decision", "/v1/duplicates:decide", "/v1/decisions/{number}:undo"),
)
"""What keeps to the description may still be refused here: a product of nothing but markup, a category that is no path,
a rule without a letter, a cursor that was never given, a version that no product has, a key that stands for another
request or has expired already, a sign-in by two ways at once, a file without a row, a place that the journal has yet to
reach (503)."""
UPLOADS = ("/v1/jobs:preview",)
"""Where a file is looked at, whatever it is: in a form, a number in its place cannot be told from a file."""

REFUSED = {"expected-statuses": ["2xx", "401", "404", "409", "412", "422", "503"]}
LATE = {"expected-statuses": ["2xx", "4xx", "503"]}
SCHEMA = schemathesis.openapi.from_path(
    ROOT / "docs" / "openapi.json",
    config=SchemathesisConfig.from_dict(
        {
            "base-url": "http://localhost",
            "generation": {"max-examples": EXAMPLES},
            "operations": [
                {
                    "include-path": path,
                    "checks": {
                        "positive_data_acceptance": REFUSED,
                        "not_a_server_error": LATE,
                        **({"negative_data_rejection": LATE} if path in UPLOADS else {}),
                    },
                }
                for path in SAYS_MORE
            ],
        }
    ),
)


@schemathesis.serializer("application/x-ndjson")
def as_lines(_: schemathesis.SerializationContext, value: object) -> bytes:
    """Send text as it is and anything else as one line of JSON."""
    return value.encode("utf-8", "replace") if isinstance(value, str) else orjson.dumps(value)


@pytest.fixture(scope="module")
def app(built_index: Path, tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """Return the service on an index of its own, small queue and body as set by default."""
    index = tmp_path_factory.mktemp("openapi") / "index"
    shutil.copytree(built_index, index)
    return create_app(ServiceSettings(index=index, reach_seconds=0))


def test_the_committed_description_is_the_one_that_is_served(app: FastAPI) -> None:
    """After a change: `python -m service.rest.app > docs/openapi.json`."""
    assert (ROOT / "docs" / "openapi.json").read_text("utf-8") == openapi_text(app)


@SCHEMA.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
def test_every_route_keeps_to_its_description(case: schemathesis.Case[Any], app: FastAPI) -> None:
    """Whatever is sent, the status, media type and form of the answer are as described, and bad data is refused."""
    case.call_and_validate(app=app)
