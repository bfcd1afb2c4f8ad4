"""Cursors: where the next page of a list begins, in a form that says nothing to whoever passes it on."""

from __future__ import annotations

import base64
import binascii

from service.rest.problems import InvalidCursor


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
        raise InvalidCursor("this cursor was not given by this list; start without one")
    return place


def number_of(listed: str, cursor: str | None) -> int | None:
    """Return the same of a place that is a number."""
    place = place_of(listed, cursor)
    if place is not None and not (place.isascii() and place.isdigit() and len(place) < 19):
        raise InvalidCursor("this cursor was not given by this list; start without one")
    return None if place is None else int(place)
