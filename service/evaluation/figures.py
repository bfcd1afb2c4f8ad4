"""Everything that a report says, as plain values that JSON can hold: plots and page are drawn from these alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.manifold import TSNE

from service.calibration.reliability import expected_error
from service.decision import AUTO, KINDS
from service.evaluation.gate import Comparison
from service.evaluation.judged import DIAL, TOP, Judged
from service.evaluation.measures import LEVEL, Figure, Outcomes, figures_of, wilson
from service.evaluation.methods import Evaluated
from taxonomy.names import name_key
from taxonomy.tree import Tree

Doubles = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

BINS = 15
CURVE = 100
"""Points of the curve of coverage against precision."""
SIBLINGS, CHILDREN = 6, 12
"""Branches whose confusion is shown, those with most errors first, and how many children of each."""
ERRORS = 200
"""Wrong answers that are listed, those held likeliest first."""
MAPPED = 2_000
"""Products on the map at most; it is drawn by t-SNE (van der Maaten and Hinton 2008)."""
FEWEST = 5
"""Products on the map at least."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What was asked for: the index and its snapshot, the precision and the policy of the decisions."""

    index: str
    snapshot: str
    encoder: str
    precision: float
    policy: str


def figures(evaluated: Evaluated, setting: Setting, *, seed: int = 0) -> dict[str, Any]:
    """Return the whole report as JSON values. Raises ValueError when no product with a category was asked about."""
    judged = evaluated.judged
    judged = judged[np.flatnonzero(judged.labelled)]
    if not len(judged):
        raise ValueError("no product with a category was asked about")
    likely = judged.likely[:, 0].astype(np.float64)
    measures = figures_of(Outcomes.of(judged, {}), seed=seed)
    return {
        "setting": asdict(setting),
        "method": evaluated.method,
        "read": evaluated.read,
        "asked": len(judged),
        "left": evaluated.left,
        "interval": 1 - LEVEL,
        "measures": {name: asdict(figure) for name, figure in measures.items()},
        "top": {str(k): _share((judged.nodes[:, :k] == judged.truth[:, None]).any(axis=1)) for k in range(1, TOP + 1)},
        "levels": _levels(judged),
        "calibration": {"error": round(expected_error(likely, judged.exact, np.ones(len(judged))), 4)}
        | {"bins": _bins(likely, judged.exact)},
        "decisions": {kind: _share(judged.kind == place) for place, kind in enumerate(KINDS)},
        "dial": [_dialled(judged, column) for column in range(len(DIAL))],
        "curve": _curve(likely, judged.exact),
        "untaught": _untaught(judged),
        "categories": _categories(judged),
        "siblings": _siblings(judged),
        "tags": _tags(judged) if any(judged.tags) else None,
        "errors": _errors(judged, likely),
        "map": _map(judged, seed),
    }


def compared(
    figures: dict[str, Any], other: Setting, products: int, comparisons: Sequence[Comparison]
) -> dict[str, Any]:
    """Return the figures with what the gate says beside another index; products: that both were asked about."""
    worse = [each.measure for each in comparisons if each.worse]
    said = [asdict(each) for each in comparisons]
    return figures | {"gate": {"other": asdict(other), "products": products, "comparisons": said, "worse": worse}}


def _share(some: npt.NDArray[np.bool_]) -> float:
    return round(float(some.mean()), 4) if len(some) else 0.0


def _levels(judged: Judged) -> list[dict[str, Any]]:
    """Return for each level how often it is right, where the label goes that deep, and its calibration error.

    The error is over the answers that go that deep, whatever their label does; None without any.
    """
    true = judged.tree.lineage[judged.truth]
    found = []
    for level in range(int(judged.tree.depths[judged.truth].max())):
        labelled, told = true[:, level] >= 0, judged.line[:, level] >= 0
        likely, right = judged.levels[told, level].astype(np.float64), judged.right[:, level]
        error = round(expected_error(likely, right[told], np.ones(len(likely))), 4) if told.any() else None
        share = _share(right[labelled])
        found.append({"level": level + 1, "products": int(labelled.sum()), "accuracy": share, "error": error})
    return found


def _bins(likely: Doubles, right: npt.NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Return mean probability and share right of bins of equal size, with the share's interval (Wilson 1927)."""
    found = []
    for some in np.array_split(np.argsort(likely, kind="stable"), min(BINS, len(likely))):
        low, high = wilson(int(right[some].sum()), len(some))
        found.append(
            {
                "products": len(some),
                "probability": round(float(likely[some].mean()), 4),
                "right": _share(right[some]),
                "low": round(low, 4),
                "high": round(high, 4),
            }
        )
    return found


def _dialled(judged: Judged, column: int) -> dict[str, Any]:
    """Return what part is answered `auto` at a precision, how much of it is right, and how much of it names a leaf."""
    nodes = judged.dial[:, column]
    sure = nodes >= 0
    right = int(judged.under(nodes).sum())
    low, high = wilson(right, int(sure.sum()))
    return {
        "asked": DIAL[column],
        "coverage": _share(sure),
        "precision": round(right / int(sure.sum()), 4) if sure.any() else None,
        "low": round(low, 4),
        "high": round(high, 4),
        "leaf": _share(sure & judged.tree.leaves[nodes]),
    }


def _curve(likely: Doubles, right: npt.NDArray[np.bool_]) -> list[dict[str, float]]:
    """Return for rising coverage the precision of the likeliest leaves."""
    order = np.argsort(-likely, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    places = np.unique(np.linspace(0, len(order) - 1, CURVE).astype(int))
    return [
        {
            "coverage": round((place + 1) / len(order), 4),
            "precision": round(float(share[place]), 4),
            "probability": round(float(likely[order[place]]), 4),
        }
        for place in places.tolist()
    ]


def _untaught(judged: Judged) -> dict[str, Any]:
    """Return what became of products whose category the index does not have."""
    new = ~judged.taught
    return {"products": int(new.sum()), "auto": _share(judged.kind[new] == AUTO)}


def _categories(judged: Judged) -> list[dict[str, Any]]:
    """Return precision, recall and F1 of each category that occurs, most products first, and what it is taken for."""
    tree, best, size = judged.tree, judged.nodes[:, 0], len(judged.tree)
    true, said = np.bincount(judged.truth, minlength=size), np.bincount(best[best >= 0], minlength=size)
    hits = np.bincount(judged.truth[judged.exact], minlength=size)
    wrong = ~judged.exact & (best >= 0)
    instead: dict[int, Counter[int]] = {}
    for truth, node in zip(judged.truth[wrong].tolist(), best[wrong].tolist(), strict=True):
        instead.setdefault(truth, Counter())[node] += 1
    nodes = np.flatnonzero(true + said)
    return [
        {
            "path": tree.text(node),
            "products": int(true[node]),
            "precision": round(float(hits[node] / said[node]), 4) if said[node] else None,
            "recall": round(float(hits[node] / true[node]), 4) if true[node] else None,
            "f1": round(float(2 * hits[node] / (true[node] + said[node])), 4),
            "instead": [[tree.text(other), many] for other, many in instead.get(node, Counter()).most_common(3)],
        }
        for node in nodes[np.argsort(-true[nodes], kind="stable")].tolist()
    ]


def _siblings(judged: Judged) -> list[dict[str, Any]]:
    """Return the branches below which most products went wrong, with the counts of children: label by answer."""
    tree, best = judged.tree, judged.nodes[:, 0]
    true, said = tree.lineage[judged.truth], np.where((best >= 0)[:, None], tree.lineage[best], -1)
    agreed = ((true == said) & (true >= 0)).cumprod(axis=1).sum(axis=1)
    parted = ~judged.exact & (best >= 0) & (agreed < tree.depths[judged.truth]) & (agreed < tree.depths[best])
    rows = np.arange(len(judged))
    parent = np.where(agreed > 0, true[rows, np.maximum(agreed - 1, 0)], -1)
    found = []
    for node, errors in Counter(parent[parted].tolist()).most_common(SIBLINGS):
        level = int(tree.depths[node]) if node >= 0 else 0
        below = (true[:, level - 1] == node) if level else np.ones(len(judged), np.bool_)
        below &= (said[:, level - 1] == node) if level else (best >= 0)
        below &= (true[:, level] >= 0) & (said[:, level] >= 0)
        pairs = Counter(zip(true[below, level].tolist(), said[below, level].tolist(), strict=True))
        faults = Counter[int]()
        for (one, other), many in pairs.items():
            faults.update({one: many * (one != other), other: many * (one != other)})
        shown = [child for child, many in faults.most_common(CHILDREN) if many]
        found.append(
            {
                "path": tree.text(node) if node >= 0 else "",
                "errors": errors,
                "children": [tree.names[child] for child in shown],
                "counts": [[pairs[one, other] for other in shown] for one in shown],
            }
        )
    return found


def _tags(judged: Judged) -> dict[str, Any]:
    """Return precision and recall of all tags together and of each, over the products that carry any."""
    carried, given, hits = Counter[str](), Counter[str](), Counter[str]()
    spelt: dict[str, str] = {}
    for said, true in zip(judged.given, judged.tags, strict=True):
        if true:
            some, right = {name_key(tag): tag for tag in said}, {name_key(tag): tag for tag in true}
            spelt |= some | right
            carried.update(right.keys())
            given.update(some.keys())
            hits.update(some.keys() & right.keys())
    every = sum(hits.values()), sum(given.values()), sum(carried.values())
    return {
        "products": sum(map(bool, judged.tags)),
        "precision": round(every[0] / every[1], 4) if every[1] else None,
        "recall": round(every[0] / every[2], 4) if every[2] else None,
        "each": [
            {
                "tag": spelt[tag],
                "products": carried[tag],
                "precision": round(hits[tag] / given[tag], 4) if given[tag] else None,
                "recall": round(hits[tag] / carried[tag], 4) if carried[tag] else None,
                "f1": round(2 * hits[tag] / (given[tag] + carried[tag]), 4),
            }
            for tag in sorted(spelt, key=lambda tag: (-carried[tag], tag))
        ],
    }


def _errors(judged: Judged, likely: Doubles) -> list[dict[str, Any]]:
    wrong = np.flatnonzero(~judged.exact & (judged.nodes[:, 0] >= 0))
    return [
        {
            "id": judged.ids[row],
            "title": judged.titles[row],
            "label": judged.tree.text(int(judged.truth[row])),
            "answer": judged.tree.text(int(judged.nodes[row, 0])),
            "probability": round(float(likely[row]), 4),
            "decision": KINDS[int(judged.kind[row])],
        }
        for row in wrong[np.argsort(-likely[wrong], kind="stable")][:ERRORS].tolist()
    ]


def _map(judged: Judged, seed: int) -> list[dict[str, Any]]:
    """Return where up to MAPPED products lie on a plane that keeps neighbours together: those of one index.

    Nothing where they are too few to have neighbours, or all the same.
    """
    rows = np.flatnonzero((judged.fold == judged.fold.min()) & judged.vectors.any(axis=1))
    rows = np.sort(np.random.default_rng(seed).permutation(rows)[:MAPPED])
    if len(rows) < FEWEST or not np.ptp(judged.vectors[rows], axis=0).any():
        return []
    perplexity = min(30.0, (len(rows) - 1) / 3)
    made = TSNE(perplexity=perplexity, init="pca", metric="cosine", random_state=seed)
    plane = made.fit_transform(judged.vectors[rows])
    return [
        {
            "id": judged.ids[row],
            "title": judged.titles[row],
            "label": judged.tree.text(int(judged.truth[row])),
            "answer": _text(judged.tree, int(judged.nodes[row, 0])),
            "right": bool(judged.exact[row]),
            "x": round(float(x), 3),
            "y": round(float(y), 3),
        }
        for row, (x, y) in zip(rows.tolist(), plane, strict=True)
    ]


def _text(tree: Tree, node: int) -> str:
    return tree.text(node) if node >= 0 else ""


__all__ = ["Figure", "Setting", "compared", "figures", "wilson"]
