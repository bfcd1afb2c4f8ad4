"""Predictions as the command line tells them: a list, a table to write, and figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from indexer.store.predictions import Kept, Predictions, Wanted
from service.console.table import open_table
from service.console.words import aligned, counted, fact, one_line
from service.feedback.figures import GROUPS, Figures, Rates
from service.feedback.telling import COLUMNS, NUMBERS, cells_of, pages, told
from service.review.sample import Sampled

NAMED = 50
"""Characters of a name or path that are printed."""
SHOWN = 10
"""Values of a group that are printed."""


def prediction_table(found: Sequence[Kept]) -> str:
    """Return one line for each prediction, in the order given: what was answered, and what somebody decided."""
    if not found:
        return "nothing is kept yet"
    cells = [
        (
            each.prediction.id,
            each.prediction.at[:16].replace("T", " "),
            _named(each.prediction.product_id) or "-",
            each.prediction.decision,
            f"{each.prediction.probability:.2f}",
            each.settled.action if each.settled else "-",
            _named(each.settled.category if each.settled and each.settled.category else each.prediction.category),
        )
        for each in found
    ]
    return "\n".join(aligned([("prediction", "at", "product", "answer", "sure", "decided", "category"), *cells]))


def write_predictions(predictions: Predictions, out: Path, wanted: Wanted, tell: Callable[[int], None]) -> int:
    """Write the wanted predictions to a table and return how many; tell(n) as n are written.

    As JSON lines each is all that was kept but small copies of pictures, with every decision about it.
    """
    shown = told if out.suffix.lower() == ".jsonl" else cells_of
    done = 0
    with open_table(out, COLUMNS, NUMBERS) as write:
        for page in pages(predictions, wanted):
            write([shown(each) for each in page])
            done += len(page)
            tell(done)
    return done


def figures_report(found: Figures) -> str:
    """Return how answers were received, in words."""
    lines = [
        f"{counted(found.kept, 'prediction')} kept, {found.undecided:,} to be decided about",
        fact("decided", _rates(found.total)),
        fact("abstained", ", ".join(f"{many:,} {name}" for name, many in found.abstained.actions.items()) or "none"),
    ]
    if found.sample.sampled:
        lines.append(fact("sample", _sample(found.sample)))
    for group in GROUPS:
        rates = [each for each in found.groups[group] if each.decided][:SHOWN]
        if rates:
            lines += ["", *aligned([(group, "decided", "accepted", "overruled"), *map(_cells, rates)])]
    return "\n".join(lines)


def _rates(rates: Rates) -> str:
    if not rates.decided:
        return "nothing yet"
    low, high = rates.told()["interval"]
    share = rates.accepted / rates.decided
    return f"{rates.accepted:,} of {rates.decided:,} accepted, {share:.1%} ({low:.1%} to {high:.1%})"


def _sample(sample: Sampled) -> str:
    """Return how many of the `auto` answers are right, as far as people looked at the sample of them."""
    said = f"{sample.decided:,} of {sample.sampled:,} auto answers looked at"
    if not sample.decided:
        return said
    low, high = sample.told()["interval"]
    return f"{said}, {sample.right / sample.decided:.1%} right ({low:.1%} to {high:.1%})"


def _cells(rates: Rates) -> tuple[str, ...]:
    share = rates.accepted / rates.decided
    return _named(rates.value) or "-", f"{rates.decided:,}", f"{share:.1%}", f"{1 - share:.1%}"


def _named(text: str) -> str:
    return one_line(text)[:NAMED]
