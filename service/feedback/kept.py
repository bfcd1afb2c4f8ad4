"""What is kept of an answer, as the record store takes it; and the product of a prediction, as an index takes it.

Of pictures the small copies are kept with it, as of stored products, and vectors that were given; never pixels.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from indexer.picture import Picture
from indexer.price import Price
from indexer.product import NOTHING, Product, content_hash
from indexer.sources import Row
from indexer.sources.products import nameless
from indexer.store.predictions import Prediction
from service.answer import Answer
from service.calibration.dial import Dial
from service.feedback.doubts import doubts_of

TEXTS = ("title", "description", "brand", "language")


def prediction_of(
    answer: Answer, at: str, caller: str, *, product_id: str | None = None, whole: bool = True
) -> Prediction:
    """Return what is kept of an answer. product_id: where it is not that of the answer. whole: with the product."""
    product, doubts = answer.asked, doubts_of(answer)
    known = {} if product is None else product.known
    price = Price.read(known.get("price", ""))
    return Prediction(
        id=answer.prediction_id,
        at=at,
        caller=caller,
        product_id=answer.product_id if product_id is None else product_id,
        content_hash=NOTHING if product is None else content_hash(product),
        supplier=known.get("supplier", ""),
        price=None if price is None else float(price.amount),
        decision=answer.decision,
        node_id=answer.category.id if answer.category else "",
        category=answer.category.path if answer.category else "",
        probability=answer.category.probability if answer.category else 0.0,
        snapshot=answer.snapshot,
        taxonomy=answer.taxonomy.number,
        doubt=doubts.score,
        answer={
            "reason": answer.reason,
            "levels": [[each.name, each.probability] for each in answer.levels],
            "alternatives": [[each.id, each.path, each.probability] for each in answer.alternatives],
            "tags": [[each.tag, each.score, each.source] for each in answer.tags],
            "neighbours": [[each.id, each.path, each.similarity, each.weight] for each in answer.neighbours],
            "duplicates": [[each.id, each.verdict, each.probability] for each in answer.duplicates],
            "used": answer.used,
            "model": answer.model,
            "doubts": asdict(doubts),
            "dial": [answer.precision, answer.policy],
        },
        product=product_json(product) if whole and product is not None else None,
    )


def named(row: Row, answer: Answer) -> Answer:
    """Return the answer about a row as it is kept: of a row without an id, of no product."""
    return replace(answer, product_id="") if row.id == nameless(row.number) else answer


def product_json(product: Product) -> dict[str, Any]:
    """Return a product without id and label as JSON holds it."""
    return {
        **{name: getattr(product, name) for name in TEXTS},
        "specs": [list(pair) for pair in product.specs],
        "facts": [list(pair) for pair in product.facts],
        "images": list(product.images),
        "pictures": [_picture_json(each) for each in product.pictures],
        "vectors": {
            part: b64encode(np.asarray(row, "<f4").tobytes()).decode() for part, row in product.vectors.items()
        },
    }


def product_from(kept: Mapping[str, Any], product_id: str) -> Product:
    """Return the product that `product_json` was given, under an id."""
    return Product(
        product_id,
        **{name: kept[name] for name in TEXTS},
        specs=_pairs(kept["specs"]),
        facts=_pairs(kept["facts"]),
        images=tuple(kept["images"]),
        pictures=tuple(Picture(**{**each, "thumbnail": b64decode(each["thumbnail"])}) for each in kept["pictures"]),
        vectors={part: np.frombuffer(b64decode(row), "<f4") for part, row in kept["vectors"].items()},
    )


def question_of(kept: Mapping[str, Any], product_id: str, side: int) -> Product:
    """Return that product with the pixels of its small pictures, for an encoder that looks at `side` of them."""
    product = product_from(kept, product_id)
    if not (side and product.main_picture):
        return product
    from indexer.images.decode import read_picture

    def looked(picture: Picture) -> Picture:
        return replace(picture, pixels=read_picture(picture.thumbnail, side).pixels) if picture.thumbnail else picture

    return replace(product, pictures=tuple(map(looked, product.pictures)))


def dial_of(prediction: Prediction) -> Dial:
    """Return what was asked for besides the product; of an answer that does not tell, what the service says."""
    precision, policy = prediction.answer.get("dial", (None, None))
    return Dial(precision, policy)


def size_of(prediction: Prediction) -> int:
    """Return about how many bytes a prediction takes while it waits."""
    product = prediction.product or {}
    texts = sum(len(product.get(name, "")) for name in TEXTS)
    given = sum(len(row) for row in product.get("vectors", {}).values())
    return 4_000 + 2 * texts + given + sum(len(each["thumbnail"]) for each in product.get("pictures", ()))


def _picture_json(picture: Picture) -> dict[str, Any]:
    small = {"thumbnail": b64encode(picture.thumbnail).decode()}
    return {name: getattr(picture, name) for name in ("hash", "problem", "phash", "width", "height")} | small


def _pairs(rows: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401 - as JSON has them
    return tuple((name, value) for name, value in rows)
