"""The routes that change the category tree: looked at first, made, told and taken back, one version after the other.

They wait for the record store and for what is in memory to follow, so they are plain `def`s, which the server runs in
its thread pool while answers go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field, WithJsonSchema

from indexer.store.decisions import AUTHOR_CHARS
from service.answer import TaxonomyVersion
from service.console.plantings import PATHS, effect_facts, history_facts
from service.rest.access.callers import author_of
from service.rest.api import BODY, Json, refusals
from service.rest.asking import serving_of
from service.rest.bodies import BodyRoute
from service.rest.images import VISIBLE, Body
from taxonomy.changes import CHANGE_LIMIT, PART_LIMIT, TEXT_CHARS, changes_of
from taxonomy.names import NAME_CHARS
from taxonomy.rules import CHARS, WORD_LIMIT

router = APIRouter(prefix="/v1/taxonomy/changes", route_class=BodyRoute)


def _text(limit: int, pattern: str = r"\S") -> dict[str, Any]:
    return {"type": "string", "pattern": pattern, "maxLength": limit}


def _list(items: dict[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": most}


def _object(required: Sequence[str], **fields: object) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(required), "additionalProperties": False}


def _change(kind: str, required: Sequence[str], **fields: object) -> dict[str, Any]:
    change = _object(["change", *required], change={"const": kind}, **fields)
    return {"title": kind.capitalize(), **change}


_WORDS = _list(_text(CHARS, r"\w"), WORD_LIMIT)
_RULE = {
    "description": "Conditions that must all hold; `words` are of the title, and a list of them means `any`.",
    "minProperties": 1,
    **_object(
        [],
        words={"anyOf": [_WORDS, {"minProperties": 1, **_object([], **{"any": _WORDS, "all": _WORDS, "not": _WORDS})}]},
        brand=_text(CHARS),
        spec={
            "type": "object",
            "propertyNames": _text(CHARS),
            "additionalProperties": _text(CHARS),
            "minProperties": 1,
        },
        tag=_text(CHARS),
    ),
}
_CATEGORY, _NAME = {"description": "Id or path.", **_text(TEXT_CHARS)}, _text(NAME_CHARS)
_OR_NULL = {"anyOf": [_CATEGORY, {"type": "null"}]}
_PART = _object(["name", "rule"], name=_NAME, rule=_RULE)
_CHANGES = _list(
    {
        "anyOf": [
            _change("rename", ["node", "name"], node=_CATEGORY, name=_NAME),
            _change("move", ["node", "parent"], node=_CATEGORY, parent=_OR_NULL),
            _change("merge", ["nodes", "into"], nodes=_list(_CATEGORY, CHANGE_LIMIT), into=_CATEGORY),
            _change(
                "split",
                ["node", "parts"],
                node=_CATEGORY,
                parts=_list(_PART, PART_LIMIT),
                beside={"type": "boolean", "default": False},
            ),
            _change("retire", ["node"], node=_CATEGORY, to=_OR_NULL),
            _change("retire", ["node", "unlabelled"], node=_CATEGORY, unlabelled={"type": "boolean"}),
        ]
    },
    CHANGE_LIMIT,
)

Author = Annotated[
    str, Field(max_length=AUTHOR_CHARS, pattern=VISIBLE, description="Who asks for it; kept in the history.")
]


class ChangesBody(Body):
    """Changes of the tree, carried out one after the other as one version."""

    changes: Annotated[list[Any], WithJsonSchema(_CHANGES)]
    author: Author = ""
    expected: int | None = Field(None, description="The `number` of the version they were made for; 409 for another.")


class UndoBody(Body):
    """Who takes a change back."""

    author: Author = ""


NOBODY = UndoBody()
"""What is taken for a request without a body."""


class Category(BaseModel):
    """A category of before or of now."""

    id: str
    path: str


class CategoryShift(BaseModel):
    """How many products go from one category to another; null stands for no category."""

    before: Category | None
    after: Category | None
    products: int


class CategoryChange(BaseModel):
    """A category with another path; `before` is empty where it is new, `after` where it is gone."""

    id: str
    before: str
    after: str


class ProductsMoved(BaseModel):
    """Products whose category has another path and is the same, that get another one, and that of these lose theirs."""

    renamed: int
    relabelled: int
    unlabelled: int


class TaxonomyChanged(BaseModel):
    """What changes did to the tree and its products, or would do."""

    preview: bool
    taxonomy: TaxonomyVersion = Field(description="The version that they make.")
    undoes: int | None = Field(description="The version whose change is taken back.")
    seq: int = Field(description="Whoever is at this place of the journal sees it; 0 for a preview.")
    changes: list[dict[str, Any]] = Field(description="As carried out, each category by its id.")
    categories: int = Field(description="Categories with another path, new and gone ones included.")
    paths: list[CategoryChange] = Field(description=f"The first {PATHS:,} of them.")
    products: ProductsMoved
    shifts: list[CategoryShift]
    examples: list[str] = Field(description="Ids of some products that lose their category.")
    conflicts: list[str] = Field(description="Changes that are left out of a preview, for a name is taken.")
    unmatched: list[str] = Field(description="Paths of categories that a split makes and no product fits.")


class TaxonomyHistoryItem(BaseModel):
    """One version of the tree. `changes` is empty for one that was given, and for the first."""

    number: int
    version: str
    at: str
    author: str
    changes: list[dict[str, Any]]
    names: dict[str, str] = Field(description="By id, the paths that the categories of `changes` had before.")
    undoes: int | None
    undone: int | None
    restored: int | None = Field(description="The version whose tree a restore put back as this one.")
    relabelled: int
    unlabelled: int


class TaxonomyHistory(BaseModel):
    """Every version of the tree, the oldest first; none while nobody has changed it."""

    items: list[TaxonomyHistoryItem]


Preview = Annotated[bool, Query(description="Whether to say what would change, and change nothing.")]


@router.post("", response_model=TaxonomyChanged, responses=refusals(*BODY, 404, 409))
def change_taxonomy(request: Request, body: ChangesBody, *, preview: Preview = False) -> Json:
    """Rename, move, merge, split and retire categories; every answer is given in the new tree when this returns."""
    serving, changes = serving_of(request), changes_of(body.changes)
    if preview:
        return Json(effect_facts(serving.live.records.taxonomies.preview(changes), preview=True))
    return Json(
        effect_facts(serving.change_taxonomy(changes, author_of(request, body.author), body.expected), preview=False)
    )


@router.get("", response_model=TaxonomyHistory, responses=refusals())
def taxonomy_changes(request: Request) -> Json:
    """Return the history of the tree."""
    return Json({"items": [history_facts(each) for each in serving_of(request).live.records.taxonomies.history()]})


@router.post("/{number}:undo", response_model=TaxonomyChanged, responses=refusals(*BODY, 404, 409))
def undo_taxonomy(
    request: Request,
    number: Annotated[int, Path(ge=1, le=2**53, description="The version to take back: the last that stands.")],
    body: UndoBody = NOBODY,
    *,
    preview: Preview = False,
) -> Json:
    """Take a change back, as a version of its own; products that nobody has labelled otherwise since go back too."""
    serving = serving_of(request)
    if preview:
        return Json(effect_facts(serving.live.records.taxonomies.undo(number, preview=True), preview=True))
    return Json(effect_facts(serving.undo_taxonomy(number, author_of(request, body.author)), preview=False))
