"""Products from CSV, TSV, JSONL (each also gzipped), Parquet, XLSX and SQL: the first step of build and of classify.

`read` opens a source, looks at up to 1,000 rows to find columns and separators, and streams one `Row` per row: with a
product, or with the problem that keeps it out. Nothing grows with the source but the ids seen (about 30 bytes each).
The next step is `indexer.normalize`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Self

from indexer.errors import MissingColumn, SettingError
from indexer.sources.files import identify, locate
from indexer.sources.formats import COLUMNS, Records
from indexer.sources.formats.apart import KINDS, ApartRows, unpacked
from indexer.sources.formats.streams import ByteStream
from indexer.sources.products import Reader, category_cell
from indexer.sources.profile import Profile
from indexer.sources.quarantine import Quarantine
from indexer.sources.rows import CODES, Counts, Problem, Record, Row
from indexer.sources.vectors import RowVectors
from taxonomy.foreign import ForeignMap
from taxonomy.mapping import CategoryMapper
from taxonomy.separators import Separators, detect_separator

__all__ = ["CODES", "Counts", "Problem", "Profile", "Quarantine", "Row", "RowVectors", "Source", "read", "table"]

SAMPLE_ROWS = 1_000
SAMPLE_CHARS = 1 << 24


class Source:
    """The rows of one source, iterated once.

    name: for people, without a password. format: "delimited", "jsonl", "parquet", "xlsx" or "sql". columns: as in the
    source, made unique; rows of JSONL may have more. profile: with the columns that were found. separators: of category
    paths. folder: where relative image paths start.
    """

    def __init__(
        self,
        records: Records,
        profile: Profile,
        *,
        name: str,
        format: str,  # noqa: A002  (the word for it)
        folder: Path,
        mapper: CategoryMapper | None = None,
        labelled: bool = True,
        vectors: RowVectors | bool = False,
        limit: int | None = None,
        mapping: ForeignMap | None = None,
    ) -> None:
        self.name, self.format, self.folder = name, format, folder
        self._records = records
        remaining = iter(records)
        sample, whole = _sample(remaining)
        names = dict.fromkeys(column for record in sample if not record.problem for column in record.fields)
        self.columns = records.columns or tuple(islice(names, COLUMNS))
        if not self.columns:
            raise MissingColumn(f"{name} has no columns; its first rows are all broken or there are none")
        self.profile = profile.detected(self.columns, needs_id=labelled)
        self.separators = self._separators(sample)
        reader = Reader(self.profile, self.separators, mapper, labelled=labelled, vectors=vectors, mapping=mapping)
        self._limit = limit
        self._rows: Iterator[Row] = islice(map(reader.row, chain(sample, remaining)), limit)
        if isinstance(vectors, RowVectors):
            rows = len(sample) if whole else self.total if self.unit == "rows" else None
            self._rows = self._rows if rows is not None else _counted(self._rows, vectors, limit)
            if rows is not None:
                vectors.check(rows)

    def __iter__(self) -> Self:
        """Return itself: every row that is not blank is given once."""
        return self

    def __next__(self) -> Row:
        """Return the next row. Raises SourceError when the source breaks off; rows before it stand."""
        return next(self._rows)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what is open, however much was read."""
        self.close()

    def close(self) -> None:
        """Close the file or connection; an exhausted source is closed already."""
        self._rows = iter(())
        self._records.close()

    def expected(self) -> int | None:
        """Say about how many rows there are, None when nothing tells; ask before the first row is taken.

        Exact for Parquet and for a small file. Otherwise rows are read ahead until more of the file is needed: what
        they needed of it, at most one chunk beyond the sample, tells how many follow.
        """
        if self.unit == "rows":
            return self._limit if self.total is None else min(self.total, self._limit or self.total)
        ahead: list[Row] = []
        reached = self.position
        for row in self._rows:
            ahead.append(row)
            if self.position != reached:
                self._rows = chain(ahead, self._rows)
                told = len(ahead) * (self.total or 0) // max(reached, 1)
                return min(told, self._limit or told)
        self._rows = iter(ahead)
        return len(ahead)

    @property
    def unit(self) -> str:
        """What `total` and `position` count: "bytes" on disk or "rows"."""
        return self._records.unit

    @property
    def total(self) -> int | None:
        """Size of the source in `unit`, None when it is not known."""
        return self._records.total

    @property
    def position(self) -> int:
        """How much of it was read; ahead of the rows given by at most the sample."""
        return self._records.position

    @property
    def encoding(self) -> str:
        """Encoding of a text file so far ("ascii" until something else is met), "" for other sources."""
        return str(getattr(self._records, "encoding", ""))

    @property
    def delimiter(self) -> str:
        """Delimiter of a delimited file, "" for other sources."""
        return str(getattr(self._records, "delimiter", ""))

    def _separators(self, sample: Sequence[Record]) -> Separators:
        if self.profile.category_separator:
            return Separators(fixed=self.profile.category_separator)
        cells = (category_cell(self.profile, record.fields) for record in sample if not record.problem)
        return detect_separator(cell for cell in cells if cell.strip())


def read(
    source: str | Path,
    profile: Profile | None = None,
    *,
    query: str | None = None,
    mapper: CategoryMapper | None = None,
    labelled: bool = True,
    vectors: RowVectors | bool = False,
    limit: int | None = None,
    mapping: ForeignMap | None = None,
    apart: bool = False,
    **overrides: str | Sequence[str],
) -> Source:
    """Open a source: a file, a folder with one (`products.csv` and the like), or a database URL with a `query`.

    profile, overrides: how to read it, overrides first: a field's column(s) (title="Name"), encoding, delimiter or
    category_separator; what neither says is detected. mapper: categories become paths of its tree, or the row is
    `invalid_category`. labelled=False: for classify; category and tags are left out, ids may repeat, and a row without
    one gets `row-N`. vectors: True reads image vectors from their column; a file of them takes its place, and its rows
    are counted: SourceError when the source has more or fewer, at once where that is known, else at its end.
    limit: give the first rows only. mapping: what foreign categories mean, looked up before all else. apart: whatever
    has to be unpacked is read by a process of its own, within bounds, as a service does for strangers. Raises
    SourceError, UnknownFormat, MissingColumn or SettingError.
    """
    chosen = (profile or Profile()).overridden(overrides)
    records, name, kind, folder = _opened(source, query, chosen, apart=apart)
    try:
        return Source(
            records,
            chosen,
            name=name,
            format=kind,
            folder=folder,
            mapper=mapper,
            labelled=labelled,
            vectors=vectors,
            limit=limit,
            mapping=mapping,
        )
    except BaseException:
        records.close()
        raise


def table(source: Path) -> Records:
    """Open a file that is a table of something else than products: its rows as they are. Close it when done.

    Raises SourceError and UnknownFormat.
    """
    return _opened(source, None, Profile())[0]


def _opened(
    source: str | Path, query: str | None, profile: Profile, *, apart: bool = False
) -> tuple[Records, str, str, Path]:
    """Return the raw rows, the name, the format and the folder of a source."""
    if isinstance(source, str) and "://" in source:
        if not query:
            raise SettingError("a database URL needs a query, as in --query 'SELECT * FROM products'")
        from indexer.sources.formats.sql import SqlRows

        rows = SqlRows(source, query)
        return rows, rows.name, "sql", Path()
    if query:
        raise SettingError(f"a query needs a database URL like sqlite:///products.db, not {source}")
    path = locate(Path(source))
    stream = ByteStream(path)
    kind = identify(stream)
    try:
        return _records(kind, stream, profile, apart=apart), str(path), kind, path.parent
    except BaseException:
        stream.close()
        raise


def _records(kind: str, stream: ByteStream, profile: Profile, *, apart: bool) -> Records:
    if kind in KINDS:
        return ApartRows(kind, stream.path) if apart else unpacked(kind, stream.path)
    if kind == "jsonl":
        from indexer.sources.formats.jsonl import JsonLines

        return JsonLines(stream, profile.encoding)
    from indexer.sources.formats.delimited import Delimited

    likely = "\t" if ".tsv" in stream.path.name.lower() else ","
    return Delimited(stream, profile.encoding, profile.delimiter, likely=likely)


def _counted(rows: Iterator[Row], vectors: RowVectors, limit: int | None) -> Iterator[Row]:
    """Yield `rows`; raise SourceError at their end unless there are as many vectors, or more where a limit ended it."""
    count = 0
    for row in rows:
        yield row
        count += 1
    if count != limit:
        vectors.check(count)


def _sample(records: Iterator[Record]) -> tuple[list[Record], bool]:
    """Take the first rows: at most 1,000, and at most 16 million characters; say whether those are all."""
    sample: list[Record] = []
    size = 0
    for record in records:
        sample.append(record)
        size += sum(len(name) + len(text) for name, text in record.fields.items())
        if len(sample) == SAMPLE_ROWS or size > SAMPLE_CHARS:
            return sample, False
    return sample, True
