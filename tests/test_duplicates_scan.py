"""Duplicates of a whole catalogue: copies, what people said, and groups in which every pair is supported."""

from collections.abc import Iterator
from contextlib import closing
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from indexer.product import Product
from service.duplicates.groups.book import Settled
from service.duplicates.groups.scan import Scanned, Scanning, chunks, scan
from service.duplicates.verdicts.judging import Judging
from service.duplicates.verdicts.verdict import DIFFERENT, IDENTICAL, SAME
from service.engine import Engine
from service.settings import ServiceSettings

POT = "enamelled stock pot 5 l, cream, with a lid of glass and two handles"


@pytest.fixture
def engine(own_index: Path) -> Iterator[Engine]:
    """Return an index of 60 products and three copies of a pot."""
    with closing(Engine.open(ServiceSettings(index=own_index))) as engine:
        engine.put([Product(name, title=POT, brand="Emalia") for name in ("pot", "pot again", "pot once more")])
        yield engine


def run(engine: Engine, settled: Settled | None = None) -> Scanned:
    return scan(engine.live, Judging.of(engine.live), settled=settled)


def keys(engine: Engine, *names: str) -> np.ndarray:
    return np.array([engine.live.labels.key(name) for name in names], np.int64)


def said(engine: Engine, verdict: int, left: str, right: str) -> Settled:
    return Settled(keys(engine, left), keys(engine, right), np.array([verdict], np.int8))


def members(engine: Engine, found: Scanned, name: str) -> list[str]:
    key = keys(engine, name)
    group = found.groups.of(key)[0]
    return engine.live.labels.ids(found.groups.keys[found.groups.group == group]) if group >= 0 else [name]


def test_copies_are_identical_and_one_group(engine: Engine) -> None:
    """Each copy is beside the first of its content, with the words for it; the group has the first one's key."""
    found = run(engine)
    assert ["pot", "pot again", "pot once more"] == members(engine, found, "pot again")
    assert 63 == found.products
    (pairs, evidence) = next(chunks(found))
    first, second = keys(engine, "pot", "pot again")
    row = np.flatnonzero((pairs.left == first) & (pairs.right == second))[0]
    assert (IDENTICAL, 1.0) == (pairs.verdicts[row], pairs.probability[row])
    assert evidence[row]


def test_two_copies_that_a_person_told_apart_are_in_no_group(engine: Engine) -> None:
    """The third copy stays with one of them, and nobody is paired with both."""
    found = run(engine, said(engine, DIFFERENT, "pot", "pot again"))
    assert not set(members(engine, found, "pot")) & set(members(engine, found, "pot again"))
    assert 2 == max(len(members(engine, found, name)) for name in ("pot", "pot again"))
    first, second = keys(engine, "pot", "pot again")
    assert not np.any((found.pairs.left == first) & (found.pairs.right == second))


def test_two_products_that_a_person_put_together_are_a_group(engine: Engine) -> None:
    """A pruner and a planter have nothing in common but what was said of them."""
    found = run(engine, said(engine, SAME, "P025", "P040"))
    assert {"P025", "P040"} <= set(members(engine, found, "P040"))


def test_a_thousand_copies_are_one_group_and_a_thousand_pairs(engine: Engine) -> None:
    """Pairs grow with the copies: each is beside the first, and none is judged."""
    before = run(engine)
    engine.put([Product(f"copy {number}", title="Zinc bucket, 10 l", brand="Hollin") for number in range(1_000)])
    found = run(engine)
    assert 1_000 == len(members(engine, found, "copy 500"))
    assert 999 == len(found.pairs) - len(before.pairs)
    assert found.compared - before.compared < 100


def test_every_pair_inside_a_group_is_judged_and_at_the_floor_or_above(engine: Engine) -> None:
    """Of a catalogue of much alike products."""
    found = run(engine)
    judging, floor = Judging.of(engine.live), Scanning().groups.floor
    for group in np.unique(found.groups.group):
        some = found.groups.keys[found.groups.group == group].tolist()
        left, right = (np.array(side, np.int64) for side in zip(*combinations(some, 2), strict=True))
        with engine.live.reading():
            assert judging.stored(left, right).probability.min() >= floor


def test_families_hold_whole_groups(engine: Engine) -> None:
    """Whoever shares a group shares a family, or is in none."""
    found = run(engine, said(engine, SAME, "P001", "P040"))
    for group in np.unique(found.groups.group):
        assert 1 == len(set(found.families.of(found.groups.keys[found.groups.group == group]).tolist()))


SIZES, COLOURS = ("XS", "S", "M", "L", "XL"), ("red", "blue", "green", "black")
PARENTS = {
    "Orrin fleece hoodie": "A warm hoodie with a pocket in front and a hood that can be drawn tight. Cotton, washable.",
    "Halden rain jacket": "Sealed seams, a hood that rolls away, and pockets that stay dry in any weather.",
    "Mirel running tights": "Flat seams, a pocket for the key at the back, and stripes that are seen at night.",
    "Sorvik merino jumper": "Knitted of fine merino wool, ribbed at neck and cuffs, to be washed by hand.",
}


def variants() -> list[Product]:
    """Return each parent in all sizes and colours, all described alike."""
    return [
        Product(f"{title}/{size}/{colour}", title=f"{title}-{size}-{colour}", description=text, brand="Orrin")
        for title, text in PARENTS.items()
        for size in SIZES
        for colour in COLOURS
    ]


def again(product: Product) -> Product:
    """Return a product as another shop lists it: in its own order, with a word of its own and half of the text."""
    head, size, colour = product.title.split("-")
    words = product.description.split()
    text = " ".join(words[: len(words) // 2])
    return Product(f"{product.id}/again", title=f"{head} SALE / {colour.upper()} / {size}", description=text)


def test_what_a_look_up_is_sure_of_a_scan_puts_together(engine: Engine) -> None:
    """Of products in five sizes and four colours, of which every seventh is listed once more by another shop.

    Siblings fill the nearest places of each other by vector and by words; titles alone say which is which.
    """
    first = variants()[::7]
    second = [again(each) for each in first]
    engine.put([*variants(), *second])
    sure = [
        (one.id, other.id)
        for one, other in zip(first, second, strict=True)
        if any(each.id == one.id and each.probability > 0.9 for each in engine.duplicates(other, 10))
    ]
    assert len(sure) >= 10
    found = run(engine)
    apart = [pair for pair in sure if pair[1] not in members(engine, found, pair[0])]
    assert [] == apart
