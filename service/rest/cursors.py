"""Cursors: where the next page of a list begins, in a form that says nothing to whoever passes it on."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import orjson

from service.rest.problems import InvalidCursor

NOT_GIVEN = "this cursor was not given by this list; start without one"


def cursor_of(listed: str, place: object) -> str:
    """Return the cursor of a place in a list, which is named so that no other list takes it."""
    return base64.urlsafe_b64encode(f"{listed} {place}".encode()).decode()


def place_of(listed: str, cursor: str | None) -> str | None:
    """Return the place that `cursor_of` was given, None without a cursor; raises InvalidCursor for any other."""
    if cursor is None:
        return None
    try:
        name, _, place = base64.b64decode(cursor, b"-_", validate=True).decode().partition(" ")
    except (binascii.Error, ValueError):
        name = place = ""
    if name != listed or not place.isprintable() or not place:
        raise InvalidCursor(NOT_GIVEN)
    return place


def number_of(listed: str, cursor: str | None) -> int | None:
    """Return the same of a place that is a number."""
    place = place_of(listed, cursor)
    if place is not None and not (place.isascii() and place.isdigit() and len(place) < 19):
        raise InvalidCursor(NOT_GIVEN)
    return None if place is None else int(place)


def cursor_of_numbers(listed: str, place: Sequence[float]) -> str:
    """Return the cursor of a place that is several numbers, a key the last of them."""
    return cursor_of(listed, orjson.dumps(place).decode())


def numbers_of(listed: str, cursor: str | None, size: int) -> Any:  # noqa: ANN401 - as many numbers as `size`
    """Return the `size` numbers that `cursor_of_numbers` was given, as `place_of`."""
    told = place_of(listed, cursor)
    if told is None:
        return None
    try:
        place = orjson.loads(told)
    except orjson.JSONDecodeError:
        place = None
    known = isinstance(place, list) and len(place) == size and all(type(each) in {int, float} for each in place)
    if not known or type(place[-1]) is not int or abs(place[-1]) >= 2**63:
        raise InvalidCursor(NOT_GIVEN)
    return (*map(float, place[:-1]), place[-1])
