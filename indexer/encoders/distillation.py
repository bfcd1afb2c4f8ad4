"""A sentence encoder distilled into static word vectors: every token of its vocabulary is encoded as a text of its own.

Written once into a folder that model2vec reads, and from then on all that `static.py` needs. The recipe is model2vec's
(principal components, then weights against frequent tokens by Zipf's law), with one addition: the components are scaled
to equal variance. Plain vote, leaves right without / with it: flipkart_1050 77.7 / 79.9, mwpd_gpc_16k 68.8 / 70.8,
flipkart_20k 87.1 / 88.5 (docs/adr/0009).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from model2vec.persistence import save_pretrained
from tokenizers import Tokenizer

from indexer.encoders import Say, Vectors
from indexer.encoders.sentence_transformers import opened
from indexer.errors import ModelNotFound

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DIM = 256
SIF = 1e-4
"""A token of frequency p weighs SIF / (SIF + p) (Arora et al. 2017, smooth inverse frequency)."""
TOKENS = 128
"""A text is read up to here, as by the default encoder; 512 tokens lose a point on flipkart_1050."""
RECIPE = f"1 dim={DIM} sif={SIF} tokens={TOKENS}"
"""Of all that decides the vectors besides the source's weights; its number is raised when the code below does."""

BATCH = 512
FLAT = 1e-6
"""Components of less than this share of the largest variance are rounding, and left out."""

_UNUSED = re.compile(r"\[unused\d+\]")


def distil(source: Path, folder: Path, say: Say) -> None:
    """Write the static vectors of the sentence-transformers model in `source` to `folder`; `say` hears how far it is.

    The same source gives the same vectors on every machine, beyond 1e-3 of rounding: the sign of a component, which is
    free, is fixed. Raises ModelNotFound when the model cannot be loaded, or has no tokenizer to keep.
    """
    model = opened(source)
    fast = getattr(model.tokenizer, "backend_tokenizer", None)
    if not isinstance(fast, Tokenizer):
        raise ModelNotFound(f"the model in {source} has no fast tokenizer; give one whose folder has a tokenizer.json")
    tokenizer = Tokenizer.from_str(fast.to_str())  # a copy: the model's own goes on padding
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokens = _words(tokenizer)
    before, after = _marks(tokenizer)
    marked = [[*before, token, *after] for token in tokens]
    rows = []
    for batch in _encoded(model, [marked[start : start + BATCH] for start in range(0, len(marked), BATCH)]):
        rows.append(batch)
        say(f"distilling it, this once: {sum(map(len, rows)):,} of {len(tokens):,} tokens")
    static = weighted(components(np.concatenate(rows)))
    vectors = np.zeros((tokenizer.get_vocab_size(), static.shape[1]), np.float32)
    vectors[tokens] = static
    save_pretrained(folder, vectors, tokenizer, {"normalize": True, "max_length": TOKENS}, create_model_card=False)


def components(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the first DIM principal components of `rows`, or as many as there are, each of variance 1."""
    centred = rows - rows.mean(axis=0)
    variance, axes = np.linalg.eigh(centred.T @ centred / len(rows))
    kept = np.flatnonzero(variance > FLAT * variance[-1])[::-1][:DIM]
    axes = axes[:, kept]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(len(kept))])
    scaled: npt.NDArray[np.float64] = centred @ (axes / np.sqrt(variance[kept]))
    return scaled


def weighted(rows: npt.NDArray[np.float64]) -> Vectors:
    """Return `rows`, the most frequent token first, weighed by SIF with frequencies by Zipf's law."""
    share = 1 / np.arange(2, len(rows) + 2)
    share /= share.sum()
    return np.asarray(rows * (SIF / (SIF + share))[:, None], np.float32)


def _encoded(model: SentenceTransformer, batches: list[list[list[int]]]) -> Iterator[npt.NDArray[np.float64]]:
    """Yield the vectors of each batch of token ids, in order; as many batches at a time as torch has threads.

    Threads that share one small multiplication are slower than one alone (docs/adr/0006), so each has a batch.
    """
    import torch  # not needed to read what was distilled before

    @torch.inference_mode()
    def encode(batch: list[list[int]]) -> npt.NDArray[np.float64]:
        ids = torch.tensor(batch, device=model.device)
        found = model({"input_ids": ids, "attention_mask": torch.ones_like(ids)})["sentence_embedding"]
        rows: npt.NDArray[np.float64] = found.double().cpu().numpy()
        return rows

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(threads, "distillation")
    try:
        yield from pool.map(encode, batches)
    finally:
        pool.shutdown(cancel_futures=True)  # who stops listening, by Ctrl-C say, waits for no further batch
        torch.set_num_threads(threads)


def _words(tokenizer: Tokenizer) -> list[int]:
    """Return the ids of all tokens that stand for text, in the vocabulary's order, which is that of frequency."""
    special = {token for token, added in tokenizer.get_added_tokens_decoder().items() if added.special}
    vocabulary = tokenizer.get_vocab()
    return sorted(token for word, token in vocabulary.items() if token not in special and not _UNUSED.fullmatch(word))


def _marks(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Return the ids that the model puts before and after every text."""
    bare, marked = (tokenizer.encode("a", add_special_tokens=special).ids for special in (False, True))
    start = next(at for at in range(len(marked)) if marked[at : at + len(bare)] == bare)
    return marked[:start], marked[start + len(bare) :]
