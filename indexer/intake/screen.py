"""What may look at products before they are stored: it refuses some, and has something to say of others.

    Live.change -> resolved -> the screen, at one place of the journal -> store, unless the journal has grown since

What a screen is after is the service's affair: `service/duplicates/screening.py` looks for duplicates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from indexer.intake.patch import Change, Refused
from indexer.intake.update import Encode
from indexer.store.records import Record


@dataclass(frozen=True, slots=True)
class Screened:
    """Changes in order, as the store takes them or why it does not, and what is said of some, by place.

    seq: the place of the journal that this is true of, None when it is true of any.
    """

    changes: Sequence[Record | str | Refused]
    seq: int | None = None
    remarks: Mapping[int, tuple[Any, ...]] = field(default_factory=dict)


Screen = Callable[[Sequence[Change], Sequence[Record | str | Refused], Encode], Screened]
"""Looks at changes as they were asked for, and as the store would take them."""
