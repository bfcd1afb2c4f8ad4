"""API keys in the record store: made, listed, given another token, revoked. Of a token only its SHA-256 is kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from hmac import compare_digest

import sqlalchemy as sa

from indexer.errors import KeyNotFound, KeyRevoked
from indexer.store.decisions import Connecting
from indexer.store.moment import now_text
from indexer.store.schema import api_keys, sessions


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key as it is stored, its columns by the same names; moments are ISO 8601 in UTC.

    rate: requests a minute at most, 0 for any number, None as the service is set.
    """

    id: str
    name: str
    scopes: Sequence[str]
    digest: str
    created_at: str
    former_digest: str = ""
    former_until: str | None = None
    rate: int | None = None
    author: str = ""
    expires_at: str | None = None
    rotated_at: str | None = None
    last_used_at: str | None = None
    revoked_at: str | None = None

    @property
    def revoked(self) -> bool:
        """Whether it was revoked."""
        return self.revoked_at is not None

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and datetime.fromisoformat(self.expires_at) <= now

    def fits(self, digest: str, now: datetime) -> bool:
        """Whether a token of that hash is its own, or the one before while that counts; takes the same time for any."""
        own = compare_digest(self.digest, digest)
        former = compare_digest(self.former_digest or "-", digest)
        return own or (former and self.former_until is not None and now < datetime.fromisoformat(self.former_until))


class Keys:
    """The API keys of one store; `Records.keys` makes it."""

    def __init__(self, reading: Connecting, changing: Connecting) -> None:
        self._reading = reading
        self._changing = changing

    def add(self, key: ApiKey) -> None:
        """Keep a new key."""
        row = {field.name: getattr(key, field.name) for field in fields(ApiKey)}
        with self._changing() as connection:
            connection.execute(api_keys.insert(), row | {"scopes": list(key.scopes)})

    def all(self) -> list[ApiKey]:
        """Return every key that was ever made, the oldest first."""
        query = sa.select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id)
        with self._reading() as connection:
            return [ApiKey(**row) for row in connection.execute(query).mappings()]

    def find(self, key_id: str) -> ApiKey | None:
        """Return the key of that id, or None."""
        with self._reading() as connection:
            return _found(connection, key_id)

    def get(self, key_id: str) -> ApiKey:
        """Return the key of that id; raises KeyNotFound."""
        found = self.find(key_id)
        if found is None:
            raise KeyNotFound(key_id)
        return found

    def rotate(self, key_id: str, digest: str, former_until: str) -> ApiKey:
        """Give a key another token, by its hash; the one it had counts until then, and its sessions end at once.

        Raises KeyNotFound and KeyRevoked.
        """
        with self._changing() as connection:
            found = _found(connection, key_id)
            if found is None:
                raise KeyNotFound(key_id)
            if found.revoked_at is not None:
                raise KeyRevoked(key_id, found.revoked_at)
            new = {
                "digest": digest,
                "former_digest": found.digest,
                "former_until": former_until,
                "rotated_at": now_text(),
            }
            connection.execute(api_keys.update().where(api_keys.c.id == key_id).values(new))
            _sign_out(connection, key_id)
        return self.get(key_id)

    def revoke(self, key_id: str) -> ApiKey:
        """Let a key count no more, nor what was signed in with it; once more changes nothing. Raises KeyNotFound."""
        with self._changing() as connection:
            its = (api_keys.c.id == key_id) & api_keys.c.revoked_at.is_(None)
            connection.execute(api_keys.update().where(its).values(revoked_at=now_text()))
            _sign_out(connection, key_id)
        return self.get(key_id)

    def used(self, ids: Collection[str], at: str) -> None:
        """Say that keys were used."""
        with self._changing() as connection:
            connection.execute(api_keys.update().where(api_keys.c.id.in_(ids)).values(last_used_at=at))


def _found(connection: sa.Connection, key_id: str) -> ApiKey | None:
    row = connection.execute(sa.select(api_keys).where(api_keys.c.id == key_id)).mappings().one_or_none()
    return None if row is None else ApiKey(**row)


def _sign_out(connection: sa.Connection, key_id: str) -> None:
    connection.execute(sessions.delete().where(sessions.c.kind == "key", sessions.c.holder == key_id))
