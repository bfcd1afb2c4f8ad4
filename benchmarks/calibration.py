"""How long an index takes to calibrate itself, stage by stage.

    python -m benchmarks.calibration [SET] [--sample 20000] [--encoder static]

The index is built of every labelled product of the set and opened; timed is `calibration_of` alone, its stages by what
they are called. Seconds of the clock stand beside seconds of the processor (all threads), which a busy machine does not
stretch as far. `twins` is the index in the space of one half of the products, once for each half; `asked` counts the
products that were asked about without themselves.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.data import loaded
from benchmarks.machine import write
from indexer import build as pipeline
from indexer.encoders import DEFAULT
from indexer.live import Live, open_index
from indexer.settings import IndexSettings
from service.calibration import learning
from service.calibration.calibrate import Calibration
from service.evaluation.trial import fill

SAMPLE = 20_000
TARGET_S = 60
STAGES = {
    "halves": "twins",
    "_chosen": "try the settings of the vote",
    "tag_rules_of": "learn the tags",
    "_told": "ask",
    "_told_anew": "ask as if new",
    "calibrate": "fit",
}
"""Functions of service/calibration/learning.py and what they are called here; what is asked while settings are tried
belongs to that."""

Spent = dict[str, dict[str, float]]


@contextmanager
def timed() -> Iterator[Spent]:
    """Time the STAGES while the context lasts; of one inside another only the outer is counted."""
    spent: Spent = {name: {"seconds": 0.0, "processor_seconds": 0.0} for name in STAGES.values()}
    inside: list[str] = []

    def watched(name: str, stage: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **named: Any) -> Any:
            if inside:
                return stage(*arguments, **named)
            inside.append(name)
            began = time.perf_counter(), time.process_time()
            try:
                return stage(*arguments, **named)
            finally:
                inside.pop()
                spent[name]["seconds"] += time.perf_counter() - began[0]
                spent[name]["processor_seconds"] += time.process_time() - began[1]

        return run

    kept = {function: getattr(learning, function) for function in STAGES}
    for function, name in STAGES.items():
        setattr(learning, function, watched(name, kept[function]))
    try:
        yield spent
    finally:
        for function, stage in kept.items():
            setattr(learning, function, stage)


@contextmanager
def opened(name: str, spec: str) -> Iterator[Live]:
    """Open a new index of every labelled product of a set, not calibrated."""
    data = loaded(name, spec)
    with TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        fill(data.products, index, data.encoder)
        pipeline.rebuild(index, settings=IndexSettings(encoder=spec), encoder=data.encoder)
        with closing(open_index(index, data.encoder)) as live:
            yield live


def measured(live: Live, sample: int) -> tuple[Calibration, dict[str, Any]]:
    """Calibrate once; return what was learnt and how long it took."""
    asked: list[int] = [0]
    began = time.perf_counter(), time.process_time()
    with timed() as spent:
        made = learning.calibration_of(live.built, live.records.products, sample=sample, tell=asked.append)
    seconds, processor = time.perf_counter() - began[0], time.process_time() - began[1]
    return made, {
        "products": len(live.labels),
        "categories": int((live.labels.node_counts(len(live.tree)) > 0).sum()),
        "asked": asked[-1],
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
        "target_seconds": TARGET_S,
        "stages": {name: {unit: round(value, 1) for unit, value in some.items()} for name, some in spent.items()},
        "accuracy": made.accuracy,
        "neighbours": made.neighbours,
        "words": made.words,
        "learnt": hashlib.sha256(made.to_json().encode()).hexdigest()[:12],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", nargs="?", default="flipkart_20k")
    parser.add_argument("--sample", type=int, default=SAMPLE)
    parser.add_argument("--encoder", default=DEFAULT)
    given = parser.parse_args()
    with opened(given.set, given.encoder) as live:
        _, found = measured(live, given.sample)
    write("calibration", {"set": given.set, "encoder": given.encoder, "sample": given.sample, **found})


if __name__ == "__main__":
    main()
