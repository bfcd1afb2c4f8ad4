"""Accounts of people, and the browsers that are signed in, in the record store; passwords and sessions as hashes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from indexer.errors import AccountNotFound
from indexer.store.decisions import Connecting
from indexer.store.moment import now_text
from indexer.store.schema import accounts, sessions


@dataclass(frozen=True, slots=True)
class Account:
    """One person who signs in with a password, which is kept as a hash."""

    name: str
    password: str
    scopes: Sequence[str]
    created_at: str
    last_used_at: str | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is signed in. digest: of what it shows. kind: key or account. holder: its id, or name."""

    digest: str
    kind: str
    holder: str
    created_at: str
    expires_at: str


class Accounts:
    """The accounts and sessions of one store; `Records.accounts` makes it."""

    def __init__(self, reading: Connecting, changing: Connecting) -> None:
        self._reading = reading
        self._changing = changing

    def put(self, name: str, password: str, scopes: Sequence[str]) -> Account:
        """Make an account, or give the one of that name another password and scopes, which ends its sessions."""
        now = now_text()
        with self._changing() as connection:
            found = _found(connection, name)
            account = Account(name, password, list(scopes), found.created_at if found else now)
            account = replace(account, last_used_at=found.last_used_at if found else None)
            _forget(connection, name)
            connection.execute(accounts.insert(), {each: getattr(account, each) for each in Account.__slots__})
        return account

    def all(self) -> list[Account]:
        """Return every account, by name."""
        with self._reading() as connection:
            return [
                Account(**row) for row in connection.execute(sa.select(accounts).order_by(accounts.c.name)).mappings()
            ]

    def find(self, name: str) -> Account | None:
        """Return the account of that name, or None."""
        with self._reading() as connection:
            return _found(connection, name)

    def remove(self, name: str) -> None:
        """Remove an account and end its sessions; raises AccountNotFound."""
        with self._changing() as connection:
            if _found(connection, name) is None:
                raise AccountNotFound(name)
            _forget(connection, name)

    def begin(self, session: Session) -> None:
        """Keep a session; those that have expired are forgotten."""
        now = now_text()
        with self._changing() as connection:
            connection.execute(sessions.delete().where(sessions.c.expires_at <= now))
            connection.execute(sessions.insert(), {each: getattr(session, each) for each in Session.__slots__})
            if session.kind == "account":
                its = accounts.c.name == session.holder
                connection.execute(accounts.update().where(its).values(last_used_at=now))

    def session(self, digest: str) -> Session | None:
        """Return the session of that hash, also when it has expired, or None."""
        query = sa.select(sessions).where(sessions.c.digest == digest)
        with self._reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
            return None if row is None else Session(**row)

    def end(self, digest: str) -> None:
        """Forget a session; one that is not there is no error."""
        with self._changing() as connection:
            connection.execute(sessions.delete().where(sessions.c.digest == digest))

    def end_all(self) -> None:
        """Forget every session."""
        with self._changing() as connection:
            connection.execute(sessions.delete())


def _found(connection: sa.Connection, name: str) -> Account | None:
    row = connection.execute(sa.select(accounts).where(accounts.c.name == name)).mappings().one_or_none()
    return None if row is None else Account(**row)


def _forget(connection: sa.Connection, name: str) -> None:
    connection.execute(sessions.delete().where(sessions.c.kind == "account", sessions.c.holder == name))
    connection.execute(accounts.delete().where(accounts.c.name == name))
