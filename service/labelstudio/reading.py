"""An export of Label Studio read task by task: JSON, JSON-MIN, CSV or TSV, also gzipped, bounded whatever it holds.

    objects of a file (`objects.py`), or rows of a table (`tables.py`)
        -> tasks with their annotations, or what is wrong with one

A task that is no task is told and the next is read; a file that is no export, or breaks off, raises SourceError.
JSON-MIN and tables have a row for each annotation and none that was cancelled; rows of one task follow each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from indexer.errors import SourceError
from indexer.sources.formats.streams import ByteStream
from indexer.sources.rows import Problem
from service.labelstudio import tables
from service.labelstudio.interface import CATEGORY, TAGS
from service.labelstudio.objects import OBJECT_BYTES, objects
from service.labelstudio.tasks import MARKS
from taxonomy.names import SEPARATOR, clean_name

ANNOTATIONS = 1_000
"""Annotations of one task that are read."""
TEXT_CHARS = 1_000
"""Ids, authors and names are cut here."""

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one person chose. author, at: who and when last, "" when not told. categories: the paths that are chosen.

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
        for task, rowwise in _tasks(self.stream):
            self.read += 1
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
            raise SourceError(f"{self.stream.path} holds no task; export it from Label Studio as {tables.FORMATS}")


def _tasks(stream: ByteStream) -> Iterator[tuple[Task, bool]]:
    """Yield each task or row of one, and whether it is a row."""
    if not tables.tabular(stream):
        for place, raw in enumerate(objects(stream), 1):
            yield _parsed(raw, place)
        return
    for line, row in tables.rows(stream):
        if isinstance(row, Problem):
            yield Task(f"line {line}", problem=row), True
        else:
            yield _told(row, f"line {line}", _row), True


def _parsed(raw: bytes | None, number: int) -> tuple[Task, bool]:
    """Return the task of an object and whether it is a row of JSON-MIN. number: its place in the file."""
    place = f"at {number}"
    if raw is None:
        reason = f"it is longer than {OBJECT_BYTES:,} bytes; make it shorter"
        return Task(place, problem=Problem("too_long", reason)), False
    try:
        said = orjson.loads(raw)
    except ValueError as error:
        reason = f"it is no JSON object: {error}; export it again"
        return Task(place, problem=Problem("broken_task", reason)), False
    whole = "data" in said or "annotations" in said
    return _told(said, place, _whole if whole else _row), not whole


class _Unfit(ValueError):
    """Something in a task is of another kind than Label Studio writes."""


def _told(said: Mapping[str, Any], place: str, of: Callable[[Mapping[str, Any], str], Task]) -> Task:
    """Return the task of an object or row, called by its id there, without one by its place in the file."""
    told = said.get("id")
    number = str(told)[:TEXT_CHARS] if isinstance(told, str | int | float) else place
    try:
        return of(said, number)
    except _Unfit as error:
        return Task(number, problem=Problem("broken_task", f"{error}; export it again"))


def _whole(said: Mapping[str, Any], number: str) -> Task:
    """Return a task of JSON."""
    annotations = _list(said.get("annotations"), "annotations")
    if len(annotations) > ANNOTATIONS:
        raise _Unfit(f"it has {len(annotations):,} annotations, the limit is {ANNOTATIONS:,}")
    for each in annotations:
        _dict(each, "an annotation")
    stands = [each for each in annotations if not each.get("was_cancelled")]
    task = _marked(_dict(said.get("data"), "data"), number)
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
        _at(said),
        tuple(dict.fromkeys(categories)),
        None if tags is None else tuple(dict.fromkeys(tags)),
        truth=said.get("ground_truth") is True,
        accepting=said.get("parent_prediction") is not None,
    )


def _row(said: Mapping[str, Any], number: str) -> Task:
    """Return a row of JSON-MIN or of a table as a task with one annotation, with none where nobody annotated it."""
    task = _marked(said, number)
    if said.get("annotation_id") is None:
        return task
    tags = None if said.get(TAGS) is None else tuple(dict.fromkeys(_words(said[TAGS])))
    categories = tuple(dict.fromkeys(_paths(said.get(CATEGORY))))
    return replace(
        task,
        annotations=(Annotation(_author(said.get("annotator")), _at(said), categories, tags),),
    )


def _marked(data: Mapping[str, Any], number: str) -> Task:
    marks = _dict(data.get(MARKS) or {}, f"data.{MARKS}")
    category = marks.get("category")
    return Task(
        number,
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


def _at(said: Mapping[str, Any]) -> str:
    """Return when an annotation was changed last: one that was submitted early may be mended late."""
    return _text(said.get("updated_at")) or _text(said.get("created_at"))


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
