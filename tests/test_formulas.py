"""service/formulas.py: text that a spreadsheet would take for a formula."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.formulas import defused, restored


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff20A", "-", "--5"]
)
def test_what_begins_like_a_formula_gets_a_quote(text: str) -> None:
    """A spreadsheet shows it then."""
    assert f"'{text}" == defused(text)


@pytest.mark.parametrize("text", ["-5", "+49.90", "-1,250.00", "-12%", "A-1", "5 = 5", "'a", "'", ""])
def test_numbers_and_other_text_stay(text: str) -> None:
    """A number is no formula, and a quote before other text is its own."""
    assert text == defused(text)


@given(st.text(alphabet="=+-@\t\r\n\uff1d'a1.", max_size=6))
def test_what_was_written_is_read_again(text: str) -> None:
    """Of every text, whatever quotes it begins with."""
    assert text == restored(defused(text))
