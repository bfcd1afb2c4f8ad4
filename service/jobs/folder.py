"""The folder of one job, INDEX/jobs/ID: what was uploaded, the answers chunk by chunk, and the result at the end.

    upload.csv.gz      the file as it came          parts/000000042.jsonl     answers of the rows from 42 on
    images.zip         the images beside it         parts/000000042.refused   those of them that are refused
    result.csv         all parts, in order          quarantine.jsonl          all refused ones, in order

A part has its name once it is whole and on disk, so what is there after a crash is whole. Which parts count is said by
the record store alone: a part that was written and not recorded is written again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from indexer.errors import SourceError, StoreFull
from indexer.snapshots.publication import flush
from indexer.sources.quarantine import Quarantine
from indexer.sources.rows import Row

JOBS = "jobs"
"""The folder of all jobs in an index folder."""
UPLOAD, IMAGES, PARTS, RESULT, QUARANTINE, LOCK = "upload", "images.zip", "parts", "result", "quarantine.jsonl", "lock"
_FULL = {errno.ENOSPC, errno.EDQUOT}
_ENDINGS = re.compile(r"(\.(?:csv|tsv|tab|txt|jsonl|ndjson|json|parquet|pq|xlsx))?(\.gz)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class JobFolder:
    """Where the files of a job are."""

    path: Path

    @classmethod
    def of(cls, index: Path, job_id: str) -> JobFolder:
        """Return the folder of a job, there or not."""
        return cls(index / JOBS / job_id)

    def make(self) -> None:
        """Make the folder, with nothing in it."""
        (self.path / PARTS).mkdir(parents=True)

    def remove(self) -> None:
        """Remove the folder and all that is in it; one that is not there is no error."""
        shutil.rmtree(self.path, ignore_errors=True)

    def place_for(self, name: str) -> Path:
        """Return where a file that was uploaded under that name is to be kept, of which only the ending is believed."""
        found = _ENDINGS.search(name)
        return self.path / (UPLOAD + (found[0].lower() if found else ""))

    @property
    def place_for_images(self) -> Path:
        """Where a zip of images is to be kept."""
        return self.path / IMAGES

    @property
    def upload(self) -> Path | None:
        """The file as it was uploaded, None when it is not here."""
        return next(iter(sorted(self.path.glob(f"{UPLOAD}*"))), None)

    @property
    def images(self) -> Path | None:
        """The zip of images that came with it, None without one."""
        file = self.place_for_images
        return file if file.is_file() else None

    @property
    def quarantine(self) -> Path:
        """Where the refused rows are at the end."""
        return self.path / QUARANTINE

    def result(self, ending: str) -> Path:
        """Where the result of that format is at the end."""
        return self.path / f"{RESULT}.{ending}"

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Raise StoreFull where a file of the job is written and its disk has no room: no fault of the job."""
        try:
            yield
        except (OSError, SourceError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            if isinstance(cause, OSError) and cause.errno in _FULL:
                raise StoreFull(f"there is no room on the disk of {self.path.parent}; make room there") from error
            raise

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Yield whether this process may work on the job: no other one does, for as long as this lasts.

        A process that dies lets go.
        """
        try:
            lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:  # the folder is gone
            yield False
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(lock)

    def write_part(self, start: int, cells: Sequence[Mapping[str, Any]], refused: Sequence[Row]) -> None:
        """Put the answers to the rows from `start` on to disk, and the refused ones of them."""
        self._put(start, ".jsonl", b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in cells))
        aside = self.path / PARTS / "refused.writing"
        with Quarantine(aside) as quarantine:
            for row in refused:
                quarantine.add(row)
        flush(aside)
        aside.replace(self._part(start, ".refused"))
        flush(self.path / PARTS)

    def parts(self, done: int) -> Iterator[list[dict[str, Any]]]:
        """Yield the answers to the first `done` rows, in order, a part at a time."""
        for start in self._starts(done):
            yield [orjson.loads(line) for line in self._part(start, ".jsonl").read_bytes().splitlines()]

    def columns(self, done: int) -> list[str]:
        """Return the columns of all answers, in order of occurrence."""
        return list(dict.fromkeys(name for part in self.parts(done) for cells in part for name in cells))

    def join_refused(self, done: int) -> None:
        """Put all refused rows into one file."""
        aside = self.quarantine.with_suffix(".writing")
        with aside.open("wb") as whole:
            for start in self._starts(done):
                whole.write(self._part(start, ".refused").read_bytes())
        aside.replace(self.quarantine)

    def keep_result(self, ending: str) -> None:
        """Wait until the result and the refused rows are on disk: with the parts goes what they could be made of."""
        for file in (self.result(ending), self.quarantine, self.path):
            flush(file)

    def drop_parts(self) -> None:
        """Remove the parts, and the upload, once the result is whole."""
        shutil.rmtree(self.path / PARTS, ignore_errors=True)
        for file in (self.upload, self.images):
            if file is not None:
                with suppress(OSError):
                    file.unlink()

    def _starts(self, done: int) -> list[int]:
        found = sorted(int(file.stem) for file in (self.path / PARTS).glob("*.jsonl"))
        return [start for start in found if start < done]

    def _part(self, start: int, ending: str) -> Path:
        return self.path / PARTS / f"{start:09}{ending}"

    def _put(self, start: int, ending: str, data: bytes) -> None:
        aside = self.path / PARTS / "answers.writing"
        aside.write_bytes(data)
        flush(aside)
        aside.replace(self._part(start, ending))
