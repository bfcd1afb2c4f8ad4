"""The shape of the house: what import-linter's contracts in pyproject.toml cannot say about themselves."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CONTRACTS = {contract["id"]: contract for contract in PYPROJECT["tool"]["importlinter"]["contracts"]}
EVERYWHERE = {"numpy", "orjson"}  # arrays and JSON are no technology that one would exchange
PURE = {
    *("indexer.product", "service.calibration", "service.decision", "service.newton", "service.tags", "service.vote"),
    "taxonomy",
}
NAMELESS = {"base", "common", "core", "helpers", "manager", "misc", "utils"}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Return who imports whom, packages from outside included."""
    return grimp.build_graph("indexer", "service", "taxonomy", include_external_packages=True, cache_dir=None)


def foreign(graph: grimp.ImportGraph) -> set[str]:
    """Return the packages from outside that the code imports, standard library left out."""
    outside = {name for name in graph.modules if graph.is_module_squashed(name)}
    return outside - sys.stdlib_module_names - {"_typeshed"}


def test_the_layers_name_every_package_there_is() -> None:
    """A new package at the top level has to be given its layer."""
    packages = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
    assert sorted(CONTRACTS["layers"]["layers"]) == packages
    assert PYPROJECT["tool"]["importlinter"]["root_packages"] == packages
    assert PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == packages


def test_every_technology_has_its_place(graph: grimp.ImportGraph) -> None:
    """Whatever is imported from outside is held to its own files by the contract, but for arrays and JSON."""
    assert foreign(graph) - EVERYWHERE - set(CONTRACTS["technology"]["forbidden_modules"]) == set()


def test_every_import_from_outside_is_a_declared_dependency(graph: grimp.ImportGraph) -> None:
    """Nothing works only because some other package happens to bring it."""
    project = PYPROJECT["project"]
    extras = [text for texts in project["optional-dependencies"].values() for text in texts]
    declared = {canonicalize_name(Requirement(text).name) for text in project["dependencies"] + extras}
    declared.add(canonicalize_name("starlette"))  # fastapi is a layer over it and hands its classes on
    shipped_by = packages_distributions()
    brought = {name: {canonicalize_name(dist) for dist in shipped_by.get(name, [])} for name in foreign(graph)}
    assert {name for name, dists in brought.items() if not dists & declared} == set()


def test_the_pure_modules_of_the_design_are_held_to_it(graph: grimp.ImportGraph) -> None:
    """Each of them that exists is in the contract that keeps technology out."""
    assert (PURE & graph.modules) - set(CONTRACTS["pure"]["source_modules"]) == set()


def test_every_module_is_named_after_something(graph: grimp.ImportGraph) -> None:
    """No file is called utils, helpers or the like."""
    assert {name for name in graph.modules if NAMELESS & set(name.split("."))} == set()
