"""Ours beside the classifiers that one would train by hand, in one run on the same splits.

    python -m benchmarks.accuracy [SET ...] [--seeds 5] [--encoder static] [--ours]

Every (split, rival) of a set is kept in index/benchmarks/accuracy-SET.json, so that a run that is stopped goes on and a
rival is trained once; ours is asked again each time. The result of a set goes to benchmarks/results/accuracy-SET.json
(or accuracy-SET-ENCODER.json), and the table of all of them into README.md by `--table`. Rivals of which a set would
take hours are left out there (benchmarks/rivals.py, CAP).
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score

from benchmarks.data import Set, Split, loaded, splits
from benchmarks.machine import INDEXES, RESULTS, ROOT, write
from benchmarks.rivals import CAP, RIVALS, SLOW, ranked
from indexer.encoders import DEFAULT
from indexer.normalize import text_of
from indexer.settings import IndexSettings
from service.calibration.reliability import expected_error
from service.evaluation.judged import DIAL, Judged
from service.evaluation.trial import trial
from taxonomy.tree import SEPARATOR

SETS = ("flipkart_1050", "bestbuy_phones_3k", "mwpd_gpc_16k", "flipkart_20k", "pricerunner_35k", "cdiscount_50k")
ASKED = (0.9, 0.95, 0.99)
MARKS = ("<!-- accuracy: made by python -m benchmarks.accuracy --table -->", "<!-- end of accuracy -->")

Best = list[list[str]]
Pooled = dict[str, list[Any]]
"""What of every split goes into one sum: probabilities and whether right, counts of the dial and of the flat vote."""


def figures(truth: list[str], best: Best) -> dict[str, float]:
    """Return percentages: top-1 and upper levels, top-3, macro-F1, and the mean weighted F1 of three levels."""
    first = [row[0] for row in best]
    said = {
        "top_1": float(np.mean([a == b for a, b in zip(truth, first, strict=True)])),
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


def ours(data: Set, split: Split, spec: str, pooled: Pooled) -> dict[str, Any]:
    """Return our figures on one split: of a real index of the training products, asked about the others."""
    train, test = data.some(split.train), data.some(split.test)
    with TemporaryDirectory() as folder:
        began = time.monotonic()
        judged = trial(train, test, Path(folder) / "index", encoder=data.encoder, index=IndexSettings(encoder=spec))
        seconds = time.monotonic() - began
    truth = [split.label(product.category) for product in test]
    best = [_ranked(judged, row, split) for row in range(len(judged))]
    depth = judged.tree.depths[judged.truth] if not split.level else np.full(len(judged), split.level)
    likely = judged.levels[:, split.level - 1] if split.level else judged.likely[:, 0]
    right = np.array([a == b[0] for a, b in zip(truth, best, strict=True)])
    pooled["likely"].append(likely.astype(np.float64))
    pooled["right"].append(right)
    for precision in ASKED:
        node = judged.dial[:, DIAL.index(precision)]
        sure = node >= 0
        deep = sure & (judged.tree.depths[node] >= depth)
        pooled[f"dial {precision}"].append([sure.sum(), (judged.under(node) & sure).sum(), deep.sum(), len(sure)])
    return figures(truth, best) | {"seconds": round(seconds, 1)}


def _ranked(judged: Judged, row: int, split: Split) -> list[str]:
    """Return what is asked for, likeliest first: leaves, or the branches that have most of what their leaves have."""
    nodes = [node for node in judged.nodes[row].tolist() if node >= 0]
    if not split.level:
        return [judged.tree.text(node) for node in nodes] or [""]
    mass: dict[str, float] = defaultdict(float)
    for node, likely in zip(nodes, judged.likely[row].tolist(), strict=False):
        mass[split.label(judged.tree.text(node))] += likely
    first = split.label(judged.tree.text(nodes[0])) if nodes else ""
    return [first, *(name for name in sorted(mass, key=lambda name: -mass[name]) if name != first)]


def flat(data: Set, split: Split) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return share and rightness of a flat vote: the 10 nearest by the encoder, weighed by similarity."""
    train, test = data.some(split.train), data.some(split.test)
    first, second = (data.encoder.encode(some).parts["text"] for some in (train, test))
    names, labels = np.unique([split.label(product.category) for product in train], return_inverse=True)
    truth = np.array([split.label(product.category) for product in test])
    share, right = np.zeros(len(test)), np.zeros(len(test), np.bool_)
    for start in range(0, len(test), 256):
        similar = second[start : start + 256] @ first.T
        near = np.argpartition(-similar, 10, axis=1)[:, :10]
        weight = np.maximum(np.take_along_axis(similar, near, axis=1), 0)
        votes = np.zeros((len(near), len(names)))
        np.add.at(votes, (np.arange(len(near))[:, None], labels[near]), weight)
        rows = slice(start, start + len(near))
        share[rows] = votes.max(axis=1) / np.maximum(weight.sum(axis=1), 1e-9)
        right[rows] = names[votes.argmax(axis=1)] == truth[rows]
    return share, right


def _summed(pooled: Pooled) -> dict[str, Any]:
    """Return calibration error and dial over all splits together, beside a flat vote with one global threshold.

    The flat vote's threshold is the lowest that reaches the precision on the very products asked about: the best that
    anybody could have chosen.
    """
    likely, right = np.concatenate(pooled["likely"]), np.concatenate(pooled["right"])
    share, hit = np.concatenate(pooled["share"]), np.concatenate(pooled["hit"])
    order = np.argsort(-share, kind="stable")
    so_far = np.cumsum(hit[order]) / np.arange(1, len(order) + 1)
    ends = np.append(share[order][1:] != share[order][:-1], True)
    dial = {}
    for precision in ASKED:
        sure, good, deep, size = np.sum(pooled[f"dial {precision}"], axis=0).tolist()
        reached = np.flatnonzero((so_far >= precision) & ends)
        dial[str(precision)] = {
            "precision": round(good / max(1, sure), 4),
            "coverage": round(sure / size, 4),
            "down_to_what_is_asked": round(deep / size, 4),
            "flat_vote_coverage": round((int(reached[-1]) + 1) / len(order), 4) if len(reached) else 0.0,
        }
    error = expected_error(likely, right, np.ones(len(likely)))
    return {"products": len(likely), "calibration_error": round(error, 4), "dial": dial}


def rival(name: str, data: Set, split: Split) -> dict[str, Any] | None:
    """Return the figures of a classifier that is trained for what is asked, None where it is left out."""
    train, test = data.some(split.train), data.some(split.test)
    names, labels = np.unique([split.label(product.category) for product in train], return_inverse=True)
    if name in SLOW and len(train) * len(names) > CAP:
        return None
    inputs = [([text_of(p) for p in some], data.encoder.encode(some).parts["text"]) for some in (train, test)]
    began = time.monotonic()
    best = ranked(name, inputs[0], labels, inputs[1])
    seconds = round(time.monotonic() - began, 1)
    truth = [split.label(product.category) for product in test]
    return figures(truth, [[str(names[each]) for each in row] for row in best]) | {"seconds": seconds}


def measured(name: str, seeds: int, spec: str, *, alone: bool) -> dict[str, Any]:
    """Return the figures of one set by kind of split: of each classifier mean and deviation, of ours the sums too."""
    data = loaded(name, spec)
    every = list(splits(data, seeds))
    runs: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    pools: dict[str, Pooled] = defaultdict(lambda: defaultdict(list))
    for split in every:
        found = ours(data, split, spec, pools[split.kind])
        for what, values in zip(("share", "hit"), flat(data, split), strict=True):
            pools[split.kind][what].append(values)
        runs[split.kind]["aisle"].append(found)
        print(name, split.name, "aisle", found, flush=True)
    for split in [] if alone else every:
        for each in RIVALS:
            if (trained := _kept(name, split, each, data)) is not None:
                runs[split.kind][each].append(trained)
                print(name, split.name, each, trained, flush=True)
    return {
        kind: {"sums": _summed(pools[kind]), "models": {who: _summary(some) for who, some in table.items()}}
        for kind, table in runs.items()
    }


def _kept(name: str, split: Split, who: str, data: Set) -> dict[str, Any] | None:
    """Return a rival's figures, trained now unless a former run kept them."""
    file = INDEXES / f"accuracy-{name}.json"
    kept = json.loads(file.read_text()) if file.is_file() else {}
    key = f"{split.name} / {who}"
    if key not in kept:
        kept[key] = rival(who, data, split)
        file.write_text(json.dumps(kept, indent=1))
    result: dict[str, Any] | None = kept[key]
    return result


def _summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    means = {
        figure: [round(float(np.mean(values)), 3), round(float(np.std(values)), 3)]
        for figure in runs[0]
        if (values := [run[figure] for run in runs])
    }
    return {"runs": len(runs)} | means


def table() -> str:
    """Return the results of all sets as a Markdown table: ours beside the best rival for each figure."""
    lines = [
        "| set | what | figure | aisle | best trained rival | ahead |",
        "|---|---|---|---:|---:|---:|",
    ]
    sums = [
        "| set | what | calibration error | .90: right / answered | .95 | .99 | flat vote answers .90 / .95 / .99 |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for name in SETS:
        file = RESULTS / f"accuracy-{name}.json"
        if not file.is_file():
            continue
        for kind, said in json.loads(file.read_text())["kinds"].items():
            models, words = said["models"], {"top_1": "top-1", "macro_f1": "macro-F1", "top_3": "top-3"}
            for figure, title in words.items():
                rivals = {who: each[figure][0] for who, each in models.items() if who != "aisle"}
                best = max(rivals, key=lambda who: rivals[who], default="")
                own, spread = models["aisle"][figure]
                ahead = f"{own - rivals[best]:+.1f}" if best else ""
                beside = f"{rivals[best]:.1f} ({best})" if best else ""
                lines.append(f"| {name} | {kind} | {title} | **{own:.1f}** ± {spread:.1f} | {beside} | {ahead} |")
            dial = said["sums"]["dial"]
            pairs = [(100 * dial[str(asked)]["precision"], 100 * dial[str(asked)]["coverage"]) for asked in ASKED]
            cells = " | ".join(f"{precision:.1f} / {coverage:.0f}" for precision, coverage in pairs)
            vote = " / ".join(f"{100 * dial[str(p)]['flat_vote_coverage']:.0f}" for p in ASKED)
            sums.append(f"| {name} | {kind} | {said['sums']['calibration_error']:.3f} | {cells} | {vote} |")
    return "\n".join([*lines, "", *sums])


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
    parser.add_argument("--table", action="store_true", help="only put the table of the results into README.md")
    given = parser.parse_args()
    for name in () if given.table else given.sets:
        kinds = measured(name, given.seeds, given.encoder, alone=given.ours)
        result = f"accuracy-{name}" if given.encoder == DEFAULT else f"accuracy-{name}-{given.encoder}"
        write(result, {"seeds": given.seeds, "encoder": given.encoder, "kinds": kinds})
    readme = ROOT / "README.md"
    readme.write_text(put_table(readme.read_text("utf-8"), table()), encoding="utf-8")


if __name__ == "__main__":
    main()
