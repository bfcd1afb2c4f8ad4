"""An index built and calibrated in one go: what the command, the benchmarks and, later, triggers call.

build     indexer.build.build, its answers calibrated by asking the stored products without themselves
rebuild   the same from the record store alone
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from indexer import build as pipeline
from indexer.snapshot import Built
from service.calibration.learning import calibration_of


def calibrated(built: Built, tell: Callable[[int], None]) -> str:
    """Return the calibration of an index as the text that its snapshot keeps."""
    return calibration_of(built, tell=tell).to_json()


build = partial(pipeline.build, calibrate=calibrated)
"""`indexer.build.build`, calibrated; the same arguments."""

rebuild = partial(pipeline.rebuild, calibrate=calibrated)
"""`indexer.build.rebuild`, calibrated; the same arguments."""
