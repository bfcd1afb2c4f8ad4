"""One evaluation from start to end: open the index, ask it, and another one where there is a gate, and do the sums."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from indexer.build import Progress, Quiet
from indexer.errors import SettingError
from indexer.images.gallery import Gallery
from indexer.snapshots.publication import previous
from indexer.snapshots.snapshot import read_manifest
from indexer.sources import Source
from service.engine import Engine
from service.evaluation.figures import Setting, compared, figures
from service.evaluation.gate import compare
from service.evaluation.methods import Evaluated, held_out, labelled, left_out, of_source
from service.settings import ServiceSettings
from taxonomy.mapping import CategoryMapper

Method = Literal["held-out", "cross-validated", "leave-one-out"]
METHODS: tuple[Method, ...] = ("held-out", "cross-validated", "leave-one-out")
PREVIOUS = "previous"
SAMPLE = 10_000
FOLDS = 5

Open = Callable[[CategoryMapper | None], AbstractContextManager[Source]]
"""Opens the labelled products to ask about; gets the tree's mapper where the index has a tree that was given."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to evaluate. against: another index, or PREVIOUS for the snapshot before; tolerance: of the gate."""

    method: Method = "held-out"
    folds: int = FOLDS
    sample: int = SAMPLE
    seed: int = 0
    against: str = ""
    tolerance: float = 0.0


def evaluate(
    settings: ServiceSettings,
    plan: Plan,
    *,
    source: Open | None = None,
    gallery: Gallery | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return the figures of an index: asked about the products of `source`, or about its own by `plan.method`.

    gallery: where the images of the products of `source` are; without one nobody looks at them.

    Raises SettingError when a gate is wanted where each index would be asked about other products, and what opening
    an index, reading the source and building a trial raise.
    """
    if plan.against and source is None and plan.method != "leave-one-out":
        raise SettingError(
            f"--against compares two indexes on the same questions, --method {plan.method} builds new ones; "
            "name a SOURCE to ask about, or give --method leave-one-out"
        )
    progress = progress or Quiet()
    with ExitStack() as stack:
        engine = stack.enter_context(closing(Engine.open(settings)))
        if not plan.against:
            asked = _asked(engine, plan, source, gallery, progress)
            return figures(asked, _setting(engine), seed=plan.seed)
        other = stack.enter_context(closing(_other(engine, plan.against)))
        first = _asked(engine, plan, source, gallery, progress, beside=other)
        second = _asked(other, plan, source, gallery, progress, beside=engine)
        said = figures(first, _setting(engine), seed=plan.seed)
        precision = settings.precision
        gate = compare(first.judged, second.judged, precision=precision, tolerance=plan.tolerance, seed=plan.seed)
        both = len(set(first.judged.ids) & set(second.judged.ids))
        return compared(said, _setting(other), both, gate)


def _asked(
    engine: Engine,
    plan: Plan,
    source: Open | None,
    gallery: Gallery | None,
    progress: Progress,
    *,
    beside: Engine | None = None,
) -> Evaluated:
    if source is not None:
        mapper = None if engine.live.grows else CategoryMapper(engine.tree)
        with source(mapper) as rows:
            return of_source(engine, rows, gallery=gallery, sample=plan.sample, seed=plan.seed, progress=progress)
    if plan.method == "leave-one-out":
        ids = None if beside is None else beside.live.labels.ids(labelled(beside))
        return left_out(engine, ids=ids, sample=plan.sample, seed=plan.seed, progress=progress)
    crossed = plan.method == "cross-validated"
    return held_out(engine, folds=plan.folds, crossed=crossed, sample=plan.sample, seed=plan.seed, progress=progress)


def _other(engine: Engine, against: str) -> Engine:
    """Open the index to compare with; an encoder that both have is loaded once."""
    index = Path(engine.settings.index) if against == PREVIOUS else Path(against)
    snapshot_id = previous(index) if against == PREVIOUS else None
    same = read_manifest(index, snapshot_id).encoder == engine.live.manifest.encoder
    settings = engine.settings.model_copy(update={"index": index})
    return Engine.open(settings, engine.live.encoder if same else None, snapshot_id)


def _setting(engine: Engine) -> Setting:
    manifest, settings = engine.live.manifest, engine.settings
    return Setting(str(settings.index), manifest.id, manifest.encoder_spec, settings.precision, settings.policy)
