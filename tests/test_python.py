"""docs/python.md: its blocks run in order, in one folder with a catalogue and an index of it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = re.findall(
    r"^```python\n(.*?)^```$", (ROOT / "docs" / "python.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)


def test_the_page_runs_as_it_is_printed(built_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block, with what it asserts; invented products stand in for the sample."""
    shutil.copytree(built_index, tmp_path / "index" / "sample")
    (tmp_path / "data" / "sample").mkdir(parents=True)
    shutil.copy(built_index.parent / "products.jsonl", tmp_path / "data" / "sample")
    monkeypatch.chdir(tmp_path)
    known: dict[str, object] = {}
    assert len(BLOCKS) == 8
    for block in BLOCKS:
        exec(compile(block, "docs/python.md", "exec"), known)  # noqa: S102 - our own page
