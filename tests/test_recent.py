"""indexer/memory/recent.py: what was encoded lately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from indexer.encoders import Encoded
from indexer.encoders.hashing import HashingEncoder
from indexer.memory.recent import ENTRY_BYTES, Recent, recent_of
from indexer.picture import Picture
from indexer.product import Product

MUG, CUP, JUG = (Product(str(number), title) for number, title in enumerate(("Mug", "Cup", "Jug")))
DIM = 4


class Counting:
    """Encodes a title by its letters, and knows what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, products: Sequence[Product]) -> Encoded:
        """Return rows of the part `text`."""
        self.asked.append([each.title for each in products])
        rows = [[ord(letter) for letter in each.title.ljust(DIM)[:DIM]] for each in products]
        matrix = np.array(rows, np.float32).reshape(len(products), DIM)
        return Encoded({"text": matrix}, {"text": np.ones(len(products), bool)})


def test_each_content_is_encoded_once() -> None:
    """Whatever its id and label; the rows come in the order of what is asked for, those that come twice included."""
    recent, encode = Recent(), Counting()
    recent.encoded([MUG, CUP], encode)
    found = recent.encoded([replace(CUP, id="other", category="Home > Cups"), JUG, MUG, JUG], encode)
    assert encode.asked == [["Mug", "Cup"], ["Jug"]]
    assert np.array_equal(found.parts["text"], Counting()([CUP, JUG, MUG, JUG]).parts["text"])
    assert found.mask["text"].tolist() == [True] * 4


def test_what_comes_twice_at_first_is_encoded_once() -> None:
    """As when a file names one product under two ids."""
    recent, encode = Recent(), Counting()
    assert len(recent.encoded([MUG, CUP, MUG], encode)) == 3
    assert encode.asked == [["Mug", "Cup"]]


def test_of_nothing_the_encoder_says_what_its_parts_are() -> None:
    """There is an answer to no product, too."""
    assert Recent().encoded([], Counting()).parts["text"].shape == (0, DIM)


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    """Asking for it again keeps it; memory is bounded."""
    recent, encode = Recent(2 * (ENTRY_BYTES + 4 * DIM)), Counting()
    recent.encoded([MUG], encode)
    recent.encoded([CUP], encode)
    recent.encoded([MUG], encode)
    recent.encoded([JUG], encode)
    recent.encoded([MUG], encode)
    recent.encoded([CUP], encode)
    assert encode.asked == [["Mug"], ["Cup"], ["Jug"], ["Cup"]]


def test_more_than_there_is_room_for_is_answered_whole() -> None:
    """Though none of it stays."""
    recent, encode = Recent(0), Counting()
    assert len(recent.encoded([MUG, CUP, MUG], encode)) == 3
    assert recent.encoded([MUG], encode).parts["text"].tolist() == encode([MUG]).parts["text"].tolist()


def test_what_was_answered_can_be_changed() -> None:
    """A caller that writes into its rows spoils nobody else's."""
    recent, encode = Recent(), Counting()
    for _ in range(2):
        recent.encoded([MUG], encode).parts["text"][:] = 0
    assert recent.encoded([MUG], encode).parts["text"].any()


def test_a_picture_that_was_not_there_to_be_looked_at_is_looked_at_later() -> None:
    """Its content is the same, what the encoder sees is not."""
    recent, encode = Recent(), Counting()
    picture = Picture("ab" * 16)
    recent.encoded([replace(MUG, pictures=(picture,))], encode)
    recent.encoded([replace(MUG, pictures=(replace(picture, pixels=np.zeros((2, 2, 3), np.uint8)),))], encode)
    assert len(encode.asked) == 2


def test_who_shares_an_encoder_shares_them() -> None:
    """As two engines do, one of which takes the other's place."""
    one, other = HashingEncoder(8), HashingEncoder(8)
    assert recent_of(one) is recent_of(one)
    assert recent_of(one) is not recent_of(other)
