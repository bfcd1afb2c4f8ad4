"""aisle jobs: whole files answered row by row, by a service that runs on the index, or else by the command itself.

A job is made in the record store and in the folder of the index, as `POST /v1/jobs` makes it, so a service takes it up,
shows it on its page, and goes on with it when this command is stopped.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from service.commands.following import to_its_end
from service.console.options import (
    FILE,
    SourceOptions,
    file_options,
    index_option,
    json_option,
    open_records,
    print_json,
    service_settings,
)

if TYPE_CHECKING:
    from indexer.store.jobs import Job
    from service.calibration.dial import Policy
    from service.jobs.folder import JobFolder
    from service.jobs.kinds import Kind
    from service.jobs.making import Format
    from service.jobs.results import Left

KINDS = ("categorize", "index", "audit", "duplicates")
FORMATS = ("csv", "tsv", "jsonl", "parquet", "xlsx")
FAILED = 1
"""The exit code for a job that did not come to its end."""

job_argument = click.argument("job_id", metavar="ID")
out_option = click.option("-o", "--out", type=FILE, help="File to write. Default: stdout")


@click.group()
def jobs() -> None:
    """Answer whole files row by row, follow them, and fetch what came of them."""


@jobs.command("list")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, metavar="N", help="N latest.")
@json_option
@index_option
def list_(limit: int, index: Path, *, as_json: bool) -> None:
    """List the jobs of an index, the latest first."""
    from service.console.jobs import job_facts, job_table

    with open_records(index) as records:
        found = records.jobs.page(limit=limit)
    if as_json:
        print_json([job_facts(each) for each in found])
    else:
        click.echo(job_table(found))


@jobs.command()
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    default="categorize",
    show_default=True,
    help="What is done with each row.",
)
@click.option("-o", "--out", type=FILE, help="File to write the result into: .csv, .tsv, .jsonl, .parquet or .xlsx.")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Of the result. Default: that of SOURCE.")
@click.option("--images", type=FILE, help="Zip of the images that rows name.")
@click.option("--precision", type=float, metavar="P", help="Share of `auto` answers that must be right. Default: 0.95")
@click.option("--policy", type=click.Choice(("auto", "leaf", "coverage")), help="How far an answer goes. Default: auto")
@click.option("--author", default="", metavar="NAME", help="Who wants it; kept with the job.")
@click.option("--detach", is_flag=True, help="Leave it to a service, print its id and return at once.")
@json_option
@index_option
@file_options
def run(
    source: SourceOptions,
    *,
    kind: Kind,
    out: Path | None,
    format_: Format | None,
    images: Path | None,
    precision: float | None,
    policy: Policy | None,
    author: str,
    detach: bool,
    as_json: bool,
    index: Path,
) -> None:
    """Answer every row of the file SOURCE, and follow it to its end."""
    if out is not None and detach:
        raise click.UsageError("with --detach nothing is fetched; leave -o out, and ask with aisle jobs result")
    service_settings(index=index, precision=precision, policy=policy)  # which says what is out of range
    if out is not None:
        from service.console.table import check_output

        check_output(out)
        format_ = _format_of(out, format_)
    from indexer.sources.files import locate
    from service.jobs.making import Wanted, make

    file = locate(Path(source.source))
    wanted = Wanted(kind, file.name, author, format_, source.written().to_json(), precision, policy)
    with open_records(index) as records:
        made = make(records, index, wanted, lambda folder: _fill(folder, file, images))
        if detach:
            click.echo(made.id)
            return
        click.echo(f"job {made.id}; Ctrl-C stops looking at it, aisle jobs cancel ends it", err=True)
        ended = to_its_end(records, index, made.id)
        _say(ended, as_json=as_json)
        if out is not None and ended.state == "done":
            from service.jobs.results import result_of

            _write(result_of(records, index, ended.id), out)
    _exit(ended)


@jobs.command()
@job_argument
@json_option
@index_option
def show(job_id: str, index: Path, *, as_json: bool) -> None:
    """Show one job: how far it is, and what became of its rows."""
    with open_records(index) as records:
        _say(records.jobs.get(job_id), as_json=as_json)


@jobs.command()
@job_argument
@json_option
@index_option
def follow(job_id: str, index: Path, *, as_json: bool) -> None:
    """Follow a job to its end; one that nobody works on is answered here, from where it was left."""
    with open_records(index) as records:
        ended = to_its_end(records, index, job_id)
    _say(ended, as_json=as_json)
    _exit(ended)


@jobs.command()
@job_argument
@index_option
def cancel(job_id: str, index: Path) -> None:
    """Let a job end before its last row; what kind index has stored by then stays stored."""
    from service.jobs import ending

    with open_records(index) as records:
        job = ending.cancel(records, index, job_id)
    click.echo(f"job {job.id} is cancelled after {job.done:,} rows", err=True)


@jobs.command()
@job_argument
@out_option
@index_option
def result(job_id: str, out: Path | None, index: Path) -> None:
    """Fetch the result of a job that is done: the columns of its file, and ours beside them."""
    from service.jobs.results import result_of

    with open_records(index) as records:
        _write(result_of(records, index, job_id), out)


@jobs.command()
@job_argument
@out_option
@index_option
def quarantine(job_id: str, out: Path | None, index: Path) -> None:
    """Fetch the rows that a job refused: a line of JSON each, with the reason."""
    from service.jobs.results import quarantine_of

    with open_records(index) as records:
        _write(quarantine_of(records, index, job_id), out)


@jobs.command()
@click.argument("job_ids", nargs=-1, required=True, metavar="ID...")
@index_option
def delete(job_ids: tuple[str, ...], index: Path) -> None:
    """Forget jobs that have ended, with their results and quarantines."""
    from service.jobs import ending

    with open_records(index) as records:
        for each in job_ids:
            job = ending.remove(records, index, each)
            click.echo(f"job {job.id} is deleted, with all its files", err=True)


def _fill(folder: JobFolder, file: Path, images: Path | None) -> None:
    """Copy what a job is about into its folder; the files may change afterwards."""
    from indexer.snapshots.publication import flush

    given = [(file, folder.place_for(file.name))] + ([(images, folder.place_for_images)] if images else [])
    for source, place in given:
        shutil.copyfile(source, place)
        flush(place)


def _say(job: Job, *, as_json: bool) -> None:
    from service.console.jobs import job_facts, job_lines

    if as_json:
        print_json(job_facts(job))
    else:
        click.echo(job_lines(job))


def _exit(job: Job) -> None:
    if job.state != "done":
        click.get_current_context().exit(FAILED)


def _format_of(out: Path, given: Format | None) -> Format:
    """Return the format that the name of an output says; raises SettingError for another one than is given."""
    from indexer.errors import SettingError

    said = cast("Format", out.suffix.lower()[1:])  # it is one of them, or would have been refused
    if given not in {None, said}:
        raise SettingError(f"{out.name} would be {said} and --format says {given}; name one that ends in .{given}")
    return said


def _write(left: Left, out: Path | None) -> None:
    """Copy a file that a job left to where it is wanted; raises SettingError for a name of another format."""
    from indexer.errors import SettingError
    from service.console.table import written_aside

    if out is None:
        with left.path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        return
    if out.suffix.lower() != left.path.suffix:
        raise SettingError(f"it is {left.path.suffix[1:]}, and {out.name} is not called so; name one that ends so")
    with written_aside(out) as aside:
        shutil.copyfile(left.path, aside)
    click.echo(f"{out} is written", err=True)
