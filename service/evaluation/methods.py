"""Ways to ask: an index that is built without the products in question, the index as it is, or products of a source.

held_out    an index of most products, asked about the rest; with every part held out once, cross-validated
left_out    the index as it is, asked about its own products without themselves and their near-copies
of_source   the index as it is, asked about labelled products that it does not hold

No product is asked about where a near-copy of it may vote.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from indexer.build import Progress
from indexer.encoders import given_parts
from indexer.errors import SourceError
from indexer.images.gallery import Gallery
from indexer.intake.placement import CANONICAL, Placement
from indexer.intake.update import prepare, whole
from indexer.memory.labels import UNLABELLED
from indexer.product import Product
from indexer.settings import IndexSettings
from indexer.snapshots.snapshot import Built
from indexer.sources import Row
from indexer.store.records import Record
from indexer.vectors import Keys
from service.calibration.leave_one_out import BATCH, COPY, ask, halves, stored
from service.calibration.tagging import VOTERS
from service.engine import SERVICE, Engine
from service.evaluation.groups import groups, near_copies
from service.evaluation.judged import Judged
from service.evaluation.samples import drawn, parts
from service.evaluation.trial import Look, Remembered, asked, mapped, trial
from service.hearing import listened, think
from service.vote.questions import saying

LEAST = 2
"""Labelled products that an evaluation needs at least."""

HELD = "in the index already, or a near-copy of what is"
REFUSED = "refused, as by a build"
UNASKED = "not sampled, or in a part that was not held out"
UNLABELLED_LEFT = "without a category that a person or supplier gave"
UNSAMPLED = "not sampled"
UNSHARED = "not in the other index"
"""Why a product was not asked about."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What was asked, how, and of what index. read = products asked about + those in `left`, by reason."""

    judged: Judged
    method: str
    read: int
    left: dict[str, int]
    snapshot: str


def held_out(engine: Engine, *, folds: int, crossed: bool, sample: int, seed: int, progress: Progress) -> Evaluated:
    """Build an index without one of `folds` parts of the products and ask it about the labelled ones of these.

    crossed: hold out each part in turn. Categories are spread evenly over the parts, near-copies kept together. At most
    `sample` products are asked about in all. Raises SourceError when the index holds fewer labelled products than
    folds, near-copies counted once, and what building an index raises.
    """
    live, keys = engine.live, labelled(engine)
    _check_parts(len(keys), "labelled products", folds)
    every = np.flatnonzero(live.labels.known)
    progress.start("find copies", len(every), "products")
    group, nodes = groups(live.built, every, progress.at), live.labels.spoken(every)
    _check_parts(len(np.unique(group[nodes != UNLABELLED])), "labelled products that are no near-copies", folds)
    part = parts(group, nodes, folds, seed)
    products = dict(_stored(engine))
    encoder = Remembered(live.encoder, live.records)
    rounds = folds if crossed else 1
    rng = np.random.default_rng(seed)
    found = []
    for fold in range(rounds):
        share = sample * (fold + 1) // rounds - sample * fold // rounds
        test = rng.permutation(every[(part == fold) & (nodes != UNLABELLED)])[:share].tolist()
        if not test:
            continue
        away = set(every[part == fold].tolist())
        with TemporaryDirectory(prefix="aisle-evaluate-") as folder:
            found.append(
                trial(
                    [product for key, product in products.items() if key not in away],
                    [products[key] for key in sorted(test) if key in products],
                    Path(folder) / "index",
                    encoder=encoder,
                    index=_settings_of(engine),
                    service=engine.settings,
                    taxonomy=None if live.grows else engine.tree,
                    vocabulary=live.vocabulary,
                    tree=engine.tree,
                    fold=fold,
                    progress=progress,
                )
            )
    judged = Judged.joined(found)
    method = f"cross-validated in {folds} parts" if crossed else f"1 of {folds} parts held out"
    left = Counter({UNASKED: len(keys) - len(judged), UNLABELLED_LEFT: len(products) - len(keys)})
    return Evaluated(judged, method, len(products), dict(+left), live.manifest.id)


def left_out(
    engine: Engine, *, ids: Sequence[str] | None = None, sample: int, seed: int, progress: Progress
) -> Evaluated:
    """Ask an index about its own labelled products, or those of `ids`, each without itself and its near-copies.

    Each half is asked in a space that only the other half has made; the calibration is what the index has, which has
    learnt from both. Raises SourceError when there are fewer than LEAST.
    """
    live = engine.live
    with live.reading():
        keys = some = labelled(engine)
        if ids is not None:
            shared = [key for each in ids if (key := live.labels.key(each)) is not None]
            some = keys[np.isin(keys, shared)]
        if len(some) < LEAST:
            both = "the index has" if ids is None else "the two indexes share"
            raise SourceError(
                f"{both} {len(some):,} labelled products to ask about, {LEAST} are needed at least; "
                "label some, or name a SOURCE with labelled products"
            )
        chosen = some[drawn(live.labels.ids(some), seed)[:sample]]
        progress.start("ask", len(chosen), "products")
        found: list[Judged] = []
        for fold, (half, twin) in enumerate(halves(live.built, seed)):
            here = half[np.isin(half, chosen)]
            for start in range(0, len(here), BATCH):
                if judged := _left_out(engine, twin, here[start : start + BATCH], fold):
                    found.append(judged)
                progress.at(sum(map(len, found)))
    whole = Judged.joined(found)
    left = Counter({UNSAMPLED: len(some) - len(whole), UNSHARED: len(keys) - len(some)})
    left[UNLABELLED_LEFT] = len(live.labels) - len(keys)
    return Evaluated(whole, "leave-one-out", len(live.labels), dict(+left), live.manifest.id)


def of_source(
    engine: Engine,
    rows: Iterable[Row],
    *,
    gallery: Gallery | None = None,
    sample: int,
    seed: int,
    progress: Progress,
) -> Evaluated:
    """Ask an index about the labelled products of a source, without those that it holds or has a near-copy of.

    They are looked at in an order by chance until `sample` are found. gallery: where their images are; each is decoded
    twice, to find copies and to ask, rather than kept. Raises what reading the rows raises, and SourceError when
    nothing is left to ask about.
    """
    look = _looking(engine, gallery)
    left, read = Counter[str](), 0
    waiting: list[Product] = []
    placement = Placement(engine.tree, grows=engine.live.grows, separators=CANONICAL)
    taken = iter(rows)
    progress.start("read", None, "products")
    while batch := list(islice(taken, BATCH)):
        read += len(batch)
        given = given_parts(engine.live.encoder)
        made = prepare([row.product for row in batch if row.product is not None], placement, given)
        products = [each.product for each in made if isinstance(each, Record)]
        told = [product for product in products if product.category and product.voice > 0]
        left[REFUSED] += len(batch) - len(products)
        left[UNLABELLED_LEFT] += len(products) - len(told)
        waiting += told
        progress.at(read)
    progress.start("find copies", min(sample, len(waiting)), "products")
    order = [waiting[place] for place in drawn([product.id for product in waiting], seed).tolist()]
    new: list[Product] = []
    for start in range(0, len(order), BATCH):
        if len(new) >= sample:
            break
        some = order[start : start + BATCH]
        unheld = _unheld(engine, some, look)
        left[HELD] += len(some) - len(unheld)
        new += unheld
        progress.at(len(new))
    new = new[:sample]
    left[UNSAMPLED] += len(waiting) - left[HELD] - len(new)
    if not new:
        why = "; ".join(f"{many:,} {why}" for why, many in left.items() if many)
        raise SourceError(
            f"none of the {read:,} rows can be asked about: {why}; name a SOURCE with labelled products that the index "
            "does not hold, or none, to ask it about its own"
        )
    progress.start("ask", len(new), "products")
    judged = asked(engine, new, look=look, tell=progress.at)
    return Evaluated(judged, "products of a source", read, dict(+left), engine.live.manifest.id)


def _left_out(engine: Engine, twin: Built, keys: Keys, fold: int) -> Judged | None:
    """Ask about stored products in an index that has not learnt from them; None when none is stored any more."""
    records = engine.live.records.by_keys(keys.tolist())
    keys = np.array([key for key in keys.tolist() if key in records], np.int64)
    if not len(keys):
        return None
    products, itself = [records[key].record.product for key in keys.tolist()], stored(twin, keys)
    parts, order = [], []
    for pattern, rows in twin.space.patterns(itself).items():
        some, calibration = itself[np.array(rows)], engine.calibration.of(pattern)
        voters = engine.settings.neighbours or calibration.neighbours
        views = calibration.views or saying(twin, pattern)
        reach = max(voters, VOTERS)
        put = ask(twin, keys[rows], reach, pattern, views).questions
        hearing = listened(twin, some, put, calibration=calibration, tagger=engine.tagger(), voters=voters, reach=reach)
        silent = twin.contents.features.copies(some.raw, some.words, hearing.found.keys, COPY)
        hearing = replace(hearing, silent=silent)
        here = [products[row] for row in rows]
        thought = think(twin, engine.settings, here, hearing, SERVICE)
        parts.append(
            Judged.of(here, thought, mapped(some), twin.tree, vocabulary=twin.vocabulary, tree=twin.tree, fold=fold)
        )
        order += rows
    return Judged.joined(parts)[np.argsort(order)]


def _looking(engine: Engine, gallery: Gallery | None) -> Look:
    """Return what adds the pictures in a gallery as the engine's encoder wants them; without one, nothing."""
    if gallery is None:
        return list
    from indexer.images.looking import look

    return lambda products: list(look(products, gallery, engine.live.encoder.side))


def _unheld(engine: Engine, products: Sequence[Product], look: Look) -> list[Product]:
    """Return the products that the index neither holds, by id or by content, nor has a near-copy of."""
    if not products:
        return []
    live, seen = engine.live, engine.encode(look(products))
    with live.reading():
        nobody = np.full(len(products), -1, np.int64)
        held = np.array([live.labels.key(product.id) is not None for product in products])
        for _, copies in near_copies(live.built, seen, nobody):
            held |= copies.any(axis=1)
    return [product for product, there in zip(products, held.tolist(), strict=True) if not there]


def labelled(engine: Engine) -> Keys:
    """Return the keys of the products whose category counts: int64, ascending."""
    labels = engine.live.labels
    keys = np.flatnonzero(labels.known)
    made: Keys = keys[labels.spoken(keys) != UNLABELLED]
    return made


def _stored(engine: Engine) -> Iterator[tuple[int, Product]]:
    after = 0
    while page := engine.page(after, 1_000):
        products = whole(engine.live.records, engine.live.encoder, page)
        yield from ((each.key, product) for each, product in zip(page, products, strict=True))
        after = page[-1].key


def _settings_of(engine: Engine) -> IndexSettings:
    """Return the settings by which an index like this one is built."""
    manifest = engine.live.manifest
    widest = max(each["dim"] for each in manifest.views.values())
    if not any(each["learning"] for each in manifest.views.values()):
        return IndexSettings(encoder=manifest.encoder_spec, space="raw")
    return IndexSettings(encoder=manifest.encoder_spec, space="learnt", dim=widest)


def _check_parts(many: int, of_what: str, folds: int) -> None:
    if many < folds:
        raise SourceError(
            f"the index has {many:,} {of_what}, too few for {folds} parts; "
            "label more, give fewer --folds (2 at least), or name a SOURCE with labelled products"
        )
