"""Who is in which group and family, with the ids that these had before, and which one of a group is best kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

import numpy as np

from indexer.live import Live
from indexer.store.records import Stored
from indexer.store.twins import Member
from service.duplicates.groups.grouping import Groups
from service.duplicates.groups.survivor import survivor
from service.duplicates.standing.naming import FAMILY, GROUP, named

Find = Callable[[Collection[int]], Mapping[int, Stored]]


def members_of(live: Live, groups: Groups, families: Groups, former: Sequence[Member], find: Find) -> Iterator[Member]:
    """Yield everybody who is in a group or family, in order of key, with the ids that most of them had before.

    former: as they were in the groups that these take the place of. find: returns stored products by key.
    """
    taken = live.records.twins.taken
    lists = _lists(groups)
    group = _ids(lists, named(lists, {each.key: each.group for each in former}, GROUP, taken))
    lists, grouped_keys = _lists(families), lists
    family = _ids(lists, named(lists, {each.key: each.family for each in former}, FAMILY, taken))
    kept: dict[int, tuple[str, ...]] = {}
    for keys in grouped_keys:
        if stored := find(keys):
            best = survivor({key: each.record.product for key, each in stored.items()})
            kept[best.key] = best.reasons
    for key in sorted(group.keys() | family.keys()):
        yield Member(key, group.get(key, ""), family.get(key, ""), key in kept, kept.get(key, ()))


def _ids(lists: Sequence[Sequence[int]], names: Sequence[str]) -> dict[int, str]:
    return {key: name for keys, name in zip(lists, names, strict=True) for key in keys}


def _lists(groups: Groups) -> list[list[int]]:
    """Return the keys of each group, ascending, in the order of their least."""
    order = np.lexsort((groups.keys, groups.group))
    keys, name = groups.keys[order], groups.group[order]
    starts = np.flatnonzero(np.diff(name, prepend=-1))
    return [some.tolist() for some in np.split(keys, starts[1:])] if len(keys) else []
