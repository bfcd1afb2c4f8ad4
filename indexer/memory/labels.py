"""Which product, category and tags stand behind each key, as arrays: what a vote looks its neighbours up in.

A cache of the record store, like the vectors: written into the snapshot at build, kept current on every write.
Keys are the record store's small consecutive integers, so each array is indexed by key itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import orjson

from indexer.errors import SnapshotDamaged
from indexer.memory import blocks
from indexer.memory.blocks import Blocks
from indexer.memory.ids import Ids
from indexer.memory.runs import Runs

Keys = npt.NDArray[np.int64]
Nodes = npt.NDArray[np.int32]
Voices = npt.NDArray[np.float32]
FILES = tuple(f"labels_{name}.npy" for name in ("nodes", "voices", "tag_counts", "tags"))

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
    """Product id, category node and tags by key. Arrays grow by a quarter; some 25 bytes a product, and 4 a tag."""

    def __init__(self) -> None:
        self.tag_names: list[str] = []
        self._ids = Ids()
        self._many = self._size = 0
        self._tag_of: dict[str, int] = {}
        self._known: npt.NDArray[np.bool_] = np.zeros(1024, np.bool_)
        self._nodes: Nodes = np.full(1024, UNLABELLED, np.int32)
        self._voices: Voices = np.zeros(1024, np.float32)
        self._carriers: Nodes = np.zeros(64, np.int32)
        self._runs = Runs()
        self._pool = Blocks(np.zeros(0, np.int32))

    def __len__(self) -> int:
        """Return the number of products known."""
        return self._many

    @property
    def size(self) -> int:
        """One more than the highest key that was ever put."""
        return self._size

    @property
    def labelled(self) -> int:
        """How many products have a category."""
        return int(np.count_nonzero(self._nodes != UNLABELLED))

    def put(self, labels: Iterable[Label]) -> None:
        """Set the labels of their keys, replacing what was known of each."""
        for label in labels:
            self._reserve(label.key)
            self._ids.put(label.key, label.id)
            self._many += not self._known[label.key]
            self._known[label.key] = True
            self._nodes[label.key] = label.node
            self._set_tags(label.key, label.tags, label.voice)

    def drop(self, keys: Keys) -> None:
        """Forget `keys`; those that are not known are no error."""
        for key in keys[keys < self._size].tolist():
            self._ids.drop(key)
            self._many -= bool(self._known[key])
            self._known[key] = False
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
        return self._known[: self._size].copy()

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
        return list(map(self._ids.__getitem__, keys.tolist()))

    def key(self, product_id: str) -> int | None:
        """Return the key of a product id, or None when it is not known."""
        return self._ids.key(product_id)

    def tags(self, keys: Keys) -> TagRows:
        """Return the tags of a one-dimensional array of keys, in its order."""
        place, ends = self._runs.places(keys)
        return TagRows(np.repeat(np.arange(len(keys)), np.diff(ends)), self._pool.take(place))

    @property
    def carriers(self) -> Nodes:
        """How many products that have a voice carry each tag: int32 (tags,)."""
        return self._carriers[: len(self.tag_names)]

    def save(self, folder: Path) -> list[Path]:
        """Write everything into `folder` and return the files written."""
        every = np.arange(self._size)
        arrays = (self._nodes[every], self._voices[every], self._runs.counts(every), self.tags(every).tag)
        files = blocks.save(folder, list(zip(FILES, arrays, strict=True))) + self._ids.save(folder, self._size)
        names = folder / "labels.json"
        names.write_bytes(orjson.dumps({"tags": self.tag_names}))
        return [*files, names]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Map what `save` wrote; raises SnapshotDamaged when the files do not fit together."""
        made = cls()
        try:
            said: Mapping[str, list[str]] = orjson.loads((folder / "labels.json").read_bytes())
            made._ids = Ids.load(folder)
            nodes, voices, counts = (np.load(folder / name, allow_pickle=False) for name in FILES[:3])
            pool = blocks.mapped(folder / FILES[3])
        except (OSError, ValueError, EOFError) as error:
            raise SnapshotDamaged(f"the labels in {folder} cannot be read: {error}; rebuild the index") from error
        if not made._ids.size == len(nodes) == len(voices) == len(counts) or int(counts.sum()) != len(pool):
            raise SnapshotDamaged(f"the labels in {folder} are of different lengths; rebuild the index")
        made.tag_names = said["tags"]
        made._tag_of = {name: number for number, name in enumerate(made.tag_names)}
        made._nodes, made._voices, made._size = nodes, voices, len(nodes)
        made._runs, made._pool = Runs(counts), Blocks(pool)
        made._known = made._ids.known
        made._many = int(np.count_nonzero(made._known))
        heard = pool[np.repeat(voices > 0, counts)]
        made._carriers = np.bincount(heard, minlength=len(made.tag_names)).astype(np.int32)
        return made

    def _reserve(self, key: int) -> None:
        self._size = max(self._size, key + 1)
        if key >= len(self._nodes):
            size = max(1_024, key + 1, len(self._nodes) * 5 // 4)
            self._known = _grown(self._known, size, 0)
            self._nodes = _grown(self._nodes, size, UNLABELLED)
            self._voices = _grown(self._voices, size, 0)
        self._runs.reserve(key)

    def _set_tags(self, key: int, tags: Sequence[str], voice: float) -> None:
        """Give a key its tags and voice; who has none is no carrier."""
        if not tags and not self._runs.long(key):
            self._voices[key] = voice
            return
        numbers = np.array([self._number(tag) for tag in dict.fromkeys(tags)], np.int32)
        at = np.array([key])
        before = self._pool.take(self._runs.places(at)[0])
        self._carriers[before] -= self._voices[key] > 0
        self._voices[key] = voice
        self._carriers[numbers] += self._voices[key] > 0
        place = self._runs.put(at, np.array([len(numbers)], np.int32))
        self._pool.reserve(self._runs.end)
        self._pool.put(place, numbers)

    def _number(self, tag: str) -> int:
        """Return the number of a tag, a new one for one that nobody had."""
        number = self._tag_of.setdefault(tag, len(self.tag_names))
        if number == len(self.tag_names):
            self.tag_names.append(tag)
            if number >= len(self._carriers):
                self._carriers = _grown(self._carriers, 2 * number + 1, 0)
        return number


def _grown(array: npt.NDArray[Any], size: int, fill: int) -> npt.NDArray[Any]:
    bigger = np.full(size, fill, array.dtype)
    bigger[: len(array)] = array
    return bigger
