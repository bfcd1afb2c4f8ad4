"""Stored products that somebody wants looked at: asked about again, each without itself, and put into the review queue.

    ids -> those that are stored -> those that do not wait yet -> answers -> predictions that wait, in one transaction

So a person sees what the neighbours of a product say beside the label it has, and decides as about any answer. The
product itself is not kept with its prediction: it is stored.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from indexer.errors import DecisionConflict
from indexer.store import nominations
from indexer.store.decisions import Decision
from indexer.store.nominations import Unasked
from indexer.store.predictions import Prediction
from indexer.store.records import Stored
from service.audit.deciding import Changing, Settled, carried_out
from service.engine import Engine
from service.feedback.kept import prediction_of

LIMIT = 500
"""Products in one nomination: as many as one person looks at in a day."""
REASON_CHARS = 200
TRIES = 5
"""How often a nomination starts over where what it names is settled or deleted meanwhile."""
STEP = 64
"""Products that are asked about while a change waits."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which stored products somebody wants looked at, and why; ids: LIMIT at most."""

    ids: Sequence[str]
    reason: str = ""
    author: str = ""


def nominate(changing: Changing, engine: Engine, wish: Wish) -> Settled:
    """Put stored products into the review queue, and record who did; those that wait there already stay as they are.

    Ids that are not stored are told in the detail of the decision. Raises DecisionConflict, with nothing changed, when
    none is, where answers are not kept, or what is named changes time and again meanwhile.
    """
    if not engine.settings.prediction_days:
        raise DecisionConflict(
            "answers are not kept here, and what is not kept waits for nobody; let AISLE_PREDICTION_DAYS be 1 or more"
        )
    ids = list(dict.fromkeys(wish.ids))
    for _ in range(TRIES):
        with suppress(Unasked):  # what waited when it was looked at does not wait any more
            return _nominated(changing, engine, ids, wish)
    raise DecisionConflict(
        f"products are decided about or deleted while they are nominated, {TRIES} times over; nothing was put into the "
        "review queue: try again in a moment"
    )


def _nominated(changing: Changing, engine: Engine, ids: Sequence[str], wish: Wish) -> Settled:
    """Put products into the queue as they are found; raises Unasked where that is not how they are left."""
    stored = engine.live.records.get(ids)
    here = [id_ for id_ in ids if id_ in stored]
    if not here:
        raise DecisionConflict(
            f"nothing was put into the review queue: no product is stored under {ids[0][:80]!r}"
            + (f" or any of the {len(ids) - 1} other ids" if len(ids) > 1 else "")
            + "; name products that are stored"
        )
    waits = engine.live.records.nominations.waiting(here)
    said = {id_: each.content_hash for id_, each in waits.items()}
    asked = [stored[id_] for id_ in here if said.get(id_) != stored[id_].record.content_hash]
    made = {each.product_id: each for each in _predictions(engine, asked, wish.author)}
    detail = {"ids": here, "reason": wish.reason, "missing": [id_ for id_ in ids if id_ not in stored]}
    subject = f"{len(here)} product{'' if len(here) == 1 else 's'}"
    acts = [lambda connection, number: nominations.nominate(connection, number, here, made)]
    decision = Decision(nominations.KIND, nominations.NOMINATE, subject, wish.author, detail, acts=acts)
    return carried_out(changing, decision, (), {})


def _predictions(engine: Engine, some: Sequence[Stored], author: str) -> list[Prediction]:
    """Return what is answered about stored products, as it is kept; without those that are gone by now.

    Each has an id of its own, though the same was answered before: it is another question, that a person asks people.
    """
    made, hashes = [], {each.record.product.id: each.record.content_hash for each in some}
    for start in range(0, len(some), STEP):
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        for answer in engine.answer_stored(some[start : start + STEP]):
            asked = prediction_of(answer, at, author, whole=False)
            own = "p" + secrets.token_hex(10)
            made.append(replace(asked, id=own, content_hash=hashes[answer.product_id]))
    return made
