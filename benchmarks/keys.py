"""What it costs a request to show an API key: the same requests with and without one, in turns, over one connection.

    python -m benchmarks.keys [INDEX]

The service runs in a process of its own on a copy of the index, so that no key stays in it. `GET /v1/limits` does
nothing but answer, so what is measured is the guard; quoted are medians and percentiles of both, and the median of the
differences of neighbours with a bootstrap interval. A key is looked up in the record store every half second.
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np

from benchmarks.machine import ROOT, write
from benchmarks.rest import PORT, connected, milliseconds
from indexer.store.place import open_store
from service.access.issue import issue

PAIRS = 2_000


def main() -> None:
    index = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "index" / "sample"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(index, Path(folder) / "index"))
        with closing(open_store(copy)) as records:
            _, token = issue(records.keys, "benchmark", ["read"])
        aisle = Path(sys.executable).with_name("aisle")
        environment = os.environ | {"AISLE_KEY_RATE": "100000000", "AISLE_UPKEEP": "false"}
        server = subprocess.Popen([aisle, "serve", "--index", str(copy), "--port", str(PORT)], env=environment)
        try:
            write("keys", {"index": index.name, **_compare(connected(), {"Authorization": f"Bearer {token}"})})
        finally:
            server.terminate()
            server.wait(30)


def _compare(connection: http.client.HTTPConnection, shown: dict[str, str]) -> dict[str, object]:
    def ask(headers: dict[str, str]) -> float:
        return milliseconds(lambda: _ask(connection, headers))

    pairs = [(ask(shown), ask({})) if turn % 2 else (ask({}), ask(shown))[::-1] for turn in range(PAIRS)][50:]
    with_key, without = np.array(pairs).T
    drawn = np.random.default_rng(0).choice(with_key - without, (1_000, len(pairs)))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    return {
        "pairs": len(pairs),
        "without_median_ms": round(float(np.median(without)), 3),
        "with_key_median_ms": round(float(np.median(with_key)), 3),
        "without_p99_ms": round(float(np.percentile(without, 99)), 3),
        "with_key_p99_ms": round(float(np.percentile(with_key, 99)), 3),
        "difference_median_ms": round(float(np.median(with_key - without)), 3),
        "difference_95": [round(float(low), 3), round(float(high), 3)],
    }


def _ask(connection: http.client.HTTPConnection, headers: dict[str, str]) -> None:
    connection.request("GET", "/v1/limits", headers=headers)
    answer = connection.getresponse()
    if not answer.read() or answer.status != 200:
        raise SystemExit(f"no answer: {answer.status}")


if __name__ == "__main__":
    main()
