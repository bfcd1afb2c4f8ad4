"""`aisle serve` as a process: it says where once it can be asked, answers, and stops when told to."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from indexer.store.place import open_store

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-c", "from service.cli import main; main()")


@pytest.fixture
def serving(built_index: Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Yield a service on a free port and the lines that it said, up to the one to paste."""
    command = [*COMMAND, "serve", "--index", str(built_index), "--port", "0"]
    still = os.environ | {"AISLE_UPKEEP": "false", "AISLE_PREDICTION_DAYS": "0"}  # the index is shared with other tests
    with subprocess.Popen(command, cwd=ROOT, env=still, stderr=subprocess.PIPE, text=True) as process:
        said: list[str] = []
        while process.stderr is not None and (line := process.stderr.readline()):
            said.append(line.strip())
            if line.startswith("  curl"):
                break
        yield process, said
        process.kill()


def test_the_line_to_paste_works_at_once(serving: tuple[subprocess.Popen[str], list[str]], built_index: Path) -> None:
    """The port is open when the line appears; Ctrl-C ends the service; the log has no text of a product."""
    process, said = serving
    address = re.escape("http://127.0.0.1:") + r"\d+"
    assert said[0] == f"opening {built_index}"
    assert re.fullmatch(f"serving {built_index} on {address} until Ctrl-C; try the page there, or", said[1])

    done = subprocess.run(shlex.split(said[-1]), capture_output=True, text=True, check=True)
    assert {"decision", "category", "tags", "neighbours"} <= set(json.loads(done.stdout))

    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=120)
    assert (process.returncode, rest.splitlines()[-1]) == (130, "aisle: stopped")
    assert re.search(r" INFO POST /v1/categorize 200 [\d.]+ms request_id=\w+$", rest, re.MULTILINE)
    assert "mug" not in rest


def test_who_is_told_to_stop_closes_what_is_open(own_index: Path) -> None:
    """At SIGTERM, as of a supervisor: the answer of just now is kept, and a rebuild ends with its service."""
    command = [*COMMAND, "serve", "--index", str(own_index), "--port", "0"]
    still = os.environ | {"AISLE_UPKEEP": "false"}
    with subprocess.Popen(command, cwd=ROOT, env=still, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        ask = next(line for line in process.stderr if line.startswith("  curl"))
        rebuild = ["curl", "-s", "-X", "POST", shlex.split(ask)[2].replace("categorize", "index:rebuild")]
        assert json.loads(subprocess.run(rebuild, capture_output=True, check=True).stdout)["state"] == "running"
        answer = json.loads(subprocess.run(shlex.split(ask), capture_output=True, check=True).stdout)
        rebuilds = [
            each for file in Path(f"/proc/{process.pid}/task").glob("*/children") for each in file.read_text().split()
        ]
        process.send_signal(signal.SIGTERM)
        _, rest = process.communicate(timeout=120)
    assert process.returncode == 0, rest
    with closing(open_store(own_index)) as records:
        assert records.predictions.get(answer["prediction_id"]).prediction.id == answer["prediction_id"]
    assert rebuilds
    assert not [each for each in rebuilds if Path(f"/proc/{each}").exists()]


def test_a_port_that_is_taken_is_one_line(built_index: Path) -> None:
    """Said before the index is opened, with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [*COMMAND, "serve", "--index", str(built_index), "--port", port]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    message = (
        f"aisle: 127.0.0.1 port {port} cannot be served on: Address already in use; choose another --host or --port"
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"{message}, 0 for any that is free")


def test_an_address_of_others_is_not_served_on_without_a_key(own_index: Path) -> None:
    """One line with the command that makes one; with a key it serves, and asks for it."""
    command = [*COMMAND, "serve", "--index", str(own_index), "--host", "0.0.0.0", "--port", "0"]  # noqa: S104
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith(f"aisle: 0.0.0.0 can be reached from elsewhere, and {own_index} has no API key that counts;")
    remedy = f"aisle keys create NAME --scope admin --index {own_index}"
    assert remedy in last

    make = [*COMMAND, *shlex.split(remedy)[1:]]
    token = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    still = os.environ | {"AISLE_UPKEEP": "false", "AISLE_PREDICTION_DAYS": "0"}
    with subprocess.Popen(command, cwd=ROOT, env=still, stderr=subprocess.PIPE, text=True) as process:
        line = ""
        while process.stderr is not None and not line.startswith("  curl"):
            line = process.stderr.readline()
        asked = shlex.split(line.strip().replace("YOUR_KEY", token))
        answer = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        refused = subprocess.run(asked[:-2], capture_output=True, text=True, check=True).stdout
        process.kill()
    assert ("decision" in json.loads(answer), json.loads(refused)["code"]) == (True, "unauthorized")


def test_an_index_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    """The server does not start without something to answer from."""
    command = [*COMMAND, "serve", "--index", str(tmp_path / "none"), "--port", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("aisle: nothing was built in ")
