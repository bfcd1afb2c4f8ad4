"""From the record store to an index in memory: products loaded, spaces learnt, views filled; for `indexer.build`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from indexer import vectors as kinds
from indexer.encoders import Encoder
from indexer.errors import RecordError
from indexer.images.lookalikes import Lookalikes
from indexer.intake.update import completed, labels_of
from indexer.memory.codes import Codes, coded
from indexer.memory.contents import Contents, hashed
from indexer.memory.labels import Labels
from indexer.settings import IndexSettings
from indexer.space import Space, present
from indexer.space.bridge import paired
from indexer.space.features import Features
from indexer.space.fit import fit, pooled, sample
from indexer.space.lexicon import Lexicon, Rows
from indexer.space.names import Names
from indexer.space.titles import Titles, words_of
from indexer.space.views import Views, learnt
from indexer.store.records import Records, StoreCounts
from indexer.vectors import Keys, VectorIndex, Vectors
from taxonomy.tree import Tree
from taxonomy.vocabulary import Vocabulary

BATCH = 4_096
"""Products that are placed in a space at a time."""

Learning = Mapping[str, Mapping[str, float]]
"""By view, what the fit of its space chose and measured; empty when nothing was learnt."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Every product of the store: keys (n,), labels, raw parts float32 (n, all parts), and counted words in batches.

    lookalikes: the perceptual hashes of their pictures. codes: of their contents and article numbers. called: the words
    of their titles, in batches.
    """

    keys: Keys
    labels: Labels
    raw: Vectors
    counted: Sequence[Rows]
    lookalikes: Lookalikes
    codes: Codes
    called: Sequence[Rows]


def load(
    records: Records,
    size: StoreCounts,
    encoder: Encoder,
    *,
    tree: Tree,
    vocabulary: Vocabulary,
    tell: Callable[[int], None],
) -> Loaded:
    """Return what the store held at `size`; what `encoder` has never seen is encoded. tell(n): n are loaded."""
    labels, counted, hashes, codes, called, filled = Labels(), [], [], [], list[Rows](), 0
    keys = np.empty(size.products, np.int64)
    raw = np.empty((size.products, sum(encoder.parts.values())), np.float32)
    lexicon = Lexicon.blank()
    for some in records.scan(encoder.name, encoder.parts, up_to=size.last_key):
        found = completed(records, encoder, some, encoder.encode)
        if filled + len(found.keys) > len(keys):  # keys only go up, so none can join those that were counted
            raise RecordError(
                f"{records.name} holds more than the {size.products:,} products that were counted up to key "
                f"{size.last_key}; check it with: aisle verify, and build again"
            )
        rows = slice(filled, filled := filled + len(found.keys))
        keys[rows] = found.keys
        np.concatenate([found.encoded.parts[part] for part in encoder.parts], axis=1, out=raw[rows])
        counted.append(lexicon.count(found.texts))
        labels.put(labels_of(found, tree, vocabulary))
        hashes.append(hashed(found.keys, found.phashes))
        codes.append(coded(found.keys, found.codes))
        called.append(words_of(found.titles))
        tell(filled)
    lookalikes = Lookalikes(*map(np.concatenate, zip(*hashes, strict=True))) if hashes else Lookalikes()
    return Loaded(keys[:filled], labels, raw[:filled], counted, lookalikes, Codes.joined(codes), called)


def learn(
    loaded: Loaded, parts: Mapping[str, int], tree: Tree, settings: IndexSettings
) -> tuple[Views, Features, Learning]:
    """Return the views with the spaces that were fitted, the features of every product, and what the fits measured."""
    lexicon, features = Lexicon.fit(loaded.counted), Features(parts)
    start = 0
    for counted in loaded.counted:
        rows = slice(start, start := start + counted.shape[0])
        features.put(loaded.keys[rows], loaded.raw[rows], lexicon.weigh(counted))
    views = Views.raw(parts, lexicon)
    some = sample(len(loaded.keys), settings.seed)
    pairs = loaded.raw[some[paired(views.spaces, features, loaded.keys[some])]]
    if settings.space == "raw":
        return learnt(views, views.spaces, pairs), features, {}
    spaces, learning = {}, {}
    for name, space in views.spaces.items():
        spaces[name], learning[name] = _fitted(space, loaded, features, some, tree=tree, settings=settings)
    return learnt(views, spaces, pairs), features, learning


def _fitted(
    space: Space, loaded: Loaded, features: Features, some: Keys, *, tree: Tree, settings: IndexSettings
) -> tuple[Space, Mapping[str, float]]:
    """Return a space fitted to those of a sample of products that have the view."""
    some = some[features.seen(loaded.keys[some], space)]
    keys = loaded.keys[some]
    fitted = fit(
        space.parts,
        loaded.raw[some, space.columns],
        space.read(features.words(keys)),
        pooled(loaded.labels.spoken(keys), tree.lineage),
        voices=loaded.labels.voices(keys),
        dim=settings.dim,
        seed=settings.seed,
    )
    said = {"sample": len(some), "shrinkage": fitted.shrinkage, "agreement": round(fitted.agreement, 4)}
    return replace(space, learnt=fitted.learnt), said


def fill(loaded: Loaded, features: Features, views: Views, names: Names, settings: IndexSettings) -> Contents:
    """Return what the index holds: every product placed in each view, and what speaks for the categories."""
    vectors = {name: _vectors(space, loaded, features, settings) for name, space in views.spaces.items()}
    return Contents.of(
        loaded.labels,
        features,
        names,
        loaded.lookalikes,
        spaces=views.spaces,
        vectors=vectors,
        codes=loaded.codes,
        titles=Titles.of(loaded.keys, loaded.called),
    )


def _vectors(space: Space, loaded: Loaded, features: Features, settings: IndexSettings) -> VectorIndex:
    keys = loaded.keys
    placed = np.empty((len(keys), space.dim), np.float32)
    for start in range(0, len(keys), BATCH):
        rows = slice(start, start + BATCH)
        placed[rows] = space.place(loaded.raw[rows], features.words(keys[rows]))
    here = present(placed)
    return kinds.build(
        settings.kind, space.dim, keys[here], placed[here], recall_target=settings.recall_target, seed=settings.seed
    )
