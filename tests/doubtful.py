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


def gtin(digits: str) -> str:
    """Return twelve digits with their check digit, so that no two products are taken for the same."""
    total = sum(int(each) * (1, 3)[place % 2] for place, each in enumerate(digits))
    return f"{digits}{-total % 10}"


def catalogue() -> list[dict[str, Any]]:
    """Return 80 products, twenty a shelf; Hollin's pans are under Mugs, a mug under Pots, another under none."""
    rows = [
        {
            "id": f"{words.split()[0]}-{maker}-{series}",
            "title": f"{words} {series}",
            "brand": maker,
            "category": path,
            "tags": words.split()[0],
            "gtin": gtin(f"{shelf:04}{len(maker):04}{ord(maker[0]):02}{SERIES.index(series):02}"),
        }
        for shelf, (path, words) in enumerate(SHELVES.items(), start=4000)
        for maker in MAKERS
        for series in SERIES
    ]
    wrong = dict.fromkeys(MISFILED, MUGS) | {"mug-Arbel-alba": POTS, "mug-Orsa-dora": ""}
    return [row | {"category": wrong.get(row["id"], row["category"])} for row in rows]
