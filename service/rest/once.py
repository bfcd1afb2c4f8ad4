"""What a person decides over HTTP: carried out once, however often it is sent under one Idempotency-Key.

    claim the key -> decide, with the answer kept in the transaction of the decision -> answer

Like the routes of decisions it runs in the thread pool of the server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from indexer.errors import RecordError
from indexer.live import Change, Live, Outcome
from indexer.store.decisions import Decided, Decision, of_number
from indexer.store.records import Answered, Receipt
from indexer.store.requests import settle
from service.audit.deciding import Settled
from service.rest.asking import serving_of
from service.rest.bodies import document_of
from service.rest.keys import REPLAYED, as_it_is, claimed, name_of, renewed
from service.serving import Serving

Told = Callable[[Settled], dict[str, Any]]
"""Returns a decision as it is answered."""


def decided_once(
    request: Request, key: str | None, decide: Callable[[Serving | Receipted], Settled], told: Told
) -> Response:
    """Let `decide` carry a decision out, or answer as before when the key came with the same request already.

    A request that fails gives its key up. Raises RequestConflict for a key of another request, RequestRunning, and what
    `decide` raises.
    """
    serving = serving_of(request)
    if key is None:
        return as_it_is(_answered(told(decide(serving))))
    before = claimed(request, key, document_of(request))
    if before is not None:
        return as_it_is(before, REPLAYED)
    receipted = Receipted(serving, name_of(key), told)
    try:
        with renewed(serving.live.records, receipted.key):
            decide(receipted)
    except BaseException:
        with suppress(RecordError):
            serving.live.records.release(receipted.key)
        raise
    return as_it_is(receipted.answers[-1])


@dataclass(frozen=True, slots=True)
class Receipted:
    """What is served, each decision of which leaves its answer under a key that was claimed.

    answers: what was answered, the last of which stands: a change that is overtaken is tried again.
    """

    serving: Serving
    key: str
    told: Told
    answers: list[Answered] = field(default_factory=list)

    @property
    def live(self) -> Live:
        """The index in memory."""
        return self.serving.live

    def change(
        self,
        changes: Sequence[Change],
        *,
        expected: Mapping[str, int | None],
        decision: Decision,
    ) -> list[Outcome]:
        """Change products by a decision, as `Live.change` does."""
        taken: list[Decided] = []
        seq = self.live.seq
        acts = [*decision.acts, lambda connection, number: taken.append(of_number(connection, number))]
        receipt = Receipt(self.key, lambda outcomes: self._answer(Settled.of(taken[-1], outcomes, seq)))
        return self.serving.change(changes, expected=expected, receipt=receipt, decision=replace(decision, acts=acts))

    def undo_decision(self, number: int, author: str) -> Decided:
        """Take a decision back, as `Live.undo_decision` does."""

        def keep(connection: Any, new: int) -> None:  # noqa: ANN401 - a connection of the store, which is its affair
            settle(connection, self.key, self._answer(Settled(of_number(connection, new))))

        return self.serving.undo_decision(number, author, [keep])

    def _answer(self, settled: Settled) -> Answered:
        self.answers.append(_answered(self.told(settled)))
        return self.answers[-1]


def _answered(told: dict[str, Any]) -> Answered:
    return Answered(200, orjson.dumps(told))
