"""The pages of the desk: each a template in the shell `desk.html`, with a script and a style sheet of its own name.

A page comes empty. Its script asks the routes of `/v1` for everything it shows, so whatever a page does, a program can
do. To add one: a line in PAGES, `templates/NAME.html`, `static/NAME.js` and `static/NAME.css`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.responses import Response

from indexer.encoders import missing
from service.rest.access.callers import account
from service.serving import Serving

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Page:
    """A page as the navigation has it. file: what its template, script and style sheet are called."""

    path: str
    name: str
    file: str
    says: str


PAGES = (
    Page("/", "Try", "try", "Where does a product belong, and is it in the catalogue already?"),
    Page("/import", "Import", "import", "A supplier's file, every row of it answered while others go on working."),
    Page("/review", "Review", "review", "Doubtful answers, one after the other: a decision is one key."),
    Page("/duplicates", "Duplicates", "duplicates", "What seems to be stored twice, side by side."),
    Page("/audit", "Wrong shelf", "audit", "Labels that are probably wrong, the worst first."),
    Page("/taxonomy", "Taxonomy", "taxonomy", "The tree of categories, what lies in them and how they do."),
    Page("/index", "Index", "index", "How the index does, its snapshots, and building it anew."),
    Page("/figures", "Figures", "figures", "How answers were received, and how many of the sure ones are right."),
    Page("/map", "Map", "map", "Every product as a point, near to those that it is like."),
    Page("/access", "Access", "access", "Who is let in: keys of programs, and accounts of people."),
)

HEADERS = {
    # Nothing inline, nothing from outside: text of a supplier that would be shown as markup could still do no harm.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def desk_router() -> APIRouter:
    """Return the routes of the pages; their templates are read once, here."""
    router = APIRouter(include_in_schema=False)
    environment = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=select_autoescape())
    for page in PAGES:
        router.add_api_route(page.path, _shown(environment, page), name=f"page_{page.file}")
    sign_in = environment.get_template("sign-in.html").render()
    router.add_api_route("/sign-in", lambda: HTMLResponse(sign_in, headers=HEADERS), name="page_sign_in")
    return router


def static_files() -> StaticFiles:
    """Return the files that the pages refer to."""
    return _Fresh(directory=HERE / "static")


class _Fresh(StaticFiles):
    """Files that a browser asks about each time, so that scripts of two versions never meet."""

    def file_response(self, *arguments: Any, **named: Any) -> Response:  # noqa: ANN401 - handed on as they come
        response = super().file_response(*arguments, **named)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _shown(environment: Environment, page: Page) -> Callable[[Request], HTMLResponse]:
    template = environment.get_template(f"{page.file}.html")

    def show(request: Request) -> HTMLResponse:
        facts = _facts(request.app.state.serving)
        shown = template.render(page=page, pages=PAGES, facts=facts, **account(request))
        return HTMLResponse(shown, headers=HEADERS)

    return show


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
