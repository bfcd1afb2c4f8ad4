"""What a REST categorize costs beyond the bare encode call of the same text, and what looking for duplicates costs.

    python -m benchmarks.rest [INDEX]

The server is a process of its own (`aisle serve`), asked over loopback on one kept connection; the bare call is the
encoder's own `encode` of the same normalised product in this process; `POST /v1/duplicates` is asked about each product
in turn with them, by another title. Asked in the order A B B A, so that a slower minute of the machine hits both;
quoted are the medians and the median ratio of neighbouring pairs with a bootstrap interval.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.machine import DATA, ROOT, write
from indexer.encoders import load
from indexer.normalize import normalize
from indexer.product import Product
from indexer.sources import read

PORT = 8917
PAIRS = 100


def main() -> None:
    index = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "index" / "sample"
    with read(DATA / "flipkart_1050", labelled=False) as rows:
        products = [row.product for row in islice(rows, 2 * PAIRS) if row.product is not None]
    encoder = load()
    aisle = Path(sys.executable).with_name("aisle")
    server = subprocess.Popen([aisle, "serve", "--index", str(index), "--port", str(PORT)])
    try:
        connection = connected()
        write("rest", {"index": index.name, **_compare(products, encoder.encode, connection)})
    finally:
        server.terminate()
        server.wait(30)


def _compare(
    products: list[Product], encode: Callable[[list[Product]], object], connection: http.client.HTTPConnection
) -> dict[str, object]:
    rest, bare, duplicates = [], [], []
    for number, product in enumerate(products):
        ask, alone = lambda p=product: _ask(connection, p), lambda p=product: encode([normalize(p)])
        other = replace(product, title=f"{product.title} again")  # what was just encoded would not be encoded anew
        duplicates.append(milliseconds(partial(_ask, connection, other, "/v1/duplicates", "items")))
        if number % 2:
            rest.append(milliseconds(ask))
            bare.append(milliseconds(alone))
        else:
            bare.append(milliseconds(alone))
            rest.append(milliseconds(ask))
    ratios = np.array(rest[10:]) / np.array(bare[10:])
    drawn = np.random.default_rng(0).choice(ratios, (2_000, len(ratios)))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    return {
        "pairs": len(ratios),
        "rest_median_ms": round(median(rest[10:]), 2),
        "bare_encode_median_ms": round(median(bare[10:]), 2),
        "ratio_median": round(float(np.median(ratios)), 3),
        "ratio_95": [round(float(low), 3), round(float(high), 3)],
        "duplicates_median_ms": round(median(duplicates[10:]), 2),
        "duplicates_to_categorize": round(float(np.median(np.array(duplicates[10:]) / np.array(rest[10:]))), 3),
    }


def _ask(
    connection: http.client.HTTPConnection, product: Product, path: str = "/v1/categorize", told: str = "decision"
) -> None:
    body = json.dumps({"title": product.title, "description": product.description, "specs": dict(product.specs)})
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    if told not in answer:
        raise SystemExit(f"no answer: {answer}")


def connected() -> http.client.HTTPConnection:
    for _ in range(600):
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().read() and connection.sock:
                connection.request("GET", "/readyz")
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    return connection
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit("the service did not get ready within two minutes")


def milliseconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return 1_000 * (time.perf_counter() - began)


if __name__ == "__main__":
    main()
