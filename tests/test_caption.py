"""Texts that are cut to their length have the vectors that open_clip gives them filled up, and others are not cut."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.encoders import Vectors
from indexer.encoders.clip import caption, checkpoint
from indexer.encoders.clip.caption import Captions
from indexer.encoders.clip.checkpoint import Checkpoint
from indexer.models import found
from tests.conftest import TINY_CLIP

TEXT = TINY_CLIP["text_cfg"]
TOWERS: dict[str, tuple[dict[str, Any], bool]] = {  # settings, and whether batches can be cut
    "clip": ({}, True),
    "custom": ({"custom_text": True}, True),
    "linear": ({"custom_text": True, "text_cfg": {**TEXT, "proj_bias": True}}, True),
    "end mark": ({"text_cfg": {**TEXT, "pool_type": "eos", "eos_id": 49407}}, True),
    "unprojected": ({"custom_text": True, "text_cfg": {**TEXT, "width": 16, "proj_type": "none"}}, True),
    "sees all": ({"custom_text": True, "text_cfg": {**TEXT, "no_causal_mask": True}}, False),
    "last place": ({"custom_text": True, "text_cfg": {**TEXT, "pool_type": "last"}}, False),
}
TITLES = [
    "Red cotton shirt",
    "Steel kettle 1.7 l with a lid that stays cool, and a whistle " * 6,
    "Terracotta planter",
    "x",
    "Bouilloire en acier inoxydable",
    "Kettle",
]


@pytest.fixture(scope="module", params=sorted(TOWERS))
def tower(
    request: pytest.FixtureRequest, save_clip: Callable[..., Path], tmp_path_factory: Any
) -> tuple[str, Checkpoint]:
    """Return each kind of text tower with its name."""
    changes, _ = TOWERS[request.param]
    folder = save_clip(tmp_path_factory.mktemp("caption") / "model", {**TINY_CLIP, **changes})
    return request.param, checkpoint.load(found(str(folder)))


@pytest.fixture(scope="module")
def captions(tiny_clip: Path) -> Captions:
    """Return the text tower of the tiny model."""
    return Captions(checkpoint.load(found(str(tiny_clip))))


def in_order(tower: Captions, texts: list[str]) -> Vectors:
    """Return the row of each text."""
    rows = np.zeros((len(texts), 16), np.float32)
    for positions, tokens in tower.batches(texts):
        rows[positions] = tower.rows(tokens)
    return rows


def test_a_text_has_the_vector_that_open_clip_gives_it(tower: tuple[str, Checkpoint]) -> None:
    """Cut or not, to 1e-5 of the model's own encode_text on all its places; only what cannot differ is cut."""
    name, model = tower
    with torch.inference_mode():
        expected = model.model.encode_text(model.tokenizer(TITLES), normalize=True).numpy()  # type: ignore[operator]
    tower_ = Captions(model)
    assert tower_.cut is TOWERS[name][1]
    np.testing.assert_allclose(in_order(tower_, TITLES), expected, rtol=0, atol=1e-5)


def test_batches_end_with_their_longest_text(captions: Captions, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longest first; two marks and a word for each of these words; as many texts as fill the tokens of a batch."""
    monkeypatch.setattr(caption, "BATCH_TOKENS", 12)
    batches = list(captions.batches(["red", "red red red red", "red red", "red", "red"]))
    assert [(positions, tuple(tokens.shape)) for positions, tokens in batches] == [
        ([1, 2], (2, 6)),
        ([0, 3, 4], (3, 3)),
    ]


@settings(max_examples=40)
@given(words=st.lists(st.sampled_from(["red", "steel", "1.7", "&", "-", "é", "鍋", "a" * 90, "鉄" * 50]), max_size=200))
def test_the_beginning_that_is_tokenized_has_the_tokens_of_the_whole(captions: Captions, words: list[str]) -> None:
    """Long descriptions are not paired up byte by byte only to be thrown away, and no token differs for that."""
    text = " ".join(words)
    tokens = captions._tokenizer([text, captions._beginning(text)])
    assert torch.equal(tokens[0], tokens[1])


def test_a_word_without_an_end_is_cut(captions: Captions) -> None:
    """A text of 100,000 letters without a space, or of as many words, is read up to what the tower may see of it."""
    assert captions._beginning("漢" * 100_000) == "漢" * (4 * 77)
    assert captions._beginning("a " * 100_000) == " ".join("a" * (2 * 77))


def test_what_the_tokenizer_remembers_has_an_end(captions: Captions, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory of words starts anew when it is full, the marks kept, and tokens stay what they were."""
    monkeypatch.setattr(caption, "KNOWN_WORDS", 20)
    before = captions._tokenize(["w7 w8"]).tolist()
    for number in range(200):
        captions._tokenize([f"word{chr(97 + number % 26)}{chr(97 + number // 26)}"])
        assert len(captions._tokenizer.cache) <= 21
    assert captions._tokenize(["w7 w8"]).tolist() == before
    assert {"<start_of_text>", "<end_of_text>"} <= set(captions._tokenizer.cache)


def test_no_texts_are_no_batches(captions: Captions) -> None:
    """Nothing is tokenized."""
    assert list(captions.batches([])) == []
