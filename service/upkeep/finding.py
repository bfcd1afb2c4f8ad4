"""What upkeep keeps current: something worked out of stored products, and kept in the record store itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from indexer.build import Progress
from indexer.store.decisions import Decided
from indexer.store.findings import Result
from indexer.vectors import Keys
from service.engine import Engine


class Finding(Protocol):
    """Groups of duplicates, or suspected labels. Both calls only read; upkeep writes what they return."""

    @property
    def name(self) -> str:
        """Its name in the store, where `records.findings` keeps how far it was brought."""

    @property
    def upon(self) -> Sequence[str]:
        """Names of findings that it is worked out of: where these were begun they are brought further first."""

    def update(self, engine: Engine, keys: Keys, decided: Sequence[Decided]) -> Result:
        """Return what is to be said now because products changed, and because of decisions.

        keys: int64 (n,), all different, of products that were put or deleted. decided: what people decided meanwhile,
        and took back. The engine is at least as far as these changes.
        """

    def anew(self, engine: Engine, progress: Progress) -> Iterator[Result]:
        """Yield what is to be said of all products, in pieces; the first of them removes what was said before.

        All is worked out before the first is yielded; what stands may be brought further by `update` until then.
        """
