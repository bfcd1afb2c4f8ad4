"""What becomes of pairs, groups and families when some products changed: these, and what hangs together with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from indexer.live import Live
from indexer.store.twins import Kind, Member, Regrouped, Twin
from indexer.vectors import Keys
from service.duplicates.groups.families import between, of_members, with_copies
from service.duplicates.groups.grouping import ALWAYS, NEVER, Floats, Linkage, Scores, grouped
from service.duplicates.groups.survivor import MEASURES
from service.duplicates.standing.loaded import Loaded
from service.duplicates.standing.members import members_of
from service.duplicates.standing.nearby import Near, nearby
from service.duplicates.standing.said import COPY, Pair, Said, by_key, settled_twin, twin_of
from service.duplicates.verdicts.judging import JOINABLE, Judging
from service.duplicates.verdicts.stock import Known, Stock
from service.duplicates.verdicts.verdict import DIFFERENT, IDENTICAL, SAME, VARIANT, VERDICTS

PAIRS = 2_000
"""Pairs that are judged at a time, while changes wait."""


class Regrouping:
    """One update; it only reads. Keys are plain numbers here: few products are looked at, however many there are."""

    def __init__(self, live: Live, near: Near, groups: Linkage, families: Linkage, known: Known | None = None) -> None:
        self.live, self.near, self.groups, self.families = live, near, groups, families
        self.twins = live.records.twins
        self.loaded = Loaded(live)
        self._known = known
        self._settled: dict[Pair, int] = {}
        self._asked_of = set[int]()

    @cached_property
    def judging(self) -> Judging:
        """What judges pairs, from products as they were loaded."""
        made = Judging.of(self.live)
        made.plausible = JOINABLE
        made.stock = Stock(self.live.records, self.loaded.get, self._known)
        return made

    def copies(self, touched: set[int]) -> Regrouped | None:
        """Return what is to be said where all that came are copies of stored products that are in a group already.

        They join it, and nobody else of it is read. None where more may come of what changed: then see `of`. A copy
        whose label counts for more, or less, may change who survives.
        """
        first = self.loaded.represent(sorted(touched))
        stands = set(first.values())
        if not touched or touched != first.keys() or stands & touched or self.twins.of(touched):
            return None
        there, stored = self.twins.memberships(touched | stands), self.loaded.get(sorted(touched | stands))
        if there.keys() & touched or not all(key in there and there[key].group for key in stands):
            return None
        weighed = {
            key: [measure(each.record.product) for measure, _ in MEASURES.values()] for key, each in stored.items()
        }
        if any(weighed[key] != weighed[one] for key, one in first.items()):
            return None
        pairs = [twin_of(one, key, IDENTICAL, 1.0, 0.0, (COPY,)) for key, one in sorted(first.items()) if one < key]
        joined = [Member(key, there[one].group, there[one].family) for key, one in sorted(first.items())]
        return Regrouped(touched, pairs, touched, joined) if len(pairs) == len(touched) else None

    def of(self, touched: set[int]) -> Regrouped:
        """Return what is to be said once products, by key, have changed or are gone."""
        touched = touched | self._newly_copies(touched)
        asked, copied = self._asked(touched)
        judged = touched | asked
        before = {(twin.left, twin.right) for twin in self.twins.of(judged)}
        found = nearby(self.live, self.loaded, asked, self.near, self.judging.surroundings)
        pairs = self._standing_for(found | before)
        new = self._linked(self._judge(pairs | set(self._said(judged))))
        new |= {pair: twin_of(*pair, IDENTICAL, 1.0, 0.0, (COPY,)) for pair in copied}
        around = {key for pair in (*before, *new) for key in pair} | judged
        known, former = self._around(around, judged, new)
        members, more = self._grouped(known, around | former.keys(), [former[key] for key in sorted(former)])
        regrouped = {member.key for member in members} | former.keys() | around
        return Regrouped(judged, list({**self._linked(more), **new}.values()), regrouped, members)

    def _newly_copies(self, touched: set[int]) -> set[int]:
        """Return who stood for itself, and is a copy now of one that changed."""
        self.loaded.represent(sorted(touched))
        stands = {copy: key for key in touched for copy in self.loaded.copies(key)}
        pairs = [(twin.left, twin.right) for twin in self.twins.of(stands)]
        own = {key for pair in pairs for key in pair if key in stands and set(pair) != {key, stands[key]}}
        return own | (stands.keys() - {key for pair in pairs for key in pair})

    def _asked(self, touched: set[int]) -> tuple[set[int], set[Pair]]:
        """Return whose neighbours are looked for, and copies beside the first of their content.

        These are what changed and, where others were copies of that, who stands for them now.
        """
        stars = [
            twin for twin in self.twins.of(touched) if twin.verdict == VERDICTS[IDENTICAL] and twin.left in touched
        ]
        first = self.loaded.represent(sorted(touched | {twin.right for twin in stars}))
        copied = {(min(key, stands), max(key, stands)) for key, stands in first.items() if key != stands}
        asked = {key for key in touched if first.get(key) == key}
        orphans = {first[twin.right] for twin in stars if first.get(twin.right, twin.left) != twin.left}
        return asked | orphans, copied

    def _standing_for(self, pairs: Iterable[Pair]) -> set[Pair]:
        """Return pairs of those who stand for all of their content."""
        pairs = list(pairs)
        first = self.loaded.represent(sorted({key for pair in pairs for key in pair}))
        named = ((first[left], first[right]) for left, right in pairs if left in first and right in first)
        return {(min(pair), max(pair)) for pair in named if pair[0] != pair[1]}

    def _said(self, keys: Iterable[int]) -> Said:
        """Return what people said of pairs in which one of `keys` is, where both are stored."""
        asked = set(keys)
        if new := asked - self._asked_of:
            ids = [stored.record.product.id for stored in self.loaded.get(sorted(new)).values()]
            self._settled.update(by_key(self.live, self.twins.settled(ids)) if ids else {})
            self._asked_of |= new
        return {pair: verdict for pair, verdict in self._settled.items() if not asked.isdisjoint(pair)}

    def _judge(self, pairs: Collection[Pair]) -> dict[Pair, Twin]:
        """Return pairs as a person or the machine judges them, without those of which one is gone."""
        said = self._said({key for pair in pairs for key in pair})
        made = {pair: settled_twin(pair, said[pair]) for pair in pairs if pair in said}
        rest = np.array(sorted(set(pairs) - made.keys()), np.int64).reshape(-1, 2)
        for start in range(0, len(rest), PAIRS):
            some = rest[start : start + PAIRS]
            with self.live.reading():
                some = some[_there(self.live, some)]
                found = self.judging.stored(some[:, 0], some[:, 1])
                rows = np.flatnonzero(found.verdicts != DIFFERENT).tolist()
                told = dict(zip(rows, found.tell(rows), strict=True))
            columns = (some, found.verdicts, found.probability, found.variant)
            for row, (pair, *told_of_it) in enumerate(zip(*(each.tolist() for each in columns), strict=True)):
                verdict, probability, variant = told_of_it
                made[pair[0], pair[1]] = twin_of(pair[0], pair[1], verdict, probability, variant, told.get(row, ()))
        return made

    def _around(
        self, around: set[int], judged: set[int], new: Mapping[Pair, Twin]
    ) -> tuple[dict[Pair, Twin], dict[int, Member]]:
        """Return every pair that hangs together with `around`, and by key all members of its former groups."""
        known, former = dict(new), dict[int, Member]()
        seen, frontier = set[int](), set(around)
        while frontier:
            seen |= frontier
            for twin in self.twins.of(frontier):
                if not {twin.left, twin.right} & judged:
                    known[twin.left, twin.right] = twin
            was = self.twins.memberships(frontier).values()
            for kind, ids in _KINDS:
                former |= {member.key: member for member in self.twins.together({ids(each) for each in was}, kind)}
            linked = (pair for pair, twin in known.items() if _related(twin) >= self._least)
            reached = {key for pair in linked if not seen.isdisjoint(pair) for key in pair}
            frontier = (reached | former.keys()) - seen
        return known, former

    @property
    def _least(self) -> float:
        return min(self.groups.least, self.families.least)

    def _linked(self, twins: Mapping[Pair, Twin]) -> dict[Pair, Twin]:
        """Return the pairs that are kept: those not different, and those by which groups may hang together."""
        least = self._least
        return {
            pair: twin for pair, twin in twins.items() if twin.verdict != VERDICTS[DIFFERENT] or _related(twin) >= least
        }

    def _grouped(
        self, known: Mapping[Pair, Twin], keys: Iterable[int], former: Sequence[Member]
    ) -> tuple[list[Member], dict[Pair, Twin]]:
        """Return the members of all groups among `keys`, and pairs that were judged on the way."""
        every = sorted({key for pair in known for key in pair}.union(keys))
        first, said = self.loaded.represent(every), self._said(every)
        pairs = {pair: twin for pair, twin in known.items() if all(first.get(key) == key for key in pair)}
        said = {pair: verdict for pair, verdict in said.items() if all(first.get(key) == key for key in pair)}
        more: dict[Pair, Twin] = {}

        def judge(weight: Callable[[Twin], float], left: Keys, right: Keys) -> Floats:
            asked = list(zip(left.tolist(), right.tolist(), strict=True))
            found = self._judge(asked)
            more.update(found)
            return np.array([weight(found[pair]) if pair in found else 0.0 for pair in asked], np.float32)

        same = _scores(pairs, _probability, said, (IDENTICAL, SAME))
        groups = grouped(same, partial(judge, _probability), self.groups)
        related = _scores(pairs | more, _related, said, (IDENTICAL, SAME, VARIANT))
        families = grouped(between(groups, related, self.families.least), partial(judge, _related), self.families)
        columns = _columns(first)
        found = with_copies(groups, *columns), of_members(families, groups, *columns)
        return list(members_of(self.live, *found, former, self.loaded.get)), more


_KINDS: tuple[tuple[Kind, Callable[[Member], str]], ...] = (
    ("duplicates", lambda member: member.group),
    ("variants", lambda member: member.family),
)


def _probability(twin: Twin) -> float:
    return twin.probability


def _related(twin: Twin) -> float:
    return min(1.0, twin.probability + twin.variant)


def _scores(
    pairs: Mapping[Pair, Twin], weight: Callable[[Twin], float], said: Said, joining: Collection[int]
) -> Scores:
    """Return pairs as grouping takes them; what people said joins two products for good, or parts them."""
    weights = {pair: weight(twin) for pair, twin in pairs.items()}
    weights |= {pair: ALWAYS if verdict in joining else NEVER for pair, verdict in said.items()}
    keys = np.array(sorted(weights), np.int64).reshape(-1, 2)
    return Scores.of(keys[:, 0], keys[:, 1], np.array([weights[pair] for pair in sorted(weights)], np.float32))


def _columns(first: Mapping[int, int]) -> tuple[Keys, Keys]:
    """Return the keys, ascending, and who stands for each."""
    keys = np.array(sorted(first), np.int64)
    return keys, np.array([first[key] for key in keys.tolist()], np.int64)


def _there(live: Live, pairs: Keys) -> npt.NDArray[np.bool_]:
    """Return which pairs of keys (n, 2) are both in memory: bool (n,)."""
    inside = pairs < live.labels.size
    known = inside & live.labels.known[np.where(inside, pairs, 0)]
    made: npt.NDArray[np.bool_] = known[:, 0] & known[:, 1]
    return made
