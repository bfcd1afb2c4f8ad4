"""From a cell of specs to (key, value) pairs: JSON of several shapes, or `key: value` text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from indexer.sources.rows import Problem

DEPTH = 10
"""JSON nested deeper is kept as its text."""

_JSON = re.compile(r'\s*(?:\{|\[\s*[\[{"\]\d-])')  # a bracket alone may open text, as in "[New] Colour: red"
_RUBY = re.compile(r'"\s*=>\s*')
_PAIR_MARK = re.compile("[:=]")
_KEYS, _VALUES = ("name", "key", "label"), ("value", "values")

Specs = tuple[tuple[str, str], ...]


def parse_specs(cell: str) -> Specs | Problem:
    """Return the pairs of one cell in their order, without those that have no value; or broken_json.

    JSON: an object (nested ones give dotted keys), a list of {name|key|label, value} objects or of [key, value], also
    under one key as in {"product_specification": [...]}; lists of plain values are joined by ", ". Ruby's `"a"=>"b"`
    is read like JSON. Text: pairs `key: value` or `key=value`, one per line, or separated by "|", else ";", else ","
    where each piece is a pair. A piece without a key has the key "".
    """
    if not _JSON.match(cell):
        return tuple(_text_pairs(cell))
    try:
        parsed = _loaded(cell)
    except (ValueError, RecursionError) as error:
        return Problem("broken_json", f"the specs {cell.strip()[:60]!r} start as JSON and are none: {error}")
    return tuple((key, text) for key, value in _json_pairs(parsed) if (text := value.strip()))


def _loaded(cell: str) -> object:
    try:
        return json.loads(cell, parse_float=str, parse_int=str)
    except ValueError:
        if "=>" not in cell:
            raise
        return json.loads(_RUBY.sub('": ', cell).replace(": nil", ": null"), parse_float=str, parse_int=str)


def _json_pairs(parsed: object, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(parsed, dict) and depth < DEPTH:
        if len(parsed) == 1 and not prefix and _is_pair_list(wrapped := next(iter(parsed.values()))):
            yield from _json_pairs(wrapped, "", depth + 1)
            return
        for key, value in parsed.items():
            yield from _json_pairs(value, f"{prefix}.{key.strip()}" if prefix else key.strip(), depth + 1)
    elif isinstance(parsed, list) and _is_pair_list(parsed) and depth < DEPTH:
        for item in parsed:
            key, value = _pair_of(item)
            yield from _json_pairs(value, f"{prefix}.{key}" if prefix and key else prefix or key, depth + 1)
    elif isinstance(parsed, list):
        yield prefix, ", ".join(filter(None, map(_scalar, parsed)))
    else:
        yield prefix, _scalar(parsed)


def _is_pair_list(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_pair(item) for item in value)


def _is_pair(item: object) -> bool:
    if isinstance(item, dict):
        return any(name in item for name in _VALUES)
    return isinstance(item, list) and len(item) == 2 and isinstance(item[0], str)


def _pair_of(item: dict[str, object] | list[object]) -> tuple[str, object]:
    if isinstance(item, list):
        return str(item[0]).strip(), item[1]
    key = next((item[name] for name in _KEYS if item.get(name)), "")
    return _scalar(key).strip(), next(item[name] for name in _VALUES if name in item)


def _scalar(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text_pairs(cell: str) -> Iterator[tuple[str, str]]:
    separator = next((mark for mark in "\n|;" if mark in cell), None)
    pieces = cell.split(separator) if separator else cell.split(",")
    if separator is None and not all(map(_pair, pieces)):
        pieces = [cell]
    for piece in pieces:
        key, value = _pair(piece) or ("", piece.strip())
        if value:
            yield key, value


def _pair(piece: str) -> tuple[str, str] | None:
    """Return key and value around the first colon or equals sign; None without a key with letters, and in a URL."""
    mark = _PAIR_MARK.search(piece)
    if mark is None or piece.startswith("//", mark.end()):
        return None
    key = piece[: mark.start()].strip()
    return (key, piece[mark.end() :].strip()) if any(map(str.isalpha, key)) else None
