"""Which product, category and tags stand behind each key, as arrays: what a vote looks its neighbours up in.

A cache of the record store, like the vectors: written into the snapshot at build, kept current on every write.
Keys are the record store's small consecutive integers, so each array is indexed by key itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt
import orjson

from indexer.errors import SnapshotDamaged

Keys = npt.NDArray[np.int64]
Nodes = npt.NDArray[np.int32]
Voices = npt.NDArray[np.float32]
_Array = TypeVar("_Array", Keys, Nodes, Voices)

UNLABELLED = -1


@dataclass(frozen=True, slots=True)
class Label:
    """What is known of one stored product: node is a position in the tree or UNLABELLED; voice, how much it counts."""

    key: int
    id: str
    node: int
    tags: tuple[str, ...] = ()
    voice: float = 1.0


@dataclass(frozen=True, slots=True)
class TagRows:
    """The tags of many keys, flat: key number `row[i]` of those asked for carries tag number `tag[i]`."""

    row: Keys
    tag: Nodes


class Labels:
    """Product id, category node and tags by key. Arrays grow by doubling; gaps of replaced tag lists are closed."""

    def __init__(self) -> None:
        self.tag_names: list[str] = []
        self._ids: list[str] = []
        self._key_of: dict[str, int] = {}
        self._tag_of: dict[str, int] = {}
        self._nodes: Nodes = np.full(1024, UNLABELLED, np.int32)
        self._voices: Voices = np.zeros(1024, np.float32)
        self._start: Keys = np.zeros(1024, np.int64)
        self._count: Nodes = np.zeros(1024, np.int32)
        self._carriers: Nodes = np.zeros(64, np.int32)
        self._pool: Nodes = np.zeros(1024, np.int32)
        self._pooled = 0

    def __len__(self) -> int:
        """Return the number of products known."""
        return len(self._key_of)

    @property
    def size(self) -> int:
        """One more than the highest key that was ever put."""
        return len(self._ids)

    @property
    def labelled(self) -> int:
        """How many products have a category."""
        return int(np.count_nonzero(self._nodes != UNLABELLED))

    def put(self, labels: Iterable[Label]) -> None:
        """Set the labels of their keys, replacing what was known of each."""
        for label in labels:
            self._reserve(label.key)
            self._ids[label.key] = label.id
            self._key_of[label.id] = label.key
            self._nodes[label.key] = label.node
            self._set_tags(label.key, label.tags, label.voice)

    def drop(self, keys: Keys) -> None:
        """Forget `keys`; those that are not known are no error."""
        for key in keys.tolist():
            if key < len(self._ids):
                if self._key_of.get(self._ids[key]) == key:  # the id may have come back under a new key
                    del self._key_of[self._ids[key]]
                self._ids[key] = ""
                self._nodes[key] = UNLABELLED
                self._set_tags(key, (), 0)

    def replanted(self, nodes: Nodes) -> Self:
        """Return the same products in other categories, int32 (size,).

        All the rest is shared, so that one of the two may be put to no further use.
        """
        made = copy(self)
        made._categorise(nodes)  # noqa: SLF001 - of its own class
        return made

    def _categorise(self, nodes: Nodes) -> None:
        self._nodes = np.full(len(self._nodes), UNLABELLED, np.int32)
        self._nodes[: len(nodes)] = nodes

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Which keys hold a product: bool (size,)."""
        return np.array([bool(name) for name in self._ids], np.bool_)

    def nodes(self, keys: Keys) -> Nodes:
        """Return the category node of each key, in the shape of `keys`; UNLABELLED where it has none."""
        return self._nodes[keys]

    def spoken(self, keys: Keys) -> Nodes:
        """Return the category that each key speaks for, in the shape of `keys`; UNLABELLED without one or a voice."""
        return np.where(self._voices[keys] > 0, self._nodes[keys], UNLABELLED).astype(np.int32)

    def voices(self, keys: Keys) -> Voices:
        """Return how much the label of each key counts, in the shape of `keys`; 1 is a full voice, 0 none."""
        return self._voices[keys]

    def node_counts(self, nodes: int) -> Keys:
        """Return how many products are labelled with each of the tree's `nodes` nodes themselves: int64 (nodes,)."""
        known = self._nodes[self._nodes != UNLABELLED]
        return np.bincount(known, minlength=nodes).astype(np.int64)

    def spoken_counts(self, nodes: int) -> Keys:
        """Return how many products speak for each of the tree's `nodes` nodes themselves: int64 (nodes,)."""
        known = self._nodes[(self._nodes != UNLABELLED) & (self._voices > 0)]
        return np.bincount(known, minlength=nodes).astype(np.int64)

    def ids(self, keys: Keys) -> list[str]:
        """Return the product ids of a one-dimensional array of keys."""
        return [self._ids[key] for key in keys.tolist()]

    def key(self, product_id: str) -> int | None:
        """Return the key of a product id, or None when it is not known."""
        return self._key_of.get(product_id)

    def tags(self, keys: Keys) -> TagRows:
        """Return the tags of a one-dimensional array of keys, in its order."""
        counts = self._count[keys].astype(np.int64)
        row = np.repeat(np.arange(len(keys)), counts)
        within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        return TagRows(row, self._pool[np.repeat(self._start[keys], counts) + within])

    @property
    def carriers(self) -> Nodes:
        """How many products that have a voice carry each tag: int32 (tags,)."""
        return self._carriers[: len(self.tag_names)]

    def save(self, folder: Path) -> list[Path]:
        """Write everything into `folder` and return the files written."""
        size = len(self._ids)
        rows = self.tags(np.arange(size))
        arrays = {
            "nodes": self._nodes[:size],
            "voices": self._voices[:size],
            "tag_counts": self._count[:size],
            "tags": rows.tag,
        }
        files = [folder / f"labels_{name}.npy" for name in arrays]
        for file, array in zip(files, arrays.values(), strict=True):
            np.save(file, array, allow_pickle=False)
        names = folder / "labels.json"
        names.write_bytes(orjson.dumps({"ids": self._ids, "tags": self.tag_names}))
        return [*files, names]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; raises SnapshotDamaged when the files do not fit together."""
        made = cls()
        try:
            known: Mapping[str, list[str]] = orjson.loads((folder / "labels.json").read_bytes())
            nodes, voices, counts, pool = (
                np.load(folder / f"labels_{name}.npy", allow_pickle=False)
                for name in ("nodes", "voices", "tag_counts", "tags")
            )
        except (OSError, ValueError, EOFError) as error:
            raise SnapshotDamaged(f"the labels in {folder} cannot be read: {error}; rebuild the index") from error
        if not len(known["ids"]) == len(nodes) == len(voices) == len(counts) or int(counts.sum()) != len(pool):
            raise SnapshotDamaged(f"the labels in {folder} are of different lengths; rebuild the index")
        made.tag_names = known["tags"]
        made._tag_of = {name: number for number, name in enumerate(known["tags"])}
        made._reserve(len(nodes) - 1)
        made._ids = known["ids"]
        made._key_of = {name: key for key, name in enumerate(known["ids"]) if name}
        made._nodes[: len(nodes)] = nodes
        made._voices[: len(nodes)] = voices
        made._count[: len(nodes)] = counts
        made._start[: len(nodes)] = np.cumsum(counts, dtype=np.int64) - counts
        made._pool, made._pooled = pool, len(pool)
        heard = pool[np.repeat(voices > 0, counts)]
        made._carriers = np.bincount(heard, minlength=len(made.tag_names)).astype(np.int32)
        return made

    def _reserve(self, key: int) -> None:
        if key >= len(self._ids):
            self._ids.extend([""] * (key + 1 - len(self._ids)))
        if key >= len(self._nodes):
            size = max(2 * len(self._nodes), key + 1)
            self._nodes = _grown(self._nodes, size, UNLABELLED)
            self._voices = _grown(self._voices, size, 0)
            self._start = _grown(self._start, size, 0)
            self._count = _grown(self._count, size, 0)

    def _set_tags(self, key: int, tags: Sequence[str], voice: float) -> None:
        """Give a key its tags and voice; who has none is no carrier."""
        new = [tag for tag in dict.fromkeys(tags) if tag not in self._tag_of]
        self._tag_of.update((tag, number) for number, tag in enumerate(new, len(self.tag_names)))
        self.tag_names.extend(new)
        if len(self.tag_names) > len(self._carriers):
            self._carriers = _grown(self._carriers, 2 * len(self.tag_names), 0)
        numbers = [self._tag_of[tag] for tag in dict.fromkeys(tags)]
        before = slice(int(self._start[key]), int(self._start[key]) + int(self._count[key]))
        self._carriers[self._pool[before]] -= self._voices[key] > 0
        self._voices[key] = voice
        self._carriers[numbers] += self._voices[key] > 0
        if self._pooled + len(numbers) > len(self._pool):
            self._make_room(len(numbers))
        end = self._pooled + len(numbers)
        self._pool[self._pooled : end] = numbers
        self._start[key], self._count[key], self._pooled = self._pooled, len(numbers), end

    def _make_room(self, needed: int) -> None:
        """Close the gaps in the pool, and double it unless a quarter is free then: so this seldom happens."""
        counts = self._count[: len(self._ids)].astype(np.int64)
        kept = self.tags(np.arange(len(counts))).tag
        full = 4 * (len(kept) + needed) > 3 * len(self._pool)
        self._pool = _grown(kept, 2 * (len(self._pool) + needed) if full else len(self._pool), 0)
        self._start[: len(counts)] = np.cumsum(counts) - counts
        self._pooled = len(kept)


def _grown(array: _Array, size: int, fill: int) -> _Array:
    bigger = np.full(size, fill, array.dtype)
    bigger[: len(array)] = array
    return bigger
