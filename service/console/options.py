"""The options that commands share, and what they open: a source of products, an index, settings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from indexer.images.gallery import Gallery
    from indexer.settings import IndexSettings
    from indexer.sources import Profile, Source
    from indexer.sources.vectors import RowVectors
    from indexer.store.records import Records
    from service.engine import Engine
    from service.settings import ServiceSettings
    from taxonomy.foreign import ForeignMap
    from taxonomy.mapping import CategoryMapper

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Settings = TypeVar("_Settings")

FILE = click.Path(path_type=Path)
PROVENANCES = ("supplier", "human", "machine")

index_option = click.option(
    "--index",
    type=FILE,
    envvar="AISLE_INDEX",
    default=Path("index/sample"),
    show_default=True,
    help="Folder of the index.",
)
images_option = click.option("--images", type=FILE, help="Folder or zip of the images that the source names.")
image_vectors_option = click.option(
    "--image-vectors", type=FILE, metavar="FILE.npy", help="Vectors of the images, a row for each row of SOURCE."
)
provenance_option = click.option(
    "--provenance", type=click.Choice(PROVENANCES), help="Who gave the labels, where rows do not say."
)
mapping_option = click.option(
    "--mapping", type=FILE, help="What foreign categories mean: a reviewed file of aisle taxonomy map."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def by_itself(context: click.Context) -> bool:
    """Return whether a command that has others below it is called itself.

    Raises UsageError where it has options of its own before one of those, which would not see them.
    """
    below = context.invoked_subcommand
    if below is None:
        return True
    given = (name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE)
    if name := next(given, None):
        option = max(next(each.opts for each in context.command.params if each.name == name), key=len)
        raise click.UsageError(f"{option} stands before {below}, which does not see it; name it after {below}")
    return False


def least_option(default: float, help_: str) -> Callable[[_Command], _Command]:
    """Return what adds `--least P`, a probability from which something counts."""
    return click.option(
        "--least", type=click.FloatRange(0, 1), default=default, show_default=True, metavar="P", help=help_
    )


def print_json(value: object) -> None:
    """Print what a command found as JSON."""
    import orjson

    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2))


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """Which products to read and how they are written, as given on the command line."""

    source: str
    limit: int | None
    profile: Path | None
    mapped: tuple[str, ...]
    category_separator: str | None
    encoding: str | None
    delimiter: str | None
    query: str | None

    def open(
        self,
        *,
        labelled: bool = True,
        mapper: CategoryMapper | None = None,
        provenance: str | None = None,
        vectors: RowVectors | bool = False,
        mapping: ForeignMap | None = None,
    ) -> Source:
        """Open the source as `indexer.sources.read` does; raises what that raises, and UsageError for a bad --map.

        provenance: of the labels of rows that do not say; None leaves it to the profile. vectors, mapping: as `read`
        takes them.
        """
        from indexer.sources import read

        profile = self.written()
        if provenance:
            profile = replace(profile, constant={**profile.constant, "provenance": provenance})
        return read(
            self.source,
            profile,
            query=self.query,
            mapper=mapper,
            labelled=labelled,
            vectors=vectors,
            limit=self.limit,
            mapping=mapping,
            apart=False,  # whoever names a file here is the one who waits for it
        )

    def written(self) -> Profile:
        """Return how the source is written: the profile that was named, and over it what was given beside it."""
        from indexer.sources import Profile

        written = {
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "category_separator": self.category_separator,
        }
        overrides: dict[str, str | Sequence[str]] = {name: text for name, text in written.items() if text}
        profile = Profile.read(self.profile) if self.profile else Profile()
        return profile.overridden(overrides | _columns(self.mapped))


def source_options(command: _Command) -> Callable[..., Any]:
    """Add the argument SOURCE and the options that say how it is written; the command gets them as SourceOptions."""
    return _with_source(command, required=True)


def optional_source(command: _Command) -> Callable[..., Any]:
    """Add the same, but SOURCE may be left out, and with it how it is written; then the command gets None."""
    return _with_source(command, required=False)


def file_options(command: _Command) -> Callable[..., Any]:
    """Add the same for a file that is read whole: no database, and no first rows alone."""
    return _with_source(command, required=True, left_out=("limit", "query"))


def _with_source(command: _Command, *, required: bool, left_out: Collection[str] = ()) -> Callable[..., Any]:
    @wraps(command)
    def with_source(**given: Any) -> Any:  # noqa: ANN401  (whatever the command takes besides)
        written = {field.name: given.pop(field.name, None) for field in fields(SourceOptions)}
        if written["source"] is not None:
            return command(SourceOptions(**written), **given)
        if idle := [f"--{name.replace('_', '-')}" for name, value in written.items() if value]:
            said = ", ".join(idle).replace("--mapped", "--map")
            raise click.UsageError(f"{said}: there is no SOURCE to read so; name one")
        return command(None, **given)

    options = {
        "source": click.argument("source", required=required),
        "limit": click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Read the first N rows only."),
        "profile": click.option("--profile", type=FILE, help="TOML or JSON file that says which column is which."),
        "mapped": click.option(
            "--map", "mapped", multiple=True, metavar="FIELD=COLUMN", help="One column, as in --map id=sku."
        ),
        "category_separator": click.option(
            "--category-separator", metavar="TEXT", help="What separates the levels of a category path."
        ),
        "encoding": click.option("--encoding", metavar="NAME", help="Encoding of the file. Default: detected."),
        "delimiter": click.option("--delimiter", metavar="CHAR", help="Delimiter of the file. Default: detected."),
        "query": click.option("--query", metavar="SQL", help="What to read, when SOURCE is a database URL."),
    }
    taken = [option for name, option in options.items() if name not in left_out]
    for option in reversed(taken):
        with_source = option(with_source)
    return with_source


def open_images(where: Path | None) -> Gallery | None:
    """Return where images are read from: a folder or zip, and the web when the setting says so; None for neither."""
    from indexer.settings import ImageSettings

    settings = _settings(ImageSettings, {})
    if where is None and not settings.fetch_images:
        return None
    from indexer.images.gallery import open_gallery

    return open_gallery(where, fetch=settings.fetch_images, settings=settings)


def open_vectors(file: Path | None, encoder: str) -> RowVectors | bool:
    """Return the image vectors in a file, or whether an index by that encoder takes them from a column of the source.

    Raises SettingError when it takes none, or others than those in the file.
    """
    from indexer.encoders.precomputed import declared
    from indexer.errors import SettingError
    from indexer.sources.vectors import PART, RowVectors

    dim = declared(encoder).get(PART)
    if file is None:
        return dim is not None
    vectors = RowVectors(file)
    if dim != vectors.dim:
        takes = "no vectors of pictures" if dim is None else f"vectors of {dim:,} numbers"
        raise SettingError(
            f"{file} has vectors of {vectors.dim:,} numbers, an index by {encoder} takes {takes}; "
            "give vectors by the model that made its own, or build it with --image-vectors"
        )
    return vectors


@contextmanager
def open_records(index: Path) -> Iterator[Records]:
    """Open the record store of an index that was built; raises SnapshotMissing where none was."""
    from indexer.snapshots import publication
    from indexer.store.place import open_store

    if publication.untouched(index):
        raise publication.nothing_built(index)
    with closing(open_store(index)) as records:
        yield records


def open_engine(settings: ServiceSettings) -> Engine:
    """Open the index that questions are asked of, saying so meanwhile."""
    from service.console.progress import status

    with status(f"opening {settings.index}"):
        from service.engine import Engine

        return Engine.open(settings)


def index_settings(**given: Any) -> IndexSettings:  # noqa: ANN401  (settings check what they are given)
    """Return the settings of a build: what is not None, then the environment, then the defaults."""
    from indexer.settings import IndexSettings

    return _settings(IndexSettings, given)


def service_settings(**given: Any) -> ServiceSettings:  # noqa: ANN401  (settings check what they are given)
    """Return the settings of answers and of the service: what is not None, then the environment, then the defaults."""
    from service.settings import ServiceSettings

    return _settings(ServiceSettings, given)


def _settings(kind: Callable[..., _Settings], given: dict[str, Any]) -> _Settings:
    from pydantic import ValidationError

    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        faults = (
            f"{fault['loc'][0]} (AISLE_{str(fault['loc'][0]).upper()}) is {fault['input']!r}: {fault['msg']}"
            for fault in error.errors()
        )
        raise click.UsageError("; ".join(faults)) from error


def _columns(mapped: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return field -> columns of what --map was given."""
    from indexer.sources.profile import FIELDS

    columns: dict[str, tuple[str, ...]] = {}
    for pair in mapped:
        name, equals, column = pair.partition("=")
        if not (equals and column and name in FIELDS):
            wanted = f"FIELD=COLUMN with one of the fields {', '.join(FIELDS)}"
            raise click.BadParameter(f"{pair!r} is not {wanted}", param_hint="--map")
        columns[name] = (*columns.get(name, ()), column)
    return columns
