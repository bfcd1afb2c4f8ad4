"""An index built and calibrated in one go: what the command, the benchmarks and, later, triggers call.

build     indexer.build.build, its answers calibrated by asking the stored products without themselves
rebuild   the same from the record store alone
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from indexer import build as pipeline
from indexer.encoders import Encoder
from indexer.live import open_index
from indexer.snapshots import snapshot
from indexer.snapshots.claim import building
from indexer.snapshots.cutover import publish
from indexer.snapshots.manifest import Origin
from indexer.snapshots.snapshot import Built
from service.calibration.calibrate import Calibration
from service.calibration.learning import SAMPLE, calibration_of
from service.calibration.tagging import Read


def calibrated(built: Built, read: Read, tell: Callable[[int], None]) -> str:
    """Return the calibration of an index as the text that its snapshot keeps."""
    return calibration_of(built, read, tell=tell).to_json()


build = partial(pipeline.build, calibrate=calibrated)
"""`indexer.build.build`, calibrated; the same arguments."""

rebuild = partial(pipeline.rebuild, calibrate=calibrated)
"""`indexer.build.rebuild`, calibrated; the same arguments."""


def recalibrate(
    index: Path, *, sample: int = SAMPLE, encoder: Encoder | None = None, progress: pipeline.Progress | None = None
) -> Calibration:
    """Calibrate what `index` holds now, from at most `sample` products, and publish it as a new snapshot.

    Raises what `indexer.intake.update.open_index` raises.
    """
    progress = progress or pipeline.Quiet()
    with building(index, "calibrate"), closing(open_index(index, encoder)) as live:
        progress.start("calibrate", min(sample, live.labels.labelled), "products")
        calibration = calibration_of(live.built, live.records.products, sample=sample, tell=progress.at)
        progress.start("save", None, "")
        manifest = live.manifest
        labels = live.labels
        origin = Origin(
            encoder_spec=manifest.encoder_spec,
            encoder=manifest.encoder,
            parts=manifest.parts,
            store_id=manifest.store_id,
            seq=live.seq,
            counts={"products": len(labels), "labelled": labels.labelled, "vectors": live.contents.searched},
            learning={name: said["learning"] for name, said in manifest.views.items()},
            settings=manifest.settings,
        )
        with snapshot.written(index, origin, live.built, calibration.to_json()) as made:
            publish(index, live.records, made.id)
    return calibration
