"""The map of the index that answers: drawn when somebody first asks, aside, and from then on brought to what is stored.

The layout stays as long as the snapshot does: products that come or change are put to the landmarks, and nobody else
moves. Each look gives a sheet, which stays as it is while somebody works with it.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from indexer.live import Live
from indexer.memory.labels import UNLABELLED
from indexer.memory.view import View
from indexer.vectors import Keys
from service.plane.drawn import Drawn
from service.plane.layout import LANDMARKS, Layout, Points, kept

SHEETS = 4
"""Sheets that are kept: who works with an older one has to look again."""
MOST = 100_000
"""Products that a map shows at most; of more it shows a sample, always the same ones."""
STEP = 2_048
"""Products that are placed while changes wait."""

_log = logging.getLogger("aisle.map")


@dataclass(frozen=True, slots=True)
class Sheet:
    """The map as it was at one moment. keys, int64 (n,); points, float32 (n, 2) in [0, 1]; doubts, float32 (n,).

    categories: (id, path) of those that have products; nodes: int32 (n,), the place of each product's category there,
    or -1. doubts: how likely its label is wrong, as the audit last said. kept: share of the neighbourhoods that the map
    keeps. unseen: products that the view does not know; left_out: those that a sample leaves out.
    """

    version: str
    snapshot: str
    view: str
    seq: int
    keys: Keys
    points: Points
    nodes: npt.NDArray[np.int32]
    doubts: npt.NDArray[np.float32]
    categories: tuple[tuple[str, str], ...]
    kept: float
    unseen: int
    left_out: int

    def packed(self) -> bytes:
        """Return the points as bytes, little-endian, one array after the other.

        int32 (n,) category, uint16 (n,) x and y in 65,535ths of the width, uint8 (n,) doubt in 255ths.
        """
        x, y = np.round(self.points.T * 65_535).astype("<u2")
        doubts = np.round(self.doubts * 255).astype(np.uint8)
        return b"".join(each.tobytes() for each in (self.nodes.astype("<i4"), x, y, doubts))


@dataclass(slots=True)
class Drawing:
    """A map that is being drawn: what is done at the moment, and how much of how much."""

    snapshot: str
    stage: str = "vectors"
    done: int = 0
    total: int = 0
    error: str = ""


class Atlas:
    """Maps of what is served from the folder `index`. Any thread may look; one draws."""

    def __init__(self, index: Path, most: int = MOST) -> None:
        self._index, self._most = index, most
        self._lock = threading.Lock()
        self._bringing = threading.Lock()
        self._drawn: Drawn | None = None
        self._drawing: Drawing | None = None
        self._sheets: OrderedDict[str, Sheet] = OrderedDict()

    def look(self, live: Live) -> Sheet | Drawing:
        """Return the map as it is now, or how far it is drawn; the first look begins that."""
        with self._lock:
            snapshot = live.manifest.id
            drawn = self._drawn
            if drawn is None or drawn.snapshot != snapshot:
                if self._drawing is None or self._drawing.snapshot != snapshot:
                    self._drawing = Drawing(snapshot)
                    threading.Thread(target=self._draw, args=(live, self._drawing), daemon=True).start()
                elif self._drawing.error:
                    failed, self._drawing = self._drawing, None  # told once; the next look begins again
                    return failed
                return self._drawing
        with self._bringing:
            return self._sheet(live, drawn)

    def sheet(self, version: str) -> Sheet | None:
        """Return a sheet that somebody has looked at, None when it is not kept any more."""
        with self._lock:
            return self._sheets.get(version)

    def _draw(self, live: Live, drawing: Drawing) -> None:
        try:
            drawn = Drawn.load(self._index, drawing.snapshot) or self._drawn_anew(live, drawing)
            with self._lock:
                if self._drawing is drawing:  # no other snapshot is asked for by now
                    self._drawn, self._drawing = drawn, None
        except Exception:
            _log.exception("the map could not be drawn")
            drawing.error = "the map could not be drawn; why is in the service's log; look again to have it tried again"

    def _drawn_anew(self, live: Live, drawing: Drawing) -> Drawn:
        view = _view(live)
        with live.reading():
            known = np.flatnonzero(live.labels.known)
            keys = _some(known[view.seen(known)], self._most)
        some = np.sort(np.random.default_rng(0).permutation(keys)[:LANDMARKS])
        drawing.stage, drawing.total = "landmarks", len(some)
        vectors = _placed(live, view, some)
        layout = Layout.of(vectors)
        drawn = Drawn(drawing.snapshot, view.name, layout, kept(vectors, layout.place(vectors, some)))
        drawing.stage, drawing.total = "points", len(keys)
        self._bring(live, view, drawn, keys, drawing)
        drawn.save(self._index)
        return drawn

    def _bring(self, live: Live, view: View, drawn: Drawn, keys: Keys, drawing: Drawing | None = None) -> None:
        """Put products that are new, or say something else by now, to their landmarks."""
        content = np.zeros(len(keys), np.int64)
        for start in range(0, len(keys), STEP):
            with live.reading():
                content[start : start + STEP] = view.features.fingerprints(keys[start : start + STEP], view.space)
        known = drawn.content
        pairs = enumerate(zip(keys.tolist(), content.tolist(), strict=True))
        rows = np.array([row for row, (key, said) in pairs if known.get(key) != said], np.int64)
        for start in range(0, len(rows), STEP):
            some = rows[start : start + STEP]
            points = drawn.layout.place(_placed(live, view, keys[some]), keys[some])
            drawn.content.update(zip(keys[some].tolist(), content[some].tolist(), strict=True))
            drawn.points.update(zip(keys[some].tolist(), map(tuple, points.tolist()), strict=True))
            if drawing:
                drawing.done = start + len(some)

    def _sheet(self, live: Live, drawn: Drawn) -> Sheet:
        view = live.contents.views[drawn.view]
        with live.reading():
            seq, tree = live.seq, live.tree
            known = np.flatnonzero(live.labels.known)
            seen = known[view.seen(known)]
            keys = _some(seen, self._most)
            labels = live.labels.nodes(keys)
        doubts = live.records.suspects.doubts()
        version = f"{drawn.snapshot}-{seq}-{len(doubts)}-{round(sum(doubts.values()) * 1e6)}"
        with self._lock:
            if (before := self._sheets.get(version)) is not None:
                return before
        self._bring(live, view, drawn, keys)
        used, nodes = np.unique(labels, return_inverse=True)
        nodes = nodes - int(bool(len(used)) and used[0] == UNLABELLED)
        sheet = Sheet(
            version=version,
            snapshot=drawn.snapshot,
            view=view.name,
            seq=seq,
            keys=keys,
            points=np.array([drawn.points[key] for key in keys.tolist()], np.float32).reshape(len(keys), 2),
            nodes=nodes.astype(np.int32),
            doubts=np.array([doubts.get(key, 0.0) for key in keys.tolist()], np.float32),
            categories=tuple((tree.ids[node], tree.text(node)) for node in used.tolist() if node != UNLABELLED),
            kept=drawn.kept,
            unseen=len(known) - len(seen),
            left_out=len(seen) - len(keys),
        )
        with self._lock:
            self._sheets[version] = sheet
            while len(self._sheets) > SHEETS:
                self._sheets.popitem(last=False)
        return sheet


def _some(keys: Keys, most: int) -> Keys:
    """Return up to `most` of the keys, in order, by chance and yet the same ones whenever it is asked."""
    if len(keys) <= most:
        return keys
    drawn = np.argpartition(keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15), most)[:most]
    return np.sort(keys[drawn])


def _view(live: Live) -> View:
    """Return the view that knows most products, the first of them."""
    return max(live.contents.views.values(), key=lambda view: len(view.vectors))


def _placed(live: Live, view: View, keys: Keys) -> Points:
    made = [np.zeros((0, view.space.dim), np.float32)]
    for start in range(0, len(keys), STEP):
        with live.reading():
            made.append(view.placed(keys[start : start + STEP]))
    return np.concatenate(made)
