"""A catalogue with labels that are wrong: whole brands on the wrong shelf, and single slips."""

from __future__ import annotations

from typing import Any

SHELVES = {
    "Kitchen > Mugs": "mug stoneware handle coffee dishwasher",
    "Kitchen > Pans": "pan frying induction coated skillet",
    "Garden > Pots": "planter terracotta drainage saucer frost",
    "Garden > Pruners": "pruner bypass blade branches roses",
}
MUGS, PANS, POTS, PRUNERS = SHELVES
MAKERS = ("Arbel", "Hollin", "Lind", "Norr", "Orsa")
SERIES = ("alba", "bora", "cora", "dora")
MISFILED = {f"pan-Hollin-{series}" for series in SERIES}
"""All pans of Hollin, which stand with the mugs."""


def catalogue() -> list[dict[str, Any]]:
    """Return 80 products, twenty a shelf; Hollin's pans are under Mugs, a mug under Pots, another under none."""
    rows = [
        {
            "id": f"{words.split()[0]}-{maker}-{series}",
            "title": f"{words} {series}",
            "brand": maker,
            "category": path,
            "tags": words.split()[0],
        }
        for path, words in SHELVES.items()
        for maker in MAKERS
        for series in SERIES
    ]
    wrong = dict.fromkeys(MISFILED, MUGS) | {"mug-Arbel-alba": POTS, "mug-Orsa-dora": ""}
    return [row | {"category": wrong.get(row["id"], row["category"])} for row in rows]
