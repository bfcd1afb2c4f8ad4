"""What `aisle backup`, `verify` and `restore` say about their work."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from service.console.words import fact

if TYPE_CHECKING:
    from indexer.keeping.backup import Backup
    from indexer.keeping.restoring import Restored
    from indexer.keeping.verifying import Checked


def backup_report(backup: Backup, index: Path, where: Path) -> str:
    """Return what a backup holds, and what can be done with it."""
    size = sum(int(file["bytes"]) for file in backup.files.values())
    lines = [
        f"{where} is a backup of {index} up to change {backup.seq:,}",
        fact("products", f"{backup.counts.get('products', 0):,}"),
        fact("snapshot", backup.snapshot or "none that could be used; it is made again from the record store"),
        fact("size", f"{size / 1e6:,.1f} MB in {len(backup.files):,} files"),
        "next:",
        f"  aisle verify {where}",
        f"  aisle restore {where} --index NEW",
    ]
    return "\n".join(lines)


def checked_line(checked: Checked) -> str:
    """Return what a check of an index or a backup found, a line for each fault."""
    if not checked.faults:
        return f"{checked.what:<9} ok       {checked.found}"
    return "\n".join(f"{checked.what:<9} DAMAGED  {fault}" for fault in checked.faults)


def restore_report(done: Restored, index: Path, *, in_database: bool) -> str:
    """Return what was restored, what of it has to be made again, and what to do next."""
    seq = done.backup.seq if done.back is None else done.back.seq
    lines = [
        f"{index} holds {done.counts.products:,} products as they were after change {seq:,}",
        fact("snapshot", done.snapshot or f"none; make one with: aisle rebuild --index {index}"),
    ]
    if done.back is not None:
        said = f"{done.back.changed:,} products are as before, as changes {done.backup.seq + 1:,} to {done.back.last:,}"
        lines.append(fact("taken back", said if done.back.changed else "nothing had changed since"))
        if done.back.taxonomy is not None:
            lines.append(fact("taxonomy", f"the tree of then stands again, as version {done.back.taxonomy}"))
        if done.back.pictures:
            lines.append(fact("pictures", f"{done.back.pictures:,} are lost; their products say so"))
    if done.bare:
        lines.append(fact("encoding", f"{done.bare:,} products are encoded when the index is opened"))
    if done.let_in:
        said = f"the API keys and accounts of then ({done.let_in:,}); revoke again what was revoked since"
        lines.append(fact("let in", said))
    if in_database:
        lines.append(fact("store", "in the database; let AISLE_STORE name it wherever the index is used"))
    lines += ["next:", f"  aisle verify {index}", f"  aisle serve --index {index}"]
    return "\n".join(lines)
