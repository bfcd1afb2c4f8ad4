"""Questions to answers: open an index, encode, search, vote, and put what was found into words.

`classify` is the way from a request to the arithmetic: `service/vote` finds who votes and counts,
`service/calibration` says how far that can be believed, `service/compose.py` writes the Answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from indexer.encoders import Encoder, given_parts
from indexer.errors import ProductError, ProductNotFound, SnapshotDamaged
from indexer.intake.update import clean, completed
from indexer.live import Change, Live, Outcome, Patch, open_index
from indexer.normalize import text_of
from indexer.product import Product
from indexer.space import IMAGE, Projected
from indexer.store.decisions import Act, Decided, Decision
from indexer.store.records import ANY, Receipt, Records, Stored, Written
from indexer.store.taxonomies import Effect
from indexer.vectors import Keys
from service.answer import Answer, Candidate, Duplicate, Neighbour, Otherwise
from service.calibration.calibrate import Calibration
from service.calibration.dial import Dial
from service.calibration.tagging import VOTERS
from service.compose import commonest, compose, neighbour_lists
from service.duplicates.lookup import NEAREST, Asked, Wanted, look_up
from service.duplicates.screening import OnDuplicate, Screening
from service.duplicates.verdicts.decider import FACT
from service.duplicates.verdicts.judging import Judging
from service.hearing import Hearing, Thought, hear, think
from service.settings import ServiceSettings
from service.tags.tagger import Tagger
from service.vote.questions import restricted
from service.vote.search import Neighbourhood
from taxonomy.changes import Change as TreeChange
from taxonomy.tree import Tree

SERVICE = Dial()
"""Asks for nothing but what the settings say."""


class Answering(Protocol):
    """An engine, or what answers by the engine that is current when it is called."""

    def classify(self, products: Sequence[Product], dial: Dial = ...) -> list[Answer | ProductError]:
        """Answer for each product, in order, as `Engine.classify`."""


@dataclass(frozen=True)
class Asking:
    """Classifying by one dial; equal askings may be joined in one step."""

    engine: Answering
    dial: Dial

    def __call__(self, products: Sequence[Product]) -> list[Answer | ProductError]:
        """Answer for each product, as `Engine.classify` does."""
        return self.engine.classify(products, self.dial)


class Engine:
    """One open index. Every method may be called from several threads; searches wait while a change is applied."""

    def __init__(self, live: Live, settings: ServiceSettings) -> None:
        self.live = live
        self.settings = settings
        self._learnt = calibration_in(live)
        self._calibrated: tuple[int, Calibration] | None = None
        self._tagging: tuple[tuple[int, str], Tagger] | None = None
        self._judging: tuple[str | None, Judging] | None = None

    @classmethod
    def open(
        cls,
        settings: ServiceSettings,
        encoder: Encoder | None = None,
        snapshot_id: str | None = None,
        records: Records | None = None,
    ) -> Self:
        """Open the index in `settings.index`, brought up to its journal's end; without an id, what was published last.

        Raises SnapshotMissing, SnapshotDamaged or SnapshotMismatch when there is none that can be used, and
        ModelNotFound or ModelMismatch when its encoder is not on this machine, or is another one there. `encoder` saves
        loading it again; `records` is an open store, which who gave it closes.
        """
        return cls(open_index(Path(settings.index), encoder, snapshot_id, records), settings)

    def close(self) -> None:
        """Let go of the record store."""
        self.live.close()

    @property
    def calibration(self) -> Calibration:
        """What was learnt about the answers, for the tree as it is now; what is set is of the snapshot's tree."""
        planted, known = self.live.planted, self._calibrated  # read once: others may be answering
        if known is None or known[0] != planted:
            known = self._calibrated = planted, self._learnt.replanted(self.live.places)
        return known[1]

    @calibration.setter
    def calibration(self, learnt: Calibration) -> None:
        self._learnt, self._calibrated = learnt, None

    @property
    def tree(self) -> Tree:
        """The category tree, as it is now."""
        return self.live.tree

    def classify(self, products: Sequence[Product], dial: Dial = SERVICE) -> list[Answer | ProductError]:
        """Answer for each product, in order; one that is refused gets its error and never fails the others.

        A stored product (same id) is asked about without its own vote. dial: what differs from the service's settings.
        """
        given = given_parts(self.live.encoder)
        prepared = [clean(product, given) for product in products]
        good = [product for product in prepared if isinstance(product, Product)]
        answers = iter(self.answer(good, self.encode(good), dial) if good else ())
        return [next(answers) if isinstance(product, Product) else product for product in prepared]

    def encode(self, products: Sequence[Product]) -> Projected:
        """Return normalised products as the index sees them, in order."""
        return self.live.space.project(self.live.encode(products), [text_of(product) for product in products])

    def answer(
        self, products: Sequence[Product], asked: Projected, dial: Dial = SERVICE, *, looks_up: bool = True
    ) -> list[Answer]:
        """Answer for normalised products that were encoded already; looks_up: whether duplicates are named."""
        answers: dict[int, Answer] = {}
        with self.live.reading():
            for rows, hearing in self._hear(products, asked, self.settings.shown):
                some = [products[row] for row in rows]
                made = compose(self.live, self.settings, some, hearing, dial)
                if looks_up:
                    wanted = Wanted(self.settings.duplicate_probability, self.settings.shown)
                    twins = look_up(self.judging(), Asked(some, hearing.asked, hearing.found), wanted)
                    made = [replace(one, duplicates=tuple(each)) for one, each in zip(made, twins, strict=True)]
                answers.update(zip(rows, made, strict=True))
            if dial.without_image:
                self._say_otherwise(products, asked, dial, answers)
        return [answers[row] for row in range(len(products))]

    def _say_otherwise(
        self, products: Sequence[Product], asked: Projected, dial: Dial, answers: dict[int, Answer]
    ) -> None:
        """Add to the answers that used a picture what they would be without it."""
        rows = [row for row, answer in answers.items() if answer.used.get(IMAGE)]
        if not rows:
            return
        others = tuple(view for view in asked.vectors if view != IMAGE)
        seen = restricted(self.live.built, asked[np.array(rows)], others)
        blind = self.live.space.placed(seen.raw, seen.words)  # in every view: one that lacks all is of the first
        some, plain = [products[row] for row in rows], replace(dial, without_image=False)
        for row, answer in zip(rows, self.answer(some, blind, plain, looks_up=False), strict=True):
            named = [each.id if each else "" for each in (answer.category, answers[row].category)]
            otherwise = Otherwise(answer.decision, answer.category, changed=named[0] != named[1])
            answers[row] = replace(answers[row], without_image=otherwise)

    def answer_stored(self, some: Sequence[Stored], dial: Dial = SERVICE) -> list[Answer]:
        """Answer for stored products, each without its own vote, as it was encoded; those that are gone are left out.

        In the order of their keys.
        """
        by_key = {each.key: each.record.product for each in some}
        keys, asked = self._kept(list(by_key))
        return self.answer([by_key[key] for key in keys.tolist()], asked, dial) if len(keys) else []

    def think(
        self, products: Sequence[Product], asked: Projected, dial: Dial = SERVICE
    ) -> list[tuple[list[int], Thought]]:
        """Return what is thought of normalised products that were encoded already, as `answer` would say it.

        One Thought for the questions of each pattern, with their rows.
        """
        with self.live.reading():
            return [
                (rows, think(self.live.built, self.settings, [products[row] for row in rows], hearing, dial))
                for rows, hearing in self._hear(products, asked, 0)
            ]

    def similar(self, query: Product | str, limit: int) -> list[Neighbour]:
        """Return the `limit` stored products most similar to a product, or to the stored one with that id.

        Raises ProductNotFound for an unknown id and ProductError for a product that is refused.
        """
        product, asked = self._asked(query)
        with self.live.reading():
            (_, hearing), *_ = self._hear([product], asked, limit)
            return neighbour_lists(self.live, hearing, limit)[0]

    def duplicates(self, query: Product | str, limit: int, least: float | None = None) -> list[Duplicate]:
        """Return the stored products that may be the same as a product, or as the stored one with that id.

        `limit` at most, the surest first: the same product with a probability of `least` or more, the setting
        `duplicate_probability` without one, and after these same pictures and variants; with 0 all that were judged.
        Raises as `similar`.
        """
        product, asked = self._asked(query)
        with self.live.reading():
            (_, hearing), *_ = self._hear([product], asked, 2 * max(limit, NEAREST))
            heard = Asked([product], hearing.asked, hearing.found)
            sure = self.settings.duplicate_probability if least is None else least
            wanted = Wanted(sure, limit, 2 * max(limit, NEAREST), different=least is not None)
            return look_up(self.judging(), heard, wanted)[0]

    def judging(self) -> Judging:
        """Return what judges pairs of products of this index, by the decider that it has now."""
        decider, known = self.live.records.fact(FACT), self._judging  # read once: others may be answering
        if known is None or known[0] != decider:
            known = self._judging = decider, Judging.of(self.live)
        return known[1]

    def _asked(self, query: Product | str) -> tuple[Product, Projected]:
        """Return a product as the index sees it, or the stored one with that id."""
        if isinstance(query, str):
            stored = self.get(query)
            return stored.record.product, self._kept([stored.key])[1]
        cleaned = clean(query, given_parts(self.live.encoder))
        if isinstance(cleaned, ProductError):
            raise cleaned
        return cleaned, self.encode([cleaned])

    def _kept(self, keys: Sequence[int]) -> tuple[Keys, Projected]:
        """Return those of `keys` that are stored, ascending, as they were encoded, with pictures and given vectors."""
        live = self.live
        found = live.records.read(keys, live.encoder.name, live.encoder.parts)
        found = completed(live.records, live.encoder, found, live.encode)
        return found.keys, live.space.project(found.encoded, found.texts)

    def commonest(self, limit: int) -> list[Candidate]:
        """Return the `limit` categories with the most products: the best guess about what cannot be asked about."""
        with self.live.reading():
            return commonest(self.live, limit)

    def put(self, products: Sequence[Product], *, on_duplicate: OnDuplicate = "accept") -> list[Written | ProductError]:
        """Store products and their labels; each counts from the next question on. In order, refused ones as errors.

        on_duplicate: as for `change`.
        """
        outcomes = self.change(products, on_duplicate=on_duplicate)
        return [each for each in outcomes if not isinstance(each, ProductNotFound)]  # which only a patch can be

    def delete(self, ids: Sequence[str]) -> list[Written]:
        """Forget products; an unknown id is no error, its outcome is "missing"."""
        return self.live.delete(ids)

    def change(
        self,
        changes: Sequence[Change],
        *,
        expected: Mapping[str, int | None] = ANY,
        receipt: Receipt | None = None,
        decision: Decision | None = None,
        on_duplicate: OnDuplicate = "accept",
    ) -> list[Outcome]:
        """Put products, patch them and delete ids in one transaction, as `Live.change` does.

        on_duplicate: what becomes of a product that is stored already under another id, or comes twice in `changes`:
        `accept` stores it; `flag` does, and its outcome tells the duplicates; with `reject` its outcome is a
        ProductDuplicate, unless it was stored like that before.
        """
        screen = self.screen(on_duplicate)
        return self.live.change(changes, expected=expected, receipt=receipt, decision=decision, screen=screen)

    def screen(self, on_duplicate: OnDuplicate) -> Screening | None:
        """Return what looks for duplicates before products are stored, None where they are accepted."""
        if on_duplicate == "accept":
            return None
        wanted = Wanted(self.settings.duplicate_probability, self.settings.shown)
        return Screening(self.judging(), self._found, wanted, refuses=on_duplicate == "reject")

    def _found(
        self, products: Sequence[Product], asked: Projected
    ) -> Iterator[tuple[list[int], Projected, Neighbourhood]]:
        """Yield the rows of the products of each pattern, as they are asked about, with their neighbours."""
        for rows, hearing in self._hear(products, asked, self.settings.shown):
            yield rows, hearing.asked, hearing.found

    def patch(self, patches: Sequence[Patch]) -> list[Outcome]:
        """Change some fields of stored products; in order, a refused patch and one of an unknown id as errors."""
        return self.live.change(patches)

    def change_taxonomy(self, changes: Sequence[TreeChange], author: str = "", expected: int | None = None) -> Effect:
        """Make the next version of the tree, as `Live.change_taxonomy`."""
        return self.live.change_taxonomy(changes, author, expected)

    def undo_taxonomy(self, number: int | None = None, author: str = "") -> Effect:
        """Take a change of the tree back, as `Live.undo_taxonomy`."""
        return self.live.undo_taxonomy(number, author)

    def undo_decision(self, number: int, author: str = "", acts: Sequence[Act] = ()) -> Decided:
        """Take a decision back, as `Live.undo_decision`."""
        return self.live.undo_decision(number, author, acts)

    def get(self, product_id: str) -> Stored:
        """Return the stored product; raises ProductNotFound."""
        stored = self.live.records.get([product_id]).get(product_id)
        if stored is None:
            raise ProductNotFound(product_id)
        return stored

    def page(self, after: int, limit: int) -> list[Stored]:
        """Return up to `limit` stored products whose keys follow `after`, in order of key."""
        return self.live.records.page(after, limit)

    def _hear(self, products: Sequence[Product], asked: Projected, least: int) -> Iterator[tuple[list[int], Hearing]]:
        """Yield the rows of the questions of each pattern, and what is heard; `least` neighbours are looked for."""
        live = self.live
        known = (live.labels.key(product.id) for product in products)
        itself: Keys = np.array([-1 if key is None else key for key in known], np.int64)
        for pattern, rows in live.space.patterns(asked).items():
            calibration = self.calibration.of(pattern)
            yield (
                rows,
                hear(
                    live.built,
                    asked[np.array(rows)],
                    pattern,
                    itself[rows],
                    calibration=calibration,
                    tagger=self.tagger(),
                    voters=self.settings.neighbours or calibration.neighbours,
                    least=max(least, VOTERS if live.labels.tag_names else 0),
                ),
            )

    def tagger(self) -> Tagger:
        """Return what gives the tags that the index has now."""
        tags, tree = self.live.labels.tag_names, self.live.tree
        now, known = (len(tags), tree.version), self._tagging  # read once: others may be answering
        if known is None or known[0] != now:
            known = self._tagging = now, Tagger.of(self.calibration.tags, tags, self.live.vocabulary, tree)
        return known[1]


def calibration_in(live: Live) -> Calibration:
    """Return the calibration of the snapshot that is served; raises SnapshotDamaged when it cannot be read."""
    if not live.calibration:
        return Calibration()
    try:
        return Calibration.from_json(live.calibration)
    except ValueError as error:
        raise SnapshotDamaged(f"snapshot {live.manifest.id}: {error}") from error
