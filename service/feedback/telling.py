"""A prediction with what people decided about it, as REST tells it and as a table has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from indexer.store.predictions import EVERY, Kept, Prediction, Predictions, Wanted

PAGE = 500
"""Predictions that are in memory at a time while all are written."""
NUMBERS = ("price", "probability", "doubt")
COLUMNS = (
    *("id", "at", "caller", "product_id", "title", "brand", "supplier", "price"),
    *("decision", "category", "category_id", "probability", "tags", "doubt", "snapshot"),
    *("action", "decided_category", "decided_category_id", "decided_product_id", "author", "decided_at"),
)

_PLAIN = (
    *("id", "at", "caller", "product_id", "content_hash", "supplier", "price"),
    *("decision", "snapshot", "taxonomy", "doubt"),
)
_ROWS = {
    "levels": ("name", "probability"),
    "alternatives": ("id", "path", "probability"),
    "tags": ("tag", "score", "source"),
    "neighbours": ("id", "path", "similarity", "weight"),
    "duplicates": ("id", "verdict", "probability"),
}


def told(kept: Kept) -> dict[str, Any]:
    """Return a prediction as JSON tells it; of its pictures what there is to know, without the small copies."""
    prediction = kept.prediction
    answer = prediction.answer
    return {
        **{name: getattr(prediction, name) for name in _PLAIN},
        "category": _category(prediction),
        "reason": answer["reason"],
        **{name: [dict(zip(fields, row, strict=True)) for row in answer[name]] for name, fields in _ROWS.items()},
        "doubts": answer["doubts"],
        "model": answer["model"],
        "product": _product(prediction),
        "reviews": [asdict(each) for each in kept.reviews],
    }


def cells_of(kept: Kept) -> dict[str, Any]:
    """Return a prediction as a row of COLUMNS: what was answered, and the decision that settles it where there is one.

    One that nobody settled has what was said last, `skip` or `unsure`, where anything was.
    """
    prediction, product = kept.prediction, kept.prediction.product or {}
    said = kept.settled or (kept.reviews[-1] if kept.reviews else None)
    return {
        **{name: getattr(prediction, name) for name in COLUMNS if hasattr(prediction, name)},
        "title": product.get("title", ""),
        "brand": product.get("brand", ""),
        "category_id": prediction.node_id,
        "tags": "|".join(row[0] for row in prediction.answer["tags"]),
        "action": said.action if said else "",
        "decided_category": said.category if said else "",
        "decided_category_id": said.node_id if said else "",
        "decided_product_id": said.product_id if said else "",
        "author": said.author if said else "",
        "decided_at": said.at if said else "",
    }


def pages(predictions: Predictions, wanted: Wanted = EVERY) -> Iterator[Sequence[Kept]]:
    """Yield all wanted predictions, the latest first, PAGE at a time; what is kept meanwhile is not among them."""
    before: int | None = None
    while page := predictions.page(before, PAGE, wanted):
        yield page
        before = page[-1].number


def _category(prediction: Prediction) -> dict[str, Any] | None:
    if not prediction.node_id:
        return None
    return {"id": prediction.node_id, "path": prediction.category, "probability": prediction.probability}


def _product(prediction: Prediction) -> dict[str, Any] | None:
    if prediction.product is None:
        return None
    shown = {name: value for name, value in prediction.product.items() if name not in {"vectors", "pictures"}}
    pictures = prediction.product["pictures"]
    return shown | {
        "specs": [{"name": name, "value": value} for name, value in prediction.product["specs"]],
        "facts": dict(prediction.product["facts"]),
        "pictures": [{"hash": each["hash"], "problem": each["problem"]} for each in pictures],
    }
