"""A job answered without a service: by the process of a command, which stops when it is done.

Whoever holds the lock on a job's folder works on it, a service or this; so neither needs to know of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from indexer.errors import RecordError
from indexer.store.jobs import QUEUED, Job
from indexer.store.records import Records
from service.jobs.ending import fail, tidy
from service.jobs.folder import JobFolder
from service.jobs.running import Running
from service.serving import Serving


def attended(records: Records, index: Path, job: Job) -> bool:
    """Return whether somebody works on an open job, or, while that waits for its turn, on another of the index.

    Who works on a job whose files are on another machine cannot be seen from here; somebody may.
    """
    if not JobFolder.of(index, job.id).path.is_dir():
        return True
    others = records.jobs.open() if job.state == QUEUED else [job]
    return any(_held(JobFolder.of(index, each.id)) for each in others)


def work(serving: Serving, job_id: str, began: Callable[[Job], None], told: Callable[[Job], None]) -> None:
    """Answer a job to its end, unless somebody else does; `began` and `told` hear how far it is.

    Raises what the record store raises; whatever else goes wrong lets the job fail.
    """
    records, index = serving.live.records, Path(serving.settings.index)
    try:
        running = Running.open(serving, records.jobs.get(job_id))
        if running is None:
            return
        with closing(running):
            began(running.job)
            while running.chunk(_ask):
                told(running.job)
    except RecordError:
        raise
    except Exception as error:
        fail(records, index, job_id, error)
        return
    tidy(records, index, job_id)


def _ask(call: Callable[[Sequence[Any]], Sequence[Any]], items: Sequence[Any]) -> Sequence[Any]:
    return call(items)


def _held(folder: JobFolder) -> bool:
    with folder.held() as ours:
        return not ours and folder.path.is_dir()
