"""aisle keys and aisle accounts: what they print, what they keep, what they refuse."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from indexer.errors import AisleError, KeyNotFound, SettingError
from indexer.keeping.backup import backup
from indexer.keeping.restoring import restore
from indexer.store.access.accounts import Session
from indexer.store.place import open_store
from service.access import tokens
from service.access.passwords import fits
from service.cli import aisle
from service.console.backups import restore_report
from service.console.progress import Progress


def run(index: Path, *words: str, given: str | None = None) -> Result:
    """Run a command about an index; raises what it raises on purpose."""
    done = CliRunner().invoke(aisle, [*words, "--index", str(index)], input=given, env={"AISLE_INDEX": ""})
    if isinstance(done.exception, AisleError):
        raise done.exception
    return done


def test_a_key_is_made_listed_rotated_and_revoked(own_index: Path) -> None:
    """Its token goes to stdout alone, once; the list never has it."""
    made = run(own_index, "keys", "create", "shop feed", "--scope", "write", "--expires", "90d", "--rate", "600")
    token = made.stdout.strip()
    key_id = tokens.key_id_of(token)
    assert key_id is not None
    assert (
        made.stderr == f"key {key_id} of shop feed may write; keep it now: it is not stored and cannot be told again\n"
    )

    listed = run(own_index, "keys", "list").stdout.splitlines()
    assert re.split(r"  +", listed[0]) == ["id", "name", "scopes", "state", "expires", "rate", "created", "last used"]
    cells = re.split(r"  +", listed[1])
    assert [cells[0], cells[1], cells[2], cells[3], cells[5], cells[7]] == [
        *(key_id, "shop feed", "write", "valid", "600/min", "never")
    ]
    assert token not in run(own_index, "keys", "list", "--json").stdout

    rotated = run(own_index, "keys", "rotate", key_id, "--overlap", "0h")
    assert tokens.key_id_of(rotated.stdout.strip()) == key_id
    assert rotated.stdout != made.stdout
    assert run(own_index, "keys", "revoke", key_id).stderr == f"key {key_id} of shop feed is revoked\n"
    [told] = json.loads(run(own_index, "keys", "list", "--json").stdout)
    assert (told["state"], told["scopes"], "digest" in told) == ("revoked", ["write"], False)
    with pytest.raises(KeyNotFound):
        run(own_index, "keys", "revoke", "nobody")


def test_without_keys_and_accounts_the_lists_say_how_to_make_one(own_index: Path) -> None:
    """In one line each."""
    assert run(own_index, "keys", "list").stdout == (
        "there is no API key yet; make one with: aisle keys create NAME --scope read\n"
    )
    assert run(own_index, "accounts", "list").stdout == (
        "there is no account yet; make one with: aisle accounts set NAME --scope review\n"
    )


@pytest.mark.parametrize("span", ["90", "d", "1y", "-1d", "9999999d"])
def test_a_span_that_is_none_is_refused(own_index: Path, span: str) -> None:
    """With the form that it has."""
    with pytest.raises(SettingError, match="is no span of time; write a number of hours, days or weeks"):
        run(own_index, "keys", "create", "shop", "--scope", "read", "--expires", span)
    with pytest.raises(SettingError, match="too long"):
        run(own_index, "keys", "create", "shop", "--scope", "read", "--expires", "999999w")


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "x" * 201])
def test_a_name_that_cannot_be_shown_is_refused(own_index: Path, name: str) -> None:
    """Of a key as of an account."""
    for words in (("keys", "create"), ("accounts", "set")):
        with pytest.raises(SettingError, match="a name has 1 to 200 characters"):
            run(own_index, *words, name, "--scope", "read")


def test_an_account_is_made_with_a_password_that_is_asked_for(own_index: Path) -> None:
    """Twice, unseen; or read from stdin; only its hash is kept, and no list has that."""
    twice = "four words are enough\n" * 2
    made = run(own_index, "accounts", "set", "Ann", "--scope", "review", "--scope", "write", given=twice)
    assert made.stderr.splitlines()[-1] == "Ann may sign in and review, write"
    assert "four words" not in made.output
    with closing(open_store(own_index)) as records:
        [account] = records.accounts.all()
    assert fits("four words are enough", account.password)
    run(own_index, "accounts", "set", "Ann", "--scope", "read", "--password-file", "-", given="four other words\n")
    [told] = json.loads(run(own_index, "accounts", "list", "--json").stdout)
    assert (told["name"], told["scopes"], "password" in told) == ("Ann", ["read"], False)
    assert re.split(r"  +", run(own_index, "accounts", "list").stdout.splitlines()[1])[:2] == ["Ann", "read"]
    with pytest.raises(SettingError, match="12 to 1,000 characters"):
        run(own_index, "accounts", "set", "Bob", "--scope", "read", "--password-file", "-", given="short\n")
    assert run(own_index, "accounts", "remove", "Ann").stderr == "Ann has no account any more\n"


def test_keys_and_accounts_travel_with_a_backup_and_sessions_do_not(own_index: Path, tmp_path: Path) -> None:
    """Who was let in when it was made is let in by what is restored of it, and the report says so."""
    token = run(own_index, "keys", "create", "shop", "--scope", "read").stdout.strip()
    key_id = tokens.key_id_of(token) or ""
    with closing(open_store(own_index)) as records:
        records.accounts.begin(Session("0" * 64, "key", key_id, "2026-01-01", "2999-01-01"))
    with Progress() as progress:
        backup(own_index, tmp_path / "monday", progress)
        done = restore(tmp_path / "monday", tmp_path / "again", progress)
    with closing(open_store(tmp_path / "again")) as records:
        assert records.keys.get(key_id).digest == tokens.digest_of(token)
        assert records.accounts.session("0" * 64) is None
    report = restore_report(done, tmp_path / "again", in_database=False)
    assert "the API keys and accounts of then (1); revoke again what was revoked since" in report
