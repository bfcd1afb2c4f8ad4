"""Who encodes next: first come, first served, so that a question stands behind one piece of a large change, not all."""

from __future__ import annotations

import threading
from collections import deque
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
        self._line: deque[object] = deque()

    def __enter__(self) -> None:
        place = object()
        with self._changed:
            self._line.append(place)
            try:
                self._changed.wait_for(lambda: self._line[0] is place)
            except BaseException:  # whoever is interrupted while waiting leaves the line
                self._line.remove(place)
                self._changed.notify_all()
                raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._line.popleft()
            self._changed.notify_all()
