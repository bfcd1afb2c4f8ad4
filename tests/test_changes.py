"""taxonomy/changes.py and taxonomy/rules.py: changes as values, from JSON and back."""

import json
from typing import Any

import pytest

from indexer.product import Product
from taxonomy.changes import Change, Merge, Move, Part, Rename, Retire, Split, changes_from_json, changes_of
from taxonomy.names import TaxonomyError
from taxonomy.rules import Rule

RULE = Rule(("trail run",), ("shoe",), ("kids",), "Acme", (("Closure", "Laces"),), "outdoor")
CHANGES: tuple[Change, ...] = (
    Rename("A > B", "C"),
    Move("A > B", "C"),
    Move("A > B", None),
    Merge(("A", "B"), "C"),
    Split("A", (Part("P", RULE), Part("Q", Rule(tag="q"))), beside=True),
    Retire("A"),
    Retire("A", "C"),
    Retire("A", unlabelled=True),
)


def test_changes_are_read_as_they_are_written() -> None:
    """One by one, as a list, and as an object with changes."""
    said = [change.to_json() for change in CHANGES]
    assert CHANGES == changes_from_json(json.dumps(said))
    assert CHANGES == changes_of({"changes": said})
    assert CHANGES[:1] == changes_of(said[0])


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([], "there are 0 changes; one version takes 1 to 1,000"),
        ({"change": {"rename": 1}}, "one of rename, move, merge, split, retire"),
        ({"change": "paint"}, "one of rename, move, merge, split, retire, not 'paint'"),
        ("rename", "a change is an object"),
        ({"changes": [], "more": 1}, "has nothing else, not 'more'"),
        ({"change": "rename", "node": "A"}, "a rename needs `name`"),
        ({"change": "rename", "node": "A", "name": "B", "to": "C"}, "a rename has no 'to'; it has node, name"),
        ({"change": "move", "node": "A"}, "a move needs `parent`"),
        ({"change": "merge", "nodes": [], "into": "A"}, "a merge needs `nodes`: a list of 1 to 1,000"),
        ({"change": "merge", "nodes": [3], "into": "A"}, "needs `nodes`"),
        ({"change": "retire", "node": "A", "to": "B", "unlabelled": True}, "either `to` or `unlabelled`"),
        ({"change": "split", "node": "A", "parts": [{"name": "P"}]}, "with `name` and `rule`"),
        (
            {"change": "split", "node": "A", "parts": [{"name": "P", "rule": {}}]},
            "the part 'P': this rule says nothing",
        ),
        ({"change": "split", "node": "A", "parts": [{"name": "P", "rule": {"regex": "a*"}}]}, "a rule has no 'regex'"),
        ({"change": "split", "node": "A", "parts": [{"name": "P", "rule": {"words": {"any": ["-"]}}}]}, "no letter"),
        ([{"change": "retire", "node": "A"}, {"change": "move"}], "change 2: a move needs `parent`"),
    ],
)
def test_what_is_no_change_is_named(said: Any, reason: str) -> None:
    """Each message says what is wrong and what is expected."""
    with pytest.raises(TaxonomyError) as refused:
        changes_of(said)
    assert reason in str(refused.value)


def test_json_that_is_none_is_refused() -> None:
    """However deep it is nested."""
    for text in ("{", "[" * 100_000):
        with pytest.raises(TaxonomyError, match="no JSON"):
            changes_from_json(text)


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        (Rule(some=("boot", "shoe")), True),
        (Rule(some=("boot",)), False),
        (Rule(some=("trail shoe",)), True),
        (Rule(some=("shoe trail",)), False),
        (Rule(some=("rail",)), False),
        (Rule(every=("light", "SHOE")), True),
        (Rule(every=("light", "boot")), False),
        (Rule(none=("kids",)), True),
        (Rule(none=("light",)), False),
        (Rule(brand="ACME  inc"), True),
        (Rule(brand="Acme"), False),
        (Rule(specs=(("closure", "LACES"),)), True),
        (Rule(specs=(("closure", "Velcro"),)), False),
        (Rule(tag="Outdoor"), True),
        (Rule(some=("shoe",), tag="indoor"), False),
    ],
)
def test_every_condition_of_a_rule_must_hold(rule: Rule, matches: bool) -> None:
    """Words are whole words in any case, phrases stand side by side; brand, spec and tag are compared whole."""
    product = Product(
        "p", title="Light-weight TRAIL shoe, 42", brand="Acme Inc", specs=(("Closure", "Laces"),), tags=("outdoor",)
    )
    assert matches == rule.matches(product)
    assert rule == Rule.read(rule.to_json())


def test_words_may_be_written_short() -> None:
    """A list means any of them; a spec's number is its text."""
    assert Rule(some=("a", "b")) == Rule.read({"words": ["a", "b"]})
    assert Rule(specs=(("Size", "42"),)) == Rule.read({"spec": {"Size": 42}})
