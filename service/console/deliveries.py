"""What `aisle add`, `sync` and `remove` say about their work, as plain text and as counts for programs."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from service.console.progress import seconds
from service.console.words import MISNUMBERED, UNPRICED, commonest, fact, one_line

if TYPE_CHECKING:
    from indexer.intake.delivery import Delivered


FLAGGED = 20
"""Products that are named as possible duplicates."""
JOINED = 5
"""Categories that are named as new to the tree."""


def delivery_counts(delivered: Delivered) -> dict[str, int | bool]:
    """Return every count of a delivery: read = indexed + skipped + quarantined, indexed = the four that follow."""
    rows, differences = delivered.rows, delivered.differences
    return {
        "read": rows.read,
        "indexed": rows.indexed,
        "skipped": rows.skipped,
        "quarantined": rows.quarantined,
        "added": differences["added"],
        "changed": differences["changed"],
        "relabelled": differences["relabelled"],
        "unchanged": differences["unchanged"],
        "deleted": delivered.deleted,
        "held": delivered.held,
        "encoded": delivered.encoded,
        "flagged": len(delivered.remarks),
        "joined": len(delivered.joined),
        "preceded": delivered.preceded,
        "seq": delivered.seq,
        "dry_run": delivered.dry,
    }


def delivery_report(delivered: Delivered, index: Path, quarantine: Path) -> str:
    """Return what a delivery did, or would do, with counts that add up."""
    from indexer.sources import CODES

    rows, differences = delivered.rows, delivered.differences
    took = f"in {seconds(delivered.seconds)}"
    parts = [f"{getattr(rows, name):,} {name}" for name in ("indexed", "skipped", "quarantined") if getattr(rows, name)]
    lines = [
        f"{index} would change so; nothing was written, {took}" if delivered.dry else f"{index} is up to date {took}",
        fact("rows", f"{rows.read:,} read = {' + '.join(parts) or '0 indexed'}"),
        fact("added", f"{differences['added']:,}"),
        fact("changed", f"{differences['changed']:,}"),
        fact("relabelled", f"{differences['relabelled']:,} with nothing new but the label"),
        fact("unchanged", f"{differences['unchanged']:,}"),
        fact("deleted", f"{delivered.deleted:,} of {delivered.stored:,}" + _much(delivered)),
    ]
    if delivered.preceded:
        keep = "would keep" if delivered.dry else "keep"
        lines.append(
            fact(
                "labels",
                f"{delivered.preceded:,} {keep} what a person said, not SOURCE; --provenance human replaces it",
            )
        )
    lines += _flagged(delivered) + _joined(delivered)
    if delivered.refused:
        lines.append(fact("refused", delivered.refused))
    if delivered.held:
        lines.append(
            fact(
                "held back",
                f"{delivered.held:,} that the source lacks are not deleted: {delivered.nameless:,} of its rows have no "
                "id that can be read, and may be theirs",
            )
        )
    if rows.quarantined:
        where = "" if delivered.dry else f", each with its reason, in {quarantine}"
        lines.append(fact("quarantine", f"{rows.quarantined:,} rows{where}; what is stored under their ids stays"))
        meant = {code: f"{code}: {CODES.get(code, code)}" for code in rows.by_code}
        lines += commonest(Counter({meant[code]: count for code, count in rows.by_code.items()}))
    if rows.unpriced:
        lines.append(fact("left out", UNPRICED.format(rows.unpriced)))
    if rows.misnumbered:
        lines.append(fact("GTIN", MISNUMBERED.format(rows.misnumbered)))
    if delivered.pictures and delivered.pictures.unread:
        unread = delivered.pictures.unread
        lines += [fact("unread", f"{unread.total():,} images, each with its reason beside the product")]
        lines += commonest(unread)
    if not delivered.dry:
        lines.append(fact("encoded", f"{delivered.encoded:,} texts; what was encoded before is kept"))
    lines.append(
        fact("seq", f"{delivered.seq:,} is the place in the journal{'' if delivered.dry else ' of the last change'}")
    )
    return "\n".join(lines)


def removal_report(index: Path, removed: int, missing: int, seq: int) -> str:
    """Return what became of products that were to be removed."""
    lines = [
        f"{index} holds {removed:,} products less",
        fact("missing", f"{missing:,} ids are not stored"),
        fact("seq", f"{seq:,} is the place in the journal of the last change"),
    ]
    return "\n".join(lines)


def _much(delivered: Delivered) -> str:
    """Return how large a share is deleted, where it is any."""
    return f" ({delivered.deleted / delivered.stored:.1%})" if delivered.deleted else ""


def _joined(delivered: Delivered) -> list[str]:
    """Return which categories the tree lacked, JOINED of them, and what to do where they are of another tree."""
    if not delivered.joined:
        return []
    join, more = "would join" if delivered.dry else "joined", len(delivered.joined) - JOINED
    return [
        fact(
            "categories",
            f"{len(delivered.joined):,} that the tree lacked {join} it{f', {more:,} not shown' if more > 0 else ''}",
        ),
        *(fact("", one_line(path)) for path in delivered.joined[:JOINED]),
        fact(
            "",
            "the supplier's own? --map foreign_category=COLUMN reads them so, --mapping FILE places them",
        ),
    ]


def _flagged(delivered: Delivered) -> list[str]:
    """Return which products are stored that may be duplicates, FLAGGED of them, each with the likeliest."""
    names = [
        f"{one_line(name)} may be {one_line(said[0].id)}: {said[0].verdict}, {said[0].probability:.2f}"
        for name, said in islice(delivered.remarks.items(), FLAGGED)
    ]
    if not names:
        return []
    more = len(delivered.remarks) - len(names)
    shown = f", {more:,} not shown" if more else ""
    count = fact("flagged", f"{len(delivered.remarks):,} that may be stored already{shown}")
    return [count, *(fact("", name) for name in names)]
