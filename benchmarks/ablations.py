"""What each part of the answer is worth: the whole system, and with one thing changed.

    python -m benchmarks.ablations [SET ...] [--encoder static] [--table]

One split of each set (the official one of mwpd_gpc_16k, else seed 0). The index is built once; what a change has to do
with the space, or with what is counted at build, is built again. Every variant is calibrated anew by the index itself,
so that none is judged by weights that were fitted for another. The product has no switches for this: what is changed is
replaced here, by name, while a variant runs. `--table` only puts the last result into docs/ablations.md.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory
from typing import Any, cast
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score

from benchmarks.data import Set, Split, loaded, splits
from benchmarks.machine import RESULTS, ROOT, write
from indexer import build as pipeline
from indexer.encoders import DEFAULT
from indexer.memory.view import View
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.space import Projected, Space
from indexer.space.features import Features, Kernel
from indexer.space.fit import Fitted, fit
from indexer.space.lexicon import Rows
from indexer.space.names import Names
from indexer.space.postings import Postings
from indexer.space.prototypes import Own, Prototypes
from indexer.store.place import STORE
from indexer.vectors import Keys, Neighbours, VectorIndex, Vectors
from service.calibration import learning
from service.calibration.calibrate import Calibration
from service.calibration.leave_one_out import halves
from service.calibration.reliability import Reliability, expected_error
from service.engine import Engine
from service.evaluation.judged import Judged
from service.evaluation.trial import asked, fill
from service.settings import ServiceSettings
from service.vote import mixture, search
from service.vote.mixture import TERMS, Evidence

SETS = ("bestbuy_phones_3k", "mwpd_gpc_16k", "flipkart_20k")
FIGURES = ("leaf", "macro_f1", "ece")
MARKS = ("<!-- ablations: made by python -m benchmarks.ablations --table -->", "<!-- end of ablations -->")
DOCUMENT = ROOT / "docs" / "ablations.md"

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Nodes = npt.NDArray[np.int32]
Patch = AbstractContextManager[Any]
Changes = Callable[[], Sequence[Patch]]


def unwhitened() -> Sequence[Patch]:
    """Let the space be the centred parts side by side: no direction weighs more than another."""

    def plain(*given: Any, **named: Any) -> Fitted:
        fitted = fit(*given, **named)
        if fitted.learnt is None:
            return fitted
        width = len(fitted.learnt.matrix)
        matrix, shift = np.eye(width, dtype=np.float32), np.zeros(width, np.float32)
        return replace(fitted, learnt=replace(fitted.learnt, matrix=matrix, shift=shift))

    return (
        patch("indexer.memory.assembly.fit", plain),
        patch("service.calibration.leave_one_out.refit", lambda learnt, *_: learnt),
    )


def wordless_space() -> Sequence[Patch]:
    """Fit the space to the encoder's parts alone."""
    nothing = np.zeros(0, np.int32), np.zeros((0, 0), np.float32)
    return (patch("indexer.space.fit._reduction", lambda *_: nothing),)


def full_copies() -> Sequence[Patch]:
    """Let every copy count in prototypes and calibration as much as any other product."""
    return (
        patch.object(Features, "fingerprints", lambda _, keys, _space: keys.tolist()),
        patch("service.calibration.learning.listings", lambda _, keys: np.ones(len(keys))),
    )


def nobody(questions: int, k: int) -> Neighbours:
    """Return no neighbour at all."""
    return Neighbours(np.full((questions, k), -1, np.int64), np.zeros((questions, k), np.float32))


def by_vector_alone() -> Sequence[Patch]:
    """Find nobody by words."""
    return (patch.object(Postings, "search", lambda _, words, k: nobody(words.shape[0], k)),)


class Blind:
    """A vector index that finds nobody."""

    def __init__(self, vectors: VectorIndex) -> None:
        self._size = len(vectors)

    def __len__(self) -> int:
        return self._size

    def search(self, vectors: Vectors, k: int) -> Neighbours:
        """Return nobody."""
        return nobody(len(vectors), k)


def by_words_alone() -> Sequence[Patch]:
    """Find nobody by vector."""
    look = search._look  # noqa: SLF001  # where both kinds of neighbours come together

    def blind(view: View, asked: Projected, itself: Keys, reach: int) -> search.Neighbourhood:
        return look(replace(view, vectors=cast("VectorIndex", Blind(view.vectors))), asked, itself, reach)

    return (patch("service.vote.search._look", blind),)


def no_prototypes() -> Sequence[Patch]:
    """Make every prototype as unlike as can be, so that none brings its category in and none tells two apart."""

    def similarity(prototypes: Prototypes, queries: Floats, nodes: Nodes, own: Own) -> tuple[Floats, Floats]:
        found, counts = kept(prototypes, queries, nodes, own)
        return np.full_like(found, -1), counts

    kept = Prototypes.similarity
    return (patch.object(Prototypes, "similarity", similarity),)


def no_names() -> Sequence[Patch]:
    """Make every name as unlike as can be, and let it not matter that a category has few products."""

    def similarity(_: Names, raw: Floats, nodes: Nodes, _space: Space) -> Floats:
        return np.full((len(raw), len(nodes)), -1, np.float32)

    return (patch.object(Names, "similarity", similarity), *without_terms("thin", "thin by name"))


def without_terms(*names: str) -> Sequence[Patch]:
    """Leave terms of the mixture out."""
    terms, columns = mixture.terms, [TERMS.index(name) for name in names]

    def fewer(evidence: Evidence) -> Doubles:
        made = terms(evidence)
        for view in range(evidence.views):
            made[:, :, [view * len(TERMS) + column for column in columns]] = 0
        return made

    return (patch("service.vote.mixture.terms", fewer),)


def plain_voices(temperature: float) -> Sequence[Patch]:
    """Let neighbours speak by how alike they are alone: a softmax instead of ridge regression."""

    def voices(features: Features, keys: Keys, weights: Floats, asked: Projected, kernel: Kernel) -> Floats:
        made = np.zeros(keys.shape, np.float32)
        for row in range(len(keys)):
            voters = np.flatnonzero(weights[row] > 0)
            if len(voters):
                question: tuple[Floats, Rows] = asked.raw[row : row + 1], asked.words[row : row + 1]
                alike = features.alike(keys[row, voters], question, kernel)[:, -1] / kernel.most
                said = weights[row, voters] * np.exp((alike - alike.max()) / temperature)
                made[row, voters] = said / said.sum()
        return made

    return (patch("service.vote.evidence.voices", voices),)


def prior_corrected() -> Sequence[Patch]:
    """Divide each probability by the root of how many products the category has."""
    mixed = mixture.mixed

    def corrected(evidence: Evidence, weights: Doubles) -> Doubles:
        share = mixed(evidence, weights) / np.sqrt(np.maximum(evidence.products.max(axis=2), 1))
        made: Doubles = share / np.maximum(share.sum(axis=1, keepdims=True), 1e-300)
        return made

    return (patch("service.calibration.calibrate.mixed", corrected),)


def neighbours(many: int) -> Sequence[Patch]:
    """Let this many vote."""
    return (patch("service.calibration.learning.NEIGHBOURS", (many, many, many)),)


@dataclass(frozen=True)
class Variant:
    """One thing changed. changes: what is replaced meanwhile; built: whether the index is built with it, with settings.

    copies: whether products with a title that another has are left in the index. after: changes the calibration.
    """

    changes: Changes = tuple
    built: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    copies: bool = False
    after: Callable[[Calibration], Calibration] = lambda calibration: calibration


WHOLE = "the whole of it"
VARIANTS: dict[str, Variant] = {
    WHOLE: Variant(),
    "nothing learnt: the encoder's own space": Variant(built=True, settings={"space": "raw"}),
    "no whitening: centred parts side by side": Variant(unwhitened, built=True),
    "no words in the space": Variant(wordless_space, built=True),
    "64 dimensions": Variant(built=True, settings={"dim": 64}),
    "neighbours by vector alone": Variant(by_vector_alone),
    "neighbours by words alone": Variant(by_words_alone),
    "no prototypes": Variant(no_prototypes),
    "no names, thin categories as any": Variant(no_names),
    "no count of products": Variant(lambda: without_terms("products")),
    "plain voices, temperature 0.1": Variant(lambda: plain_voices(0.1)),
    "plain voices, temperature 0.05": Variant(lambda: plain_voices(0.05)),
    "plain voices, temperature 0.02": Variant(lambda: plain_voices(0.02)),
    "20 voters": Variant(lambda: neighbours(20)),
    "50 voters": Variant(lambda: neighbours(50)),
    "100 voters": Variant(lambda: neighbours(100)),
    "200 voters": Variant(lambda: neighbours(200)),
    "divided by the root of the prior": Variant(prior_corrected),
    "no reliability step": Variant(after=lambda calibration: replace(calibration, reliability=Reliability())),
    "not calibrated at all": Variant(after=lambda calibration: Calibration(tags=calibration.tags)),
    "repeated titles kept": Variant(built=True, copies=True),
    "repeated titles kept, each in full": Variant(full_copies, built=True, copies=True),
}


@contextmanager
def changed(variant: Variant) -> Iterator[None]:
    """Replace what a variant replaces."""
    with ExitStack() as stack:
        for each in variant.changes():
            stack.enter_context(each)
        yield


class Bench:
    """One split: its products in a record store, and the index that variants share which need none of their own."""

    def __init__(self, data: Set, split: Split, spec: str, folder: Path) -> None:
        self._data, self._split, self._spec, self._folder = data, split, spec, folder
        self._serial = count()
        self._test = data.some(split.test)
        self._stores = {False: folder / "store", True: folder / "store with copies"}
        for copies, store in self._stores.items():
            fill(self._train(copies=copies), store, data.encoder)
        self._engine = self._opened(Variant())
        self._halves = halves(self._engine.live.built, 0)

    def _train(self, *, copies: bool) -> list[Product]:
        """Return the training products; copies: with others of a title among them that no test product has."""
        train = self._data.some(self._split.train)
        if not copies:
            return train
        titles = {product.title for product in train} - {product.title for product in self._test}
        known = {product.id for product in train}
        return train + [each for each in self._data.products if each.title in titles and each.id not in known]

    def _opened(self, variant: Variant) -> Engine:
        """Build an index with what a variant replaces; it is not calibrated."""
        index = self._folder / f"index {next(self._serial)}"
        index.mkdir()
        copy(self._stores[variant.copies] / STORE, index / STORE)
        settings = IndexSettings(encoder=self._spec, **variant.settings)
        pipeline.rebuild(index, settings=settings, encoder=self._data.encoder)
        return Engine.open(ServiceSettings(index=index), self._data.encoder)

    def figures(self, variant: Variant) -> dict[str, float]:
        """Return the figures of one variant."""
        with changed(variant):
            if variant.built:
                with closing(self._opened(variant)) as engine:
                    return self._asked(engine, variant)
            # The twins of the calibration are the same as long as the index is.
            with patch("service.calibration.learning.halves", lambda *_: self._halves):
                return self._asked(self._engine, variant)

    def _asked(self, engine: Engine, variant: Variant) -> dict[str, float]:
        live = engine.live
        learnt = learning.calibration_of(live.built, live.records.products)
        engine.calibration = variant.after(learnt)
        judged = asked(engine, self._test)
        return _figures(judged) | {"neighbours": learnt.neighbours, "words": learnt.words}

    def close(self) -> None:
        """Let go of the shared index."""
        self._engine.close()


def _figures(judged: Judged) -> dict[str, float]:
    """Return percentages: leaves right, macro-F1 over leaves, and the calibration error of the leaf."""
    error = expected_error(judged.likely[:, 0].astype(np.float64), judged.exact, np.ones(len(judged)))
    said = (judged.exact.mean(), f1_score(judged.truth, judged.nodes[:, 0], average="macro"), error)
    return {name: round(100 * float(value), 2) for name, value in zip(FIGURES, said, strict=True)}


def measured(name: str, spec: str, only: Sequence[str]) -> dict[str, Any]:
    """Return the figures of every variant on one set."""
    data = loaded(name, spec)
    split = next(splits(data, 1))
    found = {}
    with TemporaryDirectory() as folder:
        bench = Bench(data, split, spec, Path(folder))
        for each in only:
            found[each] = bench.figures(VARIANTS[each])
            print(name, each, found[each], flush=True)
        bench.close()
    return {"split": split.name, "train": len(split.train), "test": len(split.test), "variants": found}


def table(result: Mapping[str, Any]) -> str:
    """Return the result as a Markdown table: leaves right, macro-F1 and calibration error, for each set."""
    sets = result["sets"]
    lines = [
        "Percent of leaves right / macro-F1 / calibration error of the leaf, each in percent.",
        "",
        "| | " + " | ".join(sets) + " |",
        "|---" * (len(sets) + 1) + "|",
    ]
    for variant in VARIANTS:
        cells = [
            " / ".join(f"{said['variants'][variant][figure]:.1f}" for figure in FIGURES)
            if variant in said["variants"]
            else ""
            for said in sets.values()
        ]
        lines.append(f"| {variant} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def put_table(text: str, made: str) -> str:
    """Return the document with the table between its marks."""
    pattern = re.compile(re.escape(MARKS[0]) + ".*?" + re.escape(MARKS[1]), re.DOTALL)
    return pattern.sub(lambda _: f"{MARKS[0]}\n\n{made}\n\n{MARKS[1]}", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--encoder", default=DEFAULT)
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS), help="variants; all of them unless named")
    parser.add_argument("--table", action="store_true", help="only put the last result into docs/ablations.md")
    given = parser.parse_args()
    result = "ablations" if given.encoder == DEFAULT else f"ablations-{given.encoder}"
    if not given.table:
        found: dict[str, Any] = {}
        for name in given.sets:
            found[name] = measured(name, given.encoder, given.only or list(VARIANTS))
            write(result, {"encoder": given.encoder, "sets": found})
    elif result == "ablations":
        said = json.loads((RESULTS / f"{result}.json").read_text("utf-8"))
        DOCUMENT.write_text(put_table(DOCUMENT.read_text("utf-8"), table(said)), encoding="utf-8")


if __name__ == "__main__":
    main()
