"""What becomes of decisions that come from a file, one after the other, each by itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from indexer.sources.rows import Problem


class Made(NamedTuple):
    """A decision: what it was called, and its number."""

    action: str
    number: int


Done = Made | Problem | Literal["unchanged", "skipped"]
"""What became of one: decided, refused, said so already, or nothing was said."""


@dataclass(slots=True)
class Tally:
    """What became of all: `read` is the sum of the others. decisions: numbers of the first and the last, 0 for none."""

    read: int = 0
    made: int = 0
    unchanged: int = 0
    skipped: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    decisions: tuple[int, int] = (0, 0)

    @property
    def refused(self) -> int:
        """How many nothing could be made of."""
        return self.problems.total()

    def count(self, done: Done) -> None:
        """Count one that was read."""
        self.read += 1
        if isinstance(done, Problem):
            self.problems[done.code] += 1
        elif isinstance(done, Made):
            self.made += 1
            self.actions[done.action] += 1
            self.decisions = (self.decisions[0] or done.number, done.number)
        elif done == "unchanged":
            self.unchanged += 1
        else:
            self.skipped += 1
