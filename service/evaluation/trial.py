"""A trial: a real index of some products, and what it thinks of others that it never saw.

The index is built, calibrated and asked exactly as a user's would be; only encoding is looked up where it was done
before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from indexer.build import VOCABULARY, Quiet
from indexer.build import Progress as Pipeline
from indexer.encoders import Encoded, Encoder, Progress, given_parts
from indexer.intake.placement import CANONICAL, Placement
from indexer.intake.update import path_of, prepare, store
from indexer.product import Product, content_hash
from indexer.settings import IndexSettings
from indexer.space import Projected, Vectors, present
from indexer.store.place import STORE
from indexer.store.records import Record, Records
from service.engine import Engine
from service.evaluation.judged import Judged
from service.rebuild import rebuild
from service.settings import ServiceSettings
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

BATCH = 256

Tell = Callable[[int], None]
Look = Callable[[Sequence[Product]], list[Product]]
"""Returns products with their pictures, where those are to be looked at."""


class Remembered:
    """An encoder that looks up in a record store what was encoded there, and encodes the rest."""

    def __init__(self, encoder: Encoder, records: Records) -> None:
        self._encoder = encoder
        self._records = records

    @property
    def name(self) -> str:
        """Fingerprint of the encoder itself."""
        return self._encoder.name

    @property
    def parts(self) -> Mapping[str, int]:
        """Parts of the encoder itself."""
        return self._encoder.parts

    @property
    def side(self) -> int:
        """Pictures that the encoder itself wants to see."""
        return self._encoder.side

    @property
    def given(self) -> Mapping[str, int]:
        """Parts that the encoder itself takes."""
        return given_parts(self._encoder)

    def encode(self, products: Sequence[Product], progress: Progress | None = None) -> Encoded:
        """Return the raw vectors of products."""
        hashes = [content_hash(product) for product in products]
        found, known = self._records.vectors(hashes, self.name, self.parts)
        if known.all():
            return found
        made = self._encoder.encode([products[row] for row in np.flatnonzero(~known).tolist()], progress)
        rows = {part: found.parts[part].copy() for part in self.parts}
        for part in self.parts:
            rows[part][~known] = made.parts[part]
        return Encoded(rows, {part: present(matrix) for part, matrix in rows.items()})


def trial(
    train: Sequence[Product],
    test: Sequence[Product],
    folder: Path,
    *,
    encoder: Encoder,
    index: IndexSettings | None = None,
    service: ServiceSettings | None = None,
    taxonomy: Tree | None = None,
    vocabulary: Vocabulary | None = None,
    tree: Tree | None = None,
    fold: int = 0,
    progress: Pipeline | None = None,
) -> Judged:
    """Build an index of `train` in the empty `folder` and return what it thinks of `test`, which keeps its labels.

    taxonomy and vocabulary: as they are given to a build. tree: to judge in, with every category of both; without it,
    that of the index with what `test` adds. Raises what building and opening an index raise, and ValueError when
    `test` is empty.
    """
    progress = progress or Quiet()
    progress.start("store", len(train), "products")
    fill(train, folder, encoder, taxonomy=taxonomy, vocabulary=vocabulary, tell=progress.at)
    rebuild(folder, settings=index or IndexSettings(), encoder=encoder, progress=progress)
    settings = (service or ServiceSettings()).model_copy(update={"index": folder})
    with closing(Engine.open(settings, encoder)) as engine:
        progress.start("ask", len(test), "products")
        return asked(engine, test, tree=tree, fold=fold, tell=progress.at)


def fill(
    products: Sequence[Product],
    folder: Path,
    encoder: Encoder,
    *,
    taxonomy: Tree | None = None,
    vocabulary: Vocabulary | None = None,
    tell: Tell = lambda _: None,
) -> None:
    """Put products into a new record store in `folder`; a refused one raises its ProductError."""
    folder.mkdir(parents=True, exist_ok=True)
    placement = Placement(taxonomy or Tree.empty(), grows=taxonomy is None, separators=CANONICAL)
    with closing(Records.open(folder / STORE)) as records:
        for start in range(0, len(products), BATCH):
            prepared = prepare(products[start : start + BATCH], placement, given_parts(encoder))
            refused = [each for each in prepared if not isinstance(each, Record)]
            if refused:
                raise refused[0]
            store(records, encoder, [each for each in prepared if isinstance(each, Record)], encoder.encode)
            tell(start + len(prepared))
        records.taxonomies.adopt(taxonomy)
        records.set_fact(VOCABULARY, "" if vocabulary is None else vocabulary.to_json())


def asked(
    engine: Engine,
    test: Sequence[Product],
    *,
    tree: Tree | None = None,
    look: Look = list,
    fold: int = 0,
    tell: Tell = lambda _: None,
) -> Judged:
    """Ask an open index about normalised products and return what it thinks of them beside their labels.

    look: adds the pictures of some products at a time, so that no more are in memory. Raises ValueError for no
    products.
    """
    tree = tree or engine.tree.extended(path_of(product.category) for product in test if product.category)
    parts: list[Judged] = []
    order: list[int] = []
    for start in range(0, len(test), BATCH):
        some = look(test[start : start + BATCH])
        seen = engine.encode(some)
        for rows, thought in engine.think(some, seen):
            parts.append(
                Judged.of(
                    [some[row] for row in rows],
                    thought,
                    mapped(seen)[rows],
                    engine.tree,
                    vocabulary=engine.live.vocabulary,
                    tree=tree,
                    fold=fold,
                )
            )
            order += [start + row for row in rows]
        tell(start + len(some))
    return Judged.joined(parts)[np.argsort(order)]


def mapped(seen: Projected) -> Vectors:
    """Return where products lie on a map of the index: in its first view, zeros where they lack it."""
    return next(iter(seen.vectors.values()))
