"""API keys and accounts as the command line tells them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from indexer.errors import SettingError
from indexer.store.access.accounts import Account
from indexer.store.access.keys import ApiKey
from service.access.issue import state_of
from service.console.words import aligned, minute, one_line

SPANS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
SPAN_CHARS = 6


def span(text: str) -> timedelta:
    """Return how long `90d`, `12h` or `4w` is; raises SettingError for anything else."""
    found = re.fullmatch(rf"(\d{{1,{SPAN_CHARS}}})([hdw])", text)
    if found is None:
        raise SettingError(f"{text!r} is no span of time; write a number of hours, days or weeks: 12h, 90d, 4w")
    return int(found[1]) * SPANS[found[2]]


def expiry(text: str | None) -> str | None:
    """Return the moment after a span as the store writes it; None without one. Raises SettingError."""
    if text is None:
        return None
    try:
        moment = datetime.now(UTC) + span(text)
    except OverflowError as error:
        raise SettingError(f"{text!r} is too long; leave it out for a key that never expires") from error
    return moment.isoformat(timespec="milliseconds")


def key_table(keys: Sequence[ApiKey]) -> str:
    """Return one line for each key, in the order given."""
    if not keys:
        return "there is no API key yet; make one with: aisle keys create NAME --scope read"
    cells = [
        (
            each.id,
            one_line(each.name),
            ",".join(each.scopes),
            state_of(each),
            _until(each.expires_at),
            "as set" if each.rate is None else f"{each.rate:,}/min" if each.rate else "any",
            minute(each.created_at),
            minute(each.last_used_at) if each.last_used_at else "never",
        )
        for each in keys
    ]
    return "\n".join(aligned([("id", "name", "scopes", "state", "expires", "rate", "created", "last used"), *cells]))


def account_table(accounts: Sequence[Account]) -> str:
    """Return one line for each account, in the order given."""
    if not accounts:
        return "there is no account yet; make one with: aisle accounts set NAME --scope review"
    cells = [
        (
            one_line(each.name),
            ",".join(each.scopes),
            minute(each.created_at),
            minute(each.last_used_at) if each.last_used_at else "never",
        )
        for each in accounts
    ]
    return "\n".join(aligned([("name", "scopes", "created", "signed in"), *cells]))


def key_facts(key: ApiKey) -> dict[str, Any]:
    """Return a key as JSON tells it, without the hashes of its tokens."""
    hidden = {"digest", "former_digest"}
    return {name: getattr(key, name) for name in ApiKey.__slots__ if name not in hidden} | {"state": state_of(key)}


def _until(moment: str | None) -> str:
    return minute(moment) if moment else "never"
