"""What people said in Label Studio becomes labels: one decision for each task, by the write path of all others.

    a prediction       `decide_prediction`: accept, coarser, finer, correct or tags, whichever it comes to
    a stored product   its label, as a fix or, where it is what it was, as found right
    said before        nothing: a file that is imported again changes nothing

An answer that is kept no more is a stored product, where that says what was shown. Each decision is taken back by its
own number. One that cannot be made is told with its reason, and the others are made all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from indexer.errors import DecisionConflict, PredictionNotFound, ProductError, ProductNotFound, VersionConflict
from indexer.live import Patch
from indexer.sources.rows import Problem
from indexer.store import tagfaults, upheld
from indexer.store.decisions import Act, Decision
from indexer.store.predictions import Kept
from indexer.store.records import Records, Stored
from service.audit.audit import LABEL
from service.audit.deciding import BY_HAND, Changing, carried_out
from service.feedback.deciding import Action, Verdict, decide_prediction, says_the_same
from service.feedback.meanwhile import check_unchanged
from service.feedback.tally import Done, Made, Tally
from service.labelstudio.reading import Path, Task
from service.labelstudio.saying import Said, Several, said_of
from taxonomy.aliases import Aliases
from taxonomy.names import name_key, path_text
from taxonomy.tree import Tree

REFUSED = (DecisionConflict, PredictionNotFound, ProductError, ProductNotFound)
"""Why one decision cannot be made; anything else, such as a full disk, ends the import."""


@dataclass(slots=True)
class TaskTally(Tally):
    """What became of tasks. cancelled: annotations, which count for nothing."""

    cancelled: int = 0


@dataclass(frozen=True, slots=True)
class Importer:
    """Makes decisions of tasks. author: said of a decision whose annotator is not told."""

    changing: Changing
    several: Several = "agree"
    author: str = "Label Studio"

    def take(self, tasks: Iterable[Task], refuse: Callable[[Task, Problem], None]) -> TaskTally:
        """Take what is said in tasks, each by itself and in order; refuse(task, why) is told of each that is not."""
        tally = TaskTally()
        for task in tasks:
            done = self._taken(task)
            tally.count(done)
            tally.cancelled += task.cancelled
            if isinstance(done, Problem):
                refuse(task, done)
        return tally

    def _taken(self, task: Task) -> Done:
        live = self.changing.live
        said = task.problem or said_of(task.annotations, self.several, live.vocabulary.canonical)
        if not isinstance(said, Said):
            return said or "skipped"
        node = _placed(live.tree, live.records, said.category) if said.category else None
        if said.category and node is None:
            told = path_text(said.category)[:200]
            return Problem("unknown_category", f"there is no category {told!r}; add it to the tree, or choose another")
        kept = _kept(live.records, task.prediction)
        try:
            return self._of_answer(kept, task, said, node) if kept else self._of_product(task, said, node)
        except VersionConflict as error:
            return Problem("changed", str(error))
        except REFUSED as error:
            return Problem("refused", str(error))

    def _of_answer(self, kept: Kept, task: Task, said: Said, node: int | None) -> Done:
        """Decide about an answer, unless the same was decided before."""
        live, prediction = self.changing.live, kept.prediction
        action = _action(live.tree, live.tree.of_id(prediction.node_id), node)
        own = () if action in {"correct", "tags"} else [tag for tag, _, _ in prediction.answer["tags"]]
        added = self._without(said.tags, own)
        removed = self._without(task.suggested, said.tags) if said.cleared else []
        verdict = Verdict(action, "" if node is None else live.tree.text(node), added, removed)
        if (settled := kept.settled) is not None:
            if says_the_same(live, settled, verdict, node):
                return "unchanged"
            return Problem(
                "decided",
                f"prediction {prediction.id} is decided about: {settled.action} {settled.category[:200]!r}, by "
                f"decision {settled.decision}; take that one back first, if this is right",
            )
        if not prediction.product_id:
            return Problem("no_id", f"prediction {prediction.id} is of a product without an id; ask again with one")
        try:
            check_unchanged(kept, live.records.get([prediction.product_id]).get(prediction.product_id))
        except DecisionConflict as error:
            return Problem("changed", str(error))
        return Made(action, decide_prediction(self.changing, kept, verdict, said.author or self.author).decided.number)

    def _of_product(self, task: Task, said: Said, node: int | None) -> Done:
        """Label a stored product, unless it has that label from a person."""
        live = self.changing.live
        stored = live.records.get([task.product]).get(task.product) if task.product else None
        if stored is None:
            of = f"prediction {task.prediction} and product" if task.prediction else "product"
            return Problem("missing_product", f"{of} {task.product[:80]!r} are not here; export and label it again")
        product = stored.record.product
        wrong = {name_key(tag) for tag in self._without(task.suggested, said.tags)} if said.cleared else set()
        tags = [*product.tags, *self._without(said.tags, product.tags)]
        tags = [tag for tag in tags if name_key(live.vocabulary.canonical(tag)) not in wrong]
        category = live.tree.ids[node] if node is not None else stored.record.node_id
        by_hand = (product.provenance, product.weight) == tuple(BY_HAND.values())
        if category == stored.record.node_id and tags == list(product.tags) and (by_hand or node is None):
            return "unchanged"
        if changed := _changed(task, stored, node) or (self._said_since(task, said.at) if node is not None else None):
            return changed
        return self._relabelled(stored, said.author or self.author, node, tags)

    def _said_since(self, task: Task, at: str) -> Problem | None:
        """Return why a label is not given that was annotated before somebody else had his say about the product."""
        records = self.changing.live.records
        number = records.suspects.last_word(task.product)
        if number is None or not _before(at, records.decisions.get(number).at):
            return None
        told = f"product {task.product[:80]!r} was looked at by decision {number}, after this was annotated"
        return Problem("changed", f"{told}; take that one back first, if this is right")

    def _relabelled(self, stored: Stored, author: str, node: int | None, tags: Sequence[str]) -> Made:
        live, product = self.changing.live, stored.record.product
        fields = {"tags": tuple(tags), **BY_HAND}
        kind, verb, acts = tagfaults.KIND, "fix", list[Act]()
        if node is not None:
            fields["category"] = live.tree.text(node)
            kind, verb = LABEL, "keep" if live.tree.ids[node] == stored.record.node_id else "fix"
            acts = [lambda connection, number: upheld.uphold(connection, [product.id], number)]
        decision = Decision(kind, verb, product.id, author, {"ids": [product.id]}, acts=acts)
        change = Patch(product.id, fields)
        return Made(verb, carried_out(self.changing, decision, [change], {product.id: stored.version}).decided.number)

    def _without(self, tags: Iterable[str], others: Iterable[str]) -> list[str]:
        """Return tags, each once and as it is spelt, that are not among others."""
        canonical = self.changing.live.vocabulary.canonical
        gone = {name_key(canonical(tag)) for tag in others}
        kept = {name_key(word): word for word in map(canonical, tags)}
        return [word for key, word in kept.items() if key and key not in gone]


def _kept(records: Records, prediction: str) -> Kept | None:
    try:
        return records.predictions.get(prediction) if prediction else None
    except PredictionNotFound:
        return None


def _placed(tree: Tree, records: Records, path: Path) -> int | None:
    """Return the category of a path, as it is called now or was in an earlier version of the tree."""
    found = tree.find(path)
    if found is not None:
        return found
    before: Aliases = records.taxonomies.aliases()
    now = before.follow(tree, path)
    return tree.find(now) if now else None


def _action(tree: Tree, answered: int | None, node: int | None) -> Action:
    """Return what choosing a category comes to, where another one or none was answered."""
    if node is None:
        return "tags"
    if answered is None:
        return "correct"
    if node == answered:
        return "accept"
    path, was = tree.path(node), tree.path(answered)
    if was[: len(path)] == path:
        return "coarser"
    return "finer" if path[: len(was)] == was else "correct"


def _before(at: str, then: str) -> bool:
    """Return whether a time is one that was before another, both as ISO 8601 and in UTC where they do not say."""
    try:
        told = datetime.fromisoformat(at)
    except ValueError:
        return False
    return told.replace(tzinfo=told.tzinfo or UTC) < datetime.fromisoformat(then)


def _changed(task: Task, stored: Stored, node: int | None) -> Problem | None:
    """Return why a label that was seen is not given: the product says something else, or somebody relabelled it."""
    record, where = stored.record, f"product {task.product[:80]!r}"
    if task.content and task.content != record.content_hash:
        return Problem("changed", f"{where} says something else than was shown; export and label it again")
    if node is not None and task.category is not None and task.category != record.node_id:
        told = f"{where} was relabelled since: it is {record.product.category[:200]!r} by now"
        return Problem("changed", f"{told}; export it again, or relabel it")
    return None
