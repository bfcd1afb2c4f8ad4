"""The routes that tell of the service itself: its taxonomy, its limits, whether it is alive and ready."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import get_args

from fastapi import APIRouter, Request

from indexer.images.formats import Format
from indexer.intake.update import path_of
from indexer.product import (
    CATEGORY_CHARS,
    DESCRIPTION_CHARS,
    FACT_CHARS,
    ID_CHARS,
    IMAGE_COUNT,
    PART_COUNT,
    SPEC_COUNT,
    TAG_CHARS,
    TAG_COUNT,
    TITLE_CHARS,
)
from service.access.rates import WINDOW
from service.rest.access.callers import caller_of
from service.rest.api import BODY, PAGE_LIMIT, Json, refusals
from service.rest.asking import known_of, serving_of, settings_of
from service.rest.batches import check_size
from service.rest.bodies import BodyRoute
from service.rest.forms import PARTS
from service.rest.images import DIMENSIONS
from service.rest.replies import (
    Health,
    Limits,
    MappedList,
    TaxonomySummary,
    Version,
)
from service.rest.schemas import SIMILAR_LIMIT, MapBody
from service.rest.uploads import REQUEST_IMAGES
from service.review.nominating import LIMIT as NOMINATED_LIMIT
from taxonomy.foreign import Meaning
from taxonomy.mapping import RETIRED, CategoryMapper, Unmapped
from taxonomy.tree import Tree

FORMATS = tuple(f"image/{name.lower()}" for name in get_args(Format))
"""Media types of the images that are read."""

router = APIRouter(route_class=BodyRoute)


@router.get("/v1/taxonomy", response_model=TaxonomySummary, responses=refusals())
def taxonomy(request: Request) -> Json:
    """Return the category tree's version and size."""
    engine = serving_of(request).engine
    tree = engine.tree
    return Json(
        {
            "number": engine.live.planted,
            "version": tree.version,
            "open": engine.live.grows,
            "nodes": len(tree),
            "leaves": int(tree.leaves.sum()),
            "depth": tree.lineage.shape[1],
            "labelled": engine.live.labels.labelled,
        }
    )


@router.post("/v1/taxonomy/map", response_model=MappedList, responses=refusals(*BODY))
def taxonomy_map(request: Request, body: MapBody) -> Json:
    """Say which category each string means: an id, a path, a name that is unique, the end of a path; or a foreign one.

    A foreign category means what the labels of the stored products that carry it say, counted anew now and then.
    """
    check_size(request, body.categories)
    engine = serving_of(request).engine
    tree, meanings = known_of(request).meanings(engine, body.categories)
    resolved = CategoryMapper(tree, before=engine.live.records.taxonomies.aliases()).resolve_many(body.categories)
    items = [
        _mapped(tree, given, node) | _spoken(tree, meaning)
        for given, node, meaning in zip(body.categories, resolved, meanings, strict=True)
    ]
    return Json({"items": items})


@router.get("/v1/limits", response_model=Limits)
def limits(request: Request) -> Json:
    """Return what one request may hold, and how often whoever asks may ask."""
    settings, rate = settings_of(request), caller_of(request).rate
    return Json(
        {
            "body_bytes": settings.body_bytes,
            "batch_items": settings.batch_items,
            "queue_items": settings.queue_items,
            "page_items": PAGE_LIMIT,
            "nominated_items": NOMINATED_LIMIT,
            "rate": {"requests": rate, "seconds": WINDOW} if rate else None,
            "similar_items": SIMILAR_LIMIT,
            "request_images": REQUEST_IMAGES,
            "form_parts": PARTS,
            "image": {"bytes": settings.image_bytes, "pixels": settings.image_pixels, "formats": FORMATS},
            "product": {
                "id": ID_CHARS,
                "title": TITLE_CHARS,
                "description": DESCRIPTION_CHARS,
                "brand": TITLE_CHARS,
                "specs": SPEC_COUNT,
                "fact": FACT_CHARS,
                "category": CATEGORY_CHARS,
                "tags": TAG_COUNT,
                "tag": TAG_CHARS,
                "images": IMAGE_COUNT,
                "images_looked_at": settings.image_count,
                "vectors": PART_COUNT,
                "vector": DIMENSIONS,
            },
        }
    )


@router.get("/livez", response_model=Health)
async def livez() -> Json:
    """Answer as long as the process runs."""
    return Json({"status": "ok"})


@router.get("/readyz", response_model=Health, responses=refusals())
async def readyz(request: Request) -> Json:
    """Answer 200 once the index is open and has passed its self-check, 503 before."""
    serving_of(request)
    return Json({"status": "ok"})


@router.get("/version", response_model=Version)
async def version_of_aisle() -> Json:
    """Return which aisle this is."""
    try:
        installed = version("aisle")
    except PackageNotFoundError:  # run from the source folder
        installed = "unknown"
    return Json({"name": "aisle", "version": installed, "api": "v1"})


def _ref(tree: Tree, node: int) -> dict[str, object]:
    return {"id": tree.ids[node], "path": tree.text(node)}


def _spoken(tree: Tree, meaning: Meaning | None) -> dict[str, object]:
    """Return what the products of a foreign category say."""
    if meaning is None or not meaning.products:
        return {"nodes": [], "products": 0, "status": None}
    shares = [(meaning.path, meaning.share), *meaning.others]
    found = ((tree.find(path_of(path)), share) for path, share in shares if path)
    nodes = [_ref(tree, node) | {"share": round(share, 4)} for node, share in found if node is not None]
    return {"nodes": nodes, "products": meaning.products, "status": meaning.status}


def _mapped(tree: Tree, given: str, found: int | Unmapped) -> dict[str, object]:
    if isinstance(found, Unmapped):
        candidates = [_ref(tree, node) for node in found.candidates]
        return {"given": given, "category": None, "reason": found.reason, "candidates": candidates}
    if found == RETIRED:
        reason = f"the category {given[:80]!r} was retired and none took its place; give another one, or none"
        return {"given": given, "category": None, "reason": reason, "candidates": []}
    return {"given": given, "category": _ref(tree, found), "reason": "", "candidates": []}
