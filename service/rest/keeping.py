"""What routes answer is kept, with who asked: see `service/feedback/keeping.py`."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request

from service.answer import Answer
from service.rest.access.callers import caller_of
from service.rest.asking import serving_of
from service.rest.schemas import UNNAMED


def keep(request: Request, answers: Sequence[object]) -> None:
    """Keep those of some results that are answers; nothing is raised, and nobody waits for it."""
    some = [each for each in answers if isinstance(each, Answer)]
    serving_of(request).predictions.keep(some, _asker(request), UNNAMED)


def _asker(request: Request) -> str:
    """Return who asks: the name of its key or account, else the address it comes from."""
    return caller_of(request).name or (request.client.host if request.client else "")
