"""The route that looks at a file before a job is made of it: how it would be read, and its first rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from indexer.errors import MissingColumn
from indexer.intake.ingest import placement_in
from indexer.sources import Row, Source
from indexer.sources.profile import FIELDS, WRITTEN
from indexer.store.records import Records
from service.jobs.folder import JobFolder
from service.jobs.kinds import Kind
from service.jobs.running import open_upload
from service.rest.api import BODY, Json, refusals
from service.rest.asking import serving_of
from service.rest.images import Body
from service.rest.receiving import Upload, receive, save, scratch, upload_form

router = APIRouter(prefix="/v1")

SAMPLE = 20
"""Rows of a preview."""
AHEAD = 500
"""Rows whose categories are looked for in the tree."""
JOINING = 20
"""Categories that are named."""
CELL_CHARS = 200
"""Characters of a cell of a preview."""


class PreviewBody(Body):
    """How a file is to be read that is only looked at."""

    kind: Kind = "categorize"
    profile: dict[str, Any] | None = None


class PreviewRow(BaseModel):
    """A row as it is understood, or why it is refused."""

    line: int
    id: str
    cells: dict[str, str]
    problem: str


class Preview(BaseModel):
    """How a file would be read."""

    missing: str = Field(description="The column without which a job would be refused, and what helps; map one.")
    format: str
    encoding: str
    delimiter: str
    columns: list[str]
    recognised: dict[str, list[str]] = Field(description="Field of a product -> the columns that it is read from.")
    fields: list[str] = Field(description="Every field that a column can be mapped to, by `profile.columns`.")
    unused: list[str] = Field(description="Columns that nothing is read from; the result keeps them all the same.")
    rows: int | None = Field(description="About how many there are.")
    joins: list[str] = Field(
        description=f"Categories of the first {AHEAD} rows that the tree lacks and would get, {JOINING} at most."
    )
    sample: list[PreviewRow]


@router.post("/jobs:preview", response_model=Preview, responses=refusals(*BODY), openapi_extra=upload_form(PreviewBody))
async def preview_job(request: Request) -> Json:
    """Say how a file would be read: its columns, which of them are recognised, and its first rows. Nothing is kept."""
    upload = await receive(request)
    try:
        asked = PreviewBody.model_validate(upload.fields)
        return Json(await run_in_threadpool(_previewed, serving_of(request).live.records, upload, asked))
    finally:
        await upload.close()


def _previewed(records: Records, upload: Upload, asked: PreviewBody) -> dict[str, Any]:
    with scratch() as place:
        file = JobFolder(Path(place)).place_for(upload.name)
        save(upload.file, file)
        source, recognised, missing = _looked_at(records, asked, file, upload.name)
        with source:
            used = {column for columns in recognised.values() for column in columns}
            expected, first = source.expected(), list(islice(source, AHEAD))
            return {
                "missing": missing,
                "format": source.format,
                "encoding": source.encoding,
                "delimiter": source.delimiter,
                "columns": source.columns,
                "recognised": recognised,
                "fields": FIELDS,
                "unused": [column for column in source.columns if column not in used],
                "rows": expected,
                "joins": _joining(records, first) if asked.kind == "index" else [],
                "sample": [
                    {
                        "line": row.number,
                        "id": row.id[:CELL_CHARS],
                        "cells": {name: text[:CELL_CHARS] for name, text in row.fields.items()},
                        "problem": row.problem.reason if row.problem else "",
                    }
                    for row in first[:SAMPLE]
                ],
            }


def _joining(records: Records, rows: Sequence[Row]) -> list[str]:
    """Return the paths that rows would add to a tree that is made of labels, in their order."""
    placement = placement_in(records)
    if not placement.grows:
        return []
    known = set(placement.tree.ids)
    placement.place([row.product.category for row in rows if row.product])
    tree = placement.tree
    return [tree.text(node) for node, id_ in enumerate(tree.ids) if id_ not in known][:JOINING]


def _looked_at(records: Records, asked: PreviewBody, file: Path, name: str) -> tuple[Source, dict[str, list[str]], str]:
    """Return a file opened whatever is missing, the columns of each field, and what is missing for the job."""
    profile = asked.profile or {}
    missing = ""
    for kind in (asked.kind, "categorize"):  # which needs no id
        try:
            source = open_upload(records, kind, file, {"profile": profile}, name)
        except MissingColumn as error:
            missing = missing or str(error)
        else:
            found = source.profile.columns
            return source, {field: list(columns) for field, columns in found.items() if columns}, missing
    anything = {each: profile[each] for each in WRITTEN if each in profile} | {"columns": {"description": ["*"]}}
    return open_upload(records, "categorize", file, {"profile": anything}, name), {}, missing
