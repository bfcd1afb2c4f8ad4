"""What is shipped: the wheel's exact contents, and locks that pin all of it under licences that users can live with."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
PACKAGES = {"indexer", "service", "taxonomy"}
METADATA = f"aisle-{PROJECT['version']}.dist-info"
CUDA = ("cuda", "nvidia", "triton")  # beside the torch of some platforms; left out of the locks on purpose
RUNTIME = [Requirement(text) for text in PROJECT["dependencies"] + PYPROJECT["build-system"]["requires"]]
EXTRAS = {name: [Requirement(text) for text in texts] for name, texts in PROJECT["optional-dependencies"].items()}
DEV = [Requirement(text) for text in PYPROJECT["dependency-groups"]["dev"]] + EXTRAS["postgresql"]


def pins(name: str) -> dict[NormalizedName, Version]:
    """Return name -> version of one lock file; a line that is no plain pin fails here."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if not line.startswith(("#", "-r "))]
    for requirement in requirements:
        assert [spec.operator for spec in requirement.specifier] == ["=="], requirement
    return {canonicalize_name(r.name): Version(next(iter(r.specifier)).version) for r in requirements}


def needed(requirements: list[Requirement]) -> Iterator[NormalizedName]:
    """Yield everything that installing `requirements` brings on this machine, by the installed packages' metadata."""
    seen: set[tuple[NormalizedName, frozenset[str]]] = set()
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen or name.startswith(CUDA):
            continue
        seen.add((name, extras))
        yield name
        for text in distribution(name).requires or []:
            inner = Requirement(text)
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras or {""}):
                waiting.append(inner)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """Yield the wheel that this checkout builds, made with the locked hatchling and no network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.iterdir()
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_wheel_holds_the_three_packages_and_its_metadata(wheel: zipfile.ZipFile) -> None:
    """Nothing else is at its top: no tests, data, benchmarks or documents."""
    assert {name.split("/")[0] for name in wheel.namelist()} == PACKAGES | {METADATA}


def test_every_file_of_the_packages_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    """Templates and other files that are no Python code are shipped beside it, and compiled files are not."""
    here = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in wheel.namelist() if not name.startswith(METADATA)} == here


def test_the_wheel_brings_the_command_and_the_licence(wheel: zipfile.ZipFile) -> None:
    """`aisle` starts service.cli:main, and the licence travels with the code."""
    assert wheel.read(f"{METADATA}/entry_points.txt").decode() == "[console_scripts]\naisle = service.cli:main\n"
    assert wheel.read(f"{METADATA}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    metadata = Parser().parsestr(wheel.read(f"{METADATA}/METADATA").decode())
    assert (metadata["Name"], metadata["License-Expression"]) == ("aisle", "Apache-2.0")
    assert metadata["Requires-Python"] == ">=3.11"


@pytest.mark.parametrize("requirement", RUNTIME, ids=str)
def test_requirements_lock_pins_what_pyproject_asks_for(requirement: Requirement) -> None:
    """Each dependency, and the build backend, has one version in the lock and it satisfies pyproject.toml."""
    version = pins("requirements.lock").get(canonicalize_name(requirement.name))
    assert version is not None, f"{requirement.name} is not locked; run make lock"
    assert version in requirement.specifier


@pytest.mark.parametrize("requirement", DEV, ids=str)
def test_requirements_dev_lock_pins_the_tools(requirement: Requirement) -> None:
    """Each development tool, and the postgresql extra, has one version in the lock and it satisfies pyproject.toml."""
    version = pins("requirements-dev.lock").get(canonicalize_name(requirement.name))
    version = version or pins("requirements.lock").get(canonicalize_name(requirement.name))
    assert version is not None, f"{requirement.name} is not locked; run make lock"
    assert version in requirement.specifier


def test_installing_the_locks_brings_nothing_unpinned() -> None:
    """Everything that a dependency depends on is pinned too, and the two locks pin nothing twice."""
    runtime, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    assert set(needed(RUNTIME)) - set(runtime) == set()
    assert set(needed(DEV)) - set(runtime) - set(dev) == set()
    assert set(runtime) & set(dev) == set()


def test_the_locks_name_no_build_of_torch() -> None:
    """One lock serves the CPU and the CUDA build: no local version, none of the packages beside the latter."""
    names = {**pins("requirements.lock"), **pins("requirements-dev.lock")}
    assert [name for name, version in names.items() if version.local] == []
    assert [name for name in names if name.startswith(CUDA)] == []


def test_no_dependency_is_under_the_gpl_or_agpl() -> None:
    """Licences as stated by the metadata of what is installed: a user may ship aisle in a closed product."""
    forbidden = []
    for name in {**pins("requirements.lock"), **pins("requirements-dev.lock")}:
        try:
            metadata = distribution(name).metadata
        except PackageNotFoundError:  # pinned for another Python or platform
            continue
        stated = metadata.get_all("License-Expression", []) + metadata.get_all("License", [])
        stated = [text.split("\n")[0] for text in stated]  # some put the whole text there
        stated += [text for text in metadata.get_all("Classifier", []) if text.startswith("License")]
        if re.search(r"\bA?GPL|(?<!Lesser )General Public License|Affero", " ".join(stated)):
            forbidden.append(name)
    assert forbidden == []


def test_the_decision_on_dependencies_lists_each_of_them() -> None:
    """ADR 0004 has a row for every dependency of pyproject.toml and for no other."""
    page = (ROOT / "docs" / "adr" / "0004-dependencies.md").read_text("utf-8")
    rows = [canonicalize_name(name) for name in re.findall(r"^\| ([\w-]+) \|", page, re.MULTILINE) if name != "package"]
    asked = [Requirement(text) for text in PROJECT["dependencies"]] + [r for extra in EXTRAS.values() for r in extra]
    assert sorted(rows) == sorted(canonicalize_name(r.name) for r in asked)
