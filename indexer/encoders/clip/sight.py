"""The picture tower: pixels to unit vectors, each picture framed just before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from indexer.encoders import Vectors
from indexer.encoders.clip.checkpoint import Checkpoint
from indexer.picture import Pixels


class Sight:
    """The picture tower of a model with its frame. Several threads may use one."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._model = checkpoint.model
        self._frame = checkpoint.frame

    @torch.inference_mode()
    def rows(self, pixels: Sequence[Pixels]) -> Vectors:
        """Return the unit rows of one batch of pictures."""
        framed = torch.from_numpy(np.stack([self._frame(each) for each in pixels]))
        found = functional.normalize(self._model.encode_image(framed), dim=-1)  # type: ignore[operator]  # as it is typed
        return np.asarray(found.numpy(), np.float32)
