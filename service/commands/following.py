"""A bulk job followed on the terminal to its end: as a service works on it, or, where none does, answered here."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.console.options import service_settings

if TYPE_CHECKING:
    from indexer.store.jobs import Job
    from indexer.store.records import Records
    from service.console.progress import Progress

LOOK_SECONDS = 0.25
"""Seconds between two looks at a job that is followed."""
IDLE_SECONDS = 3.0
"""Seconds after which a job that nobody works on is answered here; a service looks for jobs every second."""


def to_its_end(records: Records, index: Path, job_id: str) -> Job:
    """Show how far a job is until it has ended and return it; where nobody works on it, this process does.

    Raises JobNotFound.
    """
    from service.console.progress import Progress, status

    while (job := records.jobs.get(job_id)).open:
        if job.state == "queued":
            with status(f"job {job_id} waits for its turn"):
                job = _watched(records, index, job, lambda now: now.state == "queued")
        if job.state == "running":
            with Progress() as progress:
                _start(progress, job)
                job = _watched(records, index, job, lambda now: now.open, progress.at)
        if job.open:
            _work(index, job)
    return job


def _watched(
    records: Records,
    index: Path,
    job: Job,
    wanted: Callable[[Job], bool],
    told: Callable[[int], None] = lambda _: None,
) -> Job:
    """Look at a job as long as it is as `wanted` and somebody works on it; return it as it is then."""
    from service.jobs.alone import attended

    seen = time.monotonic()
    while wanted(job) and time.monotonic() < seen + IDLE_SECONDS:
        if attended(records, index, job):
            seen = time.monotonic()
        time.sleep(LOOK_SECONDS)
        job = records.jobs.get(job.id)
        told(job.done)
    return job


def _work(index: Path, job: Job) -> None:
    """Answer a job here, from where it was left."""
    from service.console.progress import Progress, status
    from service.jobs.alone import work
    from service.serving import Serving

    click.echo("no service works on it, so it is answered here", err=True)
    settings = service_settings(index=index, upkeep=False, rebuild_automatic=False)
    with status(f"opening {index}"):
        serving = Serving.open(settings)
    with closing(serving), Progress() as progress:
        work(serving, job.id, lambda now: _start(progress, now), lambda now: progress.at(now.done))


def _start(progress: Progress, job: Job) -> None:
    progress.start(job.kind, job.total, "rows", job.done)
