"""Neighbours' votes: similarities and labels -> a distribution over the category tree -> the node to decide on.

Arrays throughout: n queries, k neighbours each, a tree of N nodes, one at least, with a lineage (N, depth). Pure numpy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Nodes = npt.NDArray[np.int32]
Keys = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Vote:
    """The outcome for n queries over the m nodes that any neighbour's label lies on or under.

    nodes:   int32 (m,) tree positions, ascending.
    own:     float32 (n, m) share of the vote for the node itself as label; rows sum to 1, or 0 without any voter.
    branch:  float32 (n, m) share of the node and everything below it.
    weights: float32 (n, k) share of each neighbour, 0 for one without a category.
    """

    nodes: Nodes
    own: Floats
    branch: Floats
    weights: Floats


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best labelled categories of n queries, best first: tree position (n, top) or -1, and its own share."""

    nodes: Nodes
    share: Floats


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a vote comes to: the node decided on, (n, 1) or -1, and the best labelled categories (n, top)."""

    vote: Vote
    decided: Ranking
    leaves: Ranking


def count(
    similarity: Floats, labels: Nodes, lineage: Nodes, depths: Nodes, *, temperature: float, threshold: float, top: int
) -> Outcome:
    """Take the vote of each query's neighbours, decide on a node, and rank the categories in accord with it.

    similarity: float32 (n, k); labels: int32 (n, k), -1 for no vote; lineage (N, depth) and depths (N,) of the tree.
    """
    vote = take_vote(similarity, labels, lineage, temperature=temperature)
    decided = decide(vote, depths, threshold)
    under = below(vote, decided.nodes[:, 0], lineage, depths)
    return Outcome(vote, decided, rank(vote, top, under))


def softmax_weights(similarity: Floats, voters: npt.NDArray[np.bool_], temperature: float) -> Floats:
    """Return exp(s / temperature) of each voter, normalised over its row; 0 for who does not vote.

    similarity: float32 (n, k) in [-1, 1]. This is DINO's weighted k-NN evaluation (Caron et al. 2021, section 4.1).
    """
    logits = np.where(voters, similarity / temperature, -np.inf)
    if logits.shape[1] == 0:
        return logits.astype(np.float32)
    peak = logits.max(axis=1, keepdims=True)
    raised = np.exp(logits - np.where(np.isfinite(peak), peak, 0))
    total = raised.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(raised, total, out=np.zeros_like(raised), where=total > 0).astype(np.float32)
    return shares


def take_vote(similarity: Floats, labels: Nodes, lineage: Nodes, *, temperature: float) -> Vote:
    """Let each neighbour vote for its label and for all that lies above it.

    similarity: float32 (n, k); labels: int32 (n, k), -1 for a neighbour without category, which has no vote;
    lineage: int32 (N, depth), row i holds the ancestors of node i from the root down to itself, then -1.
    """
    weights = softmax_weights(similarity, labels >= 0, temperature)
    voted, label_of = np.unique(labels, return_inverse=True)
    lines = np.where(voted[:, None] >= 0, lineage[voted], -1)
    nodes = np.unique(lines)
    nodes = nodes[nodes >= 0].astype(np.int32)
    rows, size = len(labels), len(nodes)
    column = np.searchsorted(nodes, lines)
    start = np.arange(rows)[:, None] * size
    flat = label_of.reshape(labels.shape)

    def tally(columns: Keys, missing: npt.NDArray[np.bool_]) -> Floats:
        place = (start + columns[flat])[~missing[flat]]
        cast = np.bincount(place, weights[~missing[flat]], minlength=rows * size)
        return cast.reshape(rows, size).astype(np.float32)

    branch = np.zeros((rows, size), np.float32)
    for level in range(lines.shape[1]):
        branch += tally(column[:, level], lines[:, level] < 0)
    own = tally(np.searchsorted(nodes, voted), voted < 0)
    return Vote(nodes, own, branch, weights)


def rank(vote: Vote, top: int, under: npt.NDArray[np.bool_] | None = None) -> Ranking:
    """Return the `top` labelled categories by their own share; equal shares in order of tree position.

    under: bool (n, m), which nodes may take the first place where any of them has a share: with the nodes below the
    decision there, the best leaf never contradicts it (flipkart_1050: 0.25 points more departments right, leaves as
    before). The places after it are by share alone.
    """
    rows, size = vote.own.shape
    score = vote.own
    if under is not None and size:
        allowed = np.where(under, vote.own, 0)
        first = allowed.argmax(axis=1)[:, None]
        score = vote.own.copy()
        np.put_along_axis(score, first, np.take_along_axis(allowed, first, axis=1) + 1, axis=1)
        score = np.where(allowed.any(axis=1, keepdims=True), score, vote.own)
    order = np.argsort(-score, axis=1, kind="stable")[:, :top]
    share = np.take_along_axis(vote.own, order, axis=1)
    nodes = np.where(share > 0, vote.nodes[order] if size else order, -1).astype(np.int32)
    missing = top - order.shape[1]
    if missing > 0:
        nodes = np.hstack([nodes, np.full((rows, missing), -1, np.int32)])
        share = np.hstack([share, np.zeros((rows, missing), np.float32)])
    return Ranking(nodes, share)


def decide(vote: Vote, depths: Nodes, threshold: float) -> Ranking:
    """Return for each query the deepest node whose branch holds at least `threshold` of the vote, as (n, 1).

    With a threshold above one half such nodes lie on one path, so the deepest is unique; -1 where there is none.
    """
    rows, size = vote.branch.shape
    if size == 0:
        return Ranking(np.full((rows, 1), -1, np.int32), np.zeros((rows, 1), np.float32))
    deep = np.where(vote.branch >= threshold, depths[vote.nodes].astype(np.float32) + vote.branch / 2, 0)
    best = deep.argmax(axis=1)[:, None]
    sure = np.take_along_axis(deep, best, axis=1) > 0
    share = np.where(sure, np.take_along_axis(vote.branch, best, axis=1), 0)
    return Ranking(np.where(sure, vote.nodes[best], -1).astype(np.int32), share.astype(np.float32))


def branch_shares(vote: Vote, nodes: Nodes) -> Floats:
    """Return the branch share of tree positions `nodes` (n, j), a row per query; 0 for -1 and nodes without a vote."""
    if not len(vote.nodes):
        return np.zeros(nodes.shape, np.float32)
    column = np.searchsorted(vote.nodes, nodes).clip(0, len(vote.nodes) - 1)
    known = vote.nodes[column] == nodes
    return np.where(known, np.take_along_axis(vote.branch, column, axis=1), 0).astype(np.float32)


def below(vote: Vote, decided: Nodes, lineage: Nodes, depths: Nodes) -> npt.NDArray[np.bool_]:
    """Return for each query which of the vote's nodes lie at or below its `decided` (n,) node: bool (n, m).

    Nothing lies below -1.
    """
    lines = lineage[vote.nodes].T
    known = decided >= 0
    under: npt.NDArray[np.bool_] = lines[depths[decided] - 1] == decided[:, None]
    return under & known[:, None]
