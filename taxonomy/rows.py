"""What the rows of a taxonomy file mean: which columns hold ids, paths, levels or parents, and the tree they make.

`taxonomy/files.py` finds the rows; here they may come from CSV or from JSON objects, as mappings of column to text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from taxonomy.names import DEPTH_LIMIT, Path, TaxonomyError, name_key, plain_id
from taxonomy.separators import STRONG, Invalid, Separators, detect_separator, parse_path
from taxonomy.tree import Tree

ROW_LIMIT = 2_000_000

IDS = ("id", "category_id", "node_id", "code")
PATHS = ("path", "full_path", "category_path", "full_name", "category")
NAMES = ("name", "title", "label")
PARENTS = ("parent", "parent_id", "parents", "parent_ids")
NOTES = ("synonyms", "aliases", "keywords", "description", "notes")
NO_PARENT = frozenset({"", "0", "-1", "null", "none"})

_LEVEL = re.compile(r"(?:level|lvl|l|tier|category|cat)_?(\d{1,2})")
_LOCALE = re.compile(r"[a-z]{2,3}([-_][a-z]{2,4})?")

Row = Mapping[str, str]
Entry = tuple[str, Path, str]
"""What a file says of one category: its id or "", its path, and its note."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class ReadReport:
    """A tree and what was left out on the way to it.

    aliases: an id whose path was listed before under another id -> the id kept; `CategoryMapper` takes it as it is.
    unnamed: rows without a path in the locale asked for. dropped_parents: parents beyond the first of each category.
    """

    tree: Tree
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    unnamed: int = 0
    dropped_parents: int = 0


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that count. One of `path`, `levels` and `parent` says where a row's category is."""

    id: str | None
    path: str | None = None
    levels: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    parent: str | None = None


def column(header: str) -> str:
    """Return a column's name as it is compared: lower case, with underscores for spaces."""
    return "_".join(header.strip().lower().split())


def choose_columns(columns: Sequence[str], locale: str) -> Columns:
    """Find the layout of a table from its columns' names; raises TaxonomyError when it is none that is read."""
    known = dict.fromkeys(columns)
    node_id = next((name for name in IDS if name in known), None)
    path = next((name for name in PATHS if name in known), None)
    if path:
        return Columns(node_id, path=path)
    levels = sorted((int(found[1]), name) for name in known if (found := _LEVEL.fullmatch(name)))
    if levels:
        return Columns(node_id, levels=tuple(name for _, name in levels))
    parent = next((name for name in PARENTS if name in known), None)
    names = _names(known, locale)
    if node_id and parent and names:
        return Columns(node_id, names=names, parent=parent)
    locales = [name for name in known if name not in IDS and _LOCALE.fullmatch(name)]
    if node_id and locales and not parent:
        chosen = _localised(locales, locale)
        if chosen is None:
            raise TaxonomyError(f"there is no locale {locale!r}; choose one of {', '.join(locales)}")
        return Columns(node_id, path=chosen)
    raise TaxonomyError(
        f"the columns {', '.join(known)[:200]} are no taxonomy; give id and path, id and one column per locale, "
        "level1, level2, ..., or id, name and parent"
    )


def tree_of_rows(rows: Iterable[Row], columns: Columns, separator: str | None) -> ReadReport:
    """Build the tree of a table; row numbers in messages count from 1, the header not included."""
    rows = _counted(rows)
    if columns.parent:
        return _tree_of_parents(rows, columns)
    if columns.levels:
        return _tree_of_levels(rows, columns)
    cells = ((_cell(row, columns.id), _cell(row, columns.path), note_of(row)) for row in rows)
    return tree_of_cells(cells, separator)


def tree_of_cells(cells: Iterable[tuple[str, str, str]], separator: str | None) -> ReadReport:
    """Build the tree of (id or "", path text, note); all are read with one separator, found when None is given."""
    listed = list(_counted(cells))
    separators = _file_separators([text for _, text, _ in listed], separator)
    entries: list[Entry] = []
    for number, (node_id, text, note) in enumerate(listed, 1):
        if text.strip():
            path = parse_path(text, separators)
            if isinstance(path, Invalid):
                raise TaxonomyError(f"row {number}: {path.reason}")
            entries.append((node_id, path, note))
    tree, aliases = assemble(entries)
    return ReadReport(tree, aliases, unnamed=len(listed) - len(entries))


def assemble(entries: Iterable[Entry]) -> tuple[Tree, Mapping[str, str]]:
    """Return the tree of all entries, and the further ids of paths that were listed under several."""
    path_of: dict[str, Path] = {}
    id_of: dict[Path, str] = {}
    spelled: dict[Path, Path] = {}
    notes: dict[Path, str] = {}
    aliases: dict[str, str] = {}
    for written, path, note in entries:
        node_id = plain_id(written)
        key = tuple(map(name_key, path))
        spelled.setdefault(key, path)
        if note:
            notes.setdefault(spelled[key], note)
        if not node_id:
            continue
        if path_of.setdefault(node_id, key) != key:
            raise TaxonomyError(f"the id {node_id[:80]!r} stands for two paths; give each category its own")
        kept = id_of.setdefault(key, node_id)
        if kept != node_id:
            aliases[node_id] = kept
    ids = {spelled[key]: node_id for key, node_id in id_of.items()}
    return Tree.from_paths(spelled.values(), ids, notes), aliases


def row_name(row: Row, locale: str) -> str:
    """Return the name in one row of a nested file: in `locale`, or else in any."""
    return next((row[name] for name in _names(row, locale) if row[name].strip()), "")


def note_of(row: Row) -> str:
    """Return what a row says of its category beside the name; of a list in JSON its words."""
    return ", ".join(filter(None, (_said(row[name]) for name in row if name in NOTES)))


def _names(columns: Iterable[str], locale: str) -> tuple[str, ...]:
    """Return the columns that may hold a name, the best first."""
    plain = [name for name in columns if name in NAMES]
    by_locale = {name[5:]: name for name in columns if name.startswith("name_") and _LOCALE.fullmatch(name[5:])}
    chosen = _localised(list(by_locale), locale)
    return tuple(dict.fromkeys([*plain, *([by_locale[chosen]] if chosen else []), *by_locale.values()]))


def _localised(locales: Sequence[str], locale: str) -> str | None:
    """Choose the locale itself, else its language alone, else "de_DE" for "de", else the first of that language."""
    written = {name.replace("-", "_"): name for name in locales}
    wanted = locale.lower().replace("-", "_")
    language = wanted.partition("_")[0]
    same = [name for name in written if name.partition("_")[0] == language]
    best = next((name for name in (wanted, language, f"{language}_{language}") if name in written), None)
    return written[best] if best else written[same[0]] if same else None


def _file_separators(cells: Sequence[str], separator: str | None) -> Separators:
    # A taxonomy file is written in one way throughout, so a root named "A | B" beside paths with ">" is one name.
    found = separator or next((strong for strong in STRONG if any(strong in cell for cell in cells)), None)
    return Separators(fixed=found) if found else detect_separator(cells)


def _tree_of_levels(rows: Iterable[Row], columns: Columns) -> ReadReport:
    entries: list[Entry] = []
    unnamed = 0
    for number, row in enumerate(rows, 1):
        names = [_cell(row, level).strip() for level in columns.levels]
        while names and not names[-1]:
            names.pop()
        if "" in names:
            raise TaxonomyError(
                f"row {number} leaves level {names.index('') + 1} empty above {names[-1]!r}; fill it in"
            )
        if names:
            entries.append((_cell(row, columns.id), tuple(names), note_of(row)))
        unnamed += not names
    tree, aliases = assemble(entries)
    return ReadReport(tree, aliases, unnamed)


def _tree_of_parents(rows: Iterable[Row], columns: Columns) -> ReadReport:
    name_of: dict[str, str] = {}
    parents_of: dict[str, list[str]] = {}
    note: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        node_id = _cell(row, columns.id).strip()
        if not node_id:
            raise TaxonomyError(f"row {number} has no id; give every category one")
        if node_id in name_of:
            raise TaxonomyError(f"row {number}: the id {node_id[:80]!r} stands for two categories; give each its own")
        name_of[node_id] = next((row[name] for name in columns.names if _cell(row, name).strip()), node_id)
        parents_of[node_id] = [parent.strip() for parent in _listed(_cell(row, columns.parent), "|")]
        note[node_id] = note_of(row)
    first: dict[str, str | None] = {}
    for node_id, parents in parents_of.items():
        real = [parent for parent in parents if parent in name_of or parent.lower() not in NO_PARENT]
        if missing := next((parent for parent in real if parent not in name_of), None):
            raise TaxonomyError(f"{node_id[:80]!r} has the parent {missing[:80]!r}, which is not in the file; add it")
        first[node_id] = real[0] if real else None
    dropped = sum(max(0, len(parents) - 1) for parents in parents_of.values())
    tree, aliases = assemble((node_id, path, note[node_id]) for node_id, path in _paths(name_of, first))
    return ReadReport(tree, aliases, dropped_parents=dropped)


def _cell(row: Row, name: str | None) -> str:
    return row.get(name, "") if name else ""


def _listed(cell: str, separator: str | None = None) -> list[str]:
    """Return the entries of a cell: of a list in JSON, else what `separator` parts, else the cell itself."""
    if cell.startswith("["):
        return [str(entry) for entry in json.loads(cell)]
    return cell.split(separator) if separator else [cell]


def _said(cell: str) -> str:
    try:
        return ", ".join(_listed(cell))
    except (ValueError, RecursionError):  # a text that begins like a list
        return cell


def _paths(name_of: Mapping[str, str], parent_of: Mapping[str, str | None]) -> Iterator[tuple[str, Path]]:
    path_of: dict[str, Path] = {}
    for node_id in name_of:
        chain: dict[str, None] = {}
        above: str | None = node_id
        while above is not None and above not in path_of:
            if above in chain:
                circle = [*chain][[*chain].index(above) :]
                raise TaxonomyError(f"each of {', '.join(circle[:5])[:400]} is its own ancestor; break the circle")
            chain[above] = None
            above = parent_of[above]
        path: Path = () if above is None else path_of[above]
        if len(path) + len(chain) > DEPTH_LIMIT:
            raise TaxonomyError(f"{node_id[:80]!r} is {len(path) + len(chain)} levels deep, the limit is {DEPTH_LIMIT}")
        for step in reversed(chain):
            path = (*path, name_of[step])
            path_of[step] = path
        yield node_id, path


def _counted(rows: Iterable[_T]) -> Iterator[_T]:
    for number, row in enumerate(rows, 1):
        if number > ROW_LIMIT:
            raise TaxonomyError(f"there are more than {ROW_LIMIT:,} rows, the limit; leave out unused branches")
        yield row
