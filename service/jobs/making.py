"""A job is made: its files are put on disk, what cannot be read at all is refused, and the record store has it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from indexer.errors import SourceError
from indexer.store.jobs import Job
from indexer.store.records import Records
from service.calibration.dial import Policy
from service.jobs.folder import JobFolder
from service.jobs.kinds import Kind
from service.jobs.running import open_upload

Format = Literal["csv", "tsv", "jsonl", "parquet", "xlsx"]
FORMATS: tuple[Format, ...] = ("csv", "tsv", "jsonl", "parquet", "xlsx")
_ENDINGS: Mapping[str, Format] = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of a file.

    name: of the file, for people. format: of the result; that of the file without, CSV where there is none. profile:
    how it is read, as `Profile.of` takes it.
    """

    kind: Kind
    name: str
    author: str = ""
    format: Format | None = None
    profile: Mapping[str, Any] = field(default_factory=dict)
    precision: float | None = None
    policy: Policy | None = None


def make(
    records: Records,
    index: Path,
    wanted: Wanted,
    fill: Callable[[JobFolder], None],
    keep: Callable[[Job], None] | None = None,
) -> Job:
    """Make a job and return it; nothing is left of one that is refused.

    fill: puts the upload and the images in its folder. keep: puts the job in the record store, by default alone.
    Raises what they raise, and what reading a source raises.
    """
    job_id = uuid.uuid4().hex
    folder = JobFolder.of(index, job_id)
    folder.make()
    try:
        fill(folder)
        upload = folder.upload
        if upload is None:
            raise SourceError(f"there is no file {wanted.name}; upload it again")
        if folder.images is not None:
            _check_images(folder)
        options = {
            "profile": dict(wanted.profile),
            "format": wanted.format or _ENDINGS.get(upload.suffixes[0].lower() if upload.suffixes else "", "csv"),
            "dial": {"precision": wanted.precision, "policy": wanted.policy},
        }
        with open_upload(records, wanted.kind, upload, options, wanted.name):
            pass  # what cannot be read at all is refused now, and not when its turn comes
        job = Job(job_id, wanted.kind, wanted.name, options, wanted.author)
        (keep or records.jobs.add)(job)
    except BaseException:
        folder.remove()
        raise
    return job


def _check_images(folder: JobFolder) -> None:
    from indexer.images.gallery import open_gallery

    try:
        open_gallery(folder.images, fetch=False)
    except SourceError as error:
        raise SourceError(str(error).replace(f"{folder.path}/", "")) from error
