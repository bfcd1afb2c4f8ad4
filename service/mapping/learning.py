"""What the foreign categories of an index's products, and of a source's, mean: labels vote, and answers where none is.

A stored product with a label that has a voice votes for its category. A product without one is asked about, and votes
for the likeliest categories by their probabilities; of each foreign category SAMPLE products are asked about at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from indexer.build import Progress, Quiet
from indexer.intake.update import completed, path_of
from indexer.product import FOREIGN, Product
from indexer.sources.rows import Row
from indexer.store.foreign import Carrier
from indexer.store.records import Records
from service.answer import Answer
from service.calibration.dial import Dial
from service.engine import Engine
from service.mapping.ballots import Ballot, Ballots
from service.mapping.meaning import DEMAND, Demand, meaning_of
from taxonomy.foreign import Meaning
from taxonomy.likeness import Likeness
from taxonomy.mapping import CategoryMapper
from taxonomy.tree import Tree

SAMPLE = 50
"""Products without a label that are asked about for one foreign category, at most."""
PAGE = 5_000
BATCH = 128
ASKING = Dial(policy="leaf")


@dataclass(slots=True)
class Heard:
    """Products that were counted: labelled + asked + beyond (the sample) + bare (no foreign category) = read."""

    read: int = 0
    labelled: int = 0
    asked: int = 0
    beyond: int = 0
    bare: int = 0


class Learning:
    """Collects votes over one open index."""

    def __init__(self, engine: Engine, progress: Progress | None = None) -> None:
        self.ballots = Ballots()
        self.heard = Heard()
        self._engine = engine
        self._tree = engine.tree
        self._progress = progress or Quiet()

    def meanings(self, demand: Demand = DEMAND) -> list[Meaning]:
        """Return what each foreign category means, those of most products first, equals by name."""
        likeness = Likeness(self._tree)
        found = [meaning_of(ballot, self._tree, likeness, demand) for ballot in self.ballots]
        return sorted(found, key=lambda meaning: (-meaning.products, meaning.foreign))

    def hear_stored(self) -> None:
        """Let the stored products vote."""
        records = self._engine.live.records
        products = records.counts().products
        self._progress.start("read", products, "products")
        mute: list[tuple[Ballot, Carrier]] = []
        for ballot, carrier in hear_labels(records, self._tree, self.ballots):
            if self._wanted(ballot):
                mute.append((ballot, carrier))
        self.heard.labelled = sum(ballot.products for ballot in self.ballots)
        for start in range(0, len(mute), BATCH):
            self._ask_stored(mute[start : start + BATCH])
            self._progress.at(self.heard.labelled + self.heard.asked)
        self.heard.bare = max(0, products - self.heard.labelled - len(mute) - self.heard.beyond)
        self.heard.read = self.heard.labelled + len(mute) + self.heard.beyond + self.heard.bare

    def hear(self, rows: Iterable[Row], expected: int | None = None) -> None:
        """Let the products of a source vote.

        A row with a fact for it votes by its label, where this tree has it; one without votes about its own category.
        """
        mapper = CategoryMapper(self._tree, before=self._engine.live.records.taxonomies.aliases())
        self._progress.start("classify", expected, "products")
        waiting: list[tuple[Ballot, Product]] = []
        before = self.heard.read
        for row in rows:
            if row.product is None:
                continue
            product = row.product
            foreign = product.known.get(FOREIGN, "")
            ballot = self._ballot(foreign or product.category)
            if ballot is None:
                continue
            node = mapper.resolve(product.category) if foreign and product.category and product.voice else None
            if isinstance(node, int) and node >= 0:
                ballot.add([(node, 1.0)], product.title)
                self.heard.labelled += 1
            elif self._wanted(ballot):
                waiting.append((ballot, replace(product, category="", tags=())))
            if len(waiting) == BATCH:
                self._ask(waiting)
                waiting = []
                self._progress.at(self.heard.read - before)
        self._ask(waiting)

    def _ballot(self, foreign: str) -> Ballot | None:
        """Count a product, and return the votes that it may add to."""
        self.heard.read += 1
        ballot = self.ballots.of(foreign) if foreign.strip() else None
        self.heard.bare += ballot is None
        return ballot

    def _wanted(self, ballot: Ballot) -> bool:
        ballot.mute += 1
        self.heard.beyond += ballot.mute > SAMPLE
        return ballot.mute <= SAMPLE

    def _ask_stored(self, some: Sequence[tuple[Ballot, Carrier]]) -> None:
        """Ask about stored products as they were encoded; what was deleted meanwhile is not there."""
        live = self._engine.live
        stored = live.records.by_keys([carrier.key for _, carrier in some])
        there = [(ballot, carrier.key) for ballot, carrier in some if carrier.key in stored]
        found = live.records.read([key for _, key in there], live.encoder.name, live.encoder.parts)
        found = completed(live.records, live.encoder, found, live.encode)
        place = {key: at for at, key in enumerate(found.keys.tolist())}
        there = [(ballot, key) for ballot, key in there if key in place]
        if not there:
            return
        products = [stored[key].record.product for _, key in there]
        rows = np.array([place[key] for _, key in there], np.int64)
        asked = live.space.project(found.encoded, found.texts)[rows]
        for (ballot, _), product, answer in zip(
            there, products, self._engine.answer(products, asked, ASKING), strict=True
        ):
            self._answered(ballot, product, answer)

    def _ask(self, some: Sequence[tuple[Ballot, Product]]) -> None:
        answers = self._engine.classify([product for _, product in some], ASKING) if some else []
        for (ballot, product), answer in zip(some, answers, strict=True):
            if isinstance(answer, Answer):
                self._answered(ballot, product, answer)

    def _answered(self, ballot: Ballot, product: Product, answer: Answer) -> None:
        nodes = [(self._tree.find(path_of(each.path)), each.probability) for each in answer.alternatives]
        ballot.add([(node, share) for node, share in nodes if node is not None], product.title)
        self.heard.asked += 1


def hear_labels(records: Records, tree: Tree, ballots: Ballots) -> Iterator[tuple[Ballot, Carrier]]:
    """Let the labels of stored products vote for their categories; yield the products that have none with a voice."""
    nodes: dict[str, int | None] = {}
    for page in _pages(records):
        for carrier in page:
            ballot = ballots.of(carrier.foreign) if carrier.foreign.strip() else None
            if ballot is None:
                continue
            if carrier.category not in nodes:
                nodes[carrier.category] = tree.find(path_of(carrier.category)) if carrier.category else None
            node = nodes[carrier.category]
            if node is None or not carrier.voice:
                yield ballot, carrier
            else:
                ballot.add([(node, 1.0)], carrier.title)


def _pages(records: Records) -> Iterator[list[Carrier]]:
    after = 0
    while page := records.foreign(after, PAGE):
        yield page
        after = page[-1].key
