"""Pairs of products to verdicts: the one way in which anything is judged, by look-up, scan and given pairs alike."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.errors import RecordError
from indexer.live import Live
from indexer.product import Product, content_hash
from indexer.space import IMAGE, TEXT, Projected
from indexer.space.lexicon import Rows as Words
from indexer.vectors import Keys
from service.duplicates.verdicts.comparison import COLUMN, FEATURES, RIVAL, Comparison, Side
from service.duplicates.verdicts.decider import FACT, Decided, Decider, OutdatedDecider, shipped, sigmoid
from service.duplicates.verdicts.evidence import evidence
from service.duplicates.verdicts.reading import Said, told
from service.duplicates.verdicts.stock import Stock
from service.duplicates.verdicts.surroundings import Near, Surroundings, cosines, rivals
from service.duplicates.verdicts.traits import Traits
from service.duplicates.verdicts.verdict import Floats, Judgements

TRAIN = "the one that comes with aisle judges until it has learnt anew from all decisions, by aisle duplicates --train"
_log = logging.getLogger("aisle.duplicates")

BATCH = 8_192
"""Pairs that are compared in one step: about 40 MB with 384 dimensions."""

PLAUSIBLE = 0.02
"""Probability from which rivals are looked for: of all other pairs they would cost a search and change nothing."""
JOINABLE = 0.05
"""The same where pairs are only to be grouped: rivals make a pair less likely the same, and below the floor of a group
it is all one how much less. Of 28,948 pairs of er_abt_buy, er_amazon_google and er_tvs_1624 none reached 0.2 that was
below it without them."""

Equal = npt.NDArray[np.bool_]
Compared = tuple[Floats, Equal]
Weighed = tuple[Floats, Equal, Floats]
"""Features, which have equal content, and the logits of `same`, float32 (n,)."""


class Judging:
    """Judges pairs of an open index. Call it while the index is being read (`live.reading()`).

    What products say is read from the record store when they are judged. `load` reads it once, for a whole scan.
    plausible: probability from which rivals of a pair are looked for.
    """

    def __init__(self, live: Live, decider: Decider) -> None:
        self.live = live
        self.decider = decider
        self.plausible = PLAUSIBLE
        self.stock = Stock(live.records)
        self.surroundings = Surroundings(live)
        self._comparison = Comparison(live.space.lexicon.rarity)

    @classmethod
    def of(cls, live: Live) -> Self:
        """Return what judges pairs of this index, by its own decider where it has one.

        One of another version of aisle is left aside, and the log says so: what people decided teaches it anew.
        Raises RecordError when its own cannot be read.
        """
        own = live.records.fact(FACT)
        try:
            return cls(live, Decider.from_json(own) if own else shipped())
        except OutdatedDecider:
            _log.warning("the decider of this index is of another version of aisle: %s", TRAIN)
            return cls(live, shipped())
        except (ValueError, KeyError, TypeError) as error:
            raise RecordError(
                f"the decider of this index cannot be read: {error}; learn it anew with: aisle duplicates --train"
            ) from error

    def load(self, progress: Callable[[int], None] | None = None) -> Traits:
        """Read the traits of every stored product, for a scan, and return them; `stock.keys` are theirs, in order.

        About 500 bytes a product. From then on `stored` judges products as they are now. progress: called with the
        number of products read so far.
        """
        return self.stock.load(progress)

    def stored(self, left: Keys, right: Keys) -> Judgements:
        """Judge stored products in pairs, by key: int64 (n,) each. One that is no longer stored is like nothing."""
        weighed = [
            self._weighed(left[start : start + BATCH], right[start : start + BATCH])
            for start in range(0, len(left), BATCH)
        ]
        decided = [self.decider.decide(*each) for each in weighed]
        kept = weighed[0][:2] if len(weighed) == 1 else None  # of a few pairs, so that telling compares none again
        del weighed

        def tell(rows: Sequence[int]) -> list[tuple[str, ...]]:
            some = list(rows)
            ours, theirs = left[some], right[some]
            compared = self.compared(ours, theirs) if kept is None else (kept[0][some], kept[1][some])
            return self.worded(ours, theirs, compared)

        return _judgements(decided, tell)

    def asked(self, products: Sequence[Product], asked: Projected, rows: Keys, keys: Keys) -> Judgements:
        """Judge normalised products with stored ones: `products[rows[i]]` with the key `keys[i]`, int64 (n,) each.

        asked: the products as the index sees them, as `Engine.encode` returns them.
        """
        said = [told(product, content_hash(product)) for product in products]
        traits = Traits.of(said)
        known = [self.live.labels.key(product.id) for product in products]
        itself = np.array([-1 if key is None else key for key in known], np.int64)

        def weighed(some: Keys, others: Keys) -> Weighed:
            """Compare some questions with others; rivals are looked for among the questions that need it."""
            ours = np.asarray(asked.raw)[some], asked.words[some]
            features, equal = self._compared(Side(traits, some), self.stock.side(others), ours, others)
            logits = self.decider.same.logits(features)
            if len(worth := np.flatnonzero(sigmoid(logits) >= self.plausible)):
                unique, place = np.unique(some[worth], return_inverse=True)
                near = self.surroundings.asked(asked[unique], itself[unique])
                left = itself[some[worth]], (near[0][place], near[1][place])
                self._add_rivals(features, worth, left, others[worth])
                logits[worth] = self.decider.same.logits(features[worth])
            return features, equal, logits

        spans = [slice(start, start + BATCH) for start in range(0, len(rows), BATCH)]
        decided = [self.decider.decide(*weighed(rows[span], keys[span])) for span in spans]

        def tell(places: Sequence[int]) -> list[tuple[str, ...]]:
            ours, theirs = rows[list(places)], keys[list(places)]
            features, equal, _ = weighed(ours, theirs)
            stored = self.stock.said(np.unique(theirs))
            other = [stored.get(key, Said()) for key in theirs.tolist()]
            return _worded([said[row] for row in ours.tolist()], other, features, equal)

        return _judgements(decided, tell)

    def among(self, products: Sequence[Product], asked: Projected, left: Keys, right: Keys) -> Judgements:
        """Judge normalised products with each other: `products[left[i]]` with `products[right[i]]`, int64 (n,) each.

        asked: as for `asked`.
        """
        said = [told(product, content_hash(product)) for product in products]
        traits = Traits.of(said)

        def tell(rows: Sequence[int]) -> list[tuple[str, ...]]:
            ours, theirs = left[list(rows)], right[list(rows)]
            features, equal = self.compared_among(traits, asked, ours, theirs)
            one, other = ([said[row] for row in side.tolist()] for side in (ours, theirs))
            return _worded(one, other, features, equal)

        return _judgements([self.decider.decide(*self.compared_among(traits, asked, left, right))], tell)

    def compared_among(self, traits: Traits, asked: Projected, left: Keys, right: Keys) -> Compared:
        """Return the features of pairs of products, as `compared` does; traits: theirs. Nobody has rivals."""
        raw, words = np.asarray(asked.raw), asked.words
        made = [(np.zeros((0, len(FEATURES)), np.float32), np.zeros(0, bool))]
        for start in range(0, len(left), BATCH):
            ours, theirs = left[start : start + BATCH], right[start : start + BATCH]
            sides = Side(traits, ours), Side(traits, theirs)
            near = self._near((raw[ours], words[ours]), (raw[theirs], words[theirs]))
            made.append((self._comparison.features(*sides, near), equal_content(*sides)))
        return np.concatenate([each for each, _ in made]), np.concatenate([each for _, each in made])

    def compared(self, left: Keys, right: Keys, *, every: bool = False) -> Compared:
        """Return the features of pairs of stored products, float32 (n, FEATURES), and which have equal content.

        every: whether rivals are looked for of all pairs, and not only of those that might be the same.
        """
        if not len(left):
            return np.zeros((0, len(FEATURES)), np.float32), np.zeros(0, bool)
        spans = [slice(start, start + BATCH) for start in range(0, len(left), BATCH)]
        made = [self._weighed(left[span], right[span], every=every)[:2] for span in spans]
        return np.concatenate([each for each, _ in made]), np.concatenate([each for _, each in made])

    def beside(self, left: Keys, right: Keys) -> Compared:
        """Return the same but for what rivals say, which costs no search: of `marks.AT_ONCE` pairs at most."""
        features = self.live.contents.features
        sides = self.stock.side(np.concatenate([left, right]))
        ours, theirs = (Side(sides.traits, rows) for rows in np.split(sides.rows, 2))
        return self._compared(ours, theirs, (features.raw(left), features.words(left)), right)

    def worded(self, left: Keys, right: Keys, compared: Compared) -> list[tuple[str, ...]]:
        """Return what decided pairs of stored products, in words, of which rivals are no part."""
        said = self.stock.said(np.unique(np.concatenate([left, right])))
        one, other = ([said.get(key, Said()) for key in side.tolist()] for side in (left, right))
        return _worded(one, other, *compared)

    def _add_rivals(self, features: Floats, rows: Keys, left: tuple[Keys, Near], right: Keys) -> None:
        """Fill in what rivals say of some rows. left, right: of these rows, the left side's nearest found already."""
        alike = np.nan_to_num(features[rows][:, [COLUMN["text"], COLUMN["words"]]]).mean(axis=1).clip(0, 1)
        features[rows, RIVAL] = rivals(alike, left, (right, self.surroundings.stored(right)))

    def _weighed(self, left: Keys, right: Keys, *, every: bool = False) -> Weighed:
        """Compare stored products; a forest is asked again only of pairs that have rivals now."""
        made, equal = self.beside(left, right)
        logits = self.decider.same.logits(made)
        rows = np.arange(len(left)) if every else np.flatnonzero(sigmoid(logits) >= self.plausible)
        if len(rows):
            self._add_rivals(made, rows, (left[rows], self.surroundings.stored(left[rows])), right[rows])
            logits[rows] = self.decider.same.logits(made[rows])
        return made, equal, logits

    def _compared(self, left: Side, right: Side, ours: tuple[Floats, Words], keys: Keys) -> Compared:
        features = self.live.contents.features
        near = self._near(ours, (features.raw(keys), features.words(keys)))
        return self._comparison.features(left, right, near), equal_content(left, right)

    def _near(self, ours: tuple[Floats, Words], theirs: tuple[Floats, Words]) -> Floats:
        """Return cosines of text, of pictures and of words, float32 (n, 3); NaN where either has none."""
        made = np.full((len(ours[0]), 3), np.nan, np.float32)
        for column, view in enumerate((TEXT, IMAGE)):
            if view in self.live.space.spaces:
                columns = self.live.space.spaces[view].columns
                made[:, column] = cosines(ours[0][:, columns], theirs[0][:, columns])
        words = ours[1].multiply(theirs[1]).sum(axis=1)
        both = (np.diff(ours[1].indptr) > 0) & (np.diff(theirs[1].indptr) > 0)
        made[:, 2] = np.where(both, np.asarray(words).ravel(), np.nan)
        return made


def equal_content(left: Side, right: Side) -> Equal:
    """Return which pairs say the same, whatever their signs, capitals and order of specs: bool (n,)."""
    content = left.traits.content[left.rows] == right.traits.content[right.rows]
    text = left.traits.text[left.rows]
    made: Equal = (content & (left.traits.content[left.rows] > 0)) | (
        (text == right.traits.text[right.rows]) & (text > 0)
    )
    return made


def _worded(left: Sequence[Said], right: Sequence[Said], features: Floats, equal: Equal) -> list[tuple[str, ...]]:
    """Return what decided n pairs, in words; features: float32 (n, FEATURES)."""
    rows = zip(left, right, features, equal.tolist(), strict=True)
    return [evidence(one, other, some, equal=same) for one, other, some, same in rows]


def _judgements(decided: Sequence[Decided], tell: Callable[[Sequence[int]], list[tuple[str, ...]]]) -> Judgements:
    if not decided:
        nothing = np.zeros(0, np.float32)
        return Judgements(nothing.astype(np.int8), nothing, nothing, tell)
    verdicts, same, variant = (np.concatenate(some) for some in zip(*decided, strict=True))
    return Judgements(verdicts, same, variant, tell)
