"""An export of Label Studio read task by task: JSON and JSON-MIN, also gzipped, bounded in memory whatever it holds.

    bytes -> the objects of one array, or one after the other -> tasks with their annotations, or what is wrong with one

A task that is no task is told and the next is read; a file that is no export, or breaks off, raises SourceError.
JSON-MIN has a row for each annotation and none that was cancelled; rows of one task follow each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from indexer.errors import SourceError
from indexer.sources.formats.streams import ByteStream
from indexer.sources.rows import Problem
from service.labelstudio.interface import CATEGORY, TAGS
from service.labelstudio.tasks import MARKS
from taxonomy.names import SEPARATOR, clean_name

TASK_BYTES = 1 << 23
"""A longer task is `too_long`: the longest product and a thousand annotations take less."""
ANNOTATIONS = 1_000
"""Annotations of one task that are read."""
TEXT_CHARS = 1_000
"""Ids, authors and names are cut here."""

Path = tuple[str, ...]

_BETWEEN = re.compile(rb"[{}]")
_INSIDE = re.compile(rb'["{}\[\]]')
_TEXT = re.compile(rb'"|\\.', re.DOTALL)
_BLANK = b" \t\r\n,"


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one person chose. author, at: who and when, "" when not told. categories: the paths that are chosen.

    tags: None where nothing is chosen. truth: whether it was marked as the ground truth. accepting: whether it was
    begun from the pre-annotation.
    """

    author: str
    at: str
    categories: tuple[Path, ...]
    tags: tuple[str, ...] | None
    truth: bool = False
    accepting: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """A task and what was said of it. number: its id there. cancelled: annotations that were.

    prediction, product, content, category, suggested: the marks that it was exported with (`tasks.py`); of a task that
    was made elsewhere the product alone, or nothing. problem: why it is none.
    """

    number: str
    prediction: str = ""
    product: str = ""
    content: str = ""
    category: str | None = None
    suggested: tuple[str, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    cancelled: int = 0
    problem: Problem | None = None


@dataclass(slots=True)
class Export:
    """The tasks of one file, read once."""

    stream: ByteStream
    read: int = field(default=0, init=False)

    def __iter__(self) -> Iterator[Task]:
        """Yield the tasks in order. Raises SourceError when there are none, or the file breaks off."""
        held: Task | None = None
        for raw in _objects(self.stream):
            self.read += 1
            task, rowwise = _parsed(raw, self.read)
            if held is not None and rowwise and held.number == task.number and not task.problem:
                room = ANNOTATIONS - len(held.annotations)
                held = replace(held, annotations=(*held.annotations, *task.annotations[:room]))
                continue
            if held is not None:
                yield held
            held = task if rowwise and not task.problem else None
            if held is None:
                yield task
        if held is not None:
            yield held
        if not self.read:
            raise SourceError(f"{self.stream.path} holds no task; export JSON or JSON-MIN from Label Studio")


def _objects(stream: ByteStream) -> Iterator[bytes | None]:
    """Yield the bytes of each object of an array, or of objects one after the other; None for one that is too long."""
    held, at, number = b"", 0, 1
    depth, inside, long = 0, False, False
    for chunk in _opened(stream):
        held += chunk
        begin = 0  # of the object that is read, at depth 0 of what comes before the next
        while found := (_TEXT if inside else _INSIDE if depth else _BETWEEN).search(held, at):
            token, at = found[0], found.end()
            if inside or token == b'"':
                inside = not inside if token == b'"' else inside
                continue
            if depth == 0 and (token == b"}" or held[begin : found.start()].strip(_BLANK)):
                raise _broken(stream, number)
            begin = begin if depth else found.start()
            depth += 1 if token in {b"{", b"["} else -1
            if depth == 0:
                yield None if long else held[begin:at]
                begin, long, number = at, False, number + 1
        if depth == 0 and held[begin:].strip(_BLANK + b"]"):
            raise _broken(stream, number)
        # What was looked through is not looked at again, but for a backslash whose character is in the next chunk.
        at = len(held) - (inside and held[at:].endswith(b"\\"))
        long = long or (depth > 0 and len(held) - begin > TASK_BYTES)
        begin = at if long or depth == 0 else begin
        held, at = held[begin:], at - begin
    if depth:
        raise SourceError(f"{stream.path} breaks off inside task {number:,}; export it again")


def _opened(stream: ByteStream) -> Iterator[bytes]:
    """Yield the chunks of a file after the bracket that opens its array, where it has one."""
    head, opened = b"", False
    for chunk in stream:
        if opened:
            yield chunk
            continue
        head = (head + chunk).removeprefix(b"\xef\xbb\xbf").lstrip()
        opened = len(head) > 3 or (bool(head) and head[:1] in {b"[", b"{"})
        if opened and head[:1] not in {b"[", b"{"}:
            raise SourceError(f"{stream.path} is no JSON of Label Studio: it begins with {head[:20]!r}")
        if opened:
            yield head.removeprefix(b"[")
    if head and not opened:
        raise SourceError(f"{stream.path} is no JSON of Label Studio: it begins with {head[:20]!r}")


def _broken(stream: ByteStream, number: int) -> SourceError:
    return SourceError(f"{stream.path} is no JSON of Label Studio, from task {number:,} on; export it again")


def _parsed(raw: bytes | None, place: int) -> tuple[Task, bool]:
    """Return a task and whether it is a row of JSON-MIN. place: what it is called where it has no number."""
    if raw is None:
        return _refused(place, "too_long", f"it is longer than {TASK_BYTES:,} bytes; make it shorter"), False
    try:
        said = orjson.loads(raw)
    except ValueError as error:
        return _refused(place, "broken_task", f"it is no JSON object: {error}; export it again"), False
    try:
        if "data" in said or "annotations" in said:
            return _whole(said, place), False
        return _row(said, place), True
    except _Unfit as error:
        return _refused(_number(said, place), "broken_task", f"{error}; export it again"), False


class _Unfit(ValueError):
    """Something in a task is of another kind than Label Studio writes."""


def _refused(number: object, code: str, reason: str) -> Task:
    return Task(str(number), problem=Problem(code, reason))


def _number(said: Mapping[str, Any], place: int) -> str:
    """Return what a task is called: by its id, without one by its place in the file."""
    told = said.get("id")
    return str(told)[:TEXT_CHARS] if isinstance(told, str | int | float) else f"at {place}"


def _whole(said: Mapping[str, Any], place: int) -> Task:
    """Return a task of JSON."""
    annotations = _list(said.get("annotations"), "annotations")
    if len(annotations) > ANNOTATIONS:
        raise _Unfit(f"it has {len(annotations):,} annotations, the limit is {ANNOTATIONS:,}")
    for each in annotations:
        _dict(each, "an annotation")
    stands = [each for each in annotations if not each.get("was_cancelled")]
    task = _marked(_dict(said.get("data"), "data"), _number(said, place))
    return replace(
        task, annotations=tuple(_annotation(each) for each in stands), cancelled=len(annotations) - len(stands)
    )


def _annotation(said: Mapping[str, Any]) -> Annotation:
    categories: list[Path] = []
    tags: list[str] | None = None
    for each in _list(said.get("result"), "result"):
        result = _dict(each, "a result")
        if result.get("from_name") == CATEGORY:
            categories += _paths(result.get("value"))
        elif result.get("from_name") == TAGS:
            tags = (tags or []) + _words(result.get("value"))
    return Annotation(
        _author(said.get("completed_by")),
        _text(said.get("created_at")),
        tuple(dict.fromkeys(categories)),
        None if tags is None else tuple(dict.fromkeys(tags)),
        truth=said.get("ground_truth") is True,
        accepting=said.get("parent_prediction") is not None,
    )


def _row(said: Mapping[str, Any], place: int) -> Task:
    """Return a row of JSON-MIN as a task with one annotation, with none where nobody annotated it."""
    task = _marked(said, _number(said, place))
    if said.get("annotation_id") is None:
        return task
    tags = None if said.get(TAGS) is None else tuple(dict.fromkeys(_words(said[TAGS])))
    categories = tuple(dict.fromkeys(_paths(said.get(CATEGORY))))
    return replace(
        task,
        annotations=(Annotation(_author(said.get("annotator")), _text(said.get("created_at")), categories, tags),),
    )


def _marked(data: Mapping[str, Any], number: object) -> Task:
    marks = _dict(data.get(MARKS) or {}, f"data.{MARKS}")
    category = marks.get("category")
    return Task(
        _text(number),
        prediction=_text(marks.get("prediction")),
        product=_text(marks.get("product") or data.get("product_id")),
        content=_text(marks.get("content")),
        category=None if category is None else _text(category),
        suggested=tuple(map(_text, _list(marks.get("tags"), f"data.{MARKS}.tags"))),
    )


def _paths(value: object) -> list[Path]:
    """Return the categories in what was chosen: paths of a taxonomy, or choices that are paths as text."""
    found: list[Path] = []
    for each in _chosen(value, "taxonomy"):
        names = each.split(SEPARATOR) if isinstance(each, str) else _list(each, "a category")
        path = tuple(clean_name(_text(name)) for name in names)
        found += [path] if path else []
    return found


def _words(value: object) -> list[str]:
    return [word for each in _chosen(value, "choices") if (word := clean_name(_text(each)))]


def _chosen(value: object, kind: str) -> list[Any]:
    """Return what was chosen, as JSON and as JSON-MIN write it: one value, {kind: values}, or a list of either."""
    if value is None:
        return []
    if isinstance(value, dict):
        return _list(value.get(kind, value.get("choices")), kind)
    if isinstance(value, list):
        return [one for each in value for one in (_chosen(each, kind) if isinstance(each, dict) else [each])]
    return [_text(value)]


def _author(value: object) -> str:
    """Return who annotated: his address or name where it is told, else his number there."""
    if isinstance(value, dict):
        value = value.get("email") or value.get("username") or value.get("id")
    name = clean_name(_text(value))
    return f"annotator {name}" if name.isdecimal() else name


def _list(value: object, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _Unfit(f"{what} is {type(value).__name__}, not a list")
    return value


def _dict(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Unfit(f"{what} is {type(value).__name__}, not an object")
    return value


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | dict | list):
        raise _Unfit(f"{str(value)[:80]!r} stands where a text or number is wanted")
    return str(value)[:TEXT_CHARS]
