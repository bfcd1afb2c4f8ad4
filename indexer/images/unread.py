"""Unread, why the bytes behind a reference could not be had."""


class Unread(Exception):
    """A picture was not found, is over a limit or must not be read; the text says why and what helps.

    An expected outcome: `looking` turns it into the `problem` of that one picture, and it goes no further.
    """
