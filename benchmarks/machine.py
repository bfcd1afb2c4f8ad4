"""What stands beside every figure: machine, versions, commit and two calibration readings, and where results go."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
DATA = Path(os.environ.get("AISLE_TEST_DATA", ROOT.parent / "shared" / "data"))
INDEXES = Path(os.environ.get("AISLE_BENCHMARK_INDEXES", ROOT / "index" / "benchmarks"))
PACKAGES = ("numpy", "torch", "sentence-transformers", "faiss-cpu", "scikit-learn", "fastapi")


def facts() -> dict[str, Any]:
    """Return machine, versions, commit and calibration, as they are now."""
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": _git("rev-parse", "HEAD")
        + ("+changes" if _git("status", "--porcelain", "-uno", "--", ".", ":!benchmarks/results") else ""),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "calibration": calibration(),
    }


def calibration() -> dict[str, float]:
    """Return what the machine gives right now: GFLOP per CPU-second of a 1024-cube sgemm, GB/s of reading memory."""
    left = np.random.default_rng(0).standard_normal((1024, 1024), dtype=np.float32)
    left @ left
    began = time.process_time()
    for _ in range(8):
        left @ left
    flops = 8 * 2 * 1024**3 / (time.process_time() - began) / 1e9
    block = np.ones(2**26, np.float32)
    began = time.perf_counter()
    block.sum()
    return {"sgemm_gflop_per_cpu_s": round(flops, 1), "read_gb_per_s": round(0.268 / (time.perf_counter() - began), 1)}


def write(name: str, result: dict[str, Any]) -> None:
    """Write one result to benchmarks/results/NAME.json, the machine's facts beside it, and show it."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": facts(), **result}, indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(text)


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
