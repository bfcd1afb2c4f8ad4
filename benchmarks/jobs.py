"""A bulk job beside live traffic: what it does to the latency of questions, and whether kill -9 costs or doubles a row.

    python -m benchmarks.jobs [--rows 50000] [--encoder static] [--kills 2] [--quiet 60]

The service runs in a process of its own (`aisle serve`) on an index of data/sample. `POST /v1/categorize` questions are
due every EVERY seconds over one connection, and a latency counts from when a question was due: --quiet seconds without
job, then for as long as the job runs. The job's file and the questions are the products of flipkart_1050 over and over,
each time with a number in its title, so that nothing is known from before; every hundredth row is bad. The service is
killed while the job runs and started again. In the end every id must be in the result once, in order, and every bad
row in the quarantine. Target: p95 beside the job at most twice that without.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import DATA, ROOT, write
from benchmarks.rest import PORT, connected
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.sources import read
from service.rebuild import build

EVERY = 0.1


def main() -> None:
    given = argparse.ArgumentParser()
    given.add_argument("--rows", type=int, default=50_000)
    given.add_argument("--encoder", default="static")
    given.add_argument("--kills", type=int, default=2)
    given.add_argument("--quiet", type=float, default=60)
    asked = given.parse_args()
    with read(DATA / "flipkart_1050", labelled=False) as rows:
        products = [row.product for row in rows if row.product is not None]
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder)
        with read(ROOT / "data" / "sample") as rows:
            build(rows, index, settings=IndexSettings(encoder=asked.encoder))
        told = _measured(index, products, asked)
    write(f"jobs-{asked.encoder}", told)


def _measured(index: Path, products: list[Product], asked: argparse.Namespace) -> dict[str, Any]:
    rows, kills = asked.rows, asked.kills
    server = _serve(index)
    quiet = _asked(products, until=_after(asked.quiet))
    began = time.monotonic()
    job = _sent(_table(products, rows))
    beside: list[float] = []
    restarts = []
    for kill in range(1, kills + 1):
        beside += _asked(products, until=lambda kill=kill: _job(job)["progress"]["done"] >= kill * rows // (kills + 1))  # type: ignore[misc]
        done = _job(job)["progress"]["done"]
        server.kill()
        server.wait()
        begun = time.monotonic()
        server = _serve(index)
        restarts.append({"done": done, "found": _job(job)["progress"]["done"], "s": round(time.monotonic() - begun, 1)})
    beside += _asked(products, until=lambda: _job(job)["state"] not in {"queued", "running"})
    seconds = time.monotonic() - began
    told = _job(job)
    found = [row["sku"] for row in csv.DictReader(io.StringIO(_get(told["result_url"]).decode()))]
    refused = [json.loads(line)["id"] for line in _get(told["quarantine_url"]).splitlines()]
    server.terminate()
    server.wait(60)
    p95 = [float(np.percentile(each, 95)) for each in (quiet, beside)]
    return {
        "rows": rows,
        "seconds": round(seconds, 1),
        "rows_per_second": round(rows / seconds, 1),
        "kills": restarts,
        "questions": [len(quiet), len(beside)],
        "median_ms": [round(float(np.median(each)), 1) for each in (quiet, beside)],
        "p95_ms": [round(each, 1) for each in p95],
        "p95_ratio": round(p95[1] / p95[0], 2),
        "state": told["state"],
        "each_row_once": found == [f"N{number}" for number in range(rows)],
        "bad_rows_quarantined": refused == [f"N{number}" for number in range(0, rows, 100)],
        "counts": told["counts"],
    }


def _serve(index: Path) -> subprocess.Popen[bytes]:
    aisle = Path(sys.executable).with_name("aisle")
    environment = os.environ | {"AISLE_UPKEEP": "false"}
    server = subprocess.Popen([aisle, "serve", "--index", str(index), "--port", str(PORT)], env=environment)
    connected().close()
    return server


def _asked(products: list[Product], until: Callable[[], bool]) -> list[float]:
    """Return the milliseconds of each question, from when it was due, until something holds; that is asked aside."""
    over = threading.Event()

    def look() -> None:
        while not until():
            time.sleep(0.5)
        over.set()

    threading.Thread(target=look, daemon=True).start()
    connection = connected()
    took: list[float] = []
    due = begun = time.perf_counter()
    for number, product in enumerate(cycle(products)):
        if over.is_set():
            return took
        time.sleep(max(0.0, due - time.perf_counter()))
        title = f"{product.title} Q{number} {begun}"
        body = json.dumps({"title": title, "description": product.description, "specs": dict(product.specs)})
        connection.request("POST", "/v1/categorize", body, {"Content-Type": "application/json"})
        connection.getresponse().read()
        took.append(1_000 * (time.perf_counter() - due))
        due = max(due + EVERY, time.perf_counter())  # what fell due meanwhile is left out
    return took


def _after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


def _table(products: list[Product], rows: int) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["sku", "title", "description"])
    for number, product in enumerate(islice(cycle(products), rows)):
        bad = number % 100 == 0
        writer.writerow([f"N{number}", "" if bad else f"{product.title} N{number}", "" if bad else product.description])
    return file.getvalue().encode()


def _sent(table: bytes) -> str:
    mark = uuid.uuid4().hex
    head = f'--{mark}\r\nContent-Disposition: form-data; name="kind"\r\n\r\ncategorize\r\n'
    head += f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="feed.csv"\r\n\r\n'
    body = head.encode() + table + f"\r\n--{mark}--\r\n".encode()
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=600)
    connection.request("POST", "/v1/jobs", body, {"Content-Type": f"multipart/form-data; boundary={mark}"})
    told = json.loads(connection.getresponse().read())
    return str(told["id"])


def _job(job: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_get(f"/v1/jobs/{job}"))
    return found


def _get(path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=600)
    connection.request("GET", path)
    return connection.getresponse().read()


if __name__ == "__main__":
    main()
