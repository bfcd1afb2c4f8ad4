"""Why a decision about an answer is refused: its product is not what it was when somebody asked about it.

It says something else; it was deleted, and a label brings none back that somebody took away; or a person put it into
another category, which whoever decides has not seen.
"""

from __future__ import annotations

from indexer.errors import DecisionConflict
from indexer.store.predictions import Kept
from indexer.store.records import Records, Stored


def check_unchanged(kept: Kept, stored: Stored | None) -> None:
    """Raise DecisionConflict for a label of a product that was stored or changed since and says something else."""
    prediction = kept.prediction
    if stored is None or stored.record.content_hash == prediction.content_hash:
        return
    if stored.updated_at > prediction.at or not prediction.product_id:
        raise DecisionConflict(
            f"product {stored.record.product.id[:80]!r} says something else than was asked about in prediction "
            f"{prediction.id}; nothing was changed: ask about it again, or patch its category"
        )


def check_not_deleted(records: Records, kept: Kept) -> None:
    """Raise DecisionConflict for a product, which is not stored, that was deleted since."""
    prediction = kept.prediction
    if prediction.product_id and records.meanwhile.deleted(prediction.product_id, prediction.at):
        raise DecisionConflict(
            f"product {prediction.product_id[:80]!r} was deleted since prediction {prediction.id} was answered; "
            "nothing was changed: ask about it again, or store it first"
        )


def check_not_labelled(records: Records, kept: Kept, stored: Stored, node_id: str) -> None:
    """Raise DecisionConflict for a product that a person put into another category than `node_id` since."""
    record, prediction = stored.record, kept.prediction
    if record.product.provenance != "human" or record.node_id in {"", node_id}:
        return
    if records.meanwhile.labelled(stored, prediction.at, prediction.id):
        raise DecisionConflict(
            f"a person put product {record.product.id[:80]!r} into {record.product.category[:200]!r} since prediction "
            f"{prediction.id} was answered; nothing was changed: look at it again, then name its version "
            f"{stored.version} (If-Match) to replace that label, or ask anew"
        )
