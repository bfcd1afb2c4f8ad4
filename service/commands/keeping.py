"""aisle export: what an index holds is taken out of it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.console.options import index_option

if TYPE_CHECKING:
    from indexer.export import RawParts

KINDS = ("csv", "tsv", "jsonl", "parquet")


@click.command()
@click.option("-o", "--out", required=True, metavar="FILE", help="File to write; - is stdout.")
@click.option("--format", "kind", type=click.Choice(KINDS), help="Default: what the name of the file ends with.")
@click.option("--vectors", is_flag=True, help="Write the raw vectors too: a column of numbers for each part.")
@index_option
def export(out: str, kind: str | None, index: Path, *, vectors: bool) -> None:
    """Write every product of an index, with its label, as a table that `aisle build` reads."""
    from indexer.export import export as write
    from indexer.export import format_of
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


def _raw_parts(index: Path, *, wanted: bool) -> tuple[RawParts | None, list[str]]:
    """Return the parts whose raw vectors are wanted, and those that the published snapshot takes from elsewhere."""
    from indexer.encoders.precomputed import declared
    from indexer.errors import SnapshotMissing
    from indexer.export import RawParts
    from indexer.snapshot import read_manifest

    try:
        manifest = read_manifest(index)
    except SnapshotMissing:
        if wanted:
            raise
        return None, []
    return RawParts(manifest.encoder, manifest.parts) if wanted else None, list(declared(manifest.encoder_spec))
