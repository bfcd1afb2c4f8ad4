"""Models of pictures by name: which are known, where their weights are on this machine, and whether they are the same.

A model is named by open_clip's architecture and tag (`ViT-B-32-256/datacomp_s34b_b86k`), by a repository of a model hub
(`hf-hub:ORG/REPOSITORY`), or by a folder in that repository's layout. Nothing here asks the network: `indexer.hub` gets
weights, once, into the cache folder (`AISLE_CACHE`); they are looked for there and in the hub's own cache (`HF_HOME`).
What was got is trusted on first use: its hash is kept beside it, or is in the register, and any other is refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from indexer.digest import sha256_of
from indexer.errors import EncoderError, ModelMismatch, ModelNotFound
from indexer.settings import CacheSettings

TECHNOLOGY = "open_clip"
HUB = "hf-hub:"
CONFIG = "open_clip_config.json"
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
"""Names that open_clip gives safetensors weights, the usual one first."""
FIRST_USE = "first use"
"""What vouches for a hash that was kept when the weights were got."""
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.npz")


@dataclass(frozen=True, slots=True)
class Model:
    """One known model; `megabytes` to get, pictures of `side` pixels to vectors of `dim`.

    sha256: of the weights, None where it is not known here: then the first that is got is trusted. licence: of the
    weights, as their publisher states it.
    """

    name: str
    repository: str
    licence: str
    megabytes: int
    side: int
    dim: int
    note: str
    sha256: str | None = None


MODELS = (
    Model(
        "ViT-B-32-256/datacomp_s34b_b86k",
        "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
        *("MIT", 605, 256, 512),
        "the default: most accuracy for its time under a free licence",
    ),
    Model(
        "ViT-B-32/datacomp_xl_s13b_b90k",
        "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K",
        *("MIT", 605, 224, 512),
        "a fifth quicker, less accurate",
    ),
    Model(
        "ViT-B-32/laion2b_s34b_b79k",
        "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        *("MIT", 605, 224, 512),
        "much used; less accurate than the other two of its size",
    ),
    Model(
        "hf-hub:Marqo/marqo-ecommerce-embeddings-B",
        "Marqo/marqo-ecommerce-embeddings-B",
        *("Apache-2.0", 813, 224, 768),
        "trained on products; three times the default's time",
    ),
    Model(
        "ViT-B-32-SigLIP2-256/webli",
        "timm/ViT-B-32-SigLIP2-256",
        *("Apache-2.0", 1507, 256, 768),
        "texts in many languages",
    ),
    Model(
        "ViT-B-16-SigLIP2/webli",
        "timm/ViT-B-16-SigLIP2",
        *("Apache-2.0", 1501, 224, 768),
        "texts in many languages; three times the default's time",
    ),
    Model(
        "MobileCLIP2-S0/dfndr2b",
        "timm/MobileCLIP2-S0-OpenCLIP",
        *("apple-amlr", 300, 256, 512),
        "small; its licence is for research only",
    ),
)
DEFAULT = MODELS[0].name
"""Chosen in docs/adr/0016."""


@dataclass(frozen=True, slots=True)
class Found:
    """A model on this machine. sha256: of its weights, as they are now; known: what vouches for that hash.

    known is "register", "first use" (the hash that was kept when they were got), or "" for nothing. A folder that was
    given as such has its own name, no repository, and nothing that vouches for it.
    """

    name: str
    repository: str
    folder: Path
    weights: Path
    sha256: str
    known: str


def default_on_disk() -> str:
    """Return the spec of the default encoder of pictures when its weights are on this machine, else ""."""
    return f"{TECHNOLOGY}:{DEFAULT}" if on_disk(DEFAULT) else ""


def on_disk(name: str) -> bool:
    """Say whether the weights of a model are on this machine, without reading them."""
    try:
        folder(name)
    except EncoderError:
        return False
    return True


def plain(name: str) -> str:
    """Return the name of a model as it stands in the register: without technology, and the default's for ""."""
    return name.removeprefix(f"{TECHNOLOGY}:").removeprefix(TECHNOLOGY) or DEFAULT


def registered(name: str) -> Model | None:
    """Return the known model of that name or repository."""
    name = plain(name)
    names = (name, name.removeprefix(HUB))
    return next((model for model in MODELS if model.name == name or model.repository in names), None)


def repository(name: str) -> str:
    """Return the repository that a model is got from.

    Raises ModelNotFound for a name that is none: neither known here, nor a tag of open_clip, nor a repository.
    """
    name = plain(name)
    if model := registered(name):
        return model.repository
    if name.startswith(HUB) and name.count("/") == 1:
        return name.removeprefix(HUB)
    found: str = import_module("indexer.encoders.clip.tags").repository_of(name)  # by name: it brings a technology
    return found


def folder(name: str) -> Path:
    """Return the folder of a model: the one that is named, or of what was got once.

    Raises ModelNotFound, with the command that gets it, when there is none with weights that may be loaded.
    """
    given = Path(plain(name)).expanduser()
    if given.is_dir():
        weights(given)
        return given.resolve()
    if given.is_file() or given.is_absolute():
        raise ModelNotFound(
            f"{given} is no folder; give one with {CONFIG} and {WEIGHTS[0]}, as open_clip's save_for_hf writes it"
        )
    repo = repository(name)
    for file in WEIGHTS:
        if path := cached(repo, file):
            return path.parent
    raise ModelNotFound(
        f"the weights of {plain(name)} are not on this machine; get them once, while online, with: {command(name)}"
    )


def cached(repository: str, file: str) -> Path | None:
    """Return a file of a repository that was got once, by aisle or by another program, or None."""
    if (kept(repository) / file).is_file():
        return kept(repository) / file
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(repository, file)
    return Path(path) if isinstance(path, str) and Path(path).is_file() else None


def kept(repository: str) -> Path:
    """Return the folder that aisle keeps what it gets of a repository in."""
    return CacheSettings().cache.expanduser() / "models" / repository.replace("/", "--")


def weights(folder: Path) -> Path:
    """Return the weights in a folder. Raises ModelNotFound when there are none, or pickled ones only."""
    for file in WEIGHTS:
        if (folder / file).is_file():
            return folder / file
    pickled = next((path for pattern in PICKLES for path in sorted(folder.glob(pattern))), None)
    if pickled:
        raise ModelNotFound(
            f"{pickled} is pickled, and a pickle can run any program when it is loaded; "
            f"save the model anew as {WEIGHTS[0]} with open_clip's save_for_hf, or take another"
        )
    raise ModelNotFound(f"{folder} has no {WEIGHTS[0]}; give a folder as open_clip's save_for_hf writes it")


def found(name: str) -> Found:
    """Return a model on this machine, its weights read through and found the same as they ever were.

    Raises ModelNotFound when it is not here, ModelMismatch when the weights have another hash than is known.
    """
    name = plain(name)
    where = folder(name)
    file = weights(where)
    sha256 = sha256_of(file)
    if Path(name).expanduser().is_dir():
        return Found(where.name, "", where, file, sha256, "")
    repo = repository(name)
    expected, known = vouched(repo)
    if expected not in ("", sha256):
        raise ModelMismatch(
            f"the weights of {name} in {file} have SHA-256 {sha256}, expected by {known} is {expected}; delete "
            f"{file.resolve()} and get them anew with: {command(name)}"
        )
    return Found(name, repo, where, file, sha256, known)


def vouched(repository: str) -> tuple[str, str]:
    """Return the hash that the weights of a repository must have, and what vouches for it; two "" for nothing."""
    model = registered(HUB + repository)
    if model and model.sha256:
        return model.sha256, "register"
    try:
        kept = json.loads(_record(repository).read_text("utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return "", ""
    return str(kept), FIRST_USE


def remember(repository: str, sha256: str, revision: str) -> None:
    """Keep the hash of weights that were got, to compare with ever after."""
    record = _record(repository)
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        new = record.with_suffix(".new")
        new.write_text(json.dumps({"sha256": sha256, "revision": revision}) + "\n", "utf-8")
        new.replace(record)
    except OSError as error:
        raise EncoderError(f"{record} cannot be written ({error}); set AISLE_CACHE to a folder that can") from error


def command(name: str) -> str:
    """Return the command that gets a model."""
    return "aisle models pull" if plain(name) == DEFAULT else f"aisle models pull {plain(name)}"


def _record(repository: str) -> Path:
    folder = kept(repository)
    return folder.with_name(f"{folder.name}.json")
