"""Accuracy of the plain vote beside scikit-learn's k-nearest-neighbours on the same vectors.

    python -m benchmarks.vote [flipkart_1050 flipkart_20k mwpd_gpc_16k]

Splits as the data sets' README has them: flipkart_1050 in 4 stratified folds by top category (3 seeds), mwpd_gpc_16k
by its official split (train against test), flipkart_20k 80/20 (3 seeds) with repeated titles dropped and leaf paths of
four products or more. Products are read, cleaned and encoded by `indexer.build` itself, into index/benchmarks, so that
a second run encodes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.machine import DATA, INDEXES, write
from indexer.build import build
from indexer.encoders import DEFAULT, load
from indexer.labels import Label, Labels
from indexer.settings import IndexSettings
from indexer.sources import read
from indexer.space import RawSpace
from indexer.store.records import Records
from indexer.update import STORE
from indexer.vectors import build as build_vectors
from service.console.progress import Progress
from service.search import neighbourhoods
from service.settings import ServiceSettings
from service.vote import count
from taxonomy.tree import SEPARATOR, Tree

Numbers = npt.NDArray[np.int64]
SEEDS = (0, 1, 2)
RIVALS = [(k, weights) for k in (1, 5, 10, 20) for weights in ("uniform", "distance")]


@dataclass(frozen=True)
class Set:
    """One data set as arrays: float32 (n, dim) vectors, tree position of each product, and the source's columns."""

    vectors: npt.NDArray[np.float32]
    nodes: npt.NDArray[np.int32]
    tree: Tree
    columns: pd.DataFrame


def loaded(name: str, spec: str = DEFAULT) -> Set:
    """Build the index of a data set if need be, by the encoder `spec`, and return its labelled products."""
    folder, encoder = INDEXES / (name if spec == DEFAULT else f"{name}-{spec}"), load(spec)
    with read(DATA / name) as rows, Progress() as progress:
        build(rows, folder, settings=IndexSettings(encoder=spec), encoder=encoder, progress=progress)
    source = next((DATA / name).glob("products.csv*"))
    columns = pd.read_csv(source, keep_default_na=False, dtype=str).set_index("id")
    records = Records.open(folder / STORE)
    space = RawSpace(encoder.parts)
    slices = list(records.scan(encoder.name, encoder.parts, up_to=records.counts().last_key))
    vectors = np.concatenate([space.project(some.encoded) for some in slices])
    paths = [tuple(path.split(SEPARATOR)) if path else () for some in slices for path in some.categories]
    ids = [product_id for some in slices for product_id in some.ids]
    tree = Tree.from_paths(path for path in paths if path)
    nodes = np.array([tree.find(path) if path else -1 for path in paths], np.int32)
    kept = nodes >= 0
    return Set(vectors[kept], nodes[kept], tree, columns.loc[np.array(ids)[kept].tolist()])


def splits(name: str, data: Set) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield (train, test) row numbers as the README of the data sets has them."""
    if name == "mwpd_gpc_16k":
        part = data.columns["split"].to_numpy()
        yield np.flatnonzero(part == "train"), np.flatnonzero(part == "test")
        return
    rows = np.arange(len(data.nodes))
    if name == "flipkart_1050":
        top = data.tree.lineage[data.nodes, 0]
        for seed in SEEDS:
            yield from StratifiedKFold(4, shuffle=True, random_state=seed).split(rows, top)
        return
    rows = rows[~data.columns["title"].duplicated().to_numpy()]
    sizes = np.bincount(data.nodes[rows], minlength=len(data.tree))
    rows = rows[sizes[data.nodes[rows]] >= 4]
    for seed in SEEDS:
        mixed = np.random.default_rng(seed).permutation(rows)
        cut = len(mixed) // 5
        yield mixed[cut:], mixed[:cut]


def ours(data: Set, train: Numbers, test: Numbers) -> npt.NDArray[np.int32]:
    """Return the best three categories (test, 3) of the vote, with the service's own settings."""
    settings = ServiceSettings()
    labels = Labels()
    labels.put(Label(key, str(key), int(node)) for key, node in enumerate(data.nodes[train]))
    index = build_vectors("exact", data.vectors.shape[1], np.arange(len(train)), data.vectors[train])
    itself = np.full(len(test), -1)
    found = neighbourhoods(index, labels, data.vectors[test], itself, settings.neighbours)
    outcome = count(
        found.similarity,
        np.where(found.voters, found.labels, -1),
        data.tree.lineage,
        data.tree.depths,
        temperature=settings.temperature,
        threshold=settings.suggest,
        top=3,
    )
    return outcome.leaves.nodes


def rival(data: Set, train: Numbers, test: Numbers, k: int, weights: str) -> npt.NDArray[np.int32]:
    """Return the categories (test, 1) that scikit-learn's classifier gives on the same vectors."""
    model = KNeighborsClassifier(k, weights=weights, metric="cosine").fit(data.vectors[train], data.nodes[train])
    predicted: npt.NDArray[np.int32] = model.predict(data.vectors[test])[:, None]
    return predicted


def figures(data: Set, test: Numbers, predicted: npt.NDArray[np.int32]) -> dict[str, float]:
    """Return percentages: top-1 of the first and second level and of the leaf, leaf top-3 where given, macro-F1."""
    truth = data.nodes[test]
    first = predicted[:, 0]
    depth = min(2, data.tree.lineage.shape[1])
    line = np.where(data.tree.lineage[:, :depth] >= 0, data.tree.lineage[:, :depth], data.tree.lineage[:, :1])
    said = {
        "level_1": (line[first, 0] == line[truth, 0]).mean(),
        "level_2": (line[first, depth - 1] == line[truth, depth - 1]).mean(),
        "leaf_top_1": (first == truth).mean(),
        "leaf_macro_f1": f1_score(truth, first, average="macro"),
    }
    if predicted.shape[1] > 1:
        said["leaf_top_3"] = (predicted == truth[:, None]).any(axis=1).mean()
    return {name: 100 * float(value) for name, value in said.items()}


def mean(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each figure over the folds, to two places."""
    return {name: round(float(np.mean([run[name] for run in runs])), 2) for name in runs[0]}


def measured(name: str) -> dict[str, object]:
    """Return the figures of one data set: ours, each rival, and whether we are ahead of the best of them."""
    data = loaded(name)
    runs: dict[str, list[dict[str, float]]] = {"aisle": []}
    for train, test in splits(name, data):
        runs["aisle"].append(figures(data, test, ours(data, train, test)))
        for k, weights in RIVALS:
            said = figures(data, test, rival(data, train, test, k, weights))
            runs.setdefault(f"sklearn k={k} {weights}", []).append(said)
    table = {who: mean(some) for who, some in runs.items()}
    best = {
        figure: max(said[figure] for who, said in table.items() if who != "aisle")
        for figure in ("level_1", "level_2", "leaf_top_1", "leaf_macro_f1")
    }
    never_worse = all(table["aisle"][figure] >= value for figure, value in best.items())
    return {"folds": len(runs["aisle"]), "table": table, "best_rival": best, "never_worse": never_worse}


def main() -> None:
    names = sys.argv[1:] or ["flipkart_1050", "flipkart_20k", "mwpd_gpc_16k"]
    write("vote", {"sets": {name: measured(name) for name in names}})


if __name__ == "__main__":
    main()
