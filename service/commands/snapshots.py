"""aisle rebuild, publish, rollback and discard: which snapshot of an index is served, and a new one from its store."""

from __future__ import annotations

from pathlib import Path

import click

from service.commands.indexes import KINDS
from service.console.options import index_option, json_option, open_records, print_json, service_settings

REFUSED = 3
"""Exit code of a rebuild that was worse than what is served."""


@click.command()
@click.option("--encoder", metavar="NAME", help="Have everything encoded by another encoder, aside. Default: the same")
@click.option("--kind", type=click.Choice(KINDS), help="Another kind of vector index. Default: the same")
@click.option("--recall-target", type=float, help="Share of true neighbours to find. Default: the same")
@click.option("--hold", is_flag=True, help="Keep the new snapshot aside until `aisle publish` or `aisle discard`.")
@click.option("--reason", default="asked for", show_default=True, help="Why, for whoever looks meanwhile.")
@json_option
@index_option
@click.pass_context
def rebuild(
    context: click.Context,
    index: Path,
    *,
    encoder: str | None,
    kind: str | None,
    recall_target: float | None,
    hold: bool,
    reason: str,
    as_json: bool,
) -> None:
    """Build an index anew from its record store, beside who serves it, and publish it when it is not worse."""
    from service.console.progress import Progress
    from service.console.words import renewal_report
    from service.renewal.order import Order
    from service.renewal.renew import renew

    settings = service_settings(index=index)
    order = Order(encoder, kind, recall_target, "hold" if hold else "auto", reason)
    with Progress() as progress:
        renewed = renew(settings, order, progress)
    if as_json:
        print_json(renewed)
    else:
        click.echo(renewal_report(renewed, settings.index), err=True)
    if renewed.state == "refused":
        context.exit(REFUSED)


@click.command()
@click.argument("snapshot")
@index_option
def publish(snapshot: str, index: Path) -> None:
    """Let SNAPSHOT be served, as one that `aisle rebuild --hold` made; the one that was is kept for a rollback."""
    from indexer.snapshots import cutover

    with open_records(index) as records:
        cutover.publish(index, records, snapshot)
    click.echo(f"{index} serves snapshot {snapshot}", err=True)


@click.command()
@index_option
def rollback(index: Path) -> None:
    """Let the snapshot before be served again, with all that was written since; twice is as before."""
    from indexer.snapshots import cutover

    with open_records(index) as records:
        snapshot = cutover.rollback(index, records)
    click.echo(f"{index} serves snapshot {snapshot} again", err=True)


@click.command()
@index_option
def discard(index: Path) -> None:
    """Throw away the snapshot that `aisle rebuild --hold` made, and what only its encoder has encoded."""
    from indexer.snapshots import cutover

    with open_records(index) as records:
        snapshot = cutover.discard(index, records)
    click.echo(f"snapshot {snapshot} of {index} is gone", err=True)
