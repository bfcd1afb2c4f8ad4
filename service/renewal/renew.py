"""A rebuild from start to end, beside whoever serves: made anew, replayed, compared, and published only when no worse.

    settings of the running snapshot, with what the order changes -> encoder, checked -> indexer.build.make
    -> snapshot.written, unpublished -> loaded as it will be served, the journal replayed
    -> compared with the running one (comparison.py) -> published, held or refused

Nothing that is served changes before the last step, and whoever dies on the way leaves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from indexer import build as pipeline
from indexer import encoders
from indexer.encoders import Encoder
from indexer.errors import AisleError, ModelMismatch
from indexer.live import Live, live_of
from indexer.settings import IndexSettings
from indexer.snapshots import cutover, publication, snapshot
from indexer.snapshots.canaries import keep_canaries
from indexer.snapshots.claim import building
from indexer.store.place import open_store
from indexer.store.records import Records
from service.engine import Engine
from service.evaluation.gate import LEAST, Comparison
from service.rebuild import calibrated
from service.renewal.comparison import comparable, compared
from service.renewal.order import Order, Renewed
from service.settings import ServiceSettings

NEW = "there was no snapshot that could be compared with"
FEW = f"fewer than {LEAST} labelled products are known to both snapshots, too few to compare"


def renew(settings: ServiceSettings, order: Order, progress: pipeline.Progress | None = None) -> Renewed:
    """Build the index of `settings` anew from its record store, and publish it unless it is worse than what is served.

    Raises BuildUnderway when another process builds there, ModelMismatch when the model behind the encoder has changed,
    RecordError without a store, and what loading the encoder raises; nothing is left of it then. Memory: as
    `indexer.build.rebuild`, and then the new and the running index as they are served, both at once.
    """
    index, progress = Path(settings.index), progress or pipeline.Quiet()
    with (
        building(index, f"rebuild, {order.reason}"),
        closing(open_store(index)) as records,
        _nothing_left(index, records) as left,
    ):
        chosen, fingerprint = _chosen(index, records, order)
        progress.start("open", None, "")
        encoder = encoders.load(chosen.encoder)
        if fingerprint not in {"", encoder.name}:
            raise ModelMismatch(
                f"{index} was built by {fingerprint}, and {chosen.encoder} is {encoder.name} here; put the model "
                f"back, or have everything encoded by it as it is now: aisle rebuild --encoder {chosen.encoder}"
            )
        left.append(encoder.name)
        keep_canaries(records, encoder)
        made = pipeline.make(records, chosen, encoder=encoder, rows={}, calibrate=calibrated, progress=progress)
        progress.start("save", None, "")
        with snapshot.written(index, made.origin, made.built, made.calibration) as manifest:
            del made  # what follows loads it as it will be served
            return _decided(settings, order, records, encoder, manifest.id, progress)


@contextmanager
def _nothing_left(index: Path, records: Records) -> Iterator[list[str]]:
    """Sweep up what a rebuild that was killed has left, before and, however it ends, after this one.

    Takes the encoder that it is by. What that has encoded goes, too, when no snapshot is by it in the end, unless the
    rebuild failed: then the next one need not encode it again.
    """
    cutover.sweep(index, records)
    used: list[str] = []
    try:
        yield used
    except Exception:
        cutover.sweep(index, records)
        raise
    except BaseException:
        cutover.sweep(index, records, *used)
        raise
    cutover.sweep(index, records, *used)


def _chosen(index: Path, records: Records, order: Order) -> tuple[IndexSettings, str]:
    """Return the settings to build by, and the fingerprint that their encoder must have, "" where any will do."""
    before = cutover.built_with(index, records)
    asked = {"encoder": order.encoder, "kind": order.kind, "recall_target": order.recall_target}
    values = before.settings.model_dump() | {name: value for name, value in asked.items() if value is not None}
    chosen = IndexSettings(**values)
    chosen = chosen.model_copy(update={"encoder": encoders.resolved(chosen.encoder)})
    return chosen, "" if order.encoder is not None else before.encoder


def _decided(  # noqa: PLR0917 - what was asked, what there is, and who is told
    settings: ServiceSettings,
    order: Order,
    records: Records,
    encoder: Encoder,
    snapshot_id: str,
    progress: pipeline.Progress,
) -> Renewed:
    """Compare a written snapshot with the running one, and publish it, hold it, or leave it to be swept away."""
    index = Path(settings.index)
    progress.start("replay", None, "")
    new = _opened(settings, records, snapshot_id, encoder)
    running, note = _running(settings, records, encoder)
    comparisons: list[Comparison] = []
    if running is not None:
        keys = comparable(new, running)
        progress.start("compare", 2 * len(keys), "products")
        comparisons = compared(new, running, keys, progress.at)
        note = "" if comparisons else FEW
    if order.publish == "hold":
        cutover.hold(index, records, snapshot_id)
        return Renewed(snapshot_id, "held", comparisons, note)
    if any(each.worse for each in comparisons):
        return Renewed(snapshot_id, "refused", comparisons, note)
    progress.start("publish", None, "")
    cutover.publish(index, records, snapshot_id, before=running.live.manifest.id if running else None)
    return Renewed(snapshot_id, "published", comparisons, note)


def _running(settings: ServiceSettings, records: Records, encoder: Encoder) -> tuple[Engine | None, str]:
    """Return the first snapshot that may be served and can be opened, or None and why there is none."""
    problems = []
    for name in publication.kept(Path(settings.index)):
        try:
            return _opened(settings, records, name, encoder), ""
        except AisleError as error:
            problems.append(str(error))
    return None, "; ".join([NEW, *problems])


def _opened(settings: ServiceSettings, records: Records, snapshot_id: str, encoder: Encoder) -> Engine:
    """Return a snapshot as it would be served now."""
    loaded = snapshot.load(Path(settings.index), snapshot_id)
    live: Live = live_of(loaded, records, encoder if encoder.name == loaded.manifest.encoder else None)
    live.follow()
    return Engine(live, settings)
