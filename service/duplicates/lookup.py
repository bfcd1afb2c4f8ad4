"""Which stored products may be the same as products that are asked about: found, judged, and told the surest first.

found    neighbours that the search of an answer has brought, by vector and words in turns; who shares an article number
         or the whole content; whose main picture looks the same; who a person has called the same
judged   by the one judge of pairs (`judging.py`), overruled by what people said of a pair
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Self, cast

import numpy as np
import numpy.typing as npt

from indexer.codes import codes_of, content_code
from indexer.live import Live
from indexer.product import Product, content_hash
from indexer.space import Projected
from indexer.vectors import Keys
from service.answer import Duplicate
from service.duplicates.verdicts.judging import Judging
from service.duplicates.verdicts.verdict import (
    DIFFERENT,
    IDENTICAL,
    PICTURE_BITS,
    SAME,
    SAME_PICTURE,
    VARIANT,
    VERDICTS,
    Codes,
    Floats,
    Judgements,
    Verdict,
)
from service.vote.search import Neighbourhood

NEAREST = 12
"""Neighbours that are judged for an answer; whoever asks for more duplicates gets more of them judged."""
SHARED = 16
"""Products that are judged for one code or picture; what more of them have names no article."""
ORDER = np.array([0, 0, 2, 1, 3], np.int8)
"""Which verdicts are told before which: identical and same product, same picture, variant, different."""
UNSORTED = np.array([0, 0, 1, 1, 1], np.int8)
"""The same where different ones are told, too: after the same product the likeliest come first."""
SIMILAR = 0.3
"""How much similarity counts beside probability among these: of 301 matches of er_abt_buy 0.973 are then within the
first 10 instead of 0.967, of er_amazon_google as many as without it, 0.970."""
SAID_SO = "a person said so"
DIGITS = 6
"""Of a probability that is told: what is equal in these is equally likely."""


@dataclass(frozen=True, slots=True)
class Asked:
    """n normalised products as the index sees them, with the neighbours that were found of each."""

    products: Sequence[Product]
    projected: Projected
    found: Neighbourhood


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is told of each product: `limit` stored ones at most, the same with a probability of `least` or more.

    nearest: neighbours that are judged. different: whether those that are likely different are told, too.
    """

    least: float
    limit: int
    nearest: int = NEAREST
    different: bool = False


def look_up(judging: Judging, asked: Asked, wanted: Wanted) -> list[list[Duplicate]]:
    """Return the stored products that may be the same as each product asked about, the surest first.

    Same pictures and variants are told after these; of equally likely ones who has the very title comes first, then who
    is more similar. The product itself is left out. Call it while the index is being read.
    """
    live = judging.live
    said = said_of(live, asked.products)
    rows, keys = candidates(live, asked, wanted.nearest, said)
    judged = judging.asked(asked.products, asked.projected, rows, keys)
    ruled = Ruled.of(judged, rows, live.labels.ids(keys), said)
    verdicts, probability = ruled.verdicts, ruled.probability
    similarity = live.contents.features.cosines(np.asarray(asked.projected.raw)[rows], keys[:, None])[:, 0]
    first = (UNSORTED if wanted.different else ORDER)[verdicts]
    likely = probability + SIMILAR * similarity * (verdicts > SAME) if wanted.different else probability
    some = np.flatnonzero(told(verdicts, probability, wanted))
    titled = _titled(live, asked.products, rows, keys, some[_tied(rows[some], first[some], likely[some])])
    ranked = keys, -similarity, ~titled, -likely.round(DIGITS), first, rows
    order = some[np.lexsort([each[some] for each in ranked])]
    order = order[_places(rows[order]) < wanted.limit]
    made: list[list[Duplicate]] = [[] for _ in asked.products]
    for row, twin in zip(rows[order].tolist(), ruled.duplicates(order, similarity[order]), strict=True):
        made[row].append(twin)
    return made


def candidates(live: Live, asked: Asked, nearest: int, said: Sequence[dict[str, str]]) -> tuple[Keys, Keys]:
    """Return what is worth judging: places among the products asked about, and stored keys, each pair once.

    said: what people said of each product and others, by their ids.
    """
    contents, products = live.contents, asked.products
    present = asked.found.present & (np.cumsum(asked.found.present, axis=1) <= nearest)
    rows, places = np.nonzero(present)
    found = [(rows, asked.found.keys[rows, places])]
    own = zip((content_code(content_hash(each)) for each in products), codes_of(products), strict=True)
    found.append(contents.codes.search([(content, *numbers) for content, numbers in own], SHARED))
    for row, product in enumerate(products):
        picture = product.main_picture
        keys = [] if picture is None else contents.lookalikes.search(picture.phash, PICTURE_BITS)[0][:SHARED].tolist()
        keys += [key for each in said[row] if (key := live.labels.key(each)) is not None]
        found.append((np.full(len(keys), row), np.array(keys, np.int64)))
    rows, keys = (np.concatenate(some).astype(np.int64) for some in zip(*found, strict=True))
    itself = np.array([-1 if (key := live.labels.key(each.id)) is None else key for each in products], np.int64)
    others = keys != itself[rows]
    pairs = np.unique(np.stack([rows[others], keys[others]], axis=1), axis=0)
    return pairs[:, 0], pairs[:, 1]


def said_of(live: Live, products: Sequence[Product]) -> list[dict[str, str]]:
    """Return what people said of each product and others, by their ids."""
    said: dict[str, dict[str, str]] = {product.id: {} for product in products}
    for pair, verdict in live.records.twins.settled(said).items():
        for one, other in (pair, pair[::-1]):
            if one in said:
                said[one][other] = verdict
    return [said[product.id] for product in products]


@dataclass(frozen=True, slots=True)
class Ruled:
    """n judged pairs of a product and another, with what people said in place of verdict and probability, (n,) each.

    ids: of the others. by_people: the pairs of which somebody said something.
    """

    ids: Sequence[str]
    verdicts: Codes
    probability: Floats
    by_people: Set[int]
    tell: Callable[[Sequence[int]], list[tuple[str, ...]]]

    @classmethod
    def of(cls, judged: Judgements, rows: Keys, ids: Sequence[str], said: Sequence[Mapping[str, str]]) -> Self:
        """Return judged pairs; rows: int64 (n,), of the product asked about. said: as `said_of` returns it."""
        verdicts, probability = judged.verdicts.copy(), judged.probability.copy()
        settled = {at: said[row][ids[at]] for at, row in enumerate(rows.tolist()) if ids[at] in said[row]}
        for at, verdict in settled.items():
            verdicts[at] = VERDICTS.index(cast("Verdict", verdict))
            probability[at] = float(verdicts[at] in {IDENTICAL, SAME})
        return cls(ids, verdicts, probability, settled.keys(), judged.tell)

    def duplicates(self, places: Keys, similarity: Floats) -> Iterator[Duplicate]:
        """Yield some pairs as they are told, in the order of `places`; similarity: of each of these."""
        some = places.tolist()
        for at, alike, evidence in zip(some, similarity.tolist(), self.tell(some), strict=True):
            yield Duplicate(
                id=self.ids[at],
                similarity=round(alike, 6),
                verdict=VERDICTS[self.verdicts[at]],
                probability=round(float(self.probability[at]), DIGITS),
                evidence=(SAID_SO, *evidence) if at in self.by_people else evidence,
            )


def told(verdicts: Codes, probability: Floats, wanted: Wanted) -> npt.NDArray[np.bool_]:
    """Return which pairs are told: bool (m,)."""
    likely = probability >= wanted.least
    if not wanted.different:
        likely &= verdicts != DIFFERENT
    made: npt.NDArray[np.bool_] = likely | np.isin(verdicts, (VARIANT, SAME_PICTURE))
    return made


def _tied(rows: Keys, first: Codes, likely: Floats) -> npt.NDArray[np.bool_]:
    """Return which of n pairs another of the same row is as likely as: bool (n,)."""
    said = np.stack([rows, first, likely.round(DIGITS)])
    _, place, times = np.unique(said, axis=1, return_inverse=True, return_counts=True)
    made: npt.NDArray[np.bool_] = times[place.ravel()] > 1
    return made


def _titled(live: Live, products: Sequence[Product], rows: Keys, keys: Keys, places: Keys) -> npt.NDArray[np.bool_]:
    """Return which pairs have one title, whatever its capitals: bool (n,); only those at `places` are looked at."""
    made = np.zeros(len(rows), np.bool_)
    stored = live.records.by_keys(np.unique(keys[places]).tolist()) if len(places) else {}
    for at in places.tolist():
        title, other = products[rows[at]].title.casefold(), stored.get(int(keys[at]))
        made[at] = title != "" and other is not None and other.record.product.title.casefold() == title
    return made


def _places(rows: Keys) -> npt.NDArray[np.int64]:
    """Return the place of each within its row; rows (m,) ascending."""
    made: npt.NDArray[np.int64] = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return made
