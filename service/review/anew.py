"""Answers that a decision has taught are asked about anew, when their turn in the queue comes.

Twenty copies of one case: the first is decided about, the others are asked about anew with what that taught. What is
`auto` now leaves the queue; what is still doubted comes with its new answer. The new answer is a prediction beside the
old one, as if somebody had asked again; the question is the same, with its precision and policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from indexer.errors import ProductError
from indexer.product import Product
from indexer.store.predictions import ANEW, Kept
from service.answer import Answer
from service.calibration.dial import Dial
from service.feedback.keeping import Keeper
from service.feedback.kept import dial_of, question_of

Ask = Callable[[Sequence[Product], Dial], Sequence[Answer | ProductError]]
"""Answers products by a dial, in order; raises TimeoutError when that takes too long."""


class Anew:
    """Asks about kept predictions anew. nameless: the id that a product without one is asked about under."""

    def __init__(self, keeper: Keeper, ask: Ask, side: int, nameless: str) -> None:
        self._keeper = keeper
        self._ask = ask
        self._side = side
        self._nameless = nameless

    def __call__(self, some: Sequence[Kept]) -> None:
        """Ask about predictions anew whose products are kept, and keep the answers; raises TimeoutError."""
        by_dial: dict[Dial, list[Product]] = {}
        for each in some:
            said = each.prediction
            if said.product is not None:
                asked = question_of(said.product, said.product_id or self._nameless, self._side)
                by_dial.setdefault(dial_of(said), []).append(asked)
        for dial, products in by_dial.items():
            answers = [each for each in self._ask(products, dial) if isinstance(each, Answer)]
            self._keeper.keep(answers, ANEW, self._nameless)
        self._keeper.flush()
