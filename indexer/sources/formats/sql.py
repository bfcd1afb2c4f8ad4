"""Rows of a query on any database that SQLAlchemy reaches, fetched a batch at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

from indexer.errors import MissingExtra, SourceError
from indexer.sources.formats import cell_text, unique
from indexer.sources.rows import Problem, Record

BATCH_ROWS = 1_000


class SqlRows:
    """The rows of one query, numbered from 1, in a transaction that is rolled back. No message shows the password."""

    unit = "rows"
    total: int | None = None

    def __init__(self, url: str, query: str) -> None:
        self._engine, self.name = _engine(url)
        self.position = 0
        self._rows = self._read(query)
        self.columns: tuple[str, ...] = ()
        self._first = next(self._rows, None)  # runs the query, which alone tells the columns

    def __iter__(self) -> Iterator[Record]:
        """Yield each row. Raises SourceError when the database fails on the way."""
        if self._first is not None:
            self.position = 1
            yield self._first
        for record in self._rows:
            self.position = record.number
            yield record

    def close(self) -> None:
        """Give the connection back."""
        self._rows.close()

    def _read(self, query: str) -> Generator[Record, None, None]:
        try:
            with self._engine.connect().execution_options(yield_per=BATCH_ROWS, stream_results=True) as connection:
                # As it stands: a colon or a percent sign in the query is no parameter.
                result = connection.exec_driver_sql(query, execution_options={"no_parameters": True})
                self.columns = unique(list(result.keys()), self.name)
                for number, values in enumerate(result, 1):
                    yield self._record(number, tuple(values))
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise SourceError(f"the query on {self.name} failed: {str(cause).splitlines()[0]}") from None
        finally:
            self._engine.dispose()

    def _record(self, number: int, values: tuple[object, ...]) -> Record:
        fields: dict[str, str] = {}
        problem = None
        for name, value in zip(self.columns, values, strict=True):
            try:
                fields[name] = cell_text(value)
            except UnicodeDecodeError as error:
                problem = Problem("undecodable", f"column {name!r} holds bytes that are no UTF-8: {error.reason}")
        return Record(number, fields, problem)


def _engine(url: str) -> tuple[Engine, str]:
    """Return the engine and the URL without its password. Raises SourceError or MissingExtra."""
    try:
        parsed = make_url(url)
        shown = parsed.render_as_string(hide_password=True)
        if parsed.get_backend_name() == "sqlite" and not _sqlite_exists(parsed.database or ""):
            raise SourceError(f"there is no SQLite file {parsed.database}")
        return create_engine(parsed), shown
    except NoSuchModuleError as error:
        raise SourceError(f"no SQLAlchemy dialect for this URL: {error}") from None
    except ModuleNotFoundError as error:
        if parsed.get_backend_name() == "postgresql":
            raise MissingExtra(str(error.name), "postgresql") from None
        raise SourceError(f"the driver of {shown} is not installed: pip install {error.name}") from None
    except (SQLAlchemyError, ValueError):
        raise SourceError(
            "this is no database URL; write it like postgresql+psycopg://user:password@host/name"
        ) from None


def _sqlite_exists(database: str) -> bool:
    """Whether there is something to connect to; connecting to a missing file would make an empty one."""
    return database in ("", ":memory:") or database.startswith("file:") or Path(database).is_file()
