"""How many decisions a catalogue needs when the review queue says what to look at, beside products in random order.

    python -m benchmarks.active_learning [SET ...] [--seeds 3] [--encoder static] [--growth 0.1] [--plot FILE.html]

An index begins with five labels of each department and the whole tree. Then people decide, always rightly: about what
the queue chooses (`service/review/choosing.py`, by the doubts that are kept with answers), or about products in random
order. Decisions come through `Engine.put`, as they would through REST; after each round, of a tenth of the labels by
then, what waits is asked about again, and the index is built anew when its labels have doubled, as a service does by
itself. The same held-out products are asked after each round, until as many are right as 95% of those that an index of
all labels gets right. Target: at most 60% of the decisions that random order takes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.data import Set, Split, loaded, splits, unlabelled
from benchmarks.fusion import index_of, right
from benchmarks.machine import write
from indexer.encoders import DEFAULT
from indexer.intake.update import clean, path_of
from indexer.product import Product
from indexer.settings import IndexSettings
from service.engine import Engine
from service.evaluation.trial import asked, fill
from service.feedback.doubts import doubts_of
from service.rebuild import rebuild
from service.review.choosing import Case, choose
from service.review.queue import LATELY, POOL
from service.settings import ServiceSettings
from taxonomy.files import infer

SETS = ("flipkart_20k", "mwpd_gpc_16k")
FIRST = 5
"""Labels of each department to begin with."""
ENOUGH = 0.95
"""Share of the accuracy with all labels that ends a run."""
CANDIDATES = 1_000
"""Products that wait, asked about anew before each round: of those that are left, by chance."""
QUESTIONS = 1_000
"""Held-out products that are asked about after each round, at most."""
IN_HAND = 10
"""Items that are chosen at a time, as by somebody who has that many before him."""
LEAST = 10
"""Decisions in a round, at least."""


@dataclass(frozen=True)
class Start:
    """Products that are labelled to begin with, those that wait in random order, and what is asked after each round."""

    first: list[Product]
    waiting: list[Product]
    test: list[Product]
    level: int

    @property
    def everything(self) -> list[Product]:
        """All products that may be labelled."""
        return [*self.first, *self.waiting]


@dataclass(frozen=True)
class Trial:
    """A set divided, the encoder by its spec, the decisions of a round as a share of the labels, and what chance is."""

    data: Set
    start: Start
    spec: str
    growth: float
    seed: int


@dataclass
class Run:
    """One way to go on: accuracy after so many decisions. Decisions needed are read between two rounds."""

    decisions: list[int] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)

    def needed(self, target: float) -> float | None:
        """Return the decisions at which the accuracy first reaches a target, None when it never does."""
        for at, value in enumerate(self.accuracy):
            if value >= target:
                if at == 0:
                    return float(self.decisions[0])
                rise = (target - self.accuracy[at - 1]) / (value - self.accuracy[at - 1])
                return round(self.decisions[at - 1] + rise * (self.decisions[at] - self.decisions[at - 1]), 1)
        return None


def start_of(data: Set, split: Split, seed: int) -> Start:
    """Divide a set: FIRST labels of each department, the rest of the training side, held-out questions."""
    rng = np.random.default_rng(seed)
    train = data.some(rng.permutation(split.train))
    seen: dict[str, int] = {}
    first, waiting = list[Product](), list[Product]()
    for product in train:
        department = path_of(product.category)[0]
        seen[department] = seen.get(department, 0) + 1
        (first if seen[department] <= FIRST else waiting).append(product)
    return Start(first, waiting, data.some(rng.permutation(split.test)[:QUESTIONS]), split.level)


def accuracy(engine: Engine, start: Start) -> float:
    """Return the share of the questions that are answered rightly."""
    return float(right(asked(engine, start.test), start.level).mean())


def chosen(engine: Engine, waiting: Sequence[Product], size: int, lately: list[frozenset[str]]) -> list[int]:
    """Return the places of the `size` products that the queue would give, IN_HAND at a time; lately grows by them."""
    cleaned = [clean(each) for each in unlabelled(waiting)]
    good = {at: each for at, each in enumerate(cleaned) if isinstance(each, Product)}
    products = list(good.values())
    answers = engine.answer(products, engine.encode(products), looks_up=False)
    cases = {
        at: Case(at, doubts_of(each).score, frozenset(near.id for near in each.neighbours))
        for at, each in zip(good, answers, strict=True)
    }
    order = sorted(cases, key=lambda at: -cases[at].doubt)
    taken: list[int] = []
    while order and len(taken) < size:
        some = choose([cases[at] for at in order[:POOL]], lately[-LATELY:], min(IN_HAND, size - len(taken)))
        taken += [each.number for each in some]
        lately += [cases[each.number].near for each in some]
        order = [at for at in order if at not in taken[-len(some) :]]
    return taken


def simulated(trial: Trial, way: str, target: float) -> Run:
    """Decide in one way, round after round, until the target is reached or nothing waits."""
    rng, run, start = np.random.default_rng(trial.seed), Run(), trial.start
    waiting, lately = list(start.waiting), list[frozenset[str]]()
    with _growing(trial) as grow:
        labelled = len(start.first)
        engine = grow([])
        while True:
            run.decisions.append(labelled - len(start.first))
            run.accuracy.append(accuracy(engine, start))
            print(way, run.decisions[-1], round(run.accuracy[-1], 4), flush=True)
            if run.accuracy[-1] >= target or not waiting:
                return run
            size = min(len(waiting), max(LEAST, round(trial.growth * labelled)))
            if way == "queue":
                offered = rng.permutation(len(waiting))[: max(CANDIDATES, 2 * size)].tolist()
                places = [offered[at] for at in chosen(engine, [waiting[at] for at in offered], size, lately)]
            else:
                places = list(range(size))
            engine = grow([waiting[at] for at in places])
            labelled += len(places)
            gone = set(places)
            waiting = [product for at, product in enumerate(waiting) if at not in gone]


@contextmanager
def _growing(trial: Trial) -> Iterator[Callable[[list[Product]], Engine]]:
    """Give what labels products and returns the index with them, built anew whenever its labels have doubled."""
    data, start, spec = trial.data, trial.start, trial.spec
    tree = infer(path_of(product.category) for product in [*start.everything, *start.test])
    with TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        fill(start.first, index, data.encoder, taxonomy=tree)
        built, count, engines = 0, len(start.first), list[Engine]()

        def grow(some: list[Product]) -> Engine:
            nonlocal built, count
            count += len(some)
            if engines and some:
                engines[-1].put(some)
            if count >= 2 * built:
                if engines:
                    engines.pop().close()
                rebuild(index, settings=IndexSettings(encoder=spec), encoder=data.encoder)
                engines.append(Engine.open(ServiceSettings(index=index), data.encoder))
                built = count
            return engines[-1]

        try:
            yield grow
        finally:
            for engine in engines:
                engine.close()


def measured(data: Set, split: Split, spec: str, growth: float, seed: int) -> dict[str, Any]:
    """Return what both ways need on one division of a set."""
    start = start_of(data, split, seed)
    with index_of(start.everything, data) as engine:
        full = accuracy(engine, start)
    target = ENOUGH * full
    trial = Trial(data, start, spec, growth, seed)
    runs = {way: simulated(trial, way, target) for way in ("queue", "random")}
    needed = {way: run.needed(target) for way, run in runs.items()}
    queue, chance = needed["queue"], needed["random"]
    return {
        "split": split.name,
        "first": len(start.first),
        "waiting": len(start.waiting),
        "asked": len(start.test),
        "accuracy_of_all": round(full, 4),
        "needed": needed,
        "share": round(queue / chance, 4) if queue is not None and chance else None,
        "curves": {way: {"decisions": run.decisions, "accuracy": run.accuracy} for way, run in runs.items()},
    }


def plot(sets: dict[str, Any], file: Path) -> None:
    """Draw accuracy over decisions, both ways, a line for each seed."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=len(sets), cols=1, subplot_titles=list(sets))
    for row, said in enumerate(sets.values(), start=1):
        for run in said["seeds"]:
            for way, colour in (("queue", "#1f7a6d"), ("random", "#9aa5b1")):
                curve = run["curves"][way]
                name = f"{way}, {run['split']}"
                line = go.Scatter(x=curve["decisions"], y=curve["accuracy"], name=name, line={"color": colour})
                figure.add_trace(line, row=row, col=1)
            figure.add_hline(ENOUGH * run["accuracy_of_all"], line_dash="dot", line_width=1, row=row, col=1)
    figure.update_xaxes(title="decisions").update_yaxes(title="right", tickformat=".0%")
    figure.update_layout(template="plotly_white", height=420 * len(sets), width=900)
    figure.write_html(file, include_plotlyjs=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--encoder", default=DEFAULT)
    parser.add_argument("--growth", type=float, default=0.1, help="decisions of a round, as a share of the labels")
    parser.add_argument("--plot", type=Path, help="HTML file to draw the runs into")
    parser.add_argument("--result", default="active_learning", help="name of the result")
    given = parser.parse_args()
    sets: dict[str, Any] = {}
    for name in given.sets:
        data = loaded(name, given.encoder)
        wanted = [each for each in splits(data, given.seeds) if each.kind in {"leaves", "second level"}]
        runs = []
        for seed, split in enumerate(wanted[: given.seeds]):
            runs.append(measured(data, split, given.encoder, given.growth, seed))
            print(name, split.name, runs[-1]["needed"], runs[-1]["share"], flush=True)
            shares = [run["share"] for run in runs if run["share"] is not None]
            sets[name] = {"share": round(float(np.mean(shares)), 4) if shares else None, "seeds": runs}
            write(given.result, {"encoder": given.encoder, "enough": ENOUGH, "growth": given.growth, "sets": sets})
    if given.plot:
        plot(sets, given.plot)


if __name__ == "__main__":
    main()
