"""Foreign categories: how right is what would be applied without a person, and how much that is.

    python -m benchmarks.mapping

mwpd_gpc_16k: the shop's own category of each product is foreign, the GPC class is ours. Meanings are learnt from the
labels of the training products and counted on the test products: what share of them has a foreign category that is
mapped, and how often that is the product's own class. The commonest class of each foreign category, whatever speaks for
it, and names alone stand beside it. The demands were chosen on the validation products, whose figures are there, too.

Shopify to Google: 10,535 categories of one tree whose meaning in the other is published; no products, names alone. Half
of them have the same path in both; the others are counted apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd

from benchmarks.machine import DATA, write
from indexer.product import FOREIGN, Product
from indexer.sources import read
from service.mapping.ballots import Ballot, Ballots
from service.mapping.meaning import meaning_of
from taxonomy.foreign import Meaning, foreign_path
from taxonomy.likeness import Likeness
from taxonomy.names import SEPARATOR
from taxonomy.tree import Tree

SPLITS = ("validation", "test")

Say = Callable[[str], Meaning]


def products(split: str) -> Iterator[Product]:
    """Yield the products of a split of mwpd_gpc_16k."""
    with read(DATA / "mwpd_gpc_16k") as rows:
        for row in rows:
            if row.product is not None and row.fields["split"] == split:
                yield row.product


def counted(some: Sequence[Product], say: Say, *, decided: bool) -> dict[str, float]:
    """Return the share of products that are mapped, and how many of those to their own class or one above it."""
    carrying = [each for each in some if FOREIGN in each.known]
    meant = [(each, say(each.known[FOREIGN])) for each in carrying]
    mapped = [
        (each, meaning.path) for each, meaning in meant if meaning.path and (meaning.status == "map" or not decided)
    ]
    right = sum(each.category == path for each, path in mapped)
    above = sum(f"{each.category}{SEPARATOR}".startswith(f"{path}{SEPARATOR}") for each, path in mapped)
    return {
        "products": len(some),
        "with_foreign_category": len(carrying),
        "mapped": len(mapped),
        "mapped_share": round(len(mapped) / len(carrying), 4),
        "right": round(right / len(mapped), 4) if mapped else 0.0,
        "right_or_above": round(above / len(mapped), 4) if mapped else 0.0,
    }


def learnt() -> dict[str, Any]:
    """Learn from the training products and count on the others."""
    train = list(products("train"))
    others = {split: list(products(split)) for split in SPLITS}
    paths = sorted({each.category for some in (train, *others.values()) for each in some})
    tree = Tree.from_paths([tuple(path.split(SEPARATOR)) for path in paths])
    ballots, likeness = Ballots(), Likeness(tree)
    for each in train:
        ballot = ballots.of(each.known.get(FOREIGN, "")) if FOREIGN in each.known else None
        node = tree.find(tuple(each.category.split(SEPARATOR)))
        if ballot is not None and node is not None:
            ballot.add([(node, 1.0)], each.title)
    began = time.perf_counter()
    meanings = {id(ballot): meaning_of(ballot, tree, likeness) for ballot in ballots}
    seconds = time.perf_counter() - began
    by_name: dict[str, Meaning] = {}

    def by_products(text: str) -> Meaning:
        ballot = ballots.known(text)
        return Meaning(text, "", "review") if ballot is None else meanings[id(ballot)]

    def commonest(text: str) -> Meaning:
        ballot = ballots.known(text)
        node = max(ballot.votes, key=lambda each: (ballot.votes[each], -each)) if ballot else None
        return Meaning(text, "" if node is None else tree.text(node), "map")

    def named(text: str) -> Meaning:
        if text not in by_name:
            by_name[text] = meaning_of(Ballot(text), tree, likeness)
        return by_name[text]

    statuses = [meaning.status for meaning in meanings.values()]
    return {
        "foreign_categories": len(ballots),
        "statuses": {status: statuses.count(status) for status in sorted(set(statuses))},
        "ms_each": round(1_000 * seconds / len(ballots), 2),
        **{
            split: {
                "mapped without a person": counted(some, by_products, decided=True),
                "commonest class": counted(some, commonest, decided=False),
                "names alone, mapped without a person": counted(some, named, decided=True),
            }
            for split, some in others.items()
        },
    }


def named_trees() -> dict[str, Any]:
    """Map Shopify's tree to Google's by names alone."""
    google = pd.read_csv(DATA / "taxonomies" / "google" / "google_2021-09-21_en.csv", dtype=str)
    pairs = pd.read_csv(DATA / "taxonomies" / "shopify" / "shopify_to_google.csv.gz", dtype=str)
    tree = Tree.from_paths([tuple(path.split(SEPARATOR)) for path in google["path"]])
    likeness = Likeness(tree)
    began = time.perf_counter()
    meanings = [meaning_of(Ballot(text), tree, likeness) for text in pairs["shopify_path"]]
    five = [[tree.text(node) for node, _ in likeness.nearest(foreign_path(text), 5)] for text in pairs["shopify_path"]]
    seconds = time.perf_counter() - began
    table = pd.DataFrame(
        {
            "truth": pairs["google_path"],
            "same": pairs["shopify_path"] == pairs["google_path"],
            "path": [meaning.path for meaning in meanings],
            "mapped": [meaning.status == "map" for meaning in meanings],
            "five": [truth in near for truth, near in zip(pairs["google_path"], five, strict=True)],
        }
    )
    table["right"] = table["path"] == table["truth"]
    return {
        "ms_each": round(1_000 * seconds / len(table) / 2, 2),
        "all": _figures(table),
        "other paths": _figures(table[~table["same"]]),
    }


def _figures(table: pd.DataFrame) -> dict[str, float]:
    mapped = table[table["mapped"]]
    return {
        "categories": len(table),
        "first_right": round(float(table["right"].mean()), 4),
        "in_first_five": round(float(table["five"].mean()), 4),
        "mapped_without_a_person": round(len(mapped) / len(table), 4),
        "of_those_right": round(float(mapped["right"].mean()), 4),
    }


def main() -> None:
    """Measure both and write the result."""
    write("mapping", {"mwpd_gpc_16k": learnt(), "shopify_to_google": named_trees()})


if __name__ == "__main__":
    main()
