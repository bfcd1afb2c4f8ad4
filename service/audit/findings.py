"""What an audit says of single products and of the whole catalogue, as it is kept: suspects, patterns, counts.

suspicions, columns of attributes -> conflicts -> patterns -> the kind of each error -> suspects     [of the sweep]
suspicions of what changed        -> conflicts -> the kind by the patterns that are known -> suspects  [of upkeep]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import orjson

from indexer.store.suspects import Suspect
from indexer.store.tagfaults import TagFault
from service.audit.ambiguity import Pair, ambiguous
from service.audit.patterns import BELIEVED, Column, Pattern, Placed, patterns
from service.audit.suspicion import Suspicions, severity
from taxonomy.tree import Tree

Mask = npt.NDArray[np.bool_]
Conflict = tuple[int, int, float]
"""Keys of two products with different categories, and how likely they are one product."""

FINDINGS = "audit_findings"
"""Fact of the store: what the last sweep found besides suspects, as `Findings.to_json` writes it."""
CONFLICT = "conflict"
"""Kind of what is suspected of a product because its duplicate has another label."""
FLOOR = 0.05
"""Probability from which a suspicion is kept."""
CONFIRMED = 0.5
"""Probability of a suspicion at least that is part of a pattern."""


@dataclass(frozen=True)
class Findings:
    """What a sweep found. products = audited + unlabelled, as of the place `seq` in the journal."""

    seq: int
    at: str
    snapshot: str
    products: int
    audited: int
    unlabelled: int
    patterns: tuple[Pattern, ...] = ()
    ambiguous: tuple[Pair, ...] = ()

    def to_json(self) -> str:
        """Return what `from_json` reads."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what was written."""
        told = orjson.loads(text)
        patterns = tuple(Pattern(**each) for each in told["patterns"])
        confused = tuple(
            Pair(**{**each, "examples": tuple(each.get("examples", ()))}) for each in told.get("ambiguous", ())
        )
        return cls(**{**told, "patterns": patterns, "ambiguous": confused})


def conflicted(doubts: Suspicions, pairs: Sequence[Conflict], tree: Tree) -> tuple[Suspicions, Mask]:
    """Return suspicions that know of duplicates with other labels, and which of them are in such a conflict: bool (n,).

    One of the two labels is wrong if both are one product: which one, as likely as each is doubted for itself.
    doubts: in order of key. Pairs of which a product is not among them are left out.
    """
    among = np.zeros(len(doubts), np.bool_)
    if not pairs or not len(doubts):
        return doubts, among
    keys = np.array([pair[:2] for pair in pairs], np.int64)
    keys, likely = np.concatenate([keys, keys[:, ::-1]]), np.tile(np.array([pair[2] for pair in pairs]), 2)
    places = np.minimum(np.searchsorted(doubts.keys, keys), len(doubts) - 1)
    here = (doubts.keys[places] == keys).all(axis=1)
    (one, other), likely = places[here].T, likely[here]
    among[one] = True
    own, theirs = (doubts.probability[each].astype(np.float64) for each in (one, other))
    both = own + theirs
    wrong = likely * np.where(both > 0, own / np.where(both > 0, both, 1), 0.5)
    order = np.argsort(wrong, kind="stable")  # of several duplicates the one that makes it likeliest wrong comes last
    order = order[wrong[order] > own[order]]
    one, other, wrong = one[order], other[order], wrong[order]
    probability, suggested = doubts.probability.copy(), doubts.suggested.copy()
    neighbours = doubts.neighbours.copy()
    probability[one], suggested[one] = wrong.astype(np.float32), doubts.stored[other]
    neighbours[one] = -1
    neighbours[one, 0] = doubts.keys[other]
    far = severity(tree, doubts.stored, suggested)
    return replace(doubts, suggested=suggested, probability=probability, severity=far, neighbours=neighbours), among


def patterns_in(
    tree: Tree, doubts: Suspicions, right: npt.NDArray[np.int64], columns: Sequence[Column]
) -> list[Pattern]:
    """Return the patterns of suspicions that are likely true; labels of the keys `right` are taken for right."""
    wrong = (doubts.runner_up >= BELIEVED) & (doubts.suggested >= 0) & ~np.isin(doubts.keys, right)
    believed = np.where(wrong, doubts.suggested, doubts.stored).astype(np.int32)
    return patterns(Placed(tree, doubts.stored, believed, columns))


def belonging(
    tree: Tree, doubts: Suspicions, known: Sequence[Pattern], columns: Sequence[Column]
) -> npt.NDArray[np.object_]:
    """Return the id of the pattern of each suspicion, "" for none: (n,); of several the one of most products."""
    made = np.full(len(doubts), "", np.object_)
    of_name = {column.name: column for column in columns}
    for pattern in reversed(known):
        stored, suggested = tree.of_id(pattern.stored), tree.of_id(pattern.suggested)
        if stored is None or suggested is None:
            continue
        level = int(tree.depths[suggested]) - 1
        below = (doubts.suggested >= 0) & (tree.lineage[doubts.suggested, level] == suggested)
        made[below & (doubts.stored == stored) & of_name[pattern.attribute].having(pattern.value)] = pattern.id
    return made


def confirmed(doubts: Suspicions, systematic: Mask) -> Suspicions:
    """Return suspicions of which those in a pattern (n,) are at least as likely true as not.

    Products that stand wrong together vouch for each other, so that each is doubted little for itself; what is a
    pattern is no chance, and a person should look at it.
    """
    raised = systematic & (doubts.runner_up >= BELIEVED)
    least = np.where(raised, np.maximum(doubts.probability, CONFIRMED), doubts.probability)
    return replace(doubts, probability=least.astype(np.float32))


def kinds_of(conflicts: Mask, systematic: Mask, confused: Mask) -> list[str]:
    """Return the kind of each error: what a duplicate or a pattern says comes before what the categories say."""
    named = np.select([conflicts, systematic, confused], [CONFLICT, "systematic", "ambiguous"], "slip")
    told: list[str] = named.tolist()
    return told


def suspects(
    tree: Tree,
    doubts: Suspicions,
    conflicts: Mask,
    *,
    known: Sequence[Pattern],
    columns: Sequence[Column],
    confused: Sequence[Pair],
    tags: Mapping[int, tuple[TagFault, ...]],
) -> list[Suspect]:
    """Return what is kept of suspicions: those from FLOOR on, each with its kind, and products with tags amiss.

    conflicts: bool (n,), as `conflicted` gives them. known, confused: the patterns and ambiguous pairs that there are;
    columns: of the products that are suspected, for these patterns.
    """
    faults, belongs = dict(tags), belonging(tree, doubts, known, columns)
    kinds = kinds_of(conflicts, belongs != "", ambiguous(tree, doubts, confused))
    doubts = confirmed(doubts, belongs != "")
    made = []
    for row in np.flatnonzero((doubts.probability >= FLOOR) & (doubts.suggested >= 0)).tolist():
        key = int(doubts.keys[row])
        made.append(
            Suspect(
                key,
                tree.ids[doubts.stored[row]],
                tree.ids[doubts.suggested[row]],
                round(float(doubts.probability[row]), 6),
                round(float(doubts.severity[row]), 6),
                kinds[row],
                belongs[row],
                tuple(each for each in doubts.neighbours[row].tolist() if each >= 0),
                faults.pop(key, ()),
            )
        )
    return made + [Suspect(key, tags=each) for key, each in faults.items() if each]
