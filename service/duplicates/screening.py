"""Products on their way into the store, looked up there first: duplicates are told (`flag`) or refused (`reject`).

One after the other, as they will be stored: each is judged with what is stored then and with those before it that are
not refused. What an earlier change of the same request replaces or deletes is no duplicate any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from indexer.encoders import Encoded, sound
from indexer.errors import ProductDuplicate
from indexer.intake.patch import Change, Patch, Refused
from indexer.intake.screen import Screened
from indexer.intake.update import Encode, seen_again
from indexer.live import Live
from indexer.normalize import text_of
from indexer.product import Product
from indexer.space import Projected
from indexer.store.records import Record
from service.answer import Duplicate
from service.duplicates.lookup import Asked, Wanted, look_up
from service.duplicates.verdicts.judging import Judging
from service.duplicates.within import Within
from service.vote.search import Neighbourhood

OnDuplicate = Literal["accept", "flag", "reject"]
"""What becomes of a product that is stored already under another id: it is stored, stored and told, or refused."""

Hear = Callable[[Sequence[Product], Projected], Iterable[tuple[list[int], Projected, Neighbourhood]]]
"""Yields the rows of products of each pattern, as they are asked about, with their neighbours."""

STEP = 64
"""Products that are looked up while changes of what is in memory wait."""


@dataclass(frozen=True, slots=True)
class Screening:
    """A screen (`indexer/intake/screen.py`) for changes; refuses: whether duplicates are, or only told."""

    judging: Judging
    hear: Hear
    wanted: Wanted
    refuses: bool

    def __call__(self, changes: Sequence[Change], ready: Sequence[Record | str | Refused], encode: Encode) -> Screened:
        """Return the changes without those that are refused, with the duplicates of each of the others."""
        live = self.judging.live
        seq = live.follow()
        records = [each for each in ready if isinstance(each, Record)]
        if not records:
            return Screened(ready)
        products = [each.product for each in records]
        asked = _projected(live, records, encode)
        stored = [twins for start in range(0, len(records), STEP) for twins in self._stored(products, asked, start)]
        with live.reading():
            within = Within.of(self.judging, products, asked, self.wanted)
        return self._in_order(changes, ready, seq, stored, within)

    def _stored(self, products: Sequence[Product], asked: Projected, start: int) -> list[list[Duplicate]]:
        """Return the stored duplicates of the STEP products from `start` on."""
        some = products[start : start + STEP]
        made: list[list[Duplicate]] = [[] for _ in some]
        with self.judging.live.reading():
            for rows, each, found in self.hear(some, asked[start : start + STEP]):
                twins = look_up(self.judging, Asked([some[row] for row in rows], each, found), self.wanted)
                for row, one in zip(rows, twins, strict=True):
                    made[row] = one
        return made

    def _in_order(
        self,
        changes: Sequence[Change],
        ready: Sequence[Record | str | Refused],
        seq: int,
        stored: Sequence[Sequence[Duplicate]],
        within: Within,
    ) -> Screened:
        done, remarks = list(ready), dict[int, tuple[Duplicate, ...]]()
        refused, row, now = dict[str, ProductDuplicate](), -1, dict[str, int]()
        known = _unchanged(self.judging.live, ready) if self.refuses else set()
        for place, (change, each) in enumerate(zip(changes, ready, strict=True)):
            if isinstance(each, str):
                now[each] = -1
            if not isinstance(each, Record):
                continue
            row, name = row + 1, each.product.id
            if isinstance(change, Patch) and name in refused:  # a patch of what was not stored
                done[place] = refused[name]
                continue
            twins = [twin for twin in stored[row] if twin.id not in now]
            twins += [twin for at, twin in within.before(row) if now.get(twin.id) == at and twin.id != name]
            same = tuple(twin for twin in twins if twin.same)
            if self.refuses and same and place not in known:
                done[place] = refused[name] = _refusal(name, same)
                continue
            now[name] = row
            refused.pop(name, None)
            if not self.refuses and twins:
                remarks[place] = tuple(twins[: self.wanted.limit])
        return Screened(done, seq, remarks)


def _projected(live: Live, records: Sequence[Record], encode: Encode) -> Projected:
    """Return records as the index sees them; what the store has no raw vectors of is encoded."""
    hashes = [each.content_hash for each in records]
    encoded, there = live.records.vectors(hashes, live.encoder.name, live.encoder.parts)
    if not there.all():
        rows = np.flatnonzero(~there)
        new = seen_again(live.records, [records[row].product for row in rows.tolist()], live.encoder.side)
        made = sound(encode(new))
        for part in encoded.parts:
            encoded.parts[part][rows], encoded.mask[part][rows] = made.parts[part], made.mask[part]
    return live.space.project(Encoded(encoded.parts, encoded.mask), [text_of(each.product) for each in records])


def _unchanged(live: Live, ready: Sequence[Record | str | Refused]) -> set[int]:
    """Return the places of records that say what is stored under their id already: these are stored again."""
    records = {place: each for place, each in enumerate(ready) if isinstance(each, Record)}
    stored: Mapping[str, Record] = {
        name: each.record for name, each in live.records.get({each.product.id for each in records.values()}).items()
    }
    return {
        place
        for place, each in records.items()
        if (before := stored.get(each.product.id))
        and (before.content_hash, before.product.facts) == (each.content_hash, each.product.facts)
    }


def _refusal(name: str, same: tuple[Duplicate, ...]) -> ProductDuplicate:
    first = same[0]
    why = ", ".join(first.evidence) or first.verdict
    more = f" and {len(same) - 1} more" if len(same) > 1 else ""
    return ProductDuplicate(
        f"{name!r} is stored already as {first.id!r}{more}: {first.verdict} with probability {first.probability:.2f} "
        f"({why}); change that product, or store this one too with on_duplicate accept or flag",
        same,
    )
