"""The text tower: what a picture's caption would say of a product, as a unit vector that pictures are compared with.

Most towers see a text up to its end mark only, whatever is filled in behind it (a causal mask, and the row of the end
mark is the text's). Then a batch of like lengths is cut to its longest text, where open_clip computes all 77 places: of
texts of 23 tokens 3.2 times as many in a CPU-second (`benchmarks/clip.py`); `tests/test_caption.py` holds the two to
1e-5 of each other. Other towers look at the filling, and get all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from indexer.encoders import Vectors
from indexer.encoders.clip.checkpoint import Checkpoint

BATCH_TOKENS = 1_024
BATCH_TEXTS = 64
"""A batch ends at either, as `minilm`'s."""

WORD_CHARS = 4
"""Characters of one word that are tokenized, for each token that the tower reads: a text in Chinese is one word to an
English model, and pairing up its bytes takes time by the square."""
KNOWN_WORDS = 100_000
"""Words whose tokens the tokenizer of open_clip remembers; its memory has no end of its own."""


class Captions:
    """The text tower of a model with its tokenizer."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._model = checkpoint.model
        self._tokenizer = checkpoint.tokenizer
        self.tokens = int(checkpoint.tokenizer.context_length)
        tower = getattr(self._model, "text", self._model)
        self._tower = tower if _causal(tower) else None

    @property
    def cut(self) -> bool:
        """Whether batches are cut to their longest text."""
        return self._tower is not None

    def batches(self, texts: Sequence[str]) -> Iterator[tuple[list[int], Tensor]]:
        """Yield positions in `texts` and their tokens (n, length), the longest texts first."""
        if not texts:
            return
        tokens = self._tokenize([self._beginning(text) for text in texts])
        lengths = (self._ends(tokens) + 1).tolist()
        order = sorted(range(len(texts)), key=lambda position: -lengths[position])
        start = 0
        while start < len(order):
            longest = lengths[order[start]]
            positions = order[start : start + max(1, min(BATCH_TEXTS, BATCH_TOKENS // longest))]
            start += len(positions)
            yield positions, tokens[positions, :longest]

    @torch.inference_mode()
    def rows(self, tokens: Tensor) -> Vectors:
        """Return unit rows."""
        found = self._model.encode_text(tokens) if self._tower is None else self._cut_rows(self._tower, tokens)  # type: ignore[operator]  # a module's attributes are modules to the checker
        rows: Vectors = functional.normalize(found, dim=-1).numpy()
        return rows

    def _cut_rows(self, tower: Any, tokens: Tensor) -> Tensor:  # noqa: ANN401  (the library ships no types)
        """Return what the tower's own forward does, of `tokens.shape[1]` places and of the end marks' rows only."""
        length = tokens.shape[1]
        hidden = tower.token_embedding(tokens) + tower.positional_embedding[:length]
        hidden = tower.transformer(hidden, attn_mask=tower.attn_mask[:length, :length])
        ends = tower.ln_final(hidden[torch.arange(len(tokens)), self._ends(tokens)])
        projection = tower.text_projection
        if projection is None:
            return Tensor(ends)
        return Tensor(projection(ends) if isinstance(projection, nn.Linear) else ends @ projection)

    def _ends(self, tokens: Tensor) -> Tensor:
        """Return the place of each text's end mark, the last place where a tower reads all."""
        if self._tower is None:
            return torch.full((len(tokens),), tokens.shape[1] - 1)
        pool, mark = _pooling(self._tower)
        return (tokens == mark).int().argmax(-1) if pool == "eos" else tokens.argmax(-1)

    def _beginning(self, text: str) -> str:
        """Return the words of a text that the tower can read; twice as many, as some may come to no token."""
        longest = WORD_CHARS * self.tokens
        return " ".join(word[:longest] for word in text.split(None, 2 * self.tokens)[: 2 * self.tokens])

    def _tokenize(self, texts: list[str]) -> Tensor:
        cache = getattr(self._tokenizer, "cache", None)
        if isinstance(cache, dict) and len(cache) > KNOWN_WORDS:
            self._tokenizer.cache = dict(islice(cache.items(), len(self._tokenizer.all_special_ids)))
        return Tensor(self._tokenizer(texts)).long()


def _causal(tower: Any) -> bool:  # noqa: ANN401  (as above)
    """Say whether nothing behind a text's end mark can change its vector."""
    mask = getattr(tower, "attn_mask", None)
    if (
        not isinstance(mask, Tensor)
        or getattr(tower, "cls_emb", None) is not None
        or getattr(tower, "use_pad_mask", False)
    ):
        return False
    length = len(mask)
    expected = torch.full((length, length), float("-inf")).triu_(1)
    return torch.equal(mask, expected) and _pooling(tower)[0] in ("argmax", "eos")


def _pooling(tower: Any) -> tuple[str, int]:  # noqa: ANN401  (as above)
    """Return how the tower picks a text's row and its end mark: open_clip's two classes name these differently."""
    pool = getattr(tower, "text_pool_type", None) or getattr(tower, "pool_type", "")
    mark = getattr(tower, "text_eos_id", None) if hasattr(tower, "text_eos_id") else getattr(tower, "eos_id", None)
    return str(pool), int(mark if mark is not None else -1)
