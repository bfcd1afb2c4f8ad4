"""Who encodes next: first come, first served, so that a question stands behind one piece of a large change, not all."""

from __future__ import annotations

import threading
from types import TracebackType
from weakref import WeakKeyDictionary

_turns: WeakKeyDictionary[object, Turns] = WeakKeyDictionary()
_making = threading.Lock()


def turns_of(shared: object) -> Turns:
    """Return the turns in which something that serves one thread at a time is used, the same for all who share it."""
    with _making:
        return _turns.setdefault(shared, Turns())


class Turns:
    """A lock that is handed on in the order of arrival: `with turns:`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._given = 0
        self._called = 0

    def __enter__(self) -> None:
        with self._changed:
            number, self._given = self._given, self._given + 1
            self._changed.wait_for(lambda: self._called == number)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._called += 1
            self._changed.notify_all()
