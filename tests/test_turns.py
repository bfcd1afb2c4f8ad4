"""indexer/memory/turns.py: a lock that is handed on in the order of arrival."""

import threading
import time

import pytest

from indexer.memory.turns import Turns


def test_turns_are_taken_in_the_order_of_arrival() -> None:
    """Who asks again at once stands behind who was waiting."""
    turns, order = Turns(), list[str]()

    def take(name: str) -> None:
        with turns:
            order.append(name)

    waiting = []
    with turns:
        for name in "abc":
            waiting.append(threading.Thread(target=take, args=(name,)))
            waiting[-1].start()
            while len(turns._line) < 1 + len(waiting):
                time.sleep(0.001)
    take("again")
    for thread in waiting:
        thread.join()

    assert order == ["a", "b", "c", "again"]


def test_a_turn_that_fails_is_handed_on() -> None:
    """An error inside leaves nobody waiting for ever."""
    turns = Turns()
    try:
        with turns:
            raise ValueError
    except ValueError:
        pass
    with turns:
        assert len(turns._line) == 1


def test_who_is_interrupted_while_waiting_leaves_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those behind have their turn all the same."""
    turns = Turns()
    with turns:
        wait_for = turns._changed.wait_for
        monkeypatch.setattr(turns._changed, "wait_for", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt), turns:
            pass
        monkeypatch.setattr(turns._changed, "wait_for", wait_for)
        assert len(turns._line) == 1
    with turns:
        assert len(turns._line) == 1
