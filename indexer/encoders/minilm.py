"""all-MiniLM-L6-v2 in plain torch: texts to unit vectors, many at a time and one at a time.

The default encoder's arithmetic, called by `sentence_transformers.py`. That library gives the same vectors (a test
holds the two to 1e-5 of each other) and runs every other model, but a cold start to the first vector costs it three
times the CPU time (10 s, not 3 s, nearly all of it imports), and a short title 1.4 times (18 ms, not 13).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from indexer.encoders import Vectors
from indexer.encoders.threads import side_by_side

DIM = 384
HEADS = 12
LAYERS = 6
EPSILON = 1e-12
"""Of the layer norms, as in the model's config.json."""

BATCH_TOKENS = 2_048
BATCH_TEXTS = 64
"""A batch ends at either; more is no faster on a CPU, and smaller batches share the work out better."""

Linear = tuple[Tensor, Tensor]
"""Weight and bias."""


class MiniLM:
    """The model with its tokenizer; reads the first `tokens` tokens of a text. Several threads may use one."""

    dim = DIM

    def __init__(self, folder: Path, tokens: int) -> None:
        weights = load_file(folder / "model.safetensors")
        self._words = weights["embeddings.word_embeddings.weight"]
        # Every token of a text is of type 0: that row is added once and for all.
        self._places = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = _linear(weights, "embeddings.LayerNorm")
        self._layers = [_Layer.of(weights, f"encoder.layer.{number}") for number in range(LAYERS)]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(tokens)

    def embed(self, texts: Sequence[str]) -> Iterator[tuple[list[int], Vectors]]:
        """Yield batch by batch the positions in `texts` and their unit rows; the longest texts come first."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts)]
        batches = batches_of([len(ids) for ids in tokens])
        work = [[tokens[position] for position in batch] for batch in batches]
        yield from zip(batches, side_by_side(self._rows, work), strict=True)

    @torch.inference_mode()
    def _rows(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        """Return the unit mean of each text's token vectors."""
        lengths = torch.tensor([len(ids) for ids in tokens])
        longest = int(lengths.max())
        padded = torch.tensor([[*ids, *[0] * (longest - len(ids))] for ids in tokens])
        mask = torch.arange(longest) < lengths[:, None]
        attended = None if bool(mask.all()) else mask[:, None, None, :]
        hidden = _normed(self._words[padded] + self._places[:longest], self._norm)
        for layer in self._layers:
            hidden = layer(hidden, attended)
        rows: Vectors = functional.normalize((hidden * mask[:, :, None]).sum(1)).numpy()
        return rows


class _Layer(NamedTuple):
    """One transformer layer: attention, then a wide hidden layer, each added to its input and normed (Devlin 2018)."""

    attention: Linear
    joined: Linear
    attention_norm: Linear
    wide: Linear
    narrow: Linear
    norm: Linear

    @classmethod
    def of(cls, weights: dict[str, Tensor], name: str) -> _Layer:
        """Return the layer `name`; query, key and value are one multiplication."""
        parts = [_linear(weights, f"{name}.attention.self.{part}") for part in ("query", "key", "value")]
        return cls(
            (torch.cat([weight for weight, _ in parts]), torch.cat([bias for _, bias in parts])),
            _linear(weights, f"{name}.attention.output.dense"),
            _linear(weights, f"{name}.attention.output.LayerNorm"),
            _linear(weights, f"{name}.intermediate.dense"),
            _linear(weights, f"{name}.output.dense"),
            _linear(weights, f"{name}.output.LayerNorm"),
        )

    def __call__(self, hidden: Tensor, attended: Tensor | None) -> Tensor:
        """Return the next (texts, tokens, dim); `attended` is False at padding, None when there is none."""
        texts, tokens, _ = hidden.shape
        heads = functional.linear(hidden, *self.attention).view(texts, tokens, 3, HEADS, DIM // HEADS)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=attended)
        seen = seen.transpose(1, 2).reshape(texts, tokens, DIM)
        hidden = _normed(hidden + functional.linear(seen, *self.joined), self.attention_norm)
        wide = functional.gelu(functional.linear(hidden, *self.wide))
        return _normed(hidden + functional.linear(wide, *self.narrow), self.norm)


def batches_of(lengths: Sequence[int]) -> list[list[int]]:
    """Return the positions of `lengths` in batches of like length, longest first, within the limits of a batch."""
    batches: list[list[int]] = []
    room = 0
    for position in sorted(range(len(lengths)), key=lambda position: -lengths[position]):
        if not room:
            batches.append([])
            room = max(1, min(BATCH_TEXTS, BATCH_TOKENS // lengths[position]))
        batches[-1].append(position)
        room -= 1
    return batches


def _linear(weights: dict[str, Tensor], name: str) -> Linear:
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


def _normed(hidden: Tensor, norm: Linear) -> Tensor:
    return functional.layer_norm(hidden, (DIM,), *norm, eps=EPSILON)
