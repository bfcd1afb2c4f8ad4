"""How well wrong labels are found: ours beside cleanlab on the same vectors, with labels that we made wrong.

    python -m benchmarks.wrong_labels [SET ...] [--seeds 5] [--products N] [--encoder SPEC] [--ours]

5% of the labels of each set are changed, half of them to a sibling, half to any other category; beside it all of them
to the sibling whose products are most like the one in question. Every label is ranked by how likely it is wrong. A set
has wrong labels of its own, which count as right here, for ours and for theirs.

cleanlab gets the same encoder's raw vectors, and out-of-sample probabilities of logistic regressions and of the nearest
neighbours by cross-validation; of all ways to rank by these that it has the best is taken, for each figure anew. Each
trial is written as it ends, and a trial that the result holds already is not run again; with `--ours` our part of it
is, where the audit has changed: what cleanlab made of the same vectors and labels stands.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.data import Set, kept, loaded
from benchmarks.machine import RESULTS, write
from indexer.encoders import DEFAULT
from indexer.product import Product
from indexer.settings import IndexSettings
from service.audit.suspicion import Suspicions, suspicions
from service.engine import Engine
from service.evaluation.trial import fill
from service.rebuild import rebuild
from service.settings import ServiceSettings
from taxonomy.tree import SEPARATOR

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

SETS = {"flipkart_20k": "", "mwpd_gpc_16k": "", "fashion_8k": "mobilenet_v2_image_vectors.npy"}
WAYS = ("mixed", "confusable")
"""Half to siblings and half anywhere; all to the most confusable sibling."""
WRONG = 0.05
FIRST = 100
TARGET = 0.85
"""Precision in the first FIRST at least."""


@dataclass(frozen=True)
class Flipped:
    """Products of a set, some of them with another category than their own. wrong: bool (n,), which."""

    products: list[Product]
    wrong: Mask
    sibling: Mask

    @property
    def labels(self) -> Numbers:
        """The category of each, numbered, int64 (n,)."""
        made: Numbers = np.unique([each.category for each in self.products], return_inverse=True)[1]
        return made


def flipped(products: Sequence[Product], vectors: Floats, way: str, seed: int) -> Flipped:
    """Return the products with WRONG of their labels changed; vectors: float (n, d), for what is confusable."""
    rng = np.random.default_rng(seed)
    names, label = np.unique([each.category for each in products], return_inverse=True)
    siblings = _siblings(names.tolist())
    has = np.array([bool(siblings[node]) for node in label.tolist()])
    many = round(WRONG * len(products))
    near = rng.permutation(np.flatnonzero(has))[: many if way == "confusable" else many // 2]
    rest = rng.permutation(np.setdiff1d(np.arange(len(products)), near))
    far = rest[:0] if way == "confusable" else rest[: many - many // 2]
    middle = np.stack([vectors[label == node].mean(axis=0) for node in range(len(names))])
    new = label.copy()
    for row in near.tolist():
        some = siblings[label[row]]
        likest = some[int(np.argmax(middle[some] @ vectors[row]))]
        new[row] = likest if way == "confusable" else rng.choice(some)
    for row in far.tolist():
        new[row] = rng.choice(np.flatnonzero(np.arange(len(names)) != label[row]))
    near_mask = np.isin(np.arange(len(products)), near)
    changed = [replace(each, category=str(names[node])) for each, node in zip(products, new.tolist(), strict=True)]
    return Flipped(changed, new != label, near_mask)


def _siblings(names: list[str]) -> list[list[int]]:
    """Return for each category the others with the same parent; two departments are no siblings."""
    parents = [name.rpartition(SEPARATOR)[0] for name in names]
    return [
        [other for other, above in enumerate(parents) if above == parent and other != node and parent]
        for node, parent in enumerate(parents)
    ]


def ours(data: Set, some: Flipped) -> tuple[Suspicions, dict[str, float]]:
    """Return what an index of these products, built as a user's would be, suspects of each, in their order."""
    with TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        fill(some.products, index, data.encoder)
        began = time.perf_counter()
        rebuild(index, settings=IndexSettings(), encoder=data.encoder)
        built = time.perf_counter()
        with closing(Engine.open(ServiceSettings(index=index), data.encoder)) as engine:
            known = (engine.live.labels.key(each.id) for each in some.products)
            keys = np.array([-1 if key is None else key for key in known], np.int64)
            found = suspicions(engine, keys)
            seconds = {"build_seconds": built - began, "audit_seconds": time.perf_counter() - built}
            return found, {name: round(value, 1) for name, value in seconds.items()}


def figures(score: Floats, some: Flipped) -> dict[str, float]:
    """Return how well a score, high for what is wrong, ranks the labels that we made wrong."""
    first = np.argsort(-score, kind="stable")[:FIRST]
    return {
        "average_precision": round(float(average_precision_score(some.wrong, score)), 4),
        "precision_in_first_100": round(float(some.wrong[first].mean()), 4),
    }


def theirs(vectors: Floats, some: Flipped, seed: int) -> dict[str, dict[str, float]]:
    """Return the figures of cleanlab by model and way to rank."""
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    made = {}
    for name, likely in _out_of_sample(vectors, some.labels, seed):
        for way in ("self_confidence", "normalized_margin"):
            score = 1 - get_label_quality_scores(some.labels, likely, method=way)
            found = find_label_issues(some.labels, likely, return_indices_ranked_by=way, n_jobs=1)
            first = score.copy()
            first[found] += 2  # its list of issues first, then the other labels
            made[f"{name}, {way}"] = figures(score, some)
            made[f"{name}, {way}, issues first"] = figures(first, some)
    return made


def _out_of_sample(vectors: Floats, labels: Numbers, seed: int) -> Iterator[tuple[str, Floats]]:
    models = {
        "logistic regression": LogisticRegression(C=100, max_iter=100),
        "logistic regression C=1": LogisticRegression(C=1, max_iter=100),
        "kNN": KNeighborsClassifier(10, metric="cosine", weights="distance"),
        "kNN of 30": KNeighborsClassifier(30, metric="cosine", weights="distance"),
    }
    for name, model in models.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of convergence, and of categories with fewer products than folds
            folds = StratifiedKFold(5, shuffle=True, random_state=seed)
            likely = cross_val_predict(model, vectors.astype(np.float32), labels, cv=folds, method="predict_proba")
            yield name, likely.astype(np.float64)


def vectors_of(data: Set, products: Sequence[Product]) -> Floats:
    """Return the raw vectors that the index was given, the parts side by side: float64 (n, d)."""
    made: Floats = np.hstack(list(data.encoder.encode(products).parts.values())).astype(np.float64)
    return made


def trial(
    data: Set, products: list[Product], way: str, seed: int, rivals: dict[str, dict[str, float]] | None = None
) -> dict[str, Any]:
    """Return the figures of one way to make labels wrong; rivals: those of cleanlab, where they are known."""
    vectors = vectors_of(data, products)
    some = flipped(products, vectors, way, seed)
    found, seconds = ours(data, some)
    score = np.empty(len(found))
    score[found.worst()] = -np.arange(len(found))
    rivals = rivals or theirs(vectors, some, seed)
    return {
        "products": len(products),
        "categories": int(some.labels.max()) + 1,
        "wrong": int(some.wrong.sum()),
        "ours": figures(score, some) | seconds,
        "cleanlab": {
            figure: max(each[figure] for each in rivals.values())
            for figure in ("average_precision", "precision_in_first_100")
        },
        "cleanlab_by_way": rivals,
    }


def summary(trials: dict[str, Any]) -> dict[str, Any]:
    """Return the means over the seeds, by set and way."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for name, each in trials.items():
        groups.setdefault(name.rpartition(" seed ")[0], []).append(each)
    figures_of = ("average_precision", "precision_in_first_100")
    return {
        name: {
            who: {figure: round(float(np.mean([each[who][figure] for each in some])), 4) for figure in figures_of}
            for who in ("ours", "cleanlab")
        }
        | {"seeds": len(some)}
        for name, some in groups.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--products", type=int, default=0)
    parser.add_argument("--encoder", default=DEFAULT)
    parser.add_argument("--ours", action="store_true", help="run our part again of trials that there are")
    given = parser.parse_args()
    parts = ["wrong_labels", *([given.encoder] if given.encoder != DEFAULT else [])]
    result = "-".join([*parts, *([str(given.products)] if given.products else [])])
    trials = _begun(result)
    for seed in range(given.seeds):
        for name in given.sets:
            wanted = [way for way in WAYS if (f"{name} {way} seed {seed}" in trials) == given.ours]
            if not wanted:
                continue
            data = loaded(name, given.encoder, SETS[name])
            rows = kept(data, np.arange(len(data.products)))
            if given.products:
                rows = np.sort(np.random.default_rng(0).permutation(rows)[: given.products])
            for way in wanted:
                known = trials.get(one := f"{name} {way} seed {seed}", {}).get("cleanlab_by_way")
                trials[one] = trial(data, data.some(rows), way, seed, known)
                target = {"precision_in_first_100": TARGET, "average_precision": "above cleanlab's"}
                write(result, {"encoder": given.encoder, "target": target, "mean": summary(trials), "trials": trials})


def _begun(result: str) -> dict[str, Any]:
    """Return the trials of a result that was begun."""
    file = RESULTS / f"{result}.json"
    made: dict[str, Any] = json.loads(file.read_text())["trials"] if file.is_file() else {}
    return made


if __name__ == "__main__":
    main()
