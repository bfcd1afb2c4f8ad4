"""Benchmarks in parts, each measured in a process of its own, so that none has in memory what another left there."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.machine import RESULTS, facts, write

Work = Callable[[int], dict[str, Any]]
"""Measures one part with so many products."""
MILLION = 1_000_000


def measure(name: str, about: str | None, work: Mapping[str, Work], targets: Mapping[str, float]) -> None:
    """Measure the parts that the command line names, all of `work` when it names none, and put them into the result.

    name: of the benchmark, and of its result; where there are more or fewer products than a million, their number
    follows. about: what it says of itself. Parts that were measured before stay, each with its machine and commit.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--products", type=int, default=MILLION)
    parser.add_argument("--alone", action="store_true", help="only print the figures of one part, in this process")
    given = parser.parse_args()
    if given.alone:
        print(json.dumps(work[given.parts[0]](given.products)))
        return
    result = name if given.products == MILLION else f"{name}-{given.products}"
    file = RESULTS / f"{result}.json"
    found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    for part in given.parts or work:
        before = os.getloadavg()[0]
        figures = alone(name, part, given.products)
        load = [round(each, 1) for each in (before, os.getloadavg()[0])]
        found[part] = {"machine": facts(), "load": load, **figures}
        write(result, {"targets": targets, **{each: found[each] for each in work if each in found}})


def alone(name: str, part: str, products: int) -> dict[str, Any]:
    """Return the figures of one part, run in a process of its own."""
    command = [sys.executable, "-m", f"benchmarks.{name}", part, "--products", str(products), "--alone"]
    figures: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    return figures
