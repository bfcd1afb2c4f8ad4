"""aisle evaluate: how good an index is, and whether it is worse than another one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from service.console.options import (
    FILE,
    SourceOptions,
    image_vectors_option,
    images_option,
    index_option,
    json_option,
    open_images,
    open_vectors,
    optional_source,
    print_json,
    service_settings,
)

if TYPE_CHECKING:
    from service.evaluation.run import Method

METHODS: tuple[Method, ...] = ("held-out", "cross-validated", "leave-one-out")
WORSE = 3
"""Exit code of a gate that is closed."""


@click.command()
@click.option(
    "--method", type=click.Choice(METHODS), default=METHODS[0], show_default=True, help="How to ask it about its own."
)
@click.option("--folds", type=click.IntRange(2, 100), default=5, show_default=True, help="Parts to hold out one of.")
@click.option("--sample", type=click.IntRange(min=2), default=10_000, show_default=True, help="Products asked about.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of every random choice.")
@click.option("--against", metavar="INDEX", help="Fail when worse than this index, or than the snapshot `previous`.")
@click.option(
    "--tolerance", type=click.FloatRange(0, 1), default=0.0, help="Share by which it may be worse. Default: 0"
)
@click.option("-o", "--out", type=FILE, help="Folder of the report. Default: evaluation, in that of the index")
@click.option("--mlflow", metavar="URI", help="Log it at this MLflow tracking server too; needs the extra mlflow.")
@click.option("--precision", type=float, metavar="P", help="Share of `auto` answers that must be right. Default: 0.95")
@click.option("--policy", type=click.Choice(("auto", "leaf", "coverage")), help="How far an answer goes. Default: auto")
@images_option
@image_vectors_option
@json_option
@index_option
@optional_source
@click.pass_context
def evaluate(
    context: click.Context,
    source: SourceOptions | None,
    *,
    method: Method,
    folds: int,
    sample: int,
    seed: int,
    against: str | None,
    tolerance: float,
    out: Path | None,
    mlflow: str | None,
    precision: float | None,
    policy: str | None,
    images: Path | None,
    image_vectors: Path | None,
    index: Path,
    as_json: bool,
) -> None:
    """Measure an index on labelled products of SOURCE, or on its own that are held out, and draw a report.

    With --against the exit code is 3 when it is worse beyond noise.
    """
    from indexer.snapshots.snapshot import read_manifest
    from service.console.progress import Progress
    from service.console.words import evaluation_facts
    from service.evaluation.report import FIGURES, FOLDER, check, write
    from service.evaluation.run import Plan
    from service.evaluation.run import evaluate as evaluate_index
    from service.evaluation.tracking import Tracker

    for option, text in (("--against", against), ("--mlflow", mlflow)):
        if text == "":
            raise click.UsageError(f"{option} is empty; leave it out, or say what it names")
    for option in ("method", "folds"):
        if source is not None and context.get_parameter_source(option) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{option} asks an index about its own products; leave it out beside a SOURCE")
    settings = service_settings(index=index, precision=precision, policy=policy)
    plan = Plan(method, folds, sample, seed, against or "", tolerance)
    for option, file in (("--images", images), ("--image-vectors", image_vectors)):
        if source is None and file is not None:
            raise click.UsageError(f"{option}: there is no SOURCE whose products it shows; name one")
    opened = None
    if source is not None:
        vectors = open_vectors(image_vectors, read_manifest(settings.index).encoder_spec)
        opened = lambda mapper: source.open(mapper=mapper, vectors=vectors)  # noqa: E731 - of one name with None
    folder = out or settings.index / FOLDER
    check(folder)
    tracker = Tracker.open(mlflow) if mlflow else None
    with Progress() as progress:
        figures = evaluate_index(settings, plan, source=opened, gallery=open_images(images), progress=progress)
        progress.start("draw", None, "")
        page = write(figures, folder)
    if as_json:
        print_json(figures)
    else:
        click.echo("\n".join(evaluation_facts(figures, page)))
    if tracker is not None:
        click.echo(f"logged at {mlflow} as run {tracker.log(figures, [page, page.with_name(FIGURES)])}", err=True)
    if against and figures["gate"]["worse"]:
        context.exit(WORSE)
