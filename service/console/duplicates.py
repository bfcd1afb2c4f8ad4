"""The tables that `aisle duplicates` writes, and what it says about its work."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer.errors import SettingError
from indexer.live import Live
from service.console.table import Cells, Write, check_output, inert, open_table
from service.console.words import counted, fact
from service.duplicates.given import DECIMALS, Line
from service.duplicates.groups.scan import Scanned, chunks
from service.duplicates.groups.survivor import survivor
from service.duplicates.standing.naming import FAMILY, GROUP
from service.duplicates.verdicts.verdict import VERDICTS

COLUMNS = ("left_id", "right_id", "verdict", "probability", "group_id", "evidence")
GROUP_COLUMNS = ("group_id", "family_id", "id", "survivor", "reasons")
NUMBERS = ("probability",)
STDOUT = Path("-")
WEIGHED = 1_000
"""Members of a group among which its survivor is sought."""
PAGE = 2_000


@dataclass(slots=True)
class Written:
    """How many rows of pairs were written, by verdict; unknown: rows of a given list that could not be judged."""

    rows: int = 0
    unknown: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)


def check(out: Path) -> None:
    """Raise SettingError when no table can be written there; `-` is stdout, as CSV."""
    if out != STDOUT:
        check_output(out)


def write_pairs(found: Scanned, live: Live, out: Path, least: float, tell: Callable[[int], None]) -> Written:
    """Write the pairs of a scan that are as likely as `least` to be the same product; tell(n): n were looked at."""
    written, done = Written(), 0
    with _opened(out, COLUMNS) as write:
        for pairs, evidence in chunks(found):
            one, other = found.groups.of(pairs.left), found.groups.of(pairs.right)
            kept = np.flatnonzero(pairs.probability >= least).tolist()
            left, right = live.labels.ids(pairs.left), live.labels.ids(pairs.right)
            rows = [
                {
                    "left_id": left[row],
                    "right_id": right[row],
                    "verdict": VERDICTS[pairs.verdicts[row]],
                    "probability": round(float(pairs.probability[row]), DECIMALS),
                    "group_id": group_name(int(one[row])) if one[row] == other[row] else "",
                    "evidence": "; ".join(evidence[row]),
                }
                for row in kept
            ]
            write(rows)
            written.rows += len(rows)
            written.verdicts.update(str(row["verdict"]) for row in rows)
            done += len(pairs)
            tell(done)
    return written


def write_given(lines: Iterator[list[Line]], columns: Sequence[str], out: Path) -> Written:
    """Write the rows of a given list with what was found; columns: of the list."""
    written = Written()
    added = COLUMNS[2:]
    with _opened(out, (*columns, *(name for name in added if name not in columns)), added) as write:
        for some in lines:
            write([{**line.fields, **_added(line)} for line in some])
            written.rows += len(some)
            written.unknown += sum(not line.verdict for line in some)
            written.verdicts.update(line.verdict for line in some if line.verdict)
    return written


def write_groups(found: Scanned, live: Live, out: Path) -> int:
    """Write who is in a group or a family, group after group, with the survivor of each group; return the rows."""
    keys = np.union1d(found.groups.keys, found.families.keys)
    group, family = found.groups.of(keys), found.families.of(keys)
    order = np.lexsort((keys, group, family))
    keys, group, family = keys[order], group[order], family[order]
    edges = np.flatnonzero((np.diff(group, prepend=-2) != 0) | (group < 0))
    with _opened(out, GROUP_COLUMNS) as write:
        for start, end in _pages(edges, len(keys)):
            rows = slice(start, end)
            kept = _survivors(keys[rows], group[rows], live)
            write(
                [
                    {
                        "group_id": group_name(one),
                        "family_id": family_name(other),
                        "id": name,
                        "survivor": "" if one < 0 else "true" if key in kept else "false",
                        "reasons": "; ".join(kept.get(key, ())),
                    }
                    for key, one, other, name in zip(
                        keys[rows].tolist(),
                        group[rows].tolist(),
                        family[rows].tolist(),
                        live.labels.ids(keys[rows]),
                        strict=True,
                    )
                ]
            )
    return len(keys)


def group_name(group: int) -> str:
    """Return the id of the group that is named by a key, "" for none."""
    return f"{GROUP}{group}" if group >= 0 else ""


def family_name(family: int) -> str:
    """Return the id of the family that is named by a key, "" for none."""
    return f"{FAMILY}{family}" if family >= 0 else ""


def duplicates_report(found: Scanned, written: Written, out: Path | None, groups: str) -> str:
    """Return what a scan found, with counts that add up."""
    sizes = np.unique(found.groups.group, return_counts=True)[1]
    families = len(np.unique(found.families.group))
    lines = [
        f"{counted(found.products, 'product')} looked through, {counted(found.compared, 'pair')} judged",
        *([fact("written", f"{counted(written.rows, 'pair')} to {_shown(out)}{_counts(written)}")] if out else []),
        fact("groups", f"{len(sizes):,} of {int(sizes.sum()):,} products; {int((sizes - 1).sum()):,} could go"),
        fact("families", f"{families:,} of {len(found.families.keys):,} products that are variants of each other"),
    ]
    return "\n".join([*lines, *([fact("members", groups)] if groups else [])])


def given_report(written: Written, out: Path) -> str:
    """Return what became of a list of pairs, with counts that add up."""
    scored, read = written.rows - written.unknown, counted(written.rows, "pair")
    return "\n".join(
        [
            f"{read} read: {scored:,} scored, {written.unknown:,} unknown, with the reason in evidence",
            fact("written", f"to {_shown(out)}{_counts(written)}"),
        ]
    )


def train_report(learnt: Counter[str], index: Path) -> str:
    """Return what was learnt from."""
    said = ", ".join(f"{learnt[name]:,} {name}" for name in VERDICTS if learnt[name])
    return "\n".join(
        [
            f"{counted(learnt.total(), 'decision')} about pairs learnt and kept in {index}: {said}",
            "next:",
            f"  aisle duplicates --index {index} -o pairs.csv",
        ]
    )


def _counts(written: Written) -> str:
    said = ", ".join(f"{written.verdicts[name]:,} {name}" for name in VERDICTS if written.verdicts[name])
    return f": {said}" if said else ""


def _shown(out: Path) -> str:
    return "stdout" if out == STDOUT else str(out)


def _added(line: Line) -> Cells:
    return {
        "verdict": line.verdict,
        "probability": line.probability,
        "group_id": group_name(line.group),
        "evidence": "; ".join(line.evidence),
    }


def _pages(edges: npt.NDArray[np.int64], size: int) -> Iterator[tuple[int, int]]:
    """Yield stretches of whole groups, of about PAGE rows each."""
    start = 0
    for edge in [*edges[1:].tolist(), size]:
        if edge - start >= PAGE or edge == size:
            if edge > start:
                yield start, edge
            start = edge


def _survivors(keys: npt.NDArray[np.int64], group: npt.NDArray[np.int64], live: Live) -> dict[int, tuple[str, ...]]:
    """Return the survivor of each group among some rows, with its reasons."""
    members: dict[int, list[int]] = {}
    for key, one in zip(keys.tolist(), group.tolist(), strict=True):
        some = members.setdefault(one, [])
        if one >= 0 and len(some) < WEIGHED:
            some.append(key)
    stored = live.records.by_keys([key for some in members.values() for key in some])
    kept: dict[int, tuple[str, ...]] = {}
    for some in members.values():
        if products := {key: stored[key].record.product for key in some if key in stored}:
            best = survivor(products)
            kept[best.key] = best.reasons
    return kept


@contextmanager
def _opened(out: Path, columns: Sequence[str], own: Sequence[str] | None = None) -> Iterator[Write]:
    if out != STDOUT:
        with open_table(out, columns, NUMBERS, own=own) as write:
            yield write
        return
    rows = csv.DictWriter(sys.stdout, columns, restval="", extrasaction="ignore", lineterminator="\n")
    rows.writeheader()
    yield lambda some: rows.writerows(inert(some, own or columns))
    sys.stdout.flush()


def in_place(source: Path) -> Path:
    """Return a list's own name as the one to write. Raises SettingError when a table cannot take its place."""
    if source.is_dir() or source.suffix.lower() == ".gz":
        raise SettingError(f"{source} cannot be replaced by a table; name the file to write, as in -o scored.csv")
    check_output(source)
    return source
