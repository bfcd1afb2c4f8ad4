"""The routes of how good the answers are: what the index learnt by asking itself, and the last evaluation's report."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from service.calibration.calibrate import Calibration
from service.evaluation.report import FIGURES, FOLDER, PAGE, WORDS
from service.rest.api import Json, refusals
from service.rest.asking import serving_of, settings_of
from service.rest.bodies import BodyRoute
from service.rest.problems import ReportNotFound

PRECISIONS = (0.9, 0.95, 0.99)
"""Asked for on the dial, for what share of the products would be answered."""

SANDBOX = {
    # The report brings its script and plots along. It runs apart from every page: it may call and read nothing.
    "Content-Security-Policy": (
        "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
        "img-src data: blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

router = APIRouter(prefix="/v1/index", route_class=BodyRoute)


class Dialled(BaseModel):
    """What a precision costs: from which probability on answers are `auto`, and what share of the products that is."""

    precision: float
    threshold: float | None = Field(description="Null where nothing is as sure as that.")
    answered: float


class Calibrated(BaseModel):
    """What the index learnt of its own answers: each stored product was asked about without itself."""

    observations: int
    accuracy: float = Field(description="Share of them whose likeliest category is that of their label.")
    error: float = Field(description="Expected calibration error: how far probabilities are from what turns out.")
    dial: list[Dialled]


class MeasureShown(BaseModel):
    """A measure with the interval that holds it in 95 of 100 cases."""

    measure: str
    name: str
    what: str
    value: float
    low: float
    high: float


class EvaluationShown(BaseModel):
    """The last evaluation that `aisle evaluate` wrote into the folder of the index."""

    at: str
    method: str
    snapshot: str
    asked: int
    measures: list[MeasureShown]


class IndexFigures(BaseModel):
    """How good the answers are. Null is what nobody has measured."""

    calibration: Calibrated | None
    evaluation: EvaluationShown | None


_PAGE: dict[int | str, dict[str, Any]] = {200: {"description": "A page by itself.", "content": {"text/html": {}}}}


@router.get("/figures", response_model=IndexFigures, responses=refusals())
def index_figures(request: Request) -> Json:
    """Return how good the answers are, as the index measured it on itself, and as it was evaluated last."""
    learnt = serving_of(request).engine.calibration
    return Json(
        {
            "calibration": _calibrated(learnt) if learnt.observations else None,
            "evaluation": _evaluation(_folder(request) / FIGURES),
        }
    )


@router.get("/report", response_class=Response, responses=refusals(404) | _PAGE)
def index_report(request: Request) -> Response:
    """Return the report of the last evaluation, a page with plots that needs nothing from anywhere."""
    page = _folder(request) / PAGE
    try:
        return Response(page.read_bytes(), media_type="text/html; charset=utf-8", headers=SANDBOX)
    except OSError as error:
        raise ReportNotFound(
            "nobody has evaluated this index into its own folder; do so with `aisle evaluate --index FOLDER`"
        ) from error


def _folder(request: Request) -> Path:
    return Path(settings_of(request).index) / FOLDER


def _calibrated(learnt: Calibration) -> dict[str, Any]:
    dial = []
    for precision in PRECISIONS:
        curve = learnt.curves.get("auto")
        threshold = curve.threshold(precision) if curve else None
        answered = curve.coverage(threshold) if curve and threshold is not None else 0.0
        dial.append({"precision": precision, "threshold": threshold, "answered": round(answered, 4)})
    return {
        "observations": learnt.observations,
        "accuracy": round(learnt.accuracy, 4),
        "error": round(learnt.error[1], 4),
        "dial": dial,
    }


def _evaluation(file: Path) -> dict[str, Any] | None:
    """Return what an evaluation wrote; None where there is none, or none that can be read."""
    try:
        said = orjson.loads(file.read_bytes())
        measures = [
            {"measure": name, "name": WORDS[name][0], "what": WORDS[name][1]}
            | {key: float(figure[key]) for key in ("value", "low", "high")}
            for name, figure in said["measures"].items()
            if name in WORDS
        ]
        at = datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat(timespec="seconds")
        facts = {
            "method": str(said["method"]),
            "snapshot": str(said["setting"]["snapshot"]),
            "asked": int(said["asked"]),
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return {"at": at, **facts, "measures": measures}
