"""indexer/store/engines.py: what an address of a record store may be."""

from __future__ import annotations

import sys

import pytest

from indexer.errors import MissingExtra, SettingError
from indexer.store.engines import connect


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://user@host/shop", "kept in SQLite or PostgreSQL, not in mysql"),
        ("://shop", "is no database URL"),
        ("postgresql://user:secret@host:port/shop", "is no database URL"),
    ],
)
def test_an_address_of_no_known_database_is_refused(url: str, said: str) -> None:
    """With an example of one that is, and without the password."""
    with pytest.raises(SettingError, match=said) as caught:
        connect(url)
    assert "postgresql://user@host/database" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_plain_name_of_postgresql_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its driver is the one of the extra, which is named where it is lacking."""
    assert connect("postgresql://user@host/shop").url.drivername == "postgresql+psycopg"
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"aisle\[postgresql\]"):
        connect("postgresql://user@host/shop")
