"""What a prediction is worth to its owner: the number that a fact or a spec of its product says, by any name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from indexer.errors import SettingError
from indexer.price import number_in
from indexer.sources.aliases import column_key
from indexer.store.waiting import Waiter

PRICE = "price"
NAMED = 10
"""Names that a refusal tells."""


def worths(pool: Sequence[Waiter], name: str) -> list[float | None]:
    """Return what each is worth: its price, or the number of its fact or spec of that name; None where none is said.

    Names are compared as those of columns are: `Stock quantity` is `stock_quantity`. Below 0 counts as 0.
    """
    if not name:
        return [None] * len(pool)
    key = column_key(name)
    return [_worth(each, key) for each in pool]


def check_worth(pool: Sequence[Waiter], name: str) -> None:
    """Raise SettingError where something waits and nothing of it has a number under a name; tells names that have."""
    if not name or not pool or any(worth is not None for worth in worths(pool, name)):
        return
    if column_key(name) == PRICE:
        raise SettingError("nothing that waits has a price; name another fact or spec, or none")
    if not any(each.product for each in pool):
        raise SettingError(
            f"nothing that waits has a number under {name[:80]!r}: products are not kept with their answers "
            "(AISLE_PREDICTION_PRODUCTS), so only price weighs them"
        )
    known = Counter(
        said for each in pool for said in {said for said, text in _said(each) if number_in(text) is not None}
    )
    told = ", ".join(repr(said[:80]) for said, _ in known.most_common(NAMED)) or "nothing"
    raise SettingError(
        f"nothing that waits has a number under {name[:80]!r}, as fact or spec; name one that has: {told} "
        f"(of the {len(pool):,} most doubted)"
    )


def _worth(waiter: Waiter, key: str) -> float | None:
    if key == PRICE and waiter.price is not None:
        return waiter.price
    numbers = (number_in(text) for name, text in _said(waiter) if column_key(name) == key)
    found = next((number for number in numbers if number is not None), None)
    return None if found is None else max(0.0, found)


def _said(waiter: Waiter) -> Iterable[Sequence[Any]]:
    """Yield the facts and specs of a product, [name, text] each."""
    yield from waiter.product.get("facts", ())
    yield from waiter.product.get("specs", ())
