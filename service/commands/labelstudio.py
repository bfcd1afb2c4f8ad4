"""aisle labelstudio: products are labelled in Label Studio, and what people said there becomes labels here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from click.core import ParameterSource

from service.commands.predictions import wanted_options
from service.console.options import (
    FILE,
    index_option,
    json_option,
    least_option,
    open_engine,
    print_json,
    service_settings,
)

if TYPE_CHECKING:
    from indexer.sources.formats.streams import ByteStream
    from indexer.sources.rows import Problem
    from indexer.store.predictions import Wanted
    from indexer.store.records import Records
    from service.console.progress import Progress
    from service.engine import Engine
    from service.labelstudio.importing import TaskTally
    from service.labelstudio.interface import Interface
    from service.labelstudio.reading import Task
    from service.labelstudio.sources import Found

What = Literal["review", "predictions", "audit", "products"]

REFUSALS = "labelstudio.refused.csv"
REFUSED_COLUMNS = ("task", "prediction", "product_id", "code", "reason")
TAGS_MOST = 200
"""So many tags are offered unless more are asked for."""
CHOSEN_MOST = 50_000
"""Of the review queue so many are exported at most: what is chosen among is held in memory."""
FITTING = {
    "review": {"decision", "category", "supplier", "since", "until"},
    "predictions": {"decided", "decision", "category", "supplier", "since", "until"},
    "audit": {"category", "least"},
    "products": {"category", "unlabelled"},
}
"""Which options say what is exported."""


@click.group()
def labelstudio() -> None:
    """Label products in Label Studio: its labelling interface, tasks for it, and what was labelled there."""


@labelstudio.command("config")
@click.option("-o", "--out", type=FILE, help="XML file to write. Default: print it.")
@click.option("--category", default="", metavar="PATH", help="Offer this category and those below it alone.")
@click.option(
    "--tags",
    type=click.IntRange(0, 10_000),
    default=TAGS_MOST,
    show_default=True,
    metavar="N",
    help="Offer the N commonest tags.",
)
@click.option("--images", is_flag=True, help="Show the picture of each product, too.")
@index_option
def labelstudio_config(*, out: Path | None, category: str, tags: int, images: bool, index: Path) -> None:
    """Write the labelling interface: a product, the taxonomy of the index, and its tags."""
    from indexer.store.place import open_store
    from service.console.table import check_place, written_aside
    from service.console.words import counted
    from service.labelstudio.interface import LARGE

    if out is not None:
        check_place(out)
    with closing(open_store(index)) as records:
        interface = _interface(index, records, tags, category)
    lines = interface.xml(images=images)
    if out is None:
        for line in lines:
            click.echo(line, nl=False)
    else:
        with written_aside(out) as aside, aside.open("wb") as file:
            file.writelines(line.encode() for line in lines)
    many = len(interface.paths)
    click.echo(f"{many:,} categories and {counted(len(interface.tags), 'tag')} can be chosen", err=True)
    if many > LARGE:
        click.echo("so many load slowly in a browser: a project for each branch (--category) is quicker", err=True)
    if misread := interface.misread:
        told = ", ".join(map(repr, misread[:3]))
        click.echo(f"Label Studio takes what follows $ for a field of the task; rename {told}", err=True)


@labelstudio.command("export")
@click.argument("what", type=click.Choice(tuple(FITTING)), default="review", metavar="[WHAT]")
@click.option("-o", "--out", type=FILE, required=True, help="JSON file of tasks to write.")
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=1_000, show_default=True, metavar="N", help="N tasks at most."
)
@click.option(
    "--interface",
    "offered",
    type=FILE,
    help="Pre-annotate what this file offers, which `config` wrote. Default: what `config` writes now.",
)
@wanted_options
@least_option(0.05, "audit: probability from which a label is doubted.")
@click.option("--unlabelled", is_flag=True, help="products: those without a category alone.")
@index_option
@click.pass_context
def labelstudio_export(
    context: click.Context,
    *,
    what: What,
    out: Path,
    limit: int,
    offered: Path | None,
    wanted: Wanted,
    least: float,
    unlabelled: bool,
    index: Path,
) -> None:
    """Write tasks: answers to review (the default), predictions, doubted labels (audit) or stored products."""
    _check_fitting(context, what)
    if what == "review" and limit > CHOSEN_MOST:
        raise click.BadParameter(f"{limit:,} is over {CHOSEN_MOST:,}, the most of a review queue", param_hint="--limit")
    from indexer.store.place import open_store
    from service.console.progress import Progress
    from service.console.table import check_place
    from service.console.words import counted
    from service.labelstudio import sources

    check_place(out)
    if what == "products":
        with closing(open_engine(service_settings(index=index))) as engine, Progress() as progress:
            records = engine.live.records
            found = sources.products(records, wanted.branch, engine.classify, unlabelled=unlabelled)
            done, bare, left_out = _export(found, out, limit, _offered(offered, index, records), progress)
    else:
        with closing(open_store(index)) as records, Progress() as progress:
            if what == "audit":
                found = sources.doubted_labels(records, least, wanted.branch)
            elif what == "review":
                found = sources.doubted_answers(records, wanted, limit)
            else:
                found = sources.answers(records, wanted)
            done, bare, left_out = _export(found, out, limit, _offered(offered, index, records), progress)
    click.echo(f"{counted(done, 'task')} written to {out}", err=True)
    if bare:
        click.echo(f"{counted(bare, 'task')} without a pre-annotation: nothing is thought that is offered", err=True)
    if left_out:
        click.echo(f"{counted(left_out, 'answer')} left out: the product has no id, or was not kept", err=True)


@labelstudio.command("import")
@click.argument("file", type=FILE)
@click.option(
    "--several",
    type=click.Choice(("agree", "latest")),
    default="agree",
    show_default=True,
    help="Of several annotators of a task: all say the same, or the latest is right.",
)
@click.option("--author", default="Label Studio", metavar="NAME", help="Who decides, where no annotator is told.")
@click.option("--refusals", type=FILE, help=f"Table of what was refused. Default: {REFUSALS} in the index.")
@json_option
@index_option
def labelstudio_import(
    *, file: Path, several: Literal["agree", "latest"], author: str, refusals: Path | None, index: Path, as_json: bool
) -> None:
    """Make labels of what was annotated: FILE is an export of Label Studio: JSON, JSON-MIN, CSV or TSV."""
    from indexer.sources.formats.streams import ByteStream
    from service.console.progress import Progress
    from service.console.table import check_output
    from service.console.tallies import Wording, tally_facts, tally_report
    from service.console.words import counted

    refused = refusals or index / REFUSALS
    check_output(refused)
    with Progress() as progress:
        for _ in _tasks(ByteStream(file), progress, "check"):  # a file that breaks off changes nothing
            pass
    with closing(open_engine(service_settings(index=index))) as engine, Progress() as progress:
        tally = _import(_tasks(ByteStream(file), progress, "import"), refused, engine, several, author)
    bare = f" without a choice ({counted(tally.cancelled, 'cancelled annotation')})"
    wording = Wording("task", "labelled", "", bare, "aisle audit undo")
    if as_json:
        print_json(tally_facts(tally, wording) | {"cancelled": tally.cancelled})
        return
    click.echo(tally_report(tally, wording, refused), err=True)


def _import(
    tasks: Iterator[Task], refused: Path, engine: Engine, several: Literal["agree", "latest"], author: str
) -> TaskTally:
    from service.console.table import open_table
    from service.labelstudio.importing import Importer

    with open_table(refused, REFUSED_COLUMNS) as write:

        def refuse(task: Task, why: Problem) -> None:
            cells = (task.number, task.prediction, task.product, why.code, why.reason)
            write([dict(zip(REFUSED_COLUMNS, cells, strict=True))])

        return Importer(engine, several, author).take(tasks, refuse)


def _tasks(stream: ByteStream, progress: Progress, name: str) -> Iterator[Task]:
    from service.labelstudio.reading import Export

    progress.start(name, stream.total, "bytes")
    for task in Export(stream):
        yield task
        progress.at(stream.position)


def _interface(index: Path, records: Records, tags: int, category: str = "") -> Interface:
    from indexer.snapshots.publication import folder_of
    from indexer.snapshots.snapshot import VOCABULARY, read_manifest
    from service.labelstudio.interface import Interface
    from taxonomy.vocabulary import Vocabulary

    words = Vocabulary.from_json((folder_of(index, read_manifest(index).id) / VOCABULARY).read_bytes())
    return Interface.of(records.taxonomies.standing().tree, words, records.tags(), tags, category)


def _offered(file: Path | None, index: Path, records: Records) -> Interface:
    from service.labelstudio.interface import Interface

    if file is None:
        return _interface(index, records, TAGS_MOST)
    return Interface.read(file, records.taxonomies.standing().tree)


def _export(found: Found, out: Path, limit: int, interface: Interface, progress: Progress) -> tuple[int, int, int]:
    """Write tasks as one array, and return how many, how many without a pre-annotation, and of answers left out."""
    import orjson

    from service.console.table import written_aside
    from service.labelstudio.tasks import task_of

    done = bare = left_out = 0
    progress.start("export", None, "tasks")
    with written_aside(out) as aside, aside.open("wb") as file:
        file.write(b"[")
        for shown in found:
            if shown is None:
                left_out += 1
                continue
            task = task_of(shown, interface)
            file.write((b",\n" if done else b"\n") + orjson.dumps(task))
            done += 1
            bare += not task["predictions"]
            progress.at(done)
            if done == limit:
                break
        file.write(b"\n]\n")
    return done, bare, left_out


def _check_fitting(context: click.Context, what: What) -> None:
    """Raise UsageError for an option that says nothing of what is exported."""
    for name in sorted(set().union(*FITTING.values()) - FITTING[what]):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            fits = ", ".join(each for each, names in FITTING.items() if name in names)
            raise click.UsageError(f"--{name} says nothing of {what}; it goes with {fits}")
