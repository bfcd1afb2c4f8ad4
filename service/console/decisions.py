"""Decisions as the command line tells them: a table of many, a line for the one that was just made."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.store.decisions import Decided
from indexer.store.nominations import WAITED
from service.audit.audit import LABEL
from service.audit.deciding import Settled
from service.console.words import aligned, counted, minute, one_line

NAMED = 60
"""Characters of a subject that are printed."""


def decision_table(found: Sequence[Decided]) -> str:
    """Return one line for each decision, in the order given: who, when, what, and whether it was taken back."""
    if not found:
        return "nothing is decided yet"
    cells = [
        (
            str(each.number),
            minute(each.at),
            one_line(each.author) or "-",
            each.kind,
            each.action if "undoes" not in each.detail else f"{each.action} {each.detail['undoes']}",
            _stands(each),
            one_line(each.subject)[:NAMED],
        )
        for each in found
    ]
    return "\n".join(aligned([("number", "at", "by", "about", "decided", "stands", "subject"), *cells]))


def pair_line(decided: Decided) -> str:
    """Return what was decided about two products, and what a merge did."""
    one, other = decided.detail["ids"]
    line = f"decision {decided.number}: {one_line(one)} and {one_line(other)}: {decided.action}"
    if decided.action != "merge":
        return line
    (gone,) = map(one_line, decided.detail["merged"])
    kept = f"{gone} is deleted, {one_line(decided.detail['survivor'])} is kept"
    filled = f" and gets {', '.join(decided.detail['filled'])}" if decided.detail["filled"] else ""
    spare = decided.detail["left_out"]
    left = f"; {counted(spare, 'spec')} left out, a product holds no more" if spare else ""
    return f"{line}, {kept}{filled}{left}"


def nomination_line(decided: Decided) -> str:
    """Return what was put into the review queue, what waited there already, and what is not stored."""
    ids, waited, missing = (decided.detail[name] for name in ("ids", WAITED, "missing"))
    line = f"decision {decided.number}: {counted(len(ids) - len(waited), 'product')} put into the review queue"
    waiting = f", {len(waited):,} waited there already" if waited else ""
    return line + waiting + (f"; not stored: {', '.join(map(one_line, missing))}" if missing else "")


def prediction_line(settled: Settled) -> str:
    """Return what was decided about an answer, and what its product got."""
    decided, detail = settled.decided, settled.decided.detail
    line = f"decision {decided.number}: {decided.action} {one_line(decided.subject)}"
    if not detail["ids"]:
        return f"{line}; it waits for others"
    return f"{line}, {one_line(detail['ids'][0])} is {one_line(detail['category']) or 'tagged'}"


def audit_line(settled: Settled) -> str:
    """Return what was decided about labels or tags, and what that changed."""
    decided, changed = settled.decided, len(settled.written)
    line = f"decision {decided.number}: {decided.action} {one_line(decided.subject)}"
    if decided.kind == LABEL:
        return f"{line}, {counted(changed, 'label')} changed"
    verbs = ("add", "remove") if decided.action == "fix" else ("do without", "keep")
    told = zip(verbs, ("missing", "wrong"), strict=True)
    said = [
        f"{verb} {', '.join(map(one_line, decided.detail[fault]))}" for verb, fault in told if decided.detail[fault]
    ]
    return f"{line}: {'; '.join(said)}"


def _stands(decided: Decided) -> str:
    return "yes" if decided.undone_at is None else f"undone {minute(decided.undone_at)}"
