"""What a job leaves: its result, and the rows that were refused; each a file with the name that people get it by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from indexer.errors import JobConflict
from indexer.store.jobs import DONE, Job
from indexer.store.records import Records
from service.jobs.folder import JobFolder


@dataclass(frozen=True, slots=True)
class Left:
    """A file that a job left, and what it is called."""

    path: Path
    name: str


def result_of(records: Records, index: Path, job_id: str) -> Left:
    """Return the result of a job that is done; raises JobNotFound, and JobConflict when there is none here."""
    job = _done(records, job_id)
    ending = str(job.options["format"])
    return _left(JobFolder.of(index, job_id).result(ending), f"{_stem(job)}-{job.kind}.{ending}")


def quarantine_of(records: Records, index: Path, job_id: str) -> Left:
    """Return the rows that a job refused, a line of JSON each; raises as `result_of`."""
    job = _done(records, job_id)
    return _left(JobFolder.of(index, job_id).quarantine, f"{_stem(job)}-quarantine.jsonl")


def _done(records: Records, job_id: str) -> Job:
    job = records.jobs.get(job_id)
    if job.state != DONE:
        wait = "; ask again when it is done" if job.open else "; it has no result"
        raise JobConflict(f"the job {job_id} is {job.state}{wait}")
    return job


def _stem(job: Job) -> str:
    return Path(job.name).stem.partition(".")[0] or "result"


def _left(path: Path, name: str) -> Left:
    if not path.is_file():
        raise JobConflict("the files of this job are not on this machine; ask the one that it was uploaded to")
    return Left(path, name)
