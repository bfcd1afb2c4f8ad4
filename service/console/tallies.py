"""What became of decisions that came from a file, as the command line tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from service.console.words import counted, fact
from service.feedback.tally import Tally


@dataclass(frozen=True, slots=True)
class Wording:
    """How a kind of file is told of.

    unit: what one is. made: what a decision did to it. unchanged, skipped: what is said behind these counts. undo: the
    command that takes a decision back.
    """

    unit: str
    made: str
    unchanged: str
    skipped: str
    undo: str


def tally_facts(tally: Tally, wording: Wording) -> dict[str, object]:
    """Return the counts as JSON tells them."""
    return {
        "read": tally.read,
        wording.made: tally.made,
        "unchanged": tally.unchanged,
        "skipped": tally.skipped,
        "refused": tally.refused,
        "actions": dict(tally.actions),
        "problems": dict(tally.problems),
        "decisions": list(tally.decisions),
    }


def tally_report(tally: Tally, wording: Wording, refusals: Path) -> str:
    """Return the counts, which add up, and where what was refused is told."""
    lines = [
        f"{counted(tally.read, wording.unit)} read",
        fact(wording.made, f"{tally.made:,}" + _named(": ", tally.actions)),
        fact("unchanged", f"{tally.unchanged:,}{wording.unchanged}"),
        fact("skipped", f"{tally.skipped:,}{wording.skipped}"),
        fact("refused", f"{tally.refused:,}" + (f", told in {refusals}" if tally.refused else "")),
        *(fact("", f"{many:,} {code.replace('_', ' ')}") for code, many in tally.problems.most_common()),
    ]
    if tally.made:
        first, last = tally.decisions
        lines.append(fact("decisions", f"{first:,} to {last:,}; each is taken back by `{wording.undo} NUMBER`"))
    return "\n".join(lines)


def _named(before: str, actions: Mapping[str, int]) -> str:
    said = ", ".join(f"{many:,} {name}" for name, many in sorted(actions.items(), key=lambda each: -each[1]))
    return before + said if said else ""
