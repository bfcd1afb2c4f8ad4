"""How jobs end before their last row, and are forgotten; and what of them is taken off the disk then.

    cancel, fail, remove    the record store -> the folder goes: nothing is made of its files any more

Files go under the lock of the job alone: where another process, or another thread of this one, is still at its last
chunk, whoever holds the lock tidies up when it lets go.
"""

from __future__ import annotations

import time
from pathlib import Path

from indexer.errors import AisleError, JobNotFound
from indexer.store.jobs import DONE, FAILED, Job
from indexer.store.records import Records
from service.jobs.folder import JOBS, JobFolder

STRAY_SECONDS = 86_400
"""Age from which a folder that no job has is one that was left behind, and no upload under way."""
UNEXPECTED = "an unexpected error, which the log of the service has"


def cancel(records: Records, index: Path, job_id: str) -> Job:
    """Let a job end before its last row; raises JobNotFound, and JobConflict when it has ended otherwise."""
    job = records.jobs.cancel(job_id)
    tidy(records, index, job_id)
    return job


def fail(records: Records, index: Path, job_id: str, error: Exception) -> Job:
    """Let an open job end because of an error; raises JobNotFound."""
    told = UNEXPECTED
    if isinstance(error, AisleError):
        told = str(error).replace(f"{JobFolder.of(index, job_id).path}/", "")
    job = records.jobs.finish(job_id, FAILED, told)
    tidy(records, index, job_id)
    return job


def remove(records: Records, index: Path, job_id: str) -> Job:
    """Forget a job that has ended, with all its files, and return it; raises JobNotFound, and JobConflict when open."""
    job = records.jobs.remove(job_id)
    tidy(records, index, job_id)
    return job


def tidy(records: Records, index: Path, job_id: str) -> None:
    """Take off the disk what a job needs no more: of one that is done all but its result, of others that ended all.

    Nothing happens while somebody works on it, or where its files are on another machine.
    """
    folder = JobFolder.of(index, job_id)
    with folder.held() as ours:
        if not ours:
            return
        try:
            job = records.jobs.get(job_id)
        except JobNotFound:
            folder.remove()
            return
        if job.state == DONE:
            folder.drop_parts()
        elif not job.open:
            folder.remove()


def sweep(records: Records, index: Path) -> None:
    """Tidy up the folders that nobody has touched for long: left behind by a process that died, or another machine."""
    limit = time.time() - STRAY_SECONDS
    for path in (index / JOBS).glob("*"):
        if path.stat().st_mtime < limit:
            tidy(records, index, path.name)
