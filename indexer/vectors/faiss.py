"""The kinds that FAISS answers for: flat, inverted lists (plain, 8-bit, product-quantised) and a HNSW graph.

    kind      bytes per dimension   what is stored; what a removal costs
    flat      4                     the exact index, its scan done by FAISS
    ivf       4                     raw vectors in lists, the nearest `nprobe` of them searched; microseconds
    ivf_sq8   1                     the same, each number in 8 bits
    ivf_pq    1/2                   the same, each pair of numbers in 8 bits
    hnsw      4 (+ 256 per vector)  a graph; a removed vector stays as a tombstone until the graph is built again

How widely a search looks (`nprobe`, `ef_search`) is the smallest that meets the recall target, chosen at build; FAISS
proposes, `approximate` compares and orders. The similarities of `ivf_sq8` and `ivf_pq` are those of what their codes
decode to: on real titles (384 dimensions) at most 0.007 and 0.03 off, 0.0002 and 0.0015 in the median.
"""

from __future__ import annotations

import ctypes
from functools import cache
from math import log2, sqrt
from pathlib import Path
from typing import Any

import faiss as generated
import numpy as np
import numpy.typing as npt

from indexer.vectors import Keys, VectorIndex, Vectors
from indexer.vectors.approximate import (
    EVERYWHERE,
    SPARE,
    ApproximateIndex,
    Parameters,
    read_parameters,
    write_parameters,
)
from indexer.vectors.exact import KEYS_FILE, SLACK, ExactIndex
from indexer.vectors.rows import checked, damaged, filed, read_array

faiss: Any = generated  # the types of the generated module know neither keyword arguments nor all of its names
FaissIndex = Any
Selector = Any
Codes = npt.NDArray[np.uint8]

INDEX_FILE = "vectors.faiss"

POINTS_PER_LIST = 39
"""Training vectors that FAISS wants for each list, and for each of the 256 centroids of a product quantiser."""

TRAINED_FROM = {"ivf": 2 * POINTS_PER_LIST, "ivf_sq8": 1_000, "ivf_pq": 256 * POINTS_PER_LIST}
"""Fewest vectors a kind is trained on. Built from fewer it holds them whole in one list (`nlist` 1) until the next
build: always right, only larger and slower, and nothing is retrained under a running service."""

MOST_EF_SEARCH = 1_024
STRETCH = 1_024
"""Slots of a graph that are looked through at a time."""
LINKS = 32
LARGE = 2**16
M_MMAP_THRESHOLD = -3
"""The number by which `mallopt` of the GNU C library (malloc.h) knows this limit."""
INNER_PRODUCT = faiss.METRIC_INNER_PRODUCT


class FlatIndex(ExactIndex):
    """ExactIndex with the matrix product and the selection done by FAISS in one pass, without a wide intermediate."""

    kind = "flat"

    def _candidates(self, queries: Vectors, k: int) -> tuple[Keys, Keys]:
        fetch = k + SPARE
        if fetch >= len(self):
            return super()._candidates(queries, k)
        _one_thread()
        similarity, slots = faiss.knn(queries, self._stored(), fetch, INNER_PRODUCT)
        near = similarity >= similarity[:, k - 1, np.newaxis] - SLACK
        cut = np.flatnonzero(near[:, -1])  # the tie goes on past what was fetched
        near[cut] = False
        rows, column = np.nonzero(near)
        more_rows, more_slots = super()._candidates(queries[cut], k)
        return np.concatenate([rows, cut[more_rows]]), np.concatenate([slots[rows, column], more_slots])


class IvfIndex(ApproximateIndex):
    """Vectors in lists by their nearest centroid; FAISS keeps the keys and finds a removed one by a hash table."""

    effort_name = "nprobe"

    def __init__(self, kind: str, lists: FaissIndex, parameters: Parameters) -> None:
        super().__init__(kind, lists.d, parameters)
        _large_blocks_apart()
        self._lists = lists
        self.coded = not isinstance(lists, faiss.IndexIVFFlat)

    def __len__(self) -> int:
        return int(self._lists.ntotal)

    def ahead(self, vectors: Vectors) -> Keys:
        """Return the list that each vector belongs to; only a build moves the centroids."""
        _one_thread()
        near: Keys = self._lists.quantizer.assign(checked(vectors, self.dim), 1)
        return near.ravel()

    def upsert(self, keys: Keys, vectors: Vectors, ahead: Keys | None = None) -> None:
        """File `vectors` under `keys`, as VectorIndex says."""
        given = keys
        keys, vectors = filed(keys, vectors, self.dim)
        known = ahead is not None and np.array_equal(keys, given)
        near = np.ascontiguousarray(ahead) if known else self.ahead(vectors)
        self.delete(keys)  # FAISS would keep both vectors of a key added twice
        self._lists.add_core(len(keys), *map(faiss.swig_ptr, (vectors, keys, near)))

    def delete(self, keys: Keys) -> None:
        """Forget `keys`, as VectorIndex says."""
        _one_thread()
        gone = np.ascontiguousarray(keys, dtype=np.int64)
        self._lists.remove_ids(faiss.IDSelectorArray(len(gone), faiss.swig_ptr(gone)))

    def save(self, folder: Path) -> list[Path]:
        """Write FAISS's own file and the parameters."""
        faiss.write_index(self._lists, str(folder / INDEX_FILE))
        return [folder / INDEX_FILE, write_parameters(folder, self)]

    @property
    def widest(self) -> int:
        """All lists."""
        return int(self._lists.nlist)

    @property
    def imbalance(self) -> float:
        """How many times as long a search takes as with even lists: lists x sum of squares / square of sum."""
        return float(self._lists.invlists.imbalance_factor()) if len(self) else 1.0

    def sizes(self) -> Keys:
        """Return the length of each list."""
        lists = self._lists.invlists
        return np.array([lists.list_size(number) for number in range(self._lists.nlist)], np.int64)

    def stretch(self, number: int) -> tuple[Keys, Vectors]:
        """Return keys and vectors of one list, of codes as they decode."""
        lists, size = self._lists.invlists, self._lists.invlists.list_size(number)
        if not size:
            return np.empty(0, np.int64), np.empty((0, self.dim), np.float32)
        keys = faiss.rev_swig_ptr(lists.get_ids(number), size).copy()
        codes = faiss.rev_swig_ptr(lists.get_codes(number), size * lists.code_size).reshape(size, -1).copy()
        return keys, self._decoded(codes, number) if self.coded else codes.view(np.float32)

    def _decoded(self, codes: Codes, number: int) -> Vectors:
        coder = self._lists.pq if hasattr(self._lists, "pq") else self._lists.sq
        rows: Vectors = coder.decode(codes)
        if self._lists.by_residual:
            rows += self._lists.quantizer.reconstruct(number)
        return _drawn_back(rows)

    def _candidates(self, queries: Vectors, fetch: int, effort: int) -> tuple[Keys, Vectors]:
        _one_thread()
        scope = faiss.SearchParametersIVF(nprobe=min(effort, self._lists.nlist))
        _, keys, vectors = self._lists.search_and_reconstruct(queries, fetch, params=scope)
        return keys, _drawn_back(vectors) if self.coded else vectors


class HnswIndex(ApproximateIndex):
    """A graph of near neighbours. A removed vector still leads the way through it, but is no answer.

    When tombstones are more than half as many as the vectors, the graph is built again inside that upsert or delete:
    0.2 to 0.4 ms per vector.
    """

    effort_name = "ef_search"
    flattery = 0.02  # the links of a stored vector lead to its neighbours: 0.999 beside 0.978 in 16 dimensions

    def __init__(self, graph: FaissIndex, keys: Keys, parameters: Parameters) -> None:
        super().__init__("hnsw", graph.d, parameters)
        self._graph = graph
        self._keys = keys  # of each slot of the graph, -1 for a tombstone
        self._slot = {key: slot for slot, key in enumerate(keys.tolist()) if key >= 0}
        self._living = self._selector()

    def __len__(self) -> int:
        return len(self._slot)

    def upsert(self, keys: Keys, vectors: Vectors, ahead: Keys | None = None) -> None:  # noqa: ARG002  # it has none
        """File `vectors` under `keys`, as VectorIndex says."""
        keys, vectors = filed(keys, vectors, self.dim)
        _one_thread()
        self._bury(keys)
        self._slot.update(zip(keys.tolist(), range(len(self._keys), len(self._keys) + len(keys)), strict=True))
        self._keys = np.concatenate([self._keys, keys])
        self._graph.add(vectors)
        self._settle()

    def delete(self, keys: Keys) -> None:
        """Forget `keys`, as VectorIndex says."""
        self._bury(np.asarray(keys, dtype=np.int64))
        self._settle()

    def save(self, folder: Path) -> list[Path]:
        """Write FAISS's own file, the key of each slot and the parameters."""
        faiss.write_index(self._graph, str(folder / INDEX_FILE))
        np.save(folder / KEYS_FILE, self._keys, allow_pickle=False)
        return [folder / INDEX_FILE, folder / KEYS_FILE, write_parameters(folder, self)]

    @property
    def widest(self) -> int:
        """The longest candidate list that is worth its time."""
        return MOST_EF_SEARCH

    def sizes(self) -> Keys:
        """Return how many living vectors there are in each run of slots."""
        starts = np.arange(0, len(self._keys), STRETCH)
        return np.add.reduceat(self._keys >= 0, starts, dtype=np.int64) if len(starts) else starts

    def stretch(self, number: int) -> tuple[Keys, Vectors]:
        """Return keys and vectors of a run of slots, tombstones left out."""
        slots = slice(number * STRETCH, (number + 1) * STRETCH)
        living = self._keys[slots] >= 0
        return self._keys[slots][living], self._stored()[slots][living]

    def _bury(self, keys: Keys) -> None:
        slots = [slot for key in keys.tolist() if (slot := self._slot.pop(key, None)) is not None]
        self._keys[slots] = -1

    def _settle(self) -> None:
        if 2 * (len(self._keys) - len(self._slot)) > len(self._slot):
            _one_thread()
            living = self._keys >= 0
            graph = _graph(self.dim)
            graph.add(self._stored()[living])
            self._graph, self._keys = graph, self._keys[living]
            self._slot = {key: slot for slot, key in enumerate(self._keys.tolist())}
        self._living = self._selector()

    def _selector(self) -> Selector:
        """Return what keeps FAISS from answering with a tombstone; None when there is none."""
        if len(self._slot) == len(self._keys):
            return None
        bits = np.packbits(self._keys >= 0, bitorder="little")
        selector = faiss.IDSelectorBitmap(len(bits), faiss.swig_ptr(bits))
        selector.bits = bits  # FAISS reads this memory and does not own it
        return selector

    def _stored(self) -> Vectors:
        storage = faiss.downcast_index(self._graph.storage)
        stored: Vectors = faiss.rev_swig_ptr(storage.get_xb(), storage.ntotal * self.dim).reshape(-1, self.dim)
        return stored

    def _candidates(self, queries: Vectors, fetch: int, effort: int) -> tuple[Keys, Vectors]:
        _one_thread()
        if effort == EVERYWHERE:
            scope = faiss.SearchParameters(sel=self._living)
            _, slots = faiss.downcast_index(self._graph.storage).search(queries, fetch, params=scope)
        else:
            scope = faiss.SearchParametersHNSW(efSearch=effort, sel=self._living)
            _, slots = self._graph.search(queries, fetch, params=scope)
        return np.where(slots >= 0, self._keys[slots], -1), self._stored()[slots]


def build(kind: str, dim: int, keys: Keys, vectors: Vectors, *, recall_target: float, seed: int) -> VectorIndex:
    """Return an index of `vectors`, trained and tuned on them."""
    keys, vectors = filed(keys, vectors, dim)
    _one_thread()
    if kind == "flat":
        flat = FlatIndex(dim)
        flat.upsert(keys, vectors)
        return flat
    if kind == "hnsw":
        return _build_hnsw(dim, keys, vectors, target=recall_target, seed=seed)
    return _build_ivf(kind, dim, keys, vectors, target=recall_target, seed=seed)


def load(folder: Path, kind: str) -> VectorIndex:
    """Read what `save` wrote; SnapshotDamaged when a file is not whole or is not of this kind."""
    if kind == "flat":
        return FlatIndex.load(folder)
    _large_blocks_apart()
    try:
        inner = faiss.read_index(str(folder / INDEX_FILE))
    except (RuntimeError, MemoryError) as error:
        raise damaged(folder / INDEX_FILE, str(error)) from error
    if kind == "hnsw":
        parameters = read_parameters(folder, kind, HnswIndex.effort_name)
        keys = read_array(folder / KEYS_FILE, np.int64, 1)
        if not isinstance(inner, faiss.IndexHNSWFlat) or inner.ntotal != len(keys):
            raise damaged(folder / INDEX_FILE, f"{len(keys)} keys for a {type(inner).__name__} of {inner.ntotal}")
        return HnswIndex(inner, keys, parameters)
    if not isinstance(inner, faiss.IndexIVF) or inner.direct_map.type != faiss.DirectMap.Hashtable:
        raise damaged(folder / INDEX_FILE, f"a {type(inner).__name__} cannot be searched as {kind}")
    return IvfIndex(kind, inner, read_parameters(folder, kind, IvfIndex.effort_name))


def _build_hnsw(dim: int, keys: Keys, vectors: Vectors, *, target: float, seed: int) -> HnswIndex:
    index = HnswIndex(_graph(dim), np.empty(0, dtype=np.int64), {})
    index.parameters = {"links": LINKS, **index.fill(keys, vectors, range(16, MOST_EF_SEARCH + 1), target, seed)}
    return index


def _build_ivf(kind: str, dim: int, keys: Keys, vectors: Vectors, *, target: float, seed: int) -> IvfIndex:
    nlist = _nlist(len(keys)) if len(keys) >= TRAINED_FROM[kind] else 1
    points = min(len(keys), max(POINTS_PER_LIST * nlist, TRAINED_FROM[kind])) if nlist > 1 else 0
    lists = _lists(kind if nlist > 1 else "ivf", dim, nlist)
    if points:
        lists.cp.seed = seed
        lists.train(vectors[np.sort(np.random.default_rng(seed).choice(len(keys), points, replace=False))])
    lists.set_direct_map_type(faiss.DirectMap.Hashtable)
    index = IvfIndex(kind, lists, {})
    chosen = index.fill(keys, vectors, range(1, nlist + 1), target, seed)
    index.parameters = {"nlist": nlist, "training_points": points, **chosen}
    return index


def _nlist(count: int) -> int:
    """Return the power of two nearest to 4 sqrt(count), or the largest that `count` can train."""
    if count < 2 * POINTS_PER_LIST:
        return 1
    return int(2 ** min(round(log2(4 * sqrt(count))), int(log2(count / POINTS_PER_LIST))))


def _lists(kind: str, dim: int, nlist: int) -> FaissIndex:
    centroids = faiss.IndexFlatIP(dim)
    if nlist == 1:
        centroids.add(np.zeros((1, dim), dtype=np.float32))  # one list for all, and nothing to train
    if kind == "ivf_sq8":
        return faiss.IndexIVFScalarQuantizer(centroids, dim, nlist, faiss.ScalarQuantizer.QT_8bit, INNER_PRODUCT)
    if kind == "ivf_pq":
        pieces = dim // 2 if dim % 2 == 0 else dim
        return faiss.IndexIVFPQ(centroids, dim, nlist, pieces, 8, INNER_PRODUCT)
    lists = faiss.IndexIVFFlat(centroids, dim, nlist, INNER_PRODUCT)
    lists.is_trained = nlist == 1
    return lists


def _graph(dim: int) -> FaissIndex:
    return faiss.IndexHNSWFlat(dim, LINKS, INNER_PRODUCT)


def _drawn_back(rows: Vectors) -> Vectors:
    """Return what codes decode to at length one again, as it went in; rows are those of the last axis."""
    rows /= np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), np.finfo(np.float32).tiny)
    return rows


@cache
def _large_blocks_apart() -> None:
    """Let memory of LARGE bytes and more, in this process, be taken from the system and given back block by block.

    FAISS keeps each list in a block of twice its length. Taken from one heap, as the C library does once a larger block
    was freed, what is not in use of it holds what was freed before: 10,000 vectors filed in a million of 384 dimensions
    took 700 MB, and 100 MB so.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # of the GNU library
        libc.mallopt(M_MMAP_THRESHOLD, LARGE)


def _one_thread() -> None:
    """Keep FAISS to the calling thread, which OpenMP settings hold for; it must be said before every call.

    Side by side, two OpenMP threads are many times slower than one; parallel work is the service's own, one thread
    per worker. The threshold (queries x dimensions; global, always this value) sends three queries of 384 dimensions
    and more through BLAS: 9 times less CPU time for 256, while one or two are scanned faster.
    """
    faiss.omp_set_num_threads(1)
    faiss.cvar.distance_compute_blas_threshold = 1_024
