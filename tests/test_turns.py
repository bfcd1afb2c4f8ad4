"""indexer/memory/turns.py: a lock that is handed on in the order of arrival."""

import threading
import time

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
            while turns._given < 1 + len(waiting):
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
        assert turns._given == 2
