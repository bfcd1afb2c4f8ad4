"""What people decide about answers: a label by the product, in one call and transaction, taken back alike.

    accept    the category that was answered is right
    correct   it is another one, which is named
    coarser   only a category above it is right, the one right above without a name
    finer     one below it is right, without a name the next on the likeliest path
    tags      nothing is said of the category, only of tags
    skip, unsure   nothing is said, now or by this person; the prediction waits for others

The product gets the label that is decided, with the provenance human: the stored one of its id, or, where it is not
stored, the product as it was asked about. The tags of the answer go with its category; of a corrected one only those
that the product itself names do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from indexer.encoders import given_parts
from indexer.errors import AisleError, DecisionConflict, VersionConflict
from indexer.intake.update import clean, path_of
from indexer.live import Change, Live, Patch
from indexer.product import Product
from indexer.store import reviews, upheld
from indexer.store.decisions import Act, Decision
from indexer.store.predictions import Kept
from indexer.store.records import Stored
from indexer.store.reviews import Review
from service.audit.deciding import BY_HAND, Changing, Settled, carried_out
from service.feedback.kept import question_of
from service.feedback.meanwhile import check_not_deleted, check_not_labelled, check_unchanged
from taxonomy.names import name_key
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

Action = Literal["accept", "correct", "coarser", "finer", "tags", "skip", "unsure"]

SPOKEN = frozenset({"text", "both"})
"""Sources of tags that the product itself names."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody says of a prediction.

    category: id or path, "" for what goes without saying. added, removed: tags. product_id: of the product, where it
    had none. version: that the stored product must have, None for any. stored: whether it must be stored at all.
    """

    action: Action
    category: str = ""
    added: Sequence[str] = ()
    removed: Sequence[str] = ()
    product_id: str = ""
    version: int | None = None
    stored: bool = False


def decide_prediction(changing: Changing, kept: Kept, verdict: Verdict, author: str = "") -> Settled:
    """Carry out what somebody says of a prediction, and record who did.

    Raises DecisionConflict, with nothing changed, when it is settled already, when there is no such category or the
    verdict does not fit the one that was answered, when no product can be labelled, or it was changed, deleted or, by
    a person, put elsewhere since; VersionConflict when it has not the version that was seen, or is not stored and has
    to be; ProductError for a label that is refused.
    """
    if verdict.action in reviews.OPEN:
        return carried_out(changing, _decision(kept, verdict, Review(verdict.action), author), (), {})
    live = changing.live
    if verdict.action == "tags" and not (verdict.added or verdict.removed):
        raise DecisionConflict("tags names tags that are added or removed; give one")
    node = None if verdict.action == "tags" else node_of(live.tree, kept, verdict)
    product_id = _product_id(kept, verdict)
    stored = live.records.get([product_id]).get(product_id)
    if stored is None and verdict.stored:
        raise VersionConflict(product_id, verdict.version, 0)
    if kept.settled is None:  # else that is what is refused
        _check(live, kept, verdict, stored, node)
    label: dict[str, Any] = {"tags": _tags(live.vocabulary, kept, verdict, stored), **BY_HAND}
    said = Review(verdict.action, product_id)
    if node is not None:
        label["category"] = live.tree.text(node)
        said = replace(said, node_id=live.tree.ids[node], category=label["category"])
    version = (0 if stored is None else stored.version) if verdict.version is None else verdict.version
    change = _put(live, kept, product_id, label) if stored is None else Patch(product_id, label)
    decision = _decision(kept, verdict, said, author)
    return carried_out(changing, decision, [change], {product_id: version}, seen=verdict.version)


def _check(live: Live, kept: Kept, verdict: Verdict, stored: Stored | None, node: int | None) -> None:
    """Raise DecisionConflict where a product is not what it was when it was asked about; node: it is put into."""
    if stored is None:
        check_not_deleted(live.records, kept)
        return
    check_unchanged(kept, stored)
    if node is not None and verdict.version is None:
        check_not_labelled(live.records, kept, stored, live.tree.ids[node])


def says_the_same(live: Live, settled: Review, verdict: Verdict, node: int | None) -> bool:
    """Whether the decision by which a prediction is settled says what a verdict does, which names `node` or none."""
    told = live.records.decisions.get(settled.decision).detail
    return (settled.action, settled.node_id, told["added"], told["removed"]) == (
        verdict.action,
        "" if node is None else live.tree.ids[node],
        list(verdict.added),
        list(verdict.removed),
    )


def encode_ahead(live: Live, asked: Sequence[Kept]) -> None:
    """Encode the products that somebody is about to decide about and that are not stored, so that no decision waits."""
    new = {each.prediction.content_hash: each.prediction.product for each in asked if each.prediction.product}
    known, given = live.records.known(new, live.encoder.name), given_parts(live.encoder)
    cleaned = [
        clean(question_of(product, content, live.encoder.side), given)
        for content, product in new.items()
        if content not in known
    ]
    products = [each for each in cleaned if isinstance(each, Product)]
    if products:
        with suppress(AisleError):  # the decision will say what is wrong
            live.encode_in_pieces(products)


def node_of(tree: Tree, kept: Kept, verdict: Verdict) -> int:
    """Return the category that the product gets; raises DecisionConflict where the verdict does not fit the answer."""
    prediction, action = kept.prediction, verdict.action
    named = _named(tree, verdict.category) if verdict.category else None
    if action == "correct":
        if named is None:
            raise DecisionConflict("correct names the category that is right; give it by its path or id")
        if tree.ids[named] == prediction.node_id:
            raise DecisionConflict(f"{tree.text(named)!r} is what was answered; accept it")
        return named
    if not prediction.node_id:
        raise DecisionConflict(
            f"prediction {prediction.id} names no category that could be {_SAID[action]}; correct names the right one"
        )
    answered = tree.of_id(prediction.node_id)
    if answered is None:
        raise DecisionConflict(
            f"the category {prediction.category[:200]!r} that was answered is gone from the tree; correct names another"
        )
    if action == "accept":
        if named not in {None, answered}:
            raise DecisionConflict(f"accept takes {tree.text(answered)!r}; another category is a correct")
        return answered
    return _above(tree, answered, named) if action == "coarser" else _below(tree, answered, named, kept)


_SAID = {"accept": "accepted", "coarser": "made coarser", "finer": "made finer"}


def _above(tree: Tree, answered: int, named: int | None) -> int:
    path = tree.path(answered)
    if len(path) == 1:
        raise DecisionConflict(f"{tree.text(answered)!r} has no category above it; skip, or correct it")
    found = tree.find(path[:-1]) if named is None else named
    if found is None or tree.path(found) != path[: len(tree.path(found))] or found == answered:
        raise DecisionConflict(f"coarser names a category above {tree.text(answered)!r}; another one is a correct")
    return found


def _below(tree: Tree, answered: int, named: int | None, kept: Kept) -> int:
    path = tree.path(answered)
    found = named
    if found is None:
        likely = tuple(name for name, _ in kept.prediction.answer["levels"])
        found = tree.find(likely[: len(path) + 1]) if likely[: len(path)] == path and len(likely) > len(path) else None
        if found is None:
            raise DecisionConflict(f"no category below {tree.text(answered)!r} is likelier than others; name one")
    if tree.path(found)[: len(path)] != path or found == answered:
        raise DecisionConflict(f"finer names a category below {tree.text(answered)!r}; another one is a correct")
    return found


def _named(tree: Tree, category: str) -> int:
    found = tree.find(path_of(category))
    found = tree.of_id(category) if found is None else found
    if found is None:
        raise DecisionConflict(
            f"there is no category {category[:200]!r}; name one of the tree by its path or id, or add it to the tree "
            "first"
        )
    return found


def _product_id(kept: Kept, verdict: Verdict) -> str:
    asked = kept.prediction.product_id
    if not asked and not verdict.product_id:
        raise DecisionConflict(
            f"the product of prediction {kept.prediction.id} was asked about without an id; give the `id` that it gets"
        )
    if asked and verdict.product_id not in {"", asked}:
        raise DecisionConflict(
            f"prediction {kept.prediction.id} is about product {asked[:80]!r}, not {verdict.product_id[:80]!r}; leave "
            "the id out"
        )
    return asked or verdict.product_id


def _tags(vocabulary: Vocabulary, kept: Kept, verdict: Verdict, stored: Stored | None) -> tuple[str, ...]:
    """Return the tags that the product gets, in their order: its own, those of the answer, and those that are added."""
    taken = verdict.action in {"accept", "coarser", "finer"}
    answered = [
        tag
        for tag, _, source in kept.prediction.answer["tags"]
        if taken or (verdict.action == "correct" and source in SPOKEN)
    ]
    own = stored.record.product.tags if stored else ()
    gone = {name_key(vocabulary.canonical(tag)) for tag in verdict.removed}
    by_key: dict[str, str] = {}
    for tag in (*own, *answered, *verdict.added):
        by_key.setdefault(name_key(vocabulary.canonical(tag)), tag)
    return tuple(tag for key, tag in by_key.items() if key not in gone)


def _put(live: Live, kept: Kept, product_id: str, label: Mapping[str, Any]) -> Change:
    """Return the product as it was asked about, with a label."""
    if kept.prediction.product is None:
        raise DecisionConflict(
            f"the product of prediction {kept.prediction.id} is neither stored nor was it kept "
            "(AISLE_PREDICTION_PRODUCTS); store it first, then decide"
        )
    return replace(question_of(kept.prediction.product, product_id, live.encoder.side), **label)


def _decision(kept: Kept, verdict: Verdict, said: Review, author: str) -> Decision:
    """Return the decision with all that is told of it, and what it does besides changing the product."""
    prediction = kept.prediction
    ids = [said.product_id] if said.product_id else []
    answered = {name: getattr(prediction, name) for name in ("decision", "category", "probability")}
    detail = {
        "ids": ids,
        "answered": answered,
        "category": said.category,
        "added": list(verdict.added),
        "removed": list(verdict.removed),
    }
    acts: list[Act] = [lambda connection, number: reviews.keep(connection, prediction.id, number, said)]
    if said.node_id:
        acts.append(lambda connection, number: upheld.uphold(connection, ids, number))
    return Decision(reviews.KIND, verdict.action, prediction.id, author, detail, acts=acts)
