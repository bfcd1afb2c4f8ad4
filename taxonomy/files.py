"""Trees in files: read one in any format that is common, write our own, or infer one from labelled paths.

The format is found from the content. Path lines: "A > B", with "#" comments and, on every line or none, an id before it
as in "3237 - A > B" (Google) or "gid://shopify/TaxonomyCategory/ap-1 : A > B" (Shopify). Tables: CSV, TSV or semicolons
under a header, see `taxonomy/rows.py`. JSON: what `write_tree` wrote, a list of paths, a list or a mapping by id of
objects with the columns of a table, or nested objects with name and children. UTF-8 or UTF-16, each also gzipped.
Columns named synonyms, aliases, keywords, description or notes are kept as what a category says of itself.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import pathlib
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, TextIO, TypeGuard, cast

from taxonomy.names import Path, TaxonomyError, clean_name, path_text
from taxonomy.rows import (
    IDS,
    PARENTS,
    Entry,
    ReadReport,
    Row,
    assemble,
    choose_columns,
    column,
    note_of,
    row_name,
    tree_of_cells,
    tree_of_rows,
)
from taxonomy.separators import Invalid, Separators, detect_separator, parse_path
from taxonomy.tree import Tree

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = [
    "Invalid",
    "ReadReport",
    "Separators",
    "detect_separator",
    "infer",
    "parse_path",
    "read_report",
    "read_tree",
    "tree_from_json",
    "tree_json",
    "write_tree",
]

BYTE_LIMIT = 200_000_000
FORMAT = 1

_WITH_ID = re.compile(r"(\d{1,20}) - (.+)|(gid://\S+)\s+:\s+(.+)")


def read_tree(path: pathlib.Path, locale: str = "en", *, separator: str | None = None) -> Tree:
    """Read a tree; `read_report` does the same and says what was left out."""
    return read_report(path, locale, separator=separator).tree


def read_report(path: pathlib.Path, locale: str = "en", *, separator: str | None = None) -> ReadReport:
    """Read a tree from a file of any format above.

    locale: chosen among several languages; "en" also takes "en-US". separator: overrides the one found in the paths.
    Raises TaxonomyError for a file over 200 MB when unpacked, one that is damaged, or one that makes no tree.
    """
    try:
        with path.open("rb") as packed:
            raw = cast("IO[bytes]", gzip.GzipFile(fileobj=packed)) if packed.peek(2)[:2] == b"\x1f\x8b" else packed
            return _read(_decoded(raw), path.name.lower().removesuffix(".gz"), locale, separator)
    except (OSError, EOFError, zlib.error) as error:
        raise TaxonomyError(f"{path} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise TaxonomyError(f"{path} is not text in UTF-8 or UTF-16; save it as UTF-8") from error
    except (ValueError, RecursionError, csv.Error) as error:
        raise TaxonomyError(f"{path.name}: {error}") from error


def write_tree(tree: Tree, path: pathlib.Path) -> None:
    """Write `tree` so that `read_tree` returns an equal one: id,path rows to *.csv, else JSON; *.gz is gzipped.

    A CSV of one level only, with bars or slashes in its names, has to be read back with separator=">".
    """
    text = _csv(tree) if path.name.lower().removesuffix(".gz").endswith(".csv") else tree_json(tree)
    raw = text.encode()
    path.write_bytes(gzip.compress(raw, mtime=0) if path.name.lower().endswith(".gz") else raw)


def tree_json(tree: Tree) -> str:
    """Return the whole tree as JSON text; `tree_from_json` returns an equal one, positions included."""
    parts = {"aisle_taxonomy": FORMAT, "version": tree.version, "ids": tree.ids, "names": tree.names}
    notes = {"notes": tree.notes} if any(tree.notes) else {}
    return json.dumps({**parts, "parents": tree.parents.tolist(), **notes}, ensure_ascii=False)


def tree_from_json(text: str | bytes) -> Tree:
    """Return the tree of `tree_json`; raises TaxonomyError when it was altered or written by another version."""
    try:
        return _own(json.loads(text))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TaxonomyError(f"this is no taxonomy in JSON: {error}") from error


def infer(paths: Iterable[Path]) -> Tree:
    """Return the tree of labelled paths, in order of first use; each node gets its most frequent spelling.

    Equally frequent spellings are decided by alphabet. Ids do not depend on the order or the spelling.
    """
    counts = Counter(paths)
    tree = Tree.from_paths(counts)
    spellings: list[Counter[str]] = [Counter() for _ in tree.names]
    for path, count in counts.items():
        for depth in range(1, len(path) + 1):
            node = tree.find(path[:depth])
            if node is not None:
                spellings[node][clean_name(path[depth - 1])] += count
    names = [min(spelling.items(), key=lambda item: (-item[1], item[0]))[0] for spelling in spellings]
    return Tree.from_parents(tree.ids, names, tree.parents.tolist())


class _Limited(io.RawIOBase):
    """Bytes of a file, refused once they pass the limit: a small gzip file may hold terabytes."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw, self._seen = raw, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        chunk = self._raw.read(len(view))
        self._seen += len(chunk)
        if self._seen > BYTE_LIMIT:
            raise TaxonomyError(f"it holds more than {BYTE_LIMIT:,} bytes, the limit; leave out what is not needed")
        view[: len(chunk)] = chunk
        return len(chunk)


def _decoded(raw: IO[bytes]) -> TextIO:
    buffered = io.BufferedReader(_Limited(raw), 1 << 16)
    wide = buffered.peek(2)[:2] in (b"\xff\xfe", b"\xfe\xff")
    return io.TextIOWrapper(buffered, "utf-16" if wide else "utf-8-sig", newline="")


def _read(text: TextIO, name: str, locale: str, separator: str | None) -> ReadReport:
    first = next((line for line in text if line.strip() and not line.lstrip().startswith("#")), "")
    if first.lstrip().startswith(("{", "[")):
        return _read_json(json.loads(first + text.read()), locale, separator)
    lines = itertools.chain([first], text)
    delimiter = max(",\t;", key=first.count)
    header = [column(cell) for cell in next(csv.reader([first], delimiter=delimiter), [])]
    try:
        columns = choose_columns(header, locale)
    except TaxonomyError:
        if name.endswith((".csv", ".tsv")) or any(cell in IDS for cell in header):
            raise
        return tree_of_cells(_cells(lines), separator)
    table = csv.reader(lines, delimiter=delimiter)
    next(table)
    return tree_of_rows((dict(zip(header, cells, strict=False)) for cells in table if cells), columns, separator)


def _cells(lines: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Split path lines into (id or "", path, no note); whether there are ids is decided by the first line."""
    texts = (text for line in lines if (text := line.strip()) and not text.startswith("#"))
    with_ids: bool | None = None
    for number, text in enumerate(texts, 1):
        found = _WITH_ID.fullmatch(text)
        if with_ids is None:
            with_ids = found is not None
        if with_ids and found is None:
            raise TaxonomyError(f"path {number}, {text[:80]!r}, has no id before it as the first one has; add it")
        yield (found[1] or found[3], found[2] or found[4], "") if with_ids and found else ("", text, "")


def _read_json(data: object, locale: str, separator: str | None) -> ReadReport:
    if isinstance(data, dict) and "aisle_taxonomy" in data:
        return ReadReport(_own(data))
    if isinstance(data, dict) and data and all(isinstance(value, dict) for value in data.values()):
        data = [{"id": key, **value} for key, value in data.items()]
    listed = data if isinstance(data, list) else [data]
    if all(isinstance(item, str | list) for item in listed):
        cells = [item if isinstance(item, str) else json.dumps(item) for item in listed]
        return tree_of_cells((("", cell, "") for cell in cells), separator)
    objects = [item for item in listed if isinstance(item, dict)]
    if len(objects) != len(listed):
        raise TaxonomyError("this JSON is no taxonomy; give a list of paths, of objects, or nested name and children")
    rows = [_row(item) for item in objects]
    known = list(dict.fromkeys(name for row in rows for name in row))
    if "children" in known and not any(name in PARENTS for name in known):
        tree, aliases = assemble(_nested(objects, locale))
        return ReadReport(tree, aliases)
    return tree_of_rows(rows, choose_columns(known, locale), separator)


def _nested(roots: Sequence[object], locale: str) -> Iterator[Entry]:
    """Walk objects with name and children, parents first; a child may also be a bare name."""
    waiting: list[tuple[object, Path]] = [(root, ()) for root in reversed(roots)]
    while waiting:
        item, above = waiting.pop()
        node: object = {"name": item} if isinstance(item, str) else item
        children = (node.get("children") or []) if isinstance(node, dict) else None
        if not isinstance(node, dict) or not isinstance(children, list):
            raise TaxonomyError(f"below {path_text(above)[:80]!r}, {str(item)[:80]!r} is no category; give it a name")
        row = _row(node)
        path = (*above, row_name(row, locale))
        yield row.get("id", ""), path, note_of(row)
        waiting.extend((child, path) for child in reversed(children))


def _row(item: Mapping[str, object]) -> Row:
    """Flatten a JSON object to columns as in a table: names by language become name_en, ..., a list stays JSON."""
    row: dict[str, str] = {}
    for key, value in item.items():
        name = column(key)
        if isinstance(value, dict):
            row.update({column(f"{name}_{inner}"): text for inner, text in value.items() if isinstance(text, str)})
        elif isinstance(value, list):
            row[name] = json.dumps(value)
        else:
            row[name] = "" if value is None else str(value)
    return row


def _own(data: object) -> Tree:
    if not isinstance(data, dict) or data.get("aisle_taxonomy") != FORMAT:
        raise TaxonomyError(f"this is no taxonomy of format {FORMAT}; write it again with this version of aisle")
    ids, names, parents, notes = data.get("ids"), data.get("names"), data.get("parents"), data.get("notes", [])
    if not (_texts(ids) and _texts(names) and _numbers(parents)):
        raise TaxonomyError("ids and names are no lists of text, or parents none of numbers; write the file again")
    if not _texts(notes):
        raise TaxonomyError("the notes are no list of text; write the file again")
    tree = Tree.from_parents(ids, names, parents, notes)
    if tree.version != data.get("version"):
        raise TaxonomyError(f"its content has version {tree.version}, not {data.get('version')!r}; it was altered")
    return tree


def _texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _numbers(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(item) is int for item in value)


def _csv(tree: Tree) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    noted = any(tree.notes)
    table.writerow(("id", "path", "notes") if noted else ("id", "path"))
    for node, node_id in enumerate(tree.ids):
        row = (node_id, tree.text(node))
        table.writerow((*row, tree.notes[node]) if noted else row)
    return text.getvalue()
