"""indexer/product.py: what a product may be, and what of it is content."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from indexer.errors import ProductError
from indexer.product import Product, check, content_hash

MUG = Product("mug", "Stoneware mug", category="Home > Kitchen")


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        (
            {"provenance": "robot"},
            "provenance",
            "the provenance 'robot' of a label is none of supplier, human, machine; give one of them",
        ),
        ({"weight": 0.0}, "weight", "the weight 0 of a label is not from 0.001 to 10; give 1 for a full voice"),
        ({"weight": 10.5}, "weight", "the weight 10.5 of a label is not from 0.001 to 10; give 1 for a full voice"),
        ({"weight": float("nan")}, "weight", "the weight nan of a label is not from 0.001 to 10"),
    ],
)
def test_a_label_s_provenance_and_weight_are_checked(changed: dict[str, Any], field: str, reason: str) -> None:
    """Either is refused with what was given, what may be given and what to do."""
    with pytest.raises(ProductError) as refused:
        check(replace(MUG, **changed))
    assert (refused.value.field, str(refused.value)[: len(reason)]) == (field, reason)


@pytest.mark.parametrize("weight", [0.001, 1.0, 10.0])
def test_weights_within_the_limits_pass(weight: float) -> None:
    """The limits themselves are allowed."""
    check(replace(MUG, weight=weight))


def test_only_a_machine_s_label_has_no_voice() -> None:
    """A supplier's and a person's count with their weight, a machine's not at all."""
    voices = {who: replace(MUG, provenance=who, weight=0.5).voice for who in ("supplier", "human", "machine")}
    assert voices == {"supplier": 0.5, "human": 0.5, "machine": 0.0}


def test_a_label_is_no_content() -> None:
    """Products that differ in category, tags, provenance and weight alone are another product with the same hash."""
    relabelled = replace(MUG, category="Sports", tags=("new",), provenance="machine", weight=0.5)
    assert relabelled != MUG
    assert content_hash(relabelled) == content_hash(MUG)
    assert content_hash(replace(MUG, title="Stoneware cup")) != content_hash(MUG)
