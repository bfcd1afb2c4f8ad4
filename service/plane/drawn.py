"""Where the products of a snapshot lie, as it is kept in memory and in a file of the index's folder.

A layout takes some seconds of t-SNE and is the same for as long as the snapshot is, so a service that starts again
reads it, and so does every other process. What cannot be read is drawn again.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np

from service.plane.layout import Layout

FOLDER = "map"
FORMAT = 1

_log = logging.getLogger("aisle.map")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A layout, and by key the content that a product had when it was placed, and its point.

    kept: share of the neighbourhoods that it keeps.
    """

    snapshot: str
    view: str
    layout: Layout
    kept: float
    content: dict[int, int] = field(default_factory=dict)
    points: dict[int, tuple[float, float]] = field(default_factory=dict)

    def save(self, index: Path) -> None:
        """Write it into the folder of the index, in the place of older ones, or not where that cannot be written."""
        folder = index / FOLDER
        file = folder / f"{self.snapshot}.npz"
        keys = list(self.points)
        try:
            folder.mkdir(exist_ok=True)
            half = folder / f"{self.snapshot}.{os.getpid()}.half"
            with half.open("wb") as written:
                np.savez(
                    written,
                    format=np.array(FORMAT),
                    view=np.array(self.view),
                    kept=np.array(self.kept),
                    marks=self.layout.marks,
                    where=self.layout.where,
                    keys=np.array(keys, np.int64),
                    content=np.array([self.content[key] for key in keys], np.int64),
                    points=np.array([self.points[key] for key in keys], np.float32).reshape(len(keys), 2),
                )
            half.replace(file)
            for other in folder.glob("*.npz"):
                if other != file:
                    other.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("the map is kept in memory alone: %s", error)

    @classmethod
    def load(cls, index: Path, snapshot: str) -> Self | None:
        """Read what was drawn of a snapshot; None where nothing was, or it cannot be read."""
        with (
            suppress(OSError, ValueError, KeyError, BadZipFile),
            np.load(index / FOLDER / f"{snapshot}.npz", allow_pickle=False) as file,
        ):
            if int(file["format"]) != FORMAT:
                return None
            keys = file["keys"].tolist()
            content = dict(zip(keys, file["content"].tolist(), strict=True))
            points = dict(zip(keys, map(tuple, file["points"].tolist()), strict=True))
            layout = Layout(file["marks"], file["where"])
            return cls(snapshot, str(file["view"]), layout, float(file["kept"]), content, points)
        return None
