"""Bulk jobs in the record store: what is wanted, how far it is, how it ended. Their files are in the index folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from indexer.errors import JobConflict, JobNotFound
from indexer.store.decisions import Connecting
from indexer.store.moment import now_text
from indexer.store.schema import jobs

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
OPEN = (QUEUED, RUNNING)
"""The states of a job that has not come to its end."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it is stored, its columns by the same names."""

    id: str
    kind: str
    name: str
    options: Mapping[str, Any]
    author: str = ""
    created_at: str = field(default_factory=now_text)
    state: str = QUEUED
    started_at: str | None = None
    finished_at: str | None = None
    done: int = 0
    total: int | None = None
    seconds: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
    error: str = ""

    @property
    def open(self) -> bool:
        """Whether it has not come to its end."""
        return self.state in OPEN


class Jobs:
    """The jobs of one store; `Records.jobs` makes it."""

    def __init__(self, reading: Connecting, changing: Connecting) -> None:
        self._reading = reading
        self._changing = changing

    def add(self, job: Job, act: Callable[[sa.Connection], None] | None = None) -> None:
        """Keep a new job; act: what is done besides in the same transaction."""
        with self._changing() as connection:
            connection.execute(jobs.insert(), {name: getattr(job, name) for name in Job.__slots__})
            if act is not None:
                act(connection)

    def get(self, job_id: str) -> Job:
        """Return the job of that id; raises JobNotFound."""
        with self._reading() as connection:
            return _of_id(connection, job_id)

    def page(self, before: tuple[str, str] | None = None, limit: int = 50) -> list[Job]:
        """Return the `limit` jobs before a (created_at, id), the latest first."""
        query = sa.select(jobs).order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(limit)
        if before is not None:
            at, job_id = before
            query = query.where((jobs.c.created_at < at) | ((jobs.c.created_at == at) & (jobs.c.id < job_id)))
        with self._reading() as connection:
            return [Job(**row) for row in connection.execute(query).mappings()]

    def open(self) -> list[Job]:
        """Return the jobs that have not come to their end, the oldest first."""
        query = sa.select(jobs).where(jobs.c.state.in_(OPEN)).order_by(jobs.c.created_at, jobs.c.id)
        with self._reading() as connection:
            return [Job(**row) for row in connection.execute(query).mappings()]

    def begin(self, job_id: str) -> Job:
        """Say that an open job is worked on and return it as it is now, ended perhaps; raises JobNotFound."""
        with self._changing() as connection:
            its = (jobs.c.id == job_id) & jobs.c.state.in_(OPEN)
            since = sa.func.coalesce(jobs.c.started_at, now_text())
            connection.execute(jobs.update().where(its).values(state=RUNNING, started_at=since))
            return _of_id(connection, job_id)

    def advance(self, job_id: str, *, done: int, counts: Mapping[str, int], seconds: float, total: int | None) -> Job:
        """Say how far a job is, and return it as it is now, cancelled perhaps; raises JobNotFound."""
        with self._changing() as connection:
            new: dict[str, Any] = {"done": done, "counts": dict(counts), "seconds": seconds, "total": total}
            connection.execute(jobs.update().where(jobs.c.id == job_id).values(new))
            return _of_id(connection, job_id)

    def finish(self, job_id: str, state: str, error: str = "", total: int | None = None) -> Job:
        """Let an open job come to its end; one that is at its end stays as it is. Raises JobNotFound."""
        with self._changing() as connection:
            its = (jobs.c.id == job_id) & jobs.c.state.in_(OPEN)
            new: dict[str, Any] = {"state": state, "error": error, "finished_at": now_text()}
            new |= {} if total is None else {"total": total}
            connection.execute(jobs.update().where(its).values(new))
            return _of_id(connection, job_id)

    def cancel(self, job_id: str) -> Job:
        """Let a job come to its end before its last row; raises JobNotFound, and JobConflict when it is at its end."""
        with self._changing() as connection:
            found = _of_id(connection, job_id)
            if found.state == CANCELLED:
                return found
            if not found.open:
                raise JobConflict(f"the job {job_id} is {found.state} and cannot be cancelled")
        return self.finish(job_id, CANCELLED)

    def old(self, age: timedelta) -> list[str]:
        """Return the ids of jobs whose end is that long ago."""
        limit = (datetime.now(UTC) - age).isoformat(timespec="milliseconds")
        with self._reading() as connection:
            return list(connection.scalars(sa.select(jobs.c.id).where(jobs.c.finished_at < limit)))

    def remove(self, job_id: str) -> Job:
        """Forget a job that has ended and return it; raises JobNotFound, and JobConflict when it is open."""
        with self._changing() as connection:
            found = _of_id(connection, job_id)
            if found.open:
                how = f"POST /v1/jobs/{job_id}:cancel, or aisle jobs cancel {job_id}"
                raise JobConflict(f"the job {job_id} is {found.state} and cannot be deleted; cancel it first ({how})")
            connection.execute(jobs.delete().where(jobs.c.id == job_id))
            return found

    def remove_all(self) -> None:
        """Forget every job."""
        with self._changing() as connection:
            connection.execute(jobs.delete())


def _of_id(connection: sa.Connection, job_id: str) -> Job:
    row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).mappings().one_or_none()
    if row is None:
        raise JobNotFound(job_id)
    return Job(**row)
