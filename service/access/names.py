"""What keys and accounts may be called: what can be seen, so that no two look alike for a letter that is not there."""

from __future__ import annotations

import re

NAME_CHARS = 200
_UNSEEN = r"\x00-\x1F\x7F-\x9F\u00AD\u200B-\u200F\u2028-\u202E\u2060-\u206F\uFEFF"
"""Control characters, and those that have no width or turn the line around."""
NAME_PATTERN = rf"^[^\s{_UNSEEN}]([^{_UNSEEN}]*[^\s{_UNSEEN}])?$"
"""As REST describes it: no space at either end, and nothing that cannot be seen."""


def unfit(name: str) -> str:
    """Return why that is no name for a key or an account, "" when it is one."""
    if len(name) <= NAME_CHARS and re.fullmatch(NAME_PATTERN, name):
        return ""
    return f"a name has 1 to {NAME_CHARS} characters that can be seen, not {name[:80]!r}"
