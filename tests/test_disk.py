"""A disk that is full or can be read only: what was acknowledged stays, what is refused changes nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.build import build
from indexer.sources import read
from tests.doomed import ENCODER, SETTINGS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
ROWS = "id,title,category\nmug,Stoneware mug,Home > Kitchen\nball,Leather football,Sports\n"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Return an index of two products."""
    (tmp_path / "rows.csv").write_text(ROWS)
    with read(tmp_path / "rows.csv") as rows:
        build(rows, tmp_path / "index", settings=SETTINGS, encoder=ENCODER)
    return tmp_path / "index"


def can_mount() -> bool:
    """Whether a process may have file systems of its own here."""
    unshare = shutil.which("unshare")
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return unshare is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_mount = pytest.mark.skipif(not can_mount(), reason="unshare -rm may not mount here; the limit is tested anyway")


def cramped(way: str, index: Path) -> str:
    """Run tests/cramped.py and return what it said; fails with all that it wrote when an assertion there does."""
    namespace = [] if way == "limit" else ["unshare", "-rm"]
    command = [*namespace, sys.executable, "-m", "tests.cramped", way, str(index)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_mount
def test_a_full_disk_changes_nothing_and_says_so(index: Path) -> None:
    """On a file system of a few megabytes: refusals keep the store, memory and snapshot; with room all goes on."""
    assert cramped("tmpfs", index).startswith("StoreFull the record store")


def test_a_file_that_may_not_grow_changes_nothing(index: Path) -> None:
    """The same where the operating system limits the size of files, as a quota does."""
    assert "nothing was changed" in cramped("limit", index)


@needs_mount
def test_a_disk_that_can_only_be_read_is_answered_from(index: Path) -> None:
    """Changes and another start are refused with the reason; once it can be written to, all goes on."""
    cramped("read only", index)
