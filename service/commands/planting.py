"""aisle taxonomy rename, move, merge, split, retire, apply, history and undo: the tree of an index is changed.

Only the record store is changed; a service that is running follows its journal, and so does whoever opens the index.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from service.commands.mapping import taxonomy_map
from service.console.options import FILE, index_option, json_option, print_json

if TYPE_CHECKING:
    from indexer.store.taxonomies import Effect
    from taxonomy.changes import Change, Part

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _change_options(command: _Command) -> _Command:
    """Add the options of every command that changes the tree."""
    for option in (
        index_option,
        json_option,
        click.option("--author", default="", metavar="NAME", help="Who asks for it; kept in the history."),
        click.option("--preview", is_flag=True, help="Say what would change, and change nothing."),
    ):
        command = option(command)
    return command


@click.command("rename")
@click.argument("category")
@click.argument("name")
@_change_options
def taxonomy_rename(category: str, name: str, **said: Any) -> None:  # noqa: ANN401 - the shared options
    """Give CATEGORY, an id or a path, another name."""
    from taxonomy.changes import Rename

    _carry_out([Rename(category, name)], **said)


@click.command("move")
@click.argument("category")
@click.argument("parent", required=False)
@click.option("--top", is_flag=True, help="Move it to the top instead of below PARENT.")
@_change_options
def taxonomy_move(category: str, parent: str | None, *, top: bool, **said: Any) -> None:  # noqa: ANN401 - as above
    """Move CATEGORY, with all that is below it, below PARENT or to the top."""
    from taxonomy.changes import Move

    if top == (parent is not None):
        raise click.UsageError("say where to: either PARENT or --top")
    _carry_out([Move(category, parent)], **said)


@click.command("merge")
@click.argument("categories", nargs=-1, required=True)
@click.option("--into", required=True, metavar="CATEGORY", help="The category that they are joined with.")
@_change_options
def taxonomy_merge(categories: tuple[str, ...], into: str, **said: Any) -> None:  # noqa: ANN401 - as above
    """Join CATEGORIES with another one: their products, and what is below them."""
    from taxonomy.changes import Merge

    _carry_out([Merge(categories, into)], **said)


@click.command("split")
@click.argument("category")
@click.option(
    "--part",
    "parts",
    multiple=True,
    required=True,
    metavar="NAME=WORDS",
    help="A new category and the words, separated by commas, of which a title has one; the first part that fits.",
)
@click.option("--beside", is_flag=True, help="Make the parts brothers of CATEGORY instead of children.")
@_change_options
def taxonomy_split(category: str, parts: tuple[str, ...], *, beside: bool, **said: Any) -> None:  # noqa: ANN401 - as above
    """Sort the products of CATEGORY into new ones by words of their titles; other rules are read by `apply`."""
    from taxonomy.changes import Split

    _carry_out([Split(category, tuple(map(_part, parts)), beside)], **said)


@click.command("retire")
@click.argument("category")
@click.option("--to", metavar="CATEGORY", help="Where its products go. Default: to its parent.")
@click.option("--unlabelled", is_flag=True, help="Leave its products without a category.")
@_change_options
def taxonomy_retire(category: str, to: str | None, *, unlabelled: bool, **said: Any) -> None:  # noqa: ANN401 - as above
    """Take CATEGORY and all that is below it out of the tree."""
    from taxonomy.changes import Retire

    if to is not None and unlabelled:
        raise click.UsageError("the products go somewhere (--to) or nowhere (--unlabelled), not both")
    _carry_out([Retire(category, to, unlabelled)], **said)


@click.command("apply")
@click.argument("file", type=FILE)
@_change_options
def taxonomy_apply(file: Path, **said: Any) -> None:  # noqa: ANN401 - as above
    """Carry out the changes in FILE (JSON, see docs/cli.md), all of them as one version or none."""
    from taxonomy.changes import changes_from_json

    _carry_out(changes_from_json(file.read_bytes()), **said)


@click.command("undo")
@click.argument("number", type=click.IntRange(1, 2**53), required=False)
@_change_options
def taxonomy_undo(number: int | None, *, preview: bool, author: str, as_json: bool, index: Path) -> None:
    """Take back the change that made version NUMBER, by default the last one that stands, as a new version."""
    from indexer.store.place import open_store

    with closing(open_store(index)) as records:
        effect = records.taxonomies.undo(number, author, preview=preview)
    _say(effect, preview=preview, as_json=as_json)


@click.command("history")
@json_option
@index_option
def taxonomy_history(index: Path, *, as_json: bool) -> None:
    """List the versions of the tree of an index, with what made each."""
    from indexer.store.place import open_store
    from service.console.plantings import history_facts, history_lines

    with closing(open_store(index)) as records:
        versions = records.taxonomies.history()
    if as_json:
        print_json([history_facts(version) for version in versions])
    else:
        click.echo("\n".join(history_lines(versions)))


COMMANDS = (
    *(taxonomy_rename, taxonomy_move, taxonomy_merge, taxonomy_split, taxonomy_retire),
    *(taxonomy_apply, taxonomy_undo, taxonomy_history),
    taxonomy_map,
)
"""What `aisle taxonomy` has beside reading, showing and inferring."""


def _carry_out(
    changes: list[Change] | tuple[Change, ...], *, preview: bool, author: str, as_json: bool, index: Path
) -> None:
    from indexer.store.place import open_store

    with closing(open_store(index)) as records:
        taxonomies = records.taxonomies
        effect = taxonomies.preview(changes) if preview else taxonomies.change(changes, author)
    _say(effect, preview=preview, as_json=as_json)


def _say(effect: Effect, *, preview: bool, as_json: bool) -> None:
    from service.console.plantings import effect_facts, effect_lines

    if as_json:
        print_json(effect_facts(effect, preview=preview))
    else:
        click.echo("\n".join(effect_lines(effect, preview=preview)))


def _part(text: str) -> Part:
    from taxonomy.changes import Part
    from taxonomy.rules import Rule

    name, equals, words = text.partition("=")
    some = [word.strip() for word in words.split(",") if word.strip()]
    if not (equals and name.strip() and some):
        raise click.BadParameter(f"{text!r} is not NAME=WORD,WORD", param_hint="--part")
    return Part(name.strip(), Rule.read({"words": some}))
