"""Products as tasks of Label Studio: what is shown, what is thought of them, and what an import has to know again.

    data.aisle    prediction, product: ids, "" for none. content: hash of what is shown. category: id of the stored
                  label as it was, None where nothing was seen of it. tags: that were pre-annotated

The id of a product is `product_id`: `id` is what JSON-MIN writes the number of the task over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from indexer.product import Product
from service.labelstudio.interface import CATEGORY, SHOWN, TAGS, Interface

MARKS = "aisle"
MODEL = "aisle"
"""Who pre-annotates, always the same: a project of Label Studio begins annotations from those of one model alone."""


@dataclass(frozen=True, slots=True)
class Thought:
    """What is thought of a product. node_id: "" for no category. probability: of that."""

    node_id: str
    probability: float
    tags: Sequence[str]


@dataclass(frozen=True, slots=True)
class Shown:
    """A product that is to be labelled. prediction: the id of the answer about it, "" for a stored product.

    content: its hash. category: id of its stored label, None where none was looked at.
    """

    product: Product
    content: str
    thought: Thought
    prediction: str = ""
    category: str | None = None


def task_of(shown: Shown, interface: Interface) -> dict[str, Any]:
    """Return a product as a task; of what is thought, what the interface offers is pre-annotated."""
    product, thought = shown.product, shown.thought
    node = interface.tree.of_id(thought.node_id) if thought.node_id else None
    path = interface.tree.path(node) if node is not None and interface.offers(node) else ()
    tags = list(dict.fromkeys(filter(None, map(interface.tag, thought.tags))))
    data = {
        "product_id": product.id,
        "title": product.title,
        "brand": product.brand,
        "specs": "\n".join(f"{name}: {value}" for name, value in product.specs),
        "description": product.description,
        "image": next((each for each in product.images if _is_address(each)), ""),
        MARKS: {
            "prediction": shown.prediction,
            "product": product.id,
            "content": shown.content,
            "category": shown.category,
            "tags": tags,
        },
    }
    result = [_result(CATEGORY, "taxonomy", [list(path)])] if path else []
    result += [_result(TAGS, "choices", tags)] if tags else []
    score = thought.probability if path else 0.0
    predictions = [{"model_version": MODEL, "score": score, "result": result}] if result else []
    return {"data": data, "predictions": predictions}


def _result(control: str, kind: str, value: object) -> dict[str, Any]:
    return {"id": control, "from_name": control, "to_name": SHOWN, "type": kind, "value": {kind: value}}


def _is_address(image: str) -> bool:
    return image[:8].lower().startswith(("http://", "https://"))
