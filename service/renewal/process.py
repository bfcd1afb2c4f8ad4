"""The process of its own in which a service has its index built anew: `python -m service.renewal.process`.

It reads what to do from stdin and says on stdout how far it is, a JSON object a line: a stage when it begins and as it
goes on, and in the end what came of it or an error. It gives way to whoever serves (nice), and may take as much memory
as it was told, where the system can hold it to that.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType
from typing import NoReturn

import orjson

from indexer.errors import AisleError
from service.renewal.order import Order
from service.settings import ServiceSettings
from taxonomy.names import TaxonomyError

NICE = 15
EVERY_SECONDS = 0.2
"""Time between two lines of one stage."""
FAILED = 1


class Lines:
    """Progress as lines of JSON."""

    def __init__(self) -> None:
        self._said = 0.0

    def start(self, name: str, total: int | None, unit: str) -> None:
        """Begin a stage."""
        say({"stage": name, "done": 0, "total": total, "unit": unit})

    def at(self, done: int) -> None:
        """Say how much of the stage is done, now and then."""
        if time.monotonic() - self._said > EVERY_SECONDS:
            self._said = time.monotonic()
            say({"done": done})


def say(line: object) -> None:
    """Write one line; raises BrokenPipeError when nobody listens any more, which ends the rebuild."""
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


def main() -> int:
    """Rebuild as stdin says; return the exit status."""
    asked = orjson.loads(sys.stdin.buffer.read())
    signal.signal(signal.SIGTERM, _stop)
    os.nice(NICE)
    _bound(asked["memory"])
    settings = ServiceSettings(**asked["settings"])
    try:
        from service.renewal.renew import renew

        say({"renewed": renew(settings, Order(**asked["order"]), Lines())})
    except (AisleError, TaxonomyError) as error:
        say({"error": str(error)})
        return FAILED
    except MemoryError:
        limit = f"of {asked['memory']:,} bytes" if asked["memory"] else "of this machine"
        say({"error": f"the memory {limit} is not enough; raise AISLE_REBUILD_BYTES, or set it to 0 for no bound"})
        return FAILED
    return 0


def _bound(memory: int) -> None:
    """Refuse this process more bytes of data than that; 0 is no bound."""
    if memory:
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(FAILED)  # so that what was begun is swept up


if __name__ == "__main__":
    sys.exit(main())
