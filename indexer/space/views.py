"""The views of an index: a space for what is written, one for what is pictured, and what leads from one to the other.

Views are never mixed into one vector. A product that lacks one is searched for, and found, by the other alone, with the
same similarity as if nobody had a picture; how much each view is believed is learnt from the answers (docs/adr/0017).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from indexer.encoders import Encoded
from indexer.errors import SnapshotMismatch
from indexer.space import RAW, Projected, Space, Vectors, bridge, spaces_of
from indexer.space.bridge import Bridge
from indexer.space.lexicon import Lexicon, Rows, none

LEXICON = "space_rarity.npy"


@dataclass(frozen=True)
class Views:
    """Where search happens. parts: name and width of each part of the encoder, those of a view side by side.

    spaces: by view, in the order of the parts. bridges: by the view that each leads to, from the other one.
    """

    parts: Mapping[str, int]
    lexicon: Lexicon
    spaces: Mapping[str, Space]
    bridges: Mapping[str, Bridge] = field(default_factory=dict)

    @classmethod
    def raw(cls, parts: Mapping[str, int], lexicon: Lexicon | None = None) -> Self:
        """Return the views in which nothing is learnt; raises EncoderError for parts that mix them."""
        return cls(parts, lexicon or Lexicon.blank(), spaces_of(parts))

    @cached_property
    def name(self) -> str:
        """Fingerprint: "raw" when nothing was learnt, else a hash of the lexicon, the names of spaces, and bridges."""
        names = [space.name for space in self.spaces.values()]
        if set(names) == {RAW} and not self.bridges:
            return RAW
        digest = hashlib.sha256(self.lexicon.rarity.tobytes())
        digest.update(" ".join([*names, *self.bridges]).encode())
        for each in self.bridges.values():
            for array in (each.start, each.matrix, each.end):
                digest.update(array.tobytes())
        return f"learnt-{digest.hexdigest()[:12]}"

    def project(self, encoded: Encoded, texts: Sequence[str]) -> Projected:
        """Return what an index keeps of products with these parts and texts (`normalize.text_of`), in order."""
        rows: Vectors = np.concatenate([encoded.parts[part] for part in self.parts], axis=1, dtype=np.float32)
        return self.placed(rows, self.lexicon.rows(texts))

    def placed(self, raw: Vectors, words: Rows) -> Projected:
        """Return products with these raw parts (n, all parts) and words where they lie in each view."""
        return Projected(raw, words, {view: space.place(raw, words) for view, space in self.spaces.items()})

    def crossed(self, asked: Projected, view: str) -> Projected:
        """Return questions that lack `view` as they might look in it, and only in it; zeros without a bridge to it."""
        raw, words = np.zeros_like(asked.raw), none(len(asked))
        if view in self.bridges:
            other = next(space for name, space in self.spaces.items() if name != view)
            raw[:, self.spaces[view].columns] = self.bridges[view].cross(asked.raw[:, other.columns])
        return Projected(raw, words, {view: self.spaces[view].place(raw, words)})

    def patterns(self, asked: Projected) -> dict[tuple[str, ...], list[int]]:
        """Return the rows of questions by the views that they have, in the order of the first of each kind.

        One that has none counts as one of the first view, in which it is like nothing.
        """
        having = {view: space.seen(asked.raw, asked.words) for view, space in self.spaces.items()}
        found: dict[tuple[str, ...], list[int]] = {}
        for row in range(len(asked)):
            views = tuple(view for view, some in having.items() if some[row])
            found.setdefault(views or tuple(having)[:1], []).append(row)
        return found

    def save(self, folder: Path) -> list[Path]:
        """Write what was learnt into `folder`, each view's into a folder of its own, and return the files written."""
        np.save(folder / LEXICON, self.lexicon.rarity, allow_pickle=False)
        files = [folder / LEXICON, *bridge.save(self.bridges, folder)]
        for view, space in self.spaces.items():
            (folder / view).mkdir(exist_ok=True)
            files += space.save(folder / view)
        return files


def load(folder: Path, name: str, parts: Mapping[str, int]) -> Views:
    """Return the views that a snapshot names; raises SnapshotMismatch when the files in `folder` make others."""
    lexicon = Lexicon(np.load(folder / LEXICON, allow_pickle=False))
    spaces = {view: space.loaded(folder / view) for view, space in spaces_of(parts).items()}
    views = Views(parts, lexicon, spaces, bridge.load(spaces, folder))
    if views.name != name:
        raise SnapshotMismatch(f"{folder.name} searches in {name!r}, its files make {views.name!r}; rebuild it")
    return views


def learnt(views: Views, spaces: Mapping[str, Space], raw: Vectors) -> Views:
    """Return views with these spaces, and bridges learnt from raw parts (n, all parts) of products."""
    return replace(views, spaces=spaces, bridges=bridge.fit(spaces, raw))
