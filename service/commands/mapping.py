"""aisle taxonomy map: what foreign categories mean, learnt from the products that carry them, as a file to review."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.console.options import (
    FILE,
    SourceOptions,
    index_option,
    json_option,
    open_engine,
    optional_source,
    print_json,
    service_settings,
)

if TYPE_CHECKING:
    from service.mapping.learning import Heard
    from taxonomy.foreign import Meaning


@click.command("map")
@click.option("-o", "--out", type=FILE, required=True, help="File to write: .csv or .json.")
@click.option(
    "--share",
    type=click.FloatRange(0.5, 1),
    default=0.8,
    show_default=True,
    help="Share of the votes that a category needs to be applied without a person.",
)
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="What that share can be counted on to be, few products or many.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@json_option
@index_option
@optional_source
def taxonomy_map(
    source: SourceOptions | None,
    out: Path,
    *,
    share: float,
    confidence: float,
    force: bool,
    index: Path,
    as_json: bool,
) -> None:
    """Learn which category of an index each foreign category of its products, and of SOURCE, means."""
    from service.console.progress import Progress
    from service.mapping.learning import Learning
    from service.mapping.meaning import Demand
    from taxonomy.foreign import write_mapping

    _check_output(out, force=force)
    with closing(open_engine(service_settings(index=index))) as engine, Progress() as progress:
        learning = Learning(engine, progress)
        learning.hear_stored()
        if source is not None:
            with source.open() as rows:
                learning.hear(rows, rows.expected())
        meanings = learning.meanings(Demand(share=share, confidence=confidence))
    write_mapping(meanings, out)
    if as_json:
        print_json(_counts(meanings, learning.heard))
    else:
        click.echo(_report(meanings, learning.heard, out), err=True)


def _check_output(out: Path, *, force: bool) -> None:
    from indexer.errors import SettingError
    from service.console.table import check_place
    from taxonomy.foreign import mapping_kind

    mapping_kind(out)
    check_place(out)
    if out.exists() and not force:
        raise SettingError(f"{out} is there already, perhaps with what a person decided; name another, or --force")


def _counts(meanings: list[Meaning], heard: Heard) -> dict[str, int]:
    from taxonomy.foreign import STATUSES

    counts = {str(status): sum(meaning.status == status for meaning in meanings) for status in STATUSES}
    applied = sum(meaning.products for meaning in meanings if meaning.status == "map")
    return {
        "foreign_categories": len(meanings),
        **counts,
        "products": sum(meaning.products for meaning in meanings),
        "products_mapped": applied,
        "read": heard.read,
        "labelled": heard.labelled,
        "asked": heard.asked,
        "beyond": heard.beyond,
        "bare": heard.bare,
    }


def _report(meanings: list[Meaning], heard: Heard, out: Path) -> str:
    from service.console.words import fact

    if not meanings:
        return (
            f"{out} is empty: none of {heard.read:,} products carries a foreign category; name a SOURCE with a column "
            "of them, as in --map foreign_category=COLUMN"
        )
    counts = _counts(meanings, heard)
    return "\n".join(
        (
            f"{out} holds {counts['foreign_categories']:,} foreign categories",
            fact("map", f"{counts['map']:,} with {counts['products_mapped']:,} of {counts['products']:,} products"),
            fact("review", f"{counts['review']:,} wait for a person"),
            fact("ignore", f"{counts['ignore']:,} say nothing"),
            fact(
                "products",
                f"{heard.read:,} read = {heard.labelled:,} by their label + {heard.asked:,} asked about + "
                f"{heard.beyond:,} beyond the sample + {heard.bare:,} without",
            ),
            "next:",
            f"  look through {out}: write map, review or ignore as status, and correct path",
            f"  aisle add NEW_PRODUCTS.csv --mapping {out}",
        )
    )
