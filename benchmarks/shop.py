"""The shop of a soak: clients that change and ask a service all day, and know what they must be told.

A Client keeps the products whose ids are its own in an oracle (a plain dict, `tests/oracle.py`) and holds every answer
to it: outcome and version of each change, what a product is, and that a question finds what was written before it, by
any process. A request that dies with its process is sent again until it is answered: with its key, so that it is
carried out once.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any
from urllib.parse import quote

from benchmarks.lines import Answer, Gone, Line, Pause
from indexer.live import Change, Patch
from indexer.product import Product
from tests.oracle import Oracle

WORDS = ("red", "blue", "green", "steel", "leather", "large", "small", "classic", "oak", "cork", "folding", "heavy")
THINGS = ("mug", "pan", "kite", "lamp", "tray", "rope", "boot", "coat", "vase", "knife", "basket", "planter")
CATEGORIES = ("Home > Kitchen", "Home > Garden", "Home > Lights", "Sports > Balls", "Sports > Kites", "Clothes", "")
TAGS = ("red", "new", "gift", "steel", "sale")
OWN = 400
"""Ids that a client writes."""


class Client(threading.Thread):
    """One who writes under ids of its own, and asks."""

    def __init__(self, number: int, line: Line, pause: Pause, until: float) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        self.number, self.line, self.tally, self.pause, self.until = number, line, line.tally, pause, until
        self.drawn = random.Random(number)
        self.oracle = Oracle()
        self.seq = 0
        self._numbers = count()

    def run(self) -> None:
        """Work until the time is over."""
        kinds: list[Callable[[], None]] = [
            self.put,
            self.patch,
            self.delete,
            self.batch,
            self.get,
            self.similar,
            self.categorize,
        ]
        weights = (20, 10, 6, 3, 20, 20, 20)
        while time.monotonic() < self.until:
            with self.pause.step():
                try:
                    self.drawn.choices(kinds, weights)[0]()
                except Exception as error:  # a client that stops would hide what it found
                    self.tally.count("broken_clients", repr(error))
                    return

    def put(self) -> None:
        """Store a product whole."""
        product = self._product()
        self._write("put", "PUT", f"/v1/products/{quote(product.id)}", _body(product), [product])

    def patch(self) -> None:
        """Change some fields of a product, stored or not."""
        change = self._patch()
        self._write("patch", "PATCH", f"/v1/products/{quote(change.id)}", dict(change.changes), [change], keyed=True)

    def delete(self) -> None:
        """Forget a product, stored or not."""
        own = self._id()
        self._write("delete", "DELETE", f"/v1/products/{quote(own)}", None, [own])

    def batch(self) -> None:
        """Change up to 50 products in one transaction."""
        makers: list[Callable[[], Change]] = [self._product, self._product, self._patch, self._id]
        changes = [self.drawn.choice(makers)() for _ in range(self.drawn.choice((2, 10, 50)))]
        self._write(
            "batch", "POST", "/v1/products:batch", {"items": [_item(each) for each in changes]}, changes, keyed=True
        )

    def get(self) -> None:
        """Look whether a product is what it must be."""
        own = self._id()
        status, said = self._read("get", "GET", f"/v1/products/{quote(own)}")
        expected = self.oracle.rows.get(own)
        found = (shown(said), said["version"]) if status == 200 else None
        if found != expected:
            self.tally.count("wrong_answers", f"{own} is {found}, not {expected}")

    def similar(self) -> None:
        """Look for a stored product by its title."""
        if not self.oracle.rows:
            return
        product, _ = self.oracle.rows[self.drawn.choice(list(self.oracle.rows))]
        status, said = self._read("similar", "POST", "/v1/similar", {"title": product.title})
        found = {each["id"]: each for each in said["items"]} if status == 200 else {}
        self._check_neighbours(found)
        own = f"{self.number}/" in product.title  # no other product has this title
        if own and (product.id not in found or abs(found[product.id]["similarity"] - 1) > 1e-5):
            self.tally.count("wrong_answers", f"{product.id} is not found by its title {product.title!r}: {said}")

    def categorize(self) -> None:
        """Ask for the category of a product that nobody has stored."""
        status, said = self._read("categorize", "POST", "/v1/categorize", {"title": self._title()})
        self._check_neighbours({each["id"]: each for each in said["neighbours"]} if status == 200 else {})

    def _check_neighbours(self, found: Mapping[str, Any]) -> None:
        """Count neighbours that are this client's and are not stored, or are another product by now."""
        for own, said in found.items():
            if own.startswith(f"t{self.number}-"):
                row = self.oracle.rows.get(own)
                if row is None or row[0].title != said["title"]:
                    self.tally.count("wrong_answers", f"neighbour {said}, stored is {row}")

    def _read(self, kind: str, method: str, path: str, body: Any = None) -> Answer:
        """Ask any service for what it says once it knows of this client's last change."""
        while True:
            try:
                return self.line.ask(self.line.any(self.drawn), kind, method, f"{path}?min_seq={self.seq}", body)
            except Gone:
                continue

    def _write(
        self, kind: str, method: str, path: str, body: Any, changes: Sequence[Change], *, keyed: bool = False
    ) -> None:
        """Send a change until it is answered, and hold the answer to what becomes of it by the oracle."""
        expected = self.oracle.change(changes)
        key, again, killed = self._key() if keyed else "", False, False
        while True:
            try:
                status, said = self.line.ask(self.line.any(self.drawn), kind, method, path, body, key)
            except Gone as gone:
                again, killed = True, gone.killed
                continue
            if status == 409 and said["code"] == "request_running":
                if killed:  # while it was carried out: it was not, and nobody will
                    self.tally.count("abandoned_requests")
                    key = self._key()
                else:
                    time.sleep(0.1)
                continue
            break
        items = [item.get("result") or item["problem"] for item in said["items"]] if kind == "batch" else [said]
        told = [_told(each) for each in items]
        if not (told == expected or (again and not keyed and _repeated(told[0], expected[0]))):
            self.tally.count("wrong_answers", f"{kind} {path}: {told}, not {expected}")
        self.seq = max([self.seq, *(each["seq"] for each in items if "seq" in each)])
        self.tally.count("acknowledged_writes", "")
        self.tally.counts["acknowledged_changes"] += len(changes)

    def _key(self) -> str:
        return f"client-{self.number}-{next(self._numbers)}"

    def _id(self) -> str:
        return f"t{self.number}-{self.drawn.randrange(OWN)}"

    def _title(self) -> str:
        words = f"{self.drawn.choice(WORDS)} {self.drawn.choice(WORDS)} {self.drawn.choice(THINGS)}"
        return words if self.drawn.random() < 0.3 else f"{words} no. {self.number}/{next(self._numbers)}"

    def _label(self) -> dict[str, Any]:
        return {
            "category": self.drawn.choice(CATEGORIES),
            "tags": tuple(self.drawn.sample(TAGS, self.drawn.randrange(3))),
        }

    def _product(self) -> Product:
        return Product(self._id(), self._title(), **self._label())

    def _patch(self) -> Patch:
        return Patch(self._id(), {"title": self._title()} if self.drawn.random() < 0.5 else self._label())


def shown(said: Mapping[str, Any]) -> Product:
    """Return the product that a service shows."""
    return Product(
        said["id"],
        said["title"],
        description=said["description"],
        brand=said["brand"],
        category=said["category"],
        tags=tuple(said["tags"]),
        provenance=said["provenance"],
        weight=said["weight"],
    )


def _body(product: Product) -> dict[str, Any]:
    return {"title": product.title, "category": product.category, "tags": product.tags}


def _item(change: Change) -> dict[str, Any]:
    if isinstance(change, str):
        return {"op": "delete", "id": change}
    if isinstance(change, Patch):
        return {"op": "patch", "id": change.id, **change.changes}
    return {"op": "put", "id": change.id, **_body(change)}


def _told(said: Mapping[str, Any]) -> tuple[str, int]:
    """Return outcome and version of a change as the oracle gives them."""
    if "outcome" in said:
        return said["outcome"], said["version"]
    return ("not found" if said["code"] == "product_not_found" else "refused"), 0


def _repeated(told: tuple[str, int], expected: tuple[str, int]) -> bool:
    """Whether a change that was sent twice, and needs no key, is answered as the second time may be."""
    return told == (("missing", 0) if expected[0] == "deleted" else ("unchanged", expected[1]))
