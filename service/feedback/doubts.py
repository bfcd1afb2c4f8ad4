"""How much a person could teach by looking at an answer: three doubts, and one number made of them. Pure.

    uncertainty    1 less the lead of the likeliest category over the next
    novelty        1 less the similarity of the nearest neighbour
    disagreement   the share of the neighbours' weight that stands elsewhere than the likeliest category

Each is from 0 to 1, and so is their weighted mean. An answer that found nothing to compare with is new and uncertain.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.answer import Answer

WEIGHTS = {"uncertainty": 0.6, "novelty": 0.2, "disagreement": 0.2}


@dataclass(frozen=True, slots=True)
class Doubts:
    """The doubts about one answer."""

    uncertainty: float
    novelty: float
    disagreement: float

    @property
    def score(self) -> float:
        """Return their weighted mean."""
        each = {"uncertainty": self.uncertainty, "novelty": self.novelty, "disagreement": self.disagreement}
        return round(sum(WEIGHTS[name] * doubt for name, doubt in each.items()), 6)


def doubts_of(answer: Answer) -> Doubts:
    """Return the doubts about an answer."""
    first, second, *_ = (*(each.probability for each in answer.alternatives), 0.0, 0.0)
    nearest = max((each.similarity for each in answer.neighbours), default=0.0)
    best = answer.alternatives[0].path if answer.alternatives else ""
    weight = sum(each.weight for each in answer.neighbours)
    elsewhere = sum(each.weight for each in answer.neighbours if each.path != best)
    return Doubts(
        uncertainty=_share(1 - (first - second)),
        novelty=_share(1 - nearest),
        disagreement=_share(elsewhere / weight) if weight > 0 else 0.0,
    )


def _share(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 6)
