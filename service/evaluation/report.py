"""A report on disk: `report.html`, a page that needs nothing from anywhere, and `evaluation.json`, its figures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader, select_autoescape

from indexer.errors import SettingError
from service.evaluation.plots import plots, script

PAGE, FIGURES = "report.html", "evaluation.json"
FOLDER = "evaluation"
"""Where a report goes unless told otherwise, in the folder of its index."""
LISTED = 50
"""Categories, tags and errors that the page lists; the figures have more."""

WORDS = {
    "leaf": ("Category right", "share of the products whose likeliest category is that of their label"),
    "macro_f1": ("Macro-F1", "mean F1 of the categories, small ones as important as large ones"),
    "hierarchical_f1": ("Hierarchical F1", "F1 of all categories on the answered path and on that of the label"),
    "automatic": ("Automatic and right", "share of the products that are decided auto, and rightly"),
    "precision": ("Precision of auto", "share of the answers decided auto that are right"),
    "certainty": ("Certainty", "1 - Brier score: high when probabilities are near what turns out"),
    "tags_f1": ("Tags, micro-F1", "F1 of all tags of the products that carry any"),
}
"""For people: a name of each measure and what it is."""


def check(folder: Path) -> None:
    """Raise SettingError when `folder`, which need not be there yet, is no place to write a report to."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise SettingError(
            f"the report cannot be written to {folder}: {there} is no folder that can be written to; "
            "name another one with --out"
        )


def write(figures: dict[str, Any], folder: Path) -> Path:
    """Write the page and the figures into `folder`, made if need be, and return the page's path; `check` it before."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FIGURES).write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    page = folder / PAGE
    page.write_text(html(figures), encoding="utf-8")
    return page


def html(figures: dict[str, Any]) -> str:
    """Return the page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape(), trim_blocks=True
    )
    return environment.get_template("report.html").render(
        said=figures,
        plots=plots(figures),
        script=script(),
        words=WORDS,
        listed=LISTED,
        weakest=sorted((each for each in figures["categories"] if each["products"] >= 3), key=lambda each: each["f1"])[
            :LISTED
        ],
    )
