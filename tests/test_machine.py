"""An index of every kind, under whatever is done to it, is what a plain dict and exact search say it is."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from indexer import encoders
from indexer.build import build, rebuild
from indexer.errors import SnapshotMissing, VersionConflict
from indexer.live import Change, Live, Patch, open_index
from indexer.product import Product, content_hash
from indexer.settings import IndexSettings
from indexer.snapshots import cutover, snapshot
from indexer.snapshots.manifest import Origin
from indexer.sources import read
from indexer.space import TEXT, present
from indexer.store.place import open_store
from indexer.store.records import Record
from taxonomy.changes import Rename
from tests.doomed import once
from tests.oracle import Oracle, agree, exact_of, recall, seen, told

pytestmark = pytest.mark.slow

ENCODER = encoders.load("hashing:64")

STORED = {"ivf": 120, "ivf_sq8": 1_040, "ivf_pq": 10_000}
"""Products that an index begins with, enough for its kind to be trained; a few when it needs no training."""

EXAMPLES = {"ivf_sq8": 4, "ivf_pq": 2}
"""Runs of the machine, when not 10; AISLE_TEST_EXAMPLES multiplies them."""
TIMES = int(os.environ.get("AISLE_TEST_EXAMPLES", "1"))

KINDS = ("exact", "flat", "hnsw", *STORED)
COMPLETE = ("exact", "flat")

FOUND = 0.8
"""Share of the true ten that 40 questions of an approximate kind find at least, its target being 0.95."""

ROWS = "id,title,category,tags\nmug,Stoneware mug,Home > Kitchen,new|gift\npan,Frying pan,Home > Kitchen,steel\n"
ROWS += "ball,Leather football,Sports,\n"
WORDS = ("red", "blue", "steel", "leather", "large", "small", "old", "new", "oak", "cork")
THINGS = ("mug", "pan", "ball", "kite", "lamp", "tray", "rope", "football", "coat", "vase")

IDS = st.sampled_from(["mug", "pan", *"abcdefgh"])
TITLES = st.sampled_from(["red mug", "Blue mug", "mug", "steel pan", "leather football", "football", "kite", "!", ""])
CATEGORIES = st.sampled_from(["", "Home > Kitchen", "home > kitchen", "Sports", "Toys > Kites", "Toys"])
TAGS = st.lists(st.sampled_from(["red", "new", "gift"]), max_size=3, unique=True).map(tuple)
LABELS = st.fixed_dictionaries({}, optional={"category": CATEGORIES, "tags": TAGS})
PATCHES = st.builds(
    lambda title, label: {**title, **label}, st.fixed_dictionaries({}, optional={"title": TITLES}), LABELS
)
CHANGES = st.lists(
    st.one_of(
        st.builds(
            lambda id_, title, path, tags: Product(id_, title, category=path, tags=tags), IDS, TITLES, CATEGORIES, TAGS
        ),
        st.builds(Patch, IDS, PATCHES),
        st.builds(Patch, IDS, LABELS),
        IDS,
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what makes, once for each kind, an index that examples copy."""
    made: dict[str, Path] = {}

    def make(kind: str) -> Path:
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            (folder / "rows.csv").write_text(ROWS)
            with read(folder / "rows.csv") as rows:
                build(rows, folder / "index", settings=_settings("exact"), encoder=ENCODER)
            with closing(open_store(folder / "index")) as records:
                records.write([Record(each, content_hash(each)) for each in catalogue(STORED.get(kind, 0))])
            rebuild(folder / "index", settings=_settings(kind), encoder=ENCODER)
            made[kind] = folder / "index"
        return made[kind]

    return make


def catalogue(size: int) -> list[Product]:
    """Return products without categories, each of another content, with many words in common."""
    titles = (
        f"{first} {second} {thing} {number // 1000}"
        for number in count()
        for first in WORDS
        for second in WORDS
        for thing in THINGS
    )
    return [Product(f"base-{number}", title) for number, title in zip(range(size), titles, strict=False)]


def _settings(kind: str) -> IndexSettings:
    return IndexSettings(encoder="hashing:64", kind=kind, space="raw" if kind in STORED else "learnt")


class Machine(RuleBasedStateMachine):
    """Two processes with one store, as far as that can be done in one: `live` and `other`, either may change it."""

    def __init__(self, template: Path, kind: str) -> None:
        super().__init__()
        self.kind, self.settings = kind, _settings(kind)
        self.folder = TemporaryDirectory()
        self.index = Path(shutil.copytree(template, Path(self.folder.name) / "index"))
        self.live, self.other = open_index(self.index, ENCODER), open_index(self.index, ENCODER)
        self.model = Oracle.of(self.live.records)
        self.keys = count()
        self.answered: dict[str, tuple[Sequence[Change], bytes]] = {}

    def teardown(self) -> None:
        """Compare everything a last time, and remove the index."""
        self.model.check_memory(self.live)
        self.live.close()
        self.other.close()
        self.folder.cleanup()

    @rule(changes=CHANGES, elsewhere=st.booleans())
    def change(self, changes: list[Change], elsewhere: bool) -> None:
        """Put, patch, relabel and delete in one transaction, an id perhaps more than once, here or elsewhere."""
        live = self.other if elsewhere else self.live
        spelt = self._spelt(live)
        assert told(live.change(changes)) == self.model.change(changes, spelt)
        assert self.live.reach(live.seq, 0)

    @rule(changes=CHANGES)
    def change_once(self, changes: list[Change]) -> None:
        """Carry out a request with a key."""
        key, spelt = f"key-{next(self.keys)}", self._spelt(self.live)
        body = once(self.live, key, changes)
        assert json.loads(body) == [list(each) for each in self.model.change(changes, spelt)]
        self.answered[key] = changes, body

    @precondition(lambda self: self.answered)
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        """Ask for the same again: it gets the same answer and changes nothing, whatever happened in between."""
        key = data.draw(st.sampled_from(sorted(self.answered)))
        before = self.live.records.seq()
        changes, body = self.answered[key]
        assert once(self.other, key, changes) == body
        assert self.live.records.seq() == before

    @rule(id_=IDS, off=st.integers(-1, 1))
    def change_a_version(self, id_: str, off: int) -> None:
        """Change a version: one that is not the stored one is refused, and nothing is changed."""
        version = self.model.rows[id_][1] if id_ in self.model.rows else 0
        changes: list[Change] = [Product(id_, "versioned mug")]
        if off:
            with pytest.raises(VersionConflict):
                self.live.change(changes, expected={id_: version + off})
            return
        assert told(self.live.change(changes, expected={id_: version})) == self.model.change(changes)

    @rule(drawn=st.randoms(use_true_random=False))
    def search(self, drawn: Any) -> None:
        """Look for the ten nearest: they are those of exact search, or of approximate kinds most of them."""
        self.model.check_memory(self.live)
        keys, placed = exact_of(self.live, self.model)
        titles = [f"{drawn.choice(WORDS)} {drawn.choice(WORDS)} {drawn.choice(THINGS)}" for _ in range(40)]
        queries = seen(self.live, [Product("", title) for title in titles])
        if not len(keys):
            return
        expected, found = placed.search(queries, 10), self._vectors.search(queries, 10)
        if self.kind in COMPLETE:
            agree(found, expected, 0)
            return
        assert {len(set(row)) for row in found.keys.tolist()} == {min(10, len(keys))}
        assert set(found.keys.ravel().tolist()) <= set(keys.tolist())
        assert recall(found, placed, queries) >= FOUND

    @rule(crash=st.booleans(), how=st.sampled_from(["as it is", "saved", "rebuilt"]))
    def restart(self, crash: bool, how: str) -> None:
        """Open the index again, with or without closing it, as it is or from a new snapshot."""
        abandoned = self.live
        if how == "saved":
            self._save()
        if not crash:
            self.live.close()
        if how == "rebuilt":
            rebuild(self.index, settings=self.settings, encoder=ENCODER)
        self.live = open_index(self.index, ENCODER)
        self.model.check_store(self.live.records, ENCODER)
        self.model.check_memory(self.live)
        if crash:
            abandoned.close()

    @rule()
    def roll_back(self) -> None:
        """Serve the snapshot before, which knows less and follows the journal to the same end."""
        try:
            cutover.rollback(self.index, self.live.records)
        except SnapshotMissing:
            return
        self.other.close()
        self.other = open_index(self.index, ENCODER)
        self.model.check_memory(self.other)

    @rule()
    def copy_while_open(self) -> None:
        """Copy the files of an index that is open: they are an index, as after a power cut."""
        with TemporaryDirectory() as folder:
            copied = Path(shutil.copytree(self.index, Path(folder) / "index"))
            with closing(open_index(copied, ENCODER)) as live:
                self.model.check_store(live.records, ENCODER)
                self.model.check_memory(live)

    @rule(elsewhere=st.booleans())
    def rename(self, elsewhere: bool) -> None:
        """Call a category otherwise, here or elsewhere: labels follow, and whoever writes its former name means it."""
        live = self.other if elsewhere else self.live
        live.follow()
        now, then = ("Games", "Sports") if self._renamed(live) else ("Sports", "Games")
        if live.tree.find((now,)) is None:
            return
        live.change_taxonomy([Rename(now, then)])
        self.model.rename(now, then)
        assert self.live.reach(live.seq, 0)

    @rule()
    def follow(self) -> None:
        """Another process knows what was written as soon as it has reached that place."""
        assert self.other.reach(self.live.seq, 0)
        self.model.check_memory(self.other)

    @precondition(lambda self: self.kind not in STORED)
    @invariant()
    def agrees(self) -> None:
        """Find the store, memory, words and prototypes of the plain dict."""
        live, model, view = self.live, self.model, self.live.contents.views[TEXT]
        model.check_store(live.records, ENCODER)
        model.check_memory(live)
        products = [product for product, _ in model.rows.values()]
        keys = np.array([live.labels.key(product.id) for product in products], np.int64)
        there = present(seen(live, products)).tolist()
        every, nodes = np.arange(live.labels.size), live.labels.spoken(keys)
        features = live.contents.features
        assert features.words(every).nnz == features.words(keys).nnz
        # In a prototype each content of a category counts once, and what has no text to go by, as "!", does not.
        distinct = {
            (node, product.title.lower())
            for node, product, has in zip(nodes.tolist(), products, there, strict=True)
            if node >= 0 and has
        }
        counts = Counter(node for node, _ in distinct)
        assert view.prototypes.counts[: len(live.tree)].tolist() == [counts[node] for node in range(len(live.tree))]
        assert len(live.contents.names) == len(live.tree)
        by_word = view.postings.search(live.space.lexicon.rows(["mug"]), len(keys) or 1).keys
        with_word = {key for key, each in zip(keys.tolist(), products, strict=True) if "mug" in each.title.lower()}
        assert set(by_word[by_word >= 0].tolist()) == with_word

    @property
    def _vectors(self) -> Any:
        return self.live.contents.views[TEXT].vectors

    def _spelt(self, live: Live) -> Mapping[str, str]:
        """Return how the tree spells what changes may say, once it has followed what came before."""
        live.follow()
        spelt = {} if live.tree.find(("Home", "Kitchen")) is None else {"home > kitchen": "Home > Kitchen"}
        return spelt | ({"Sports": "Games"} if self._renamed(live) else {})

    @staticmethod
    def _renamed(live: Live) -> bool:
        return live.tree.find(("Games",)) is not None

    def _save(self) -> None:
        """Publish what is in memory as a snapshot, as a calibration does."""
        live, said = self.live, self.live.manifest
        counts = {"products": len(live.labels)}
        origin = Origin(
            encoder_spec=said.encoder_spec,
            encoder=said.encoder,
            parts=said.parts,
            settings=said.settings,
            store_id=said.store_id,
            seq=live.seq,
            counts=counts,
            learning={},
        )
        with snapshot.written(self.index, origin, live.built, "") as manifest:
            cutover.publish(self.index, live.records, manifest.id)


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_is_what_a_dict_and_exact_search_say(kind: str, template: Callable[[str], Path]) -> None:
    """After any changes, crashes, restarts, rebuilds, rollbacks and changes by another process."""
    folder = template(kind)
    run_state_machine_as_test(
        partial(Machine, folder, kind),  # type: ignore[arg-type]  # takes whatever makes a machine, and says a class
        settings=settings(
            max_examples=TIMES * EXAMPLES.get(kind, 10),
            stateful_step_count=15,
            deadline=None,
            phases=(Phase.reuse, Phase.generate, *(() if kind in STORED else (Phase.shrink,))),
            suppress_health_check=list(HealthCheck),
        ),
    )
