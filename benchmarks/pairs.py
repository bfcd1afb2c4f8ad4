"""Pairs of products judged: how right the verdicts are, beside published figures; and the decider that aisle ships.

    python -m benchmarks.pairs          figures -> results/pairs.json
    python -m benchmarks.pairs look-up  look-ups alone, put into the same file
    python -m benchmarks.pairs train    the same, with a decider trained anew: service/duplicates/verdicts/decider.json

`er_abt_buy` and `er_amazon_google` in the splits of DeepMatcher (Mudgal and others 2018), as their README has them: the
decider learns from `train`, is calibrated on `valid` and judged on `test`. Clusters of `er_tvs_1624` and
`pricerunner_35k` are divided in halves by name, one to learn from; so are parents of `magento_luma`, of which four
articles each are listed, and every second one again as another seller would (`benchmarks.relistings`).

Told is how right the shipped default is; a default that never saw the set; and one that learnt from the set's own
training pairs too.
"""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.hand_written import hand_written
from benchmarks.machine import DATA, RESULTS, write
from benchmarks.paired import CONTRASTS, RELISTED, Pairs, keys_of, opened, sets
from benchmarks.teaching import default, taught
from indexer.space import TEXT
from service.duplicates.lookup import ORDER
from service.duplicates.verdicts.attributes import NUMBER_OF
from service.duplicates.verdicts.comparison import FEATURES
from service.duplicates.verdicts.decider import SHIPPED, Decider
from service.duplicates.verdicts.judging import Judging
from service.duplicates.verdicts.traits import Traits
from service.duplicates.verdicts.verdict import IDENTICAL, SAME, VARIANT

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Hits = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.int64]

PUBLISHED = {
    "er_abt_buy": {"Ditto": 0.893, "DeepMatcher": 0.628, "Magellan": 0.436},
    "er_amazon_google": {"Ditto": 0.756, "DeepMatcher": 0.693, "Magellan": 0.491},
}
"""F1 of Li and others 2020 (table 5): all but Ditto's as reported there for the same splits."""
LOOKED_UP = 10
BY_VECTOR, BY_WORDS, SHARED = 40, 40, 16
"""Products among which a true match must be, and how many are judged for it."""


def figures(decider: Decider, pairs: Pairs) -> dict[str, float]:
    """Return precision, recall and F1 of `same product` (from a probability of 0.5 on), and the best F1 there is."""
    decided = decider.decide(pairs.features, pairs.equal)
    said = np.isin(decided.verdicts, (IDENTICAL, SAME))
    right = int((said & pairs.same).sum())
    precision, recall = right / max(1, int(said.sum())), right / max(1, int(pairs.same.sum()))
    best = best_f1(decided.same, pairs.same)
    return {
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "f1": round(2 * right / max(1, int(said.sum() + pairs.same.sum())), 4),
        "best_f1": round(best[0], 4),
        "best_threshold": round(best[1], 4),
    }


def best_f1(scores: Floats, truth: Hits) -> tuple[float, float]:
    """Return the highest F1 that any threshold gives, and that threshold."""
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(truth[order])
    f1 = 2 * right / (np.arange(len(truth)) + 1 + truth.sum())
    at = int(f1.argmax())
    return float(f1[at]), float(scores[order][at])


def cosine_f1(pairs: Pairs) -> float:
    """Return the F1 on `test` of the cosine of texts with the threshold that is best on `valid`."""
    valid, test = pairs.of("valid"), pairs.of("test")
    threshold = best_f1(np.nan_to_num(valid.features[:, 0]), valid.same)[1]
    said = test.features[:, 0] >= threshold
    return round(2 * int((said & test.same).sum()) / int(said.sum() + test.same.sum()), 4)


def kinds(decider: Decider, pairs: Pairs) -> dict[str, float]:
    """Return how often the verdict is right where the truth is duplicate, variant or different."""
    verdicts = decider.decide(pairs.features, pairs.equal).verdicts
    duplicate, variant = np.isin(verdicts, (IDENTICAL, SAME)), verdicts == VARIANT
    family = (pairs.variant == 1) & ~pairs.same
    both = pairs.same | family
    right = np.where(pairs.same, duplicate, variant)
    return {
        "duplicates_right": round(float(duplicate[pairs.same].mean()), 4),
        "variants_right": round(float(variant[family].mean()), 4),
        "accuracy": round(float(right[both].mean()), 4),
        "different_right": round(float((~duplicate & ~variant)[~both].mean()), 4) if (~both).any() else 1.0,
        "pairs": int(both.sum()),
    }


def looked_up(name: str, decider: Decider) -> dict[str, float]:
    """Return the share of true matches among the first LOOKED_UP answers, in their order, both shops being searched.

    Asked for is the first of each match. Judged are its BY_VECTOR nearest, its BY_WORDS nearest by words, and who
    shares an article number; `nearest` is the share among the LOOKED_UP nearest, judged by nobody.
    """
    matches = pd.read_csv(DATA / name / "matches_all.csv", dtype=str)
    with closing(opened(name)) as live, live.reading():
        left, right = keys_of(live, matches["left_id"].tolist()), keys_of(live, matches["right_id"].tolist())
        there = (left >= 0) & (right >= 0)
        left, right = left[there], right[there]
        judging, view = Judging(live, decider), live.contents.views[TEXT]
        traits = judging.load()
        near = np.any(judging.surroundings.stored(left)[0] == right[:, None], axis=1)
        found = [
            view.vectors.search(view.placed(left), BY_VECTOR).keys,
            view.postings.search(live.contents.features.words(left), BY_WORDS).keys,
        ]
        rows = np.repeat(np.arange(len(left)), BY_VECTOR), np.repeat(np.arange(len(left)), BY_WORDS)
        asked, other = np.concatenate(rows), np.concatenate([each.ravel() for each in found])
        more = _of_one_number(traits, judging.stock.keys, left)
        asked, other = np.concatenate([asked, more[0]]), np.concatenate([other, more[1]])
        kept = (other >= 0) & (other != left[asked])
        asked, other = np.unique(np.stack([asked[kept], other[kept]]), axis=1)
        judged = judging.stored(left[asked], other)
    order = np.lexsort((-judged.probability, ORDER[judged.verdicts], asked))
    first = np.searchsorted(asked[order], np.arange(len(left)))
    rank = np.arange(len(order)) - first[asked[order]]
    hit = (other[order] == right[asked[order]]) & (rank < LOOKED_UP)
    return {"nearest": round(float(near.mean()), 4), "judged": round(float(hit.sum() / len(left)), 4)}


def _of_one_number(traits: Traits, keys: Keys, left: Keys) -> tuple[Keys, Keys]:
    """Return places in `left` and keys of products that share a model or article number with those."""
    found = []
    for attribute in ("gtin", "mpn", "model"):
        rows, values = traits.everything.having(NUMBER_OF[attribute])
        table = pd.DataFrame({"value": values, "key": keys[rows]})
        table = table[table.groupby("value")["key"].transform("size") <= SHARED]
        asked = table.merge(pd.DataFrame({"key": left, "place": np.arange(len(left))}), on="key")
        found.append(asked.merge(table, on="value", suffixes=("", "_other"))[["place", "key_other"]].to_numpy())
    places, others = np.concatenate(found).astype(np.int64).T
    return places, others


def _look_up_again() -> None:
    """Measure look-ups alone, and put them into the result that is there."""
    shipped = Decider.from_json(SHIPPED.read_text(encoding="utf-8"))
    result = json.loads((RESULTS / "pairs.json").read_text(encoding="utf-8"))
    result.pop("machine")
    for name in PUBLISHED:
        result["sets"][name][f"recall_at_{LOOKED_UP}"] = looked_up(name, shipped)
    write("pairs", result)


def main() -> None:
    """Run the benchmark, or train what is shipped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("figures", "train", "look-up"), default="figures")
    what = parser.parse_args().what
    if what == "look-up":
        _look_up_again()
        return
    every = sets()
    if what == "train":
        SHIPPED.write_text(default(every).to_json() + "\n", encoding="utf-8")
    shipped = Decider.from_json(SHIPPED.read_text(encoding="utf-8"))
    result: dict[str, Any] = {}
    for name, published in PUBLISHED.items():
        own = taught([every[name].of("train")], [every[name].of("valid")], cautious=False)
        result[name] = {
            "never_saw_the_set": figures(default(every, name), every[name].of("test")),
            "own_training_pairs": figures(own, every[name].of("test")),
            "shipped": figures(shipped, every[name].of("test")),
            "cosine_threshold_f1": cosine_f1(every[name]),
            "published_f1": published,
            f"recall_at_{LOOKED_UP}": looked_up(name, shipped),
        }
    for name in ("er_tvs_1624", "pricerunner_35k", RELISTED):
        test = every[name].of("test")
        result[name] = {"shipped": figures(shipped, test), "never_saw_the_set": figures(default(every, name), test)}
    result[CONTRASTS] = {"shipped": figures(shipped, every[CONTRASTS].of("test"))}
    result[RELISTED]["kinds"] = kinds(shipped, every[RELISTED].of("test"))
    write("pairs", {"sets": result, "hand_written": hand_written(shipped), "features": list(FEATURES)})


if __name__ == "__main__":
    main()
