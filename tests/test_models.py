"""Where models of pictures are looked for, what vouches for them, and what the commands say of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from indexer import models
from indexer.digest import sha256_of
from indexer.errors import ModelMismatch, ModelNotFound
from service.cli import aisle

DEFAULT = models.MODELS[0]


def ran(*arguments: str) -> Result:
    """Return what a command did."""
    return CliRunner().invoke(aisle, ["models", *arguments])


@pytest.fixture
def cached(tiny_clip: Path, hub_cache: Path) -> Path:
    """Return the folder that another program got the default model's repository into: the tiny model stands for it."""
    repository = hub_cache / f"models--{DEFAULT.repository.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("c0ffee", "utf-8")
    return Path(shutil.copytree(tiny_clip, repository / "snapshots" / "c0ffee"))


def test_the_default_is_under_a_free_licence_and_first_in_the_list() -> None:
    """Each model has a name of its own; no hash is stated that nobody here has seen."""
    assert (DEFAULT.name, DEFAULT.licence) == (models.DEFAULT, "MIT")
    assert len({model.name for model in models.MODELS}) == len(models.MODELS)
    assert all(model.sha256 is None or len(model.sha256) == 64 for model in models.MODELS)


def test_registered_repositories_are_those_of_open_clips_table() -> None:
    """A tag leads to the same repository by the register as by the library."""
    from indexer.encoders.clip.tags import repository_of

    tags = [model for model in models.MODELS if not model.name.startswith(models.HUB)]
    assert [repository_of(model.name) for model in tags] == [model.repository for model in tags]


def test_a_name_leads_to_its_repository() -> None:
    """By the register, with the technology or without, or as a hub has it."""
    assert models.repository("") == DEFAULT.repository
    assert models.repository(f"open_clip:{DEFAULT.name}") == DEFAULT.repository
    assert models.repository("open_clip") == DEFAULT.repository
    assert models.repository("hf-hub:hollin/own-clip") == "hollin/own-clip"
    assert models.registered(f"hf-hub:{DEFAULT.repository}") == DEFAULT


def test_what_is_not_here_is_named_with_the_command_that_gets_it(hub_cache: Path) -> None:
    """Nobody is asked over the network; `auto` finds nothing."""
    assert not any(hub_cache.iterdir())
    with pytest.raises(
        ModelNotFound, match=r"not on this machine; get them once, while online, with: aisle models pull$"
    ):
        models.folder("")
    with pytest.raises(ModelNotFound, match=r"with: aisle models pull hf-hub:hollin/own-clip$"):
        models.folder("hf-hub:hollin/own-clip")
    assert models.default_on_disk() == ""


def test_a_model_that_another_program_got_is_found(cached: Path) -> None:
    """In the hub's cache; nothing vouches for it until its hash is kept, and from then on every load checks it."""
    assert models.default_on_disk() == f"open_clip:{DEFAULT.name}"
    found = models.found("")
    assert (found.folder, found.name, found.repository, found.known) == (cached, DEFAULT.name, DEFAULT.repository, "")
    models.remember(DEFAULT.repository, found.sha256, "c0ffee")
    assert models.found("").known == "first use"
    weights = cached / models.WEIGHTS[0]
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00\x01")
    with pytest.raises(ModelMismatch, match=f"expected by first use is {found.sha256}; delete .* aisle models pull$"):
        models.found("")


def test_pickled_weights_are_refused_with_the_reason(tmp_path: Path) -> None:
    """A folder with a .pt or .bin file holds nothing that may be loaded, and neither does an empty one."""
    with pytest.raises(ModelNotFound, match=r"has no open_clip_model\.safetensors"):
        models.folder(str(tmp_path))
    for name in ("open_clip_pytorch_model.bin", "model.pt"):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(ModelNotFound, match="is pickled, and a pickle can run any program when it is loaded"):
            models.folder(str(tmp_path))
        (tmp_path / name).unlink()


def test_a_file_in_place_of_a_folder_is_refused(tiny_clip: Path) -> None:
    """The message says which files a folder must have."""
    with pytest.raises(ModelNotFound, match=r"is no folder; give one with open_clip_config\.json"):
        models.folder(str(tiny_clip / models.WEIGHTS[0]))


def test_list_says_what_is_here(cached: Path) -> None:
    """In text, one line for each; in JSON, all that is known."""
    assert cached.is_dir()
    lines = ran("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == [model.name for model in models.MODELS]
    assert lines[0].split()[1] == "here"
    told = orjson.loads(ran("list", "--json").stdout)
    assert [row["on_disk"] for row in told] == [True] + [False] * (len(models.MODELS) - 1)
    assert (told[0]["default"], told[0]["encoder"]) == (True, f"open_clip:{DEFAULT.name}")


def test_pull_of_what_is_here_keeps_its_hash_in_mind(cached: Path) -> None:
    """No network is needed for it; from then on `verify` has something to compare with."""
    assert ran("verify").stdout.endswith(", which nothing here vouches for\n")
    done = ran("pull")
    assert done.exit_code == 0, done.output
    assert f"{DEFAULT.name} was here: {cached}" in done.stderr
    sha256 = sha256_of(cached / models.WEIGHTS[0])
    assert ran("verify").stdout == f"{DEFAULT.name}: {sha256}, the same as when it was got\n"
    told = {"name": DEFAULT.name, "folder": str(cached), "sha256": sha256, "vouched_by": "first use"}
    assert orjson.loads(ran("verify", "--json").stdout) == [told]
    assert orjson.loads(ran("pull", "--json").stdout) == told


def test_path_prints_the_folder(cached: Path) -> None:
    """One line, for a shell to use."""
    assert ran("path").stdout == f"{cached}\n"
    assert orjson.loads(ran("path", "--json").stdout) == {"name": DEFAULT.name, "folder": str(cached)}


def test_verify_without_any_model_says_how_to_get_one(hub_cache: Path) -> None:
    """Nothing to verify is no error."""
    assert hub_cache.is_dir()
    done = ran("verify")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.endswith("get the default one with: aisle models pull\n")
