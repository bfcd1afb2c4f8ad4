"""Getting a model from a hub: what comes, what is refused, and what a transfer that breaks off leaves.

The hub is a small real one: a server on this machine that answers as the hub's API does, for one folder.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from indexer import models
from indexer.errors import ModelMismatch, ModelNotFound
from indexer.hub import pull

NAME = "hf-hub:hollin/tiny-clip"
REVISION = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = models.WEIGHTS[0]


class Hub(ThreadingHTTPServer):
    """One repository, `hollin/tiny-clip`, with the files of a folder. What was asked for is in `asked`.

    breaks: at how many bytes each transfer of the weights ends, one after the other. said: hash that it says they have.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.folder = folder
        self.asked: list[str] = []
        self.breaks: list[int] = []
        self.said = ""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answers(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._file(body=False)

    def do_GET(self) -> None:
        if not self.path.startswith("/api/models/"):
            self._file(body=True)
        elif not self.path.startswith("/api/models/hollin/tiny-clip/revision/main"):
            self._send(404, {"X-Error-Code": "RepoNotFound"}, b"{}")
        else:
            siblings = [self._sibling(path) for path in sorted(self.server.folder.iterdir())]
            told = {"id": "hollin/tiny-clip", "sha": REVISION, "siblings": siblings}
            self._send(200, {"Content-Type": "application/json"}, json.dumps(told).encode())

    def _sibling(self, path: Path) -> dict[str, object]:
        data = path.read_bytes()
        found: dict[str, object] = {"rfilename": path.name, "size": len(data), "blobId": "b"}
        if path.suffix == ".safetensors":
            sha256 = self.server.said or hashlib.sha256(data).hexdigest()
            found["lfs"] = {"sha256": sha256, "size": len(data), "pointerSize": 134}
        return found

    def _file(self, *, body: bool) -> None:
        path = self.server.folder / self.path.split("?")[0].rpartition("/")[2]
        data = path.read_bytes()
        headers = {"X-Repo-Commit": REVISION, "ETag": f'"{hashlib.sha256(data).hexdigest()}"', "Accept-Ranges": "bytes"}
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        if not body:
            self._send(200, headers, b"", len(data))
            return
        self.server.asked.append(f"{path.name} from {start}")
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        whole = data[start:]
        if path.name == WEIGHTS and self.server.breaks:
            part = whole[: self.server.breaks.pop(0)]
            self._send(206 if start else 200, headers, part, len(whole))
            self.close_connection = True
        else:
            self._send(206 if start else 200, headers, whole)

    def _send(self, status: int, headers: dict[str, str], data: bytes, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        with suppress(ConnectionError):  # whoever asked has left
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(tiny_clip: Path, tmp_path: Path, hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Yield a hub with a copy of the tiny model, which is the one that everybody asks; the cache is empty."""
    from huggingface_hub import constants

    assert not any(hub_cache.iterdir())
    with Hub(Path(shutil.copytree(tiny_clip, tmp_path / "repository"))) as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_model_is_got_once_and_is_there_ever_after(hub: Hub) -> None:
    """Settings and weights come; what came is vouched for by first use; the second time nobody is asked."""
    size = (hub.folder / WEIGHTS).stat().st_size
    arrived: list[tuple[int, int]] = []
    got = pull(NAME, lambda here, of: arrived.append((here, of)))
    assert hub.asked == ["open_clip_config.json from 0", f"{WEIGHTS} from 0"]
    assert arrived[-1] == (size, size)
    sha256 = hashlib.sha256((hub.folder / WEIGHTS).read_bytes()).hexdigest()
    assert (got.name, got.repository, got.sha256, got.known) == (NAME, "hollin/tiny-clip", sha256, "first use")
    assert got.folder == models.kept("hollin/tiny-clip")
    hub.asked.clear()
    assert pull(NAME) == got
    assert models.found(NAME) == got
    assert models.on_disk(NAME)
    assert hub.asked == []


def test_code_and_pickles_are_left_where_they_are(hub: Hub) -> None:
    """Of a repository only weights, settings and tokenizers come."""
    for name in ("model.py", "open_clip_pytorch_model.bin", "README.md"):
        (hub.folder / name).write_text("print('no')", "utf-8")
    (hub.folder / "tokenizer.json").write_text("{}", "utf-8")
    got = pull(NAME)
    assert sorted(path.name for path in got.folder.iterdir()) == [models.CONFIG, WEIGHTS, "tokenizer.json"]


def test_a_transfer_that_broke_off_goes_on_where_it_stopped(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within one pull when the hub hangs up, and in the next pull when somebody pressed Ctrl-C."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 50_000)  # what is kept at a time, 10 MB otherwise
    hub.breaks = [100_000]

    def stop(here: int, _of: int) -> None:
        if here >= 200_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(NAME, stop)
    assert not models.on_disk(NAME)
    assert pull(NAME).known == "first use"
    asked = [line.partition(" from ")[2] for line in hub.asked if line.startswith(WEIGHTS)]
    assert asked == ["0", "100000", "150000"]  # what was on its way when it was stopped comes again


def test_weights_that_are_not_what_the_hub_says_are_deleted(hub: Hub) -> None:
    """Nothing is kept of them, and the message says what came and what should have."""
    hub.said = "0" * 64
    with pytest.raises(ModelMismatch, match=r"came have SHA-256 [0-9a-f]{64}, expected by the hub is 0{64}"):
        pull(NAME)
    assert not models.on_disk(NAME)


def test_other_weights_than_the_first_are_refused(hub: Hub, save_clip: Callable[..., Path]) -> None:
    """Trust on first use: whoever has the repository tomorrow cannot slip another model in."""
    first = pull(NAME)
    shutil.rmtree(first.folder)
    config = json.loads((hub.folder / models.CONFIG).read_text("utf-8"))["model_cfg"]
    save_clip(hub.folder, config, seed=1)
    with pytest.raises(ModelMismatch, match=f"expected by first use is {first.sha256}; they were deleted"):
        pull(NAME)
    assert not models.on_disk(NAME)


def test_a_repository_of_pickles_is_refused_before_anything_comes(hub: Hub) -> None:
    """The message names the file and why not."""
    (hub.folder / WEIGHTS).rename(hub.folder / "open_clip_pytorch_model.bin")
    with pytest.raises(ModelNotFound, match=r"only open_clip_pytorch_model\.bin, and pickled weights are never loaded"):
        pull(NAME)
    assert hub.asked == []


def test_a_repository_that_is_not_there_is_said_to_be_so(hub: Hub) -> None:
    """A name that was misspelt is no fault of the network."""
    assert hub.url
    with pytest.raises(ModelNotFound, match="the hub has no repository for hf-hub:hollin/huge-clip"):
        pull("hf-hub:hollin/huge-clip")


def test_a_hub_that_does_not_answer_is_named_with_the_command(hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens on the port: the message ends with what to do when there is a network."""
    from huggingface_hub import constants

    assert hub_cache.is_dir()
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelNotFound, match=r"no model hub gives .* now \(.+\); .*: aisle models pull$"):
        pull()
