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
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

import orjson

from indexer.bounds import keep_to
from indexer.errors import AisleError
from service.renewal.order import Order
from service.settings import ServiceSettings
from taxonomy.names import TaxonomyError

NICE = 15
SHARE = 0.75
"""Of the memory that is there, what a rebuild may take when nobody says."""
CONTAINER = Path("/sys/fs/cgroup/memory.max")
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
    bound = asked["memory"] or int(SHARE * _there())
    keep_to(bound)
    settings = ServiceSettings(**asked["settings"])
    try:
        from service.renewal.renew import renew

        say({"renewed": renew(settings, Order(**asked["order"]), Lines())})
    except (AisleError, TaxonomyError) as error:
        say({"error": str(error)})
        return FAILED
    except BrokenPipeError:  # whoever started this has gone
        return FAILED
    except OSError as error:
        say({"error": f"{error.strerror}: {error.filename}" if error.filename else str(error)})
        return FAILED
    except MemoryError:
        say({"error": f"{bound:,} bytes of memory are not enough; raise AISLE_REBUILD_BYTES if there is more"})
        return FAILED
    return 0


def _there() -> int:
    """Return how many bytes of memory the machine has, or the container that this runs in."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError):  # no such file, or "max"
        return min(machine, int(CONTAINER.read_text("ascii")))
    return machine


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(FAILED)  # so that what was begun is swept up


if __name__ == "__main__":
    sys.exit(main())
