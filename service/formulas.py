"""Text that a spreadsheet would take for a formula: written so that it is shown, and read again as it was."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""In full width, too; and after quotes, which get one more, or reading would take one away."""
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*%?")
QUOTE = "'"


def defused(text: str) -> str:
    """Return text with a quote before it where it begins like a formula and is no number: spreadsheets show it then.

    So does text that begins like this but for quotes: no two texts are written alike.
    """
    return QUOTE + text if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def restored(text: str) -> str:
    """Return what `defused` was given for this text, exactly."""
    rest = text.removeprefix(QUOTE)
    return rest if defused(rest) == text else text
