"""aisle keys and aisle accounts: who is let in by a service of an index. A token goes to stdout, once."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TextIO

import click

from service.access.scopes import SCOPES
from service.console.options import index_option, json_option, print_json

SECRET_NOTE = "keep it now: it is not stored and cannot be told again"  # noqa: S105  (a sentence about one)

scope_option = click.option(
    "--scope", "scopes", type=click.Choice(SCOPES), multiple=True, required=True, help="What it may do; again for more."
)


@click.group()
def keys() -> None:
    """Make, list, rotate and revoke API keys."""


@keys.command()
@click.argument("name")
@scope_option
@click.option("--expires", metavar="SPAN", help="After how long it counts no more, as in 90d. Default: never.")
@click.option("--rate", type=click.IntRange(0, 10_000_000), metavar="N", help="Requests a minute at most; 0 is any.")
@click.option("--author", default="", metavar="NAME", help="Who makes it; kept with the key.")
@index_option
def create(
    name: str, scopes: tuple[str, ...], *, expires: str | None, rate: int | None, author: str, index: Path
) -> None:
    """Make an API key for NAME and print it."""
    from indexer.store.place import open_store
    from service.access.issue import issue
    from service.console.keys import expiry

    check_name(name)
    until = expiry(expires)
    with closing(open_store(index)) as records:
        key, token = issue(records.keys, name, scopes, expires_at=until, rate=rate, author=author)
    click.echo(token)
    click.echo(f"key {key.id} of {name} may {', '.join(key.scopes)}; {SECRET_NOTE}", err=True)


@keys.command(name="list")
@json_option
@index_option
def list_(index: Path, *, as_json: bool) -> None:
    """List the API keys, revoked ones too."""
    from indexer.store.place import open_store
    from service.console.keys import key_facts, key_table

    with closing(open_store(index)) as records:
        found = records.keys.all()
    if as_json:
        print_json([key_facts(each) for each in found])
    else:
        click.echo(key_table(found))


@keys.command()
@click.argument("key_id", metavar="ID")
@click.option(
    "--overlap",
    default="24h",
    show_default=True,
    metavar="SPAN",
    help="How long the token before counts beside the new one; 0h for a token that leaked.",
)
@index_option
def rotate(key_id: str, overlap: str, index: Path) -> None:
    """Give the API key ID another token and print it."""
    from indexer.store.place import open_store
    from service.access.issue import rotate as give_another
    from service.console.keys import span

    hours = span(overlap).total_seconds() / 3600
    with closing(open_store(index)) as records:
        key, token = give_another(records.keys, key_id, hours)
    click.echo(token)
    click.echo(f"key {key.id} of {key.name}: the token before counts until {key.former_until}; {SECRET_NOTE}", err=True)


@keys.command()
@click.argument("key_id", metavar="ID")
@index_option
def revoke(key_id: str, index: Path) -> None:
    """Let the API key ID count no more; services refuse it within a second."""
    from indexer.store.place import open_store

    with closing(open_store(index)) as records:
        key = records.keys.revoke(key_id)
    click.echo(f"key {key.id} of {key.name} is revoked", err=True)


@click.group()
def accounts() -> None:
    """Make, list and remove the accounts of people who sign in to the page."""


@accounts.command(name="set")
@click.argument("name")
@scope_option
@click.option("--password-file", type=click.File("r"), help="File with the password; - is stdin. Default: asked for.")
@index_option
def set_(name: str, scopes: tuple[str, ...], password_file: TextIO | None, index: Path) -> None:
    """Make an account for NAME, or give it another password and scopes; whoever is signed in with it is signed out."""
    from indexer.store.place import open_store
    from service.access.passwords import hashed

    check_name(name)
    if password_file is None:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = password_file.readline().rstrip("\r\n")
    kept = hashed(password)
    with closing(open_store(index)) as records:
        account = records.accounts.put(name, kept, list(dict.fromkeys(scopes)))
    click.echo(f"{name} may sign in and {', '.join(account.scopes)}", err=True)


@accounts.command(name="list")
@json_option
@index_option
def list_accounts(index: Path, *, as_json: bool) -> None:
    """List the accounts."""
    from indexer.store.place import open_store
    from service.console.keys import account_table

    with closing(open_store(index)) as records:
        found = records.accounts.all()
    if as_json:
        hidden = {"password"}
        print_json([{name: getattr(each, name) for name in each.__slots__ if name not in hidden} for each in found])
    else:
        click.echo(account_table(found))


@accounts.command()
@click.argument("name")
@index_option
def remove(name: str, index: Path) -> None:
    """Remove the account of NAME, and sign it out everywhere."""
    from indexer.store.place import open_store

    with closing(open_store(index)) as records:
        records.accounts.remove(name)
    click.echo(f"{name} has no account any more", err=True)


def check_name(name: str) -> None:
    """Refuse a name that could not be shown; raises SettingError."""
    from indexer.errors import SettingError
    from service.access.names import unfit

    if why := unfit(name):
        raise SettingError(why)
