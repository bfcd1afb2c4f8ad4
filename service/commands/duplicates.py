"""aisle duplicates: which products of an index are the same, what given pairs are, and what people decide of them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.commands.decisions import author_option, undo
from service.console.options import FILE, by_itself, index_option, least_option, open_engine, service_settings

if TYPE_CHECKING:
    from service.duplicates.standing.deciding import Verb

VERBS = ("different", "same", "variant", "merge")


@click.group(invoke_without_command=True)
@click.option("-o", "--out", type=FILE, help="Table: .csv, .tsv, .jsonl, .parquet or .xlsx; - is stdout, as CSV.")
@click.option("--pairs", "given", type=FILE, help="Judge the pairs left_id, right_id of this table instead.")
@click.option("--groups", type=FILE, help="Table to write: who is in which group and family, and which one to keep.")
@least_option(0.0, "Leave out pairs that are less likely the same product.")
@click.option("--train", is_flag=True, help="Learn from all that people decided about pairs, and keep it in the index.")
@index_option
@click.pass_context
def duplicates(
    context: click.Context,
    out: Path | None,
    given: Path | None,
    groups: Path | None,
    index: Path,
    *,
    least: float,
    train: bool,
) -> None:
    """Find products that are stored twice and their variants, and write the pairs that are not different."""
    if not by_itself(context):
        return
    from service.console import duplicates as tables

    if train:
        if out or given or groups or least:
            raise click.UsageError("--train learns and writes no table; leave the other options out")
        _train(index)
        return
    if given is not None and (groups is not None or least):
        raise click.UsageError("--groups and --least are for a whole index; with --pairs every row is written")
    if given is not None:
        _judge(given, out or tables.in_place(given), index)
        return
    if out is None and groups is None:
        raise click.UsageError("name the table to write, as in -o pairs.csv")
    for file in filter(None, (out, groups)):
        tables.check(file)
    _scan(out, groups, index, least)


@duplicates.command("decide")
@click.argument("left", metavar="LEFT")
@click.argument("right", metavar="RIGHT")
@click.argument("verdict", type=click.Choice(VERBS))
@click.option("--survivor", default="", metavar="ID", help="Which of both merge keeps; by default what is suggested.")
@click.option("--fill", is_flag=True, help="With merge: the survivor gets from the other what it lacks.")
@author_option
@index_option
def duplicates_decide(  # noqa: PLR0917 - click names them all
    left: str, right: str, verdict: Verb, survivor: str, author: str, index: Path, *, fill: bool
) -> None:
    """Say what two products are to each other: nobody is asked again. merge deletes one of them."""
    if (survivor or fill) and verdict != "merge":
        raise click.UsageError(f"--survivor and --fill are for merge; {verdict} keeps both products")
    from service.console.decisions import pair_line
    from service.duplicates.standing.deciding import Verdict, decide_pair

    with closing(open_engine(service_settings(index=index))) as engine:
        settled = decide_pair(engine, Verdict(verdict, (left, right), survivor, fill), author)
    click.echo(pair_line(settled.decided), err=True)


duplicates.add_command(undo)


def _scan(out: Path | None, groups: Path | None, index: Path, least: float) -> None:
    from service.console import duplicates as tables
    from service.console.progress import Progress
    from service.console.words import counted
    from service.duplicates.groups.scan import scan
    from service.duplicates.standing.said import settled_of
    from service.duplicates.verdicts.judging import Judging

    with closing(open_engine(service_settings(index=index))) as engine, Progress() as progress:
        found = scan(engine.live, Judging.of(engine.live), settled=settled_of(engine.live), progress=progress)
        written, members = tables.Written(), ""
        if out is not None:
            progress.start("write", len(found.pairs), "pairs")
            written = tables.write_pairs(found, engine.live, out, least, progress.at)
        if groups is not None:
            progress.start("keep", None, "groups")
            grouped = tables.write_groups(found, engine.live, groups)
            members = f"{counted(grouped, 'product')}, each with its group, in {groups}"
    click.echo(tables.duplicates_report(found, written, out, members), err=True)


def _judge(given: Path, out: Path, index: Path) -> None:
    from service.console import duplicates as tables
    from service.console.progress import Progress
    from service.duplicates.given import Given, judged
    from service.duplicates.standing.said import settled_of
    from service.duplicates.verdicts.judging import Judging

    tables.check(out)
    pairs = Given(given)
    with closing(open_engine(service_settings(index=index))) as engine, Progress() as progress:
        progress.start("judge", None, "pairs")
        judging, settled = Judging.of(engine.live), settled_of(engine.live)
        lines = judged(pairs, engine.live, judging, settled, progress.at)
        written = tables.write_given(lines, pairs.columns, out)
    click.echo(tables.given_report(written, out), err=True)


def _train(index: Path) -> None:
    from service.console import duplicates as tables
    from service.duplicates.verdicts.decider import shipped
    from service.duplicates.verdicts.judging import Judging
    from service.duplicates.verdicts.training import taught

    with closing(open_engine(service_settings(index=index))) as engine:
        learnt = taught(Judging(engine.live, shipped()))  # whatever it learnt before, which may not be readable
    click.echo(tables.train_report(learnt, index), err=True)
