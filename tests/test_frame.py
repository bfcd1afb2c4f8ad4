"""What an image tower reads of a picture is what open_clip's own transform makes of it, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from indexer.encoders.clip.frame import LONGEST, Frame
from indexer.encoders.clip.tags import library
from indexer.errors import ModelNotFound
from indexer.picture import Pixels

with library() as _library:
    TRANSFORM = _library.image_transform

OPENAI = {"mean": (0.48145466, 0.4578275, 0.40821073), "std": (0.26862954, 0.26130258, 0.27577711)}
PLAIN = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
HALVES = {"mean": 0.5, "std": 0.5}
MODELS: dict[
    str, dict[str, Any]
] = {  # as open_clip's table has them: CLIP, MobileCLIP, SigLIP, and two that a training may have left
    "clip": {"size": (224, 224), "interpolation": "bicubic", "resize_mode": "shortest", **OPENAI},
    "mobileclip": {"size": 256, "interpolation": "bilinear", "resize_mode": "shortest", **PLAIN},
    "siglip": {"size": (224, 224), "interpolation": "bicubic", "resize_mode": "squash", **HALVES},
    "padded": {"size": 64, "interpolation": "bilinear", "resize_mode": "longest", **OPENAI, "fill_color": 7},
    "oblong": {"size": (48, 80), "interpolation": "bilinear", "resize_mode": "shortest", **OPENAI},
    "oblong padded": {"size": (80, 48), "interpolation": "bicubic", "resize_mode": "longest", **HALVES},
    "oblong squashed": {"size": (80, 48), "interpolation": "random", "resize_mode": "squash", **HALVES},
}


def pixels(width: int, height: int, seed: int = 0) -> Pixels:
    """Return colours by chance over a slope, so that both edges and smooth ground are resized."""
    chance = np.random.default_rng(seed).integers(0, 90, (height, width, 3))
    slope = np.linspace(0, 165, width).astype(np.int64)[None, :, None]
    return (chance + slope).astype(np.uint8)


@settings(max_examples=60)
@given(st.sampled_from(sorted(MODELS)), st.integers(1, 400), st.integers(1, 400), st.integers(0, 9))
def test_what_the_tower_reads_is_open_clips_transform_to_the_bit(name: str, width: int, height: int, seed: int) -> None:
    """For every way to resize and every shape of picture, larger or smaller than the model's."""
    assume(max(width, height) <= LONGEST * min(width, height))
    chosen = {"fill_color": 0, **MODELS[name]}
    named = {{"size": "image_size"}.get(key, key): value for key, value in chosen.items()}
    picture = pixels(width, height, seed)
    expected = TRANSFORM(is_train=False, **named)(Image.fromarray(picture)).numpy()
    got = Frame.of(chosen)(picture)
    assert got.dtype == np.float32
    assert np.array_equal(expected, got)


def test_a_picture_of_the_right_size_is_only_scaled() -> None:
    """Nothing is resized that fits: white becomes (1 - mean) / std."""
    frame = Frame(2, 2, (0.5, 0.25, 0.0), (0.5, 0.25, 2.0))
    white = np.full((2, 2, 3), 255, np.uint8)
    assert frame(white)[:, 0, 0].tolist() == [1.0, 3.0, 0.5]


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
def test_a_strip_is_seen_by_its_middle_and_takes_no_room(mode: str) -> None:
    """Two million pixels in one row give a picture of the model's size; resized whole they would fill gigabytes."""
    strip = np.zeros((1, 2_000_000, 3), np.uint8)
    strip[:, 1_000_000 - 8 : 1_000_000 + 8] = 255
    seen = Frame(32, 32, (0.0,) * 3, (1.0,) * 3, mode=mode)(strip)
    assert seen.shape == (3, 32, 32)
    assert seen[:, 16, 16].max() == (1.0 if mode == "shortest" else 0.0)


def test_a_frame_says_all_that_decides_about_the_outcome() -> None:
    """The text goes into fingerprints; the side is what a decoder has to give at least."""
    frame = Frame.of({"fill_color": 0, **MODELS["clip"]})
    assert str(frame) == "224/shortest/bicubic/0.481,0.458,0.408/0.269,0.261,0.276"
    assert frame.side == 224
    padded = Frame.of({**MODELS["oblong padded"], "fill_color": 9})
    assert str(padded) == "80x48/longest/9/bicubic/0.5,0.5,0.5/0.5,0.5,0.5"
    assert padded.side == 80


def test_a_way_to_resize_that_nobody_knows_is_refused() -> None:
    """It is named, with those that are known."""
    with pytest.raises(ModelNotFound, match="by 'lanczos' and 'shortest'; known are bicubic, bilinear"):
        Frame.of({"fill_color": 0, **MODELS["clip"], "interpolation": "lanczos"})
