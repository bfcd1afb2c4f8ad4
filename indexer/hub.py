"""Gets the weights of a model from a model hub, once: what `aisle models pull` does, and nothing else goes online.

Files land in aisle's cache folder (`AISLE_CACHE`), each under its name when it is whole. A transfer that was broken off
goes on where it stopped, which the hub's own library does within one process only. The hash is compared with what the
hub says, with the register, and with what was got before. `HF_ENDPOINT` names another hub, such as a mirror.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from indexer.digest import sha256_of
from indexer.errors import AisleError, ModelMismatch, ModelNotFound
from indexer.models import (
    CONFIG,
    FIRST_USE,
    PICKLES,
    WEIGHTS,
    Found,
    cached,
    command,
    found,
    kept,
    on_disk,
    plain,
    remember,
    repository,
    vouched,
)

FIRST_BYTE_SECONDS = 10
"""A hub that has not answered by then does not."""
SMALL = ("*.json", "*.txt", "*.model")
"""Files beside the weights: settings and tokenizers; neither pickles nor code."""
SMALL_BYTES = 50_000_000
REVISION = "main"

Arrived = Callable[[int, int], None]
"""Hears how many bytes of the weights are here, and of how many."""


def pull(name: str = "", arrived: Arrived | None = None) -> Found:
    """Return a model that is on this machine afterwards, got now unless it was there.

    Raises ModelNotFound when no hub answers within ten seconds, has no such model, wants a login, or has pickled
    weights only; ModelMismatch when the weights are not what they were, and then nothing is kept of them.
    """
    name = plain(name)
    if on_disk(name):
        here = found(name)
        if here.repository and not here.known:
            remember(here.repository, here.sha256, here.folder.name)
            return replace(here, known=FIRST_USE)
        return here
    repo = repository(name)
    with _hub(name):
        listed = _Listed.of(repo)
        weights = _weights(name, repo, listed.sizes)
        for small in listed.small():
            listed.get(small)
        _companions(repo)
        listed.get(weights, arrived, lambda file: _check(name, repo, file, listed.hashes.get(weights, "")))
    here = found(name)
    remember(repo, here.sha256, listed.revision)
    return replace(here, known=here.known or FIRST_USE)


@dataclass(frozen=True, slots=True)
class _Listed:
    """What a hub has of a repository now: sizes and, of large files, SHA-256."""

    repository: str
    revision: str
    sizes: dict[str, int]
    hashes: dict[str, str]

    @classmethod
    def of(cls, repository: str) -> _Listed:
        from huggingface_hub import HfApi

        info = HfApi().model_info(repository, revision=REVISION, files_metadata=True, timeout=FIRST_BYTE_SECONDS)
        files = info.siblings or []
        sizes = {file.rfilename: file.size or 0 for file in files}
        return cls(repository, str(info.sha), sizes, {file.rfilename: file.lfs.sha256 for file in files if file.lfs})

    def small(self, *patterns: str) -> list[str]:
        wanted = (file for file in self.sizes if any(fnmatch(file, pattern) for pattern in patterns or SMALL))
        return sorted(file for file in wanted if "/" not in file and self.sizes[file] <= SMALL_BYTES)

    def get(self, file: str, arrived: Arrived | None = None, check: Callable[[Path], None] | None = None) -> Path:
        """Return a file in the cache folder; it has its name there when it is whole and was checked."""
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils._headers import build_hf_headers

        class Bar(_Bar):
            """What the hub's library takes for a progress bar."""

            tell, size_known = staticmethod(arrived or _nobody), self.sizes[file]

        folder = kept(self.repository)
        folder.mkdir(parents=True, exist_ok=True)
        url = hf_hub_url(self.repository, file, revision=self.revision)
        headers = build_hf_headers()
        where = get_hf_file_metadata(url, timeout=FIRST_BYTE_SECONDS, headers=headers).location
        if urlsplit(where).netloc != urlsplit(url).netloc:
            headers.pop("authorization", None)  # the hub's, not its warehouse's
        part = folder / f"{file}.{self.revision[:12]}.part"
        with part.open("ab") as rest:
            here, size = rest.tell(), self.sizes[file]
            http_get(where, rest, resume_size=here, headers=headers, expected_size=size, tqdm_class=Bar)
        if check:
            check(part)
        return part.replace(folder / file)


def _weights(name: str, repo: str, sizes: dict[str, int]) -> str:
    for file in WEIGHTS:
        if file in sizes:
            return file
    pickled = sorted(file for file in sizes if any(fnmatch(file, pattern) for pattern in PICKLES))
    raise ModelNotFound(
        f"{repo} has no {WEIGHTS[0]}"
        + (f", only {pickled[0]}, and pickled weights are never loaded" if pickled else "")
        + f"; take another model than {name}: `aisle models list` names some"
    )


def _companions(repository: str) -> None:
    """Get what a model's settings name of other repositories: a tokenizer, the settings of a text tower."""
    from indexer.encoders.clip.checkpoint import TOKENIZERS

    settings = cached(repository, CONFIG)
    text = json.loads(settings.read_text("utf-8")).get("model_cfg", {}).get("text_cfg", {}) if settings else {}
    wanted: list[tuple[str, Sequence[str]]] = []
    if text.get("hf_tokenizer_name") and not any(cached(repository, file) for file in TOKENIZERS):
        wanted.append((text["hf_tokenizer_name"], SMALL))
    if text.get("hf_model_name"):
        wanted.append((text["hf_model_name"], ("config.json",)))
    for name, patterns in wanted:
        listed = _Listed.of(name)
        for file in listed.small(*patterns):
            listed.get(file)


def _check(name: str, repo: str, file: Path, said: str) -> None:
    """Raise ModelMismatch, and delete the file, unless it has the hash that everybody who knows one names."""
    expected, known = vouched(repo)
    sha256 = sha256_of(file)
    for hash_, by in ((said, "the hub"), (expected, known)):
        if hash_ not in ("", sha256):
            file.unlink()
            raise ModelMismatch(
                f"the weights of {name} that came have SHA-256 {sha256}, expected by {by} is {hash_}; they were "
                f"deleted; try again with: {command(name)}"
            )


@contextmanager
def _hub(name: str) -> Iterator[None]:
    """Turn what a hub's library raises into what the user can do about it."""
    from huggingface_hub.errors import GatedRepoError, OfflineModeIsEnabled, RepositoryNotFoundError

    try:
        yield
    except AisleError:
        raise
    except OfflineModeIsEnabled as error:
        raise ModelNotFound(
            f"{name} cannot be got while HF_HUB_OFFLINE is set; unset it for: {command(name)}"
        ) from error
    except GatedRepoError as error:
        raise ModelNotFound(
            f"the hub gives {name} only to who agreed to its terms; agree there, set HF_TOKEN, then: {command(name)}"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelNotFound(f"the hub has no repository for {name}; `aisle models list` names some models") from error
    except Exception as error:  # the library lets through what its transport raises, whichever that is
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelNotFound(
            f"no model hub gives {name} now ({reason}); try again while online with: {command(name)}"
        ) from error


def _nobody(_here: int, _of: int) -> None:
    """Hear nothing."""


class _Bar:
    """As much of a progress bar as the hub's library uses, telling bytes instead of drawing."""

    tell: Callable[[int, int], None]
    size_known: int

    def __init__(self, *_given: object, total: int | None = None, initial: int = 0, **_others: object) -> None:
        self.total = total or self.size_known
        self.n = initial

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def update(self, more: float = 1) -> None:
        self.n += int(more)
        self.tell(self.n, self.total)

    def close(self) -> None:
        """End."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (whatever else is asked of a bar draws)
        return _ignored


def _ignored(*_given: object, **_named: object) -> None:
    """Draw nothing."""
