"""The first page at `/`: one template, one script and one style sheet of our own, nothing from anywhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, select_autoescape

from indexer.encoders import missing
from service.serving import Serving

HERE = Path(__file__).parent

HEADERS = {
    # Nothing inline, nothing from outside: text of a supplier that would be shown as markup could still do no harm.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def page_router() -> APIRouter:
    """Return the route of the page; its template is read once, here."""
    router = APIRouter(include_in_schema=False)
    environment = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape())
    template = environment.get_template("index.html")

    @router.get("/")
    def page(request: Request) -> HTMLResponse:
        return HTMLResponse(template.render(facts=_facts(request.app.state.serving)), headers=HEADERS)

    return router


def static_files() -> StaticFiles:
    """Return the files that the page refers to."""
    return StaticFiles(directory=HERE / "static")


def _facts(serving: Serving | None) -> dict[str, Any] | None:
    if serving is None:
        return None
    live = serving.live
    with live.reading():
        own = live.labels.node_counts(len(live.tree))
        return {
            "products": len(live.labels),
            "categories": int((own > 0).sum()),
            "encoder": live.manifest.encoder_spec,
            "snapshot": live.manifest.id,
            "missing": missing(live.manifest.encoder_spec),
        }
