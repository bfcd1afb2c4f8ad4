"""What answers in a service: the engine of the published snapshot, at the journal's end, and replaced while it runs.

    follow    a change that another process made -> the journal -> the engine in memory, every `follow_seconds`
    swap      another snapshot was published, here or elsewhere -> loaded and replayed aside -> asked one question
              -> takes the place of the engine between two steps; nobody waits for the loading and no request fails

Every change passes through here: one that an engine carried out while another took its place is followed by that one
before it is acknowledged, so whichever engine answers next has it. Questions hold the engine they are asked of and
nothing else does, so an engine that was replaced is let go with its last answer. All engines share one record store.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from indexer.encoders import Encoder
from indexer.errors import AisleError, BuildUnderway, ProductError, SnapshotError
from indexer.live import Change, Live, Outcome
from indexer.product import Product
from indexer.snapshots import cutover, publication, snapshot
from indexer.store.decisions import Act, Decided, Decision
from indexer.store.place import open_store
from indexer.store.records import ANY, Receipt, Records, Stored, Written
from indexer.store.taxonomies import Effect
from service.answer import Answer, Duplicate, Neighbour
from service.audit.audit import Audit
from service.calibration.dial import Dial
from service.duplicates.screening import OnDuplicate
from service.duplicates.standing.standing import Standing
from service.engine import SERVICE, Engine
from service.feedback.keeping import Keeper
from service.renewal.needs import Needs
from service.renewal.order import Order
from service.renewal.recovery import Say, check, log_it, opened
from service.renewal.watch import Watch
from service.settings import ServiceSettings
from service.upkeep.upkeep import Upkeep
from taxonomy.changes import Change as TreeChange
from taxonomy.tree import Tree

CLOSING_SECONDS = 60
"""How long closing waits for a snapshot that is being loaded."""
RETRY_SECONDS = 60
"""After how long a published snapshot that could not be opened is tried again; one that is damaged is not."""

_log = logging.getLogger("aisle.serving")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a snapshot does not answer, since when by the monotonic clock, and whether that will not change by itself."""

    problem: str
    at: float
    lasting: bool


class Serving:
    """The current engine of one index folder. Every method may be called from any thread.

    What takes an engine's place is decided by `current` in the index folder alone: `publication.publish` moves every
    process that serves the folder.
    """

    def __init__(self, settings: ServiceSettings, records: Records, engine: Engine) -> None:
        self.settings = settings
        self.engine = engine
        self._records = records
        self._moment = threading.Lock()  # in which an engine takes the place of another
        self._swapping = threading.RLock()  # what is published and what answers change together
        self._stopped = threading.Event()
        self._loading: threading.Thread | None = None
        self._refused: dict[str, Refusal] = {}  # why a published snapshot does not answer, by its id
        self._trouble = ""
        self.rebuilds = Watch(settings)
        self.needs = Needs(settings, self.rebuilds, lambda: self.engine)
        self.predictions = Keeper(settings, records)
        self.upkeep = Upkeep(settings, records, lambda: self.engine, [Standing(), Audit()])
        # A daemon, so that a process that ends without `close` is not held back.
        self._follower = threading.Thread(target=self._run, name="aisle-follower", daemon=True)
        self._follower.start()
        self.upkeep.start()

    @classmethod
    def open(cls, settings: ServiceSettings, encoder: Encoder | None = None, say: Say = log_it) -> Self:
        """Open the published snapshot, bring it to the journal's end, ask it one question, and follow from then on.

        Where it is damaged, or of another version, the one before it answers and a rebuild begins; where none can be
        read, the rebuild comes first, and `say` hears how far it is. `encoder` saves loading the one that the snapshot
        names. Raises SnapshotMissing when nothing was ever published, SnapshotDamaged when the rebuild fails, too, and
        what opening the store and the encoder and the question raise.
        """
        index = Path(settings.index)
        if publication.untouched(index):
            raise publication.nothing_built(index)
        records = open_store(index)
        try:
            engine, damage = opened(settings, encoder, records, say)
        except BaseException:
            records.close()
            raise
        made = cls(settings, records, engine)
        if damage:
            made._heal(damage)
        return made

    def close(self) -> None:
        """Stop following and let go of the record store; nothing may be asked afterwards."""
        self._stopped.set()
        self.rebuilds.cancel()
        self.upkeep.close(CLOSING_SECONDS)
        self._follower.join(CLOSING_SECONDS)  # the first to end: it begins what the others are about
        if self._loading is not None:
            self._loading.join(CLOSING_SECONDS)
        self.needs.wait(CLOSING_SECONDS)
        self.rebuilds.cancel()  # what was begun meanwhile
        self.predictions.close(CLOSING_SECONDS)
        self._records.close()

    @property
    def live(self) -> Live:
        """The index in memory that answers now; ask for it once where several things of it must fit each other."""
        return self.engine.live

    @property
    def tree(self) -> Tree:
        """The category tree that answers are given in now."""
        return self.engine.tree

    @property
    def damage(self) -> dict[str, str]:
        """Why snapshots that were published do not answer, by their ids."""
        return {name: refusal.problem for name, refusal in dict(self._refused).items()}

    def classify(self, products: Sequence[Product], dial: Dial = SERVICE) -> list[Answer | ProductError]:
        """Answer as `Engine.classify`, all by one engine."""
        return self.engine.classify(products, dial)

    def similar(self, query: Product | str, limit: int) -> list[Neighbour]:
        """Return as `Engine.similar`."""
        return self.engine.similar(query, limit)

    def duplicates(self, query: Product | str, limit: int, least: float | None = None) -> list[Duplicate]:
        """Return as `Engine.duplicates`."""
        return self.engine.duplicates(query, limit, least)

    def put(self, products: Sequence[Product], *, on_duplicate: OnDuplicate = "accept") -> list[Written | ProductError]:
        """Store as `Engine.put`; on return every question sees it, whatever is swapped meanwhile."""
        with self._visible() as engine:
            return engine.put(products, on_duplicate=on_duplicate)

    def change(
        self,
        changes: Sequence[Change],
        *,
        expected: Mapping[str, int | None] = ANY,
        receipt: Receipt | None = None,
        decision: Decision | None = None,
        on_duplicate: OnDuplicate = "accept",
    ) -> list[Outcome]:
        """Change as `Engine.change`; on return every question sees it, whatever is swapped meanwhile."""
        with self._visible() as engine:
            return engine.change(
                changes, expected=expected, receipt=receipt, decision=decision, on_duplicate=on_duplicate
            )

    def delete(self, ids: Sequence[str]) -> list[Written]:
        """Forget as `Engine.delete`; on return no question finds them, whatever is swapped meanwhile."""
        with self._visible() as engine:
            return engine.delete(ids)

    def change_taxonomy(self, changes: Sequence[TreeChange], author: str = "", expected: int | None = None) -> Effect:
        """Change the tree as `Engine.change_taxonomy`; on return every answer is given in it."""
        with self._visible() as engine:
            return engine.change_taxonomy(changes, author, expected)

    def undo_taxonomy(self, number: int | None = None, author: str = "") -> Effect:
        """Take a change of the tree back as `Engine.undo_taxonomy`; on return no answer is given in it."""
        with self._visible() as engine:
            return engine.undo_taxonomy(number, author)

    def undo_decision(self, number: int, author: str = "", acts: Sequence[Act] = ()) -> Decided:
        """Take a decision back as `Engine.undo_decision`; on return every question sees it."""
        with self._visible() as engine:
            return engine.undo_decision(number, author, acts)

    def get(self, product_id: str) -> Stored:
        """Return the stored product; raises ProductNotFound."""
        return self.engine.get(product_id)

    def page(self, after: int, limit: int) -> list[Stored]:
        """Return up to `limit` stored products whose keys follow `after`, in order of key."""
        return self.engine.page(after, limit)

    def publish(self, snapshot_id: str) -> None:
        """Let a snapshot of the index folder answer here at once, and in every other process that serves the folder.

        Raises SnapshotMissing when there is no such snapshot, and what opening it raises, with nothing changed.
        """
        index = Path(self.settings.index)
        publication.manifest_of(index, snapshot_id)
        with self._swapping:
            if snapshot_id != self.engine.live.manifest.id:
                self.swap(snapshot_id)
            cutover.publish(index, self._records, snapshot_id)

    def rollback(self) -> str:
        """Let the snapshot before the published one answer again and return its id; raises as `publish`."""
        with self._swapping:
            before = publication.previous(Path(self.settings.index))
            self.publish(before)
        return before

    def discard(self) -> str:
        """Throw the snapshot that is held away and return its id; raises SnapshotMissing when there is none."""
        return cutover.discard(Path(self.settings.index), self._records)

    def swap(self, snapshot_id: str) -> None:
        """Let a snapshot of the index folder answer from now on; raises what opening it raises, with nothing changed.

        It is loaded, replayed and asked a question while the engine before it goes on answering.
        """
        with self._swapping:
            before = self.engine.live
            named = snapshot.read_manifest(Path(self.settings.index), snapshot_id).encoder
            encoder = before.encoder if named == before.manifest.encoder else None
            engine = Engine.open(self.settings, encoder, snapshot_id, self._records)
            check(engine)
            engine.live.follow()  # what came meanwhile, so that the moment below is short
            with self._moment:
                engine.live.follow()
                self.engine = engine
        _log.info("snapshot %s answers now, from place %d of the journal on", snapshot_id, engine.live.seq)

    @contextmanager
    def _visible(self) -> Iterator[Engine]:
        """Give the engine for a change; at the end the change is known to whichever engine answers by then.

        Either the moment of a swap comes after the change, and the new engine follows it then, or it is followed here.
        """
        engine = self.engine
        yield engine
        with self._moment:
            now = self.engine
        if now is not engine:
            now.live.follow()

    def _heal(self, damage: Mapping[str, str]) -> None:
        """Keep why some snapshots do not answer, and have the index built anew."""
        self._refused = {name: Refusal(problem, time.monotonic(), lasting=True) for name, problem in damage.items()}
        with suppress(BuildUnderway):  # then another process is at it
            self.rebuilds.start(Order(reason="damaged: " + "; ".join(damage.values())))

    def _run(self) -> None:
        while not self._stopped.wait(self.settings.follow_seconds):
            troubles = []
            for step in (self._follow, self._watch, self.needs.look):  # one that fails keeps the others from nothing
                try:
                    step()
                except Exception as error:  # whatever it is, the next look may find it gone
                    troubles.append(error)
            if troubles:
                self._say_trouble(troubles[0])
            else:
                self._trouble = ""

    def _follow(self) -> None:
        live = self.engine.live
        if live.torn and self._swapping.acquire(blocking=False):
            try:
                _log.warning("a change broke off in memory; snapshot %s is opened anew", live.manifest.id)
                self.swap(live.manifest.id)
            finally:
                self._swapping.release()
        elif self._records.seq() != live.seq:
            live.follow()

    def _watch(self) -> None:
        """Begin to load the published snapshot when it is not the one that answers."""
        if self._loading is not None and self._loading.is_alive():
            return
        if not self._swapping.acquire(blocking=False):  # somebody publishes here
            return
        self._swapping.release()
        published = publication.published(Path(self.settings.index))
        if published is None or published == self.engine.live.manifest.id:
            self._refused.clear()
            return
        refusal = self._refused.get(published)
        if refusal is not None and (refusal.lasting or time.monotonic() < refusal.at + RETRY_SECONDS):
            return
        self._loading = threading.Thread(target=self._take_over, args=(published,), name="aisle-swap", daemon=True)
        self._loading.start()

    def _take_over(self, published: str) -> None:
        index = Path(self.settings.index)
        try:
            with self._swapping:
                if publication.published(index) == published != self.engine.live.manifest.id:
                    self.swap(published)
        except Exception as error:
            if publication.published(index) != published:
                return  # overtaken by another while it was read, and perhaps removed
            known = isinstance(error, AisleError)
            self._refused[published] = Refusal(str(error), time.monotonic(), lasting=isinstance(error, SnapshotError))
            _log.error("snapshot %s cannot answer: %s", published, error, exc_info=None if known else error)

    def _say_trouble(self, error: Exception) -> None:
        """Log a trouble once, however often it comes back."""
        if str(error) != self._trouble:
            self._trouble = str(error)
            _log.warning("the journal cannot be followed for now: %s", error)
