"""One answer as people read it in a terminal: `aisle classify --show`. Colours vanish where there is no terminal."""

from __future__ import annotations

import shutil
import sys

import click

from indexer.sources import Row
from service.answer import Answer, Neighbour
from service.console.words import aligned, one_line

COLOURS = {"auto": "green", "suggest": "yellow", "abstain": "red"}
LEAVES, NEIGHBOURS = 3, 5


def card(number: int, row: Row, answer: Answer | str, width: int | None = None) -> str:
    """Return the card of the `number`-th row: its answer, or the reason why there is none.

    width: cut longer lines; by default to the terminal's width, and not at all where stdout is none.
    """
    title = one_line(row.product.title or row.product.description) if row.product else ""
    width = width or (shutil.get_terminal_size().columns if sys.stdout.isatty() else None)
    head = click.style(_cut(f"{number}  {one_line(row.id)}  {title}".rstrip(), width), bold=True)
    if isinstance(answer, str):
        return f"{head}\n{_line('problem', answer, width)}"
    return "\n".join([head, _decided(answer, width), *(_line(*fact, width) for fact in _facts(answer))])


def _decided(answer: Answer, width: int | None) -> str:
    """Return the line of the decision; the path it decided on comes with the probability of each level."""
    deepest = answer.category.path.count(" > ") + 1 if answer.category else 0
    levels = " > ".join(f"{level.name} {level.probability:.2f}" for level in answer.levels[:deepest])
    line = _line(answer.decision, levels or answer.reason, width)
    return click.style(line, fg=COLOURS[answer.decision])


def _facts(answer: Answer) -> list[tuple[str, str]]:
    leaves = [(f"{leaf.probability:.2f}", leaf.path) for leaf in answer.alternatives[:LEAVES]]
    near = [_neighbour(neighbour) for neighbour in answer.neighbours[:NEIGHBOURS]]
    twins = [
        f"{one_line(twin.id)} {twin.verdict} {twin.probability:.2f} ({one_line(', '.join(twin.evidence))})"
        for twin in answer.duplicates
    ]
    return [
        *_block("leaves", aligned(leaves)),
        ("tags", ", ".join(f"{tag.tag} {tag.score:.2f}" for tag in answer.tags) or "-"),
        *_block("neighbours", aligned([("similarity", "weight", "id", "category", "title"), *near])),
        *_block("duplicates", twins or ["-"]),
    ]


def _neighbour(neighbour: Neighbour) -> tuple[str, ...]:
    numbers = f"{neighbour.similarity:.3f}", f"{neighbour.weight:.3f}"
    return *numbers, one_line(neighbour.id), neighbour.path or "-", one_line(neighbour.title)


def _block(name: str, lines: list[str]) -> list[tuple[str, str]]:
    return [(name if place == 0 else "", line) for place, line in enumerate(lines)]


def _line(name: str, text: str, width: int | None) -> str:
    return _cut(f"   {name:<10}  {text}", width)


def _cut(text: str, width: int | None) -> str:
    return text if width is None or len(text) <= width else text[: width - 1] + "…"
