"""What people decide about tags that a product probably lacks, or should not have.

    fix    the missing ones are added and the wrong ones removed, with the provenance human
    keep   the tags are right: these are not told again until the tags or the content of the product change

One decision, one transaction, taken back as one. Where the tags are others than those that were seen, nothing is
changed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from indexer.errors import DecisionConflict, ProductNotFound
from indexer.live import Patch
from indexer.store import tagfaults
from indexer.store.decisions import Decision
from indexer.store.tagfaults import TagFault
from service.audit.deciding import BY_HAND, Changing, Settled, Verb, carried_out, overtaken
from service.audit.reading import Reading
from taxonomy.names import name_key
from taxonomy.vocabulary import Vocabulary

LEAST = 0.5
"""Probability from which a fault is decided about where no tag is named."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """The tags that are decided about, as somebody saw them.

    tags: which of those that are told; without any all from the probability `least` on. carried: all tags of the
    product then, in any order, None for whatever they are. version: of the product then, None for whatever it is.
    """

    id: str
    tags: Sequence[str] = ()
    least: float = LEAST
    carried: Collection[str] | None = None
    version: int | None = None


def decide_tags(changing: Changing, tagged: Tagged, verb: Verb, author: str = "") -> Settled:
    """Add the missing and remove the wrong tags of a product, or find its tags right, and record who did.

    Raises ProductNotFound; DecisionConflict when a tag is not told, or the tags are not those that were seen;
    VersionConflict when the product has not the version that was seen; ProductError for too many tags.
    """
    live = changing.live
    stored = live.records.get([tagged.id]).get(tagged.id)
    if stored is None:
        raise ProductNotFound(tagged.id)
    now, vocabulary = stored.record.product.tags, live.vocabulary
    if tagged.carried is not None and set(tagged.carried) != set(now):
        raise DecisionConflict(
            f"the tags of product {tagged.id[:80]!r} are {', '.join(now)[:200]!r} by now, not "
            f"{', '.join(tagged.carried)[:200]!r}; nothing was changed: look at it again"
        )
    faults = _faults(Reading(live).faults(tagged.id), tagged, vocabulary)
    fixed = _fixed(now, faults, tagged.id, vocabulary)
    settled = [tag for tag, _, _ in faults]
    acts = [lambda connection, number: tagfaults.settle(connection, tagged.id, settled, now, number)]
    detail = {"ids": [tagged.id], **{fault: [tag for tag, of, _ in faults if of == fault] for fault in _FAULTS}}
    changes = [Patch(tagged.id, {"tags": fixed, **BY_HAND})] if verb == "fix" else []
    decision = Decision(tagfaults.KIND, verb, tagged.id, author, detail, acts=acts)
    version = stored.version if tagged.version is None else tagged.version
    return carried_out(changing, decision, changes, {tagged.id: version}, seen=tagged.version)


_FAULTS = ("missing", "wrong")


def _faults(told: Sequence[TagFault], tagged: Tagged, vocabulary: Vocabulary) -> list[TagFault]:
    """Return the faults that are decided about; raises DecisionConflict for a tag that is not told, or for none."""
    by_key = {name_key(tag): (tag, fault, likely) for tag, fault, likely in told}
    found = []
    for tag in tagged.tags:
        key = name_key(vocabulary.canonical(tag))
        if key not in by_key:
            raise DecisionConflict(
                f"the tag {tag[:80]!r} of product {tagged.id[:80]!r} is told neither as missing nor as wrong; look at "
                "`aisle audit --tags` or GET /v1/audit/tags again"
            )
        found.append(by_key[key])
    if not tagged.tags:
        found = [each for each in told if each[2] >= tagged.least]
    if not found:
        raise DecisionConflict(
            f"no tag of product {tagged.id[:80]!r} is told as missing or wrong with a probability of {tagged.least:g} "
            "or more; name tags, or a lower probability"
        )
    return list(dict.fromkeys(found))


def _fixed(now: Sequence[str], faults: Sequence[TagFault], product_id: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the tags of a product without the wrong and with the missing ones, in their order.

    Raises DecisionConflict where it has a missing one by now, or has a wrong one no more.
    """
    has = {name_key(vocabulary.canonical(tag)) for tag in now}
    for tag, fault, _ in faults:
        if (name_key(tag) in has) == (fault == "missing"):
            raise overtaken(product_id)
    wrong = {name_key(tag) for tag, fault, _ in faults if fault == "wrong"}
    kept = [tag for tag in now if name_key(vocabulary.canonical(tag)) not in wrong]
    return (*kept, *(tag for tag, fault, _ in faults if fault == "missing"))
