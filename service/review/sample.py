"""How many of the `auto` answers are right: estimated by the sample of them that people looked at.

Whether an answer is in the sample follows from its id, which is a hash: nobody chooses it, it is the same in every
process, and a larger share holds the smaller. An answer was right when it was accepted, or when only a category below
the one that was answered is finer; it was wrong when it was corrected or made coarser. The interval is Wilson's.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from indexer.store.predictions import Predictions, Wanted
from service.evaluation.measures import wilson

AUTO = "auto"
RIGHT = ("accept", "finer")
WRONG = ("correct", "coarser")


@dataclass(frozen=True, slots=True)
class Sampled:
    """What the sample says. share: of the `auto` answers; sampled: how many that are; decided, right: of these."""

    share: float
    sampled: int
    decided: int
    right: int

    def told(self) -> dict[str, Any]:
        """Return it as JSON tells it; the precision is null where nothing was decided."""
        low, high = wilson(self.right, self.decided)
        return {
            "share": self.share,
            "sampled": self.sampled,
            "decided": self.decided,
            "right": self.right,
            "precision": round(self.right / self.decided, 6) if self.decided else None,
            "interval": [round(low, 6), round(high, 6)],
        }


def sample_of(predictions: Predictions, wanted: Wanted, share: float) -> Sampled:
    """Return what a share of the wanted `auto` answers says of all of them."""
    those = replace(wanted, decision=AUTO, sample=share, decided=None, action="")
    said = predictions.tally(None, those).get("", Counter())
    right, wrong = (sum(said[name] for name in names) for names in (RIGHT, WRONG))
    return Sampled(share, predictions.count(those), right + wrong, right)
