"""`aisle serve`: the service behind a port, from the moment it is open until the process is told to stop."""

from __future__ import annotations

import logging
import signal
import socket
from collections.abc import Callable
from contextlib import closing
from types import FrameType
from typing import NoReturn

import uvicorn

from indexer.errors import SettingError
from service.access.access import asks_for_keys, check_access, is_loopback
from service.rest.app import create_app
from service.serving import Serving
from service.settings import ServiceSettings

QUESTION = '{"title": "Stoneware travel mug, 350 ml"}'


def serve(settings: ServiceSettings, say: Callable[[str], None]) -> None:
    """Open the index, serve it until SIGINT or SIGTERM, and `say` where, with a line to try it, once it can be asked.

    Requests are logged without what was asked. Raises SettingError when the port cannot be had, before the index is
    opened, or nobody could be let in, and what `Serving.open` raises.
    """
    signal.signal(signal.SIGTERM, _leave)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("aisle").setLevel(logging.INFO)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of each form that is none
    with closing(_bound(settings)) as port, closing(Serving.open(settings, say=say)) as serving:
        check_access(settings, serving.live.records)
        app = create_app(settings, serving)
        config = uvicorn.Config(app, log_config=None, log_level="warning", access_log=False)  # the edge logs requests
        address = _address(settings.host, port.getsockname()[1])
        _Server(config, lambda: say(_where(settings, address))).run(sockets=[port])


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Leave by way of everything that has to be closed: answers on their way to the store, a rebuild that runs.

    uvicorn stops serving at a SIGTERM and sends it to the process once more, which would end it there and then.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one is enough
    raise SystemExit(0)


class _Server(uvicorn.Server):
    """The server, which says when its port is open."""

    def __init__(self, config: uvicorn.Config, opened: Callable[[], None]) -> None:
        super().__init__(config)
        self._opened = opened

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._opened()


def _bound(settings: ServiceSettings) -> socket.socket:
    """Return a socket on the address of `settings`, which nobody can connect to yet."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    port = socket.socket(family)
    port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        port.bind((settings.host, settings.port))
    except OSError as error:
        port.close()
        raise SettingError(
            f"{settings.host} port {settings.port} cannot be served on: {error.strerror}; choose another --host or "
            "--port, 0 for any that is free"
        ) from error
    return port


def _address(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104  (compared, not bound)
    return f"http://{shown}:{port}"


def _where(settings: ServiceSettings, address: str) -> str:
    ask = f"curl -s {address}/v1/categorize -H 'content-type: application/json' -d '{QUESTION}'"
    if asks_for_keys(settings):
        ask += " -H 'authorization: Bearer YOUR_KEY'"
    elif not is_loopback(settings.host):
        say = "whoever can reach it may ask and change everything, for AISLE_ACCESS is open"
        address = f"{address}, where {say},"
    return f"serving {settings.index} on {address} until Ctrl-C; try the page there, or\n\n  {ask}\n"
