"""Fitting the learnt space: in closed form, from a bounded sample, the shrinkage chosen on halves that did not fit it.

The within-category scatter S of n products is shrunk to (1 - g) S + g tr(S)/d I (Ledoit and Wolf 2004 give the form; g
is chosen here by what it is for). For each g the space is fitted on one half of the labelled sample, and products of
the other half are asked for among their own half: what they find there is the cross-fitted accuracy that is compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from indexer.space.learnt import Floats, Learnt, edges_of, joined, reduced, unit
from indexer.space.lexicon import COLUMNS, Rows

Nodes = npt.NDArray[np.int32]

SAMPLE = 100_000
"""Products that a space is fitted from at most; the scatter of 600 dimensions needs no more."""
REDUCE_SAMPLE = 20_000
"""Texts that the reduction of words is computed from at most."""
VOCABULARY = 60_000
"""Word columns that are reduced at most, the commonest."""
WORD_DIMS = 256
"""Dimensions that words are reduced to."""
SHRINKAGES = (0.05, 0.1, 0.2, 0.4, 0.8)
ENOUGH = 50
"""Labelled products (in categories with two at least) under which nothing is whitened."""
QUERIES = 2_000
"""Products asked for to compare shrinkages."""
FULL = 10
"""Products from which a category speaks for itself in the fit."""
NEAREST = 10
TEMPERATURE = 0.05
LEAST = 1e-12
"""Variance that no direction goes below: of copies alone, or products that have nothing to search by, there is none."""
TIE = 0.02
"""Weight of plain variance beside between-category scatter when directions are ranked: with fewer categories than
dimensions it decides about the rest, in which near-duplicates still differ."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A learnt space, None where the raw one serves as well, and how it was chosen.

    agreement: the cross-fitted share of neighbours that were of the asked product's category.
    """

    learnt: Learnt | None
    shrinkage: float
    agreement: float


def sample(products: int, seed: int) -> npt.NDArray[np.int64]:
    """Return at most SAMPLE of `products` positions, ascending."""
    some: npt.NDArray[np.int64] = np.random.default_rng(seed).permutation(products)[:SAMPLE]
    return np.sort(some)


def pooled(nodes: Nodes, lineage: Nodes) -> Nodes:
    """Return the category that each product teaches the fit: its own, or where that is thin the one above.

    nodes: int32 (n,), -1 without one; lineage: int32 (N, depth). The deepest ancestor with FULL products under it; a
    root where none has. With 4 products a leaf (flipkart_1050) the departments are 0.4 points more often right.
    """
    if not len(lineage):
        return nodes
    lines = np.where(nodes[:, None] >= 0, lineage[nodes], -1)
    totals = np.bincount(lines[lines >= 0], minlength=len(lineage))
    full = (lines >= 0) & (totals[lines] >= FULL)
    deepest = np.where(full, np.arange(lines.shape[1]), 0).max(axis=1)
    chosen: Nodes = lines[np.arange(len(lines)), deepest].astype(np.int32)
    return chosen


def fit(
    parts: Mapping[str, int],
    raw: Floats,
    words: Rows,
    nodes: Nodes,
    *,
    voices: Floats | None = None,
    dim: int = 256,
    seed: int = 0,
) -> Fitted:
    """Learn a space of at most `dim` dimensions from a `sample` of products.

    raw: float32 (n, all parts); words: sparse (n, COLUMNS); nodes: int32 (n,) category, -1 without one; voices: float32
    (n,), how much each label counts beside the others, all the same when None. With fewer
    than ENOUGH labelled products, with one category, or where no learnt space is cross-fitted to be better than the raw
    one, nothing is learnt: whitening without labels hurts (flipkart_20k 90.3 against 90.5, mwpd_gpc_16k 74.3 against
    78.4 percent of leaves right). The same input and seed give the same space.
    """
    rng = np.random.default_rng(seed)
    edges = edges_of(parts)
    told = _repeated(nodes)
    if told.sum() < ENOUGH or len(np.unique(nodes[told])) < 2:
        return Fitted(None, 1.0, 0.0)
    columns, reduction = _reduction(words, rng)
    lexical = reduced(words, columns, reduction)
    centres = _centres(raw, lexical, edges)
    rows = joined(raw, lexical, edges, centres)
    dim = min(dim, rows.shape[1])
    voices = np.ones(len(nodes), np.float32) if voices is None else voices
    chosen = _best_shrinkage(rows[told], raw[told], nodes[told], dim, rng, voices=voices[told])
    if chosen.shrinkage == 1:
        return chosen
    matrix, shift = _matrix(rows, nodes, voices, chosen.shrinkage, dim)
    shrinkage = np.array([chosen.shrinkage], np.float32)
    return replace(chosen, learnt=Learnt(edges, columns, reduction, centres, matrix, shift, shrinkage))


def refit(learnt: Learnt, raw: Floats, words: Rows, nodes: Nodes, voices: Floats) -> Learnt:
    """Return the space that these products alone would have made, words reduced and parts centred as in `learnt`.

    With it a product that is not among them can be asked about as if it were new.
    """
    rows = joined(raw, reduced(words, learnt.columns, learnt.reduction), learnt.edges, learnt.centres)
    matrix, shift = _matrix(rows, nodes, voices, float(learnt.shrinkage[0]), learnt.dim)
    return replace(learnt, matrix=matrix, shift=shift)


def _reduction(words: Rows, rng: np.random.Generator) -> tuple[npt.NDArray[np.int32], Floats]:
    """Return the commonest columns and their loadings (v, r): the right singular vectors of the sampled rows."""
    from sklearn.utils.extmath import randomized_svd

    having = np.bincount(words.indices, minlength=COLUMNS)
    common = np.argsort(-having, kind="stable")[:VOCABULARY]
    columns = np.sort(common[having[common] > 1]).astype(np.int32)
    some = words[np.sort(rng.permutation(words.shape[0])[:REDUCE_SAMPLE])]
    width = min(WORD_DIMS, len(columns) - 1, some.shape[0] - 1)
    if width < 1:
        return columns[:0], np.zeros((0, 0), np.float32)
    narrow = some[:, columns]
    _, _, right = randomized_svd(narrow, width, n_iter=2, random_state=int(rng.integers(2**31)))
    return columns, np.ascontiguousarray(right.T, np.float32)


def _centres(raw: Floats, lexical: Floats, edges: tuple[int, ...]) -> Floats:
    """Return the mean of each part over the products that have it."""
    rows = np.hstack([raw, lexical])
    bounds = (*edges, rows.shape[1])
    means = np.zeros(rows.shape[1], np.float32)
    for start, end in pairwise(bounds):
        here = rows[:, start:end].any(axis=1)
        if here.any():
            means[start:end] = rows[here, start:end].mean(axis=0)
    return means


def _repeated(nodes: Nodes) -> npt.NDArray[np.bool_]:
    """Return which products are in a category with another one."""
    _, place, sizes = np.unique(nodes, return_inverse=True, return_counts=True)
    told: npt.NDArray[np.bool_] = (nodes >= 0) & (sizes[place] > 1)
    return told


def _best_shrinkage(
    rows: Floats, raw: Floats, nodes: Nodes, dim: int, rng: np.random.Generator, *, voices: Floats
) -> Fitted:
    """Return the shrinkage whose space, fitted on the other half, brings most products to their own; 1 for raw rows."""
    mixed = rng.permutation(len(rows))
    halves = mixed[::2], mixed[1::2]

    def agreement(shrinkage: float) -> float:
        right = 0.0
        for part, other in (halves, halves[::-1]):
            some = part[:REDUCE_SAMPLE]
            if shrinkage == 1:
                placed = unit(raw[some])
            else:
                matrix, shift = _matrix(rows[other], nodes[other], voices[other], shrinkage, dim)
                placed = unit(rows[some] @ matrix - shift)
            right += _agreement(placed, nodes[some]) / 2
        return right

    tried = [(agreement(shrinkage), shrinkage) for shrinkage in (*SHRINKAGES, 1.0)]
    best, shrinkage = max(tried)
    return Fitted(None, shrinkage, best)


def _agreement(placed: Floats, nodes: Nodes) -> float:
    """Return the mean share of rows' NEAREST other rows, weighted as in a vote, that are of theirs."""
    queries = placed[: QUERIES // 2]
    similarity = queries @ placed.T
    np.fill_diagonal(similarity, -2)
    near = min(NEAREST, len(placed) - 1)
    nearest = np.argpartition(-similarity, near - 1, axis=1)[:, :near]
    weight = np.exp(np.take_along_axis(similarity, nearest, axis=1) / TEMPERATURE)
    agree = (nodes[nearest] == nodes[: len(queries), None]) * weight
    return float((agree.sum(axis=1) / weight.sum(axis=1)).mean())


def _matrix(rows: Floats, nodes: Nodes, voices: Floats, shrinkage: float, dim: int) -> tuple[Floats, Floats]:
    """Return the map (width, dim) of rows into the space, and the image of the mean, which is subtracted after it.

    What counts is how voices compare: all of them 0.5 give what all of them 1 give.
    """
    mean = rows.mean(axis=0)
    told = nodes >= 0
    names, place = np.unique(nodes[told], return_inverse=True)
    share = voices[told].astype(np.float64) * (told.sum() / max(1e-12, float(voices[told].sum(dtype=np.float64))))
    sizes = np.bincount(place, share, minlength=len(names))
    means = _sums(rows[told], share, place, len(names)) / sizes[:, None] - mean
    whole = _scatter(rows - mean)
    if shrinkage < 1:
        apart = (rows[told] - mean - means[place]) * np.sqrt(share)[:, None]
        within = apart.T @ apart / max(1, told.sum() - len(names))
    else:
        within = np.eye(rows.shape[1], dtype=np.float32)
    width = len(within)
    shrunk = (1 - shrinkage) * within.astype(np.float64) + shrinkage * np.trace(within) / width * np.eye(width)
    values, vectors = np.linalg.eigh(shrunk)
    whiten = vectors / np.sqrt(np.maximum(values, max(values[-1] * 1e-6, LEAST)))
    image = means @ whiten * np.sqrt(sizes)[:, None]
    between = image.T @ image
    spread = whiten.T @ whole @ whiten * values[None, :] * values[:, None]
    ranked = between / max(np.trace(between), 1e-12) + TIE * spread / max(np.trace(spread), 1e-12)
    _, directions = np.linalg.eigh(ranked)
    matrix = (whiten @ directions[:, ::-1][:, :dim]).astype(np.float32)
    return matrix, (mean @ matrix).astype(np.float32)


def _scatter(rows: Floats) -> npt.NDArray[np.float64]:
    return (rows.T @ rows / max(1, len(rows))).astype(np.float64)


def _sums(
    rows: Floats, share: npt.NDArray[np.float64], place: npt.NDArray[np.int64], size: int
) -> npt.NDArray[np.float64]:
    """Return the sum of the rows of each place, each times its share, float64 (size, width)."""
    from scipy import sparse

    chooser = sparse.csr_array((share.astype(np.float32), (place, np.arange(len(place)))), shape=(size, len(place)))
    return np.asarray(chooser @ rows, np.float64)
