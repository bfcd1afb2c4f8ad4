"""From a CSV to a tagged one: the whole command, cold, and where its time goes.

    python -m benchmarks.bulk [SET ...]

`whole`: `aisle build` of flipkart_1050 and `aisle classify` of its first 1,000 products, each a process of its own,
imports and model loading included. `shares`: encoding against all the rest (projection, search, vote, tags, the answer
and its JSON), in the same process, for an index of each set: the small exact flipkart_1050 and flipkart_20k (IVF).
`vote_and_search`: a batch of 256 stored products, 50 neighbours of each by vector and by words; the search beside vote,
decision and tags.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import orjson

from benchmarks.data import loaded
from benchmarks.machine import DATA, write
from indexer.encoders import load
from indexer.normalize import text_of
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.sources import read
from indexer.space import TEXT
from service.engine import SERVICE, Engine
from service.evaluation.trial import fill
from service.hearing import listened, think
from service.rebuild import rebuild
from service.settings import ServiceSettings
from service.vote.questions import Question, without
from service.vote.search import neighbourhoods

SETS = ("flipkart_1050", "flipkart_20k")
PRODUCTS = 1_000
BATCH = 64
QUERIES, NEIGHBOURS = 256, 50
PAIRS = 15


def whole() -> dict[str, float]:
    """Return the seconds of both commands on flipkart_1050, cold."""
    aisle = Path(sys.executable).with_name("aisle")
    with TemporaryDirectory() as name:
        folder = Path(name)
        source, index, out = folder / "products.csv", folder / "index", folder / "out.csv"
        with (DATA / "flipkart_1050" / "products.csv").open(newline="") as rows, source.open("w", newline="") as some:
            csv.writer(some).writerows(islice(csv.reader(rows), PRODUCTS + 1))
        built = _timed([aisle, "build", DATA / "flipkart_1050", "--index", index])
        classified = _timed([aisle, "classify", source, "-o", out, "--index", index])
        lines = len(out.read_text("utf-8").splitlines())
    return {"build_s": built, "classify_s": classified, "both_s": round(built + classified, 1), "output_lines": lines}


def measured(name: str) -> tuple[dict[str, float], dict[str, Any]]:
    """Return `shares` and `vote_and_search` of an index of every labelled product of a set, built for the purpose."""
    data = loaded(name)
    with TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        fill(data.products, index, data.encoder)
        rebuild(index, settings=IndexSettings(), encoder=data.encoder)
        with closing(Engine.open(ServiceSettings(index=index), load())) as engine:
            return shares(engine), vote_and_search(engine, data.products[:QUERIES])


def shares(engine: Engine) -> dict[str, float]:
    """Return milliseconds per product of encoding and of all the rest, and their ratio, over the same products."""
    with read(DATA / "flipkart_1050", labelled=False) as rows:
        products = [row.product for row in islice(rows, PRODUCTS) if row.product is not None]
    batches = [products[start : start + BATCH] for start in range(0, len(products), BATCH)]
    engine.answer(batches[0], engine.encode(batches[0]))
    encoding, rest = 0.0, 0.0
    for batch in batches:
        began = time.process_time()
        encoded = engine.live.encode(batch)
        between = time.process_time()
        asked = engine.live.space.project(encoded, [text_of(product) for product in batch])
        for answer in engine.answer(batch, asked):
            orjson.dumps(answer)
        encoding, rest = encoding + between - began, rest + time.process_time() - between
    each = 1_000 / len(products)
    return {
        "encode_cpu_ms": round(encoding * each, 3),
        "rest_cpu_ms": round(rest * each, 3),
        "rest_share": round(rest / encoding, 4),
    }


def vote_and_search(engine: Engine, products: Sequence[Product]) -> dict[str, Any]:
    """Return median milliseconds of the search for stored products, and of all that is made of what it found."""
    live, calibration, asked = engine.live, engine.calibration, engine.encode(products)
    view = live.contents.views[TEXT]
    itself = np.array([live.labels.key(product.id) for product in products], np.int64)
    found = neighbourhoods(view, asked, itself, NEIGHBOURS)

    def search() -> None:
        neighbourhoods(view, asked, itself, NEIGHBOURS)

    def vote() -> None:
        put = {TEXT: Question(asked, found, without(view, itself))}
        hearing = listened(
            live.built,
            asked,
            put,
            calibration=calibration,
            tagger=engine.tagger(),
            voters=NEIGHBOURS,
            reach=NEIGHBOURS,
        )
        think(live.built, engine.settings, products, hearing, SERVICE)

    times: dict[str, list[float]] = {"search_ms": [], "vote_and_tags_ms": []}
    for _ in range(PAIRS):
        times["search_ms"].append(_ms(search))
        times["vote_and_tags_ms"].append(_ms(vote))
    return {"kind": view.vectors.kind, **{who: round(median(some), 2) for who, some in times.items()}}


def _ms(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return 1_000 * (time.perf_counter() - began)


def _timed(command: Sequence[object]) -> float:
    began = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True)
    return round(time.perf_counter() - began, 1)


def main() -> None:
    found = {name: measured(name) for name in sys.argv[1:] or SETS}
    write(
        "bulk",
        {
            "whole": whole(),
            "shares": {name: said for name, (said, _) in found.items()},
            "vote_and_search": {name: said for name, (_, said) in found.items()},
        },
    )


if __name__ == "__main__":
    main()
