"""A trial: a real index of some products, and what it thinks of others that it never saw.

The index is built, calibrated and asked exactly as a user's would be; only encoding is remembered from index to index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from indexer.encoders import Encoded, Encoder, Progress
from indexer.placement import CANONICAL, Placement
from indexer.product import Product, content_hash
from indexer.settings import IndexSettings
from indexer.space import present
from indexer.store.records import Record, Records
from indexer.update import STORE, prepare, store
from indexer.vectors import Vectors
from service.engine import Engine
from service.evaluation.judged import Judged
from service.rebuild import rebuild
from service.settings import ServiceSettings
from taxonomy.tree import Tree

BATCH = 256


class Remembered:
    """An encoder that knows the raw vectors of what it has seen, by content."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._known: dict[str, dict[str, Vectors]] = {}

    @property
    def name(self) -> str:
        """Fingerprint of the encoder itself."""
        return self._encoder.name

    @property
    def parts(self) -> Mapping[str, int]:
        """Parts of the encoder itself."""
        return self._encoder.parts

    def learn(self, records: Records) -> None:
        """Remember all that a record store holds by this encoder."""
        for some in records.scan(self.name, self.parts, up_to=records.counts().last_key):
            stored = records.by_keys(some.keys[some.known].tolist())
            for place, key in enumerate(some.keys.tolist()):
                if some.known[place]:
                    rows = {part: some.encoded.parts[part][place] for part in self.parts}
                    self._known[stored[key].record.content_hash] = rows

    def encode(self, products: Sequence[Product], progress: Progress | None = None) -> Encoded:
        """Return the raw vectors of products; those of contents that are not known are made, and kept."""
        hashes = [content_hash(product) for product in products]
        new = {known: product for known, product in zip(hashes, products, strict=True) if known not in self._known}
        if new:
            made = self._encoder.encode(list(new.values()), progress)
            for place, known in enumerate(new):
                self._known[known] = {part: made.parts[part][place] for part in self.parts}
        rows = {part: np.stack([self._known[known][part] for known in hashes]) for part in self.parts}
        return Encoded(rows, {part: present(matrix) for part, matrix in rows.items()})


def trial(
    train: Sequence[Product],
    test: Sequence[Product],
    folder: Path,
    *,
    encoder: Encoder,
    index: IndexSettings | None = None,
    service: ServiceSettings | None = None,
    tell: Callable[[int], None] = lambda _: None,
) -> Judged:
    """Build an index of `train` in the empty `folder` and return what it thinks of `test`, which keeps its labels.

    tell(n) is called as n products of `test` were asked about. Raises what building and opening an index raise.
    """
    fill(train, folder, encoder)
    rebuild(folder, settings=index or IndexSettings(), encoder=encoder)
    settings = (service or ServiceSettings()).model_copy(update={"index": folder})
    with closing(Engine.open(settings, encoder)) as engine:
        return asked(engine, test, tell)


def fill(products: Sequence[Product], folder: Path, encoder: Encoder) -> None:
    """Put products into a new record store in `folder`; a refused one raises its ProductError."""
    folder.mkdir(parents=True, exist_ok=True)
    placement = Placement(Tree.empty(), grows=True, separators=CANONICAL)
    with closing(Records.open(folder / STORE)) as records:
        for start in range(0, len(products), BATCH):
            prepared = prepare(products[start : start + BATCH], placement, "supplier")
            refused = [each for each in prepared if not isinstance(each, Record)]
            if refused:
                raise refused[0]
            store(records, encoder.name, [each for each in prepared if isinstance(each, Record)], encoder.encode)


def asked(engine: Engine, test: Sequence[Product], tell: Callable[[int], None] = lambda _: None) -> Judged:
    """Ask an open index about normalised products and return what it thinks of them beside their labels."""
    parts = []
    for start in range(0, len(test), BATCH):
        some = test[start : start + BATCH]
        seen = engine.encode(some)
        answers = engine.answer(some, seen)
        parts.append(Judged.of(some, answers, *engine.weigh(some, seen), engine))
        tell(start + len(some))
    return Judged.joined(parts)
