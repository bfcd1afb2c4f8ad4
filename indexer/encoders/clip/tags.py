"""open_clip's own table: which repository has the weights of an architecture and tag, and how they see pictures."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from indexer.errors import ModelNotFound


@contextmanager
def library() -> Iterator[Any]:
    """Yield the module open_clip, its notes and warnings kept to itself meanwhile; importing it takes seconds."""
    from indexer.encoders import torchvision_schemas

    torchvision_schemas.declare()
    level = logging.root.manager.disable
    logging.disable(logging.ERROR)  # it says through the root logger that a model without weights is random
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import open_clip

            yield open_clip
    finally:
        logging.disable(level)


def entry(name: str) -> tuple[str, dict[str, Any]]:
    """Return architecture and table entry of an `ARCHITECTURE/TAG`. Raises ModelNotFound for one that is not there."""
    architecture, _, tag = name.partition("/")
    with library() as open_clip:
        found: dict[str, Any] = open_clip.get_pretrained_cfg(architecture, tag)
        if found and tag:
            return architecture, found
        known = [f"{model}/{each}" for model, each in open_clip.list_pretrained()]
    near = ", ".join(get_close_matches(name, known, 3, 0.5))
    raise ModelNotFound(
        f"no model {name!r}: it is no folder, and open_clip has none of that name"
        f"{f' (near it: {near})' if near else ''}; "
        "give ARCHITECTURE/TAG, hf-hub:ORG/REPOSITORY or a folder; `aisle models list` names some"
    )


def repository_of(name: str) -> str:
    """Return the repository of an `ARCHITECTURE/TAG`. Raises ModelNotFound where the table has none."""
    _, found = entry(name)
    repository = "/".join(str(found["hf_hub"]).split("/")[:2])
    if not repository:
        raise ModelNotFound(f"{name} is in no model hub, and pickled weights are never loaded; take another model")
    return repository
