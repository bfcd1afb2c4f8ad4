"""The static encoder beside MiniLM: products per second, accuracy, seconds to distil.

    python -m benchmarks.static [SET ...] [--seeds 1]

Both encode the same 2,000 products of mwpd_gpc_16k, a chunk each in turn, so that a busy machine slows both. Accuracy
is that of a real index with each encoder, its space learnt from the labels, on the splits of `benchmarks.accuracy`.
"""

from __future__ import annotations

import argparse
import os
import time
from itertools import islice
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from benchmarks.accuracy import figures
from benchmarks.data import Set, Split, loaded, splits
from benchmarks.machine import DATA, write
from indexer import encoders
from indexer.encoders import DEFAULT, Encoder
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.sources import read
from service.evaluation.trial import trial

SETS = ("bestbuy_phones_3k", "mwpd_gpc_16k", "flipkart_20k")
FIGURES = ("level_1", "level_2", "top_1", "macro_f1", "top_3")
PRODUCTS = 2_000
CHUNK = 200
TARGETS = {"ratio": 20, "points_lost": 1}


def distilled() -> float:
    """Return the seconds that loading takes when nothing is cached."""
    kept = os.environ.get("AISLE_CACHE")
    with TemporaryDirectory() as folder:
        os.environ["AISLE_CACHE"] = folder
        try:
            began = time.perf_counter()
            encoders.load("static")
            return time.perf_counter() - began
        finally:
            del os.environ["AISLE_CACHE"]
            if kept is not None:
                os.environ["AISLE_CACHE"] = kept


def speeds() -> dict[str, float]:
    """Return products per second of both, and their ratio."""
    with read(DATA / "mwpd_gpc_16k") as source:
        rows = (row.product for row in source)
        products = list(islice((product for product in rows if product), PRODUCTS))
    spent = {"static": 0.0, "sentence_transformers": 0.0}
    loaded_encoders = {spec: encoders.load(spec) for spec in spent}
    for encoder in loaded_encoders.values():
        encoder.encode(products[:8])
    for start in range(0, len(products), CHUNK):
        for spec, encoder in loaded_encoders.items():
            spent[spec] += _seconds(encoder, products[start : start + CHUNK])
    rates = {f"{spec}_per_second": round(len(products) / seconds, 1) for spec, seconds in spent.items()}
    return {**rates, "ratio": round(spent["sentence_transformers"] / spent["static"], 1)}


def accuracy(name: str, seeds: int) -> dict[str, dict[str, float]]:
    """Return the mean figures of an index with each encoder, in percent, and what static loses."""
    minilm, static = (_mean_of_splits(name, spec, seeds) for spec in (DEFAULT, "static"))
    lost = {figure: round(minilm[figure] - static[figure], 2) for figure in FIGURES}
    print(name, static, lost, flush=True)
    return {"static": static, "minilm": minilm, "lost": lost}


def _mean_of_splits(name: str, spec: str, seeds: int) -> dict[str, float]:
    data = loaded(name, spec)
    runs = [_figures(data, split, spec) for split in splits(data, seeds)]
    return {figure: round(mean(run[figure] for run in runs), 2) for figure in FIGURES}


def _figures(data: Set, split: Split, spec: str) -> dict[str, float]:
    train, test = data.some(split.train), data.some(split.test)
    with TemporaryDirectory() as folder:
        judged = trial(train, test, Path(folder) / "index", encoder=data.encoder, index=IndexSettings(encoder=spec))
    best = [[judged.tree.text(node) if node >= 0 else "" for node in row] for row in judged.nodes.tolist()]
    return figures([product.category for product in test], best)


def _seconds(encoder: Encoder, products: list[Product]) -> float:
    began = time.perf_counter()
    encoder.encode(products)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    result = {"targets": TARGETS, "distillation_seconds": round(distilled(), 1), "speed": speeds()}
    sets: dict[str, dict[str, dict[str, float]]] = {}
    for name in given.sets:
        sets[name] = accuracy(name, given.seeds)
        write("static", {**result, "sets": sets})


if __name__ == "__main__":
    main()
