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
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import combinations, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks import relistings
from benchmarks.contrasts import contrasts
from benchmarks.growing import grown, grown_together, untaught
from benchmarks.machine import DATA, INDEXES, RESULTS, ROOT, write
from indexer.encoders import DEFAULT, load
from indexer.images.gallery import Folder
from indexer.live import Live, open_index
from indexer.normalize import normalize_many
from indexer.product import content_hash
from indexer.settings import IndexSettings
from indexer.sources import read
from indexer.space import TEXT
from indexer.store.place import STORE
from service.duplicates.lookup import ORDER
from service.duplicates.verdicts.colours import colours_in
from service.duplicates.verdicts.comparison import AGREEING, COLUMN, FEATURES, RIVAL, VARIED
from service.duplicates.verdicts.decider import SHIPPED, Decider
from service.duplicates.verdicts.judging import Judging
from service.duplicates.verdicts.quantities import quantities_in
from service.duplicates.verdicts.training import calibrated
from service.duplicates.verdicts.traits import NUMBER_OF, Traits, told
from service.duplicates.verdicts.verdict import IDENTICAL, SAME, VARIANT
from service.engine import Engine
from service.rebuild import build
from service.settings import ServiceSettings

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Hits = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.int64]

RELISTED, CONTRASTS = "magento_relisted", "contrasts"
PER_PARENT, PER_CLUSTER, NEAREST, SAMPLE = 4, 6, 4, 12_000
PUBLISHED = {
    "er_abt_buy": {"Ditto": 0.893, "DeepMatcher": 0.628, "Magellan": 0.436},
    "er_amazon_google": {"Ditto": 0.756, "DeepMatcher": 0.693, "Magellan": 0.491},
}
"""F1 of Li and others 2020 (table 5): all but Ditto's as reported there for the same splits."""
SAMPLE_DATA = ROOT / "data" / "sample"
LOOKED_UP = 10
BY_VECTOR, BY_WORDS, SHARED = 40, 40, 16
"""Products among which a true match must be, and how many are judged for it."""

RISING = (
    *("text", "image", "words", "overlap", "contained", "containing", "ratio", "sorted_ratio", "set_ratio"),
    *("model_shared", "model_known", "codes_ratio", "numbers_shared", "quantities_shared", "quantities_known"),
    *("brand_named", "specs_equal", "price_ratio", "rival_worse", "rival_better", *AGREEING),
)
FALLING = (
    *("missing", "missing_both", "model_apart", "numbers_apart", "quantities_apart", "quantities_unknown"),
    *("words_fewer", "edition_alone", "accessory_alone", "pack_alone", "quantities_unmet", "short_apart"),
    *("rivals_more", "rivals_fewer", "picture_bits"),
)
"""Features that only speak for, and against, two products being the same, whatever the sets say."""
SAME_SHARE, SAME_CONTRASTS, VARIANT_SHARE = 0.16, 0.4, 0.3
"""Share of pairs that are the same in each set, and of the others that are variants, as they are weighed."""
SHARES = {"pricerunner_35k": 0.15, "er_tvs_1624": 0.5, RELISTED: 0.6, CONTRASTS: 0.05}
"""How much sets weigh beside the others."""
BLIND, LONE = 0.25, 0.1
"""Weights of pairs that are learnt from again: without what rivals say, and as if none were nearer."""
VARYING = [COLUMN[name] for name in VARIED]


@dataclass(frozen=True)
class Pairs:
    """Compared pairs of one set. same: bool (n,). variant: float (n,), 1 or 0, NaN where nobody knows.

    part: `train`, `valid` or `test` (n,).
    """

    name: str
    features: Floats
    equal: Hits
    same: Hits
    variant: Doubles
    part: npt.NDArray[np.str_]

    def of(self, *parts: str) -> Pairs:
        """Return the pairs of some parts."""
        rows = np.isin(self.part, parts)
        features, equal, same = self.features[rows], self.equal[rows], self.same[rows]
        return Pairs(self.name, features, equal, same, self.variant[rows], self.part[rows])


def opened(name: str, spec: str = DEFAULT) -> Live:
    """Return the index of a set, built when it is not there."""
    source, index = (INDEXES / name, INDEXES / f"{name}-index") if name == RELISTED else (DATA / name, INDEXES / name)
    if not (index / STORE).is_file():
        gallery = Folder(source) if name == RELISTED else None
        with read(source) as rows:
            build(rows, index, settings=IndexSettings(encoder=spec), encoder=load(spec), gallery=gallery)
    return open_index(index)


def columns(folder: Path) -> pd.DataFrame:
    """Return the columns of a set's products, by id."""
    return pd.read_csv(folder / "products.csv", keep_default_na=False, dtype=str).set_index("id")


def keys_of(live: Live, ids: Sequence[str]) -> Keys:
    """Return the keys of stored products."""
    found = [live.labels.key(each) for each in ids]
    return np.array([-1 if key is None else key for key in found], np.int64)


def labelled(name: str) -> Pairs:
    """Return the pairs of a set that has them."""
    pairs = pd.read_csv(DATA / name / "pairs.csv", dtype=str)
    with closing(opened(name)) as live, live.reading():
        left, right = keys_of(live, pairs["left_id"].tolist()), keys_of(live, pairs["right_id"].tolist())
        features, equal = _judging(live).compared(left, right, every=True)
    same = (pairs["label"] == "1").to_numpy()
    return Pairs(name, features, equal, same, _unlike(features, same), pairs["split"].to_numpy().astype(str))


def clustered(name: str, column: str, label: str = "", spec: str = DEFAULT, sample: int = SAMPLE) -> Pairs:
    """Return pairs of a set whose clusters are known: of one cluster, and of neighbours that are of two.

    label: column with the name of a cluster: two that differ by quantities and colours alone are variants.
    """
    table = columns(DATA / name)
    with closing(opened(name, spec)) as live, live.reading():
        keys = keys_of(live, table.index.tolist())
        cluster = np.full(live.labels.size, "", object)
        cluster[keys[keys >= 0]] = table[column].to_numpy()[keys >= 0]
        judging = _judging(live)
        left, right = _some(judging, keys[keys >= 0], cluster, sample)
        features, equal = judging.compared(left, right, every=True)
        if spec != DEFAULT:
            features[:, COLUMN["text"]] = np.nan  # another encoder's cosines mean another thing
        same = cluster[left] == cluster[right]
        variant = _unlike(features, same)
        if label:
            known = dict(zip(table[column], table[label].map(_family), strict=True))
            one, other = ([known[each] for each in cluster[side]] for side in (left, right))
            variant = np.array([first == second for first, second in zip(one, other, strict=True)], float)
    part = _parts(cluster[left], cluster[right])
    return Pairs(name, features, equal, same.astype(bool), variant, part)


def relisted() -> Pairs:
    """Return pairs of articles: listed twice, variants of one parent, and neighbours of two parents."""
    folder = INDEXES / RELISTED
    if not (folder / "products.csv").is_file():
        every = pd.read_csv(DATA / "magento_luma" / "products.csv", keep_default_na=False, dtype=str)
        mixed = every[every["parent"] != ""].sample(frac=1, random_state=1)
        some = mixed.groupby("parent").head(PER_PARENT).sort_index()
        relistings.write(
            [{str(name): value for name, value in row.items()} for row in some.to_dict("records")],
            DATA / "magento_luma",
            folder,
        )
    table = columns(folder)
    with closing(opened(RELISTED)) as live, live.reading():
        keys = keys_of(live, table.index.tolist())
        parent, article = (np.full(live.labels.size, "", object) for _ in range(2))
        parent[keys] = table["parent"].to_numpy()
        article[keys] = np.where(table["original"] == "", table.index, table["original"])
        judging = _judging(live)
        left, right = _some(judging, keys, parent, 10**9, each=40)
        features, equal = judging.compared(left, right, every=True)
    same = article[left] == article[right]
    variant = (parent[left] == parent[right]).astype(float)
    part = _parts(parent[left], parent[right])
    return Pairs(RELISTED, features, equal, same.astype(bool), variant, part)


def contrasted() -> Pairs:
    """Return pairs that are made of the sample (`benchmarks.contrasts`), compared as new products are."""
    index = INDEXES / "sample"
    if not (index / STORE).is_file():
        with read(SAMPLE_DATA) as rows:
            build(rows, index, settings=IndexSettings(encoder=DEFAULT), encoder=load(DEFAULT))
    with closing(Engine.open(ServiceSettings(index=index, upkeep=False))) as engine, engine.live.reading():
        stored = engine.live.records.products(np.flatnonzero(engine.live.labels.known).tolist())
        pairs = contrasts(stored)
        products = normalize_many([side for pair in pairs for side in (pair.left, pair.right)])
        said = [told(product, content_hash(product)) for product in products]
        left = np.arange(0, len(products), 2)
        features, equal = _judging(engine.live).compared_among(said, engine.encode(products), left, left + 1)
    names = [pair.left.id.split()[0] for pair in pairs]
    part = np.array([_half(each) for each in names])
    same, variant = np.array([pair.same for pair in pairs]), np.array([pair.variant for pair in pairs])
    return Pairs(CONTRASTS, features, equal, same, variant, part)


def _some(
    judging: Judging, keys: Keys, cluster: npt.NDArray[Any], sample: int, each: int = PER_CLUSTER
) -> tuple[Keys, Keys]:
    """Return pairs of each cluster, and of products with their nearest of other clusters, `sample` each at most."""
    chance = np.random.default_rng(0)
    members = pd.Series(keys).groupby(cluster[keys]).apply(list)
    within = [pair for some in members for pair in islice(combinations(chance.permutation(some).tolist(), 2), each)]
    within = [within[at] for at in chance.permutation(len(within))[:sample].tolist()]
    asked = chance.permutation(keys)[: sample // 2]
    near, _ = judging.surroundings.stored(asked)
    apart = [
        (int(key), other)
        for key, others in zip(asked.tolist(), near.tolist(), strict=True)
        for other in islice((other for other in others if other and cluster[other] != cluster[key]), NEAREST)
    ]
    apart += [
        (int(one), int(other))
        for one, other in zip(*(chance.permutation(asked) for _ in range(2)), strict=True)
        if cluster[one] != cluster[other]
    ]
    left, right = np.array(within + apart, np.int64).T
    return left, right


def _half(name: str) -> str:
    """Return the part that a cluster is of: half of them are learnt from, a tenth calibrates, the rest is judged."""
    place = zlib.crc32(name.encode()) % 10
    return "train" if place < 5 else "valid" if place < 6 else "test"


def _parts(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[np.str_]:
    """Return the part of each pair of clusters, "" where the two are of two parts."""
    halves = np.array([_half(each) for each in left]), np.array([_half(each) for each in right])
    return np.where(halves[0] == halves[1], halves[0], "")


def _family(label: str) -> str:
    """Return the name of a cluster without quantities and colours."""
    text = label.lower()
    for _, _, written, _ in list(quantities_in(text)):
        text = text.replace(written, " ")
    for _, word in list(colours_in(text)):
        text = text.replace(word, " ")
    return " ".join(text.split())


def _unlike(features: Floats, same: Hits) -> Doubles:
    """Return what can be said without labels: no variant where nothing that varies is contradicted."""
    varies = np.any(features[:, VARYING] == -1, axis=1)
    return np.where(same | varies, np.nan, 0.0)


def _judging(live: Live) -> Judging:
    judging = Judging(live, untaught())
    judging.load()
    return judging


def taught(some: Sequence[Pairs], calibrating: Sequence[Pairs], *, cautious: bool = True) -> Decider:
    """Return a decider that learnt from the pairs of some sets, each set as weighty as any other.

    cautious: for catalogues of any kind, and not those of these sets alone.
    """
    learnt, weights = _joined(some, cautious=cautious)
    held, counts = _joined(calibrating)
    rising, falling = (RISING, FALLING) if cautious else ((), ())
    same = grown_together(learnt.features, learnt.same, weights, rising=rising, falling=falling)
    same = calibrated(same, held.features, held.same, counts)
    rows, kept = (~each.same & ~np.isnan(each.variant) for each in (learnt, held))
    if not (learnt.variant[rows] == 1).any():
        return Decider(same, untaught().variant)
    weights, counts = (
        each[some] * _balanced(pairs.variant[some] == 1, VARIANT_SHARE)
        for each, pairs, some in ((weights, learnt, rows), (counts, held, kept))
    )
    variant = grown(learnt.features[rows], learnt.variant[rows] == 1, weights, trees=60, leaves=8)
    variant = calibrated(variant, held.features[kept], held.variant[kept] == 1, counts)
    return Decider(same, variant)


def _joined(some: Sequence[Pairs], *, cautious: bool = False) -> tuple[Pairs, Doubles]:
    """Return the pairs of sets, and weights by which each set counts the same.

    If cautious, pairs come again without what rivals say, and those that are not the same as if no rival were nearer,
    both with less weight: in a catalogue without any duplicate each product has one that is nearest.
    """
    pieces, weights = [], []
    for each in some:
        one = SHARES.get(each.name, 1.0) * _balanced(
            each.same, SAME_CONTRASTS if each.name == CONTRASTS else SAME_SHARE
        )
        pieces.append(each)
        weights.append(one)
        if cautious:
            blind, lone = each.features.copy(), each.features.copy()
            blind[:, RIVAL], lone[:, RIVAL] = np.nan, 0
            pieces += [replace(each, features=blind), replace(each, features=lone)]
            weights += [one * BLIND, np.where(each.same, 0, one * LONE)]
    fields = ("features", "equal", "same", "variant", "part")
    joined = [np.concatenate([getattr(piece, name) for piece in pieces]) for name in fields]
    return Pairs("", *joined), np.concatenate(weights)


def _balanced(truth: Hits, share: float) -> Doubles:
    """Return weights by which what is true has a share of 10,000 in all."""
    made: Doubles = 10_000 * np.where(truth, share / max(1, truth.sum()), (1 - share) / max(1, (~truth).sum()))
    return made


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


def sets() -> dict[str, Pairs]:
    """Return the pairs of all sets, compared."""
    return {each.name: each for each in _sets()}


def _sets() -> Iterator[Pairs]:
    yield labelled("er_abt_buy")
    yield labelled("er_amazon_google")
    yield clustered("er_tvs_1624", "cluster_id")
    yield clustered("pricerunner_35k", "cluster_id", "cluster_label", "static")
    yield relisted()
    yield contrasted()


def default(every: Mapping[str, Pairs], without: str = "") -> Decider:
    """Return the decider that learns from all sets but one."""
    some = [pairs for name, pairs in every.items() if name != without]
    return taught([each.of("train") for each in some], [each.of("valid") for each in some])


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
    write("pairs", {"sets": result, "features": list(FEATURES)})


if __name__ == "__main__":
    main()
