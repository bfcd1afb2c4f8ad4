"""One job at work: its source open at the row that comes next, chunk after chunk, and the result at the end.

    open     the upload -> rows, past those that are answered
    chunk    rows, as many as a second or so answers -> answers -> a part on disk -> how far it is, in the record store
    finish   parts -> the result in its format, the quarantine -> done

Nothing that is said to be done is only in memory: a process that dies loses the chunk at work, which the next one takes
again. Rows are taken in the order of the file, so a row is in one part and no other.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, Self

from indexer.errors import SourceError
from indexer.images.gallery import open_gallery
from indexer.intake.ingest import placement_in
from indexer.sources import Profile, Row, Source, read
from indexer.sources.formats import COLUMNS
from indexer.sources.pictured import batches, pictured
from indexer.store.jobs import DONE, Job
from indexer.store.records import Records
from service.calibration.dial import Dial
from service.console.table import open_table
from service.jobs.folder import JobFolder
from service.jobs.kinds import LABELLED, NUMBERS, OWN, Run, answer, own_columns
from service.serving import Serving
from taxonomy.mapping import CategoryMapper

CHUNK_SECONDS = 1.0
"""About how long a chunk takes, so that how far a job is gets told often enough, however slow its rows are."""
FIRST_ROWS = 8
"""Rows of the first chunk, before their pace is known."""


class Running:
    """A job that this process works on; `open` it, take `chunk` after `chunk`, `close` it."""

    def __init__(self, serving: Serving, job: Job, folder: JobFolder, source: Source, held: ExitStack) -> None:
        self.job = job
        self._serving = serving
        self._records = serving.live.records
        self._folder = folder
        self._source = source
        self._held = held
        self._counts = Counter(job.counts)
        self._since = time.monotonic()
        self._estimate = source.expected()
        self._size = FIRST_ROWS
        side = serving.live.encoder.side
        gallery = open_gallery(folder.images, fetch=serving.settings.fetch_images, settings=serving.settings)
        looks = side and (folder.images or serving.settings.fetch_images)
        left = islice(source, job.done, None)
        self._rows: Iterator[Row] = pictured(left, gallery, side) if looks else left
        self._tell(job.done)

    @classmethod
    def open(cls, serving: Serving, job: Job) -> Self | None:
        """Open a job at the row that comes next, and say that it runs; None when it is not for this process to do.

        That is when another process works on it, when its files are elsewhere, when it has ended meanwhile. Raises
        JobNotFound, and what reading the source raises.
        """
        folder = JobFolder.of(Path(serving.settings.index), job.id)
        with ExitStack() as stack:
            if not stack.enter_context(folder.held()):
                return None
            job = serving.live.records.jobs.begin(job.id)  # whoever had it before may have gone on since it was read
            if not job.open:
                return None
            upload = folder.upload
            if upload is None:
                raise SourceError("its file is no longer here; upload it again")
            source = stack.enter_context(open_upload(serving.live.records, job.kind, upload, job.options, job.name))
            made = cls(serving, job, folder, source, stack)
            made._held = stack.pop_all()
            return made

    def chunk(self, run: Run) -> bool:
        """Answer the rows that come next and say how far the job is; false when it has come to its end.

        Raises StoreFull where the disk has no room for them: open it again, when there is some.
        """
        began = time.monotonic()
        rows = next(batches(self._rows, min(self._size, self._serving.settings.job_rows)), [])
        if not rows:
            with self._folder.writing():
                self._finish()
            return False
        asked = Dial(**self.job.options.get("dial", {}))
        answers = answer(self.job.kind, self._serving, rows, asked, run)
        with self._folder.writing():
            self._folder.write_part(self.job.done, answers.cells, answers.refused)
        self._counts.update(answers.counts)
        self._tell(self.job.done + len(rows))
        self._size = max(1, round(len(rows) * CHUNK_SECONDS / (time.monotonic() - began)))
        self._serving.predictions.keep(answers.kept, self.job.author or self.job.name)
        return self.job.open

    def close(self) -> None:
        """Let go of the source and of the job."""
        self._held.close()

    def _tell(self, done: int) -> None:
        """Say in the record store how far the job is, and take note of what became of it there."""
        now, estimate = time.monotonic(), self._estimate
        self.job = self._records.jobs.advance(
            self.job.id,
            done=done,
            counts=self._counts,
            seconds=self.job.seconds + now - self._since,
            total=None if estimate is None else max(estimate, done),
        )
        self._since = now

    def _finish(self) -> None:
        done, ending = self.job.done, str(self.job.options["format"])
        columns = () if ending == "jsonl" else self._columns(done)  # a line of which names its own
        kind = self.job.kind
        numbers = [name for name in OWN[kind] if name in NUMBERS or name.endswith("_probability")]
        with open_table(self._folder.result(ending), own_columns(kind, columns), numbers, own=OWN[kind]) as write:
            for part in self._folder.parts(done):
                write(part)
        self._folder.join_refused(done)
        self._folder.keep_result(ending)
        self.job = self._records.jobs.finish(self.job.id, DONE, total=done)
        self._folder.drop_parts()

    def _columns(self, done: int) -> list[str]:
        """Return the columns of all answers; raises SourceError when they are more than a table has."""
        columns = dict.fromkeys((*self._source.columns, *self._folder.columns(done)))
        if (count := len(columns.keys() - OWN[self.job.kind])) > COLUMNS:
            raise SourceError(
                f"its rows have {count:,} columns, a table has {COLUMNS:,} at most; ask for the result as jsonl"
            )
        return list(columns)


def open_upload(records: Records, kind: str, upload: Path, options: Mapping[str, Any], name: str) -> Source:
    """Open the file of a job as the command line opens a source; raises what `sources.read` raises.

    name: what the file is called in errors, which say nothing of where it is.
    """
    mapper = None
    if kind in LABELLED:
        placement = placement_in(records)
        if not placement.grows or kind == "audit":
            mapper = CategoryMapper(placement.tree, before=records.taxonomies.aliases())
    profile = Profile.of(options.get("profile", {}))
    try:
        return read(upload, profile, mapper=mapper, labelled=kind in LABELLED, apart=True)
    except SourceError as error:
        raise type(error)(str(error).replace(str(upload), name)) from error
