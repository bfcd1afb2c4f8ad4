"""What two products have in common and where they contradict each other, in numbers, for many pairs at once.

Every number is the same whichever of the two is the left one. One that cannot be said, since either product lacks what
it takes, is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process
from rapidfuzz.distance import Postfix, Prefix

from service.duplicates.verdicts.attributes import ATTRIBUTES, COLUMN_BITS, NUMBER_OF, SPEC, SPEC_BITS, TOKEN
from service.duplicates.verdicts.editions import ACCESSORY, AUDIENCE, EDITION, MEDIUM, SIDE
from service.duplicates.verdicts.marks import VALUE_BITS, Marks, Rows, Values, found
from service.duplicates.verdicts.quantities import DIMENSIONS
from service.duplicates.verdicts.reading import SPECS
from service.duplicates.verdicts.traits import Traits

Floats = npt.NDArray[np.float32]
Hits = npt.NDArray[np.bool_]

VARIED = ("colour", "size", AUDIENCE, SIDE, MEDIUM, *DIMENSIONS)
"""Attributes in which variants differ: compared in the titles where both say them there, 0 where they agree in part."""
AGREEING = ("gtin", "mpn", "brand", "number", *VARIED)
"""Attributes that are agreed or contradicted: 1, -1, NaN where either lacks them; 0 between."""

FEATURES = (
    *("text", "image", "words"),
    *(
        "overlap",
        "contained",
        "containing",
        "missing",
        "missing_both",
        "ratio",
        "sorted_ratio",
        "set_ratio",
        "proportion",
    ),
    *("words_fewer", "words_more", "exchanged", "edition_alone", "accessory_alone", "pack_alone"),
    *("model_shared", "model_known", "model_apart", "codes_ratio"),
    *("numbers_shared", "numbers_apart", "numbers_more", "short_apart", "short_more"),
    *("quantities_shared", "quantities_apart", "quantities_unmet", "quantities_known", "quantities_unknown"),
    *("brand_named", "specs_common", "specs_equal", "price_ratio", "picture_bits"),
    *AGREEING,
    *("rival_worse", "rival_better", "rivals_more", "rivals_fewer"),
)
"""What is compared, in the order of the columns; the last four by `surroundings`."""
RIVAL = slice(len(FEATURES) - 4, len(FEATURES))
COLUMN = {name: number for number, name in enumerate(FEATURES)}

TEMPLATE, EXCHANGED = 0.5, 3
"""Share of the shorter title that two have in common, from their ends inwards, when they fill one template; and how
many words at most each fills into it."""
ENDING = 2
"""Letters behind a model number that may say no more than a colour or a country."""
_ONE_LETTER = 2.0
"""Rarity of words of one letter and of quantities, which no lexicon counts."""
_WORDS = 10
"""Words of one title alone that are counted at most."""
_VARIED = [NUMBER_OF[name] for name in VARIED]
_MEASURED = slice(NUMBER_OF[DIMENSIONS[0]], NUMBER_OF[DIMENSIONS[-1]] + 1)


class Side(NamedTuple):
    """One product of each pair: traits, and in which row of them it is, int64 (n,)."""

    traits: Traits
    rows: Rows


class _Counts(NamedTuple):
    """Marks of each attribute that the two products of a pair have, and share: float32 (n, attributes)."""

    left: Floats
    right: Floats
    shared: Floats

    @property
    def agreed(self) -> Floats:
        """1 where one is shared, -1 where both have some and share none, NaN where either has none."""
        return np.where(self.both, np.where(self.shared > 0, 1, -1), np.nan).astype(np.float32)

    @property
    def both(self) -> Hits:
        """Which attributes both have."""
        return (self.left > 0) & (self.right > 0)

    @property
    def unmet(self) -> Floats:
        """How many of either have none on the other side, of whom fewer."""
        return np.minimum(self.left, self.right) - self.shared

    @property
    def alone(self) -> Floats:
        """How many are on one side only."""
        return self.left + self.right - 2 * self.shared


@dataclass(frozen=True, slots=True)
class Comparison:
    """Compares pairs. rarity: float32 (columns,), how rare each word is, as a lexicon has it."""

    rarity: Floats

    def features(self, left: Side, right: Side, near: Floats) -> Floats:
        """Return the features of n pairs, float32 (n, FEATURES). near: float32 (n, 3), cosines of the first three.

        At most `marks.AT_ONCE` pairs.
        """
        made = np.full((len(near), len(FEATURES)), np.nan, np.float32)
        made[:, :3] = near
        self._titles(made, left, right)
        _texts(made, left, right)
        _marks(made, left, right)
        _endings(made, left, right)
        made[:, COLUMN["exchanged"]] *= ~(made[:, COLUMN["model_known"]] > 0)
        _values(made, left, right)
        return made

    def _titles(self, made: Floats, left: Side, right: Side) -> None:
        """Compare the words of titles, each as heavy as it is rare."""
        tokens = [_only(side.traits.title, side.rows, TOKEN) for side in (left, right)]
        size = len(made)
        total, rarest, lost_words, shared = [], [], [], np.zeros(size, np.float64)
        for here, other in (tokens, tokens[::-1]):
            column = (here[0] & np.uint64((1 << COLUMN_BITS) - 1)).astype(np.int64)
            weight = np.where(column == 0, _ONE_LETTER, self.rarity[column])
            hit, place = found(here, other), here[1].astype(np.int64)
            total.append(np.bincount(place, weight, size))
            shared = np.bincount(place[hit], weight[hit], size).astype(np.float64)
            lost = np.zeros(size)
            np.maximum.at(lost, place[~hit], weight[~hit])
            rarest.append(lost / float(self.rarity.max()))
            lost_words.append(np.minimum(np.bincount(place[~hit], minlength=size), _WORDS))
        both = (total[0] > 0) & (total[1] > 0)
        union, least, most = total[0] + total[1] - shared, np.minimum(*total), np.maximum(*total)
        columns = (shared / np.maximum(union, 1e-6), shared / np.maximum(most, 1e-6), shared / np.maximum(least, 1e-6))
        for name, values in zip(("overlap", "contained", "containing"), columns, strict=True):
            made[:, COLUMN[name]] = np.where(both, values, np.nan)
        made[:, COLUMN["missing"]] = np.where(both, np.maximum(*rarest), np.nan)
        made[:, COLUMN["missing_both"]] = np.where(both, np.minimum(*rarest), np.nan)
        made[:, COLUMN["words_fewer"]] = np.where(both, np.minimum(*lost_words), np.nan)
        made[:, COLUMN["words_more"]] = np.where(both, np.maximum(*lost_words), np.nan)
        made[:, COLUMN["proportion"]] = np.where(both, least / np.maximum(most, 1e-6), np.nan)


def _only(marks: Marks, rows: Rows, attribute: int) -> tuple[Values, Values]:
    values, place = marks.take(rows)
    here = values >> np.uint64(VALUE_BITS) == attribute
    return values[here], place[here]


def _texts(made: Floats, left: Side, right: Side) -> None:
    """Compare titles, and their model numbers, letter by letter."""
    names = left.traits.names.take(left.rows), right.traits.names.take(right.rows)
    there = np.array([bool(one and two) for one, two in zip(*names, strict=True)])
    for column, scorer in (
        ("ratio", fuzz.ratio),
        ("sorted_ratio", fuzz.token_sort_ratio),
        ("set_ratio", fuzz.token_set_ratio),
    ):
        made[:, COLUMN[column]] = np.where(there, _scores(names, scorer), np.nan)
    made[:, COLUMN["exchanged"]] = np.where(there, _exchanged(names), np.nan)
    codes = left.traits.codes.take(left.rows), right.traits.codes.take(right.rows)
    some = np.flatnonzero([bool(one and two) for one, two in zip(*codes, strict=True)])
    if len(some):
        pairs = [codes[0][row] for row in some.tolist()], [codes[1][row] for row in some.tolist()]
        made[some, COLUMN["codes_ratio"]] = np.maximum(_scores(pairs, fuzz.ratio), _scores(pairs, fuzz.token_set_ratio))


def _exchanged(names: tuple[list[str], list[str]]) -> Floats:
    """Return how unlike a few words are that stand in the midst of two titles, while all around them is equal; or 0.

    Sellers fill one template for many articles: `Jelly Beans Cherry 200 g` and `Jelly Beans Lemon 200 g`. Who lists an
    article again changes more than one place, or adds something to it.
    """
    made = np.zeros(len(names[0]), np.float32)
    least = np.minimum(*(np.fromiter(map(len, side), np.int64, len(side)) for side in names))
    before, after = (
        process.cpdist(*names, scorer=scorer.similarity, dtype=np.int32, workers=1) for scorer in (Prefix, Postfix)
    )
    rows = np.flatnonzero((before + after < least) & (before + after >= TEMPLATE * least) & (before > 1) & (after > 0))
    apart = [_between(names, row, int(before[row]), int(after[row])) for row in rows.tolist()]
    both = [place for place, sides in enumerate(apart) if all(0 < side.count(" ") <= EXCHANGED for side in sides)]
    if both:
        left, right = zip(*(apart[place] for place in both), strict=True)
        made[rows[both]] = 1 - _scores((left, right), fuzz.token_sort_ratio)
    return made


def _between(names: tuple[list[str], list[str]], row: int, before: int, after: int) -> tuple[str, str]:
    """Return whole words, each with a space behind it, between what begins and what ends two titles alike."""
    one, other = names[0][row], names[1][row]
    start = one.rfind(" ", 0, before) + 1
    end = one.find(" ", len(one) - after - 1) + 1
    if not start or not end:
        return "", ""
    end = len(one) - end
    return one[start : len(one) - end], other[start : len(other) - end]


def _scores(pairs: tuple[Sequence[str], Sequence[str]], scorer: Any) -> Floats:  # noqa: ANN401  # of rapidfuzz
    percent = process.cpdist(pairs[0], pairs[1], scorer=scorer, dtype=np.float32, workers=1)
    return np.asarray(percent, np.float32) / np.float32(100)


def _counts(left: tuple[Marks, Rows], right: tuple[Marks, Rows]) -> _Counts:
    ours, theirs = left[0].take(left[1]), right[0].take(right[1])
    size, many = len(left[1]), len(ATTRIBUTES)

    def counted(marks: tuple[Values, Values]) -> Floats:
        cell = marks[1].astype(np.int64) * many + (marks[0] >> np.uint64(VALUE_BITS)).astype(np.int64)
        every: Floats = np.bincount(cell, minlength=size * many).astype(np.float32)
        return every.reshape(size, many)

    hit = found(ours, theirs)
    return _Counts(counted(ours), counted(theirs), counted((ours[0][hit], ours[1][hit])))


def _marks(made: Floats, left: Side, right: Side) -> None:
    """Compare what both say: identifiers, brand, numbers, quantities, sizes, colours and specs."""
    titles = _counts((left.traits.title, left.rows), (right.traits.title, right.rows))
    everything = _counts((left.traits.everything, left.rows), (right.traits.everything, right.rows))
    ways = (
        _counts((left.traits.title, left.rows), (right.traits.everything, right.rows)),
        _counts((right.traits.title, right.rows), (left.traits.everything, left.rows)),
    )
    agreed = everything.agreed
    stated = np.where(titles.agreed == 1, np.where(titles.unmet > 0, 0, 1), titles.agreed)
    agreed[:, _VARIED] = np.where(titles.both, stated, agreed)[:, _VARIED]
    for name in AGREEING:
        made[:, COLUMN[name]] = agreed[:, NUMBER_OF[name]]
    _models(made, titles, ways)
    made[:, COLUMN["edition_alone"]] = titles.alone[:, NUMBER_OF[EDITION]]
    made[:, COLUMN["accessory_alone"]] = titles.alone[:, NUMBER_OF[ACCESSORY]]
    pack = NUMBER_OF["pack"]
    made[:, COLUMN["pack_alone"]] = (titles.alone[:, pack] > 0) & ~everything.both[:, pack]
    short = NUMBER_OF["short"]
    made[:, COLUMN["short_apart"]] = titles.unmet[:, short]
    made[:, COLUMN["short_more"]] = titles.alone[:, short] - titles.unmet[:, short]
    number = NUMBER_OF["number"]
    shared, more = titles.shared[:, number], (titles.left[:, number], titles.right[:, number])
    made[:, COLUMN["numbers_shared"]] = shared
    made[:, COLUMN["numbers_apart"]] = np.minimum(*more) - shared
    made[:, COLUMN["numbers_more"]] = np.maximum(*more) - shared
    measured = titles.agreed[:, _MEASURED]
    made[:, COLUMN["quantities_shared"]] = np.sum(measured == 1, axis=1)
    made[:, COLUMN["quantities_apart"]] = np.sum(measured == -1, axis=1)
    made[:, COLUMN["quantities_unmet"]] = np.where(titles.both, titles.unmet, 0)[:, _MEASURED].sum(axis=1)
    known = np.stack([way.agreed[:, _MEASURED] for way in ways])
    made[:, COLUMN["quantities_known"]] = np.sum(np.any(known == 1, axis=0), axis=1)
    made[:, COLUMN["quantities_unknown"]] = np.sum(np.any(known == -1, axis=0), axis=1)
    _specs(made, left, right, everything)
    _brands(made, left, right)


def _models(made: Floats, titles: _Counts, ways: tuple[_Counts, _Counts]) -> None:
    model = NUMBER_OF["model"]
    shared = titles.shared[:, model]
    known = np.maximum(*(way.shared[:, model] for way in ways))
    apart = (np.minimum(titles.left[:, model], titles.right[:, model]) > 0) & (known == 0)
    made[:, COLUMN["model_shared"]] = shared
    made[:, COLUMN["model_known"]] = known
    made[:, COLUMN["model_apart"]] = apart


def _endings(made: Floats, left: Side, right: Side) -> None:
    """Call models apart by half where one is the other with a letter or two behind: perhaps a colour, or a country."""
    rows = np.flatnonzero(made[:, COLUMN["model_apart"]] == 1)
    codes = left.traits.codes.take(left.rows[rows]), right.traits.codes.take(right.rows[rows])
    for row, one, other in zip(rows.tolist(), *codes, strict=True):
        short, long = sorted((one, other), key=len)
        if short and long.startswith(short) and len(long) - len(short) <= ENDING and long[len(short) :].isalpha():
            made[row, COLUMN["model_apart"]] = 0.5


def _specs(made: Floats, left: Side, right: Side, everything: _Counts) -> None:
    ours, theirs = _only(left.traits.everything, left.rows, SPEC), _only(right.traits.everything, right.rows, SPEC)
    common = np.full(len(made), SPECS)
    for here, other in ((ours, theirs), (theirs, ours)):  # a name may be there twice on one side
        hit = found(here, other, SPEC_BITS)
        common = np.minimum(common, np.bincount(here[1][hit].astype(np.int64), minlength=len(made)))
    made[:, COLUMN["specs_common"]] = np.minimum(common, 8)
    made[:, COLUMN["specs_equal"]] = np.where(common > 0, everything.shared[:, SPEC] / np.maximum(common, 1), np.nan)


def _brands(made: Floats, left: Side, right: Side) -> None:
    """Look for the brand of either in the title of the other: 1 there, -1 not, NaN where neither has one."""
    named = np.full(len(made), np.nan, np.float32)
    low, many = np.uint64((1 << VALUE_BITS - COLUMN_BITS) - 1), len(made)
    for one, other in ((left, right), (right, left)):
        brands, place = _only(one.traits.everything, one.rows, NUMBER_OF["brand"])
        words, at = _only(other.traits.title, other.rows, TOKEN)
        order = np.lexsort((words >> np.uint64(COLUMN_BITS) & low, at))
        hit = found((brands & low, place), ((words >> np.uint64(COLUMN_BITS) & low)[order], at[order]))
        having = np.bincount(place.astype(np.int64), minlength=many) > 0
        hits = np.bincount(place[hit].astype(np.int64), minlength=many) > 0
        named = np.where(having, np.fmax(named, np.where(hits, 1, -1)), named)
    made[:, COLUMN["brand_named"]] = named


def _values(made: Floats, left: Side, right: Side) -> None:
    """Compare prices and pictures."""
    prices = left.traits.price[left.rows], right.traits.price[right.rows]
    least, most = np.minimum(*prices), np.maximum(*prices)
    money = left.traits.currency[left.rows], right.traits.currency[right.rows]
    one = (money[0] == money[1]) | (np.minimum(*money) == 0)
    made[:, COLUMN["price_ratio"]] = np.where((least > 0) & one, least / np.maximum(most, 1e-9), np.nan)
    bits = np.bitwise_count(left.traits.phash[left.rows] ^ right.traits.phash[right.rows])
    both = left.traits.pictured[left.rows] & right.traits.pictured[right.rows]
    made[:, COLUMN["picture_bits"]] = np.where(both, bits, np.nan)
