"""The static encoder beside MiniLM: products per second, accuracy of the plain vote, seconds to distil.

    python -m benchmarks.static

Both encode the same 2,000 products of mwpd_gpc_16k, a chunk each in turn, so that a busy machine slows both. Accuracy
is that of `benchmarks.vote`, on the same splits; MiniLM's is read from its results.
"""

from __future__ import annotations

import json
import os
import time
from itertools import islice
from tempfile import TemporaryDirectory

from benchmarks.vote import figures, loaded, mean, ours, splits

from benchmarks.machine import DATA, RESULTS, write
from indexer import encoders
from indexer.encoders import Encoder
from indexer.product import Product
from indexer.sources import read

SETS = ("flipkart_1050", "mwpd_gpc_16k", "flipkart_20k")
PRODUCTS = 2_000
CHUNK = 200


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


def accuracy(name: str) -> dict[str, dict[str, float]]:
    """Return the figures of the plain vote on both encoders' vectors, and what static loses."""
    data = loaded(name, "static")
    static = mean([figures(data, test, ours(data, train, test)) for train, test in splits(name, data)])
    minilm = json.loads((RESULTS / "vote.json").read_text("utf-8"))["sets"][name]["table"]["aisle"]
    return {
        "static": static,
        "minilm": minilm,
        "lost": {figure: round(minilm[figure] - value, 2) for figure, value in static.items()},
    }


def _seconds(encoder: Encoder, products: list[Product]) -> float:
    began = time.perf_counter()
    encoder.encode(products)
    return time.perf_counter() - began


def main() -> None:
    result = {"distillation_seconds": round(distilled(), 1), "speed": speeds()}
    write("static", {**result, "sets": {name: accuracy(name) for name in SETS}})


if __name__ == "__main__":
    main()
