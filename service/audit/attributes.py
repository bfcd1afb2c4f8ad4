"""What patterns may be about, as columns: brand, supplier, provenance and old category of the labelled products."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from indexer.store.records import Records
from service.audit.patterns import ATTRIBUTES, Column

PAGE = 5_000
"""Products between two words about progress."""
VALUE_CHARS = 200
"""Characters of a value that count: two values that differ only later are one."""


def columns_of(records: Records, keys: npt.NDArray[np.int64], tell: Callable[[int], None]) -> list[Column]:
    """Return the columns of ATTRIBUTES for products in order of key, int64 (n,); one that is gone has no values.

    `tell(n)` is called as n of them are done. Values are taken as they are written, without case and outer blanks.
    """
    codes = {name: np.full(len(keys), -1, np.int32) for name in ATTRIBUTES}
    places: dict[str, dict[str, int]] = {name: {} for name in ATTRIBUTES}
    shown: dict[str, list[str]] = {name: [] for name in ATTRIBUTES}
    for start in range(0, len(keys), PAGE):
        some = keys[start : start + PAGE]
        for row in records.suspects.attributes(some.tolist()):
            place = start + int(np.searchsorted(some, row.key))
            for name, value in values_of(row.brand, row.provenance, row.facts).items():
                code = places[name].setdefault(value.casefold(), len(shown[name]))
                if code == len(shown[name]):
                    shown[name].append(value)
                codes[name][place] = code
        tell(start + len(some))
    return [Column(name, codes[name], shown[name]) for name in ATTRIBUTES]


def values_of(brand: str, provenance: str, facts: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the values of one product by attribute, as it writes them; those that it lacks are left out."""
    told = {"brand": brand, "provenance": provenance, **dict(facts)}
    cut = {name: told.get(name, "").strip()[:VALUE_CHARS] for name in ATTRIBUTES}
    return {name: value for name, value in cut.items() if value}
