"""The routes of an index's life: what is served, built anew, published, rolled back and thrown away."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from indexer import encoders
from indexer.encoders import missing
from indexer.errors import EncoderError, SnapshotError
from indexer.settings import Kind
from indexer.snapshots import publication
from indexer.snapshots.claim import Builder, builder
from indexer.snapshots.manifest import Manifest
from service.renewal.needs import Need
from service.renewal.order import ASKED, Order, Publish, Renewal
from service.rest.api import Json, refusals
from service.rest.asking import serving_of, settings_of
from service.rest.bodies import BodyRoute
from service.rest.images import Body
from service.rest.replies import IndexCounts

RETRY_SECONDS = 5
"""After which whoever started a rebuild may look how far it is."""

SnapshotState = Literal["published", "previous", "held"]

router = APIRouter(prefix="/v1", route_class=BodyRoute)


class RebuildBody(Body):
    """How the index is to be built anew; what is left out stays as it is."""

    encoder: str | None = Field(
        None, min_length=1, max_length=1000, description="Another encoder: everything is encoded by it, aside."
    )
    kind: Kind | None = Field(None, description="Another kind of vector index.")
    recall_target: float | None = Field(None, gt=0, le=1, description="Share of the true neighbours to find.")
    publish: Publish = Field(
        "auto", description="auto: served when it is not worse; hold: kept aside until index:publish or index:discard."
    )
    reason: str = Field(ASKED, min_length=1, max_length=500, description="Why, for the log.")


class PublishBody(Body):
    """Which snapshot is to be served."""

    snapshot: Annotated[str, Field(min_length=1, max_length=100, description="Its id, of `snapshots`.")]


class SnapshotNamed(BaseModel):
    """A snapshot by its id."""

    snapshot: str


class SnapshotShown(BaseModel):
    """A snapshot that is kept: the one that is published, the one before it, or one that waits."""

    id: str
    state: SnapshotState
    created_at: str
    encoder: str = Field(description="The spec that loads it.")
    seq: int


class Damage(BaseModel):
    """Why a snapshot that was published does not answer."""

    snapshot: str
    problem: str


class IndexFacts(BaseModel):
    """The index: what it holds now, up to which place of the journal, its snapshots, and how far a rebuild is."""

    seq: int
    counts: IndexCounts
    missing: str = Field(description="What it cannot see, in plain words with the cure; empty when nothing.")
    snapshots: list[SnapshotShown]
    damage: list[Damage]
    rebuild: Renewal | None = Field(description="The rebuild that this process started last; null before the first.")
    needs: list[Need] = Field(description="What was measured last of what it needs; empty before the first time.")
    builder: Builder | None = Field(description="The process that builds the index now; null when none does.")
    manifest: Manifest


@router.get("/index", response_model=IndexFacts, responses=refusals())
def index(request: Request) -> Json:
    """Return what the index holds, up to which place of the journal, and the manifest of the snapshot that answers."""
    serving = serving_of(request)
    live, folder = serving.live, Path(settings_of(request).index)
    with live.reading():
        own = live.labels.node_counts(len(live.tree))
        counts = {"products": len(live.labels), "labelled": int(own.sum()), "categories": int(np.count_nonzero(own))}
        shown = {"seq": live.seq, "counts": counts, "missing": missing(live.manifest.encoder_spec)}
    shown |= {
        "snapshots": snapshots_of(folder),
        "damage": [{"snapshot": name, "problem": problem} for name, problem in serving.damage.items()],
        "rebuild": serving.rebuilds.latest(),
        "needs": serving.needs.measured,
        "builder": builder(folder),
        "manifest": live.manifest,
    }
    return Json(shown)


_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {"model": Renewal, "description": "Begun; `GET /v1/index` says how far it is."}
}


@router.post(
    "/index:rebuild",
    status_code=HTTPStatus.ACCEPTED,
    response_model=Renewal,
    responses=refusals(400, 409, 413, 415, 422) | _ACCEPTED,
)
def rebuild(request: Request, body: RebuildBody | None = None) -> Json:
    """Build the index anew from its record store, in a process of its own, and serve it when it is not worse."""
    order = Order(**(body or RebuildBody()).model_dump())
    if order.encoder is not None:
        _check_spec(order.encoder)
    renewal = serving_of(request).rebuilds.start(order)
    headers = {"Location": "/v1/index", "Retry-After": str(RETRY_SECONDS)}
    return Json(renewal, HTTPStatus.ACCEPTED, headers)


@router.post("/index:cancel", response_model=Renewal | None, responses=refusals())
def cancel(request: Request) -> Json:
    """Stop the rebuild that this process started; nothing is left of it. Null when there never was one."""
    return Json(serving_of(request).rebuilds.cancel())


@router.post("/index:publish", response_model=SnapshotNamed, responses=refusals(400, 404, 409, 413, 415, 422))
def publish(request: Request, body: PublishBody) -> Json:
    """Serve a snapshot that is kept, as one that is held; the one that was served is kept for index:rollback."""
    serving_of(request).publish(body.snapshot)
    return Json({"snapshot": body.snapshot})


@router.post("/index:rollback", response_model=SnapshotNamed, responses=refusals(404, 409))
def rollback(request: Request) -> Json:
    """Serve the snapshot before again, with all that was written since; a second time returns to this one."""
    return Json({"snapshot": serving_of(request).rollback()})


@router.post("/index:discard", response_model=SnapshotNamed, responses=refusals(404))
def discard(request: Request) -> Json:
    """Throw the snapshot that is held away."""
    return Json({"snapshot": serving_of(request).discard()})


def snapshots_of(folder: Path) -> Sequence[dict[str, object]]:
    """Return the snapshots that are kept and can be read, as `SnapshotShown`, the published one first."""
    states: dict[str, SnapshotState] = {}
    try:
        current, waiting = publication.published(folder), publication.held(folder)
        if waiting:
            states[waiting] = "held"
        if current:
            states[current] = "published"
        states |= {name: "previous" for name in publication.kept(folder) if name not in states}
    except SnapshotError:
        return []
    shown = []
    for state in ("published", "previous", "held"):
        for name in (name for name, each in states.items() if each == state):
            try:
                manifest = publication.manifest_of(folder, name)
            except SnapshotError:
                continue  # told as damage
            said = {"created_at": manifest.created_at, "encoder": manifest.encoder_spec, "seq": manifest.seq}
            shown.append({"id": name, "state": state, **said})
    return shown


def _check_spec(spec: str) -> None:
    """Raise EncoderError for a technology that nobody knows; whether there is such a model, the rebuild finds out."""
    for each in encoders.joints(spec):
        if (technology := each.partition(":")[0]) not in {*encoders.TECHNOLOGIES, encoders.AUTO}:
            known = ", ".join((encoders.AUTO, *encoders.TECHNOLOGIES))
            raise EncoderError(f"no encoder {technology[:80]!r}; choose one of {known}")
