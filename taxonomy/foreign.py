"""What the categories of another tree mean in this one, as a person reviewed it: the mapping file and its look-up.

`service/mapping` proposes it, a person edits the file, `indexer.sources` looks a source's categories up in it. A CSV or
JSON file with one entry for each foreign category; only `foreign_category`, `path` and `status` are read back.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Literal, get_args

from taxonomy.mapping import RETIRED, CategoryMapper, Unmapped
from taxonomy.names import SEPARATOR, TaxonomyError, name_key
from taxonomy.names import Path as Names
from taxonomy.separators import Invalid, Separators, parse_path

Status = Literal["map", "review", "ignore"]
STATUSES: tuple[Status, ...] = get_args(Status)

READ = ("foreign_category", "path", "status")
COLUMNS = (*READ, "share", "purity", "confidence", "likeness", "products", "examples", "others")
BYTES = 256 * 1024 * 1024
ENTRIES = 1_000_000
CHARS = 2_000
"""Characters of a foreign category, at most."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one foreign category means, and what speaks for it.

    path: of a node, "" for none. status: `map` is applied, `review` waits for a person, `ignore` means that it says
    nothing. share: of the votes, those for the node and all below it. purity: the chance that two of its votes are for
    the same category. confidence: the share that can be counted on, given how few products there are (Wilson's lower
    bound at 95%). likeness: of the names, 0 to 1. others: other paths with their shares.
    """

    foreign: str
    path: str
    status: Status
    share: float = 0.0
    purity: float = 0.0
    confidence: float = 0.0
    likeness: float = 0.0
    products: int = 0
    examples: tuple[str, ...] = ()
    others: tuple[tuple[str, float], ...] = ()

    def entry(self) -> dict[str, Any]:
        """Return it by the names of COLUMNS."""
        return {
            "foreign_category": self.foreign,
            "path": self.path,
            "status": self.status,
            **{name: round(getattr(self, name), 4) for name in ("share", "purity", "confidence", "likeness")},
            "products": self.products,
            "examples": list(self.examples),
            "others": [{"path": path, "share": round(share, 4)} for path, share in self.others],
        }


def foreign_key(text: str) -> str:
    """Return what two spellings of a foreign category have in common: case, spacing, and the marks between names."""
    return "\n".join(map(name_key, foreign_path(text)))


def foreign_path(text: str) -> Names:
    """Return the names of a foreign category; the whole text is one name where it is no path."""
    path = parse_path(text[:CHARS], Separators())
    return (text.strip(),) if isinstance(path, Invalid) else path


def mapping_kind(file: Path) -> str:
    """Return how the name of a mapping file ends, .csv or .json; raises TaxonomyError for any other."""
    kind = file.suffix.lower()
    if kind not in {".csv", ".json"}:
        raise TaxonomyError(f"{file.name!r} is no mapping file; end its name with .csv or .json")
    return kind


def write_mapping(meanings: Sequence[Meaning], out: Path) -> None:
    """Write a mapping file, .csv or .json, in the order given; raises TaxonomyError for another name.

    It is written aside and gets its name when it is whole: on any error a reviewed file is there as it was.
    """
    entries = [meaning.entry() for meaning in meanings]
    write = _write_entries if mapping_kind(out) == ".json" else _write_table
    aside = out.with_name(f".{out.name}.writing")
    try:
        write(entries, aside)
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)


def _write_entries(entries: Sequence[dict[str, Any]], out: Path) -> None:
    out.write_text(json.dumps(entries, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _write_table(entries: Sequence[dict[str, Any]], out: Path) -> None:
    told = [
        entry
        | {
            "examples": " | ".join(entry["examples"]),
            "others": " | ".join(f"{other['path']} ({other['share']:.0%})" for other in entry["others"]),
        }
        for entry in entries
    ]
    # csv quotes a carriage return only when it ends lines; unquoted, readers would take it for one that does.
    returns = any("\r" in cell for entry in told for cell in entry.values() if isinstance(cell, str))
    with out.open("w", encoding="utf-8", newline="") as file:
        quoting: Literal[0, 1] = 1 if returns else 0  # csv.QUOTE_ALL, csv.QUOTE_MINIMAL
        rows = csv.DictWriter(file, COLUMNS, lineterminator="\n", quoting=quoting)
        rows.writeheader()
        rows.writerows(told)


@dataclass(slots=True)
class ForeignMap:
    """A mapping that a person reviewed. `counts` says what became of the categories that were looked up."""

    paths: Mapping[str, str | None]
    counts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def read(cls, file: Path, mapper: CategoryMapper | None) -> ForeignMap:
        """Read a mapping file. mapper: of the tree that its paths must be in; None where there is none yet.

        Raises TaxonomyError that names line or entry, value and remedy.
        """
        paths: dict[str, str | None] = {}
        first: dict[str, str] = {}
        for where, entry in _entries(file):
            foreign = _cell(entry, "foreign_category", where)
            if not foreign:
                raise TaxonomyError(f"{where}: foreign_category is empty; name it, or remove the entry")
            key = foreign_key(foreign)
            path = _meant(entry, where, mapper)
            if key in first:
                raise TaxonomyError(f"{where}: {foreign[:80]!r} is in {first[key]} already; keep one of the two")
            first[key] = where
            if path is not None:
                paths[key] = path or None
        return cls(paths)

    def find(self, text: str) -> str | None:
        """Return the path that a foreign category means, "" when it is to be ignored, None when nobody decided it."""
        key = foreign_key(text)
        if key not in self.paths:
            self.counts["undecided"] += 1
            return None
        path = self.paths[key]
        self.counts["mapped" if path else "ignored"] += 1
        return path or ""


def _meant(entry: Mapping[str, object], where: str, mapper: CategoryMapper | None) -> str | None:
    """Return the path of an entry as the tree writes it, "" to ignore it, None to leave it undecided."""
    status, path = _cell(entry, "status", where).casefold(), _cell(entry, "path", where)
    if status not in STATUSES:
        raise TaxonomyError(f"{where}: the status {status[:40]!r} is none of {', '.join(STATUSES)}; write one of them")
    if status == "map" and not path:
        raise TaxonomyError(f"{where}: the status is map and path is empty; give a path, or write review or ignore")
    if path and mapper is not None:
        node = mapper.resolve(path)
        if isinstance(node, Unmapped):
            raise TaxonomyError(f"{where}: {node.reason}")
        if node == RETIRED:
            raise TaxonomyError(f"{where}: the category {path[:80]!r} was retired; give another one, or write ignore")
        path = mapper.tree.text(node)
    elif path:
        names = parse_path(path, Separators())
        if isinstance(names, Invalid):
            raise TaxonomyError(f"{where}: {names.reason}")
        path = SEPARATOR.join(names)
    return path if status == "map" else "" if status == "ignore" else None


def _entries(file: Path) -> Iterable[tuple[str, Mapping[str, object]]]:
    """Yield each entry with where it stands; raises TaxonomyError for a file that is none."""
    try:
        if file.stat().st_size > BYTES:
            raise TaxonomyError(f"{file} has {file.stat().st_size:,} bytes, the limit is {BYTES:,}; split it")
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise TaxonomyError(f"the mapping {file} cannot be read: {error}; save it as UTF-8") from error
    read = _json_entries if mapping_kind(file) == ".json" else _csv_entries
    for number, found in enumerate(read(file, text)):
        if number == ENTRIES:
            raise TaxonomyError(f"{file} has more than {ENTRIES:,} entries; split it")
        yield found


def _json_entries(file: Path, text: str) -> Iterable[tuple[str, Mapping[str, object]]]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TaxonomyError(f"the mapping {file} is no JSON: {error}") from error
    if not isinstance(entries, list):
        raise TaxonomyError(f"the mapping {file} is no list of entries; write [{{...}}, ...]")
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict):
            raise TaxonomyError(f"{file}, entry {number:,}: {str(entry)[:40]!r} is no object; give {', '.join(READ)}")
        yield f"{file}, entry {number:,}", entry


def _csv_entries(file: Path, text: str) -> Iterable[tuple[str, Mapping[str, object]]]:
    lines = StringIO(text, newline="")  # not splitlines, which ends lines at signs that a cell may hold
    head = lines.readline()
    lines.seek(0)
    delimiter = ";" if head.count(";") > head.count(",") else ","  # as spreadsheets save it
    rows = csv.DictReader(lines, delimiter=delimiter)
    try:
        if missing := [name for name in READ if name not in (rows.fieldnames or ())]:
            raise TaxonomyError(f"the mapping {file} has no column {missing[0]!r}; its columns are {', '.join(READ)}")
        for row in rows:
            yield f"{file}, line {rows.line_num:,}", row
    except csv.Error as error:
        raise TaxonomyError(f"{file}, line {rows.line_num:,}: {error}; mend the line") from error


def _cell(entry: Mapping[str, object], name: str, where: str) -> str:
    value = entry.get(name) or ""
    if not isinstance(value, str):
        raise TaxonomyError(f"{where}: {name} is {str(value)[:40]!r} and no text; write it as text")
    if len(value) > CHARS:
        raise TaxonomyError(f"{where}: {name} has {len(value):,} characters, the limit is {CHARS:,}; shorten it")
    return value.strip()
