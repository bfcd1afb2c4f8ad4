"""aisle taxonomy: category trees are read, shown and inferred; `planting.py` has what changes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.console.options import FILE, SourceOptions, index_option, source_options

if TYPE_CHECKING:
    from taxonomy.rows import ReadReport


@click.group()
def taxonomy() -> None:
    """Read, show, infer and change category trees."""


@taxonomy.command("import")
@click.argument("file", type=FILE)
@click.option("-o", "--out", type=FILE, required=True, help="File to write: .json or .csv.")
@click.option("--locale", default="en", show_default=True, help="Language to take where the file has several.")
@click.option("--category-separator", metavar="TEXT", help="What separates the levels of a path. Default: detected.")
def taxonomy_import(file: Path, out: Path, locale: str, category_separator: str | None) -> None:
    """Read a tree (path lines, CSV, JSON, Google's or Shopify's files) and write it as aisle's JSON or CSV."""
    from taxonomy.files import write_tree

    tree = read_taxonomy(file, locale, category_separator).tree
    write_tree(tree, out)
    click.echo(f"{len(tree):,} categories written to {out}", err=True)


@taxonomy.command("show")
@click.argument("file", type=FILE, required=False)
@click.option("--node", metavar="CATEGORY", help="Only this category and what is below it: an id or a path.")
@click.option("--depth", type=click.IntRange(1, 20), default=3, show_default=True, help="Levels to draw.")
@click.option("--locale", default="en", show_default=True, help="Language to take where FILE has several.")
@index_option
def taxonomy_show(file: Path | None, node: str | None, depth: int, locale: str, index: Path) -> None:
    """Draw the tree in FILE, or the one of an index with the number of products on each shelf."""
    from service.console.drawing import draw_tree

    if file is not None:
        click.echo(draw_tree(read_taxonomy(file, locale).tree, None, node, depth))
        return
    from indexer.build import shelves

    tree, products = shelves(index)
    click.echo(draw_tree(tree, products, node, depth))


@taxonomy.command("infer")
@click.option("-o", "--out", type=FILE, required=True, help="File to write: .json or .csv.")
@source_options
def taxonomy_infer(source: SourceOptions, out: Path) -> None:
    """Make a tree of the categories that the products of SOURCE are labelled with."""
    from indexer.intake.update import path_of
    from taxonomy.files import infer, write_tree

    with source.open() as rows:
        labelled = (row.product.category for row in rows if row.product is not None and row.product.category)
        tree = infer(path_of(category) for category in labelled)
    write_tree(tree, out)
    click.echo(f"{len(tree):,} categories written to {out}", err=True)


def read_taxonomy(file: Path, locale: str, separator: str | None = None) -> ReadReport:
    """Read a tree and say what was left out of it."""
    from service.console.words import taxonomy_notes
    from taxonomy.files import read_report

    report = read_report(file, locale, separator=separator)
    for note in taxonomy_notes(report, file):
        click.echo(note, err=True)
    return report
