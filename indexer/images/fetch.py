"""One image from a URL that a stranger may have chosen: from public addresses only, within bytes, time and redirects.

What a URL can do to the one who fetches it is to reach what only he can reach (server-side request forgery). So the
name is resolved here, once, every address it has must be public, and the connection goes to exactly the address that
was checked: a DNS server that answers differently the second time is not asked. A redirect is a new URL, checked
likewise. Names as numbers (`http://2130706433/`) resolve to the address they mean and are checked as that.

The standard library's http.client carries it: its connection can be given a socket of one's own, which is what binds
address, TLS name and one deadline over everything together. requests and urllib3 count their timeouts anew with each
read, so a server that sends a byte now and then is never done with. Proxies of the environment are not asked, cookies
and credentials not sent, and compressed answers refused, for nobody asked for them.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from indexer.images.unread import Unread

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

REDIRECTS = frozenset([301, 302, 303, 307, 308])
AGENT = "aisle"
_PIECE = 1 << 16
_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
            *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            "168.63.129.16/32",  # the metadata of a cloud, at an address that looks public
            *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),  # Teredo and 6to4 among them
        ),
    )
)
"""What is not the public internet, as IANA's registries of special-purpose addresses have it; the standard library's
`is_global` says so too, but differently from one Python to the next."""
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = 0x00005EFE
_SAFE = "/?&=%:@!$'()*+,;~-._[]"

Resolve = Callable[[str, int], Sequence[str]]
Allowed = Callable[[str], bool]


def addresses(host: str, port: int) -> Sequence[str]:
    """Return every address of a host, as the system resolves it."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def public(address: str) -> bool:
    """Return whether an address is one of the public internet, and so is every other address that is written into it.

    Refused: private, loopback, link-local (cloud metadata among them), shared (CGNAT), multicast, reserved and
    documentation ranges, and of IPv6 all but the global unicast range: addresses that wrap one of IPv4 (mapped, 6to4,
    Teredo) are not of it. Those of NAT64 and ISATAP may be reached in earnest, and are what the address in them is.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        wraps = parsed in _NAT64 or (int(parsed) >> 32) & 0xFDFFFFFF == _ISATAP
        if wraps and not public(str(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF))):
            return False
        if parsed not in _GLOBAL_6:
            return parsed in _NAT64
    return not any(parsed in network for network in _SPECIAL)


@dataclass(frozen=True, slots=True)
class Fetcher:
    """How images are fetched. seconds: for one image from name to last byte, redirects included.

    resolve, allowed, tls: who says which addresses a host has, which of them may be asked, and whom TLS trusts; the
    system, `public` and the system unless said otherwise.
    """

    image_bytes: int = 20_000_000
    seconds: float = 10.0
    redirects: int = 3
    resolve: Resolve = addresses
    allowed: Allowed = public
    tls: ssl.SSLContext | None = None

    def fetch(self, url: str) -> bytes:
        """Return what a URL answers with status 200, as it came. Raises Unread, and nothing else."""
        deadline = time.monotonic() + self.seconds
        at = url
        try:
            for _ in range(self.redirects + 1):
                answer = self._ask(at, deadline)
                if isinstance(answer, bytes):
                    return answer
                at = urljoin(at, answer)
        except TimeoutError as error:
            raise self._unread(at, f"took longer than {self.seconds:g} s, the limit; try again later") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise self._unread(at, f"could not be fetched: {said}; check that it can be reached") from error
        raise self._unread(url, f"leads on more than {self.redirects} times, the limit; give the URL it ends at")

    def _ask(self, url: str, deadline: float) -> bytes | str:
        """Return what a URL answers, or the URL it leads on to."""
        split = self._split(url)
        connection = _Connection(self._reachable(split, deadline), split, self._context(split), deadline)
        try:
            target = quote(split.path or "/", _SAFE) + (f"?{quote(split.query, _SAFE)}" if split.query else "")
            connection.request("GET", target, headers={"User-Agent": AGENT, "Accept": "image/*", "Connection": "close"})
            with connection.getresponse() as response:
                if response.status in REDIRECTS and (location := response.headers.get("Location")):
                    return str(location)
                if response.status != 200:
                    raise self._unread(url, f"answered {response.status}, not 200; correct it")
                return self._body(url, response)
        finally:
            connection.close()

    def _body(self, url: str, response: http.client.HTTPResponse) -> bytes:
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise self._unread(url, f"answered compressed ({encoding[:40]!r}), which was not asked for; give another")
        body = bytearray()
        while piece := response.read(_PIECE):
            body += piece
            if len(body) > self.image_bytes:
                raise self._unread(url, f"sends more than {self.image_bytes:,} bytes, the limit; give a smaller image")
        if response.length:
            raise self._unread(url, f"ended {response.length:,} bytes too early; try again later")
        return bytes(body)

    def _split(self, url: str) -> SplitResult:
        if any(char < " " or char == "\x7f" for char in url):
            raise self._unread(url, "has control characters; remove them")
        split = urlsplit(url)
        if split.scheme not in ("http", "https"):
            raise self._unread(url, "is neither http nor https; give one that is")
        if not split.hostname or split.username is not None or split.password is not None:
            raise self._unread(url, "has no host, or a user name; give one with a host alone")
        return split

    def _reachable(self, split: SplitResult, deadline: float) -> list[str]:
        """Return the addresses of a URL's host, all of them allowed.

        The system's resolver knows no deadline: it is asked in a thread, which is left behind when time is up.
        """
        host = split.hostname or ""
        answers: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self.resolve(host, _port(split)))
            except Exception as error:  # whatever it is, it belongs to the one who waits
                answers.put(error)

        threading.Thread(target=ask, name="resolve", daemon=True).start()
        try:
            found = answers.get(timeout=_left(deadline))
        except queue.Empty as error:
            raise TimeoutError from error
        if isinstance(found, Exception):
            raise found
        refused = [address for address in found if not self.allowed(address)]
        if refused or not found:
            what = refused[0] if refused else "no address"
            raise Unread(f"the host {host[:200]!r} is at {what}, which is not public; give a URL of a public server")
        return list(found)

    def _context(self, split: SplitResult) -> ssl.SSLContext | None:
        return (self.tls or ssl.create_default_context()) if split.scheme == "https" else None

    @staticmethod
    def _unread(url: str, what: str) -> Unread:
        return Unread(f"the URL {url[:200]!r} {what}")


def _port(split: SplitResult) -> int:
    return split.port if split.port is not None else 443 if split.scheme == "https" else 80


def _left(deadline: float) -> float:
    """Return the seconds that are left; raises TimeoutError when none are."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Connection(http.client.HTTPConnection):
    """A connection to addresses that were checked, whatever the host's name resolves to by now."""

    def __init__(
        self, checked: Sequence[str], split: SplitResult, context: ssl.SSLContext | None, deadline: float
    ) -> None:
        super().__init__(split.hostname or "", _port(split))
        self.default_port = 80 if context is None else 443  # the one that the Host header leaves out
        self._checked, self._context, self._deadline = checked, context, deadline

    def connect(self) -> None:
        """Connect to the first address that answers."""
        for last, address in enumerate(self._checked, 1 - len(self._checked)):
            try:
                line = socket.create_connection((address, self.port), _left(self._deadline))
                break
            except TimeoutError:
                raise
            except OSError:
                if not last:
                    raise
        if self._context is not None:
            try:
                line.settimeout(_left(self._deadline))
                line = self._context.wrap_socket(line, server_hostname=self.host)
            except BaseException:
                line.close()
                raise
        self.sock: Any = _Line(line, self._deadline)


class _Line:
    """A socket, as far as http.client uses one, of which nothing takes longer than until the deadline.

    As with a real one, closing it leaves what `makefile` returned open, which closes the socket when it is closed.
    """

    def __init__(self, line: socket.socket, deadline: float) -> None:
        self._line, self._deadline = line, deadline
        self._reading = False

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        self._line.settimeout(_left(self._deadline))
        self._line.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a reader of what comes in."""
        self._reading = True
        return io.BufferedReader(_Incoming(self._line, self._deadline))

    def close(self) -> None:
        """Close the socket, unless it is being read."""
        if not self._reading:
            self._line.close()


class _Incoming(io.RawIOBase):
    """What comes in on a socket, until the deadline."""

    def __init__(self, line: socket.socket, deadline: float) -> None:
        self._line, self._deadline = line, deadline

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read what comes next."""
        self._line.settimeout(_left(self._deadline))
        return self._line.recv_into(buffer)

    def close(self) -> None:
        """Close the socket too."""
        self._line.close()
        super().close()
