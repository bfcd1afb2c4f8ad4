"""From a CSV to a tagged one: the whole command, cold, and where its time goes.

    python -m benchmarks.bulk

`whole`: `aisle build` of flipkart_1050 and `aisle classify` of its first 1,000 products, each a process of its own,
imports and model loading included. `shares`: encoding against all the rest (projection, search, vote, tags, the answer
and its JSON), in the same process, for the small exact index and for flipkart_20k (IVF). `vote_and_search`: a batch of
256 queries with k=50, the search beside vote and tags.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import orjson
from benchmarks.vote import loaded

from benchmarks.machine import DATA, INDEXES, write
from indexer.encoders import load
from indexer.sources import read
from service.engine import Engine
from service.settings import ServiceSettings
from service.tags import score_tags
from service.vote import count
from service.vote.search import neighbourhoods

PRODUCTS = 1_000
BATCH = 64
PAIRS = 15


def whole() -> dict[str, float]:
    """Return the seconds of both commands on flipkart_1050, cold."""
    aisle = Path(sys.executable).with_name("aisle")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "products.csv"
        with (DATA / "flipkart_1050" / "products.csv").open(newline="") as rows:
            import csv

            table = list(islice(csv.reader(rows), PRODUCTS + 1))
            with source.open("w", newline="") as out:
                csv.writer(out).writerows(table)
        index, out_file = Path(folder) / "index", Path(folder) / "out.csv"
        built = _timed([aisle, "build", DATA / "flipkart_1050", "--index", index])
        classified = _timed([aisle, "classify", source, "-o", out_file, "--index", index])
        lines = len(out_file.read_text().splitlines())
    return {"build_s": built, "classify_s": classified, "both_s": round(built + classified, 1), "output_lines": lines}


def shares(name: str) -> dict[str, float]:
    """Return milliseconds per product of encoding and of all the rest, and their ratio, over the same products."""
    engine = Engine.open(ServiceSettings(index=INDEXES / name), load())
    with read(DATA / "flipkart_1050", labelled=False) as rows:
        products = [row.product for row in islice(rows, PRODUCTS) if row.product is not None]
    batches = [products[start : start + BATCH] for start in range(0, len(products), BATCH)]
    engine.answer(batches[0], engine.encode(batches[0]))
    encoding, rest = 0.0, 0.0
    for batch in batches:
        began = time.process_time()
        vectors = engine.encode(batch)
        between = time.process_time()
        for answer in engine.answer(batch, vectors):
            orjson.dumps(answer)
        encoding, rest = encoding + between - began, rest + time.process_time() - between
    engine.close()
    each = 1_000 / len(products)
    return {
        "encode_cpu_ms": round(encoding * each, 3),
        "rest_cpu_ms": round(rest * each, 3),
        "rest_share": round(rest / encoding, 4),
    }


def vote_and_search(name: str, kind: str) -> dict[str, float]:
    """Return median milliseconds of a search for 256 queries with k=50, and of vote and tags over what it found."""
    engine = Engine.open(ServiceSettings(index=INDEXES / name), load())
    live, settings = engine.live, engine.settings
    queries = loaded(name).vectors[:256]
    itself = np.full(len(queries), -1)
    found = neighbourhoods(live.vectors, live.labels, queries, itself, 49)

    def search() -> None:
        live.vectors.search(queries, 50)

    def vote() -> None:
        outcome = count(
            found.similarity, found.labels, live.tree.lineage, live.tree.depths,
            temperature=settings.temperature, threshold=settings.suggest, top=5,
        )  # fmt: skip
        carried = live.labels.tags(found.keys.ravel())
        score_tags(outcome.vote.weights, carried.row, carried.tag, threshold=settings.tag_threshold, top=10)

    times: dict[str, list[float]] = {"search_ms": [], "vote_and_tags_ms": []}
    for _ in range(PAIRS):
        times["search_ms"].append(_ms(search))
        times["vote_and_tags_ms"].append(_ms(vote))
    engine.close()
    said: dict[str, Any] = {who: round(median(some), 2) for who, some in times.items()}
    return {"kind": live.vectors.kind, "expected_kind": kind, **said}


def _ms(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return 1_000 * (time.perf_counter() - began)


def _timed(command: list[Any]) -> float:
    began = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, env={**os.environ})
    return round(time.perf_counter() - began, 1)


def main() -> None:
    for name in ("flipkart_1050", "flipkart_20k"):
        loaded(name)
    write(
        "bulk",
        {
            "whole": whole(),
            "shares": {name: shares(name) for name in ("flipkart_1050", "flipkart_20k")},
            "vote_and_search": [vote_and_search("flipkart_1050", "exact"), vote_and_search("flipkart_20k", "ivf")],
        },
    )


if __name__ == "__main__":
    main()
