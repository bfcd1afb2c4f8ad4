"""indexer/vectors/probing.py: the recall that an index has by now, and a search that widens as it grows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from indexer.vectors import KINDS, Keys, VectorIndex, Vectors, build, load
from indexer.vectors.rows import cosine

DIM = 16
KINDS_TO_TUNE = ("ivf", "ivf_sq8", "hnsw")


def spread(count: int, seed: int) -> Vectors:
    """Return unit rows without clusters: the hardest to search, for neighbours lie in many lists."""
    rows = np.random.default_rng(seed).standard_normal((count, DIM))
    made: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return made


def grown(kind: str) -> tuple[VectorIndex, Keys, Vectors]:
    """Return an index that was built from a tenth of what it holds."""
    keys, vectors = np.arange(12_000, dtype=np.int64) * 3, spread(12_000, 1)
    index = build(kind, DIM, keys[:1_200], vectors[:1_200])
    for start in range(1_200, 12_000, 1_200):
        index.upsert(keys[start : start + 1_200], vectors[start : start + 1_200])
    return index, keys, vectors


def recall(index: VectorIndex, vectors: Vectors, keys: Keys) -> float:
    """Return the share of the true ten of new questions that the index finds."""
    queries = spread(200, 9)
    similarity = cosine(queries[:, None], vectors)
    tenth = -np.sort(-similarity, axis=1)[:, 9:10]
    found = np.searchsorted(keys, index.search(queries, 10).keys)
    return float((np.take_along_axis(similarity, found, axis=1) >= tenth).mean())


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_misses_nothing_has_recall_one(kind: str) -> None:
    """As has every kind that holds few, or none; then there is nothing to tune."""
    for count in (0, 1, 2, 70):
        index = build(kind, DIM, np.arange(count), spread(count, 0))
        assert (1.0, 1.0, False) == (index.probe(), index.imbalance, index.outgrown)
        before = dict(index.parameters)
        assert 1.0 == index.retune()
        assert {"tuned_at"} >= {name for name, said in index.parameters.items() if said != before[name]} - {"recall"}


@pytest.mark.parametrize("kind", KINDS_TO_TUNE)
def test_a_probe_is_near_what_new_questions_find(kind: str) -> None:
    """Of an index that was outgrown, too; the same seed gives the same figure."""
    index, keys, vectors = grown(kind)
    assert index.probe(seed=3) == index.probe(seed=3)
    lost = {"ivf": 0.0, "ivf_sq8": 0.03, "hnsw": 0.02}  # by codes, which are all a probe knows; by who has links
    assert -0.02 < index.probe(1_000) - recall(index, vectors, keys) < 0.02 + lost[kind]


@pytest.mark.parametrize("kind", KINDS_TO_TUNE)
def test_an_index_that_grew_tenfold_is_brought_back_to_its_target(kind: str, tmp_path: Path) -> None:
    """It says itself that it is time; what it chose is saved, and goes up only."""
    index, keys, vectors = grown(kind)
    name = "ef_search" if kind == "hnsw" else "nprobe"
    before = int(index.parameters[name])
    assert index.outgrown
    reached = index.retune()
    assert not index.outgrown
    assert 12_000 == index.parameters["tuned_at"]
    target = 0.95 if kind != "ivf_sq8" else float(index.parameters["ceiling"]) - 0.01
    assert min(reached, float(index.parameters["recall"])) >= min(0.95, target)
    assert recall(index, vectors, keys) >= min(0.95, target) - 0.02
    assert int(index.parameters[name]) >= before
    index.save(tmp_path)
    assert dict(index.parameters) == dict(load(tmp_path, kind).parameters)


def test_a_probe_sees_what_a_search_misses() -> None:
    """Vectors far from where the index was trained fall into few lists: recall sinks and imbalance rises, measured."""
    keys, vectors = np.arange(4_000, dtype=np.int64), spread(4_000, 1)
    index = build("ivf", DIM, keys, vectors)
    fresh, even = index.probe(), index.imbalance
    strangers = spread(4_000, 2) * 0.3 + np.eye(1, DIM)
    index.upsert(keys + 4_000, (strangers / np.linalg.norm(strangers, axis=1, keepdims=True)).astype(np.float32))
    sizes = index.sizes()  # type: ignore[attr-defined]  # of this kind
    assert index.imbalance == pytest.approx(len(sizes) * (sizes**2).sum() / sizes.sum() ** 2)
    assert index.imbalance > 2 * even
    assert fresh >= 0.93


def test_an_index_is_touched_in_turns_only() -> None:
    """So that who waits to change it waits for one of them: each search and each look at a stretch is one."""
    index, _, _ = grown("ivf")
    inside, turns = [False], [0]

    @contextmanager
    def reading() -> Iterator[None]:
        assert not inside[0]
        inside[0], turns[0] = True, turns[0] + 1
        yield
        inside[0] = False

    plain = index.probe(100, seed=1)
    assert plain == index.probe(100, seed=1, reading=reading)
    assert turns[0] > 100 + len(index.sizes())  # type: ignore[attr-defined]  # of this kind
    index.retune(reading=reading)


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_what_is_deleted_is_no_truth(kind: str) -> None:
    """A tombstone is neither asked about nor missed."""
    index, keys, vectors = grown(kind)
    index.delete(keys[::3])
    index.retune()
    rest = np.setdiff1d(np.arange(12_000), np.arange(0, 12_000, 3))
    assert recall(index, vectors[rest], keys[rest]) >= 0.93
