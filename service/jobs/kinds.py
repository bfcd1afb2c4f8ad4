"""What is done with the rows of a job, by its kind: each takes a chunk of rows and gives cells for each of them.

categorize   the columns of `aisle classify`
duplicates   the stored products that a row may be the same as, the surest first
audit        whether the category that a row has is the one that its neighbours speak for
index        stored, each row as a product of its id
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from indexer.errors import ProductError, VersionConflict
from indexer.intake.ingest import problem_of
from indexer.intake.precedence import preceded, versions
from indexer.product import Product
from indexer.sources import Row
from service.answer import Answer, Duplicate
from service.calibration.dial import Dial
from service.console.table import ADDED, Cells, answered_cells
from service.engine import Asking
from service.feedback.kept import named
from service.serving import Serving

Kind = Literal["categorize", "index", "audit", "duplicates"]
KINDS: tuple[Kind, ...] = get_args(Kind)

SHOWN = 5
"""Duplicates of a row that are told."""
LABELLED = frozenset({"index", "audit"})
"""Kinds that read the category of a row."""
OWN: Mapping[str, tuple[str, ...]] = {
    "categorize": ADDED,
    "duplicates": ("aisle_duplicates", "aisle_verdict", "aisle_probability", "aisle_evidence", "aisle_problem"),
    "audit": ("aisle_agrees", "aisle_label", "aisle_path", "aisle_probability", "aisle_decision", "aisle_problem"),
    "index": ("aisle_outcome", "aisle_problem"),
}
"""The columns that each kind adds."""
NUMBERS = frozenset({"aisle_probability"})

Run = Callable[[Callable[[Sequence[Any]], Sequence[Any]], Sequence[Any]], Sequence[Any]]
"""Has a call carried out for some products, patiently."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What came of a chunk: cells for each row, the rows that are refused with their problem, a word for each row.

    kept: answers that are kept as predictions; of a row without an id, of no product.
    """

    cells: list[Cells]
    refused: list[Row]
    counts: Counter[str]
    kept: list[Answer]


def answer(kind: str, serving: Serving, rows: Sequence[Row], dial: Dial, run: Run) -> Answers:
    """Return what a kind makes of a chunk of rows, in order; a row that is refused has its `aisle_problem`."""
    products = [row.product for row in rows if row.product is not None]
    asked = iter(_CALLS[kind](serving, products, dial, run) if products else ())
    cells: list[Cells] = []
    refused: list[Row] = []
    counts: Counter[str] = Counter()
    kept: list[Answer] = []
    for row in rows:
        found = next(asked) if row.product is not None else row.problem
        if isinstance(found, ProductError):
            found = problem_of(found)
        if found is None or hasattr(found, "code"):
            refused.append(replace(row, product=None, problem=found))
            counts["refused"] += 1
            cells.append(_refused(kind, row, found.reason if found else ""))
            continue
        if isinstance(found, Answer):
            kept.append(named(row, found))
        word, made = _CELLS[kind](row, found)
        counts[word] += 1
        cells.append(made)
    return Answers(cells, refused, counts, kept)


def own_columns(kind: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a result: the row's own, then those of the kind; those of a former result are replaced."""
    return (*(name for name in columns if name not in OWN[kind]), *OWN[kind])


def _classify(serving: Serving, products: Sequence[Product], dial: Dial, run: Run) -> Sequence[Any]:
    return run(Asking(serving, dial), products)


def _duplicates(serving: Serving, products: Sequence[Product], dial: Dial, run: Run) -> Sequence[Any]:
    del dial
    return run(_Looking(serving), products)


def _index(serving: Serving, products: Sequence[Product], dial: Dial, run: Run) -> Sequence[Any]:
    del dial, run  # what is new is encoded in pieces between questions anyway
    while True:
        ids = [each.id for each in products]
        stored = serving.live.records.get(ids)
        there = {id_: each.record.product for id_, each in stored.items()}
        heard = [preceded(each, there.get(each.id)) for each in products]
        try:
            return serving.change(heard, expected=versions(ids, stored))
        except VersionConflict:  # somebody changed one of them meanwhile, and may have labelled it: look again
            continue


@dataclass(frozen=True)
class _Looking:
    """Looking for duplicates; equal ones may be joined in one step."""

    serving: Serving

    def __call__(self, products: Sequence[Product]) -> list[list[Duplicate] | ProductError]:
        found: list[list[Duplicate] | ProductError] = []
        for product in products:
            try:
                found.append(self.serving.duplicates(product, SHOWN))
            except ProductError as error:
                found.append(error)
        return found


def _of_answer(row: Row, found: Answer) -> tuple[str, Cells]:
    return found.decision, answered_cells(row, found)


def _of_duplicates(row: Row, found: list[Duplicate]) -> tuple[str, Cells]:
    first = found[0] if found else None
    same = first is not None and first.same
    own = {
        "aisle_duplicates": "|".join(each.id for each in found if each.same),
        "aisle_verdict": first.verdict if first else "different",
        "aisle_probability": first.probability if first else None,
        "aisle_evidence": ", ".join(first.evidence) if first else "",
        "aisle_problem": "",
    }
    return "duplicate" if same else first.verdict if first else "new", _beside(row, own)


def _of_audit(row: Row, found: Answer) -> tuple[str, Cells]:
    label = row.product.category if row.product else ""
    path = found.category.path if found.category else ""
    agrees = _agrees(label, path) if label else "no label"
    if agrees == "no" and found.decision != "auto":
        agrees = "unsure"
    own = {
        "aisle_agrees": agrees,
        "aisle_label": label,
        "aisle_path": path,
        "aisle_probability": found.category.probability if found.category else None,
        "aisle_decision": found.decision,
        "aisle_problem": "",
    }
    return {"yes": "agrees", "no": "doubted"}.get(agrees, agrees), _beside(row, own)


def _agrees(label: str, path: str) -> str:
    """Return whether two paths are one line: the same, or one above the other; unsure without an answer."""
    if not path:
        return "unsure"
    longer, shorter = sorted((f"{label} > ", f"{path} > "), key=len, reverse=True)
    return "yes" if longer.startswith(shorter) else "no"


def _of_index(row: Row, found: Any) -> tuple[str, Cells]:  # noqa: ANN401 - what the store says of a product
    return found.outcome, _beside(row, {"aisle_outcome": found.outcome, "aisle_problem": ""})


def _refused(kind: str, row: Row, reason: str) -> Cells:
    if kind == "categorize":
        return answered_cells(row, reason)
    own = dict.fromkeys(OWN[kind], "") | {"aisle_problem": f"line {row.number}: {reason}"}
    return _beside(row, own | {name: None for name in NUMBERS if name in own})


def _beside(row: Row, own: Mapping[str, Any]) -> Cells:
    return {name: text for name, text in row.fields.items() if name not in own} | dict(own)


_CALLS: Mapping[str, Callable[[Serving, Sequence[Product], Dial, Run], Sequence[Any]]] = {
    "categorize": _classify,
    "duplicates": _duplicates,
    "audit": _classify,
    "index": _index,
}
_CELLS: Mapping[str, Callable[[Row, Any], tuple[str, Cells]]] = {
    "categorize": _of_answer,
    "duplicates": _of_duplicates,
    "audit": _of_audit,
    "index": _of_index,
}
