"""Pairs of products of which it is known what they are to each other, with what is compared of them, set by set.

Clusters are divided in halves by name, one to learn from; so are parents of `magento_luma`, and products of the sample.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import combinations, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks import relistings
from benchmarks.contrasts import contrasts
from benchmarks.growing import untaught
from benchmarks.machine import DATA, INDEXES, ROOT
from indexer.encoders import DEFAULT, load
from indexer.images.gallery import Folder
from indexer.live import Live, open_index
from indexer.normalize import normalize_many
from indexer.product import Product, content_hash
from indexer.settings import IndexSettings
from indexer.snapshots.publication import published
from indexer.sources import read
from service.duplicates.verdicts.colours import colours_in
from service.duplicates.verdicts.comparison import COLUMN, VARIED
from service.duplicates.verdicts.judging import Compared, Judging
from service.duplicates.verdicts.quantities import quantities_in
from service.duplicates.verdicts.reading import told
from service.duplicates.verdicts.traits import Traits
from service.engine import Engine
from service.rebuild import build
from service.settings import ServiceSettings

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Hits = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.int64]

RELISTED, CONTRASTS = "magento_relisted", "contrasts"
PER_PARENT, PER_CLUSTER, NEAREST, SAMPLE = 4, 6, 4, 12_000
SAMPLE_DATA = ROOT / "data" / "sample"
VARYING = [COLUMN[name] for name in VARIED]


@dataclass(frozen=True)
class Pairs:
    """Compared pairs of one set. same: bool (n,). variant: float (n,), 1 or 0, NaN where nobody knows.

    part: `train`, `valid` or `test` (n,).
    """

    name: str
    features: Floats
    equal: Hits
    same: Hits
    variant: Doubles
    part: npt.NDArray[np.str_]

    def of(self, *parts: str) -> Pairs:
        """Return the pairs of some parts."""
        rows = np.isin(self.part, parts)
        features, equal, same = self.features[rows], self.equal[rows], self.same[rows]
        return Pairs(self.name, features, equal, same, self.variant[rows], self.part[rows])


def opened(name: str, spec: str = DEFAULT) -> Live:
    """Return the index of a set, built when it is not there."""
    source, index = (INDEXES / name, INDEXES / f"{name}-index") if name == RELISTED else (DATA / name, INDEXES / name)
    if published(index) is None:
        gallery = Folder(source) if name == RELISTED else None
        with read(source) as rows:
            build(rows, index, settings=IndexSettings(encoder=spec), encoder=load(spec), gallery=gallery)
    return open_index(index)


def columns(folder: Path) -> pd.DataFrame:
    """Return the columns of a set's products, by id."""
    return pd.read_csv(folder / "products.csv", keep_default_na=False, dtype=str).set_index("id")


def keys_of(live: Live, ids: Sequence[str]) -> Keys:
    """Return the keys of stored products."""
    found = [live.labels.key(each) for each in ids]
    return np.array([-1 if key is None else key for key in found], np.int64)


def labelled(name: str) -> Pairs:
    """Return the pairs of a set that has them."""
    pairs = pd.read_csv(DATA / name / "pairs.csv", dtype=str)
    with closing(opened(name)) as live, live.reading():
        left, right = keys_of(live, pairs["left_id"].tolist()), keys_of(live, pairs["right_id"].tolist())
        features, equal = judging_of(live).compared(left, right, every=True)
    same = (pairs["label"] == "1").to_numpy()
    return Pairs(name, features, equal, same, _unlike(features, same), pairs["split"].to_numpy().astype(str))


def clustered(name: str, column: str, label: str = "", spec: str = DEFAULT, sample: int = SAMPLE) -> Pairs:
    """Return pairs of a set whose clusters are known: of one cluster, and of neighbours that are of two.

    label: column with the name of a cluster: two that differ by quantities and colours alone are variants.
    """
    table = columns(DATA / name)
    with closing(opened(name, spec)) as live, live.reading():
        keys = keys_of(live, table.index.tolist())
        cluster = np.full(live.labels.size, "", object)
        cluster[keys[keys >= 0]] = table[column].to_numpy()[keys >= 0]
        judging = judging_of(live)
        left, right = _some(judging, keys[keys >= 0], cluster, sample)
        features, equal = judging.compared(left, right, every=True)
        if spec != DEFAULT:
            features[:, COLUMN["text"]] = np.nan  # another encoder's cosines mean another thing
        same = cluster[left] == cluster[right]
        variant = _unlike(features, same)
        if label:
            known = dict(zip(table[column], table[label].map(_family), strict=True))
            one, other = ([known[each] for each in cluster[side]] for side in (left, right))
            variant = np.array([first == second for first, second in zip(one, other, strict=True)], float)
    part = _parts(cluster[left], cluster[right])
    return Pairs(name, features, equal, same.astype(bool), variant, part)


def relisted() -> Pairs:
    """Return pairs of articles: listed twice, variants of one parent, and neighbours of two parents."""
    folder = INDEXES / RELISTED
    if not (folder / "products.csv").is_file():
        every = pd.read_csv(DATA / "magento_luma" / "products.csv", keep_default_na=False, dtype=str)
        mixed = every[every["parent"] != ""].sample(frac=1, random_state=1)
        some = mixed.groupby("parent").head(PER_PARENT).sort_index()
        relistings.write(
            [{str(name): value for name, value in row.items()} for row in some.to_dict("records")],
            DATA / "magento_luma",
            folder,
        )
    table = columns(folder)
    with closing(opened(RELISTED)) as live, live.reading():
        keys = keys_of(live, table.index.tolist())
        parent, article = (np.full(live.labels.size, "", object) for _ in range(2))
        parent[keys] = table["parent"].to_numpy()
        article[keys] = np.where(table["original"] == "", table.index, table["original"])
        judging = judging_of(live)
        left, right = _some(judging, keys, parent, 10**9, each=40)
        features, equal = judging.compared(left, right, every=True)
    same = article[left] == article[right]
    variant = (parent[left] == parent[right]).astype(float)
    part = _parts(parent[left], parent[right])
    return Pairs(RELISTED, features, equal, same.astype(bool), variant, part)


def contrasted() -> Pairs:
    """Return pairs that are made of the sample (`benchmarks.contrasts`), compared as new products are."""
    with closing(sample()) as engine, engine.live.reading():
        stored = engine.live.records.products(np.flatnonzero(engine.live.labels.known).tolist())
        pairs = contrasts(stored)
        features, equal = new_ones(engine, [side for pair in pairs for side in (pair.left, pair.right)])
    names = [pair.left.id.split()[0] for pair in pairs]
    part = np.array([_half(each) for each in names])
    same, variant = np.array([pair.same for pair in pairs]), np.array([pair.variant for pair in pairs])
    return Pairs(CONTRASTS, features, equal, same, variant, part)


def sample() -> Engine:
    """Return the index of the sample, built when it is not there."""
    index = INDEXES / "sample"
    if published(index) is None:
        with read(SAMPLE_DATA) as rows:
            build(rows, index, settings=IndexSettings(encoder=DEFAULT), encoder=load(DEFAULT))
    return Engine.open(ServiceSettings(index=index, upkeep=False))


def new_ones(engine: Engine, products: Sequence[Product]) -> Compared:
    """Return what is compared of new products, the first with the second, the third with the fourth, and so on."""
    normal = normalize_many(products)
    traits = Traits.of([told(product, content_hash(product)) for product in normal])
    left = np.arange(0, len(normal), 2)
    return judging_of(engine.live).compared_among(traits, engine.encode(normal), left, left + 1)


def _some(
    judging: Judging, keys: Keys, cluster: npt.NDArray[Any], sample: int, each: int = PER_CLUSTER
) -> tuple[Keys, Keys]:
    """Return pairs of each cluster, and of products with their nearest of other clusters, `sample` each at most."""
    chance = np.random.default_rng(0)
    members = pd.Series(keys).groupby(cluster[keys]).apply(list)
    within = [pair for some in members for pair in islice(combinations(chance.permutation(some).tolist(), 2), each)]
    within = [within[at] for at in chance.permutation(len(within))[:sample].tolist()]
    asked = chance.permutation(keys)[: sample // 2]
    near, _ = judging.surroundings.stored(asked)
    apart = [
        (int(key), other)
        for key, others in zip(asked.tolist(), near.tolist(), strict=True)
        for other in islice((other for other in others if other and cluster[other] != cluster[key]), NEAREST)
    ]
    apart += [
        (int(one), int(other))
        for one, other in zip(*(chance.permutation(asked) for _ in range(2)), strict=True)
        if cluster[one] != cluster[other]
    ]
    left, right = np.array(within + apart, np.int64).T
    return left, right


def _half(name: str) -> str:
    """Return the part that a cluster is of: half of them are learnt from, a tenth calibrates, the rest is judged."""
    place = zlib.crc32(name.encode()) % 10
    return "train" if place < 5 else "valid" if place < 6 else "test"


def _parts(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[np.str_]:
    """Return the part of each pair of clusters, "" where the two are of two parts."""
    halves = np.array([_half(each) for each in left]), np.array([_half(each) for each in right])
    return np.where(halves[0] == halves[1], halves[0], "")


def _family(label: str) -> str:
    """Return the name of a cluster without quantities and colours."""
    text = label.lower()
    for _, _, written, _ in list(quantities_in(text)):
        text = text.replace(written, " ")
    for _, word in list(colours_in(text)):
        text = text.replace(word, " ")
    return " ".join(text.split())


def _unlike(features: Floats, same: Hits) -> Doubles:
    """Return what can be said without labels: no variant where nothing that varies is contradicted."""
    varies = np.any(features[:, VARYING] == -1, axis=1)
    return np.where(same | varies, np.nan, 0.0)


def judging_of(live: Live) -> Judging:
    judging = Judging(live, untaught())
    judging.load()
    return judging


def sets() -> dict[str, Pairs]:
    """Return the pairs of all sets, compared."""
    return {each.name: each for each in _sets()}


def _sets() -> Iterator[Pairs]:
    yield labelled("er_abt_buy")
    yield labelled("er_amazon_google")
    yield clustered("er_tvs_1624", "cluster_id")
    yield clustered("pricerunner_35k", "cluster_id", "cluster_label", "static")
    yield relisted()
    yield contrasted()
