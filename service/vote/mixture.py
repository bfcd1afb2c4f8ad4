"""Evidence to probabilities: a conditional logit whose few weights all categories share. Pure numpy.

    p(category | question) = softmax over its candidates of weights . terms(evidence)

McFadden 1974. Where a product is known by text and by picture, each view adds its terms with weights of its own. One
convex fit finds the temperature of the vote and how its parts are mixed. Weights are drawn to a prior that was measured
on other catalogues, so that few observations change little and none nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.newton import minimum

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Nodes = npt.NDArray[np.int32]

TERMS = ("voices", "root of voices", "prototype", "prototype squared", "products", "thin", "thin by name")
PRIOR = (-1.0, 8.0, 6.0, -1.0, 0.0, 2.0, 4.0)
"""About the middle of what was fitted on flipkart_20k, bestbuy_phones_3k, cdiscount_50k and mwpd_gpc_16k."""
PRIOR_WEIGHT = 1.0
"""Penalty on the squared difference from PRIOR, in observations."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for which category, for n questions with at most m candidates each.

    nodes: int32 (n, m) tree positions, distinct in a row, -1 at its end where there are fewer. The rest float32
    (n, m, v), of each of v views: voices, summed ridge weights of the neighbours that carry it; prototype, cosine to
    its prototype; products, how many are in it; name, cosine to what it says of itself. All 0 on padding.
    """

    nodes: Nodes
    voices: Floats
    prototype: Floats
    products: Floats
    name: Floats

    def __len__(self) -> int:
        """Return the number of questions."""
        return len(self.nodes)

    @property
    def views(self) -> int:
        """How many views have a say."""
        return int(self.voices.shape[2])

    @staticmethod
    def joined(parts: list[Evidence]) -> Evidence:
        """Return several batches as one."""
        wide = max(each.nodes.shape[1] for each in parts)
        padded = [each.padded(wide) for each in parts]
        said = zip(*(each.said for each in padded), strict=True)
        return Evidence(np.concatenate([each.nodes for each in padded]), *map(np.concatenate, said))

    @property
    def said(self) -> tuple[Floats, ...]:
        """Everything but the nodes, in order."""
        return self.voices, self.prototype, self.products, self.name

    def padded(self, wide: int) -> Evidence:
        """Return the same with room for `wide` candidates."""
        more = ((0, 0), (0, wide - self.nodes.shape[1]))
        return Evidence(
            np.pad(self.nodes, more, constant_values=-1), *(np.pad(each, (*more, (0, 0))) for each in self.said)
        )

    def __getitem__(self, rows: npt.NDArray[np.bool_]) -> Evidence:
        """Return the questions of a mask."""
        return Evidence(self.nodes[rows], *(each[rows] for each in self.said))


def terms(evidence: Evidence) -> Doubles:
    """Return what the weights multiply: float64 (n, m, v * TERMS), the terms of one view after those of another.

    The fewer products a category has, the more it counts that it has few, and what it is called. A view that is not
    sure says nearly the same of all candidates, and so moves none of them: how much it counts depends on the question,
    whatever its weights.
    """
    voices, prototype = evidence.voices.astype(np.float64), evidence.prototype.astype(np.float64)
    products = np.maximum(evidence.products.astype(np.float64), 0)
    thin = 1 / (1 + products)
    columns = (
        voices,
        np.sqrt(np.maximum(voices, 0)),
        prototype,
        prototype**2,
        np.log1p(products) / 10,
        thin,
        thin * evidence.name,
    )
    return np.stack(columns, axis=3).reshape(*voices.shape[:2], evidence.views * len(TERMS))


def prior(views: int) -> tuple[float, ...]:
    """Return the weights that are known beforehand, of so many views: each has its part."""
    return tuple(weight / views for weight in PRIOR) * views


def mixed(evidence: Evidence, weights: Doubles) -> Doubles:
    """Return the probability of each candidate, float64 (n, m); rows sum to 1, or 0 without any candidate."""
    return _softmax(terms(evidence) @ weights, evidence.nodes >= 0)


def fit(
    evidence: Evidence, truth: Nodes, counted: Doubles, alone: Sequence[tuple[float, ...] | None] | None = None
) -> Doubles:
    """Return the weights, float64 (v * TERMS,), under which the true categories are likeliest, by Newton's method.

    truth: int32 (n,); counted: float64 (n,), how much each observation counts. Questions whose truth is not among
    their candidates tell the weights nothing and are left out.

    Of several views each is fitted alone first, then how much each is believed, one number for each; all weights
    together are drawn to that. Drawn to equal parts instead, a weak view cost flipkart_1050 0.4 points. alone: what is
    known of a view alone already, from more questions than these; None for one of which nothing is.
    """
    found = evidence.nodes == truth[:, None]
    told = found.any(axis=1) & (counted > 0) & (truth >= 0)
    x, seen = terms(evidence)[told], _Seen(found[told].argmax(axis=1), evidence.nodes[told] >= 0, counted[told])
    if evidence.views == 1:
        return _likeliest(x, seen, np.array(PRIOR))
    blocks = np.split(x, evidence.views, axis=2)
    each = [
        _likeliest(block, seen, np.array(PRIOR)) if known is None else np.array(known)
        for block, known in zip(blocks, alone or [None] * evidence.views, strict=True)
    ]
    said = np.stack([block @ weights for block, weights in zip(blocks, each, strict=True)], axis=2)
    scale = _likeliest(said, seen, np.full(evidence.views, 1 / evidence.views))
    return _likeliest(x, seen, np.concatenate([much * weights for much, weights in zip(scale, each, strict=True)]))


@dataclass(frozen=True, slots=True)
class _Seen:
    """n observations: right int64 (n,), the place of the truth among the candidates; here bool (n, m); weight (n,)."""

    right: npt.NDArray[np.int64]
    here: npt.NDArray[np.bool_]
    weight: Doubles


def _likeliest(x: Doubles, seen: _Seen, known: Doubles) -> Doubles:
    """Return the weights (t,) of terms (n, m, t) under which what was seen is likeliest, drawn to those known."""
    rows = np.arange(len(x))
    chosen = seen.weight @ x[rows, seen.right]

    def loss(at: Doubles) -> float:
        likely = _softmax(x @ at, seen.here)[rows, seen.right]
        return float(-seen.weight @ np.log(np.maximum(likely, 1e-300)) + PRIOR_WEIGHT / 2 * ((at - known) ** 2).sum())

    def bends(at: Doubles) -> tuple[Doubles, Doubles]:
        share = _softmax(x @ at, seen.here)
        mean = np.einsum("nm,nmt->nt", share, x)
        spread = np.einsum("nm,nmt,nmu->tu", share * seen.weight[:, None], x, x, optimize=True)
        slope = seen.weight @ mean - chosen + PRIOR_WEIGHT * (at - known)
        return slope, spread - (mean * seen.weight[:, None]).T @ mean + PRIOR_WEIGHT * np.eye(len(known))

    return minimum(known, loss, bends)


def _softmax(logits: Doubles, here: npt.NDArray[np.bool_]) -> Doubles:
    logits = np.where(here, logits, -np.inf)
    peak = logits.max(axis=1, keepdims=True, initial=-1e300)
    raised = np.exp(logits - peak)
    total = raised.sum(axis=1, keepdims=True)
    shares: Doubles = np.divide(raised, total, out=np.zeros_like(raised), where=total > 0)
    return shares
