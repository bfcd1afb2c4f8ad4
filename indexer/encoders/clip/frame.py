"""Pixels of a picture to what an image tower reads, equal to open_clip's own transform to the bit.

Resized as Pillow does it (whose filters widen where an image shrinks), cropped or padded to the model's size, and each
channel shifted and scaled. The last step looks each of the 256 values up, in two thirds of the time that arithmetic
takes. open_clip.image_transform is the reference, and `tests/test_frame.py` holds this to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from indexer.errors import ModelNotFound
from indexer.picture import Pixels

MODES = ("shortest", "longest", "squash")
LONGEST = 16
"""A picture that is longer than this many times its width, or wider, loses its ends before it is resized to be cropped:
a strip of a million pixels by 64 would take gigabytes, and nearly all of it is cut off."""
FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "random": Image.Resampling.BICUBIC,  # of the training only; open_clip takes bicubic then
}


@dataclass(frozen=True)
class Frame:
    """What one model wants to see: height and width, mean and spread of each channel, and how to get there.

    mode: "shortest" fits the shorter side and crops, "longest" fits the longer side and pads, "squash" fits both.
    """

    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bicubic"
    mode: str = "shortest"
    fill: int = 0

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Frame:
        """Return the frame of open_clip's preprocess settings. Raises ModelNotFound for some that it does not know."""
        size = settings["size"]
        height, width = size if isinstance(size, Sequence) else (size, size)
        interpolation, mode = settings["interpolation"] or "bicubic", settings["resize_mode"] or "shortest"
        if interpolation not in FILTERS or mode not in MODES:
            raise ModelNotFound(
                f"the model wants pictures resized by {interpolation!r} and {mode!r}; known are "
                f"{', '.join(FILTERS)} and {', '.join(MODES)}"
            )
        mean, std = (_of_channels(settings[name]) for name in ("mean", "std"))
        return cls(int(height), int(width), mean, std, interpolation, mode, int(settings["fill_color"]))

    @property
    def side(self) -> int:
        """The shorter side of the pictures that it wants to see."""
        return max(self.height, self.width)

    def __str__(self) -> str:
        """Say all that decides about the outcome, for a fingerprint."""
        size = str(self.height) if self.height == self.width else f"{self.height}x{self.width}"
        means, stds = (",".join(f"{value:.3g}" for value in values) for values in (self.mean, self.std))
        fill = f"/{self.fill}" if self.mode == "longest" else ""
        return f"{size}/{self.mode}{fill}/{self.interpolation}/{means}/{stds}"

    def __call__(self, pixels: Pixels) -> npt.NDArray[np.float32]:
        """Return float32 (3, height, width) of uint8 (h, w, 3)."""
        seen = np.asarray(self._cut(self._resized(Image.fromarray(self._middle(pixels)))))
        return np.stack([self._values[channel][seen[:, :, channel]] for channel in range(3)])

    def _middle(self, pixels: Pixels) -> Pixels:
        if self.mode != "shortest":
            return pixels
        most = LONGEST * min(pixels.shape[:2])
        top, left = (max(0, length - most) // 2 for length in pixels.shape[:2])
        return np.ascontiguousarray(pixels[top : top + most, left : left + most])

    def _resized(self, image: Image.Image) -> Image.Image:
        size = self._target(image.width, image.height)
        return image if size == image.size else image.resize(size, FILTERS[self._filter])

    @property
    def _filter(self) -> str:
        # open_clip forgets the filter where an oblong picture is cropped, and takes bicubic.
        oblong = self.height != self.width and self.mode == "shortest"
        return "bicubic" if oblong else self.interpolation

    def _target(self, width: int, height: int) -> tuple[int, int]:
        if self.mode == "squash":
            return self.width, self.height
        if self.mode == "shortest" and self.height == self.width:
            side = self.height
            return (side, side * height // width) if width <= height else (side * width // height, side)
        pick = max if self.mode == "longest" else min
        ratio = pick(height / self.height, width / self.width)
        return max(1, round(width / ratio)), max(1, round(height / ratio))

    def _cut(self, image: Image.Image) -> Image.Image:
        """Crop at the centre, what is missing filled."""
        if image.size == (self.width, self.height):
            return image
        across, down = self.width - image.width, self.height - image.height
        if across > 0 or down > 0:
            left, top = max(across, 0) // 2, max(down, 0) // 2
            padded = Image.new("RGB", (max(self.width, image.width), max(self.height, image.height)), (self.fill,) * 3)
            padded.paste(image, (left, top))
            image = padded
        left, top = round((image.width - self.width) / 2), round((image.height - self.height) / 2)
        return image.crop((left, top, left + self.width, top + self.height))

    @cached_property
    def _values(self) -> npt.NDArray[np.float32]:
        """What each of the 256 values becomes, by channel: in float32, step by step as the reference does."""
        values = np.arange(256, dtype=np.float32) / np.float32(255)
        mean, std = (np.array(given, np.float32)[:, None] for given in (self.mean, self.std))
        return np.asarray((values - mean) / std, np.float32)


def _of_channels(given: float | Sequence[float]) -> tuple[float, ...]:
    return tuple(given) if isinstance(given, Sequence) else (given,) * 3
