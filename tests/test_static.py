"""The static encoder: what is distilled from a text model, how it is kept, and what it makes of a text."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from indexer import encoders
from indexer.encoders import Encoder, torchvision_schemas
from indexer.encoders.distillation import DIM, SIF, components, weighted
from indexer.encoders.sentence_transformers import weights_hash
from indexer.encoders.static import BATCH
from indexer.errors import EncoderError
from indexer.product import Product

ROOT = Path(__file__).resolve().parent.parent
MARKS = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["a", "red", "cotton", "shirt", "##s", "steel", "kettle", "garden", "chair", "tea", "pot", "lamp"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a text model of 18 tokens and 8 dimensions, with weights by chance, as its library saves one."""
    torchvision_schemas.declare()
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    vocabulary = {word: number for number, word in enumerate(MARKS + WORDS)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106  (no password)
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    marks = [(mark, vocabulary[mark]) for mark in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=marks)
    names = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    tokens = {f"{name}_token": mark for name, mark in names.items()}
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    BertModel(config).save_pretrained(folder / "bert")
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **tokens)  # type: ignore[no-untyped-call]  # as it is
    fast.save_pretrained(folder / "bert")
    transformer = Transformer(str(folder / "bert"))
    SentenceTransformer(modules=[transformer, Pooling(8)]).save(str(folder / "tiny"))
    return folder / "tiny"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache folder of the test's own."""
    monkeypatch.setenv("AISLE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "static"


@pytest.fixture
def encoder(source: Path, cache: Path) -> Encoder:  # noqa: ARG001  (set before loading)
    """Return the encoder distilled from the tiny model."""
    return encoders.load(f"static:{source}")


def table(cache: Path) -> npt.NDArray[np.float32]:
    """Return the only distilled vectors in the cache, a row for each token."""
    (file,) = cache.glob("*/model.safetensors")
    return load_file(file)["embeddings"]


def test_every_token_is_encoded_between_the_marks_of_a_text(source: Path, encoder: Encoder, cache: Path) -> None:
    """By BERT itself: the mean of [CLS], the token and [SEP]; tokens that stand for no text are zero."""
    from transformers import BertModel  # the source has declared the schemas

    bert = BertModel.from_pretrained(source)
    encoded = []
    for token in range(len(MARKS), len(MARKS + WORDS)):
        with torch.inference_mode():
            encoded.append(bert(torch.tensor([[3, token, 4]])).last_hidden_state[0].mean(0).double().numpy())
    expected = weighted(components(np.array(encoded)))
    assert dict(encoder.parts) == {"text": expected.shape[1]}
    np.testing.assert_array_equal(table(cache)[: len(MARKS)], 0)
    np.testing.assert_allclose(table(cache)[len(MARKS) :], expected, atol=1e-4)


def test_a_text_is_the_unit_mean_of_its_tokens(encoder: Encoder, cache: Path) -> None:
    """Word pieces count like words, and each time they come."""
    red, shirt, s = (table(cache)[len(MARKS) + WORDS.index(word)] for word in ("red", "shirt", "##s"))
    mean = red + red + shirt + s
    actual = encoder.encode([Product("1", title="Red red shirts")]).parts["text"][0]
    np.testing.assert_allclose(actual, mean / np.linalg.norm(mean), atol=1e-6)


def test_a_text_without_a_known_token_counts_as_none(encoder: Encoder) -> None:
    """Unknown words, no text and no products are zero rows or none, and the mask says so."""
    encoded = encoder.encode([Product("1", title="zzz"), Product("2", images=("a.jpg",)), Product("3", title="tea")])
    assert encoded.mask["text"].tolist() == [False, False, True]
    np.testing.assert_allclose(np.linalg.norm(encoded.parts["text"], axis=1), [0, 0, 1], atol=1e-6)
    assert len(encoder.encode([])) == 0


def test_a_product_is_encoded_the_same_alone_as_in_company(encoder: Encoder) -> None:
    """Also beyond one batch, and progress counts each product once."""
    products = [Product(str(n), title="garden chair " * (n % 7) + "lamp") for n in range(BATCH + 5)]
    heard: list[int] = []
    together = encoder.encode(products, heard.append).parts["text"]
    assert heard == [BATCH, 5]
    alone = np.concatenate([encoder.encode([product]).parts["text"] for product in products[-20:]])
    np.testing.assert_allclose(together[-20:], alone, rtol=0, atol=1e-6)


def test_the_fingerprint_names_source_recipe_and_dimension(source: Path, encoder: Encoder) -> None:
    """Other weights or another way to distil give another name."""
    key = hashlib.sha256(f"{weights_hash(source)} 1 dim=256 sif=0.0001 tokens=128".encode()).hexdigest()
    assert encoder.name == f"static:tiny@{key[:12]} dim={encoder.parts['text']} text=1"


def test_a_model_is_distilled_once_and_again_when_damaged(source: Path, cache: Path) -> None:
    """What is kept is checked on each load; a changed byte or a missing file is made good, to the same vectors."""
    heard: list[str] = []
    encoders.load(f"static:{source}", heard.append)
    assert heard == ["distilling it, this once: 12 of 12 tokens"]
    encoders.load(f"static:{source}", heard.append)
    assert len(heard) == 1
    made = table(cache)
    (file,) = cache.glob("*/model.safetensors")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    encoders.load(f"static:{source}", heard.append)
    assert len(heard) == 2
    (file.parent / "tokenizer.json").unlink()
    encoders.load(f"static:{source}", heard.append)
    assert len(heard) == 3
    np.testing.assert_array_equal(table(cache), made)
    assert [folder.name for folder in cache.iterdir()] == [file.parent.name]


def test_a_cache_that_cannot_be_written_is_refused_with_the_setting(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the folder and AISLE_CACHE."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("AISLE_CACHE", str(tmp_path / "file"))
    with pytest.raises(EncoderError, match=r"file/static cannot be written .*; set AISLE_CACHE to a folder that can"):
        encoders.load(f"static:{source}")


@given(st.integers(0, 1_000), st.integers(1, 6))
def test_components_have_variance_one_each_and_none_together(seed: int, dim: int) -> None:
    """Whatever the spread of the rows, and a direction without any is left out."""
    random = np.random.default_rng(seed)
    spread = np.diag(random.uniform(0.1, 10, dim)) @ random.standard_normal((dim, dim + 1))
    found = components(random.standard_normal((50, dim)) @ spread + 3)
    np.testing.assert_allclose(found.T @ found / 50, np.eye(found.shape[1]), atol=1e-6)
    assert found.shape[1] <= min(dim, DIM)


def test_a_frequent_token_weighs_less() -> None:
    """By hand: of two tokens, by Zipf's law of shares 3/5 and 2/5."""
    np.testing.assert_allclose(weighted(np.ones((2, 1)))[:, 0], [SIF / (SIF + 3 / 5), SIF / (SIF + 2 / 5)], rtol=1e-6)


@pytest.mark.slow
def test_the_embedded_model_is_distilled_offline_and_then_needs_no_torch(cache: Path) -> None:
    """Its words are near where their meaning is; another process loads what the first one made, without a network."""
    static = encoders.load("static")
    assert static.name == "static:all-MiniLM-L6-v2@38bb997b213c dim=256 text=1"
    sofa, couch, kettle = static.encode([Product(word, title=word) for word in ("sofa", "couch", "kettle")]).parts[
        "text"
    ]
    assert sofa @ couch > 0.3
    assert sofa @ kettle < 0.2
    code = (
        "import sys\n"
        "def refuse(event, _):\n"
        "    if event.startswith('socket.'): raise OSError(event)\n"
        "sys.addaudithook(refuse)\n"
        "from indexer import encoders\n"
        "print(encoders.load('static').name, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "AISLE_CACHE": str(cache.parent)},
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == (f"{static.name} False\n", "")
