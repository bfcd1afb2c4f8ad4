"""The routes of bulk jobs: a file is uploaded, answered row by row beside live traffic, and its result fetched."""

from __future__ import annotations

from functools import partial
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from indexer.store.jobs import Job
from indexer.store.records import Records
from indexer.store.requests import Answered, settle
from service.calibration.dial import Policy
from service.console.jobs import job_facts
from service.jobs import ending
from service.jobs.folder import JobFolder
from service.jobs.kinds import Kind
from service.jobs.making import Format, Wanted, make
from service.jobs.results import Left, quarantine_of, result_of
from service.rest.access.callers import author_of
from service.rest.api import BODY, PAGE_DEFAULT, PAGE_LIMIT, Json, refusals
from service.rest.asking import serving_of
from service.rest.cursors import cursor_of, place_of
from service.rest.images import Body
from service.rest.keys import ONCE, REPLAYED, as_it_is, claimed, name_of
from service.rest.parameters import Key
from service.rest.problems import InvalidCursor
from service.rest.receiving import Upload, fingerprint, receive, save, upload_form
from service.serving import Serving

router = APIRouter(prefix="/v1")

LISTED = "jobs-before"
RETRY_SECONDS = 1
JobId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="The id of the job.")]
State = Literal["queued", "running", "done", "failed", "cancelled"]
_FOUND: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}


class JobBody(Body):
    """What is wanted of a file."""

    kind: Kind = Field(description="What is done with each row.")
    format: Format | None = Field(None, description="Of the result; that of the file without.")
    profile: dict[str, Any] | None = Field(
        None, description="How the file is read: `columns` (field -> column or columns), `constant`, `encoding`, ..."
    )
    precision: float | None = Field(None, gt=0.5, lt=1, description="Share of `auto` answers that must be right.")
    policy: Policy | None = None


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


@router.post(
    "/jobs",
    response_model=JobShown,
    status_code=202,
    responses=refusals(*BODY, 409, 507) | {202: ONCE[200]},
    openapi_extra=upload_form(JobBody),
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
    return Json({"items": [job_facts(each) for each in page], "next": more})


@router.get("/jobs/{job_id}", response_model=JobShown, responses=refusals(404, 422))
def get_job(request: Request, job_id: JobId) -> Response:
    """Return one job. Ask again after Retry-After as long as it is open."""
    job = serving_of(request).live.records.jobs.get(job_id)
    return Json(job_facts(job), headers={"Retry-After": str(RETRY_SECONDS)} if job.open else None)


@router.get("/jobs/{job_id}/result", response_class=Response, responses=refusals(404, 409, 422) | _FOUND)
def get_result(request: Request, job_id: JobId) -> Response:
    """Return the result of a job that is done: the columns of the file, and ours beside them, in its order."""
    return _file(result_of(*_kept(request), job_id))


@router.get("/jobs/{job_id}/quarantine", response_class=Response, responses=refusals(404, 409, 422) | _FOUND)
def get_quarantine(request: Request, job_id: JobId) -> Response:
    """Return the rows that were refused: a line of JSON each, with line, id, code, reason and the raw row."""
    return _file(quarantine_of(*_kept(request), job_id))


@router.post("/jobs/{job_id}:cancel", response_model=JobShown, responses=refusals(404, 409, 422, 507))
def cancel_job(request: Request, job_id: JobId) -> Json:
    """Let a job come to its end before its last row. What kind `index` stored until then stays stored."""
    job = ending.cancel(*_kept(request), job_id)
    request.app.state.jobs.wake()
    return Json(job_facts(job))


@router.delete("/jobs/{job_id}", response_model=JobShown, responses=refusals(404, 409, 422, 507))
def delete_job(request: Request, job_id: JobId) -> Json:
    """Forget a job that has ended, with its result and its quarantine. One that is open is to be cancelled first."""
    return Json(job_facts(ending.remove(*_kept(request), job_id)))


def _made(serving: Serving, upload: Upload, asked: JobBody, author: str, key: str | None) -> Answered:
    """Make a job of an upload, and keep it with what is answered under its key."""
    wanted = Wanted(asked.kind, upload.name, author, asked.format, asked.profile or {}, asked.precision, asked.policy)

    def fill(folder: JobFolder) -> None:
        save(upload.file, folder.place_for(upload.name))
        if upload.images is not None:
            save(upload.images, folder.place_for_images)

    def answered(job: Job) -> Answered:
        return Answered(202, orjson.dumps(job_facts(job)))

    def keep(job: Job) -> None:
        said = answered(job)
        jobs.add(job, None if key is None else (lambda connection: settle(connection, key, said)))

    jobs = serving.live.records.jobs
    return answered(make(serving.live.records, serving.settings.index, wanted, fill, keep))


def _kept(request: Request) -> tuple[Records, FilePath]:
    """Return where jobs and where their files are."""
    serving = serving_of(request)
    return serving.live.records, serving.settings.index


def _file(left: Left) -> Response:
    return FileResponse(left.path, media_type="application/octet-stream", filename=left.name)


def _where(job_id: str) -> dict[str, str]:
    return {"Location": f"/v1/jobs/{job_id}", "Retry-After": str(RETRY_SECONDS)}
