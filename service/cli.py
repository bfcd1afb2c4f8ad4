"""The `aisle` command: build, classify, similar, calibrate, evaluate, serve, info, taxonomy, tags.

Everything heavy is imported inside the command that needs it, so `aisle --help` answers at once. What a command prints
about its work goes to stderr; stdout is its result. The words are in `service/console/words.py`, the options in
`service/console/options.py`.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from service.console.options import (
    FILE,
    SourceOptions,
    index_option,
    index_settings,
    json_option,
    open_engine,
    optional_source,
    service_settings,
    source_options,
)

if TYPE_CHECKING:
    from service.console.table import Tally
    from service.evaluation.run import Method
    from service.settings import ServiceSettings
    from taxonomy.rows import ReadReport
    from taxonomy.vocabulary import Vocabulary

KINDS = ("auto", "exact", "flat", "ivf", "ivf_sq8", "ivf_pq", "hnsw")
PROVENANCES = ("supplier", "human", "machine")
METHODS: tuple[Method, ...] = ("held-out", "cross-validated", "leave-one-out")
WORSE, INTERRUPTED = 3, 130


def main() -> None:
    """Run the command line. An error that is meant for the user is one line: exit code 1, or 2 for wrong usage."""
    from indexer.errors import AisleError
    from taxonomy.names import TaxonomyError

    try:
        code = aisle.main(prog_name="aisle", standalone_mode=False)
    except (AisleError, TaxonomyError) as error:
        code = _say(str(error), 1)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.Abort:
        code = _say("stopped", INTERRUPTED)
    except OSError as error:
        code = _say(f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror or error), 1)
    except SystemExit as leaving:  # click's way when whoever read our output has left, as `| head` does
        code = 0 if isinstance(leaving.__context__, BrokenPipeError) else leaving.code
    sys.exit(code)


def _say(message: str, code: int) -> int:
    click.echo(f"aisle: {message}", err=True)
    return code


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="aisle", message="aisle %(version)s")
def aisle() -> None:
    """Put products on the right shelf by looking at their neighbours."""


@aisle.command()
@index_option
@click.option("--taxonomy", type=FILE, help="Category tree; rows of other categories are refused.")
@click.option("--locale", default="en", show_default=True, help="Language to take where the tree has several.")
@click.option("--vocabulary", type=FILE, help="Tag words: spellings, aliases, exclusions, scopes and conflicts.")
@click.option("--provenance", type=click.Choice(PROVENANCES), help="Who gave the labels, where rows do not say.")
@click.option("--encoder", metavar="NAME", help="As in static or sentence_transformers:MODEL. Default: MiniLM.")
@click.option("--kind", type=click.Choice(KINDS), help="Kind of vector index. Default: auto, chosen by size.")
@click.option("--recall-target", type=float, help="Share of true neighbours that a kind must find. Default: 0.95")
@source_options
def build(
    source: SourceOptions,
    index: Path,
    *,
    taxonomy: Path | None,
    locale: str,
    vocabulary: Path | None,
    provenance: str | None,
    encoder: str | None,
    kind: str | None,
    recall_target: float | None,
) -> None:
    """Build an index of SOURCE: a CSV, TSV, JSONL or Parquet file, a folder with one, or a database URL."""
    from indexer import encoders
    from service.console.progress import Progress, status
    from service.console.words import build_report
    from service.rebuild import build as build_index
    from taxonomy.mapping import CategoryMapper
    from taxonomy.vocabulary import Vocabulary

    settings = index_settings(encoder=encoder, kind=kind, recall_target=recall_target)
    given = _read_taxonomy(taxonomy, locale) if taxonomy else None
    mapper = CategoryMapper(given.tree, aliases=given.aliases) if given else None
    words = Vocabulary.read(vocabulary) if vocabulary else None
    with source.open(mapper=mapper, provenance=provenance) as rows:
        with status(f"loading the encoder {settings.encoder}") as say:
            loaded = encoders.load(settings.encoder, say)
        with Progress() as progress:
            report = build_index(
                rows,
                index,
                settings=settings,
                taxonomy=given.tree if given else None,
                vocabulary=words,
                encoder=loaded,
                progress=progress,
            )
    if words and vocabulary:
        _say_oversights(words, index, vocabulary)
    click.echo(build_report(report, index), err=True)


@aisle.command()
@click.option("-o", "--out", type=FILE, help="File to write: .csv, .tsv, .jsonl or .parquet.")
@click.option("--show", type=click.IntRange(1, 100), metavar="N", help="Print the first N answers instead.")
@click.option("--precision", type=float, metavar="P", help="Share of `auto` answers that must be right. Default: 0.95")
@click.option("--policy", type=click.Choice(("auto", "leaf", "coverage")), help="How far an answer goes. Default: auto")
@index_option
@source_options
def classify(
    source: SourceOptions,
    *,
    out: Path | None,
    show: int | None,
    precision: float | None,
    policy: str | None,
    index: Path,
) -> None:
    """Find path, tags, neighbours and duplicates of every product of SOURCE, and write them beside its columns."""
    if (out is None) == (show is None):
        raise click.UsageError("name the file to write, as in -o out.csv, or ask for some answers, as in --show 3")
    settings = service_settings(index=index, precision=precision, policy=policy)
    if out is not None:
        _classify_into(out, source, settings)
        return
    from itertools import islice

    from service.console.cards import card
    from service.console.table import answered

    with source.open(labelled=False) as rows, closing(open_engine(settings)) as engine:
        found = answered(list(islice(rows, show)), engine.classify)
    click.echo("\n\n".join(card(number, *pair) for number, pair in enumerate(found, start=1)))


def _classify_into(out: Path, source: SourceOptions, settings: ServiceSettings) -> None:
    from time import monotonic

    from service.console.progress import Progress
    from service.console.table import LEAVES, check_output, classify_table
    from service.console.words import classify_report

    check_output(out)
    with source.open(labelled=False) as rows, closing(open_engine(settings)) as engine, Progress() as progress:
        began = monotonic()
        progress.start("classify", rows.expected(), "products")

        def advance(tally: Tally) -> None:
            progress.at(tally.read)

        tally = classify_table(rows, out, engine.classify, advance, engine.commonest(LEAVES))
    click.echo(classify_report(tally, out, monotonic() - began), err=True)


@aisle.command()
@click.argument("text", nargs=-1)
@click.option("--id", "product_id", metavar="ID", help="Neighbours of this stored product instead.")
@click.option("--limit", type=click.IntRange(1, 500), default=10, show_default=True, help="How many neighbours.")
@json_option
@index_option
def similar(text: tuple[str, ...], product_id: str | None, limit: int, index: Path, *, as_json: bool) -> None:
    """List the stored products most similar to TEXT, or to the stored product --id."""
    from indexer.product import Product
    from service.console.words import neighbour_table
    from service.rest.schemas import UNNAMED

    if bool(text) == (product_id is not None):
        raise click.UsageError("give a TEXT to look for, or the id of a stored product with --id")
    with closing(open_engine(service_settings(index=index))) as engine:
        found = engine.similar(product_id or Product(UNNAMED, title=" ".join(text)), limit)
    if as_json:
        _print_json(found)
    else:
        click.echo(neighbour_table(found))


@aisle.command()
@click.option("--sample", type=click.IntRange(min=1), default=20_000, show_default=True, help="Products asked about.")
@index_option
def calibrate(sample: int, index: Path) -> None:
    """Ask an index about its own products, each without itself, and learn how far its answers can be believed."""
    from service.console.progress import Progress
    from service.console.words import calibration_facts
    from service.rebuild import recalibrate

    settings = service_settings(index=index)
    with Progress() as progress:
        calibration = recalibrate(settings.index, sample=sample, progress=progress)
    click.echo("\n".join(calibration_facts(calibration, settings.precision)), err=True)


@aisle.command()
@click.option(
    "--method", type=click.Choice(METHODS), default=METHODS[0], show_default=True, help="How to ask it about its own."
)
@click.option("--folds", type=click.IntRange(2, 100), default=5, show_default=True, help="Parts to hold out one of.")
@click.option("--sample", type=click.IntRange(min=2), default=10_000, show_default=True, help="Products asked about.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of every random choice.")
@click.option("--against", metavar="INDEX", help="Fail when worse than this index, or than the snapshot `previous`.")
@click.option(
    "--tolerance", type=click.FloatRange(0, 1), default=0.0, help="Share by which it may be worse. Default: 0"
)
@click.option("-o", "--out", type=FILE, help="Folder of the report. Default: evaluation, in that of the index")
@click.option("--mlflow", metavar="URI", help="Log it at this MLflow tracking server too; needs the extra mlflow.")
@click.option("--precision", type=float, metavar="P", help="Share of `auto` answers that must be right. Default: 0.95")
@click.option("--policy", type=click.Choice(("auto", "leaf", "coverage")), help="How far an answer goes. Default: auto")
@json_option
@index_option
@optional_source
@click.pass_context
def evaluate(
    context: click.Context,
    source: SourceOptions | None,
    *,
    method: Method,
    folds: int,
    sample: int,
    seed: int,
    against: str | None,
    tolerance: float,
    out: Path | None,
    mlflow: str | None,
    precision: float | None,
    policy: str | None,
    index: Path,
    as_json: bool,
) -> None:
    """Measure an index on labelled products of SOURCE, or on its own that are held out, and draw a report.

    With --against the exit code is 3 when it is worse beyond noise.
    """
    from service.console.progress import Progress
    from service.console.words import evaluation_facts
    from service.evaluation.report import FIGURES, check, write
    from service.evaluation.run import Plan
    from service.evaluation.run import evaluate as evaluate_index
    from service.evaluation.tracking import Tracker

    for option, text in (("--against", against), ("--mlflow", mlflow)):
        if text == "":
            raise click.UsageError(f"{option} is empty; leave it out, or say what it names")
    for option in ("method", "folds"):
        if source is not None and context.get_parameter_source(option) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{option} asks an index about its own products; leave it out beside a SOURCE")
    settings = service_settings(index=index, precision=precision, policy=policy)
    plan = Plan(method, folds, sample, seed, against or "", tolerance)
    opened = None if source is None else (lambda mapper: source.open(mapper=mapper))
    folder = out or settings.index / "evaluation"
    check(folder)
    tracker = Tracker.open(mlflow) if mlflow else None
    with Progress() as progress:
        figures = evaluate_index(settings, plan, source=opened, progress=progress)
        progress.start("draw", None, "")
        page = write(figures, folder)
    if as_json:
        _print_json(figures)
    else:
        click.echo("\n".join(evaluation_facts(figures, page)))
    if tracker is not None:
        click.echo(f"logged at {mlflow} as run {tracker.log(figures, [page, page.with_name(FIGURES)])}", err=True)
    if against and figures["gate"]["worse"]:
        context.exit(WORSE)


@aisle.command()
@index_option
@click.option("--host", help="Address to serve on. Default: 127.0.0.1")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to serve on; 0 takes a free one. Default: 8000")
def serve(index: Path, host: str | None, port: int | None) -> None:
    """Answer over REST, with a page to try it on."""
    settings = service_settings(index=index, host=host, port=port)
    from service.console.progress import status

    with status(f"opening {index}"):
        from service.rest.server import serve as serve_app
    serve_app(settings, lambda line: click.echo(line, err=True))


@aisle.command()
@json_option
@index_option
def info(index: Path, *, as_json: bool) -> None:
    """Say what an index holds and how it was built; --json prints its manifest."""
    from indexer.snapshot import read_manifest
    from indexer.store.records import Records
    from indexer.update import STORE
    from service.console.words import index_facts

    manifest = read_manifest(index)
    if as_json:
        _print_json(manifest)
        return
    with closing(Records.open(index / STORE, create=False)) as records:
        click.echo(index_facts(manifest, index, records.counts()))


@aisle.group()
def taxonomy() -> None:
    """Read, show and infer category trees."""


@taxonomy.command("import")
@click.argument("file", type=FILE)
@click.option("-o", "--out", type=FILE, required=True, help="File to write: .json or .csv.")
@click.option("--locale", default="en", show_default=True, help="Language to take where the file has several.")
@click.option("--category-separator", metavar="TEXT", help="What separates the levels of a path. Default: detected.")
def taxonomy_import(file: Path, out: Path, locale: str, category_separator: str | None) -> None:
    """Read a tree (path lines, CSV, JSON, Google's or Shopify's files) and write it as aisle's JSON or CSV."""
    from taxonomy.files import write_tree

    tree = _read_taxonomy(file, locale, category_separator).tree
    write_tree(tree, out)
    click.echo(f"{len(tree):,} categories written to {out}", err=True)


@taxonomy.command("show")
@click.argument("file", type=FILE, required=False)
@click.option("--node", metavar="CATEGORY", help="Only this category and what is below it: an id or a path.")
@click.option("--depth", type=click.IntRange(1, 20), default=3, show_default=True, help="Levels to draw.")
@click.option("--locale", default="en", show_default=True, help="Language to take where FILE has several.")
@index_option
def taxonomy_show(file: Path | None, node: str | None, depth: int, locale: str, index: Path) -> None:
    """Draw the tree in FILE, or the one of an index with the number of products on each shelf."""
    from service.console.drawing import draw_tree

    if file is not None:
        click.echo(draw_tree(_read_taxonomy(file, locale).tree, None, node, depth))
        return
    from indexer.build import shelves

    tree, products = shelves(index)
    click.echo(draw_tree(tree, products, node, depth))


@taxonomy.command("infer")
@click.option("-o", "--out", type=FILE, required=True, help="File to write: .json or .csv.")
@source_options
def taxonomy_infer(source: SourceOptions, out: Path) -> None:
    """Make a tree of the categories that the products of SOURCE are labelled with."""
    from indexer.update import path_of
    from taxonomy.files import infer, write_tree

    with source.open() as rows:
        labelled = (row.product.category for row in rows if row.product is not None and row.product.category)
        tree = infer(path_of(category) for category in labelled)
    write_tree(tree, out)
    click.echo(f"{len(tree):,} categories written to {out}", err=True)


@aisle.group()
def tags() -> None:
    """Look after the tags."""


@tags.command("suggest")
@click.option("--limit", type=click.IntRange(1, 10_000), default=30, show_default=True, help="How many phrases.")
@json_option
@index_option
def tags_suggest(limit: int, index: Path, *, as_json: bool) -> None:
    """List phrases of an index's titles and specs that would make new tags, the best first."""
    from service.console.progress import Progress
    from service.console.words import suggestion_table
    from service.suggest import suggest

    with Progress() as progress:
        found = suggest(index, limit, progress)
    if as_json:
        _print_json(found)
    else:
        click.echo(suggestion_table(found))


def _say_oversights(words: Vocabulary, index: Path, file: Path) -> None:
    """Say what of a vocabulary has no effect in the tree that an index has."""
    from indexer.build import shelves
    from service.console.words import vocabulary_notes

    tree, _ = shelves(index)
    for note in vocabulary_notes(words.oversights(tree), file):
        click.echo(note, err=True)


def _read_taxonomy(file: Path, locale: str, separator: str | None = None) -> ReadReport:
    """Read a tree and say what was left out of it."""
    from service.console.words import taxonomy_notes
    from taxonomy.files import read_report

    report = read_report(file, locale, separator=separator)
    for note in taxonomy_notes(report, file):
        click.echo(note, err=True)
    return report


def _print_json(value: object) -> None:
    import orjson

    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2))
