"""A node that is killed within a stack goes on there: no fold that has finished runs again."""

from __future__ import annotations

import signal
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from seriatim.formats.schedule.variant import Variant
from tests.crash.family import kill
from tests.support.builders import spawn_item
from tests.support.live_node import LiveNode, live_node
from tests.support.traced_folds import FOLDER, NAMES, gate_file, trace_file

PASSES = 3
POINTS = [(number, name) for number in range(1, PASSES + 1) for name in NAMES]
STACK = {
    "Execution-Device": "stack@1.0",
    "Device-Stack": ", ".join([*NAMES, "multipass@1.0"]),
    "Passes": str(PASSES),
}
FLAGS = [
    flag for letter in "ABCDE" for flag in ("--compute", f"tests.support.traced_folds:{letter}")
]

pytestmark = [pytest.mark.crash, pytest.mark.slow]


@contextmanager
def asking(node: LiveNode, path: str) -> Iterator[None]:
    """Ask *node* for *path*, and do not wait for the answer."""
    url = urlsplit(node.url)
    with socket.create_connection((url.hostname, url.port)) as asked:
        asked.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        yield


@pytest.mark.long
def test_killed_at_each_point_of_a_stack_every_fold_runs_once_per_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    data = tmp_path / "data"
    processes: list[str] = []
    for number, name in POINTS:
        gate = gate_file(tmp_path, name, number)
        gate.write_bytes(b"closed")
        with live_node(data, *FLAGS, ends_with=-signal.SIGKILL) as node:
            spawn = spawn_item(Variant.HYPERBEAM, f"{name} {number}", tags=STACK)
            processes.append(node.post("/schedule", spawn.raw).json()["process"])
            with asking(node, f"/{processes[-1]}/now"):
                while gate.stat().st_size:
                    pass
                kill(node.pid, [node.pid])
        gate.unlink()
    with live_node(data, *FLAGS) as node:
        replies = [node.get(f"/{each}/now", accept="application/json") for each in processes]
        states = [reply.json()["state"] for reply in replies]
    assert states == [{"runs": [[0, number, name] for number, name in POINTS]}] * len(POINTS)
    ran = Counter(trace_file(tmp_path).read_text().splitlines())
    assert ran == Counter(
        f"{process} 0 {number} {name}" for process in processes for number, name in POINTS
    )
