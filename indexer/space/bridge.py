"""What a product that has one view would look like in the other: how a photo finds products that have only a text.

A linear map from the parts of one view to those of the other, by ridge regression over the stored products that have
both, drawn to what is known beforehand: a model with two towers (parts `image` and `caption`) puts both into one space,
but for a gap between the two kinds (Liang and others 2022), which the means close. Stored products are never given a
view that they lack; only a question is, so that nobody's neighbours are made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from indexer.errors import SnapshotDamaged
from indexer.space import IMAGE, TEXT, Space
from indexer.space.features import Features, Keys
from indexer.space.learnt import edges_of, unit

Floats = npt.NDArray[np.float32]

CAPTION = "caption"
"""The part of a text that lies in the space of the part `image`."""
PAIRS = 20_000
"""Products with both views that are learnt from at most."""
FEWEST = 30
"""Products with both views under which only what is known beforehand counts."""
RIDGE = 0.01
"""Penalty on the difference from what is known beforehand, per product that is learnt from."""


@dataclass(frozen=True, slots=True)
class Bridge:
    """From one view to another: unit((x - start) @ matrix + end), part by part.

    start: float32 (from,); matrix: float32 (from, to); end: float32 (to,); edges: of the parts that it leads to.
    """

    start: Floats
    matrix: Floats
    end: Floats
    edges: tuple[int, ...]

    def cross(self, rows: Floats) -> Floats:
        """Return float32 (n, to), each part a unit row, of rows (n, from); zeros stay zeros."""
        here = np.any(rows, axis=1)[:, None]
        made: Floats = (((rows - self.start) @ self.matrix + self.end) * here).astype(np.float32)
        for first, last in pairwise(self.edges):
            part = made[:, first:last]
            part[:] = unit(part)
        return made


def paired(spaces: Mapping[str, Space], features: Features, keys: Keys) -> Keys:
    """Return the places among `keys` (n,) of the first PAIRS stored products that have every view; none of one view."""
    if len(spaces) < 2:
        return np.zeros(0, np.int64)
    both = np.all([features.seen(keys, space) for space in spaces.values()], axis=0)
    return np.flatnonzero(both)[:PAIRS]


def fit(spaces: Mapping[str, Space], raw: Floats) -> dict[str, Bridge]:
    """Return by view the bridge that leads to it from the other one, where there is anything to go by.

    raw: float32 (n, all parts) of stored products. The first PAIRS with both views count.
    """
    if not {TEXT, IMAGE} <= spaces.keys():
        return {}
    both = np.flatnonzero(np.all([np.any(raw[:, space.columns], axis=1) for space in spaces.values()], axis=0))
    pairs = raw[both[:PAIRS]]
    ways = {TEXT: (IMAGE, TEXT), IMAGE: (TEXT, IMAGE)}
    made = {to: _way(spaces[start], spaces[end], pairs) for to, (start, end) in ways.items()}
    return {view: bridge for view, bridge in made.items() if bridge is not None}


def _way(start: Space, end: Space, pairs: Floats) -> Bridge | None:
    first, second = pairs[:, start.columns], pairs[:, end.columns]
    known = _known(start.parts, end.parts)
    if len(pairs) < FEWEST:
        gone = np.zeros(len(known), np.float32)
        return Bridge(gone, known, np.zeros(known.shape[1], np.float32), edges_of(end.parts)) if known.any() else None
    middle, there = first.mean(axis=0), second.mean(axis=0)
    x, y = (first - middle).astype(np.float64), (second - there).astype(np.float64)
    pull = RIDGE * len(pairs)
    matrix = np.linalg.solve(x.T @ x + pull * np.eye(x.shape[1]), x.T @ y + pull * known)
    return Bridge(middle, matrix.astype(np.float32), there, edges_of(end.parts))


def _known(start: Mapping[str, int], end: Mapping[str, int]) -> Floats:
    """Return the map (from, to) that is known beforehand: a picture is its own caption, and the other way round."""
    made = np.zeros((sum(start.values()), sum(end.values())), np.float32)
    of = {IMAGE: CAPTION, CAPTION: IMAGE}
    for place, (part, width) in zip(edges_of(start), start.items(), strict=False):
        for other, (name, wide) in zip(edges_of(end), end.items(), strict=False):
            if of.get(part) == name and width == wide:
                made[place : place + width, other : other + wide] = np.eye(width)
    return made


def save(bridges: Mapping[str, Bridge], folder: Path) -> list[Path]:
    """Write bridges into `folder` and return the files written."""
    files = []
    for view, bridge in bridges.items():
        files.append(folder / f"bridge_{view}.npz")
        np.savez(files[-1], start=bridge.start, matrix=bridge.matrix, end=bridge.end)
    return files


def load(spaces: Mapping[str, Space], folder: Path) -> dict[str, Bridge]:
    """Read what `save` wrote; raises SnapshotDamaged when it does not fit the spaces."""
    made, widths = {}, {view: sum(space.parts.values()) for view, space in spaces.items()}
    for view, space in spaces.items():
        file = folder / f"bridge_{view}.npz"
        if not file.is_file():
            continue
        try:
            with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
                start, matrix, end = (np.asarray(arrays[name], np.float32) for name in ("start", "matrix", "end"))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise SnapshotDamaged(f"{file} cannot be read: {error}; rebuild the index") from error
        wide = sum(widths.values()) - widths[view]
        if (start.shape, matrix.shape, end.shape) != ((wide,), (wide, widths[view]), (widths[view],)):
            raise SnapshotDamaged(f"{file} has arrays that do not fit together; rebuild the index")
        made[view] = Bridge(start, matrix, end, edges_of(space.parts))
    return made
