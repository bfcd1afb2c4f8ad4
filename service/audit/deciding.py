"""What people decide about doubted labels: put right, or found right. One call, one transaction, and taken back alike.

    fix    the label becomes the suggested category, or another, with the provenance human
    keep   the label is right: it is not doubted again until it or the content of its product changes

A decision is about the label that somebody saw: when it is another one by then, nothing is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, Self

from indexer.errors import DecisionConflict, PatternNotFound, ProductNotFound, VersionConflict
from indexer.intake.update import path_of
from indexer.live import Change, Live, Outcome, Patch
from indexer.store import upheld
from indexer.store.decisions import Decided, Decision, of_number
from indexer.store.records import Written
from indexer.store.suspects import Wanted
from service.audit.audit import LABEL
from service.audit.reading import Reading

Verb = Literal["fix", "keep"]

BY_HAND = {"provenance": "human", "weight": 1.0}
"""What a label or tag that a person put right says of itself."""
PATTERN_LIMIT = 10_000
"""Products of a pattern that are decided about at once: the worst, where there are more."""


class Changing(Protocol):
    """An engine, or what answers by the engine that is current when it is called."""

    @property
    def live(self) -> Live:
        """The index in memory."""

    def change(
        self,
        changes: Sequence[Change],
        *,
        expected: Mapping[str, int | None],
        decision: Decision,
    ) -> list[Outcome]:
        """Change products by a decision, as `Live.change` does."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A decision as it was recorded, and what became of its products; none of those where none was to be changed.

    seq: the place in the journal from which on all of it is seen.
    """

    decided: Decided
    written: Sequence[Written] = ()
    seq: int = 0

    @classmethod
    def of(cls, decided: Decided, outcomes: Sequence[Written | Exception], seq: int) -> Self:
        """Return a decision with its outcomes; seq: where the journal is, for one that changed nothing."""
        written = [each for each in outcomes if isinstance(each, Written)]
        return cls(decided, written, max((each.seq for each in written), default=seq))


@dataclass(frozen=True, slots=True)
class Label:
    """A label that is decided about, as somebody saw it.

    category: what it becomes, by path or id; "" for what is suggested. seen: its category then, by path or id, "" for
    whatever it is. version: of the product then, None for whatever it is.
    """

    id: str
    category: str = ""
    seen: str = ""
    version: int | None = None


def decide_label(changing: Changing, label: Label, verb: Verb, author: str = "") -> Settled:
    """Put one label right, or find it right, and record who did.

    Raises ProductNotFound; DecisionConflict when the label is not the one that was seen, nothing is suggested, or there
    is no such category: a fix is no way to add one; VersionConflict when the product has not the version that was seen;
    ProductError for a category that is refused.
    """
    live = changing.live
    stored = live.records.get([label.id]).get(label.id)
    if stored is None:
        raise ProductNotFound(label.id)
    record = stored.record
    if label.seen and label.seen not in {record.product.category, record.node_id}:
        raise DecisionConflict(
            f"the label of product {label.id[:80]!r} is {record.product.category[:200]!r} by now, not "
            f"{label.seen[:200]!r}; nothing was changed: look at it again"
        )
    if verb == "keep" and not record.node_id:
        raise DecisionConflict(f"product {label.id[:80]!r} has no category that could be kept; give it one")
    category = label.category
    if verb == "fix" and not category:
        doubted = Reading(live).label(label.id)
        if doubted is None or not doubted.suggested.path:
            raise DecisionConflict(f"the label of product {label.id[:80]!r} is not doubted; name its category")
        category = doubted.suggested.path
    if verb == "fix" and live.tree.find(path_of(category)) is None and live.tree.of_id(category) is None:
        raise DecisionConflict(
            f"there is no category {category[:200]!r} to put product {label.id[:80]!r} into; name one of the tree by "
            "its path or id, or add it to the tree first"
        )
    version = stored.version if label.version is None else label.version
    fixed, expected = _fixed(verb, {label.id: category}), {label.id: version}
    return carried_out(changing, _decision(verb, label.id, author, [label.id]), fixed, expected, seen=label.version)


def decide_pattern(changing: Changing, pattern: str, verb: Verb, author: str = "") -> Settled:
    """Put all labels of a pattern right, each as it is suggested, or find them right; PATTERN_LIMIT at most.

    Raises PatternNotFound, and DecisionConflict when a product was changed while it was decided about.
    """
    found = Reading(changing.live).labels(Wanted(pattern=pattern), limit=PATTERN_LIMIT)
    found = [each for each in found if each.suggested.path]
    if not found:
        raise PatternNotFound(pattern)
    versions = {each.id: each.version for each in found}
    categories = {each.id: each.suggested.path for each in found}
    decision = _decision(verb, pattern, author, list(versions))
    return carried_out(changing, decision, _fixed(verb, categories), versions)


def _decision(verb: Verb, subject: str, author: str, ids: Sequence[str]) -> Decision:
    acts = [lambda connection, number: upheld.uphold(connection, ids, number)]
    return Decision(LABEL, verb, subject, author, {"ids": ids}, acts=acts)


def _fixed(verb: Verb, categories: Mapping[str, str]) -> list[Change]:
    """Return what a decision changes; a keep changes nothing."""
    if verb == "keep":
        return []
    return [Patch(id_, {"category": category, **BY_HAND}) for id_, category in categories.items()]


def carried_out(
    changing: Changing,
    decision: Decision,
    changes: Sequence[Change],
    expected: Mapping[str, int],
    *,
    seen: int | None = None,
) -> Settled:
    """Change products as was decided, and record that with it.

    expected: their versions when it was decided. seen: the version that was named by whoever decides, if any: another
    one by then is a VersionConflict, and a DecisionConflict where none was named.
    """
    taken: list[Decided] = []
    acts = [*decision.acts, lambda connection, number: taken.append(of_number(connection, number))]
    try:
        outcomes = changing.change(changes, expected=expected, decision=replace(decision, acts=acts))
    except VersionConflict as error:
        if seen is not None:
            raise
        raise overtaken(error.product_id) from error
    return Settled.of(taken[-1], outcomes, changing.live.seq)


def overtaken(product_id: str) -> DecisionConflict:
    """Return what is raised when a product was changed while it was decided about."""
    return DecisionConflict(
        f"product {product_id[:80]!r} was changed while it was decided about; nothing was changed: look at it again"
    )
