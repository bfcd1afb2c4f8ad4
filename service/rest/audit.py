"""The routes of `/v1/audit` that tell: labels and tags that are probably wrong, and patterns of them.

What is shown was worked out by upkeep (`service/upkeep`) and is brought to the journal's end first, as far as
AISLE_REACH_SECONDS allow; `seq` says how far it is. They are plain `def`s, which the server runs in its thread pool.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from indexer.intake.update import path_of
from indexer.product import CATEGORY_CHARS
from indexer.store.suspects import Wanted
from indexer.store.twins import DUPLICATES
from service.audit.audit import AUDIT, findings_of
from service.audit.findings import FLOOR
from service.audit.reading import AmbiguousPair, DoubtedLabel, Reading, Where
from service.rest.api import PAGE_DEFAULT, PAGE_LIMIT, Json, refusals
from service.rest.asking import serving_of, settings_of
from service.rest.audit_decisions import PATTERN_ID
from service.rest.audit_replies import Kind, KindCounts, LabelsDoubted, PatternPage, SweepBegun, TagPage
from service.rest.bodies import BodyRoute
from service.rest.cursors import cursor_of_numbers, numbers_of
from service.serving import Serving

router = APIRouter(prefix="/v1", route_class=BodyRoute)

Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=PAGE_LIMIT)]
Least = Annotated[float, Query(ge=0, le=1, description=f"Probability from which; less than {FLOOR} is not kept.")]
Branch = Annotated[
    str | None, Query(max_length=CATEGORY_CHARS, description="Id or path: labels of this category and below it.")
]


@router.get("/audit/labels", response_model=LabelsDoubted, responses=refusals(404, 422))
def audit_labels(  # noqa: PLR0917 - each is a parameter of the query
    request: Request,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
    least: Least = 0.5,
    kind: Kind | None = None,
    branch: Branch = None,
    pattern: Annotated[str | None, Query(pattern=PATTERN_ID, description="Id of a pattern.")] = None,
) -> Json:
    """List labels that are probably wrong, the worst first."""
    serving = serving_of(request)
    seq, reading = _current(request, serving)
    wanted = Wanted(least, kind or "", _branch(reading, branch), pattern or "")
    after = numbers_of("labels", cursor, 3)
    page = reading.labels(wanted, after, limit)
    kinds = dict.fromkeys(KindCounts.model_fields, 0) | reading.count(wanted)
    return Json(
        {
            "seq": seq,
            "total": sum(kinds.values()),
            "kinds": kinds,
            "items": [_label(each) for each in page],
            "next": cursor_of_numbers("labels", page[-1].place) if len(page) == limit else None,
        }
    )


@router.get("/audit/tags", response_model=TagPage, responses=refusals(404, 422))
def audit_tags(
    request: Request,
    cursor: Cursor = None,
    limit: Limit = PAGE_DEFAULT,
    least: Least = 0.5,
    branch: Branch = None,
) -> Json:
    """List products with tags that they probably lack or should not have, the likeliest first."""
    seq, reading = _current(request, serving_of(request))
    after = numbers_of("tags", cursor, 2)
    page = reading.tags(least, after, limit, _branch(reading, branch))
    items = [
        {
            "id": each.id,
            "title": each.title,
            "path": each.path,
            "faults": [{"tag": tag, "fault": fault, "probability": likely} for tag, fault, likely in each.faults],
            "version": each.version,
        }
        for each in page
    ]
    return Json(
        {"seq": seq, "items": items, "next": cursor_of_numbers("tags", page[-1].place) if len(page) == limit else None}
    )


@router.get("/audit/patterns", response_model=PatternPage, responses=refusals())
def audit_patterns(request: Request) -> Json:
    """List patterns of the last sweep to which doubted labels still belong, those with the most products first."""
    serving = serving_of(request)
    seq, reading = _current(request, serving)
    findings = findings_of(serving.live.records)
    left = serving.live.records.suspects.patterns()
    items = [
        {
            "id": each.id,
            "attribute": each.attribute,
            "value": each.value,
            "stored": _category(reading.where(each.stored)),
            "suggested": _category(reading.where(each.suggested)),
            "support": each.support,
            "products": each.products,
            "share": each.share,
            "lift": each.lift,
            "chance": each.chance,
            "left": left[each.id],
        }
        for each in (findings.patterns if findings else ())
        if each.id in left
    ]
    return Json(
        {
            "seq": seq,
            "sweep": _going(serving),
            "swept_at": findings.at if findings else None,
            "products": findings.products if findings else 0,
            "audited": findings.audited if findings else 0,
            "unlabelled": findings.unlabelled if findings else 0,
            "items": items,
            "ambiguous": [_pair(each) for each in reading.pairs(findings.ambiguous if findings else ())],
        }
    )


@router.post("/audit:sweep", response_model=SweepBegun, responses=refusals())
def begin_sweep(request: Request) -> Json:
    """Begin a sweep: every label asked about anew, patterns looked for. It goes on when this returns."""
    serving = serving_of(request)
    begun = serving.upkeep.begin(AUDIT)
    return Json({"begun": begun, "sweep": _going(serving)})


def _going(serving: Serving) -> dict[str, Any] | None:
    going = serving.upkeep.passes.get(AUDIT)
    return None if going is None else {"stage": going.stage, "done": going.done, "total": going.total}


def _current(request: Request, serving: Serving) -> tuple[int | None, Reading]:
    """Bring the audit to the journal's end, where that can be soon; return how far it is, and what it says.

    Duplicates come first: the audit tells those that have different labels.
    """
    patience = settings_of(request).reach_seconds
    serving.upkeep.reach(DUPLICATES, patience)
    reached = serving.upkeep.reach(AUDIT, patience)
    return (None if reached is None else reached.seq), Reading(serving.live)


def _branch(reading: Reading, branch: str | None) -> str:
    """Return the path of a category that was named by id or path, "" for none; raises TaxonomyError."""
    if branch is None:
        return ""
    found = reading.tree.find(path_of(branch))
    return reading.tree.text(reading.tree.index(branch) if found is None else found)


def _label(doubted: DoubtedLabel) -> dict[str, Any]:
    return {
        "id": doubted.id,
        "title": doubted.title,
        "stored": _category(doubted.stored),
        "suggested": _category(doubted.suggested),
        "probability": doubted.probability,
        "severity": doubted.severity,
        "kind": doubted.kind,
        "pattern": doubted.pattern or None,
        "neighbours": [{"id": each.id, "title": each.title, "path": each.path} for each in doubted.neighbours],
        "provenance": doubted.provenance,
        "version": doubted.version,
    }


def _pair(found: AmbiguousPair) -> dict[str, Any]:
    return asdict(found.pair) | {
        "one": _category(found.one),
        "other": _category(found.other),
        "examples": [{"id": each.id, "title": each.title, "path": each.path} for each in found.examples],
        "remedy": {"change": "merge", "nodes": [found.merged.id], "into": found.into.id},
    }


def _category(where: Where) -> dict[str, str]:
    return {"id": where.id, "path": where.path}
