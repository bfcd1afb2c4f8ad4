"""What a long command says of itself while it works."""

from __future__ import annotations

import io
import time

import pytest

from service.console.progress import Progress, seconds, status


class Terminal(io.StringIO):
    """A stream that calls itself a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


class Closed(io.StringIO):
    """A pipe whose reader has left."""

    def write(self, text: str) -> int:
        """Refuse."""
        raise BrokenPipeError(32, "Broken pipe", text)


def test_lines_tell_rate_and_time_left_every_five_seconds() -> None:
    """Where there is no terminal, a line is due after five seconds, and one when the stage has ended."""
    stream, now = io.StringIO(), [0.0]
    with Progress(stream, lambda: now[0]) as progress:
        progress.start("encode", 1_000, "products")
        for now[0], done in ((2.0, 100), (5.0, 250), (9.0, 400), (10.0, 500), (20.0, 1_000)):
            progress.at(done)
        progress.start("index", None, "")
        now[0] = 22.5
    assert stream.getvalue().splitlines() == [
        "encode: 250 of about 1,000 products, 50.0/s, 15 s left",
        "encode: 500 of about 1,000 products, 50.0/s, 10 s left",
        "encode: 1,000 products, 50.0/s, 20 s",
        "index: 2.5 s",
    ]


def test_the_rate_is_of_what_was_done_since() -> None:
    """Of a stage that others began, or that was begun earlier."""
    stream, now = io.StringIO(), [0.0]
    with Progress(stream, lambda: now[0]) as progress:
        progress.start("categorize", 1_000, "rows", before=500)
        for now[0], done in ((5.0, 600), (25.0, 1_000)):
            progress.at(done)
    assert stream.getvalue().splitlines() == [
        "categorize: 600 of about 1,000 rows, 20.0/s, 20 s left",
        "categorize: 1,000 rows, 20.0/s, 25 s",
    ]


def test_what_the_last_line_said_is_not_said_again() -> None:
    """Where a total is not known, or was too large, the last line may be of the end: then how long it took is said."""
    stream, now = io.StringIO(), [0.0]
    with Progress(stream, lambda: now[0]) as progress:
        progress.start("write", None, "pairs")
        now[0] = 6.0
        progress.at(300)
        now[0] = 7.0
    assert stream.getvalue().splitlines() == ["write: 300 pairs, 50.0/s", "write: 7.0 s"]


def test_a_stage_of_less_than_a_second_is_not_worth_a_line() -> None:
    """A small build says nothing on its way to its report."""
    stream, now = io.StringIO(), [0.0]
    with Progress(stream, lambda: now[0]) as progress:
        progress.start("encode", 10, "products")
        now[0] = 0.9
        progress.at(10)
    assert stream.getvalue() == ""


def test_a_total_that_was_too_small_is_not_shown() -> None:
    """An estimate may be wrong; there is never less than nothing left."""
    stream, now = io.StringIO(), [0.0]
    with Progress(stream, lambda: now[0]) as progress:
        progress.start("encode", 100, "products")
        now[0] = 6.0
        progress.at(120)
    assert stream.getvalue().splitlines()[0] == "encode: 120 products, 20.0/s"


def test_a_stage_that_was_broken_off_is_not_said_to_have_ended() -> None:
    """The error is the last word."""
    stream, now = io.StringIO(), [0.0]

    def broken() -> None:
        with Progress(stream, lambda: now[0]) as progress:
            progress.start("encode", 100, "products")
            now[0] = 3.0
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        broken()
    assert stream.getvalue() == ""


def test_work_goes_on_when_nobody_reads_its_progress() -> None:
    """A closed stderr, as after `2>&1 | head`, stops no build."""
    now = [0.0]
    with Progress(Closed(), lambda: now[0]) as progress:
        progress.start("encode", 100, "products")
        now[0] = 6.0
        progress.at(50)
    with status("opening", Closed()):
        pass


def test_a_terminal_gets_a_bar_for_each_stage() -> None:
    """The bar shows name, amount, rate and what is left, and what it took when it has ended."""
    stream, now = Terminal(), [0.0]
    with Progress(stream, lambda: now[0]) as progress:
        progress.start("encode", 1_000, "products")
        now[0] = 5.0
        progress.at(250)
        now[0] = 20.0
        progress.at(1_000)
        progress.start("index", None, "")
    shown = stream.getvalue()
    assert "encode" in shown
    assert "1,000 products, 50.0/s, 20 s" in shown
    assert "index" in shown


def test_what_has_no_measure_says_that_it_is_under_way() -> None:
    """A line where there is no terminal, something that moves where there is one."""
    plain, terminal = io.StringIO(), Terminal()
    for stream in (plain, terminal):
        with status("opening index/sample", stream):
            pass
    assert plain.getvalue() == "opening index/sample\n"
    assert "opening index/sample" in terminal.getvalue()


def test_words_about_what_has_no_measure_are_shown_in_place_or_seldom() -> None:
    """A terminal shows the latest words; elsewhere there is a line every five seconds at most."""
    plain, terminal = io.StringIO(), Terminal()
    for stream in (plain, terminal):
        with status("loading static", stream) as say:
            say("100 of 200 tokens")
            end = time.monotonic() + 60
            while stream is terminal and "100 of 200" not in terminal.getvalue() and time.monotonic() < end:
                time.sleep(0.02)  # the spinner is drawn some ten times a second
    assert plain.getvalue() == "loading static\n"
    assert "loading static: 100 of 200 tokens" in terminal.getvalue()


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (0.04, "0.0 s"),
        (4.24, "4.2 s"),
        (9.6, "10 s"),
        (59.7, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.8, "1 h 00 min"),
        (7800, "2 h 10 min"),
    ],
)
def test_durations_are_written_as_people_say_them(duration: float, words: str) -> None:
    """One decimal below ten seconds, then whole seconds, then minutes, then hours."""
    assert seconds(duration) == words
