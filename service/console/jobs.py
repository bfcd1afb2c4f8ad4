"""Bulk jobs as they are told: as values for HTTP and `--json`, as a table and a few lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from indexer.store.jobs import DONE, Job
from service.console.progress import seconds
from service.console.words import aligned, fact, minute, one_line

NAMED = 50
"""Characters of a file's name that the table prints."""


def job_facts(job: Job) -> dict[str, Any]:
    """Return a job as JSON has it; `eta_s` follows from the rate so far."""
    rate, left, total = _rate(job), _left(job), job.total
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
            "eta_s": None if left is None else round(left, 1),
        },
        "counts": dict(job.counts),
        "error": job.error,
        "result_url": f"/v1/jobs/{job.id}/result" if ended else None,
        "quarantine_url": f"/v1/jobs/{job.id}/quarantine" if ended else None,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }


def job_table(jobs: Sequence[Job]) -> str:
    """Return one line for each job, in the order given."""
    if not jobs:
        return "there is no job; make one with: aisle jobs run FILE --kind categorize"
    cells = [
        (
            each.id,
            each.kind,
            each.state,
            _rows(each),
            minute(each.created_at),
            one_line(each.author) or "-",
            one_line(each.name)[:NAMED],
        )
        for each in jobs
    ]
    return "\n".join(aligned([("id", "kind", "state", "rows", "at", "by", "file"), *cells]))


def job_lines(job: Job) -> str:
    """Return what one job is, how far it is, what became of its rows, and what can be done next."""
    lines = [
        f"job {job.id}: {one_line(job.name)}, {job.kind}, {job.state}",
        fact("at", f"{minute(job.created_at)} UTC" + (f", by {one_line(job.author)}" if job.author else "")),
        fact("rows", _pace(job)),
    ]
    if job.counts:
        lines.append(fact("counts", ", ".join(f"{number:,} {word}" for word, number in job.counts.items())))
    if job.error:
        lines.append(fact("error", one_line(job.error)))
    return "\n".join([*lines, *_next(job)])


def _next(job: Job) -> list[str]:
    if job.open:
        return [fact("next", f"aisle jobs follow {job.id}, or cancel it")]
    if job.state != DONE:
        return [fact("next", f"aisle jobs delete {job.id}")]
    left = "result or quarantine" if job.counts.get("refused") else "result"
    return [fact("next", f"aisle jobs {left} {job.id} -o FILE")]


def _pace(job: Job) -> str:
    rate, left = _rate(job), _left(job)
    said = [_rows(job)]
    if rate is not None:
        said.append(f"{rate:,.1f}/s")
    if left is not None:
        said.append(f"about {seconds(left)} left")
    return ", ".join(said)


def _rows(job: Job) -> str:
    return f"{job.done:,}" if job.total in {None, job.done} else f"{job.done:,} of about {job.total:,}"


def _rate(job: Job) -> float | None:
    """Return rows a second, None before the first."""
    return job.done / job.seconds if job.done and job.seconds else None


def _left(job: Job) -> float | None:
    """Return about how many seconds an open job still takes, None where nothing tells."""
    rate = _rate(job)
    return max(job.total - job.done, 0) / rate if job.open and job.total is not None and rate else None
