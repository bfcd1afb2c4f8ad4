"""From a category string as a source writes it to a path, or to the reason why it is none.

How one source writes its paths is decided once, from a sample of its cells, because a slash is a separator in one
("Home/Kitchen/Pans") and part of a name in the next ("Shirts/Tops"). Each cell is then read by that decision.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from taxonomy.names import Path, clean_name, depth_fault, name_fault, name_key

STRONG = (">>", ">", "\u00bb", "\u203a", "|")  # also the two French closing quotes; the first that a cell contains wins
SLASH = "/"
CELL_CHARS = 5_000

_ENTITY = re.compile(r"&#?\w{1,31};")
_ARRAY = re.compile(r"""\[\s*["'\]]""")


@dataclass(frozen=True, slots=True)
class Separators:
    """How one source writes its paths: `fixed` is the user's word and overrides the rest.

    Otherwise a cell is split at the first of STRONG that it contains; a cell with none of them is split at slashes
    when `slash`, or when what stands before its first slash is, by `name_key`, one of `roots`.
    """

    fixed: str | None = None
    slash: bool = False
    roots: frozenset[str] = frozenset()

    def of(self, cell: str) -> str | None:
        """Return the separator of one cell, or None when the whole of it is one name."""
        if self.fixed is not None:
            return self.fixed
        strong = _strong(cell)
        if strong or SLASH not in cell:
            return strong
        first = cell.lstrip(f"{SLASH} ").partition(SLASH)[0]
        return SLASH if self.slash or name_key(first) in self.roots else None


@dataclass(frozen=True, slots=True)
class Invalid:
    """A category string that is no path; ingest quarantines its row with the reason."""

    reason: str


def detect_separator(samples: Iterable[str]) -> Separators:
    """Decide from a sample of cells; empty and unreadable ones are no evidence.

    A slash separates everywhere when more than half of the cells contain one and none contains a STRONG separator.
    """
    cells = [cell for text in samples if isinstance(cell := _cell(text), str) and cell]
    if any(map(_strong, cells)):
        firsts = (cell.strip(f"{separator} ").split(separator) for cell in cells if (separator := _strong(cell)))
        return Separators(roots=frozenset(name_key(names[0]) for names in firsts if len(names) > 1))
    return Separators(slash=2 * sum(SLASH in cell for cell in cells) > len(cells))


def parse_path(text: str, separators: Separators) -> Path | Invalid:
    """Return the names of a category string, cleaned, or why there are none.

    Separators at either end are dropped. A JSON array gives its names; an array of one string is read like that string.
    Every path returned is one that `Tree.from_paths` accepts.
    """
    cell = _cell(text)
    if isinstance(cell, Invalid):
        return cell
    if isinstance(cell, str):
        separator = separators.of(cell)
        names = [clean_name(name) for name in (cell.split(separator) if separator else [cell])]
        while names and not names[0]:
            del names[0]
        while names and not names[-1]:
            del names[-1]
    else:
        names = [clean_name(name) for name in cell]
    path = tuple(names)
    if not path:
        return Invalid("the category is empty")
    fault = depth_fault(path) or next(filter(None, map(name_fault, path)), "")
    return Invalid(f"the category {text.strip()[:80]!r} is no path: {fault}") if fault else path


def _strong(cell: str) -> str | None:
    return next((separator for separator in STRONG if separator in cell), None)


def _cell(text: str) -> str | list[str] | Invalid:
    """Undo what wraps a path: white space, HTML entities, a JSON array around it."""
    if len(text) > CELL_CHARS:
        return Invalid(f"the category has {len(text):,} characters, the limit is {CELL_CHARS:,}; shorten it")
    text = text.strip()
    if _ARRAY.match(text):
        try:
            names = json.loads(text)
        except (ValueError, RecursionError):
            names = None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return Invalid(f'the category {text[:80]!r} is no JSON array of names; write it like ["A", "B"]')
        if len(names) != 1:
            return names
        text = names[0].strip()
    # Only entities that end in ";": html.unescape alone would turn "Shoes&regular" into "Shoes®ular".
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text)
