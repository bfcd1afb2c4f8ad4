"""Who else is near to either product of a pair: one that has a nearer rival is less likely the same product.

Only how much nearer a rival is counts, never how far others are: of two products, each the other's nearest, nothing is
said by it, since every product has one that is nearest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.live import Live
from indexer.memory.view import View
from indexer.space import TEXT, Projected
from indexer.space.lexicon import Rows as Words
from indexer.vectors import Keys

Floats = npt.NDArray[np.float32]
Near = tuple[Keys, Floats]
"""Keys of the nearest, int64 (n, KEPT), and how near they are, float32 (n, KEPT); 0 where there are fewer."""

KEPT, BY_VECTOR, BY_WORDS = 10, 12, 6
"""Neighbours that are kept of a product, and that are looked at by vector and by words."""
BATCH = 256
TIE = 2e-3
"""Differences that say nothing: what is kept is rounded to half precision."""
RIVALS = 4


@dataclass(frozen=True, slots=True)
class _Known:
    """The nearest by key, of those products that were asked about since a place in the journal."""

    seq: int
    there: npt.NDArray[np.bool_]
    keys: npt.NDArray[np.int32]
    alike: npt.NDArray[np.float16]

    @classmethod
    def none(cls, seq: int, size: int) -> Self:
        """Return room for keys below `size`."""
        return cls(seq, np.zeros(size, bool), np.zeros((size, KEPT), np.int32), np.zeros((size, KEPT), np.float16))


class Surroundings:
    """The nearest of products, by the mean of the cosines of their texts and words; kept until the index changes.

    60 bytes for each product that was asked about. Several threads may ask, while the index is being read.
    """

    def __init__(self, live: Live) -> None:
        self._live = live
        self._row = np.zeros(0, np.int32)  # by key: where its nearest are in what was found already, -1 for nowhere
        self._found = np.zeros((0, 0), np.int32)
        self._known = _Known.none(-1, 0)

    def take(self, keys: Keys, near: Keys) -> None:
        """Take over the nearest keys of stored products, int64 (n,) and (n, m), -1 for none, that were found for pairs.

        They need no search of their own then. What changes later is not known of them, so take them for one scan or
        update alone.
        """
        self._row = np.full(self._live.labels.size, -1, np.int32)
        self._row[keys] = np.arange(len(keys), dtype=np.int32)
        self._found = near.astype(np.int32)

    def stored(self, keys: Keys) -> Near:
        """Return the nearest of stored products, themselves left out."""
        known, size = self._known, self._live.labels.size  # read once: others may be asking
        if known.seq != self._live.seq or len(known.there) < size:  # a change comes into memory before its place does
            known = self._known = _Known.none(self._live.seq, size)
        unknown = np.unique(keys[~known.there[keys]])
        features = self._live.contents.features
        unknown = unknown[np.argsort(self._rows(unknown) >= 0, kind="stable")]  # so that few batches have both kinds
        row = self._rows(unknown)
        for start in range(0, len(unknown), BATCH):
            some, at = unknown[start : start + BATCH], row[start : start + BATCH]
            words, raw = features.words(some), features.raw(some)
            near = self._found[at].astype(np.int64) if (at >= 0).all() else self._search(words, self._view.placed(some))
            found, alike = self._nearest(raw, words, near, some)
            known.keys[some], known.alike[some] = found, alike
            known.there[some] = True
        return known.keys[keys].astype(np.int64), known.alike[keys].astype(np.float32)

    def _rows(self, keys: Keys) -> npt.NDArray[np.int32]:
        """Return where the nearest of keys are in what was taken over, -1 for nowhere."""
        if not len(self._row):
            return np.full(len(keys), -1, np.int32)
        return np.where(keys < len(self._row), self._row[keys.clip(0, len(self._row) - 1)], -1)

    def asked(self, asked: Projected, itself: Keys) -> Near:
        """Return the nearest of products that were encoded; itself: int64 (n,) the key of each where it is stored."""
        near = self._search(asked.words, asked.vectors[self._view.name])
        return self._nearest(asked.raw, asked.words, near, itself)

    def _search(self, words: Words, vectors: Floats) -> Keys:
        near = self._view.vectors.search(vectors, BY_VECTOR).keys
        if self._view.space.words:
            near = np.concatenate([near, self._view.postings.search(words, BY_WORDS).keys], axis=1)
        return near

    def _nearest(self, raw: Floats, words: Words, near: Keys, itself: Keys) -> Near:
        near = np.sort(near, axis=1)
        again = np.zeros(near.shape, bool)
        again[:, 1:] = near[:, 1:] == near[:, :-1]
        left_out = again | (near < 0) | (near == itself[:, None])
        rows, places = np.nonzero(~left_out)
        alike = np.zeros(near.shape, np.float32)
        others = near[rows, places]
        features = self._live.contents.features
        alike[rows, places] = nearness(raw[rows], words[rows], features.raw(others), features.words(others), self._text)
        order = np.argsort(-alike, axis=1, kind="stable")[:, :KEPT]
        made = np.zeros((len(near), KEPT), np.int64), np.zeros((len(near), KEPT), np.float32)
        made[0][:, : order.shape[1]] = np.take_along_axis(near, order, axis=1)
        made[1][:, : order.shape[1]] = np.take_along_axis(alike, order, axis=1)
        return made

    @property
    def _view(self) -> View:
        """The view that is searched, as it is now: a change of the tree makes others."""
        views = self._live.contents.views
        return views.get(TEXT) or next(iter(views.values()))

    @property
    def view(self) -> str:
        """The name of the view in which products are near each other."""
        return self._view.name

    @property
    def _text(self) -> slice:
        return self._view.space.columns


def nearness(raw: Floats, words: Words, other_raw: Floats, other_words: Words, columns: slice) -> Floats:
    """Return the mean of two cosines, of parts and of words, for pairs: float32 (n,), from 0 to 1."""
    parts = np.nan_to_num(cosines(raw[:, columns], other_raw[:, columns]))
    both = (parts + np.asarray(words.multiply(other_words).sum(axis=1)).ravel()) / 2
    made: Floats = np.clip(both, 0, 1).astype(np.float32)
    return made


def cosines(one: Floats, other: Floats) -> Floats:
    """Return the cosine of each row with the same row of another, float32 (n,); NaN where either is nothing."""
    length = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    made: Floats = np.where(length > 0, np.einsum("nd,nd->n", one, other) / np.maximum(length, 1e-6), np.nan)
    return made


def rivals(alike: Floats, left: tuple[Keys, Near], right: tuple[Keys, Near]) -> Floats:
    """Return what is said of pairs by their rivals, float32 (n, RIVALS). alike: (n,), how near the two are.

    left, right: the key of each, -1 for one that is not stored, and its nearest. How much nearer the nearest other is,
    0 or less, and how many are nearer; of each first the worse and then the better of both sides.
    """
    gaps, ranks = [], []
    for (_, (near, how)), (other, _) in ((left, right), (right, left)):
        nearer = np.where(near == other[:, None], 0, how)
        gaps.append(np.minimum(0, alike - nearer.max(axis=1) + TIE))
        ranks.append((nearer > alike[:, None] + TIE).sum(axis=1))
    columns = np.minimum(*gaps), np.maximum(*gaps), np.maximum(*ranks), np.minimum(*ranks)
    made: Floats = np.stack(columns, axis=1).astype(np.float32)
    return made
