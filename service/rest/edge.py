"""The edge: what every request meets before and after its route. Id in and out, one line of log, no error unanswered.

Plain ASGI around the whole application. The log never holds what was asked or answered: method, path, status, time,
and who asked, by the id of a key or account, never by a secret.
"""

from __future__ import annotations

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.rest.problems import INTERNAL, STORE_DETAILS, kind_of, problem_response

log = logging.getLogger("aisle.requests")

REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
"""What a client may call its request; anything else is replaced, so that no log line can be forged."""


class Edge:
    """Names each request, turns every exception into a problem and logs one line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, ended, status = time.perf_counter(), 0.0, 0
        request_id = _request_id(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_marked(message: Message) -> None:
            nonlocal status, ended
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
                headers.update(scope["state"].get("headers", {}))
            await send(message)
            ended = time.perf_counter()  # what is done behind an answer keeps nobody waiting

        try:
            await self._app(scope, receive, send_marked)
        except Exception as error:
            if kind_of(error) is INTERNAL:
                log.exception("request_id=%s failed", request_id)
            elif kind_of(error).code in STORE_DETAILS:
                log.error("request_id=%s %s", request_id, error)
            if status:
                raise  # the answer has begun: the server cuts it off, so that nobody takes it for whole
            await problem_response(error, scope["path"], request_id)(scope, receive, send_marked)
        finally:
            milliseconds = ((ended or time.perf_counter()) - begun) * 1000
            path = scope["path"].encode("unicode_escape").decode()
            caller = scope["state"].get("caller")
            who = f" caller={caller.id}" if caller and caller.id else ""
            log.info("%s %s %d %.1fms request_id=%s%s", scope["method"], path, status, milliseconds, request_id, who)


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
