"""Who a secret belongs to: the key of a token, or whoever signed in a browser, as the record store says it.

What was looked up counts for HELD_SECONDS, so that most requests cost no look at the store, and a key that is revoked
by any process is refused everywhere within a second. When a key was used is written now and then, beside the requests.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from indexer.errors import RecordError, SettingError
from indexer.store.access.accounts import Session
from indexer.store.access.keys import ApiKey
from indexer.store.moment import now_text
from indexer.store.records import Records
from service.access import passwords, tokens
from service.access.scopes import EVERY, Scope, included
from service.settings import ServiceSettings

HELD_SECONDS = 0.5
"""How long what was looked up counts."""
HELD = 10_000
"""Secrets that are held at most, false ones among them."""
USED_SECONDS = 60
"""Seconds between two words about when keys were used."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. id: of the key, or of the account after `account:`. rate: requests a minute, 0 for any number.

    signed_in: whether it is a browser that has signed in, rather than a program that shows a key.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    rate: int
    signed_in: bool = False


ANYBODY = Caller("", "", EVERY, 0)
"""Who asks where nobody has to say so."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What came of signing in: the secret for the browser, until when it counts, and who it is."""

    secret: str
    expires_at: str
    caller: Caller


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def asks_for_keys(settings: ServiceSettings) -> bool:
    """Whether whoever asks must show a key, or have signed in."""
    return settings.access == "keys" or (settings.access == "auto" and not is_loopback(settings.host))


def check_access(settings: ServiceSettings, records: Records) -> None:
    """Raise SettingError when the service asks for keys and nobody has one, nor an account: nobody could be let in."""
    if not asks_for_keys(settings):
        return
    if could_sign_in(records):
        return
    place = "AISLE_ACCESS is keys" if settings.access == "keys" else f"{settings.host} can be reached from elsewhere"
    raise SettingError(
        f"{place}, and {settings.index} has no API key that counts; make one with: aisle keys create NAME "
        f"--scope admin --index {settings.index}, or serve on 127.0.0.1; AISLE_ACCESS=open serves whoever can reach it"
    )


def could_sign_in(records: Records) -> bool:
    """Whether there is an account, or a key that counts."""
    now = datetime.now(UTC)
    return bool(records.accounts.all()) or any(not (key.revoked or key.expired(now)) for key in records.keys.all())


class Access:
    """The callers of one service. Every method may be called from any thread."""

    def __init__(self, records: Records, settings: ServiceSettings) -> None:
        self._records = records
        self._settings = settings
        self._held: dict[str, tuple[float, Caller | None]] = {}
        self._used: set[str] = set()
        self._told = 0.0
        self._telling = threading.Lock()

    def held(self, secret: str) -> tuple[bool, Caller | None]:
        """Return whether what a secret belongs to is known without a look at the store, and to whom."""
        found = self._held.get(tokens.digest_of(secret))
        if found is None or time.monotonic() - found[0] > HELD_SECONDS:
            return False, None
        return True, found[1]

    def look_up(self, secret: str) -> Caller | None:
        """Return whom a token or the secret of a browser belongs to, None for nobody; raises RecordError."""
        digest = tokens.digest_of(secret)
        if secret.startswith(tokens.PREFIX):
            key_id = tokens.key_id_of(secret)
            found = None if key_id is None else self._of_key(key_id, digest)
        else:
            found = self._of_session(digest)
        if len(self._held) >= HELD:
            self._held.clear()
        self._held[digest] = time.monotonic(), found
        if found is not None and not found.signed_in:
            self._note(found.id)
        return found

    def anybody_could(self) -> bool:
        """Whether there is a key or an account to sign in with."""
        return could_sign_in(self._records)

    def forget(self) -> None:
        """Look everything up anew from now on, because something was changed here."""
        self._held.clear()

    def sign_in_by_key(self, token: str) -> SignedIn | None:
        """Let a browser act for a key from now on; None when the token is of none that counts."""
        caller = self.look_up(token) if token.startswith(tokens.PREFIX) else None
        return None if caller is None else self._begin("key", caller.id, caller)

    def sign_in_by_password(self, name: str, password: str) -> SignedIn | None:
        """Let a browser act for an account from now on; None when there is none, or the password is another."""
        account = self._records.accounts.find(name)
        right = passwords.fits(password, account.password if account else passwords.NOBODY)
        if account is None or not right:
            return None
        return self._begin("account", name, self._of_account(name, account.scopes))

    def sign_out(self, secret: str) -> None:
        """Let a browser act for nobody any more."""
        self._records.accounts.end(tokens.digest_of(secret))
        self.forget()

    def _begin(self, kind: str, holder: str, caller: Caller) -> SignedIn:
        secret, now = tokens.new_session(), datetime.now(UTC)
        until = (now + timedelta(hours=self._settings.session_hours)).isoformat(timespec="milliseconds")
        self._records.accounts.begin(Session(tokens.digest_of(secret), kind, holder, now_text(), until))
        return SignedIn(secret, until, caller)

    def _of_key(self, key_id: str, digest: str) -> Caller | None:
        key, now = self._records.keys.find(key_id), datetime.now(UTC)
        if key is None or not key.fits(digest, now) or key.revoked or key.expired(now):
            return None
        return self._caller(key)

    def _of_session(self, digest: str) -> Caller | None:
        session, now = self._records.accounts.session(digest), datetime.now(UTC)
        if session is None or datetime.fromisoformat(session.expires_at) <= now:
            return None
        if session.kind == "account":
            account = self._records.accounts.find(session.holder)
            return None if account is None else self._of_account(account.name, account.scopes)
        key = self._records.keys.find(session.holder)
        return None if key is None or key.revoked or key.expired(now) else self._caller(key, signed_in=True)

    def _caller(self, key: ApiKey, *, signed_in: bool = False) -> Caller:
        rate = self._settings.key_rate if key.rate is None else key.rate
        return Caller(key.id, key.name, included(key.scopes), rate, signed_in)

    def _of_account(self, name: str, scopes: Sequence[str]) -> Caller:
        return Caller(f"account:{name}", name, included(scopes), self._settings.key_rate, signed_in=True)

    def _note(self, key_id: str) -> None:
        """Say now and then that keys were used, in a thread of its own: the store may be busy for a while."""
        self._used.add(key_id)
        if time.monotonic() - self._told > USED_SECONDS and self._telling.acquire(blocking=False):
            threading.Thread(target=self._tell, name="aisle-keys", daemon=True).start()

    def _tell(self) -> None:
        try:
            used, self._used = self._used, set()
            with suppress(RecordError):  # a store that cannot be changed can be asked all the same
                self._records.keys.used(used, now_text())
            self._told = time.monotonic()
        finally:
            self._telling.release()
