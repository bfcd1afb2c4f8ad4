"""A CLIP model made of files on this machine: towers, tokenizer, and what they were made for.

open_clip would fetch whatever it lacks, by itself and from wherever a configuration says. Here everything is found on
disk first, and open_clip is handed files: safetensors weights only, no code that comes with a model, no network.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from indexer.encoders.clip.frame import Frame
from indexer.encoders.clip.tags import entry, library
from indexer.errors import ModelNotFound
from indexer.models import CONFIG, Found, cached, command

TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "spiece.model", "vocab.txt", "sentencepiece.bpe.model")
"""Any of these says that a folder has its own tokenizer."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model that was loaded, in evaluation mode, float32, on the CPU; `dim` is the width of both its towers' rows."""

    model: nn.Module
    tokenizer: Any
    frame: Frame
    dim: int


def load(found: Found) -> Checkpoint:
    """Return the model in a folder.

    Raises ModelNotFound when a file of it is missing, cannot be read or is for another open_clip, and when the weights
    do not fit the architecture.
    """
    settings, preprocess = _settings(found)
    text: dict[str, Any] = dict(settings["text_cfg"])
    vision = {**settings["vision_cfg"], "timm_model_pretrained": False}
    if text.get("hf_model_name"):
        text |= {
            "hf_model_name": str(_companion(found, text["hf_model_name"], "config.json")),
            "hf_model_pretrained": False,
        }
    with library() as open_clip:
        try:
            tokenizer = _tokenizer(open_clip, found, text)
            model = _model(open_clip, {**settings, "text_cfg": text, "vision_cfg": vision}).eval()
            open_clip.load_checkpoint(model, str(found.weights), strict=True)
        except ModelNotFound:
            raise
        except Exception as error:  # four libraries raise what they like of settings and files that others made
            reason = " ".join(str(error).split())[:300]
            raise ModelNotFound(
                f"{found.weights} cannot be loaded as the model that {CONFIG} describes ({type(error).__name__}: "
                f"{reason}); get it anew, or give a folder as open_clip's save_for_hf writes it"
            ) from error
        size = getattr(model.visual, "image_size", None) or preprocess.get("size")
        return Checkpoint(
            model, tokenizer, Frame.of({**_defaults(open_clip), **preprocess, "size": size}), settings["embed_dim"]
        )


def _settings(found: Found) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the model's settings and what its preprocessing is: by the folder, else by open_clip's own table."""
    try:
        read = json.loads((found.folder / CONFIG).read_text("utf-8"))
        settings = dict(read["model_cfg"])
        known = all(isinstance(settings[name], dict) for name in ("text_cfg", "vision_cfg")) and int(
            settings["embed_dim"]
        )
        if not known:
            raise ValueError("model_cfg has no embed_dim, text_cfg and vision_cfg")
        return settings, dict(read.get("preprocess_cfg", {}))
    except FileNotFoundError:
        return _by_table(found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelNotFound(
            f"{found.folder / CONFIG} is not what open_clip's save_for_hf writes ({type(error).__name__}: {error}); "
            "get the model anew, or take another"
        ) from error


def _by_table(found: Found) -> tuple[dict[str, Any], dict[str, Any]]:
    if not found.repository:
        raise ModelNotFound(f"{found.folder} has no {CONFIG}; give a folder as open_clip's save_for_hf writes it")
    architecture, tag = entry(found.name)
    with library() as open_clip:
        settings: dict[str, Any] | None = open_clip.get_model_config(architecture)
        names = set(_defaults(open_clip))
    if settings is None:
        raise ModelNotFound(f"{found.folder} has no {CONFIG}, and open_clip has no architecture {architecture!r}")
    quick = {"quick_gelu": True} if tag.get("quick_gelu") else {}
    return {**settings, **quick}, {name: value for name, value in tag.items() if name in names}


def _defaults(open_clip: Any) -> dict[str, Any]:  # noqa: ANN401  (the library ships no types)
    from dataclasses import asdict

    return asdict(open_clip.transform.PreprocessCfg())


def _model(open_clip: Any, settings: dict[str, Any]) -> nn.Module:  # noqa: ANN401  (the library ships no types)
    """Return the architecture with weights by chance, chosen as open_clip's create_model does."""
    given = dict(settings)
    custom = bool(given.pop("custom_text", False)) or "hf_model_name" in given["text_cfg"]
    kind = "CoCa" if custom and "multimodal_cfg" in given else "CustomTextCLIP" if custom else "CLIP"
    model: nn.Module = getattr(open_clip, kind)(**given)
    return model.float()


def _tokenizer(open_clip: Any, found: Found, text: dict[str, Any]) -> Any:  # noqa: ANN401  (as above)
    length = text.get("context_length") or open_clip.tokenizer.DEFAULT_CONTEXT_LENGTH
    options = dict(text.get("tokenizer_kwargs") or {})
    if not text.get("hf_tokenizer_name"):
        return open_clip.SimpleTokenizer(context_length=length, **options)
    folder = found.folder
    if not any((folder / name).is_file() for name in TOKENIZERS):
        folder = _companion(found, text["hf_tokenizer_name"], *TOKENIZERS)
    options |= {"local_files_only": True, "trust_remote_code": False}
    return open_clip.tokenizer.HFTokenizer(
        str(folder), context_length=length, tokenizer_mode=text.get("tokenizer_mode"), **options
    )


def _companion(found: Found, repository: str, *files: str) -> Path:
    """Return the folder with some of `files` of another repository that the model needs, or of its own."""
    for file in files:
        if path := cached(repository, file):
            return path.parent
    raise ModelNotFound(
        f"{found.name} needs {' or '.join(files)} of {repository}, which is not on this machine; "
        f"get it once, while online, with: {command(found.name)}"
    )
