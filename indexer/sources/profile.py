"""Profile: which columns of a supplier's file hold which fields of a product, and how the file is written.

Read from a small TOML or JSON file, given as flags, or found from the column names; what is given wins over what is
found. A whole profile in TOML:

    encoding = "cp1252"                    # these three are detected when left out
    delimiter = ";"
    category_separator = "/"
    ignore = ["internal_*"]                # columns that detection must not use

    [columns]
    id = "ArtNr"
    title = "Bezeichnung"
    description = ["Kurztext", "Langtext"] # several columns: description, specs, both categories (levels), tags, image
    specs = ["attr_*", "Farbe"]            # * stands for anything; such a column is one spec

    [constant]
    brand = "Acme"                         # where the row itself says nothing
"""

from __future__ import annotations

import codecs
import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from indexer.errors import MissingColumn, SettingError
from indexer.product import FACTS
from indexer.sources.aliases import column_key, keys, spec_name

FIELDS = (
    *("id", "title", "description", "brand", "specs", "category", "tags", "image", "image_vector"),
    *("provenance", "weight"),
    *FACTS,
)
SEVERAL = frozenset({"description", "specs", "category", "tags", "image", "foreign_category"})
"""Fields that may come from more than one column."""

NUMBERS = ("gtin", "mpn")
"""Facts that a source may use as its id."""

_NO_TEXT = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
"""Codecs that no file is written in; the first two take the square of its length."""
WRITTEN = ("encoding", "delimiter", "category_separator")
_TABLES = ("columns", "constant")


@dataclass(frozen=True, slots=True)
class Profile:
    """How to read one supplier's rows; the module's text explains each entry. An empty text means: detect it."""

    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    constant: Mapping[str, str] = field(default_factory=dict)
    encoding: str = ""
    delimiter: str = ""
    category_separator: str = ""
    ignore: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise SettingError for an entry that no file could be read with."""
        for name, given in self.columns.items():
            _check_field(name, "a field")
            if len(given) > 1 and name not in SEVERAL:
                raise SettingError(f"{name} comes from one column, {len(given)} were given: {', '.join(given)}")
        for name in self.constant:
            _check_field(name, "a constant", FIELDS[1:])
        if self.delimiter and (len(self.delimiter) != 1 or self.delimiter in '"\r\n'):
            raise SettingError(f"the delimiter is one character and no quote, not {self.delimiter!r}")
        if self.encoding:
            _check_encoding(self.encoding)

    @classmethod
    def read(cls, path: Path) -> Profile:
        """Read a profile file; raises SettingError naming the file and the entry that is wrong."""
        try:
            text = path.read_text(encoding="utf-8-sig")
            entries = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
        except (OSError, ValueError, RecursionError) as error:
            raise SettingError(f"the profile {path} cannot be read: {error}") from error
        try:
            return cls.of(entries)
        except SettingError as error:
            raise SettingError(f"the profile {path}: {error}") from error

    @classmethod
    def of(cls, entries: object) -> Profile:
        """Return the profile of a mapping like the file's; raises SettingError for anything else."""
        if not isinstance(entries, dict):
            raise SettingError(f"a profile is a table of {', '.join((*_TABLES, *WRITTEN, 'ignore'))}")
        for name in entries:
            _check_field(name, "an entry", (*_TABLES, *WRITTEN, "ignore"))
        tables = {name: entries.get(name, {}) for name in _TABLES}
        for name, table in tables.items():
            if not isinstance(table, dict):
                raise SettingError(f"{name} is a table of fields, not {table!r}")
        return cls(
            columns={name: _texts(f"columns.{name}", given) for name, given in tables["columns"].items()},
            constant={name: _text(f"constant.{name}", given) for name, given in tables["constant"].items()},
            ignore=_texts("ignore", entries.get("ignore", ())),
            **{name: _text(name, entries.get(name, "")) for name in WRITTEN},
        )

    def to_json(self) -> dict[str, Any]:
        """Return what `of` reads, without what is to be detected."""
        said = {
            "columns": {name: list(columns) for name, columns in self.columns.items()},
            "constant": dict(self.constant),
            "ignore": list(self.ignore),
            **{name: getattr(self, name) for name in WRITTEN},
        }
        return {name: value for name, value in said.items() if value}

    def overridden(self, overrides: Mapping[str, str | Sequence[str]]) -> Profile:
        """Return this profile with some entries replaced: a field's column or columns, or one of WRITTEN."""
        for name in overrides:
            _check_field(name, "an override", (*FIELDS, *WRITTEN))
        columns = {name: _texts(name, given) for name, given in overrides.items() if name in FIELDS}
        return replace(
            self,
            columns={**self.columns, **columns},
            encoding=_text("encoding", overrides.get("encoding", self.encoding)),
            delimiter=_text("delimiter", overrides.get("delimiter", self.delimiter)),
            category_separator=_text(
                "category_separator", overrides.get("category_separator", self.category_separator)
            ),
        )

    def detected(self, columns: Sequence[str], *, needs_id: bool = True) -> Profile:
        """Return this profile with every pattern replaced by columns and every open field found by its aliases.

        Aliases are tried in their order, best first (`sources/aliases.py`); a column serves one field, and facts get
        what the others leave, but for article numbers, which the id may be as well. Raises MissingColumn for a column
        that was given and is not there, for no id (if needed), for neither text nor image.
        """
        found = {name: _resolved(name, given, columns) for name, given in self.columns.items()}
        used = {column for given in found.values() for column in given}
        free = [c for c in columns if c not in used and not any(fnmatchcase(c, pattern) for pattern in self.ignore)]
        by_key = {column_key(column): column for column in reversed(free)}
        for name in FIELDS:
            if name not in found and name not in FACTS:
                found[name] = tuple(by_key.pop(key) for key in keys(name) if key in by_key)[:1]
                found[name] += _prefixed(free) if name == "specs" else ()
        _find_facts(found, free)
        if needs_id and not found["id"]:
            raise MissingColumn(f"no column holds the id among {_listed(columns)}; name it, as in id = {columns[0]!r}")
        if not any(found[name] for name in ("title", "description", "brand", "specs", "image")):
            raise MissingColumn(
                f"no column holds a title, text or image among {_listed(columns)}; name it (title = ...)"
            )
        return replace(self, columns=found)


def _find_facts(found: dict[str, tuple[str, ...]], free: Sequence[str]) -> None:
    """Add the columns of facts to those found: what no other field reads, so that no text is lost to them."""
    read = {column for name, columns in found.items() if name != "id" for column in columns}
    for name in (name for name in FACTS if name not in found):
        taken = set() if name in NUMBERS else set(found["id"])
        by_key = {column_key(c): c for c in reversed(free) if c not in read | taken}
        by_key |= {column_key(c): c for c in found["id"] if name in NUMBERS and c not in read}
        found[name] = tuple(by_key[key] for key in keys(name) if key in by_key)[:1]
        read.update(found[name])


def _check_field(name: str, what: str, known: Iterable[str] = FIELDS) -> None:
    if name not in known:
        raise SettingError(f"{name!r} is not {what}; choose from {', '.join(known)}")


def _check_encoding(name: str) -> None:
    try:
        if codecs.lookup(name).name in _NO_TEXT:
            raise LookupError(name)
        "a".encode(name)  # refuses base64 and its kind
    except (LookupError, ValueError) as error:
        raise SettingError(f"{name!r} is no text encoding; write it like utf-8, cp1252 or shift_jis") from error


def _text(name: str, given: Any) -> str:  # noqa: ANN401  (whatever a file holds)
    if not isinstance(given, str):
        raise SettingError(f"{name} is a text, not {given!r}")
    return given


def _texts(name: str, given: Any) -> tuple[str, ...]:  # noqa: ANN401  (whatever a file holds)
    several = (given,) if isinstance(given, str) else given
    if not isinstance(several, list | tuple) or not all(isinstance(column, str) and column for column in several):
        raise SettingError(f"{name} is a column or a list of columns, not {given!r}")
    return tuple(several)


def _resolved(name: str, given: Sequence[str], columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that were meant: by their exact name, else by `column_key`, else by pattern."""
    found: list[str] = []
    for wanted in given:
        near = [column for column in columns if column_key(column) == column_key(wanted)]
        matches = [wanted] if wanted in columns else near[:1]
        if "*" in wanted and not matches:
            matches = [column for column in columns if fnmatchcase(column, wanted)]
        if not matches:
            raise MissingColumn(f"there is no column {wanted!r} for {name}; the columns are {_listed(columns)}")
        found += matches
    if len(found) > 1 and name not in SEVERAL:
        raise MissingColumn(f"{name} comes from one column, {given[0]!r} matches {len(found)}: {_listed(found)}")
    return tuple(dict.fromkeys(found))


def _prefixed(columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns named like `attr_colour`; a single one, as Magento's `attribute_set`, is no spec."""
    found = tuple(column for column in columns if spec_name(column))
    return found if len(found) > 1 else ()


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(repr(column[:60]) for column in columns[:30])
    return shown + (f" and {len(columns) - 30} more" if len(columns) > 30 else "")
