"""Ours beside the classifiers that one would train by hand, in one run on the same splits.

    python -m benchmarks.accuracy [SET ...] [--seeds 5] [--encoder static] [--ours]

Every (set, split, rival) is kept in index/benchmarks/accuracy.json, so that a run that is stopped goes on and a rival
is trained once; ours is asked again each time. The result goes to benchmarks/results/accuracy.json (or
accuracy-ENCODER.json), and the table of it into README.md by `--table`. Rivals of which a set would take hours are left
out there (benchmarks/rivals.py, CAP).
"""

from __future__ import annotations

import argparse
import json
import re
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from benchmarks.data import Set, Split, loaded, splits
from benchmarks.machine import INDEXES, RESULTS, ROOT, write
from benchmarks.rivals import CAP, RIVALS, SLOW, ranked
from indexer.encoders import DEFAULT
from indexer.normalize import text_of
from indexer.settings import IndexSettings
from service.calibration.reliability import expected_error
from service.decision import decide
from service.evaluation.judged import Judged
from service.evaluation.trial import trial
from taxonomy.tree import SEPARATOR

SETS = ("flipkart_1050", "bestbuy_phones_3k", "mwpd_gpc_16k", "flipkart_20k", "pricerunner_35k", "cdiscount_50k")
DIAL = (0.9, 0.95, 0.99)
KEPT = INDEXES / "accuracy.json"
MARKS = ("<!-- accuracy: made by python -m benchmarks.accuracy --table -->", "<!-- end of accuracy -->")


def figures(truth: list[str], best: list[list[str]]) -> dict[str, float]:
    """Return percentages: top-1 of leaf and upper levels, top-3, macro-F1, and the mean weighted F1 of three levels."""
    first = [row[0] for row in best]
    said = {
        "leaf": float(np.mean([a == b for a, b in zip(truth, first, strict=True)])),
        "macro_f1": f1_score(truth, first, average="macro"),
        "top_3": float(np.mean([a in row[:3] for a, row in zip(truth, best, strict=True)])),
    }
    weighted = []
    for level in (1, 2, 3):
        upper = [[SEPARATOR.join(path.split(SEPARATOR)[:level]) for path in paths] for paths in (truth, first)]
        if level < 3:
            said[f"level_{level}"] = float(np.mean([a == b for a, b in zip(*upper, strict=True)]))
        weighted.append(f1_score(*upper, average="weighted"))
    said["weighted_f1_of_3_levels"] = float(np.mean(weighted))
    return {name: round(100 * float(value), 2) for name, value in said.items()}


def ours(data: Set, split: Split, spec: str) -> dict[str, Any]:
    """Return our figures on one split: of a real index of the training products, asked about the others."""
    train, test = data.some(split.train), data.some(split.test)
    with TemporaryDirectory() as folder:
        began = time.monotonic()
        judged = trial(train, test, Path(folder) / "index", encoder=data.encoder, index=IndexSettings(encoder=spec))
        seconds = time.monotonic() - began
    best = [[judged.tree.text(node) if node >= 0 else "" for node in row] for row in judged.nodes.tolist()]
    right = judged.right
    leaf = np.maximum((judged.line >= 0).sum(axis=1) - 1, 0)
    rows, ones = np.arange(len(judged)), np.ones(len(judged))
    exact = judged.nodes[:, 0] == judged.truth
    return figures([product.category for product in test], best) | {
        "ece_leaf": round(expected_error(judged.levels[rows, leaf], exact, ones), 4),
        "ece_root": round(expected_error(judged.levels[:, 0], right[:, 0], ones), 4),
        "dial": {str(precision): _dialled(judged, precision) for precision in DIAL},
        "seconds": round(seconds, 1),
    }


def _dialled(judged: Judged, precision: float) -> dict[str, float]:
    """Return what share is answered `auto` at a precision, how much of it is right, and how much names the leaf."""
    decided = decide(judged.likelihood, judged.nearest, judged.calibration, precision=precision, policy="auto")
    sure = decided.kind == 0
    depth = judged.tree.depths[decided.node] - 1
    right = judged.right[np.arange(len(judged)), depth] & sure
    return {
        "coverage": round(float(sure.mean()), 4),
        "precision": round(float(right.sum() / max(1, sure.sum())), 4),
        "leaf": round(float((sure & (decided.node == judged.nodes[:, 0])).mean()), 4),
    }


def rival(name: str, data: Set, split: Split) -> dict[str, Any] | None:
    """Return the figures of a trained classifier, None where it is left out."""
    train, test = data.some(split.train), data.some(split.test)
    names, labels = np.unique([product.category for product in train], return_inverse=True)
    if name in SLOW and len(train) * len(names) > CAP:
        return None
    inputs = [([text_of(p) for p in some], data.encoder.encode(some).parts["text"]) for some in (train, test)]
    began = time.monotonic()
    best = ranked(name, inputs[0], labels, inputs[1])
    seconds = round(time.monotonic() - began, 1)
    truth = [product.category for product in test]
    return figures(truth, [[str(names[each]) for each in row] for row in best]) | {"seconds": seconds}


def measured(name: str, seeds: int, spec: str, *, alone: bool) -> dict[str, Any]:
    """Return the figures of one set by kind of split: of each classifier the mean and deviation, and who is ahead."""
    data = loaded(name, spec)
    runs: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for split in splits(data, seeds):
        kind = "official" if split.name == "official" else "seeds"
        table = runs.setdefault(kind, {})
        table.setdefault("aisle", []).append(ours(data, split, spec))
        print(name, split.name, "aisle", table["aisle"][-1], flush=True)
        for each in () if alone else RIVALS:
            if (found := _kept(name, split, each, data)) is not None:
                table.setdefault(each, []).append(found)
                print(name, split.name, each, found, flush=True)
    return {kind: {who: _summary(some) for who, some in table.items()} for kind, table in runs.items()}


def _kept(name: str, split: Split, who: str, data: Set) -> dict[str, Any] | None:
    """Return a rival's figures, trained now unless a former run kept them."""
    kept = json.loads(KEPT.read_text()) if KEPT.is_file() else {}
    key = f"{name} / {split.name} / {who}"
    if key not in kept:
        found = rival(who, data, split)
        kept = (json.loads(KEPT.read_text()) if KEPT.is_file() else {}) | {key: found}
        KEPT.write_text(json.dumps(kept, indent=1))
    result: dict[str, Any] | None = kept[key]
    return result


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    said: dict[str, Any] = {"runs": len(runs)}
    for figure, value in runs[0].items():
        if isinstance(value, dict):
            said[figure] = {each: _summary([run[figure][each] for run in runs]) for each in value}
        else:
            values = [run[figure] for run in runs]
            said[figure] = [round(float(np.mean(values)), 4), round(float(np.std(values)), 4)]
    return said


def table(result: dict[str, Any]) -> str:
    """Return the result as a Markdown table: ours beside the best rival for each figure."""
    lines = ["| set | figure | aisle | best trained rival | |", "|---|---|---|---|---|"]
    for name, kinds in result["sets"].items():
        for kind, models in kinds.items():
            for figure, words in (("leaf", "leaf top-1"), ("macro_f1", "leaf macro-F1"), ("top_3", "leaf top-3")):
                rivals = {who: said[figure][0] for who, said in models.items() if who != "aisle"}
                best = max(rivals, key=lambda who: rivals[who], default="")
                ahead = f"{models['aisle'][figure][0] - rivals[best]:+.1f}" if best else ""
                beside = f"{rivals[best]:.1f} ({best})" if best else ""
                shown = name + (" official test" if kind == "official" else "")
                lines.append(f"| {shown} | {words} | **{models['aisle'][figure][0]:.1f}** | {beside} | {ahead} |")
    return "\n".join(lines)


def put_table(text: str, made: str) -> str:
    """Return README text with the table between its marks."""
    pattern = re.compile(re.escape(MARKS[0]) + ".*?" + re.escape(MARKS[1]), re.DOTALL)
    return pattern.sub(lambda _: f"{MARKS[0]}\n{made}\n{MARKS[1]}", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--encoder", default=DEFAULT)
    parser.add_argument("--ours", action="store_true", help="leave the rivals out")
    parser.add_argument("--table", action="store_true", help="only put the table of the last result into README.md")
    given = parser.parse_args()
    result = "accuracy" if given.encoder == DEFAULT else f"accuracy-{given.encoder}"
    if not given.table:
        found = {name: measured(name, given.seeds, given.encoder, alone=given.ours) for name in given.sets}
        write(result, {"seeds": given.seeds, "encoder": given.encoder, "sets": found})
    said = json.loads((RESULTS / f"{result}.json").read_text())
    readme = ROOT / "README.md"
    if result == "accuracy":
        readme.write_text(put_table(readme.read_text("utf-8"), table(said)), encoding="utf-8")


if __name__ == "__main__":
    main()
