"""Text vectors without a neural network: a text is the mean of its tokens' static vectors. For whom speed matters.

The vectors are distilled from a sentence-transformers model, by default the embedded one, when they are first asked
for, and kept in the cache folder under the hash of that model's weights: `static`, or `static:MODEL` by path or hub
name. model2vec reads them and computes; nothing is fetched that `sentence_transformers:MODEL` would not fetch.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from indexer.digest import sha256_of
from indexer.encoders import TEXT_VERSION, Encoded, Progress, Say, silent
from indexer.errors import EncoderError
from indexer.normalize import text_of
from indexer.product import Product
from indexer.settings import CacheSettings

if TYPE_CHECKING:
    from model2vec import StaticModel

BATCH = 1_024
HASHES = "sha256.json"
"""Beside the model's files: the hash of each."""


def load(model: str = "", say: Say = silent) -> StaticEncoder:
    """Return the encoder distilled from `model`, which is named as for sentence_transformers; `say` hears of the work.

    Raises what `sentence_transformers.locate` raises, and EncoderError when the cache folder cannot be written.
    """
    from indexer.encoders.distillation import RECIPE
    from indexer.encoders.sentence_transformers import locate

    name, sha256, source = locate(model)
    key = hashlib.sha256(f"{sha256} {RECIPE}".encode()).hexdigest()
    return StaticEncoder(name, key, _distilled(key, source, say))


class StaticEncoder:
    """One part, `text`. Its fingerprint has the hash of source and recipe, dimension and version of the text."""

    def __init__(self, model_name: str, sha256: str, folder: Path) -> None:
        from model2vec import StaticModel

        self._model: StaticModel = StaticModel.from_pretrained(folder)
        self.name = f"static:{model_name}@{sha256[:12]} dim={self._model.dim} text={TEXT_VERSION}"
        self.parts = MappingProxyType({"text": self._model.dim})
        self.side = 0

    def encode(self, products: Sequence[Product], progress: Progress | None = None) -> Encoded:
        """Return unit rows; a text without a token that the model knows counts as none."""
        vectors = np.zeros((len(products), self._model.dim), np.float32)
        for start in range(0, len(products), BATCH):
            texts = [text_of(product) for product in products[start : start + BATCH]]
            vectors[start : start + BATCH] = self._model.encode(texts, use_multiprocessing=False)
            if progress:
                progress(len(texts))
        return Encoded({"text": vectors}, {"text": np.any(vectors != 0, axis=1)})


def _distilled(key: str, source: Path, say: Say) -> Path:
    """Return the folder of the vectors distilled from `source`, made now unless it is there whole."""
    cache = CacheSettings().cache.expanduser() / "static"
    folder = cache / key
    if _whole(folder):
        return folder
    from indexer.encoders.distillation import distil

    try:
        cache.mkdir(parents=True, exist_ok=True)
        made = Path(mkdtemp(dir=cache))
    except OSError as error:
        raise _unwritable(cache, error) from error
    try:
        distil(source, made, say)
        hashes = {path.name: sha256_of(path) for path in sorted(made.iterdir())}
        (made / HASHES).write_text(json.dumps(hashes, indent=1), "utf-8")
        if not _whole(folder):  # another process may have made it meanwhile
            shutil.rmtree(folder, ignore_errors=True)
            made.rename(folder)
    except OSError as error:
        if not _whole(folder):  # as above
            raise _unwritable(cache, error) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder


def _whole(folder: Path) -> bool:
    """Say whether the files in `folder` are the ones that were written there."""
    try:
        hashes = json.loads((folder / HASHES).read_text("utf-8"))
        return all(sha256_of(folder / name) == sha256 for name, sha256 in hashes.items())
    except (OSError, ValueError, AttributeError):
        return False


def _unwritable(cache: Path, error: OSError) -> EncoderError:
    return EncoderError(f"{cache} cannot be written ({error}); set AISLE_CACHE to a folder that can")
