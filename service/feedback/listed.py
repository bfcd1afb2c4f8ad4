"""Decisions that somebody lists in a table, a row for a prediction: carried out one after the other, each by itself.

    decided     as `decide_prediction` does it, with a number by which it is taken back
    unchanged   the same is said of it already, so a table that is given again changes nothing
    skipped     the row says nothing: its decision is empty
    refused     told with its reason; the others are decided all the same

The table has columns by the names of HELD; or it is one of `aisle classify` with `decision` and `decided_category`
added, or of `aisle predictions export` with its `action` and `decided_category` filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import get_args

from indexer.errors import DecisionConflict, MissingColumn, PredictionNotFound, ProductError, VersionConflict
from indexer.live import Live
from indexer.sources.listed import Listed
from indexer.sources.rows import Problem, Record
from indexer.store.decisions import AUTHOR_CHARS
from indexer.store.predictions import Kept
from indexer.store.reviews import OPEN
from service.audit.deciding import Changing
from service.feedback.deciding import Action, Verdict, decide_prediction, node_of, says_the_same
from service.feedback.tally import Done, Made, Tally
from service.formulas import restored
from taxonomy.vocabulary import split_tags

ACTIONS: tuple[Action, ...] = get_args(Action)
HELD = ("prediction", "decision", "category", "tags_added", "tags_removed", "product_id", "author")
OWN = dict(zip(HELD, HELD, strict=True))
"""The columns of a table by what they hold."""
CLASSIFIED = OWN | {
    "prediction": "aisle_prediction",
    "category": "decided_category",
    "product_id": "decided_product_id",
}
EXPORTED = CLASSIFIED | {"prediction": "id", "decision": "action"}
NEEDED = ("prediction", "decision")
REFUSED = (DecisionConflict, PredictionNotFound, ProductError, VersionConflict)


class DecisionList(Listed):
    """A file of decisions. Raises MissingColumn when nothing says about which prediction, or what is decided."""

    def layout(self) -> Mapping[str, str]:
        """Return which column holds what."""
        for layout in (EXPORTED, CLASSIFIED, OWN):
            if all(layout[name] in self.columns for name in NEEDED):
                return layout
        known = ", ".join(self.columns[:20]) or "none"
        raise MissingColumn(
            f"{self.source} does not say what is decided about which prediction: its columns are {known}; give it "
            "prediction and decision, or take a table of `aisle predictions export` and fill in its action"
        )


@dataclass(frozen=True, slots=True)
class Decider:
    """Carries out what rows say. author: of a row that names nobody."""

    changing: Changing
    layout: Mapping[str, str]
    author: str = ""

    def take(
        self, rows: Iterable[Record], refuse: Callable[[Record, Problem], None], tell: Callable[[int], None]
    ) -> Tally:
        """Carry out rows in their order; refuse(row, why) is told of each that is not, tell(n) how many were read."""
        tally = Tally()
        for row in rows:
            done = row.problem or self._taken(row)
            tally.count(done)
            if isinstance(done, Problem):
                refuse(row, done)
            tell(tally.read)
        return tally

    def _taken(self, row: Record) -> Done:
        """Return the decision that was made, or why there is none."""
        cells = {name: restored(row.fields.get(column, "").strip()) for name, column in self.layout.items()}
        if not cells["decision"]:
            return "skipped"
        verdict, author = _verdict(cells), cells["author"] or self.author
        if verdict is None:
            told = f"{cells['decision'][:80]!r} is no decision; write one of {', '.join(ACTIONS)}, or leave it empty"
            return Problem("unknown_decision", told)
        if len(author) > AUTHOR_CHARS:
            return Problem(
                "too_long", f"the author has {len(author):,} characters, the limit is {AUTHOR_CHARS}; cut it"
            )
        live = self.changing.live
        try:
            kept = live.records.predictions.get(cells["prediction"])
            if said_already(live, kept, verdict, author):
                return "unchanged"
            decided = decide_prediction(self.changing, kept, verdict, author).decided
            return Made(decided.action, decided.number)
        except REFUSED as error:
            code = "missing_prediction" if isinstance(error, PredictionNotFound) else "refused"
            return Problem(code, str(error))


def _verdict(cells: Mapping[str, str]) -> Verdict | None:
    """Return what a row says, None where its decision is none."""
    action = next((each for each in ACTIONS if each == cells["decision"].casefold()), None)
    if action is None:
        return None
    added, removed = split_tags(cells["tags_added"]), split_tags(cells["tags_removed"])
    return Verdict(action, cells["category"], added, removed, cells["product_id"])


def said_already(live: Live, kept: Kept, verdict: Verdict, author: str) -> bool:
    """Whether a decision about a prediction stands that says the same; of skip and unsure, by the same author.

    Raises DecisionConflict for a verdict that does not fit the answer.
    """
    if verdict.action in OPEN:
        return any((each.action, each.author) == (verdict.action, author) for each in kept.reviews)
    settled = kept.settled
    if settled is None or settled.action != verdict.action:
        return False
    node = None if verdict.action == "tags" else node_of(live.tree, kept, verdict)
    return says_the_same(live, settled, verdict, node)
