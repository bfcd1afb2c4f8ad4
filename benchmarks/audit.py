"""An audit of a soak: what is stored and what services answer beside a plain dict and exact search over it."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from benchmarks.lines import Line, Service, Tally
from benchmarks.shop import THINGS, WORDS, shown
from indexer.encoders import Encoder
from indexer.normalize import normalize
from indexer.product import Product
from indexer.vectors import Vectors
from indexer.vectors.exact import ExactIndex

Rows = Mapping[str, tuple[Product, int]]
"""Products with their versions, by id."""
QUESTIONS = 30
"""Questions in each audit of a service."""
STEP = 2e-6
"""How far two similarities may differ when they are shown with six digits."""


class Audit:
    """Compares and counts: lost writes, phantom rows and wrong answers. whole: nothing may be missed by a search."""

    def __init__(self, encoder: Encoder, line: Line, tally: Tally, *, whole: bool) -> None:
        self.encoder, self.line, self.tally, self.whole = encoder, line, tally, whole
        self._drawn = random.Random(7)
        self._known: dict[str, Vectors] = {}

    def service(self, service: Service, seq: int, expected: Rows) -> None:
        """Compare all products that a service lists, and its answers; raises Gone when it is killed meanwhile."""
        self.rows(self.listed(service, seq), expected)
        self.answers(service, seq, [product for product, _ in expected.values()])

    def rows(self, rows: Rows, expected: Rows) -> None:
        """Compare what is stored with what was acknowledged."""
        for lost in [id_ for id_, row in expected.items() if rows.get(id_) != row]:
            self.tally.count("lost_writes", f"{lost}: {rows.get(lost)} instead of {expected[lost]}")
        for phantom in rows.keys() - expected.keys():
            self.tally.count("phantom_rows", str(rows[phantom]))

    def answers(self, service: Service, seq: int, products: Sequence[Product]) -> None:
        """Compare the ten most similar of some questions with those of exact search."""
        exact, ids = self._exact(products)
        for _ in range(QUESTIONS):
            title = f"{self._drawn.choice(WORDS)} {self._drawn.choice(WORDS)} {self._drawn.choice(THINGS)}"
            status, said = self.line.ask(service, "compare", "POST", f"/v1/similar?min_seq={seq}", {"title": title})
            query = self._vectors([Product("", title)])
            true = exact.search(query, len(ids))
            similarity = {ids[key]: float(each) for key, each in zip(true.keys[0], true.similarity[0], strict=True)}
            tenth = float(true.similarity[0, 9])
            found = {each["id"]: each["similarity"] for each in said["items"]} if status == 200 else {}
            self.tally.counts["questions_compared"] += 1
            self.tally.counts["neighbours_found"] += sum(similarity.get(each, -2) >= tenth - STEP for each in found)
            right = len(found) == 10 and all(abs(similarity.get(id_, -2) - each) <= STEP for id_, each in found.items())
            if self.whole:
                right = right and min(found.values()) >= tenth - STEP
            if not right:
                best = sorted(similarity.items(), key=lambda pair: -pair[1])[:10]
                self.tally.count("wrong_answers", f"similar to {title!r}: {found}, not {best}")

    def listed(self, service: Service, seq: int) -> Rows:
        """Return every product that a service lists."""
        rows: dict[str, tuple[Product, int]] = {}
        path: str | None = f"/v1/products?limit=500&min_seq={seq}"
        while path:
            _, page = self.line.ask(service, "list", "GET", path)
            rows |= {each["id"]: (shown(each), each["version"]) for each in page["items"]}
            path = page["next"] and f"/v1/products?limit=500&cursor={page['next']}"
        return rows

    def _exact(self, products: Sequence[Product]) -> tuple[ExactIndex, list[str]]:
        exact = ExactIndex(sum(self.encoder.parts.values()))
        exact.upsert(np.arange(len(products)), self._vectors(products))
        return exact, [product.id for product in products]

    def _vectors(self, products: Iterable[Product]) -> Vectors:
        wanted = list(products)
        new = [product for product in wanted if product.title not in self._known]
        if new:
            rows = self.encoder.encode([normalize(product) for product in new]).parts["text"]
            self._known.update(zip([product.title for product in new], rows, strict=True))
        vectors: Vectors = np.stack([self._known[product.title] for product in wanted])
        return vectors
