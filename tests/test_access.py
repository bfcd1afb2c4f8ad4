"""service/access: tokens, passwords, rates, scopes, and whom a secret belongs to."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from indexer.errors import AccountNotFound, KeyNotFound, KeyRevoked, SettingError
from indexer.store.records import Records
from service.access import access, passwords, tokens
from service.access.access import Access, asks_for_keys, check_access
from service.access.issue import issue, rotate, state_of
from service.access.rates import Allowance, Rates
from service.access.scopes import SCOPES, included
from service.settings import ServiceSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database

PAST = "2026-01-01T00:00:00.000+00:00"


@pytest.fixture
def records(database: Database) -> Iterator[Records]:
    """Give an empty store."""
    with closing(Records.open(database.where)) as records:
        yield records


@pytest.fixture
def known(records: Records) -> Access:
    """Give what knows the callers of that store."""
    return Access(records, ServiceSettings(key_rate=100))


def test_a_token_names_its_key_and_ends_in_a_checksum() -> None:
    """A letter that is another, or missing, is seen without a look at the store; no two tokens are the same."""
    token = tokens.new_token("abcde01234")
    assert tokens.key_id_of(token) == "abcde01234"
    assert (len(token), token[:17]) == (55, "aisle_abcde01234_")
    other = "1" if token[20] == "0" else "0"
    assert tokens.key_id_of(f"{token[:20]}{other}{token[21:]}") is None
    assert tokens.key_id_of(token[:-1]) is None
    assert tokens.key_id_of("") is None
    assert tokens.new_token("abcde01234") != token


def test_a_checksum_is_what_it_always_was() -> None:
    """Tokens that were given out go on being tokens."""
    assert tokens.key_id_of("aisle_abcde01234_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456uOYi3") == "abcde01234"
    assert tokens.digest_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_password_is_kept_with_its_salt_and_what_made_its_hash() -> None:
    """The same password has another hash each time; another one does not fit, nor anything fit what is no hash."""
    kept = passwords.hashed("four words are enough")
    assert kept.startswith("scrypt$32768$8$3$")
    assert "words" not in kept
    assert passwords.fits("four words are enough", kept)
    assert not passwords.fits("four words are enougH", kept)
    assert passwords.hashed("four words are enough") != kept
    assert not passwords.fits("", passwords.NOBODY)
    assert not passwords.fits("x", "scrypt$nonsense")


@pytest.mark.parametrize("password", ["", "eleven char", "x" * 1_001])
def test_a_password_that_is_too_short_or_too_long_is_refused(password: str) -> None:
    """With what is allowed, and never with the password."""
    with pytest.raises(SettingError, match=rf"12 to 1,000 characters, this one has {len(password):,}"):
        passwords.hashed(password)


def test_scopes_include_what_they_need() -> None:
    """Whoever may write or review may read; an admin may do everything; a word of a later aisle allows nothing."""
    assert {name: sorted(included([name])) for name in (*SCOPES, "fly")} == {
        "read": ["read"],
        "write": ["read", "write"],
        "review": ["read", "review"],
        "admin": ["admin", "read", "review", "write"],
        "fly": [],
    }


def test_a_bucket_is_emptied_at_once_and_fills_evenly() -> None:
    """Of two requests in ten seconds the third waits five; each caller has a bucket of its own."""
    now = [0.0]
    rates = Rates(lambda: now[0], window=10)
    assert rates.take("a", 2) == Allowance(allowed=True, quota=2, window=10, left=1, reset=5, wait=0)
    assert rates.take("a", 2) == Allowance(allowed=True, quota=2, window=10, left=0, reset=10, wait=0)
    assert rates.take("a", 2) == Allowance(allowed=False, quota=2, window=10, left=0, reset=10, wait=5)
    assert rates.take("b", 2).allowed
    now[0] = 4.0
    assert rates.take("a", 2) == Allowance(allowed=False, quota=2, window=10, left=0, reset=6, wait=1)
    now[0] = 5.0
    assert rates.take("a", 2).allowed
    now[0] = 100.0
    assert rates.take("a", 2).left == 1


def test_buckets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are full again are forgotten, and the oldest one when none is."""
    monkeypatch.setattr("service.access.rates.MOST", 3)
    now = [0.0]
    rates = Rates(lambda: now[0], window=10)
    for caller in "abcde":
        rates.take(caller, 1)
    assert list(rates._buckets) == ["c", "d", "e"]
    now[0] = 11.0
    rates.take("f", 1)
    assert list(rates._buckets) == ["f"]


def test_a_token_is_of_its_key_until_that_is_revoked(records: Records, known: Access) -> None:
    """Nothing of the token is in the store but its hash; a revoked key stays in the list."""
    key, token = issue(records.keys, "shop", ["write", "write"], rate=7, author="ann")
    assert (key.scopes, key.author, state_of(key), records.keys.all()) == (["write"], "ann", "valid", [key])
    found = known.look_up(token)
    assert found == access.Caller(key.id, "shop", frozenset({"read", "write"}), 7)
    assert known.held(token) == (True, found)
    assert known.look_up(f"{token[:-1]}_") is None
    assert known.look_up(tokens.new_token(key.id)) is None
    assert known.look_up(tokens.new_token("nobody0000")) is None
    assert known.look_up("something else") is None
    assert token not in repr(records.keys.all())

    revoked = records.keys.revoke(key.id)
    assert (state_of(revoked), records.keys.revoke(key.id).revoked_at) == ("revoked", revoked.revoked_at)
    assert known.look_up(token) is None
    with pytest.raises(KeyRevoked, match="was revoked at"):
        rotate(records.keys, key.id)
    with pytest.raises(KeyNotFound, match="no API key 'nobody'"):
        records.keys.revoke("nobody")
    with pytest.raises(KeyNotFound):
        rotate(records.keys, "nobody")


def test_the_token_before_a_rotation_counts_for_as_long_as_was_said(records: Records, known: Access) -> None:
    """Beside the new one, and not at all where no time was given; the one before that never."""
    key, first = issue(records.keys, "shop", ["read"])
    rotated, second = rotate(records.keys, key.id, overlap_hours=1)
    assert rotated.id == key.id
    assert [bool(known.look_up(each)) for each in (first, second)] == [True, True]
    _, third = rotate(records.keys, key.id, overlap_hours=0)
    assert [bool(known.look_up(each)) for each in (first, second, third)] == [False, False, True]


def test_a_key_that_has_expired_counts_no_more(records: Records, known: Access) -> None:
    """Nor does anybody who signed in with it."""
    key, token = issue(records.keys, "shop", ["read"], expires_at=PAST)
    assert (state_of(key), known.look_up(token), known.sign_in_by_key(token)) == ("expired", None, None)


def test_a_browser_acts_for_its_key_until_that_is_rotated(records: Records, known: Access) -> None:
    """Signing in takes a key that counts, and the session alone from then on."""
    key, token = issue(records.keys, "shop", ["review"])
    done = known.sign_in_by_key(token)
    assert done is not None
    found = known.look_up(done.secret)
    assert found == access.Caller(key.id, "shop", frozenset({"read", "review"}), 100, signed_in=True)
    assert known.sign_in_by_key(done.secret) is None
    rotate(records.keys, key.id)
    assert known.look_up(done.secret) is None


def test_a_person_signs_in_by_name_and_password(records: Records, known: Access) -> None:
    """Until signing out, or another password; a name that nobody has takes as long and is told from no other fault."""
    records.accounts.put("Ann", passwords.hashed("four words are enough"), ["review"])
    assert known.sign_in_by_password("Ann", "four words are wrong") is None
    assert known.sign_in_by_password("ann", "four words are enough") is None
    done = known.sign_in_by_password("Ann", "four words are enough")
    assert done is not None
    assert known.look_up(done.secret) == done.caller
    assert (done.caller.id, done.caller.name) == ("account:Ann", "Ann")
    assert records.accounts.all()[0].last_used_at is not None
    known.sign_out(done.secret)
    assert known.held(done.secret) == (False, None)
    assert known.look_up(done.secret) is None

    again = known.sign_in_by_password("Ann", "four words are enough")
    assert again is not None
    records.accounts.put("Ann", passwords.hashed("four other words, then"), ["read"])
    assert known.look_up(again.secret) is None
    assert [each.scopes for each in records.accounts.all()] == [["read"]]
    records.accounts.remove("Ann")
    with pytest.raises(AccountNotFound, match="nobody called 'Ann'"):
        records.accounts.remove("Ann")


def test_a_session_ends_by_itself(records: Records) -> None:
    """After the hours that are set; the next one to sign in sweeps it away."""
    brief = Access(records, ServiceSettings(session_hours=1e-9))
    _, token = issue(records.keys, "shop", ["read"])
    first = brief.sign_in_by_key(token)
    assert first is not None
    assert brief.look_up(first.secret) is None
    assert records.accounts.session(tokens.digest_of(first.secret)) is not None
    assert brief.sign_in_by_key(token) is not None
    assert records.accounts.session(tokens.digest_of(first.secret)) is None


def test_what_was_looked_up_counts_for_less_than_a_second(
    records: Records, known: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that another process revokes is refused soon."""
    key, token = issue(records.keys, "shop", ["read"])
    caller = known.look_up(token)
    records.keys.revoke(key.id)
    assert known.held(token) == (True, caller)
    monkeypatch.setattr(access, "HELD_SECONDS", 0)
    assert known.held(token) == (False, None)
    assert known.look_up(token) is None
    monkeypatch.setattr(access, "HELD", 1)
    known.look_up("another")
    assert list(known._held) == [tokens.digest_of("another")]


def test_when_a_key_was_used_is_written_by_the_way(records: Records, known: Access) -> None:
    """Once for many requests."""
    key, token = issue(records.keys, "shop", ["read"])
    known.look_up(token)
    with known._telling:
        used = records.keys.get(key.id).last_used_at
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    while used is None and datetime.now(UTC) < deadline:
        used = records.keys.get(key.id).last_used_at
    assert used is not None
    known.look_up(token)
    assert records.keys.get(key.id).last_used_at == used


@pytest.mark.parametrize(
    ("host", "asked", "expected"),
    [
        ("127.0.0.1", "auto", False),
        ("127.8.9.1", "auto", False),
        ("::1", "auto", False),
        ("localhost", "auto", False),
        ("0.0.0.0", "auto", True),  # noqa: S104  (nothing is bound to it)
        ("192.168.1.5", "auto", True),
        ("shop.example", "auto", True),
        ("127.0.0.1", "keys", True),
        ("0.0.0.0", "open", False),  # noqa: S104  (as above)
    ],
)
def test_keys_are_asked_for_where_others_can_reach(host: str, asked: str, expected: bool) -> None:
    """Unless the setting says otherwise."""
    assert asks_for_keys(ServiceSettings(host=host, access=asked)) == expected


def test_a_service_that_could_let_nobody_in_is_refused_with_the_remedy(records: Records) -> None:
    """A key that counts, or an account, is enough; on this machine none is needed."""
    public = ServiceSettings(host="0.0.0.0")  # noqa: S104  (nothing is bound to it)
    check_access(ServiceSettings(), records)
    with pytest.raises(SettingError, match=r"0\.0\.0\.0 can be reached .* aisle keys create NAME --scope admin"):
        check_access(public, records)
    with pytest.raises(SettingError, match=r"AISLE_ACCESS is keys, and index/sample has no API key"):
        check_access(ServiceSettings(access="keys"), records)
    key, _ = issue(records.keys, "shop", ["admin"])
    check_access(public, records)
    records.keys.revoke(key.id)
    with pytest.raises(SettingError):
        check_access(public, records)
    records.accounts.put("Ann", passwords.hashed("four words are enough"), ["admin"])
    check_access(public, records)
