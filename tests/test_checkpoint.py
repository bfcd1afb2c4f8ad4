"""Models are made of files on this machine as open_clip itself makes them, and whatever is amiss is said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from indexer.encoders.clip import checkpoint
from indexer.encoders.clip.frame import Frame
from indexer.encoders.clip.tags import entry, library, repository_of
from indexer.errors import ModelNotFound
from indexer.models import CONFIG, WEIGHTS, Found, found
from tests.conftest import TINY_CLIP

TIMM = {"timm_model_name": "test_vit", "timm_pool": "token", "timm_proj": "linear", "image_size": 160}
TEXT = TINY_CLIP["text_cfg"]


@pytest.fixture
def own(tiny_clip: Path, tmp_path: Path) -> Path:
    """Return a copy of the tiny model that may be changed."""
    return Path(shutil.copytree(tiny_clip, tmp_path / "own"))


@pytest.mark.parametrize(
    "changes",
    [{}, {"custom_text": True}, {"custom_text": True, "vision_cfg": TIMM}, {"quick_gelu": True}],
    ids=["clip", "custom", "timm", "quick gelu"],
)
def test_a_model_is_the_one_that_open_clip_makes_of_the_folder(
    changes: dict[str, object], save_clip: Callable[..., Path], tmp_path: Path
) -> None:
    """Same class, same weights, same vectors of both towers to the bit; nothing is fetched for a timm tower."""
    folder = save_clip(tmp_path / "model", {**TINY_CLIP, **changes})
    got = checkpoint.load(found(str(folder)))
    with library() as open_clip:
        expected: Any = open_clip.create_model(f"local-dir:{folder}").eval()
    assert type(got.model) is type(expected)
    assert not got.model.training
    side = got.frame.side
    pictures, texts = torch.rand(2, 3, side, side), got.tokenizer(["red shirt", "kettle"])
    with torch.inference_mode():
        for tower, given in (("encode_image", pictures), ("encode_text", texts)):
            assert torch.equal(getattr(expected, tower)(given), getattr(got.model, tower)(given))
    preprocess: Any = vars(expected.visual)["preprocess_cfg"]
    assert str(got.frame) == str(Frame.of(preprocess))
    assert got.dim == 16


def test_a_folder_without_settings_is_refused(own: Path) -> None:
    """Of a folder that was given nobody knows the architecture but it."""
    (own / CONFIG).unlink()
    with pytest.raises(ModelNotFound, match="own has no open_clip_config"):
        checkpoint.load(found(str(own)))


def test_a_repository_without_settings_is_known_by_its_tag(tmp_path: Path) -> None:
    """Then the architecture is open_clip's own of that name, its pictures framed as its table says."""
    here = Found("ViT-B-32/openai", "timm/vit_base_patch32_clip_224.openai", tmp_path, tmp_path / WEIGHTS[0], "", "")
    settings, preprocess = checkpoint._settings(here)
    assert settings["vision_cfg"] == {"image_size": 224, "layers": 12, "width": 768, "patch_size": 32}
    assert settings["quick_gelu"] is True
    assert preprocess["interpolation"] == "bicubic"
    assert sorted(preprocess) == ["interpolation", "mean", "resize_mode", "std"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"model_cfg": 3}', '{"model_cfg": {"embed_dim": 2}}'])
def test_settings_that_are_none_are_said_to_be_so(text: str, own: Path) -> None:
    """An empty file, half a file, and JSON of something else."""
    (own / CONFIG).write_text(text, "utf-8")
    with pytest.raises(ModelNotFound, match="is not what open_clip's save_for_hf writes"):
        checkpoint.load(found(str(own)))


def test_weights_of_another_model_are_refused(own: Path) -> None:
    """The message names the file and what does not fit."""
    config = json.loads((own / CONFIG).read_text("utf-8"))
    config["model_cfg"]["text_cfg"]["width"] = 64
    (own / CONFIG).write_text(json.dumps(config), "utf-8")
    with pytest.raises(ModelNotFound, match=r"cannot be loaded as the model that .* describes .*width changed"):
        checkpoint.load(found(str(own)))


def test_a_truncated_file_of_weights_is_refused(own: Path) -> None:
    """It is an error with a remedy, and no traceback."""
    weights = own / WEIGHTS[0]
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelNotFound, match="cannot be loaded as the model"):
        checkpoint.load(found(str(own)))


def test_a_tokenizer_of_another_repository_is_not_fetched(own: Path, hub_cache: Path) -> None:
    """What a model needs beside its own files is looked for here only, and named with the command that gets it."""
    assert hub_cache.is_dir()
    config = json.loads((own / CONFIG).read_text("utf-8"))
    config["model_cfg"]["text_cfg"] = {**TEXT, "hf_tokenizer_name": "hollin/words"}
    (own / CONFIG).write_text(json.dumps(config), "utf-8")
    with pytest.raises(ModelNotFound, match=r"own needs tokenizer\.json or .* of hollin/words, which is not on this"):
        checkpoint.load(found(str(own)))


def test_a_tokenizer_beside_the_weights_is_the_models(own: Path) -> None:
    """As SigLIP's: its own vocabulary, filled up to the tower's length."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(WordLevel({"[PAD]": 0, "[UNK]": 1, "red": 2, "kettle": 3}, unk_token="[UNK]"))  # noqa: S106
    words.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(own)  # type: ignore[no-untyped-call]  # noqa: S106
    config = json.loads((own / CONFIG).read_text("utf-8"))
    config["model_cfg"]["text_cfg"] = {**TEXT, "hf_tokenizer_name": "hollin/words"}
    (own / CONFIG).write_text(json.dumps(config), "utf-8")
    tokens = checkpoint.load(found(str(own))).tokenizer(["red  steel kettle"])
    assert tokens.shape == (1, 77)
    assert tokens[0, :4].tolist() == [2, 1, 3, 0]


def test_a_tag_leads_to_its_repository() -> None:
    """By open_clip's own table; a name that is not in it is refused with those that are near."""
    assert repository_of("ViT-B-32/laion2b_s34b_b79k") == "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
    assert entry("ViT-B-16-SigLIP/webli")[1]["resize_mode"] == "squash"
    with pytest.raises(ModelNotFound, match=r"near it: .*ViT-B-32/laion2b_s34b_b79k"):
        repository_of("ViT-B-32/laion2b_s34b_b79")
