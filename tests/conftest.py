"""Shared fixtures: where the evaluation data are."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real data sets; without it the test is skipped, and fails when CI=true."""
    folder = Path(os.environ.get("AISLE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "flipkart_1050" / "products.csv").is_file():
        reason = f"no evaluation data in {folder}; set AISLE_TEST_DATA to their folder"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
