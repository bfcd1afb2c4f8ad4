"""What a change of the tree does, and its history: as text for `aisle taxonomy`, as values for HTTP too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from indexer.store.relabelling import Shift
    from indexer.store.taxonomies import Effect, Version

SHOWN = 20
"""Categories and shifts that a text names."""
PATHS = 1_000
"""Categories of another path that values list; `categories` counts them all."""


def effect_facts(effect: Effect, *, preview: bool) -> dict[str, Any]:
    """Return what changes did, or would do, as JSON has it."""
    return {
        "preview": preview,
        "taxonomy": {"number": effect.number, "version": effect.tree.version},
        "undoes": effect.undoes,
        "seq": effect.seq,
        "changes": [change.to_json() for change in effect.changes],
        "categories": len(effect.paths),
        "paths": [{"id": each.id, "before": each.before, "after": each.after} for each in effect.paths[:PATHS]],
        "products": {
            "renamed": effect.renamed,
            "relabelled": effect.relabelled,
            "unlabelled": effect.unlabelled,
        },
        "shifts": [_shift(each) for each in effect.shifts],
        "examples": list(effect.examples),
        "conflicts": list(effect.conflicts),
        "unmatched": list(effect.unmatched),
    }


def history_facts(version: Version) -> dict[str, Any]:
    """Return one version of the tree as JSON has it."""
    return {
        "number": version.number,
        "version": version.fingerprint,
        "at": version.at,
        "author": version.author,
        "changes": list(version.changes),
        "names": dict(version.names),
        "undoes": version.undoes,
        "undone": version.undone,
        "restored": version.restored,
        "relabelled": version.relabelled,
        "unlabelled": version.unlabelled,
    }


def effect_lines(effect: Effect, *, preview: bool) -> Iterator[str]:
    """Yield what changes did, or would do."""
    made = f"taxonomy version {effect.number}"
    what = f"takes back version {effect.undoes}" if effect.undoes else "is made"
    yield f"a preview, nothing is changed: {made} {what}" if preview else f"{made} {what}"
    for path in effect.paths[:SHOWN]:
        yield f"  {path.before or '(new)'}  ->  {path.after or '(gone)'}"
    yield from _more(len(effect.paths), "categories")
    for shift in effect.shifts[:SHOWN]:
        where = f"{shift.path or '(no category)'} -> {shift.to_path or '(no category)'}"
        yield f"  {_counted(shift.products)}  {where}"
    yield from _more(len(effect.shifts), "such moves")
    yield (
        f"  products: {effect.renamed:,} in categories that are called otherwise, {effect.relabelled:,} in another "
        f"one, {effect.unlabelled:,} of them in none"
    )
    if effect.examples:
        yield f"  without a category: {', '.join(effect.examples)}"
    for unmatched in effect.unmatched:
        yield f"  no product fits: {unmatched}"
    for conflict in effect.conflicts:
        yield f"  left out: {conflict}"


def history_lines(versions: Sequence[Version]) -> Iterator[str]:
    """Yield the versions of a tree, the oldest first."""
    if not versions:
        yield "version 1, as it was built; nobody has changed it"
    for version in versions:
        by = f" by {version.author}" if version.author else ""
        undone = f", taken back by version {version.undone}" if version.undone else ""
        yield f"version {version.number}  {version.at}{by}  {version.fingerprint}{undone}"
        if version.undoes:
            yield f"  takes back version {version.undoes}"
        elif version.restored:
            yield f"  as version {version.restored} was, which a restore put back"
        elif not version.changes:
            yield "  as it was built or given"
        for change in version.changes:
            yield f"  {_change(change, version.names)}"
        if version.relabelled:
            yield f"  {version.relabelled:,} products got another category, {version.unlabelled:,} of them none"


def _change(change: Mapping[str, Any], names: Mapping[str, str]) -> str:
    def name(node_id: str | None) -> str:
        return "the top" if node_id is None else repr(names.get(node_id, node_id))

    node = name(change.get("node"))
    match change["change"]:
        case "rename":
            return f"rename {node} to {change['name']!r}"
        case "move":
            return f"move {node} to {name(change['parent'])}"
        case "merge":
            return f"merge {', '.join(map(name, change['nodes']))} into {name(change['into'])}"
        case "split":
            return f"split {node}: {', '.join(repr(part['name']) for part in change['parts'])}"
    return f"retire {node}, its products {f'to {name(to)}' if (to := change.get('to')) else 'to no category'}"


def _more(count: int, what: str) -> Iterator[str]:
    if count > SHOWN:
        yield f"  and {count - SHOWN:,} more {what}"


def _counted(products: int) -> str:
    return "1 product" if products == 1 else f"{products:,} products"


def _shift(shift: Shift) -> dict[str, Any]:
    ends = ((shift.node, shift.path), (shift.to, shift.to_path))
    before, after = ({"id": node, "path": path} if node else None for node, path in ends)
    return {"before": before, "after": after, "products": shift.products}
