"""How far a long command is: bars with rate and time left on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

EVERY_SECONDS = 5.0
"""Time between two lines where there is no terminal."""
WORTH_SECONDS = 1.0
"""A stage that ends sooner gets no line there."""


class Progress:
    """The stages of one command, one after the other. Use it as a context manager; `start` opens the next stage.

    clock: seconds since any moment, for rate and time left.
    """

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._bars: Bars | None = None
        self._task: TaskID | None = None
        self._stage: _Stage | None = None

    def __enter__(self) -> Self:
        """Take over the line that bars are drawn on, if there is a terminal."""
        if self._stream.isatty():
            self._bars = _bars(self._stream)
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the last stage; one that was broken off is not said to have ended."""
        if kind is None:
            self._finish()
        if self._bars is not None:
            self._bars.stop()

    def start(self, name: str, total: int | None, unit: str, before: int = 0) -> None:
        """End the stage before and begin `name`, of about `total` units where that is known.

        before: units of it that were done by others, or earlier; the rate is of those that follow.
        """
        self._finish()
        self._stage = _Stage(name, total, unit, self._clock, before)
        if self._bars is not None:
            self._task = self._bars.add_task(name, total=total, completed=before, said="")

    def at(self, done: int) -> None:
        """Say that `done` units of the stage are behind us."""
        stage = self._stage
        if stage is None:
            raise ValueError("at belongs to a stage; call start first")
        stage.done = done
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=done, said=stage.said())
        elif done != stage.total and stage.due():
            self._print(f"{stage.name}: {stage.said()}")
            stage.shown = done

    def _finish(self) -> None:
        if self._stage is None:
            return
        stage, self._stage = self._stage, None
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=stage.done or 1, total=stage.done or 1, said=stage.ended())
        elif stage.age() >= WORTH_SECONDS:
            self._print(f"{stage.name}: {stage.ended() if stage.done != stage.shown else seconds(stage.age())}")

    def _print(self, line: str) -> None:
        _write(line, self._stream)


class _Stage:
    def __init__(self, name: str, total: int | None, unit: str, clock: Callable[[], float], before: int) -> None:
        self.name, self.total, self.unit, self.done = name, total, unit, before
        self._before = before
        self.shown = 0  # in the last line
        self._clock = clock
        self._began = self._told = clock()

    def age(self) -> float:
        return self._clock() - self._began

    def due(self) -> bool:
        now = self._clock()
        if now - self._told < EVERY_SECONDS:
            return False
        self._told = now
        return True

    def said(self) -> str:
        rate = self._rate()
        if not self.total or not rate or self.done > self.total:  # a total that was estimated may be too small
            return f"{self.done:,} {self.unit}, {_per_second(rate)}"
        left = seconds((self.total - self.done) / rate)
        return f"{self.done:,} of about {self.total:,} {self.unit}, {_per_second(rate)}, {left} left"

    def ended(self) -> str:
        took = seconds(self.age())
        return f"{self.done:,} {self.unit}, {_per_second(self._rate())}, {took}" if self.done else took

    def _rate(self) -> float:
        return (self.done - self._before) / max(self.age(), 1e-9)


def seconds(duration: float) -> str:
    """Write a duration as people say it: 4.2 s, 42 s, 3 min 05 s, 2 h 10 min."""
    whole = round(duration)
    if whole < 10:
        return f"{duration:.1f} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s" if minutes else f"{whole} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


@contextmanager
def status(text: str, stream: TextIO | None = None) -> Iterator[Callable[[str], None]]:
    """Show that something without a measure of its own, such as loading a model, is under way.

    Yields what shows further words about it: in place on a terminal, elsewhere as a line every five seconds at most.
    """
    stream = stream or sys.stderr
    if stream.isatty():
        from rich.console import Console

        with Console(file=stream).status(text) as shown:
            yield lambda words: shown.update(f"{text}: {words}")
        return
    told = time.monotonic()

    def say(words: str) -> None:
        nonlocal told
        if time.monotonic() - told >= EVERY_SECONDS:
            told = time.monotonic()
            _write(f"{text}: {words}", stream)

    _write(text, stream)
    yield say


def _write(line: str, stream: TextIO) -> None:
    with suppress(BrokenPipeError):  # the work goes on when nobody looks any more
        stream.write(line + "\n")
        stream.flush()


def _per_second(rate: float) -> str:
    return f"{rate:,.1f}/s" if rate < 100 else f"{rate:,.0f}/s"


def _bars(stream: TextIO) -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:<8}"),
        BarColumn(24),
        TimeElapsedColumn(),
        TextColumn("{task.fields[said]}"),
    )
    return Bars(*columns, console=Console(file=stream))
