"""Keys as they are made, given another token, and told of: what the command line and REST do alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from indexer.store.access.keys import ApiKey, Keys
from indexer.store.moment import now_text
from service.access.tokens import digest_of, new_id, new_token

OVERLAP_HOURS = 24.0
"""How long the token before a rotation counts beside the new one, unless somebody says otherwise."""


def issue(
    keys: Keys,
    name: str,
    scopes: Sequence[str],
    *,
    expires_at: str | None = None,
    rate: int | None = None,
    author: str = "",
) -> tuple[ApiKey, str]:
    """Make a key and return it with its token, which nobody can tell again."""
    key_id = new_id()
    token = new_token(key_id)
    key = ApiKey(
        key_id,
        name,
        list(dict.fromkeys(scopes)),
        digest_of(token),
        now_text(),
        rate=rate,
        author=author,
        expires_at=expires_at,
    )
    keys.add(key)
    return key, token


def rotate(keys: Keys, key_id: str, overlap_hours: float = OVERLAP_HOURS) -> tuple[ApiKey, str]:
    """Give a key another token and return both; raises KeyNotFound and KeyRevoked."""
    token = new_token(key_id)
    until = datetime.now(UTC) + timedelta(hours=overlap_hours)
    return keys.rotate(key_id, digest_of(token), until.isoformat(timespec="milliseconds")), token


def state_of(key: ApiKey) -> Literal["valid", "expired", "revoked"]:
    """Return whether a key counts."""
    if key.revoked:
        return "revoked"
    return "expired" if key.expired(datetime.now(UTC)) else "valid"
