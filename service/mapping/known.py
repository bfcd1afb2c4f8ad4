"""What stored labels say that foreign categories mean, as a service answers from it: counted anew now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from service.engine import Engine
from service.mapping.ballots import Ballots
from service.mapping.learning import hear_labels
from service.mapping.meaning import meaning_of
from taxonomy.foreign import Meaning
from taxonomy.likeness import Likeness
from taxonomy.tree import Tree

REFRESH_SECONDS = 60.0
"""For how long a count stands at least although products have changed; a change of the tree is seen at once."""
REST = 20.0
"""How many times as long as counting took it stands: a million products take some ten seconds."""


@dataclass(frozen=True, slots=True)
class _Counted:
    seq: int
    until: float
    tree: Tree
    ballots: Ballots
    likeness: Likeness


class Known:
    """Answers from any thread; one of them counts while the others wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted: _Counted | None = None

    def meanings(self, engine: Engine, texts: Sequence[str]) -> tuple[Tree, list[Meaning | None]]:
        """Return what each foreign category means, None for one that no product carries, and the tree of the paths."""
        with self._lock:
            counted = self._counted = self._current(engine)
        ballots = [counted.ballots.known(text) for text in texts]
        return counted.tree, [
            None if ballot is None else meaning_of(ballot, counted.tree, counted.likeness) for ballot in ballots
        ]

    def _current(self, engine: Engine) -> _Counted:
        known, seq, tree, now = self._counted, engine.live.records.seq(), engine.tree, time.monotonic()
        if known is not None and known.tree.version == tree.version:
            if known.seq == seq or now < known.until:
                return known
            likeness = known.likeness
        else:
            likeness = Likeness(tree)
        ballots = Ballots()
        for _ in hear_labels(engine.live.records, tree, ballots):
            pass  # who has no label is not asked here
        done = time.monotonic()
        return _Counted(seq, done + max(REFRESH_SECONDS, REST * (done - now)), tree, ballots, likeness)
