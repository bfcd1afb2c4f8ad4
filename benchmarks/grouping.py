"""How well a scan puts offers of one product together, beside the best threshold on cosine similarity.

    python -m benchmarks.grouping [--encoder SPEC] [er_tvs_1624] [pricerunner_35k]

The shipped decider has seen clusters of both sets in training: those whose `cluster_id` has a CRC-32 that is below 6
modulo 10 (`benchmarks.pairs`). Figures are for the others, while all products are stored and looked through. Of pairs
those count of which one product at least is of a held-out cluster; B-cubed precision and recall are means over their
products (Bagga and Baldwin 1998). The threshold is of the text vectors' cosine and makes groups of whatever is
connected; it is the best there is by pair F1, and by B-cubed F1, chosen on the held-out products themselves, which
flatters it. Variants are left apart from duplicates; what families would give is stated beside.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.machine import DATA, INDEXES, RESULTS, write
from indexer.build import build
from indexer.encoders import DEFAULT, load
from indexer.live import Live, open_index
from indexer.settings import IndexSettings
from indexer.snapshots.snapshot import read_manifest
from indexer.sources import read
from service.console.progress import Progress
from service.duplicates.groups.grouping import Scores, components
from service.duplicates.groups.scan import scan
from service.duplicates.verdicts.judging import Judging

SETS = ("er_tvs_1624", "pricerunner_35k")
LEARNT = 6
"""Clusters whose CRC-32 modulo 10 is lower were seen in training or calibration of the shipped decider."""
AHEAD = 0.05
THRESHOLDS = np.arange(0.995, 0.695, -0.005).round(3)
MOST_EDGES = 8_000_000
BLOCK = 1_000

Numbers = npt.NDArray[np.int64]
Held = npt.NDArray[np.bool_]


def opened(name: str, spec: str) -> Live:
    """Return an index of a set, built when it is not there."""
    folder = INDEXES / f"grouping-{name}-{spec}"
    if not (folder / "current").exists():
        encoder = load(spec)
        with read(DATA / name) as rows, Progress() as progress:
            build(rows, folder, settings=IndexSettings(encoder=spec), encoder=encoder, progress=progress)
    read_manifest(folder)
    return open_index(folder)


def clusters(name: str, live: Live) -> tuple[Numbers, Numbers, Held]:
    """Return keys, the cluster of each as a number, and which are held out."""
    source: Path = next((DATA / name).glob("products.csv*"))
    table = pd.read_csv(source, keep_default_na=False, dtype=str).set_index("id")["cluster_id"]
    keys = np.flatnonzero(live.labels.known)
    names = table.loc[live.labels.ids(keys)]
    held = np.array([crc32(each.encode()) % 10 >= LEARNT for each in names])
    return keys, np.asarray(pd.factorize(names)[0], np.int64), held


def figures(group: Numbers, cluster: Numbers, held: Held) -> dict[str, float]:
    """Return pair and B-cubed precision, recall and F1 of groups, for held-out products."""
    _, together = np.unique(np.stack([group, cluster]), axis=1, return_inverse=True)
    sizes = [np.bincount(each)[each] for each in (together, np.unique(group, return_inverse=True)[1], cluster)]
    made: dict[str, float] = {}
    for name, values in (("pairs", _pairs(sizes, (group, cluster), held)), ("b_cubed", _b_cubed(sizes, held))):
        precision, recall = values
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        made |= {f"{name}_precision": precision, f"{name}_recall": recall, f"{name}_f1": f1}
    return {name: round(float(value), 4) for name, value in made.items()}


def _pairs(sizes: list[Numbers], names: tuple[Numbers, Numbers], held: Held) -> tuple[float, float]:
    """Return precision and recall over pairs with a held-out product; one with two is counted once."""
    group, cluster = names
    both = [np.unique(np.stack(each), axis=1, return_counts=True)[1] for each in ((group[held], cluster[held]),)]
    right = sum(float((each * (each - 1) / 2).sum()) for each in both)  # a cluster is held out whole
    inside = np.unique(group[held], return_counts=True)[1]
    said = float((sizes[1][held] - 1).sum()) - float((inside * (inside - 1) / 2).sum())
    true = np.unique(cluster[held], return_counts=True)[1]
    return right / max(said, 1), right / max(float((true * (true - 1) / 2).sum()), 1)


def _b_cubed(sizes: list[Numbers], held: Held) -> tuple[float, float]:
    together, group, cluster = (each[held] for each in sizes)
    return float((together / group).mean()), float((together / cluster).mean())


def edges(live: Live, keys: Numbers) -> Scores:
    """Return the pairs of rows with a cosine of the lowest threshold or more, the MOST_EDGES most similar of them."""
    raw = live.contents.features.raw(keys)
    raw /= np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-9)
    least, found = float(THRESHOLDS[-1]), list[tuple[Numbers, Numbers, Any]]()
    for start in range(0, len(raw), BLOCK):
        near = raw[start : start + BLOCK] @ raw.T
        left, right = np.nonzero(near >= least)
        kept = left + start < right
        found.append((left[kept] + start, right[kept], near[left[kept], right[kept]]))
        if sum(len(each[0]) for each in found) > MOST_EDGES:
            least += 0.01
            found = [tuple(part[each[2] >= least] for part in each) for each in found]
    left, right, weight = (np.concatenate(each) for each in zip(*found, strict=True))
    return Scores(left, right, weight)


def by_threshold(found: Scores, cluster: Numbers, held: Held) -> Iterator[dict[str, float]]:
    """Yield the figures of what is connected at each threshold."""
    group, before = np.arange(len(cluster)), np.float32(2)
    for threshold in THRESHOLDS[found.weight.min() <= THRESHOLDS]:
        some = found[(found.weight >= threshold) & (found.weight < before)]
        left, right = group[some.left], group[some.right]
        nodes, name = components(Scores(left, right, some.weight)[left != right])
        joined = np.arange(len(cluster))
        joined[nodes] = name
        group, before = joined[group], threshold
        yield {"threshold": float(threshold), **figures(group, cluster, held)}


def measured(name: str, spec: str) -> dict[str, Any]:
    """Return the figures of one set."""
    with closing(opened(name, spec)) as live, Progress() as progress:
        keys, cluster, held = clusters(name, live)
        found = scan(live, Judging.of(live), progress=progress)
        group, family = found.groups.of(keys), found.families.of(keys)
        wide = np.where(family >= 0, family, group)
        alone = -2 - np.arange(len(keys))
        progress.start("cosine", None, "")
        swept = list(by_threshold(edges(live, keys), cluster, held))
    ours = figures(np.where(group < 0, alone, group), cluster, held)
    best = {f1: max(swept, key=lambda each: each[f1]) for f1 in ("pairs_f1", "b_cubed_f1")}
    return {
        "encoder": spec,
        "products": len(keys),
        "held_out": int(held.sum()),
        "judged": len(found.book.pairs),
        "groups": ours,
        "families": figures(np.where(wide < 0, alone, wide), cluster, held),
        "cosine": best,
        "ahead": {f1: round(ours[f1] - best[f1][f1], 4) for f1 in best},
        "reached": all(ours[f1] - best[f1][f1] >= AHEAD for f1 in best),
    }


def main() -> None:
    """Measure the sets that are named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--encoder", default=DEFAULT)
    given = parser.parse_args()
    file = RESULTS / "grouping.json"
    found = json.loads(file.read_text(encoding="utf-8"))["sets"] if file.is_file() else {}
    for name in given.sets:
        found[name] = measured(name, given.encoder)
        write("grouping", {"target_ahead": AHEAD, "sets": found})


if __name__ == "__main__":
    main()
