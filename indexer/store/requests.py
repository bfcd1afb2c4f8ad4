"""Requests that must not be carried out twice: who claimed an idempotency key, and what was answered.

The answer is written in the transaction of the change that it tells of, so that both are there or neither. Every
function works inside the transaction of the connection it is given; `records` opens and closes those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from indexer.errors import RequestConflict, RequestRunning
from indexer.store.rows import Written
from indexer.store.schema import requests

ABANDONED = timedelta(minutes=2)
"""A request that has had no answer and was not renewed for this long is taken for one whose process died."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered to a request: an HTTP status, or any number but 0, and the bytes."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a change leaves in the store for the request that asked for it: answer(outcomes) under the key it claimed.

    `answer` is called inside the transaction of the change, with its outcomes in order; it must be quick, and what it
    raises undoes the change.
    """

    key: str
    answer: Callable[[Sequence[Written | Exception]], Answered]


def claim(connection: sa.Connection, key: str, fingerprint: str, now: str, keep: timedelta) -> Answered | None:
    """Claim a key for a request, or return what was answered to that request before.

    Answers older than `keep` are forgotten first. Raises RequestConflict when the key stands for another request, and
    RequestRunning when that request has no answer yet.
    """
    moment = datetime.fromisoformat(now)
    old, lost = (_written(moment - age) for age in (keep, ABANDONED))
    connection.execute(requests.delete().where(requests.c.at < old))
    connection.execute(requests.delete().where(requests.c.status == 0, requests.c.at < lost))
    found = connection.execute(sa.select(requests).where(requests.c.key == key)).one_or_none()
    if found is None:
        row = {"key": key, "fingerprint": fingerprint, "at": now, "status": 0, "answer": b""}
        connection.execute(requests.insert(), row)
        return None
    if found.fingerprint != fingerprint:
        raise RequestConflict(key)
    if not found.status:
        raise RequestRunning(key)
    return Answered(found.status, bytes(found.answer))


def settle(connection: sa.Connection, key: str, answered: Answered) -> None:
    """Keep what is answered to the request that claimed a key.

    Raises RequestRunning when the key is not its own any more: nobody heard of it for so long that it was taken for
    dead, and another has answered.
    """
    new = {"status": answered.status, "answer": answered.body}
    done = connection.execute(requests.update().where(requests.c.key == key, requests.c.status == 0), new)
    if not done.rowcount:
        raise RequestRunning(key)


def renew(connection: sa.Connection, key: str, now: str) -> None:
    """Say that the request that claimed a key still runs, so that nobody takes it for abandoned."""
    connection.execute(requests.update().where(requests.c.key == key, requests.c.status == 0).values(at=now))


def release(connection: sa.Connection, key: str) -> None:
    """Give up the claim of a request that failed, so that it can be made again."""
    connection.execute(requests.delete().where(requests.c.key == key, requests.c.status == 0))


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
