"""What a rebuild is asked for, how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.evaluation.gate import Comparison

Publish = Literal["auto", "hold"]
"""auto: published when it is not worse than the running snapshot, else thrown away. hold: kept until somebody says."""
State = Literal["running", "published", "held", "refused", "failed", "cancelled"]

ASKED = "asked for"


@dataclass(frozen=True, slots=True)
class Order:
    """A rebuild that is asked for; what is None stays as the running snapshot was built.

    reason: why, in words, for the log and whoever looks.
    """

    encoder: str | None = None
    kind: str | None = None
    recall_target: float | None = None
    publish: Publish = "auto"
    reason: str = ASKED


@dataclass(frozen=True, slots=True)
class Renewed:
    """What came of a rebuild: its snapshot, and how it compares with the one that was running.

    compared: empty when it could not be compared, and `note` says why.
    """

    snapshot: str
    state: State
    compared: Sequence[Comparison] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Renewal:
    """A rebuild as whoever looks sees it. done, total and percent are of the stage; eta_s: seconds it may take yet."""

    id: str
    state: State
    reason: str
    stage: str
    done: int
    total: int | None
    percent: float | None
    eta_s: float | None
    started_at: str
    finished_at: str | None
    error: str | None
    snapshot: str | None
    compared: Sequence[Comparison]
    note: str
