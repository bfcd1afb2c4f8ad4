"""Text, picture and both: ours beside classifiers on the same vectors, with photos removed, and other ways to fuse.

    python -m benchmarks.fusion [SET ...] [--seeds 1] [--ways]

The pictures are known by the vectors that come with each set. Photos are removed by chance from the products of the
index, and of those asked about; classifiers get zeros in their place, as is usual. `--ways` compares how the two views
could be fused as well: one learnt space of both, stand-ins for photos that lack, fixed and learnt mixing of votes.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from benchmarks.data import Set, Split, loaded, splits
from benchmarks.machine import write
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.space import IMAGE, TEXT, bridge, spaces_of
from service.engine import Engine
from service.evaluation.judged import Judged
from service.evaluation.trial import asked, fill
from service.rebuild import rebuild
from service.settings import ServiceSettings

SETS = {
    "fashion_clip_2000": "clip_vitb32_image_vectors.npy",
    "flipkart_1050": "mobilenet_v2_image_vectors.npy",
    "fashion_8k": "mobilenet_v2_image_vectors.npy",
}
REMOVED = (0.0, 0.3, 0.7)
"""Shares of the photos that are removed, from the index and from what is asked."""

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Hits = dict[str, Mask]
"""By question, "text", "image" or "both", which test products were right."""


@dataclass(frozen=True)
class Trial:
    """A set divided, with the products of the index that keep their photo. level: of the path that is asked for."""

    data: Set
    split: Split
    kept: Mask
    level: int

    @property
    def train(self) -> list[Product]:
        """The products of the index."""
        some = self.data.some(self.split.train)
        return [each if here else blind(each) for each, here in zip(some, self.kept.tolist(), strict=True)]

    @property
    def test(self) -> list[Product]:
        """The products that are asked about."""
        return self.data.some(self.split.test)

    def named(self, products: Sequence[Product]) -> list[str]:
        """Return what is asked for of each product."""
        return [replace(self.split, level=self.level).label(product.category) for product in products]


def blind(product: Product) -> Product:
    """Return a product without its photo."""
    return replace(product, vectors={}, images=())


def wordless(product: Product) -> Product:
    """Return a product with nothing but its photo."""
    return replace(product, title="", description="", brand="", specs=(), images=product.images or ("photo",))


@contextmanager
def index_of(products: Sequence[Product], data: Set) -> Iterator[Engine]:
    """Give an index of these products, as a user would build it."""
    with TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        fill(products, index, data.encoder)
        rebuild(index, settings=IndexSettings(), encoder=data.encoder)
        with closing(Engine.open(ServiceSettings(index=index), data.encoder)) as engine:
            yield engine


def right(judged: Judged, level: int) -> Mask:
    """Return which answers are right at a level of the path; 0 for the whole path."""
    if not level:
        return judged.exact
    lines = judged.tree.lineage
    made: Mask = lines[judged.nodes[:, 0], level - 1] == lines[judged.truth, level - 1]
    return made


def ours(trial: Trial, levels: Sequence[int]) -> dict[int, Hits]:
    """Return by level what our answers get right, asked by text, by picture and by both."""
    ways: dict[str, Callable[[Product], Product]] = {"text": blind, "image": wordless, "both": lambda product: product}
    with index_of(trial.train, trial.data) as engine:
        judged = {way: asked(engine, [change(each) for each in trial.test]) for way, change in ways.items()}
    return {level: {way: right(each, level) for way, each in judged.items()} for level in levels}


def matrices(trial: Trial, products: Sequence[Product]) -> tuple[Floats, Floats]:
    """Return the vectors of text and picture, (n, d) each; zeros where a product has none."""
    parts = trial.data.encoder.encode(products).parts
    return parts["text"], parts["image"]


def rivals(trial: Trial) -> dict[str, Hits]:
    """Return what classifiers on the same vectors get right: trained on pictures for "image", on both for "both"."""
    text, image = matrices(trial, trial.train)
    asked_text, asked_image = matrices(trial, trial.test)
    truth, labels = np.array(trial.named(trial.test)), np.array(trial.named(trial.train))
    having = image.any(axis=1)
    made: dict[str, Hits] = {}
    for name, model in _models().items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of convergence: they get as long as they get
            seen = model().fit(image[having], labels[having]).predict(asked_image)
            hits = {"image": seen == truth}
            if name != "kNN":
                both = model().fit(np.hstack([text, image]), labels)
                hits["both"] = both.predict(np.hstack([asked_text, asked_image])) == truth
                hits["text"] = both.predict(np.hstack([asked_text, np.zeros_like(asked_image)])) == truth
        made[name] = hits
    return made


def _models() -> dict[str, Any]:
    return {
        "logistic regression": lambda: LogisticRegression(C=100, max_iter=300),
        "MLP": lambda: MLPClassifier((256,), max_iter=60, random_state=0),
        "kNN": lambda: KNeighborsClassifier(10, metric="cosine", weights="distance"),
    }


def mixtures(trial: Trial, level: int) -> dict[str, Mask]:
    """Return what fixed mixing of our own two votes gets right: half of each view's probabilities."""
    with index_of(trial.train, trial.data) as engine:
        shares = [_shares(engine, [change(each) for each in trial.test]) for change in (blind, wordless)]
        tree = engine.tree
    truth = [tree.find(tuple(each.category.split(" > "))) for each in trial.test]
    lines = np.vstack([tree.lineage, np.full((1, tree.lineage.shape[1]), -2)])
    wanted = np.array([len(tree) if node is None else node for node in truth])
    made = {}
    for name, mixed in (("mean of two votes", shares[0] + shares[1]), ("product", shares[0] * shares[1])):
        best = mixed.argmax(axis=1)
        made[name] = best == wanted if not level else lines[best, level - 1] == lines[wanted, level - 1]
    return made


def _shares(engine: Engine, products: Sequence[Product]) -> npt.NDArray[np.float64]:
    """Return the probability of each category: float64 (n, nodes)."""
    made = np.full((len(products), len(engine.tree)), 1e-6)
    for start in range(0, len(products), 256):
        some = products[start : start + 256]
        for rows, thought in engine.think(some, engine.encode(some)):
            nodes, own = thought.likely.nodes, thought.likely.own
            row, place = np.nonzero(nodes >= 0)
            made[start + np.array(rows)[row], nodes[row, place]] += own[row, place]
    return made


def one_space(trial: Trial, levels: Sequence[int]) -> dict[int, Hits]:
    """Return the same of an index that puts both views into one learnt space; parts that lack are left out."""
    with patch("indexer.space.view_of", lambda _: TEXT), patch("indexer.space.names.view_of", lambda _: TEXT):
        return ours(trial, levels)


def stood_in(trial: Trial, levels: Sequence[int]) -> dict[int, Hits]:
    """Return the same where each product without a photo, stored or asked, gets the vector that its text suggests."""
    train, test = trial.train, trial.test
    spaces = spaces_of(trial.data.encoder.parts)
    text, image = matrices(trial, train)
    way = bridge.fit(spaces, np.hstack([text, image]))[IMAGE]

    def lent(products: Sequence[Product]) -> list[Product]:
        made = way.cross(matrices(trial, products)[0])
        return [
            each if each.vectors else replace(each, vectors={"image": row})
            for each, row in zip(products, made, strict=True)
        ]

    with index_of(lent(train), trial.data) as engine:
        asked_so = {"text": lent([blind(each) for each in test]), "both": test, "image": [wordless(e) for e in test]}
        judged = {way_: asked(engine, some) for way_, some in asked_so.items()}
    return {level: {way_: right(each, level) for way_, each in judged.items()} for level in levels}


def measured(name: str, seeds: int, *, ways: bool) -> dict[str, Any]:
    """Return percentages right by share removed from the index, then by who and how it was asked."""
    data = loaded(name, vectors=SETS[name])
    levels = (1, 2, 0) if name == "flipkart_1050" else (0,)
    every = [each for each in splits(data, seeds) if each.level in {0, 1}]
    sums: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for split in every:
        for removed in REMOVED:
            rng = np.random.default_rng(len(split.train))
            kept, shown = (rng.random(len(some)) >= removed for some in (split.train, split.test))
            trial = Trial(data, split, kept, levels[-1])
            _trial(trial, levels, sums[f"{removed:.0%} removed"], shown, ways=ways and split is every[0])
            print(
                name,
                split.name,
                removed,
                {k: round(100 * float(np.mean(v)), 2) for k, v in sums[f"{removed:.0%} removed"].items()},
                flush=True,
            )
    return {removed: {who: _summary(values) for who, values in table.items()} for removed, table in sums.items()}


def _trial(trial: Trial, levels: Sequence[int], into: dict[str, list[float]], shown: Mask, *, ways: bool) -> None:
    makers: dict[str, Any] = {"aisle": ours}
    if ways:
        makers |= {"one space": one_space, "stand-ins": stood_in}
    for who, make in makers.items():
        for level, hits in make(trial, levels).items():
            _count(into, who, level, hits, shown)
    for level in levels:
        at = replace(trial, level=level)
        for who, hits in rivals(at).items():
            _count(into, who, level, hits, shown)
        if ways:
            for who, mask in mixtures(at, level).items():
                into[f"{_level(level)}, {who}, both"].append(float(mask.mean()))


def _count(into: dict[str, list[float]], who: str, level: int, hits: Mapping[str, Mask], shown: Mask) -> None:
    """Note shares right; "some": what is asked has lost photos, too, and is asked by what is left."""
    for way, mask in hits.items():
        into[f"{_level(level)}, {who}, {way}"].append(float(mask.mean()))
    if {"both", "text"} <= hits.keys():
        into[f"{_level(level)}, {who}, some"].append(float(np.where(shown, hits["both"], hits["text"]).mean()))


def _level(level: int) -> str:
    return {0: "leaf", 1: "top level", 2: "second level"}[level]


def _summary(values: list[float]) -> list[float]:
    return [round(100 * float(np.mean(values)), 2), round(100 * float(np.std(values)), 2), len(values)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=list(SETS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--ways", action="store_true", help="compare other ways to fuse, on the first split")
    given = parser.parse_args()
    for name in given.sets:
        found = measured(name, given.seeds, ways=given.ways)
        write(f"fusion-{'ways-' if given.ways else ''}{name}", {"seeds": given.seeds, "mean, deviation, splits": found})


if __name__ == "__main__":
    main()
