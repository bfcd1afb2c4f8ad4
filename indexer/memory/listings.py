"""Which products are listings of the same, and which of them stands for all: what a prototype counts once.

A listing is a number for category, content and voice, 0 for who speaks for nothing. What was there when the index was
opened lies in two sorted arrays, mapped from the snapshot; listings that changed since, in a dictionary.
"""

from __future__ import annotations

from bisect import insort
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from indexer.memory import blocks

Keys = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int64]
FILES = tuple(f"listings_{name}.npy" for name in ("numbers", "keys"))
NOBODY = 0


class Listings:
    """Keys by listing, ascending; the lowest stands for the others."""

    def __init__(self, numbers: Numbers | None = None, keys: Keys | None = None) -> None:
        self._numbers = np.zeros(0, np.int64) if numbers is None else numbers
        self._keys = np.zeros(0, np.int64) if keys is None else keys
        self._changed: dict[int, list[int]] = {}

    @classmethod
    def of(cls, keys: Keys, numbers: Numbers) -> Self:
        """Return keys (n,), all different, by their listings (n,)."""
        told = numbers != NOBODY
        order = np.lexsort((keys[told], numbers[told]))
        return cls(numbers[told][order], keys[told][order])

    def __eq__(self, other: object) -> bool:
        """Whether the same keys are in the same listings."""
        return isinstance(other, Listings) and self.all() == other.all()

    __hash__ = None  # type: ignore[assignment]  # they change

    def all(self) -> dict[int, list[int]]:
        """Return the keys of each listing that has any."""
        ends = np.append(np.flatnonzero(np.diff(self._numbers)) + 1, len(self._numbers))
        starts = np.append(0, ends[:-1])
        held = {int(self._numbers[s]): self._keys[s:e].tolist() for s, e in zip(starts, ends, strict=True) if e > s}
        return {number: keys for number, keys in {**held, **self._changed}.items() if keys}

    def standing(self) -> Keys:
        """Return who stands for each listing of those that were there at first."""
        first = np.ones(len(self._numbers), np.bool_)
        first[1:] = self._numbers[1:] != self._numbers[:-1]
        made: Keys = self._keys[first]
        return made

    def first(self, keys: Keys, numbers: Numbers) -> Keys:
        """Return who stands for each of `keys` by its listing: who has none stands for itself."""
        made = keys.copy()
        told = np.flatnonzero(numbers != NOBODY)
        place = np.searchsorted(self._numbers, numbers[told])
        for row, number, at in zip(told.tolist(), numbers[told].tolist(), place.tolist(), strict=True):
            changed = self._changed.get(number)
            made[row] = self._keys[at] if changed is None else changed[0]
        return made

    def add(self, keys: Keys, numbers: Numbers) -> tuple[list[int], list[int]]:
        """File keys under their listings; return who no longer stands for one, and who does now."""
        gone: list[int] = []
        come: list[int] = []
        for key, number in _told(keys, numbers):
            same = self._same(number)
            before = same[:1]
            insort(same, key)
            if same[:1] != before:
                gone += before
                come.append(key)
        return gone, come

    def remove(self, keys: Keys, numbers: Numbers) -> tuple[list[int], list[int]]:
        """Take keys out of their listings, where they are; return who no longer stands for one, and who does now."""
        gone: list[int] = []
        come: list[int] = []
        for key, number in _told(keys, numbers):
            same = self._same(number)
            if key not in same:
                continue
            first = same[0] == key
            same.remove(key)
            if first:
                gone.append(key)
                come += same[:1]
            if not same and not self._held(number):
                del self._changed[number]
        return gone, come

    def save(self, folder: Path) -> list[Path]:
        """Write everything into `folder` and return the files written."""
        kept = ~np.isin(self._numbers, np.fromiter(self._changed, np.int64, len(self._changed)))
        changed = [(number, key) for number, keys in self._changed.items() for key in keys]
        numbers = np.append(self._numbers[kept], np.array([number for number, _ in changed], np.int64))
        keys = np.append(self._keys[kept], np.array([key for _, key in changed], np.int64))
        order = np.argsort(numbers, kind="stable")  # of one listing they lie side by side already, ascending
        return blocks.save(folder, list(zip(FILES, (numbers[order], keys[order]), strict=True)))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map what `save` wrote; raises OSError, ValueError or EOFError when it is not whole."""
        numbers, keys = (blocks.mapped(folder / name) for name in FILES)
        if len(numbers) != len(keys):
            raise ValueError("the listings are of different lengths")
        return cls(numbers, keys)

    def _same(self, number: int) -> list[int]:
        """Return the keys of a listing, to be changed."""
        changed = self._changed.get(number)
        if changed is None:
            changed = self._changed[number] = self._held(number)
        return changed

    def _held(self, number: int) -> list[int]:
        start, end = np.searchsorted(self._numbers, [number, number + 1])
        held: list[int] = self._keys[start:end].tolist()
        return held


def _told(keys: Keys, numbers: Numbers) -> list[tuple[int, int]]:
    return [(k, n) for k, n in zip(keys.tolist(), numbers.tolist(), strict=True) if n != NOBODY]
