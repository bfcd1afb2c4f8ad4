"""What decisions of people are about: the one list of their kinds, for the command line and for REST."""

from __future__ import annotations

from typing import Literal, get_args

AboutWhat = Literal["duplicates", "label", "tags", "prediction", "nomination"]
KINDS: tuple[AboutWhat, ...] = get_args(AboutWhat)
