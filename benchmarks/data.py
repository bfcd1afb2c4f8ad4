"""The evaluation sets as labelled products, and their splits as their README has them.

flipkart_1050 in 4 stratified folds by top category, once for the departments and once for the second-level classes of
four products or more; mwpd_gpc_16k by its official split and, like the others, 80/20 by seed: repeated titles dropped,
leaf paths of four products or more, listings of one cluster or parent on one side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from benchmarks.machine import DATA, INDEXES
from indexer.build import build
from indexer.encoders import DEFAULT, Encoder, load
from indexer.intake.update import whole
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.snapshots.publication import published
from indexer.sources import read
from indexer.sources.vectors import RowVectors
from indexer.store.place import STORE
from indexer.store.records import Records, Stored
from service.console.progress import Progress
from service.evaluation.trial import Remembered
from taxonomy.tree import SEPARATOR

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Set:
    """Labelled products of one set, normalised, the columns of their source, and an encoder that remembers them."""

    name: str
    products: Sequence[Product]
    columns: pd.DataFrame
    encoder: Encoder

    def some(self, rows: Numbers) -> list[Product]:
        """Return the products of row numbers."""
        return [self.products[row] for row in rows.tolist()]


@dataclass(frozen=True)
class Split:
    """One way to divide a set: what is asked for, a name, and row numbers.

    level: of the path that counts, from the root 1; 0 is the whole path.
    """

    kind: str
    name: str
    train: Numbers
    test: Numbers
    level: int = 0

    def label(self, path: str) -> str:
        """Return what of a path is asked for."""
        return SEPARATOR.join(path.split(SEPARATOR)[: self.level]) if self.level else path


def loaded(name: str, spec: str = DEFAULT, vectors: str = "") -> Set:
    """Read and encode a set into its own store under index/benchmarks, so that a second run encodes nothing.

    vectors: file beside the set with vectors of its pictures; the encoder of them is joined to that of `spec`.
    """
    given = RowVectors(DATA / name / vectors) if vectors else None
    folder = INDEXES / "-".join([name, *([spec] if spec != DEFAULT else []), *(["vectors"] if given else [])])
    spec = f"{spec}+precomputed:image={given.dim}@{given.path.stem}" if given else spec
    encoder = load(spec)
    if published(folder) is None:
        with read(DATA / name, vectors=given or False) as rows, Progress() as progress:
            build(rows, folder, settings=IndexSettings(encoder=spec), encoder=encoder, progress=progress)
    records = Records.open(folder / STORE)  # open as long as the set is in use
    stored = [each for first in _pages(records) for each in first if each.record.product.category]
    products = whole(records, encoder, stored)
    source = next((DATA / name).glob("products.csv*"))
    columns = pd.read_csv(source, keep_default_na=False, dtype=str).set_index("id")
    return Set(name, products, columns.loc[[product.id for product in products]], Remembered(encoder, records))


def _pages(records: Records) -> Iterator[list[Stored]]:
    after = 0
    while page := records.page(after, 1_000):
        yield page
        after = page[-1].key


def splits(data: Set, seeds: int) -> Iterator[Split]:
    """Yield the splits of a set, `seeds` of each kind that has seeds."""
    rows = np.arange(len(data.products))
    if data.name == "flipkart_1050":
        yield from _levels(data, rows, seeds)
        return
    if data.name == "mwpd_gpc_16k":
        part = data.columns["split"].to_numpy()
        yield Split("official test", "official", np.flatnonzero(part == "train"), np.flatnonzero(part == "test"))
    rows = kept(data, rows)
    groups = _groups(data, rows)
    for seed in range(seeds):
        names = np.random.default_rng(seed).permutation(np.unique(groups))
        held = np.isin(groups, names[: len(names) // 5])
        yield Split("leaves", f"seed {seed}", rows[~held], rows[held])


def _levels(data: Set, rows: Numbers, seeds: int) -> Iterator[Split]:
    """Yield the folds of flipkart_1050 for its departments, and for its second level."""
    names = [data.products[row].category.split(SEPARATOR) for row in rows]
    second = pd.Series([SEPARATOR.join(name[:2]) for name in names])
    common = rows[(second.groupby(second).transform("size") >= 4).to_numpy()]
    for kind, level, some in (("departments", 1, rows), ("second level", 2, common)):
        top = [names[row][0] for row in some]
        for seed in range(seeds):
            folds = StratifiedKFold(4, shuffle=True, random_state=seed).split(some, top)
            for fold, (train, test) in enumerate(folds):
                yield Split(kind, f"{kind} seed {seed} fold {fold}", some[train], some[test], level)


def kept(data: Set, rows: Numbers) -> Numbers:
    """Return the rows whose title comes for the first time, in leaf paths of four of them or more."""
    titles = pd.Series([product.title for product in data.products])
    rows = rows[~titles.duplicated().to_numpy()]
    paths = pd.Series([data.products[row].category for row in rows])
    common: Numbers = rows[(paths.groupby(paths).transform("size") >= 4).to_numpy()]
    return common


def _groups(data: Set, rows: Numbers) -> Numbers:
    """Return a number for each row, the same for listings that must stay on one side."""
    column = next((name for name in ("cluster_id", "parent") if name in data.columns), None)
    if column is None:
        return rows
    values = data.columns[column].iloc[rows].to_numpy()
    named = np.where(values == "", [f"row {row}" for row in rows], values)
    return np.asarray(pd.factorize(named)[0], np.int64)


def unlabelled(products: Sequence[Product]) -> list[Product]:
    """Return products without their labels, as they are asked about."""
    return [replace(product, category="", tags=()) for product in products]
