"""indexer/images/fetch.py: hostile URLs, against real servers on this machine.

The names end in .example and are resolved by the tests; the rule for addresses lets them through where a test is not
about addresses, for the servers are on loopback.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.images.fetch import Fetcher, addresses, public
from indexer.images.unread import Unread

PICTURE = b"\x89PNG and so on"
PAIR = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8d77na/Ijyi0TFYF
5LRPPFt83Uaz6vWSLKWpLXrQj0KhRANCAATQnHif78wmKeLisR6GhzwKcjEg9uNa
JGTeXnmZvx0oFlvoZbiMDpivac3mhkkOtSITmoaCW9bRxJ8ffjoe6hPP
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBUDCB96ADAgECAgEBMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDmltYWdlcy5l
eGFtcGxlMCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAZMRcwFQYD
VQQDDA5pbWFnZXMuZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNCc
eJ/vzCYp4uKxHoaHPApyMSD241okZN5eeZm/HSgWW+hluIwOmK9pzeaGSQ61IhOa
hoJb1tHEnx9+Oh7qE8+jLjAsMBkGA1UdEQQSMBCCDmltYWdlcy5leGFtcGxlMA8G
A1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgZs1d/ngEv6RbRIffAkV/
qVqNsHFFRnwZ0TmIZNWGNgICIQDgZvBnmg+CTnH0dtAPM0MhFsjz6YntUKPsJ50q
9muXKw==
-----END CERTIFICATE-----
"""
"""Key and certificate of images.example, which nobody has; good until 2120, and for these tests alone."""

Answer = Callable[[socket.socket, bytes], None]


def plain(status: str = "200 OK", body: bytes = PICTURE, *headers: str) -> Answer:
    """Return what answers each request the same way."""
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")
    return lambda line, _asked: line.sendall("\r\n".join(lines).encode() + body)


class Server:
    """A server on loopback that takes one request per connection, notes what was asked, and answers as told."""

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> None:
        self.asked: list[bytes] = []
        self._answer, self._tls = answer, tls
        self._listening = socket.create_server((address, 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def url(self, path: str = "/a.png", host: str = "images.example", scheme: str = "http") -> str:
        """Return a URL of the server."""
        return f"{scheme}://{host}:{self.port}{path}"

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            line.settimeout(10)
            with suppress(OSError), line:
                if self._tls is not None:
                    line = self._tls.wrap_socket(line, server_side=True)
                with line:
                    asked = b""
                    while b"\r\n\r\n" not in asked and (piece := line.recv(4_096)):
                        asked += piece
                    self.asked.append(asked)
                    self._answer(line, asked)


def here(_host: str, _port: int) -> Sequence[str]:
    """Resolve every name to this machine."""
    return ["127.0.0.1"]


def anything(_address: str) -> bool:
    """Let every address through."""
    return True


LOOSE = Fetcher(image_bytes=100_000, seconds=5, redirects=3, resolve=here, allowed=anything)


def reason(fetcher: Fetcher, url: str) -> str:
    """Return why a URL is not fetched."""
    with pytest.raises(Unread) as raised:
        fetcher.fetch(url)
    return str(raised.value)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail when something takes longer."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def test_what_a_url_answers_is_returned() -> None:
    """Asked for by GET at the checked address, with the host of the URL, and with nothing of this machine's."""
    with Server(plain()) as server:
        assert LOOSE.fetch(server.url("/a b/ü.png?w=1&q=a b#part")) == PICTURE
    request, _, headers = server.asked[0].partition(b"\r\n")
    assert request == b"GET /a%20b/%C3%BC.png?w=1&q=a%20b HTTP/1.1"
    assert sorted(headers.decode().split("\r\n")) == [
        "",
        "",
        "Accept-Encoding: identity",
        "Accept: image/*",
        "Connection: close",
        f"Host: images.example:{server.port}",
        "User-Agent: aisle",
    ]


def test_an_answer_in_chunks_or_without_a_length_is_returned() -> None:
    """As servers may."""

    def chunked(line: socket.socket, _asked: bytes) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab\0c\r\n3\r\ndef\r\n0\r\n\r\n")

    def ended(line: socket.socket, _asked: bytes) -> None:
        line.sendall(b"HTTP/1.0 200 OK\r\n\r\nab\0cdef")

    for answer in (chunked, ended):
        with Server(answer) as server:
            assert LOOSE.fetch(server.url()) == b"ab\0cdef"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://images.example/a.png",
        "gopher://images.example/_a",
        "data:image/png;base64,AAAA",
        "jar:http://images.example!/a.png",
        "//images.example/a.png",
        "images.example/a.png",
        "",
    ],
)
def test_only_http_and_https_are_fetched(url: str) -> None:
    """Everything else is refused before any name is resolved."""
    assert reason(LOOSE, url) == f"the URL {url!r} is neither http nor https; give one that is"


@pytest.mark.parametrize("url", ["http://me:secret@images.example/", "http://me@images.example/", "http:///a.png"])
def test_a_user_or_no_host_is_refused(url: str) -> None:
    """`http://shop.example@127.0.0.1/` looks like another host than it is."""
    assert reason(LOOSE, url).endswith("has no host, or a user name; give one with a host alone")


@pytest.mark.parametrize("url", ["http://images.example/a\r\nX: y", "http://images.example/\0", "http://a\tb.example/"])
def test_control_characters_are_refused(url: str) -> None:
    """They would be headers of somebody else's."""
    assert reason(LOOSE, url).endswith("has control characters; remove them")


@pytest.mark.parametrize(
    "url",
    [
        "http://images.example:99999/",
        "http://images.example:port/",
        "http://[::1/",
        "http://\\evil.example/",
        "http://a b.example/",
        f"http://{'a' * 64}.example/",
        f"http://{'a.' * 200}example/",
        "http://.../",
    ],
)
def test_a_url_that_is_none_has_a_reason(url: str) -> None:
    """And raises nothing else, however the library calls it."""
    assert reason(replace(LOOSE, resolve=addresses), url).startswith("the ")


ADDRESSES = {
    True: [
        "8.8.8.8",
        "1.1.1.1",
        "172.15.255.255",
        "192.167.1.1",
        "100.63.255.255",
        "2606:4700:4700::1111",
        "2a00:1450:4001:81b::200e",
        "64:ff9b::808:808",
    ],
    False: [
        "0.0.0.0",  # noqa: S104  (nothing is bound to it)
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "2002:808:808::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "3fff::1",
        "2001:4860::5efe:127.0.0.1",
        "2001:4860::200:5efe:10.0.0.1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "images.example",
        "2130706433",
        "127.1",
        "",
    ],
}


@pytest.mark.parametrize(("expected", "address"), [(each, one) for each, many in ADDRESSES.items() for one in many])
def test_only_public_addresses_are_allowed(expected: bool, address: str) -> None:
    """Nor those that wrap another one that is not."""
    assert public(address) is expected


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.1",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "127。0。0。1",  # ideographic full stops, which IDNA takes for dots
        "①②⑦.0.0.1",
    ],
)
def test_no_way_of_writing_this_machine_reaches_it(host: str) -> None:
    """As the system resolves it: refused by its address, or as no name at all; the server is never asked."""
    strict = Fetcher(seconds=5)
    with Server(plain()) as server:
        assert reason(strict, server.url(host=host)).startswith("the ")
        assert server.asked == []


def test_a_host_with_one_address_that_is_not_public_is_refused() -> None:
    """Though others of it are: who connects may end at any of them."""
    mixed = Fetcher(resolve=lambda _host, _port: ["8.8.8.8", "10.0.0.7"])
    assert reason(mixed, "http://images.example/") == (
        "the host 'images.example' is at 10.0.0.7, which is not public; give a URL of a public server"
    )


def test_a_name_that_resolves_differently_the_second_time_is_asked_once() -> None:
    """The connection goes to the address that was checked (DNS rebinding)."""
    asked: Counter[str] = Counter()

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked[host] += 1
        return ["127.0.0.1"] if asked[host] == 1 else ["127.0.0.2"]

    def first(address: str) -> bool:
        return address == "127.0.0.1"

    with Server(plain()) as server:
        assert replace(LOOSE, resolve=rebinding, allowed=first).fetch(server.url()) == PICTURE
        assert reason(replace(LOOSE, resolve=rebinding, allowed=first), server.url()) == (
            "the host 'images.example' is at 127.0.0.2, which is not public; give a URL of a public server"
        )
    assert asked == {"images.example": 2}
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_is_followed(status: str) -> None:
    """To the host and the path that it names."""
    with Server(plain()) as server:
        location = f"Location: {server.url('/b.png', host='cdn.example')}"
        with Server(plain(status, b"", location)) as first:
            assert LOOSE.fetch(first.url()) == PICTURE
    assert server.asked[0].startswith(b"GET /b.png HTTP/1.1\r\n")
    assert f"Host: cdn.example:{server.port}".encode() in server.asked[0]


def test_a_relative_redirect_stays_at_its_host() -> None:
    """As a URL beside the one that was asked."""

    def answer(line: socket.socket, asked: bytes) -> None:
        there = asked.startswith(b"GET /images/b.png ")
        (plain() if there else plain("302 Found", b"", "Location: b.png"))(line, asked)

    with Server(answer) as server:
        assert LOOSE.fetch(server.url("/images/a.png")) == PICTURE
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("http://127.0.0.1:{port}/admin", "the host '127.0.0.1' is at 127.0.0.1, which is not public"),
        ("http://localhost:{port}/admin", "the host 'localhost' is at 127.0.0.1, which is not public"),
        ("//inside.example:{port}/admin", "the host 'inside.example' is at 127.0.0.1, which is not public"),
        ("http://169.254.169.254/latest/meta-data/", "the host '169.254.169.254' is at 169.254.169.254, which is"),
        ("file:///etc/passwd", "the URL 'file:///etc/passwd' is neither http nor https"),
        ("ftp://127.0.0.1/", "the URL 'ftp://127.0.0.1/' is neither http nor https"),
        ("http://me:pass@images.example/", "the URL 'http://me:pass@images.example/' has no host, or a user name"),
    ],
)
def test_each_redirect_is_checked_anew(location: str, expected: str) -> None:
    """The first host may be asked, where it leads may not, and is not."""
    known = {"images.example": "127.0.0.2", "169.254.169.254": "169.254.169.254"}

    def resolve(host: str, _port: int) -> Sequence[str]:
        return [known.get(host, "127.0.0.1")]

    with Server(plain()) as inside:
        onwards = plain("302 Found", b"", "Location: " + location.format(port=inside.port))
        with Server(onwards, address="127.0.0.2") as outside:
            strict = replace(LOOSE, resolve=resolve, allowed=lambda address: address == "127.0.0.2")
            assert reason(strict, outside.url()).startswith(expected)
        assert len(outside.asked) == 1
    assert inside.asked == []


def test_redirects_come_to_an_end() -> None:
    """Three are followed, a fourth is not."""

    def onwards(line: socket.socket, asked: bytes) -> None:
        number = int(asked.split()[1][1:])
        (plain("302 Found", b"", f"Location: /{number - 1}") if number else plain())(line, asked)

    with Server(onwards) as server:
        assert LOOSE.fetch(server.url("/3")) == PICTURE
        assert reason(LOOSE, server.url("/4")) == (
            f"the URL {server.url('/4')!r} leads on more than 3 times, the limit; give the URL it ends at"
        )
    assert len(server.asked) == 8


@pytest.mark.parametrize("status", ["404 Not Found", "500 Broken", "204 No Content", "206 Partial", "304 Not", "302 ?"])
def test_any_other_status_is_no_picture(status: str) -> None:
    """A redirect to nowhere included."""
    with Server(plain(status, b"")) as server:
        assert reason(LOOSE, server.url()) == f"the URL {server.url()!r} answered {status[:3]}, not 200; correct it"


def test_an_endless_body_is_left_at_the_limit() -> None:
    """With or without a length, in one piece or in chunks; a body of exactly the limit is taken."""

    def endless(line: socket.socket, asked: bytes) -> None:
        chunks = asked.startswith(b"GET /chunks")
        line.sendall(b"HTTP/1.1 200 OK\r\n" + b"Transfer-Encoding: chunked\r\n" * chunks + b"\r\n")
        while True:
            line.sendall((b"10000\r\n" if chunks else b"") + bytes(65_536) + (b"\r\n" if chunks else b""))

    with Server(endless) as server, at_most(4):
        for path in ("/plain", "/chunks"):
            assert reason(LOOSE, server.url(path)) == (
                f"the URL {server.url(path)!r} sends more than 100,000 bytes, the limit; give a smaller image"
            )
    for size, taken in ((100_000, True), (100_001, False)):
        with Server(plain("200 OK", bytes(size))) as server:
            if taken:
                assert LOOSE.fetch(server.url()) == bytes(size)
            else:
                assert "sends more than 100,000 bytes" in reason(LOOSE, server.url())


def drip(line: socket.socket, start: bytes, again: bytes) -> None:
    """Send a start, and then again and again a little more, each time soon enough for a timeout between two reads."""
    line.sendall(start)
    if not again:
        line.recv(1)  # until the other side has gone
    for _ in range(200 * bool(again)):
        line.sendall(again)
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("start", "again"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", b"a"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"H"),
        (b"", b""),
    ],
    ids=["body", "chunks", "headers", "header", "continue", "status", "silence"],
)
def test_a_slow_server_is_left_at_the_deadline(start: bytes, again: bytes) -> None:
    """However little it sends how often: the time counts from the beginning, not from the last byte."""
    hasty = replace(LOOSE, seconds=0.5)
    with at_most(8), Server(lambda line, _asked: drip(line, start, again)) as server:
        assert reason(hasty, server.url()) in (
            f"the URL {server.url()!r} took longer than 0.5 s, the limit; try again later",
            f"the URL {server.url()!r} could not be fetched: got more than 100 headers; check that it can be reached",
        )


def test_redirects_have_no_time_of_their_own() -> None:
    """The deadline is one for all of them."""

    def slowly(line: socket.socket, asked: bytes) -> None:
        time.sleep(0.3)
        plain("302 Found", b"", "Location: /again")(line, asked)

    hasty = replace(LOOSE, seconds=0.7, redirects=20)
    with Server(slowly) as server, at_most(8):
        assert "took longer than 0.7 s, the limit" in reason(hasty, server.url())


def test_a_resolver_that_does_not_answer_is_left_at_the_deadline() -> None:
    """And one that fails has a reason."""
    ask_no_more = threading.Event()

    def silent(_host: str, _port: int) -> Sequence[str]:
        ask_no_more.wait(10)
        return []

    def failing(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with at_most(8):
        assert "took longer than 0.3 s" in reason(replace(LOOSE, seconds=0.3, resolve=silent), "http://slow.example/")
    ask_no_more.set()
    assert reason(replace(LOOSE, resolve=failing), "http://none.example/a.png") == (
        "the URL 'http://none.example/a.png' could not be fetched: [Errno -2] Name or service not known; "
        "check that it can be reached"
    )


def test_an_address_that_nobody_answers_at_gives_way_to_the_next() -> None:
    """All of them were checked; when none answers there is a reason."""
    with Server(plain()) as server:
        two = replace(LOOSE, resolve=lambda _host, _port: ["127.0.0.9", "127.0.0.1"])
        assert two.fetch(server.url()) == PICTURE
    assert "could not be fetched: " in reason(LOOSE, server.url())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfour",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 100_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/9.9 OK\r\n\r\n",
        b"HTTP/1.1 twohundred OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x16\x03\x01\x02\0",
        b"",
    ],
    ids=[
        *("huge header", "many headers", "short body", "no chunk size", "endless chunk size", "negative chunk"),
        *("short chunk", "another version", "no status", "ssh", "tls", "nothing"),
    ],
)
def test_an_answer_that_is_none_has_a_reason(answer: bytes) -> None:
    """Headers without end, bodies that stop, other protocols: Unread, and nothing else."""
    with Server(lambda line, _asked: line.sendall(answer)) as server, at_most(4):
        assert reason(LOOSE, server.url()).startswith(f"the URL {server.url()!r} ")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "identity, gzip"])
def test_a_compressed_answer_is_refused(encoding: str) -> None:
    """It is not unpacked, whatever it would come to."""
    with Server(plain("200 OK", b"\x1f\x8b", f"Content-Encoding: {encoding}")) as server:
        assert "answered compressed" in reason(LOOSE, server.url())


def test_proxies_and_passwords_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever started the process did not do so for this."""
    with Server(plain("200 OK", b"of the proxy")) as proxy, Server(plain()) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert LOOSE.fetch(server.url()) == PICTURE
        assert proxy.asked == []


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """Return the file of key and certificate."""
    (tmp_path / "pair.pem").write_text(PAIR, encoding="ascii")
    return tmp_path / "pair.pem"


def test_tls_is_for_the_name_of_the_url(pair: Path) -> None:
    """At the checked address, with the name sent along (SNI) and demanded of the certificate."""
    names: list[str | None] = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair)
    tls.sni_callback = lambda _line, name, _context: names.append(name)
    trusting = replace(LOOSE, tls=ssl.create_default_context(cafile=str(pair)))
    with Server(plain(), tls) as server:
        assert trusting.fetch(server.url(scheme="https")) == PICTURE
        other = reason(trusting, server.url(host="other.example", scheme="https"))
        stranger = reason(LOOSE, server.url(scheme="https"))
    assert names == ["images.example", "other.example", "images.example"]
    assert "certificate is not valid for 'other.example'" in other
    assert "self-signed certificate" in stranger
    assert len(server.asked) == 1


def test_tls_that_is_none_has_a_reason() -> None:
    """A server that speaks plainly, one that says nothing, and one that ends at once."""
    hasty = replace(LOOSE, seconds=0.5)
    with Server(lambda line, _asked: line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")) as server, at_most(5):
        assert reason(hasty, server.url(scheme="https")).startswith(f"the URL {server.url(scheme='https')!r} ")
    with socket.create_server(("127.0.0.1", 0)) as deaf, at_most(5):
        url = f"https://images.example:{deaf.getsockname()[1]}/"
        assert reason(hasty, url) == f"the URL {url!r} took longer than 0.5 s, the limit; try again later"
