"""Changes carried out on a tree: the tree that they make, what became of every category, and where products go.

Categories that stay keep their ids, and each of their products its label; only who was in a category that was merged,
split or retired is sent elsewhere, one step after the other. Nothing here knows of products but what a rule asks of
one: the record store (`indexer/store/taxonomies.py`) counts, shows and moves them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from taxonomy.aliases import NONE, Alias, Aliases
from taxonomy.bed import TOP, Bed, NameTaken, Step
from taxonomy.changes import Change, ChangeRefused
from taxonomy.names import TaxonomyError, name_key
from taxonomy.rules import Described
from taxonomy.tree import Tree

__all__ = ["NONE", "Alias", "NameTaken", "PathChange", "Planting", "Step", "applied", "planned", "reverted"]


@dataclass(frozen=True, slots=True)
class PathChange:
    """A category whose path is another one now; before is "" where it is new, after "" where it is gone."""

    id: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Planting:
    """One version of a tree turned into the next.

    changes: as they were carried out, each category by its id. made: categories that are new, each with the one whose
    products it takes. conflicts: why some changes cannot be carried out; `tree` is without these.
    """

    before: Tree
    tree: Tree
    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    made: Mapping[str, str]
    conflicts: tuple[str, ...] = ()

    def route(self, node_id: str, product: Described | None = None) -> str:
        """Return the id of the category that a product of `node_id` is in now, NONE for none; without one, the rest."""
        return self._fate(node_id, product)[0]

    def sorts(self, node_id: str) -> bool:
        """Say whether what becomes of a product of that category depends on what it is."""
        for step in self.steps:
            if step.parts and step.node == node_id:
                return True
            node_id = step.went.get(node_id, node_id)
        return False

    def paths(self) -> list[PathChange]:
        """Return every category whose path is another one, is new or is gone: in order of the tree before, new last."""
        known, kept = set(self.before.ids), dict(zip(self.tree.ids, range(len(self.tree)), strict=True))
        found: list[PathChange] = []
        for node, node_id in enumerate(self.before.ids):
            before = self.before.text(node)
            after = self.tree.text(kept[node_id]) if node_id in kept else ""
            if before != after:
                found.append(PathChange(node_id, before, after))
        new = (node for node, node_id in enumerate(self.tree.ids) if node_id not in known)
        return found + [PathChange(self.tree.ids[node], "", self.tree.text(node)) for node in new]

    def aliases(self) -> Iterator[Alias]:
        """Yield what leads from the names of before to the categories of now: one for each that moved or is gone."""
        kept = dict(zip(self.tree.ids, range(len(self.tree)), strict=True))
        for node, node_id in enumerate(self.before.ids):
            if node_id not in kept:
                to, below = self._fate(node_id, None)
                yield Alias(self.before.text(node), to, below)
                yield Alias(node_id, to, below)
            elif _place(self.before, node) != _place(self.tree, kept[node_id]):
                yield Alias(self.before.text(node), node_id)

    def _fate(self, node_id: str, product: Described | None) -> tuple[str, bool]:
        below = True
        for step in self.steps:
            if node_id in step.went:
                node_id, below = step.went[node_id], below and step.below
            elif product is not None and step.parts and step.node == node_id:
                node_id = next((part for part, rule in step.parts if rule.matches(product)), node_id)
        return node_id, below


def applied(tree: Tree, changes: Sequence[Change]) -> Planting:
    """Carry out changes, one after the other; raises ChangeRefused for the first that is refused, NameTaken for a name.

    A category is named by its id, its full path as the tree is by then, or in any other way that means one of `tree`.
    """
    made = planned(tree, changes)
    if made.conflicts:
        raise NameTaken(made.conflicts[0])
    return made


def planned(tree: Tree, changes: Sequence[Change], before: Aliases | None = None) -> Planting:
    """Carry out what can be; changes whose name is taken are left out and told. Raises ChangeRefused for the rest.

    before: what categories were called in earlier versions, by which they may be named too.
    """
    bed = Bed(tree, before)
    done: list[Change] = []
    steps: list[Step] = []
    conflicts: list[str] = []
    for place, change in enumerate(changes):
        where = f"change {place + 1}: " if len(changes) > 1 else ""
        try:
            known, step = bed.change(change)
        except NameTaken as error:
            conflicts.append(f"{where}{error}")
            continue
        except TaxonomyError as error:
            raise ChangeRefused(f"{where}{error}") from error
        done.append(known)
        steps += [step] if step.went or step.parts else []
    try:
        made = bed.tree()
    except TaxonomyError as error:  # too deep, which only the whole tree tells
        raise ChangeRefused(str(error)) from error
    return Planting(tree, made, tuple(done), tuple(steps), bed.made, tuple(conflicts))


def reverted(now: Tree, before: Tree, made: Mapping[str, str]) -> Planting:
    """Return to the tree before a change, with what has grown since; what the change made gives its products back.

    made: as that change's planting says.
    """
    bed, went = Bed(before), dict[str, str]()
    for node, node_id in enumerate(now.ids):
        if node_id in bed.names:
            continue
        if node_id in made:
            to = made[node_id]
            went[node_id] = went.get(to, to)
            continue
        above = TOP if now.parents[node] < 0 else now.ids[now.parents[node]]
        above = went.get(above, above)
        twin = bed.below[above].get(name_key(now.names[node]))
        if twin is None:
            bed.insert(node_id, now.names[node], above, now.notes[node])
        else:
            went[node_id] = twin
    return Planting(now, bed.tree(), (), (Step(went),) if went else (), {})


def _place(tree: Tree, node: int) -> tuple[str, str]:
    parent = int(tree.parents[node])
    return name_key(tree.names[node]), TOP if parent < 0 else tree.ids[parent]
