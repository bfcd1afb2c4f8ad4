"""The routes of bulk jobs: a file is uploaded, answered row by row beside live traffic, and its result fetched."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field, TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from indexer.errors import JobConflict, MissingColumn, SourceError
from indexer.sources import Source
from indexer.sources.profile import FIELDS, WRITTEN
from indexer.store.jobs import DONE, Job
from indexer.store.requests import Answered, settle
from service.calibration.dial import Policy
from service.jobs.folder import JobFolder
from service.jobs.kinds import Kind
from service.jobs.running import open_upload
from service.rest.access.callers import author_of
from service.rest.api import BODY, PAGE_DEFAULT, PAGE_LIMIT, Json, refusals
from service.rest.asking import serving_of, settings_of
from service.rest.bodies import FORM
from service.rest.cursors import cursor_of, place_of
from service.rest.images import Body
from service.rest.keys import ONCE, REPLAYED, as_it_is, claimed, name_of
from service.rest.parameters import Key
from service.rest.problems import InvalidCursor
from service.rest.receiving import Upload, fingerprint, receive, save, scratch
from service.serving import Serving

router = APIRouter(prefix="/v1")

LISTED = "jobs-before"
SAMPLE = 20
"""Rows of a preview."""
CELL_CHARS = 200
"""Characters of a cell of a preview."""
RETRY_SECONDS = 2
Format = Literal["csv", "tsv", "jsonl", "parquet"]
JobId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="The id of the job.")]
State = Literal["queued", "running", "done", "failed", "cancelled"]
_ENDINGS: Mapping[str, Format] = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
_FOUND: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}


class JobBody(Body):
    """What is wanted of a file."""

    kind: Kind = Field(description="What is done with each row.")
    format: Format | None = Field(None, description="Of the result; that of the file without, CSV for XLSX.")
    profile: dict[str, Any] | None = Field(
        None, description="How the file is read: `columns` (field -> column or columns), `constant`, `encoding`, ..."
    )
    precision: float | None = Field(None, gt=0.5, lt=1, description="Share of `auto` answers that must be right.")
    policy: Policy | None = None


class PreviewBody(Body):
    """How a file is to be read that is only looked at."""

    kind: Kind = "categorize"
    profile: dict[str, Any] | None = None


class Progress(BaseModel):
    """How far a job is. `total` is an estimate before the end of the file; `eta_s` follows from the rate so far."""

    done: int
    total: int | None
    percent: float | None
    rows_per_second: float | None
    eta_s: float | None


class JobShown(BaseModel):
    """One job."""

    id: str
    kind: Kind
    state: State
    name: str = Field(description="Of the file that was uploaded.")
    author: str
    progress: Progress
    counts: dict[str, int] = Field(description="What became of the rows, a word for each; `refused` are quarantined.")
    error: str = Field(description="Why it failed.")
    result_url: str | None = Field(description="Where the result is, once it is done.")
    quarantine_url: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None


class JobPage(BaseModel):
    """Jobs, the latest first; `next` is the cursor of the page that follows, null at the end."""

    items: list[JobShown]
    next: str | None


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
    sample: list[PreviewRow]


_FILES = {
    "file": {"type": "string", "contentMediaType": "application/octet-stream"},
    "images": {"type": "string", "contentMediaType": "application/octet-stream", "description": "A zip of images."},
}


def _form(model: type[Body]) -> dict[str, Any]:
    own = TypeAdapter(model).json_schema()
    schema = {
        "type": "object",
        "title": f"{model.__name__} with a file",
        "description": "`profile` is JSON; an empty field is none.",
        "properties": own["properties"] | _FILES,
        "required": [*own.get("required", []), "file"],
        "additionalProperties": False,
    }
    return {"requestBody": {"required": True, "content": {FORM: {"schema": schema}}}}


@router.post(
    "/jobs",
    response_model=JobShown,
    status_code=202,
    responses=refusals(*BODY, 409, 507) | {202: ONCE[200]},
    openapi_extra=_form(JobBody),
)
async def create_job(request: Request, key: Key = None) -> Response:
    """Upload a file, each row of which is answered: CSV, TSV, JSONL (each also gzipped), Parquet or XLSX."""
    upload = await receive(request)
    try:
        asked = JobBody.model_validate(upload.fields)
        serving = serving_of(request)
        if key is not None:
            before = await run_in_threadpool(claimed, request, key, await fingerprint(upload))
            if before is not None:
                return as_it_is(before, _where(orjson.loads(before.body)["id"]) | REPLAYED)
        make = partial(_made, serving, upload, asked, author_of(request, ""), None if key is None else name_of(key))
        try:
            answered = await run_in_threadpool(make)
        except BaseException:
            if key is not None:
                await run_in_threadpool(serving.live.records.release, name_of(key))
            raise
        request.app.state.jobs.wake()
        return as_it_is(answered, _where(orjson.loads(answered.body)["id"]))
    finally:
        await upload.close()


@router.post("/jobs:preview", response_model=Preview, responses=refusals(*BODY), openapi_extra=_form(PreviewBody))
async def preview_job(request: Request) -> Json:
    """Say how a file would be read: its columns, which of them are recognised, and its first rows. Nothing is kept."""
    upload = await receive(request)
    try:
        asked = PreviewBody.model_validate(upload.fields)
        return Json(await run_in_threadpool(_previewed, serving_of(request), upload, asked))
    finally:
        await upload.close()


@router.get("/jobs", response_model=JobPage, responses=refusals(422))
def list_jobs(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=200, description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = PAGE_DEFAULT,
) -> Json:
    """List the jobs, the latest first."""
    place = place_of(LISTED, cursor)
    at, _, job_id = (place or "").rpartition(" ")
    if place is not None and not at:
        raise InvalidCursor("this cursor was not given by this list; start without one")
    page = serving_of(request).live.records.jobs.page((at, job_id) if place else None, limit)
    more = cursor_of(LISTED, f"{page[-1].created_at} {page[-1].id}") if len(page) == limit else None
    return Json({"items": [_shown(each) for each in page], "next": more})


@router.get("/jobs/{job_id}", response_model=JobShown, responses=refusals(404, 422))
def get_job(request: Request, job_id: JobId) -> Response:
    """Return one job. Ask again after Retry-After as long as it is open."""
    job = serving_of(request).live.records.jobs.get(job_id)
    return Json(_shown(job), headers={"Retry-After": str(RETRY_SECONDS)} if job.open else None)


@router.get("/jobs/{job_id}/result", response_class=Response, responses=refusals(404, 409, 422) | _FOUND)
def get_result(request: Request, job_id: JobId) -> Response:
    """Return the result of a job that is done: the columns of the file, and ours beside them, in its order."""
    job = _ended(request, job_id)
    ending = str(job.options["format"])
    file = _folder(request, job_id).result(ending)
    return _file(file, f"{FilePath(job.name).stem.partition('.')[0] or 'result'}-{job.kind}.{ending}")


@router.get("/jobs/{job_id}/quarantine", response_class=Response, responses=refusals(404, 409, 422) | _FOUND)
def get_quarantine(request: Request, job_id: JobId) -> Response:
    """Return the rows that were refused: a line of JSON each, with line, id, code, reason and the raw row."""
    job = _ended(request, job_id)
    name = f"{FilePath(job.name).stem.partition('.')[0] or 'result'}-quarantine.jsonl"
    return _file(_folder(request, job_id).quarantine, name)


@router.post("/jobs/{job_id}:cancel", response_model=JobShown, responses=refusals(404, 409, 422, 507))
def cancel_job(request: Request, job_id: JobId) -> Json:
    """Let a job come to its end before its last row. What kind `index` stored until then stays stored."""
    job = serving_of(request).live.records.jobs.cancel(job_id)
    request.app.state.jobs.wake()
    return Json(_shown(job))


def _made(serving: Serving, upload: Upload, asked: JobBody, author: str, key: str | None) -> Answered:
    """Put an upload on disk, see whether it can be read, and keep the job, with what is answered under its key."""
    job_id = uuid.uuid4().hex
    folder = JobFolder.of(FilePath(serving.settings.index), job_id)
    folder.make()
    try:
        place = folder.place_for(upload.name)
        save(upload.file, place)
        if upload.images is not None:
            save(upload.images, folder.path / "images.zip")
            _check_images(folder)
        options = {
            "profile": asked.profile or {},
            "format": asked.format or _ENDINGS.get(place.suffixes[0].lower() if place.suffixes else "", "csv"),
            "dial": {"precision": asked.precision, "policy": asked.policy},
        }
        with open_upload(serving, asked.kind, place, options, upload.name):
            pass  # what cannot be read at all is refused now, and not when its turn comes
        job = Job(job_id, asked.kind, upload.name, options, author)
        answered = Answered(202, orjson.dumps(_shown(job)))
        act = None if key is None else (lambda connection: settle(connection, key, answered))
        serving.live.records.jobs.add(job, act)
    except BaseException:
        folder.remove()
        raise
    return answered


def _check_images(folder: JobFolder) -> None:
    from indexer.images.gallery import open_gallery

    try:
        open_gallery(folder.images, fetch=False)
    except SourceError as error:
        raise SourceError(str(error).replace(f"{folder.path}/", "")) from error


def _previewed(serving: Serving, upload: Upload, asked: PreviewBody) -> dict[str, Any]:
    with scratch() as place:
        file = JobFolder(FilePath(place)).place_for(upload.name)
        save(upload.file, file)
        source, recognised, missing = _looked_at(serving, asked, file, upload.name)
        with source:
            used = {column for columns in recognised.values() for column in columns}
            return {
                "missing": missing,
                "format": source.format,
                "encoding": source.encoding,
                "delimiter": source.delimiter,
                "columns": source.columns,
                "recognised": recognised,
                "fields": FIELDS,
                "unused": [column for column in source.columns if column not in used],
                "rows": source.expected(),
                "sample": [
                    {
                        "line": row.number,
                        "id": row.id[:CELL_CHARS],
                        "cells": {name: text[:CELL_CHARS] for name, text in row.fields.items()},
                        "problem": row.problem.reason if row.problem else "",
                    }
                    for row in islice(source, SAMPLE)
                ],
            }


def _looked_at(
    serving: Serving, asked: PreviewBody, file: FilePath, name: str
) -> tuple[Source, dict[str, list[str]], str]:
    """Return a file opened whatever is missing, the columns of each field, and what is missing for the job."""
    profile = asked.profile or {}
    missing = ""
    for kind in (asked.kind, "categorize"):  # which needs no id
        try:
            source = open_upload(serving, kind, file, {"profile": profile}, name)
        except MissingColumn as error:
            missing = missing or str(error)
        else:
            found = source.profile.columns
            return source, {field: list(columns) for field, columns in found.items() if columns}, missing
    anything = {each: profile[each] for each in WRITTEN if each in profile} | {"columns": {"description": ["*"]}}
    return open_upload(serving, "categorize", file, {"profile": anything}, name), {}, missing


def _shown(job: Job) -> dict[str, Any]:
    rate = job.done / job.seconds if job.done and job.seconds else None
    left = None if job.total is None else max(job.total - job.done, 0)
    total = job.total
    ended = job.state == DONE
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "name": job.name,
        "author": job.author,
        "progress": {
            "done": job.done,
            "total": total,
            "percent": None if total is None else round(100 * job.done / total, 1) if total else 100.0,
            "rows_per_second": None if rate is None else round(rate, 1),
            "eta_s": round(left / rate, 1) if job.open and left is not None and rate else None,
        },
        "counts": dict(job.counts),
        "error": job.error,
        "result_url": f"/v1/jobs/{job.id}/result" if ended else None,
        "quarantine_url": f"/v1/jobs/{job.id}/quarantine" if ended else None,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }


def _ended(request: Request, job_id: str) -> Job:
    """Return a job that is done; raises JobConflict for one that is not."""
    job = serving_of(request).live.records.jobs.get(job_id)
    if job.state != DONE:
        wait = "; ask again when it is done" if job.open else "; it has no result"
        raise JobConflict(f"the job {job_id} is {job.state}{wait}")
    return job


def _folder(request: Request, job_id: str) -> JobFolder:
    return JobFolder.of(FilePath(settings_of(request).index), job_id)


def _file(file: FilePath, name: str) -> Response:
    if not file.is_file():
        raise JobConflict("the files of this job are not on this machine; ask the one that it was uploaded to")
    return FileResponse(file, media_type="application/octet-stream", filename=name)


def _where(job_id: str) -> dict[str, str]:
    return {"Location": f"/v1/jobs/{job_id}", "Retry-After": str(RETRY_SECONDS)}
