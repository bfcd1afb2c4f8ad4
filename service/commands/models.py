"""aisle models: the models that see pictures, got once and checked ever after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from service.console.options import json_option, print_json

if TYPE_CHECKING:
    from indexer.models import Found

MEGABYTE = 1_000_000

name_argument = click.argument("name", default="", metavar="[NAME]")


@click.group()
def models() -> None:
    """Look after the models that see pictures."""


@models.command("list")
@json_option
def models_list(*, as_json: bool) -> None:
    """List the models that are known, and which of them are on this machine."""
    from indexer.models import DEFAULT, MODELS, TECHNOLOGY, on_disk

    rows = [
        {
            "name": model.name,
            "encoder": f"{TECHNOLOGY}:{model.name}",
            "default": model.name == DEFAULT,
            "on_disk": on_disk(model.name),
            "megabytes": model.megabytes,
            "licence": model.licence,
            "side": model.side,
            "dim": model.dim,
            "repository": model.repository,
            "sha256": model.sha256,
            "note": model.note,
        }
        for model in MODELS
    ]
    if as_json:
        print_json(rows)
        return
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        here = "here" if row["on_disk"] else f"{row['megabytes']:,} MB"
        click.echo(f"{row['name']:<{width}}  {here:>8}  {row['licence']:<10}  {row['note']}")


@models.command("pull")
@name_argument
@json_option
def models_pull(name: str, *, as_json: bool) -> None:
    """Get a model from its hub, the default one without NAME; what is here already is only checked."""
    from indexer.hub import pull
    from indexer.models import on_disk, plain
    from service.console.progress import Progress

    there = on_disk(name)
    with Progress() as progress:
        if not there:
            progress.start(f"getting {plain(name)}", None, "MB")
        got = pull(name, lambda here, _of: progress.at(here // MEGABYTE))
    if as_json:
        print_json(_told(got))
        return
    click.echo(f"{got.name} {'was' if there else 'is'} here: {got.folder}", err=True)
    click.echo(f"SHA-256 {got.sha256}, {_vouched(got)}", err=True)


@models.command("verify")
@name_argument
@json_option
def models_verify(name: str, *, as_json: bool) -> None:
    """Read the weights through and compare their hash; without NAME those of all known models that are here."""
    from indexer.models import MODELS, found, on_disk

    names = [name] if name else [model.name for model in MODELS if on_disk(model.name)]
    checked = [found(each) for each in names]
    if as_json:
        print_json([_told(each) for each in checked])
        return
    for each in checked:
        click.echo(f"{each.name}: {each.sha256}, {_vouched(each)}")
    if not checked:
        click.echo("no known model is on this machine; get the default one with: aisle models pull", err=True)


@models.command("path")
@name_argument
@json_option
def models_path(name: str, *, as_json: bool) -> None:
    """Print the folder that a model is in."""
    from indexer.models import folder, plain

    where = folder(name)
    if as_json:
        print_json({"name": plain(name), "folder": str(where)})
    else:
        click.echo(str(where))


def _told(model: Found) -> dict[str, Any]:
    return {
        "name": model.name,
        "folder": str(model.folder),
        "sha256": model.sha256,
        "vouched_by": model.known or None,
    }


def _vouched(model: Found) -> str:
    said = {"register": "as aisle knows it", "first use": "the same as when it was got"}
    return said.get(model.known, "which nothing here vouches for")
