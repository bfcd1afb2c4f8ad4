"""aisle export, backup, verify and restore: what an index holds is taken out of it, kept, and put back."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.console.options import FILE, index_option, json_option, print_json

if TYPE_CHECKING:
    from indexer.keeping.export import RawParts

KINDS = ("csv", "tsv", "jsonl", "parquet")
DAMAGED = 4
"""The exit code of `aisle verify` when something is not as it should be."""


@click.command()
@click.option("-o", "--out", required=True, metavar="FILE", help="File to write; - is stdout.")
@click.option("--format", "kind", type=click.Choice(KINDS), help="Default: what the name of the file ends with.")
@click.option("--vectors", is_flag=True, help="Write the raw vectors too: a column of numbers for each part.")
@index_option
def export(out: str, kind: str | None, index: Path, *, vectors: bool) -> None:
    """Write every product of an index, with its label, as a table that `aisle build` reads."""
    from indexer.keeping.export import export as write
    from indexer.keeping.export import format_of
    from indexer.store.place import open_store
    from service.console.progress import Progress

    kind = format_of(out, kind or "")
    raw, given = _raw_parts(index, wanted=vectors)
    with closing(open_store(index)) as records, records.moment() as moment, Progress() as bar:
        bar.start("export", moment.products, "products")
        done = write(moment, out, kind, raw, bar.at)
    lines = [f"{done.products:,} products as of change {done.seq:,} written to {'stdout' if out == '-' else out}"]
    if done.bare:
        lines.append(f"{done.bare:,} of them have no raw vectors by {raw.encoder if raw else ''} yet")
    if given and not vectors:
        lines.append(f"the vectors made elsewhere ({', '.join(given)}) are left out; --vectors writes them too")
    click.echo("\n".join(lines), err=True)


@click.command()
@click.argument("destination", type=FILE)
@index_option
def backup(destination: Path, index: Path) -> None:
    """Copy an index, in use or not, into a new folder DESTINATION: its record store as of now, and its snapshot."""
    from indexer.keeping.backup import backup as make
    from service.console.backups import backup_report
    from service.console.progress import Progress

    with Progress() as progress:
        made = make(index, destination, progress)
    click.echo(backup_report(made, index, destination), err=True)


@click.command()
@click.argument("folder", type=FILE, required=False)
@json_option
@index_option
def verify(folder: Path | None, index: Path, *, as_json: bool) -> None:
    """Check that the backup or the index in FOLDER is whole; without one, the index. Exit code 4 when it is not."""
    from indexer.keeping.verifying import verify as look
    from service.console.backups import checked_line
    from service.console.progress import Progress

    damaged, found = False, []
    with Progress() as progress:
        for checked in look(folder or index, progress):
            damaged |= bool(checked.faults)
            found.append(checked)
            if not as_json:
                click.echo(checked_line(checked))
    if as_json:
        print_json({"folder": str(folder or index), "whole": not damaged, "checks": found})
    if damaged:
        click.get_current_context().exit(DAMAGED)


@click.command()
@click.argument("backup", type=FILE, metavar="BACKUP")
@click.option("--index", type=FILE, required=True, help="Folder of the index to make.")
@click.option("--seq", type=click.IntRange(min=0), metavar="N", help="As it was after change N. Default: the last.")
@click.option("--store", envvar="AISLE_STORE", default="", metavar="URL", help="Database to put the record store into.")
@click.option("--force", is_flag=True, help="Replace the index or the record store that is there; it is lost.")
def restore(backup: Path, index: Path, seq: int | None, store: str, *, force: bool) -> None:
    """Make an index of a BACKUP, as it was backed up or after any change before."""
    from indexer.keeping.restoring import restore as put_back
    from service.console.backups import restore_report
    from service.console.progress import Progress

    with Progress() as progress:
        done = put_back(backup, index, progress, seq=seq, store=store, force=force)
    click.echo(restore_report(done, index, in_database=bool(store)), err=True)


def _raw_parts(index: Path, *, wanted: bool) -> tuple[RawParts | None, list[str]]:
    """Return the parts whose raw vectors are wanted, and those that the published snapshot takes from elsewhere."""
    from indexer.encoders.precomputed import declared
    from indexer.errors import SnapshotMissing
    from indexer.keeping.export import RawParts
    from indexer.snapshots.snapshot import read_manifest

    try:
        manifest = read_manifest(index)
    except SnapshotMissing:
        if wanted:
            raise
        return None, []
    return RawParts(manifest.encoder, manifest.parts) if wanted else None, list(declared(manifest.encoder_spec))
