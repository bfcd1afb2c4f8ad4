"""service/duplicates/standing and service/upkeep: groups that stand in the store, kept current by what changes."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from indexer.product import Product
from indexer.store.decisions import Decision
from indexer.store.findings import Reached
from indexer.store.twins import DUPLICATES
from service.duplicates.groups import scan
from service.duplicates.groups.book import Book
from service.duplicates.groups.candidates import Nearest
from service.duplicates.standing.loaded import Loaded
from service.duplicates.standing.naming import named
from service.duplicates.standing.nearby import Near, nearby
from service.duplicates.standing.regrouping import Regrouping
from service.duplicates.standing.said import settled_of
from service.duplicates.standing.standing import Standing
from service.duplicates.verdicts.judging import Judging
from service.duplicates.verdicts.surroundings import KEPT, Surroundings
from service.duplicates.verdicts.verdict import VERDICTS
from service.serving import Serving
from service.settings import ServiceSettings
from service.upkeep.upkeep import Overtaken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from indexer.live import Live

EVERY = 200
"""Neighbours that are looked at: all there are, so that a scan and what changes look at the same pairs."""
SAYS = {"different": "different", "same": "same product", "variant": "variant"}

Found = tuple[dict[tuple[int, int], tuple[str, float]], set[frozenset[int]]]


@pytest.fixture
def serving(own_index: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    """Return a service that keeps nothing current by itself, and for which everybody is a neighbour."""
    monkeypatch.setattr("service.serving.Standing", lambda: Standing(near=Near(EVERY, EVERY)))
    whole = scan.Scanning(nearest=Nearest(EVERY, EVERY, EVERY))
    monkeypatch.setattr("service.duplicates.groups.scan.scan", partial(scan.scan, scanning=whole))
    with closing(Serving.open(ServiceSettings(index=own_index, upkeep=False))) as serving:
        yield serving


def by_name(names: Iterable[tuple[Any, int]]) -> set[frozenset[int]]:
    """Return who is together, of names of groups with keys."""
    found: dict[Any, set[int]] = {}
    for name, key in names:
        found.setdefault(name, set()).add(key)
    return {frozenset(keys) for keys in found.values()}


def families(live: Live) -> tuple[set[frozenset[int]], set[frozenset[int]]]:
    """Return the families that stand, and those that a scan finds."""
    found = scan.scan(live, Judging.of(live), settled=settled_of(live)).families
    stand = [(each.family, each.key) for some in live.records.twins.every() for each in some if each.family]
    return by_name(stand), by_name(zip(found.group.tolist(), found.keys.tolist(), strict=True))


def scanned(live: Live) -> Found:
    """Return pairs and groups as a scan of all products finds them."""
    found = scan.scan(live, Judging.of(live), settled=settled_of(live))
    pairs: dict[tuple[int, int], tuple[str, float]] = {}
    for some in (found.pairs, *Standing()._loose(found.book)):
        columns = (some.left, some.right, some.verdicts, some.probability)
        for left, right, verdict, probability in zip(*(column.tolist() for column in columns), strict=True):
            pairs[left, right] = VERDICTS[verdict], round(probability, 4)
    return pairs, by_name(zip(found.groups.group.tolist(), found.groups.keys.tolist(), strict=True))


def standing(live: Live) -> Found:
    """Return pairs and groups as they stand in the store."""
    twins = live.records.twins
    keys = [key for some in live.records.ids(10**9) for key in some]
    pairs = {(twin.left, twin.right): (twin.verdict, round(twin.probability, 4)) for twin in twins.of(keys)}
    return pairs, by_name((each.group, each.key) for some in twins.every() for each in some if each.group)


def decide(serving: Serving, action: str, one: str, other: str) -> None:
    """Let a person say something of two products."""
    says = [(one, other, SAYS[action])]
    serving.live.records.decisions.record(Decision("duplicates", action, f"{one} {other}", says=says))


def reach(serving: Serving) -> Reached:
    """Bring the groups to the journal's end."""
    reached = serving.upkeep.reach(DUPLICATES, 60)
    assert reached is not None
    return reached


def stir(serving: Serving, chance: random.Random, step: int) -> None:
    """Change, copy or delete a product, or decide about two, or take a decision back."""
    records = serving.live.records
    ids = [id_ for some in records.ids(10**9) for id_ in some.values()]
    one, other = (serving.get(id_).record.product for id_ in chance.sample(ids, 2))
    what = chance.choice(["near", "copy", "delete", "edit", "undo", *SAYS, *SAYS])
    if what == "near":
        serving.put([replace(one, id=f"N{step}", title=f"{one.title} {chance.choice(['steel', 'red', 'old'])}")])
    elif what == "copy":
        serving.put([replace(one, id=f"C{step}")])
    elif what == "edit":
        serving.put([replace(one, title=other.title, description=other.description)])
    elif what == "delete":
        serving.delete([one.id])
    elif what == "undo":
        stand = [each for each in records.decisions.page() if each.undone_at is None and each.action != "undo"]
        if stand:
            serving.undo_decision(chance.choice(stand).number)
    else:
        pairs = sorted(standing(serving.live)[0])
        found = records.products(list(chance.choice(pairs))) if pairs and chance.random() < 0.8 else [one, other]
        decide(serving, what, found[0].id, found[1].id)


def test_what_stands_is_what_a_scan_finds(serving: Serving) -> None:
    """After any puts, deletes, decisions and undoing: the same pairs with the same verdicts, and the same groups."""
    chance = random.Random(2)
    reach(serving)
    for step in range(24):
        stir(serving, chance, step)
        if step % 3 == 2:
            reach(serving)
            assert standing(serving.live) == scanned(serving.live), f"step {step}"


@pytest.mark.parametrize("seed", [2, 4])
def test_families_are_those_of_a_scan_where_all_is_alike(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """However few pairs were kept; rivals left aside, which count as they were when one of a pair changed last."""
    nobody: Any = lambda _, keys: (np.zeros((len(keys), KEPT), np.int64), np.zeros((len(keys), KEPT), np.float32))  # noqa: E731
    monkeypatch.setattr("service.duplicates.verdicts.surroundings.Surroundings.stored", nobody)
    chance = random.Random(seed)

    def press(number: int) -> Product:
        words = sorted(chance.sample(["steel", "red", "blue", "large", "small", "mug"], chance.randint(2, 4)))
        size = f" {chance.choice([250, 500])} ml" if chance.random() < 0.4 else ""
        return Product(f"D{number}", f"Brewmont press {' '.join(words)}{size}", brand="Brewmont")

    serving.delete([id_ for some in serving.live.records.ids(10**9) for id_ in some.values()])
    serving.put([press(number) for number in range(16)])
    serving.upkeep.scan(DUPLICATES)
    for step in range(4):
        serving.put([press(chance.randrange(20))])
        serving.delete([f"D{chance.randrange(20)}"])
        reach(serving)
        stand, found = families(serving.live)
        assert stand == found, f"step {step}"
        assert max(map(len, found)) >= 4


def test_a_new_product_joins_a_group_and_leaves_it(serving: Serving) -> None:
    """A group keeps its id while most of it stays; a survivor is named, with reasons; one alone is no group."""
    reach(serving)
    twins = serving.live.records.twins
    first = replace(serving.get("P001").record.product, title="Brewmont press of 2026 in black")
    serving.put([replace(first, id="A"), replace(first, id="B")])
    at = reach(serving)
    assert at.seq == serving.live.seq
    (name,) = {member.group for member in twins.memberships([61, 62]).values()}
    assert name == "g61"
    serving.put([replace(first, id="C")])
    reach(serving)
    assert [(each.key, each.group) for each in twins.together({"g61"}, "duplicates")] == [
        (61, "g61"),
        (62, "g61"),
        (63, "g61"),
    ]
    (survivor,) = [each for each in twins.together({"g61"}, "duplicates") if each.survivor]
    assert survivor.reasons
    serving.delete(["A"])
    reach(serving)
    assert [each.key for each in twins.together({"g61"}, "duplicates")] == [62, 63]
    serving.delete(["B"])
    reach(serving)
    assert twins.together({"g61"}, "duplicates") == []


def test_a_copy_joins_its_group_and_nobody_else_is_read(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, beside the first of its content, as a scan has it; a person's label is weighed."""
    first = replace(serving.get("P001").record.product, title="Brewmont press of 2026 in black")
    serving.put([replace(first, id=f"A{number}") for number in range(40)])
    reach(serving)
    with monkeypatch.context() as patch:
        patch.setattr(Regrouping, "of", lambda *_: pytest.fail("the whole group was read"))
        serving.put([replace(first, id="B"), replace(first, id="C")])
        reach(serving)
    assert standing(serving.live) == scanned(serving.live)
    assert {(61, 101), (61, 102)} <= standing(serving.live)[0].keys()
    serving.put([replace(first, id="D", provenance="human")])
    reach(serving)
    assert standing(serving.live) == scanned(serving.live)
    group = serving.live.records.twins.together({"g61"}, "duplicates")
    assert [each.key for each in group if each.survivor] == [103]


def test_what_a_person_parted_stays_parted(serving: Serving) -> None:
    """Equal products that are said to be different are no group, written anew or not, until that is undone."""
    first = replace(serving.get("P001").record.product, title="Brewmont press of 2026 in black")
    serving.put([replace(first, id="A"), replace(first, id="B")])
    decide(serving, "different", "A", "B")
    reach(serving)
    twins = serving.live.records.twins
    assert not {61, 62} & {key for pair in standing(serving.live)[1] for key in pair}
    assert (61, 62) not in standing(serving.live)[0]
    serving.put([replace(first, id="B", tags=("new",))])
    serving.delete(["A"])
    serving.put([replace(first, id="A")])
    reach(serving)
    assert twins.of([63]) == [] or all({twin.left, twin.right} != {62, 63} for twin in twins.of([63]))
    serving.undo_decision(1)
    reach(serving)
    assert frozenset({62, 63}) in standing(serving.live)[1]


def test_two_processes_keep_one_store_current(serving: Serving, own_index: Path) -> None:
    """What one has brought further the other does not write again, and both see all."""
    with closing(Serving.open(ServiceSettings(index=own_index, upkeep=False))) as other:
        reach(serving)
        product = Product("A", "Brewmont press of 2026 in black", category="Kitchen > Coffee > French Presses")
        serving.put([product])
        other.put([replace(product, id="B")])
        findings, before = serving.live.records.findings, serving.live.records.findings.reached(DUPLICATES)
        late = other.upkeep._findings[DUPLICATES]
        other.live.follow()
        stale = late.update(other.engine, _keys(61, 62), [])
        assert reach(serving) == reach(other) == Reached(62, 0)
        assert not findings.advance(DUPLICATES, before, Reached(62, 0), [stale])
        assert frozenset({61, 62}) in standing(other.live)[1]


def test_what_breaks_off_is_begun_again(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs, groups and their place are one transaction: of a batch that fails nothing is there and nothing is lost."""
    before = reach(serving)
    there = standing(serving.live)
    serving.put([replace(serving.get("P001").record.product, id="A")])

    with monkeypatch.context() as patch:
        patch.setattr("indexer.store.twins._member_row", lambda _: {"key": "none", "nothing": 1})
        with pytest.raises(Exception, match=r"nothing|Unconsumed|column"):
            serving.upkeep.reach(DUPLICATES, 60)
    assert serving.upkeep.reached(DUPLICATES) == before
    assert standing(serving.live) == there
    reach(serving)
    assert any({1, 61} <= keys for keys in standing(serving.live)[1])


def forgotten(serving: Serving) -> Serving:
    """Return a service whose index nobody has scanned, whatever tests did to the one that it is a copy of."""
    findings = serving.live.records.findings
    assert findings.advance(DUPLICATES, findings.place(DUPLICATES), None, [])
    return serving


def test_many_products_wait_to_be_asked_for(own_index: Path) -> None:
    """The first pass over more products than upkeep_products is made when somebody asks for it."""
    settings = ServiceSettings(index=own_index, upkeep=False, upkeep_products=59)
    with closing(forgotten(Serving.open(settings))) as serving:
        assert serving.upkeep.reach(DUPLICATES, 60) is None
        assert serving.upkeep.scan(DUPLICATES) == Reached(60, 0)
        assert serving.upkeep.reach(DUPLICATES, 60) == Reached(60, 0)


def test_a_pass_ends_when_the_service_is_closed(own_index: Path) -> None:
    """At the next word about how far it is, and nothing is written."""
    with closing(forgotten(Serving.open(ServiceSettings(index=own_index, upkeep=False)))) as serving:
        serving.upkeep.close(0)
        with pytest.raises(Overtaken, match="the service is being closed"):
            serving.upkeep.scan(DUPLICATES)
        assert serving.upkeep.reached(DUPLICATES) is None


def test_a_group_keeps_its_name_while_most_of_it_stays() -> None:
    """The larger part keeps it; the other is named by its least key whose name is free; names are never shared."""
    free: Any = lambda ids: ids & {"g3"}  # noqa: E731 - whose names are taken elsewhere
    former = dict.fromkeys((1, 2, 3, 4, 5), "g1") | {9: "g9", 8: "g9"}
    assert named([[1, 2], [3, 4, 5], [8, 9, 10]], former, "g", free) == ["g2", "g1", "g9"]
    assert named([[3, 11], [20, 21]], {}, "g", free) == ["g11", "g20"]
    assert named([[1, 30]], dict.fromkeys((1, 2, 3), "g1"), "g", free) == ["g30"]


def _keys(*keys: int) -> Any:
    return np.array(keys, np.int64)


def test_a_second_listing_that_is_known_by_its_title_is_found_without_a_scan(
    own_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that describe themselves as it does fill its nearest places; it is judged all the same, as in a scan."""
    shop = (
        "Our bestseller. Sent the same day from Leeds, returned free of charge, paid by card, invoice or on delivery."
    )
    worn = "Worn by hikers in all weathers with taped seams, two pockets and a hood that folds away into its collar."
    first = Product("first", "Tarnfell hooded storm jacket navy", worn, "Tarnfell")
    others = [
        Product(f"O{n}", f"{name} bottle opener", shop) for n, name in enumerate(["Oak", "Elm", "Ash", "Fir"] * 3)
    ]
    again = replace(first, id="again", description=shop)
    with closing(Serving.open(ServiceSettings(index=own_index, upkeep=False))) as serving:
        serving.put([first, *others])
        serving.put([again])
        key = {id_: key for some in serving.live.records.ids(10**9) for key, id_ in some.items()}
        pair, shelf = (key["first"], key["again"]), Loaded(serving.live)
        rivals = Surroundings(serving.live)
        assert pair not in nearby(serving.live, shelf, [pair[1]], Near(by_title=0), rivals)
        assert pair in nearby(serving.live, shelf, [pair[1]], Near(), rivals)
        judged: list[tuple[int, int]] = []
        judge = Book.judge

        def seen(book: Book, left: Any, right: Any, **rest: Any) -> Any:
            judged.extend(zip(left.tolist(), right.tolist(), strict=True))
            return judge(book, left, right, **rest)

        monkeypatch.setattr(Book, "judge", seen)
        scan.scan(serving.live, Judging.of(serving.live))
        assert pair in judged
