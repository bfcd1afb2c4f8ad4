"""aisle audit: which stored labels and tags are probably wrong, the worst first, and what people decide about them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.commands.decisions import author_option, undo
from service.console.options import (
    FILE,
    by_itself,
    index_option,
    json_option,
    least_option,
    open_engine,
    print_json,
    service_settings,
)

if TYPE_CHECKING:
    from service.audit.deciding import Verb


@click.group(invoke_without_command=True)
@click.option(
    "-o", "--out", type=FILE, help="Table to write: .csv, .tsv, .jsonl, .parquet or .xlsx. Default: print the worst."
)
@least_option(0.05, "Probability from which a label is written.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Write the N worst only.")
@click.option("--tags", "tags", type=FILE, help="Table of missing and wrong tags to write.")
@click.option("--patterns", "patterns", type=FILE, help="Table of systematic errors and ambiguous pairs to write.")
@json_option
@index_option
@click.pass_context
def audit(
    context: click.Context,
    index: Path,
    *,
    out: Path | None,
    least: float,
    limit: int | None,
    tags: Path | None,
    patterns: Path | None,
    as_json: bool,
) -> None:
    """Ask about every stored label as if it were new, and say which are probably wrong."""
    if not by_itself(context):
        return
    from indexer.store.suspects import Wanted
    from service.audit.audit import sweep
    from service.audit.reading import Reading
    from service.console import audits
    from service.console.progress import Progress
    from service.console.table import check_output
    from service.console.words import counted

    for file in filter(None, (out, tags, patterns)):
        check_output(file)
    wanted = Wanted(least=least)
    with closing(open_engine(service_settings(index=index))) as engine, Progress() as progress:
        findings = sweep(engine, progress)
        reading = Reading(engine.live)
        written = {}
        if out is not None:
            progress.start("write", None, "labels")
            written[out] = counted(audits.write_labels(reading, out, wanted, limit, progress.at), "label")
        if tags is not None:
            progress.start("write", None, "products")
            products = audits.write_tags(reading, tags, least, limit, progress.at)
            written[tags] = f"the tags of {counted(products, 'product')}"
        if patterns is not None:
            written[patterns] = counted(audits.write_patterns(reading, patterns, findings), "pattern")
        told = audits.audit_facts(reading, findings, wanted)
        worst = reading.labels(wanted, limit=min(limit or audits.SHOWN, audits.PAGE))
    if as_json:
        print_json(told)
        return
    click.echo(audits.audit_report(told, index, written, least), err=True)
    if out is None:
        click.echo(audits.label_table(worst))


pattern_option = click.option("--pattern", metavar="ID", help="All doubted labels of this pattern, as one decision.")
tags_option = click.option("--tags", "tags", is_flag=True, help="About their tags: all that are told as likely wrong.")
tag_option = click.option(
    "--tag", "named", multiple=True, metavar="TAG", help="About this tag alone; several are taken."
)


@audit.command("fix")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--category", default="", metavar="PATH", help="Category they get; by default what is suggested.")
@pattern_option
@tags_option
@tag_option
@author_option
@index_option
def audit_fix(  # noqa: PLR0917 - click names them all
    ids: tuple[str, ...],
    category: str,
    pattern: str | None,
    named: tuple[str, ...],
    author: str,
    index: Path,
    *,
    tags: bool,
) -> None:
    """Put labels right as is suggested, or as is named; with --tags or --tag: add missing tags, remove wrong ones."""
    if category and (pattern or tags or named):
        raise click.UsageError("--category is for labels of named products; leave it out")
    _decide("fix", ids, pattern, index, author=author, category=category, tags=named if tags or named else None)


@audit.command("keep")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@pattern_option
@tags_option
@tag_option
@author_option
@index_option
def audit_keep(
    ids: tuple[str, ...], pattern: str | None, named: tuple[str, ...], author: str, index: Path, *, tags: bool
) -> None:
    """Say that labels, or tags, are right: they are not doubted again until they or their products change."""
    _decide("keep", ids, pattern, index, author=author, tags=named if tags or named else None)


audit.add_command(undo)


def _decide(
    verb: Verb,
    ids: tuple[str, ...],
    pattern: str | None,
    index: Path,
    *,
    author: str,
    category: str = "",
    tags: Sequence[str] | None,
) -> None:
    """Decide about labels, or about tags where these are not None: those that are named, or all that are likely."""
    if bool(ids) == bool(pattern):
        raise click.UsageError("name products by their ids, or a pattern with --pattern")
    if pattern and tags is not None:
        raise click.UsageError("a pattern is of labels; name products to decide about their tags")
    from service.audit.deciding import Label, decide_label, decide_pattern
    from service.audit.retagging import Tagged, decide_tags
    from service.console.decisions import audit_line

    with closing(open_engine(service_settings(index=index))) as engine:
        for each in ids or ("",):  # one after the other, so that what was decided is told before the next is refused
            if pattern:
                settled = decide_pattern(engine, pattern, verb, author)
            elif tags is None:
                settled = decide_label(engine, Label(each, category), verb, author)
            else:
                settled = decide_tags(engine, Tagged(each, tags), verb, author)
            click.echo(audit_line(settled), err=True)
