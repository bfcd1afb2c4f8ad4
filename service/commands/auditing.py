"""aisle audit: which stored labels and tags are probably wrong, the worst first, and what people decide about them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.console.options import FILE, index_option, json_option, open_engine, print_json, service_settings

if TYPE_CHECKING:
    from service.audit.deciding import Verb


@click.group(invoke_without_command=True)
@click.option(
    "-o", "--out", type=FILE, help="Table to write: .csv, .tsv, .jsonl or .parquet. Default: print the worst."
)
@click.option(
    "--least",
    type=click.FloatRange(0, 1),
    default=0.05,
    show_default=True,
    metavar="P",
    help="Probability from which a label is written.",
)
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
    if context.invoked_subcommand is not None:
        return
    from indexer.store.suspects import Wanted
    from service.audit.audit import sweep
    from service.audit.reading import Reading
    from service.console import audits
    from service.console.progress import Progress
    from service.console.table import check_output

    for file in filter(None, (out, tags, patterns)):
        check_output(file)
    wanted, written = Wanted(least=least), {}
    with closing(open_engine(service_settings(index=index))) as engine, Progress() as progress:
        findings = sweep(engine, progress)
        reading = Reading(engine.live)
        if out is not None:
            progress.start("write", None, "labels")
            written[out] = f"{audits.write_labels(reading, out, wanted, limit, progress.at):,} labels"
        if tags is not None:
            progress.start("write", None, "products")
            written[tags] = f"the tags of {audits.write_tags(reading, tags, least, limit, progress.at):,} products"
        if patterns is not None:
            written[patterns] = f"{audits.write_patterns(reading, patterns, findings):,} patterns"
        told = audits.audit_facts(reading, findings, wanted)
        worst = reading.labels(wanted, limit=min(limit or audits.SHOWN, audits.PAGE))
    if as_json:
        print_json(told)
        return
    click.echo(audits.audit_report(told, index, written, least), err=True)
    if out is None:
        click.echo(audits.label_table(worst))


pattern_option = click.option("--pattern", metavar="ID", help="All doubted labels of this pattern, as one decision.")
author_option = click.option("--author", default="", metavar="NAME", help="Who decides; kept with the decision.")


@audit.command("fix")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--category", default="", metavar="PATH", help="Category they get; by default what is suggested.")
@pattern_option
@author_option
@index_option
def audit_fix(ids: tuple[str, ...], category: str, pattern: str | None, author: str, index: Path) -> None:
    """Put labels right: each product gets the category that is suggested for it, or the one that is named."""
    if pattern and category:
        raise click.UsageError("the products of a pattern go where each is suggested; leave --category out")
    _decide("fix", ids, pattern, index, author=author, category=category)


@audit.command("keep")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@pattern_option
@author_option
@index_option
def audit_keep(ids: tuple[str, ...], pattern: str | None, author: str, index: Path) -> None:
    """Say that labels are right: they are not doubted again until they or their products change."""
    _decide("keep", ids, pattern, index, author=author)


@audit.command("undo")
@click.argument("number", type=click.IntRange(min=1))
@author_option
@index_option
def audit_undo(number: int, author: str, index: Path) -> None:
    """Take a decision back by its number: labels are what they were before it."""
    from indexer.store.place import open_store

    with closing(open_store(index)) as records:
        decided = records.decisions.undo(number, author)
    click.echo(f"decision {number} is taken back by decision {decided.number}", err=True)


def _decide(
    verb: Verb,
    ids: tuple[str, ...],
    pattern: str | None,
    index: Path,
    *,
    author: str,
    category: str = "",
) -> None:
    if bool(ids) == bool(pattern):
        raise click.UsageError("name products by their ids, or a pattern with --pattern")
    from service.audit.deciding import Label, decide_label, decide_pattern

    with closing(open_engine(service_settings(index=index))) as engine:
        if pattern:
            settled = [decide_pattern(engine, pattern, verb, author)]
        else:
            settled = [decide_label(engine, Label(each, category), verb, author) for each in ids]
    for each in settled:
        decided, changed = each.decided, len(each.written)
        click.echo(f"decision {decided.number}: {verb} {decided.subject}, {changed:,} labels changed", err=True)
