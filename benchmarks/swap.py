"""What a rebuild beside a service, and the swap at its end, cost the questions that it answers meanwhile.

    python -m benchmarks.swap [SET] [ENCODER]

The service is a process of its own (`aisle serve`) with an index of a whole set. Two clients ask it one question after
the other, and a third writes a labelled product and looks for it at once; first with nothing else going on, then while
it builds itself anew, then while it swaps, and after a rollback. Quoted are the quantiles of the times, answers that
failed, and labels that were not found.
"""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import sys
import threading
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import DATA, INDEXES, write
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.sources import read
from service.console.progress import Progress
from service.rebuild import build

PORT = 8923
IDLE_SECONDS = 30
QUANTILES = (0.5, 0.95, 0.99, 1.0)


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "flipkart_20k"
    encoder = sys.argv[2] if len(sys.argv) > 2 else "static"
    index = INDEXES / f"swap-{name}"
    shutil.rmtree(index, ignore_errors=True)
    with read(DATA / name) as rows, Progress() as progress:
        build(rows, index, settings=IndexSettings(encoder=encoder, kind="ivf"), progress=progress)
    with read(DATA / name) as rows:
        products = [row.product for row in islice(rows, 2000) if row.product is not None and row.product.title]
    server = subprocess.Popen(
        [Path(sys.executable).with_name("aisle"), "serve", "--index", str(index), "--port", str(PORT)],
        stderr=subprocess.DEVNULL,
    )
    try:
        _ready()
        write("swap", {"set": name, "encoder": encoder, **_measured(products)})
    finally:
        server.terminate()
        server.wait(60)


class Client(threading.Thread):
    """Asks, or writes and looks, until it is told to stop; `now` names what goes on."""

    now = "idle"
    over = False

    def __init__(self, products: list[Product], *, writes: bool) -> None:
        super().__init__()
        self.products, self.writes = products, writes
        self.times: dict[str, list[float]] = {}
        self.failed = 0
        self.unseen = 0

    def run(self) -> None:
        """Do so."""
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        number = 0
        while not Client.over:
            number += 1
            product = self.products[number % len(self.products)]
            began, now = time.perf_counter(), Client.now
            status, _ = _call(connection, "POST", "/v1/categorize", {"title": f"{product.title} {number}"})
            self.times.setdefault(now, []).append(1000 * (time.perf_counter() - began))
            self.failed += status != 200
            if self.writes:
                self._write(connection, number, product)

    def _write(self, connection: http.client.HTTPConnection, number: int, product: Product) -> None:
        title = f"{product.title} swap{number}"  # the nearest of all to itself
        body = {"title": title, "category": product.category}
        status, _ = _call(connection, "PUT", f"/v1/products/swap-{number}", body)
        self.failed += status not in {200, 201}
        _, found = _call(connection, "POST", "/v1/similar", {"title": title, "limit": 1})
        self.unseen += [each["id"] for each in found.get("items", [])] != [f"swap-{number}"]
        time.sleep(0.2)


def _measured(products: list[Product]) -> dict[str, Any]:
    clients = [Client(products[part::3], writes=part == 0) for part in range(3)]
    for client in clients:
        client.start()
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=600)
    try:
        time.sleep(IDLE_SECONDS)
        Client.now = "rebuild"
        began = time.perf_counter()
        _call(connection, "POST", "/v1/index:rebuild", {})
        while (facts := _call(connection, "GET", "/v1/index", None)[1])["rebuild"]["state"] == "running":
            if facts["rebuild"]["stage"] == "publish":
                Client.now = "swap"
            time.sleep(0.05)
        Client.now = "swap"
        seconds = time.perf_counter() - began
        while facts["rebuild"]["state"] == "published" and facts["manifest"]["id"] != facts["rebuild"]["snapshot"]:
            time.sleep(0.02)
            facts = _call(connection, "GET", "/v1/index", None)[1]
        swapped = time.perf_counter() - began - seconds
        Client.now = "after"
        time.sleep(IDLE_SECONDS / 3)
        Client.now = "rollback"
        began = time.perf_counter()
        status, _ = _call(connection, "POST", "/v1/index:rollback", None)
        back = time.perf_counter() - began
        Client.now = "idle again"
        time.sleep(IDLE_SECONDS)
    finally:
        Client.over = True
        for client in clients:
            client.join()
    phases = {phase for client in clients for phase in client.times}
    times = {phase: [each for client in clients for each in client.times.get(phase, [])] for phase in phases}
    return {
        "products": facts["counts"]["products"],
        "rebuild": {"state": facts["rebuild"]["state"], "seconds": round(seconds, 1), "swap_s": round(swapped, 2)},
        "rollback": {"status": status, "seconds": round(back, 2)},
        "failed": sum(client.failed for client in clients),
        "unseen": sum(client.unseen for client in clients),
        "milliseconds": {phase: _quantiles(some) for phase, some in sorted(times.items())},
        "note": "three clients and the rebuild share the cores of one machine with the service",
    }


def _quantiles(times: list[float]) -> dict[str, float]:
    found = {f"p{100 * q:g}": round(float(np.quantile(times, q)), 1) for q in QUANTILES}
    return {"asked": len(times), **found}


def _ready() -> None:
    for _ in range(600):
        try:
            if _call(http.client.HTTPConnection("127.0.0.1", PORT, timeout=5), "GET", "/readyz", None)[0] == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the service does not get ready")


def _call(connection: http.client.HTTPConnection, method: str, path: str, body: object) -> tuple[int, Any]:
    sent = None if body is None else json.dumps(body)
    connection.request(method, path, sent, {"Content-Type": "application/json"} if sent else {})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


if __name__ == "__main__":
    main()
