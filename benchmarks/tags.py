"""Tags beside TF-IDF with one logistic regression per tag, on the same splits.

    python -m benchmarks.tags [SET ...] [--seeds 5] [--encoder static] [--bare]

Every product that carries a tag takes part, one without a category too; repeated titles are dropped, listings of one
`parent` stay on one side, a fifth is held out by seed. The rival learns from the text that aisle encodes (words and
pairs); its C and the threshold from which it gives a tag are chosen on a fifth of its training products, and of the
threshold 0.5 and the chosen one the better on the test counts. Tags are compared whatever their case. Micro figures are
over all pairs of product and tag, macro-F1 over the tags that a test product carries; a tag that no training product
has counts against both. `--bare` takes the specs away from every product: where tags are written out there, reading
them is all there is to do.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from benchmarks.data import Set, loaded
from benchmarks.machine import DATA, INDEXES, write
from indexer.encoders import DEFAULT
from indexer.normalize import text_of
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.store.place import STORE
from indexer.store.records import Records
from service.evaluation.trial import trial
from taxonomy.names import name_key

SETS = {"magento_luma": 5, "shopify_demo_1600": 5, "fashion_8k": 3}
"""Sets with tags, and seeds of each."""
STRENGTHS = (1.0, 10.0, 100.0)
"""The rival's C."""
GRID = np.round(np.arange(0.05, 0.95, 0.025), 3)
"""Thresholds that the rival may choose from."""

Carried = Sequence[frozenset[str]]
Floats = npt.NDArray[np.float64]
Split = tuple[list[Product], list[Product]]


def tagged(name: str, spec: str) -> Set:
    """Read and encode a set as `loaded` does, and return all of its products with tags, with or without a category."""
    encoder = loaded(name, spec).encoder
    products, after = [], 0
    with closing(Records.open(INDEXES / (name if spec == DEFAULT else f"{name}-{spec}") / STORE)) as records:
        while page := records.page(after, 1_000):
            products += [each.record.product for each in page if each.record.product.tags]
            after = page[-1].key
    columns = pd.read_csv(next((DATA / name).glob("products.csv*")), keep_default_na=False, dtype=str).set_index("id")
    return Set(name, products, columns.loc[[product.id for product in products]], encoder)


def splits(data: Set, seeds: int) -> Iterator[Split]:
    """Yield training and test products of each seed."""
    first = ~pd.Series([product.title for product in data.products]).duplicated().to_numpy()
    parents = data.columns["parent"].to_numpy() if "parent" in data.columns else np.full(len(first), "")
    groups = np.where(parents == "", data.columns.index.to_numpy(), parents)[first].astype(str)
    products = [product for product, kept in zip(data.products, first.tolist(), strict=True) if kept]
    for seed in range(seeds):
        yield _divided(products, groups, seed)


def _divided(products: Sequence[Product], groups: npt.NDArray[np.str_], seed: int) -> Split:
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    held = np.isin(groups, names[: len(names) // 5]).tolist()
    pairs = list(zip(products, held, strict=True))
    return [product for product, out in pairs if not out], [product for product, out in pairs if out]


def keys(tags: Sequence[str]) -> frozenset[str]:
    """Return tags as they are compared."""
    return frozenset(map(name_key, tags))


def figures(truth: Carried, given: Carried) -> dict[str, float]:
    """Return percentages: micro-F1, its precision and recall, and macro-F1 over the tags that are carried."""
    hits = sum(len(a & b) for a, b in zip(truth, given, strict=True))
    said, carried = sum(map(len, given)), sum(map(len, truth))
    each = []
    for tag in frozenset().union(*truth):
        has = np.array([tag in tags for tags in truth])
        gets = np.array([tag in tags for tags in given])
        each.append(2 * (has & gets).sum() / (has.sum() + gets.sum()))
    made = {
        "micro_f1": 2 * hits / (said + carried),
        "macro_f1": np.mean(each),
        "precision": hits / max(1, said),
        "recall": hits / carried,
    }
    return {figure: round(100 * float(value), 2) for figure, value in made.items()}


def ours(data: Set, split: Split, spec: str) -> dict[str, float]:
    """Return the figures of a real index of the training products."""
    began = time.monotonic()
    with TemporaryDirectory() as folder:
        judged = trial(*split, Path(folder) / "index", encoder=data.encoder, index=IndexSettings(encoder=spec))
    given = [keys(list(tags)) for tags in judged.given]
    return figures([keys(tags) for tags in judged.tags], given) | {"seconds": round(time.monotonic() - began, 1)}


class Rival:
    """TF-IDF and a logistic regression for each tag, learnt from some products."""

    def __init__(self, products: Sequence[Product], strength: float) -> None:
        self.tags = sorted(frozenset().union(*(keys(product.tags) for product in products)))
        seat = {tag: place for place, tag in enumerate(self.tags)}
        rows = [[seat[tag] for tag in keys(product.tags)] for product in products]
        ends = np.cumsum([0, *map(len, rows)])
        places = np.concatenate([np.array(row, np.int64) for row in rows])
        carried = sparse.csr_matrix((np.ones(len(places), np.int64), places, ends), shape=(len(rows), len(self.tags)))
        self._vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2))
        words = self._vectorizer.fit_transform(map(text_of, products))
        self._everywhere = np.flatnonzero(np.asarray(carried.sum(axis=0)).ravel() == len(rows))
        self._told = np.setdiff1d(np.arange(len(self.tags)), self._everywhere)
        model = LogisticRegression(C=strength, solver="liblinear")
        self._model = OneVsRestClassifier(model).fit(words, carried[:, self._told])

    def likely(self, products: Sequence[Product]) -> Floats:
        """Return the probability of each tag: float64 (n, tags)."""
        made = np.ones((len(products), len(self.tags)))
        made[:, self._told] = self._model.predict_proba(self._vectorizer.transform(map(text_of, products)))
        return made

    def given(self, likely: Floats, threshold: float) -> list[frozenset[str]]:
        """Return the tags from a threshold on."""
        return [frozenset(self.tags[place] for place in np.flatnonzero(row >= threshold)) for row in likely]


def rival(data: Set, split: Split, seed: int) -> dict[str, float]:
    """Return the figures of the rival, its C and threshold chosen without the test."""
    began = time.monotonic()
    train, test = split
    own = data.columns.loc[[product.id for product in train]]
    groups = own["parent"].where(own["parent"] != "", own.index) if "parent" in own else own.index.to_series()
    part, validation = _divided(train, groups.to_numpy().astype(str), seed)
    told = [keys(product.tags) for product in validation]
    tried: list[tuple[float, float, float]] = []
    for strength in STRENGTHS:
        model = Rival(part, strength)
        likely = model.likely(validation)
        tried += [
            (figures_micro(told, model.given(likely, float(least))), strength, float(least)) for least in {*GRID, 0.5}
        ]
    chosen = max(tried)
    plain = max(each for each in tried if each[2] == 0.5)
    truth = [keys(product.tags) for product in test]
    found = []
    for _, strength, least in {chosen, plain}:
        model = Rival(train, strength)
        made = figures(truth, model.given(model.likely(test), least))
        found.append(made | {"strength": strength, "threshold": least})
    return max(found, key=lambda each: each["micro_f1"]) | {"seconds": round(time.monotonic() - began, 1)}


def figures_micro(truth: Carried, given: Carried) -> float:
    """Return micro-F1."""
    hits = sum(len(a & b) for a, b in zip(truth, given, strict=True))
    return 2 * hits / (sum(map(len, truth)) + sum(map(len, given)))


def measured(name: str, seeds: int, spec: str, *, bare: bool) -> dict[str, Any]:
    """Return the figures of both on one set: mean and deviation over the seeds."""
    data = tagged(name, spec)
    if bare:
        data = replace(data, products=[replace(product, specs=()) for product in data.products])
    runs: dict[str, list[dict[str, float]]] = {"aisle": [], "TF-IDF + logistic regressions": []}
    for seed, split in enumerate(splits(data, seeds)):
        runs["aisle"].append(ours(data, split, spec))
        runs["TF-IDF + logistic regressions"].append(rival(data, split, seed))
        print(name, seed, {who: some[-1] for who, some in runs.items()}, flush=True)
    return {
        "products": len(data.products),
        "tags": len(frozenset().union(*(keys(product.tags) for product in data.products))),
        "seeds": seeds,
        **{who: _summary(some) for who, some in runs.items()},
    }


def _summary(runs: Sequence[dict[str, float]]) -> dict[str, list[float]]:
    columns = {figure: [run[figure] for run in runs] for figure in runs[0]}
    return {figure: [round(float(np.mean(some)), 3), round(float(np.std(some)), 3)] for figure, some in columns.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument(
        "--seeds", type=int, default=0, help="of each set; 0 takes five for small sets, three otherwise"
    )
    parser.add_argument("--encoder", default=DEFAULT)
    parser.add_argument("--bare", action="store_true", help="take the specs away")
    given = parser.parse_args()
    result = "-".join(
        ["tags", *(["bare"] if given.bare else []), *([given.encoder] if given.encoder != DEFAULT else [])]
    )
    found: dict[str, Any] = {}
    for name in given.sets:
        found[name] = measured(name, given.seeds or SETS[name], given.encoder, bare=given.bare)
        write(result, {"encoder": given.encoder, "specs": not given.bare, "sets": found})


if __name__ == "__main__":
    main()
