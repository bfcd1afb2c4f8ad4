"""Which products are labelled in Label Studio: answers or stored products, a page at a time, never all in memory.

    doubted_answers    the most doubted answers that nobody settled or has before him, unlike each other
    answers            answers by what is asked for
    doubted_labels     stored products with labels that are probably wrong, the worst first
    products           stored products of a branch; one without a label is asked about

Of an answer without an id there is nothing that could be labelled, and of one whose product is neither kept nor stored
as it was nothing that could be shown: those are left out, as None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from indexer.errors import ProductError
from indexer.product import Product
from indexer.store import suspects
from indexer.store.predictions import Kept, Wanted
from indexer.store.records import Records, Stored
from indexer.store.waiting import Turn
from service.answer import Answer
from service.feedback.kept import product_from
from service.feedback.telling import pages
from service.labelstudio.tasks import Shown, Thought
from service.review.choosing import Case, Near, choose
from taxonomy.names import SEPARATOR

Found = Iterator[Shown | None]
Classify = Callable[[Sequence[Product]], Sequence[Answer | ProductError]]

PAGE = 500
POOL = 200
"""So many doubted answers are chosen among at a time."""
SPARE, SPARED = 2, 10_000
"""How many times as many are chosen among as are wanted, and how many more at most."""


def doubted_answers(records: Records, wanted: Wanted, limit: int) -> Found:
    """Yield the most doubted answers, of some more than wanted those that are unlike each other."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    turn = Turn("", now, now, (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="milliseconds"))
    pool = records.waiting.doubted(turn, wanted, min(SPARE * limit, limit + SPARED))
    taken: list[int] = []
    lately: list[Near] = []
    for start in range(0, len(pool), POOL):
        some = pool[start : start + POOL]
        share = min(limit, limit * (start + len(some)) // len(pool), start + len(some)) - len(taken)
        cases = {each.number: Case(each.number, each.doubt, frozenset(each.neighbours)) for each in some}
        chosen = choose(list(cases.values()), lately, share)
        taken += [each.number for each in chosen]
        lately = [cases[each.number].near for each in chosen]
    for start in range(0, len(taken), PAGE):
        yield from _answered(records, records.waiting.read(taken[start : start + PAGE]))


def answers(records: Records, wanted: Wanted) -> Found:
    """Yield the answers that are wanted, the latest first."""
    for page in pages(records.predictions, wanted):
        yield from _answered(records, page)


def doubted_labels(records: Records, least: float, branch: str) -> Found:
    """Yield stored products with doubted labels, and where they seem to belong."""
    wanted, after = suspects.Wanted(least=least, branch=branch), None
    while found := records.suspects.labels(wanted, after, PAGE):
        stored = records.get([each.id for each in found])
        for each in found:
            suspect = each.suspect
            after = (suspect.probability, suspect.severity, suspect.key)
            if each.id in stored:  # it may be gone since
                thought = Thought(suspect.suggested, suspect.probability, stored[each.id].record.product.tags)
                yield _stored(stored[each.id], thought)


def products(records: Records, branch: str, classify: Classify, *, unlabelled: bool = False) -> Found:
    """Yield stored products of a branch, or of any, in the order of storing; unlabelled: those alone."""
    after = 0
    while found := records.page(after, PAGE):
        after = found[-1].key
        some = [each for each in found if _within(each, branch) and not (unlabelled and each.record.node_id)]
        bare = [each for each in some if not each.record.node_id]
        told = classify([each.record.product for each in bare]) if bare else ()
        said = {each.key: answer for each, answer in zip(bare, told, strict=True)}
        for each in some:
            record = each.record
            label = Thought(record.node_id, 1.0, record.product.tags)
            answer = said.get(each.key)
            yield _stored(each, _thought(answer, record.product.tags) if isinstance(answer, Answer) else label)


def _answered(records: Records, some: Sequence[Kept]) -> Found:
    stored = records.get({each.prediction.product_id for each in some if each.prediction.product_id})
    for each in some:
        said = each.prediction
        product = product_from(said.product, said.product_id) if said.product is not None else None
        known = stored.get(said.product_id)
        if product is None and known is not None and known.record.content_hash == said.content_hash:
            product = known.record.product
        if product is None or not said.product_id:
            yield None
            continue
        tags = [tag for tag, _, _ in said.answer["tags"]]
        thought = Thought(said.node_id, said.probability, tags)
        yield Shown(product, said.content_hash, thought, prediction=said.id)


def _stored(stored: Stored, thought: Thought) -> Shown:
    record = stored.record
    return Shown(record.product, record.content_hash, thought, category=record.node_id)


def _thought(answer: Answer, own: Sequence[str]) -> Thought:
    category = answer.category
    tags = [*own, *(each.tag for each in answer.tags)]
    return Thought(category.id if category else "", category.probability if category else 0.0, tags)


def _within(stored: Stored, branch: str) -> bool:
    category = stored.record.product.category
    return not branch or category == branch or category.startswith(branch + SEPARATOR)
