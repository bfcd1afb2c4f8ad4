"""aisle audit: which stored labels and tags are probably wrong, the worst first."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from service.console.options import FILE, index_option, json_option, open_engine, print_json, service_settings


@click.command()
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
@click.option("--patterns", "patterns", type=FILE, help="Table of systematic errors to write.")
@json_option
@index_option
def audit(
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
            written[patterns] = f"{audits.write_patterns(reading, patterns, findings.patterns):,} patterns"
        told = audits.audit_facts(reading, findings, wanted)
        worst = reading.labels(wanted, limit=min(limit or audits.SHOWN, audits.PAGE))
    if as_json:
        print_json(told)
        return
    click.echo(audits.audit_report(told, index, written, least), err=True)
    if out is None:
        click.echo(audits.label_table(worst))
