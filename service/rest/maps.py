"""The routes of the map: whether it is drawn, its points as bytes, and which products some of them are."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, BeforeValidator, Field
from starlette.responses import Response

from indexer.store.records import Records
from service.audit.audit import AUDIT, findings_of
from service.plane.atlas import Atlas, Sheet
from service.rest.api import BODY, PAGE_LIMIT, Json, refusals
from service.rest.asking import serving_of
from service.rest.bodies import BodyRoute
from service.rest.images import Body
from service.rest.problems import MapNotFound

BYTES = "application/octet-stream"

router = APIRouter(prefix="/v1/map", route_class=BodyRoute)


class MapCategory(BaseModel):
    """A category that has products on the map; points name it by its place in the list."""

    id: str
    path: str


class DrawingShown(BaseModel):
    """How far a map is drawn."""

    stage: Literal["vectors", "landmarks", "points"]
    done: int
    total: int
    error: str = Field(description="Why it could not be drawn; empty when nothing is wrong. The next look tries again.")


class AuditedShown(BaseModel):
    """How far the audit of labels is, which says how likely each is wrong."""

    at: str = Field(description="When all labels were looked at last.")
    behind: int = Field(description="Changes of products since, that the audit has not followed.")


class MapShown(BaseModel):
    """The map of the snapshot that answers, or how far it is drawn. `version` names its points as they are now."""

    snapshot: str
    drawing: DrawingShown | None = Field(description="Null when it is drawn; all that follows is null before.")
    version: str | None
    view: str | None = Field(description="The view whose vectors are laid out.")
    seq: int | None
    points: int | None
    unseen: int | None = Field(description="Products that the view does not know.")
    left_out: int | None = Field(description="Products that it leaves out, where there are more than it shows.")
    kept: float | None = Field(description="Share of the neighbourhoods in the space that the map keeps.")
    audited: AuditedShown | None = Field(description="Null when nobody has looked at the labels: all doubts are 0.")
    categories: list[MapCategory] | None


def _whole(value: object) -> object:
    """Return a number of JSON that is whole as such: 7.0 is one, too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class MapBody(Body):
    """Points of a map, by their places."""

    version: Annotated[str, Field(min_length=1, max_length=200)]
    points: list[Annotated[int, Field(ge=0, le=2**31), BeforeValidator(_whole)]] = Field(
        min_length=1, max_length=PAGE_LIMIT
    )


class MapProduct(BaseModel):
    """The product of a point; null where it is not stored any more."""

    point: int
    id: str | None
    title: str | None
    path: str | None
    doubt: float


class MapProducts(BaseModel):
    """The products of some points, in the order in which they were named."""

    items: list[MapProduct]


@router.get("", response_model=MapShown, responses=refusals())
def get_map(request: Request) -> Json:
    """Return the map of the products, or how far it is drawn: the first look after a build begins that."""
    live = serving_of(request).live
    seen = _atlas(request).look(live)
    if isinstance(seen, Sheet):
        shown: dict[str, Any] = {name: getattr(seen, name) for name in ("version", "view", "seq", "unseen", "left_out")}
        shown |= {"points": len(seen.keys), "kept": round(seen.kept, 4), "drawing": None}
        shown["audited"] = _audited(live.records, seen.seq)
        shown["categories"] = [{"id": node_id, "path": path} for node_id, path in seen.categories]
    else:
        shown = dict.fromkeys(MapShown.model_fields)
        shown["drawing"] = {name: getattr(seen, name) for name in ("stage", "done", "total", "error")}
    return Json(shown | {"snapshot": seen.snapshot})


def _audited(records: Records, seq: int) -> dict[str, Any] | None:
    """Return how far the audit is beside a map of that place in the journal."""
    findings, reached = findings_of(records), records.findings.reached(AUDIT)
    if findings is None:
        return None
    return {"at": findings.at, "behind": max(0, seq - (findings.seq if reached is None else reached.seq))}


_BYTES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One array after the other, little-endian: int32 category (its place in `categories`, or -1), "
        "uint16 x, uint16 y (65,535ths of the width), uint8 doubt (255ths); as many of each as there are points.",
        "content": {BYTES: {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("/points", response_class=Response, responses=refusals(404, 422) | _BYTES)
def map_points(
    request: Request, version: Annotated[str, Query(max_length=200, description="`version` of the map.")]
) -> Response:
    """Return the points of a map, nine bytes each."""
    return Response(_sheet(request, version).packed(), media_type=BYTES)


@router.post("/products", response_model=MapProducts, responses=refusals(*BODY, 404))
def map_products(request: Request, body: MapBody) -> Json:
    """Say which products some points of a map are."""
    sheet = _sheet(request, body.version)
    inside = [point for point in body.points if point < len(sheet.keys)]
    if len(inside) < len(body.points):
        raise MapNotFound(f"the map has {len(sheet.keys):,} points, from 0 on; name none beyond")
    keys = sheet.keys[inside].tolist()
    listed = serving_of(request).live.records.suspects.listed(set(keys))
    items = []
    for point, key in zip(inside, keys, strict=True):
        found = listed.get(key)
        said = dict.fromkeys(("id", "title", "path")) if found is None else asdict(found)
        items.append({"point": point, **said, "doubt": round(float(sheet.doubts[point]), 4)})
    return Json({"items": items})


def _sheet(request: Request, version: str) -> Sheet:
    serving_of(request)  # raises where nothing is open yet
    sheet = _atlas(request).sheet(version)
    if sheet is None:
        raise MapNotFound(f"the map {version[:80]!r} is not kept any more; look at GET /v1/map again")
    return sheet


def _atlas(request: Request) -> Atlas:
    atlas: Atlas = request.app.state.atlas
    return atlas
