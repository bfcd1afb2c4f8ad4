"""Which id a group has: the one that most of it had before, so that whoever looks at groups finds them again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

GROUP, FAMILY = "g", "f"
"""What the ids of groups and of families begin with."""

Taken = Callable[[Collection[str]], Collection[str]]
"""Returns those of some ids that a group has already."""


def named(groups: Sequence[Sequence[int]], former: Mapping[int, str], letter: str, taken: Taken) -> list[str]:
    """Return an id for each group, in order; groups: keys of members, ascending.

    former: the id that the group of a key had, of every member that those groups had. A group keeps an id when at least
    half of those who had it are in it; of several groups the one with most of them, of several ids the one that most
    had. A new one is named by a letter and the least key whose name is free.
    """
    sizes = Counter(name for name in former.values() if name)
    shared: Counter[tuple[int, str]] = Counter()
    for place, keys in enumerate(groups):
        shared.update((place, name) for key in keys if (name := former.get(key)))
    made: dict[int, str] = {}
    used: set[str] = set()
    for (place, name), count in sorted(shared.items(), key=lambda each: (-each[1], each[0])):
        if place not in made and name not in used and 2 * count >= sizes[name]:
            made[place] = name
            used.add(name)
    rest = [place for place in range(len(groups)) if place not in made]
    wanted = {f"{letter}{key}" for place in rest for key in groups[place]}
    used.update(sizes, taken(wanted) if wanted else ())
    for place in rest:
        made[place] = next(name for name in _names(groups[place], letter) if name not in used)
        used.add(made[place])
    return [made[place] for place in range(len(groups))]


def _names(keys: Sequence[int], letter: str) -> Sequence[str]:
    """Return names for a group, the best first; there are more of them than groups that could have taken one."""
    return [*(f"{letter}{key}" for key in keys), *(f"{letter}{keys[0]}-{n}" for n in range(2, 2 + 10 * len(keys)))]
