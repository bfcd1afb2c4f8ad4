"""Which pairs of a whole catalogue are worth judging: near by vector or words, of one article number or picture.

Everything is arrays of row numbers, and linear but for sorting: 10,000 copies of one product are one row here
(`first_of`), of a number that thousands share each row is paired with the next few, and pictures are compared where a
quarter of their bits is equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from indexer.memory.view import View
from indexer.vectors import Keys, Reading
from indexer.vectors.joining import Joining, Listed, Wanted, joined
from service.duplicates.groups.catalogue import Catalogue, Rows

Codes = npt.NDArray[np.int64]
"""Pairs of rows as one number each: the lesser row times the number of rows, plus the greater."""
Near = Iterator[tuple[Keys, Keys]]
"""Batches of keys (n,), and the nearest keys of each, itself among them or not, -1 where there are fewer: (n, k)."""
Tell = Callable[[int], None]

BATCH = 256
PLACES = 4_000
"""Places that a search by words looks at: a word that is in more products says little of two of them."""
WINDOW = 12
"""With how many others of its article number a product is paired: with all, where no more than these share it."""
COMMON = 60
"""Products of unlike content that one model number, found in their text, may be in."""
LOOKALIKES = 32
"""With how many others of equal bits a picture is compared, those of the most similar hash."""
BITS = 6
"""In how many bits of 64 the hashes of two pictures may differ: up to three are always found, more where they lie in
few of the four bands."""


def quiet(done: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """How many neighbours a product is paired with.

    by_vector, by_words: that are looked at. sure: of these are taken in any case, the others where each is among the
    other's.
    """

    by_vector: int = 11
    by_words: int = 6
    sure: int = 2


def of_one_value(values: npt.NDArray[np.int64], rows: Rows, size: int, window: int = WINDOW) -> Codes:
    """Return pairs of `rows` (m,) with an equal value (m,), each row with the next `window` of its value at most.

    size: the number of all rows.
    """
    order = np.lexsort((rows, values))
    values, rows = values[order], rows[order]
    once = np.ones(len(rows), np.bool_)  # a part number that is the model in the title, too, is one value of its row
    once[1:] = (values[1:] != values[:-1]) | (rows[1:] != rows[:-1])
    values, rows = values[once], rows[once]
    found = []
    for step in range(1, min(window, len(rows) - 1) + 1):
        same = values[step:] == values[:-step]
        if not same.any():
            break
        found.append(coded(rows[:-step][same], rows[step:][same], size))
    return unique(found)


def lookalikes(phashes: npt.NDArray[np.uint64], rows: Rows, size: int, bits: int = BITS) -> Codes:
    """Return pairs of `rows` (m,) whose pictures, by hash (m,), differ in `bits` bits at most and agree in a band."""
    found = []
    for shift in range(0, 64, 16):
        band = (phashes >> np.uint64(shift)).astype(np.uint16)
        order = np.lexsort((rows, phashes, band))
        band, some, which = band[order], phashes[order], rows[order]
        for step in range(1, min(LOOKALIKES, len(rows) - 1) + 1):
            near = (band[step:] == band[:-step]) & (np.bitwise_count(some[step:] ^ some[:-step]) <= bits)
            found.append(coded(which[:-step][near], which[step:][near], size))
    return unique(found)


def neighbours(found: Near, catalogue: Catalogue, k: int, *, sure: int, tell: Tell = quiet) -> Codes:
    """Return pairs of rows that are near, each row standing for all of its content.

    found: batches of keys that were asked about, each the first of its content, with the nearest of each, -1 for none.
    k: neighbours that are looked at. Kept are a product's first `sure`, and those whose neighbour it is in turn.
    tell(n): n were asked about.
    """
    size, done = len(catalogue), 0
    codes, ranks = [np.zeros(0, np.int64)], [np.zeros(0, np.uint8)]
    for keys, near in found:
        row, place = catalogue.rows(keys)[:, None], catalogue.rows(near)
        other = np.where(place >= 0, catalogue.first[place], -1)
        kept = (row >= 0) & (other >= 0) & (other != row)
        rank = np.cumsum(kept, axis=1) - 1
        kept &= rank < k
        codes.append((row * size + other)[kept])
        ranks.append(rank[kept].astype(np.uint8))
        done += len(keys)
        tell(done)
    return _kept(np.concatenate(codes), np.concatenate(ranks), size, sure)


def near_by_vector(view: View, catalogue: Catalogue, k: int, reading: Reading, threads: int = 1) -> Near:
    """Return the products of a view that stand for their content, beside their k nearest by vector."""
    standing, keys = _standing(view, catalogue, reading)
    if view.vectors.kind.startswith("ivf") and isinstance(view.vectors, Listed):
        yield from joined(view.vectors, Joining(k + 1, standing, reading, threads))
        return

    def search(some: Keys) -> Keys:
        with reading():
            return view.vectors.search(view.placed(some), k + 1).keys

    yield from _searched(search, keys, threads)


def near_by_words(view: View, catalogue: Catalogue, k: int, reading: Reading, threads: int = 1) -> Near:
    """Return the products of a view that stand for their content, beside the k that share most of their rare words."""

    def search(some: Keys) -> Keys:
        with reading():
            return view.postings.search(view.features.words(some), k + 1, PLACES).keys

    yield from _searched(search, _standing(view, catalogue, reading)[1], threads)


def _standing(view: View, catalogue: Catalogue, reading: Reading) -> tuple[Wanted, Keys]:
    """Return what says which keys stand for their content, and those of them that have a view."""
    asked = catalogue.keys[catalogue.asked]
    known = np.zeros(int(asked.max(initial=-1)) + 1, np.bool_)
    known[asked] = True

    def standing(keys: Keys) -> npt.NDArray[np.bool_]:
        here = keys < len(known)
        here[here] = known[keys[here]]
        return here

    with reading():
        return standing, asked[view.seen(asked)]


def coded(left: Rows, right: Rows, size: int) -> Codes:
    """Return pairs of rows, in either order, as numbers."""
    made: Codes = np.minimum(left, right) * size + np.maximum(left, right)
    return made


def unique(codes: list[Codes]) -> Codes:
    """Return all pairs once, ascending."""
    return np.unique(np.concatenate(codes)) if codes else np.zeros(0, np.int64)


def _searched(search: Callable[[Keys], Keys], keys: Keys, threads: int) -> Near:
    """Yield keys in batches and the neighbours of each, in order."""
    batches = [keys[start : start + BATCH] for start in range(0, len(keys), BATCH)]
    if threads == 1:
        yield from ((some, search(some)) for some in batches)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from zip(batches, pool.map(search, batches), strict=True)


def _kept(directed: Codes, ranks: npt.NDArray[np.uint8], size: int, sure: int) -> Codes:
    """Return the pairs that are there from both sides, or from one among its first `sure`."""
    order = np.lexsort((ranks, directed))
    directed, ranks = directed[order], ranks[order]
    once = np.diff(directed, prepend=-1) != 0
    codes, ranks = coded(directed[once] // size, directed[once] % size, size), ranks[once]
    order = np.argsort(codes, kind="stable")
    codes, ranks = codes[order], ranks[order]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    if not len(starts):
        return codes
    times, best = np.diff(np.append(starts, len(codes))), np.minimum.reduceat(ranks, starts)
    kept: Codes = codes[starts][(times > 1) | (best < sure)]
    return kept


def of_articles(catalogue: Catalogue) -> Codes:
    """Return pairs that share an article number; what looks like one and is in more than COMMON products is none."""
    values, rows, sure = catalogue.numbers
    _, place, times = np.unique(values, return_inverse=True, return_counts=True)
    certain = np.zeros(len(times), np.bool_)
    certain[place[sure]] = True
    kept = (times[place] <= COMMON) | certain[place]
    return of_one_value(values[kept], rows[kept], len(catalogue))


def of_pictures(catalogue: Catalogue) -> Codes:
    """Return pairs whose main pictures look alike."""
    return lookalikes(*catalogue.pictures, len(catalogue))


def of_content(catalogue: Catalogue) -> Codes:
    """Return pairs of one content that stand for themselves all the same, as somebody has said something of them."""
    asked = catalogue.asked
    return of_one_value(catalogue.content[asked], asked, len(catalogue))
