"""A monitor in an OS process of its own: it cannot write, may be killed or stopped, and ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from random import Random

import orjson
import pytest

import seriatim
from seriatim.formats.jobs.rows import name_path
from seriatim.gateway.cli.output import Exit
from seriatim.store.environment import Environment
from seriatim.store.tree.lmdb_tree import LmdbTree
from tests.support.live_node import COMMAND

KILLS = max(5, int(os.environ.get("SERIATIM_CRASH_LOOPS", "50")) // 5)
SEED = int(os.environ.get("SERIATIM_FIRST_SEED", "1"))

pytestmark = [pytest.mark.crash, pytest.mark.slow]


@contextmanager
def watching(data: Path, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``seriatim monitor`` on *data*, which has said its first line."""
    command = [*COMMAND, "monitor", "--data", str(data), "--json", *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert orjson.loads(process.stdout.readline())["observer"]["pid"] == process.pid
            yield process
        finally:
            process.kill()


async def work(data: Path, jobs: int) -> None:
    """Have a node submit and run *jobs* jobs, one after another."""
    app = seriatim.App()

    @app.job
    async def add(first: int, second: int) -> int:
        return first + second

    async with app.open(data):
        for number in range(jobs):
            assert await (await add.submit(number, 1)) == number + 1


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder on which a node has run jobs, and none runs."""
    asyncio.run(work(tmp_path / "data", 5))
    return tmp_path / "data"


def state_of(data: Path) -> dict[str, str]:
    """Return a hash of each file of *data*, but for the tables of readers."""
    return {
        str(file.relative_to(data)): sha256(file.read_bytes()).hexdigest()
        for file in sorted(data.rglob("*"))
        if file.is_file() and file.name != "lock.mdb"
    }


def test_a_monitor_that_is_killed_at_any_moment_changes_nothing(data: Path) -> None:
    before = state_of(data)
    random = Random(SEED)
    for _ in range(KILLS):
        with watching(data, "--period", "0.01") as process:
            assert process.stdout is not None
            for _ in range(random.randrange(20)):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
            assert process.wait(30) == -signal.SIGKILL
    assert state_of(data) == before
    asyncio.run(work(data, 3))  # and the readers that were killed are in nobody's way


def test_it_ends_by_sigterm_with_status_0_and_leaves_no_child(data: Path) -> None:
    with watching(data) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii")
        assert children == ""
        process.terminate()
        assert process.wait(30) == 0


def test_it_ends_when_there_is_nothing_to_do(data: Path) -> None:
    with watching(data, "--until-idle") as process:
        assert process.wait(30) == 0


@pytest.mark.parametrize("terminate", [False, True])
def test_what_ends_it_while_something_is_to_be_done_is_no_idleness(
    data: Path, *, terminate: bool
) -> None:
    async def leave_work() -> None:
        app = seriatim.App()

        @app.job
        async def left() -> None: ...

        async with app.open(data, work=False) as running:
            await left.submit()
            await running.queues.wishes.change_flags(terminate=terminate)

    asyncio.run(leave_work())
    with watching(data, "--until-idle") as process:
        if not terminate:
            process.terminate()
        assert process.wait(30) == Exit.FAILED
        assert process.stdout is not None
        *_, last = process.stdout.read().splitlines()
        assert orjson.loads(last)["error"] == "busy"


# Opens the folder as a monitor does, and is stopped at the worst moment: inside its transaction.
STOPPED = """
import os, signal, sys
from pathlib import Path
from seriatim.store.environment import Environment
from seriatim.store.folder import DataFolder
from seriatim.store.tree.lmdb_tree import LmdbTree
tree = LmdbTree(Environment.open_reader(DataFolder(Path(sys.argv[1])).log))
with tree.snapshot() as snapshot:
    before = snapshot.list(("queues", "names"))
    print("inside", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    assert snapshot.list(("queues", "names")) == before
print("out", flush=True)
sys.stdin.read()
"""

PAGE_BYTES = 4_096
PAGES_PER_SLOT_MAX = 64
"""What docs/monitor.md states: so many pages of each slot are kept for a stopped reader."""


def slots_of(data: Path) -> int:
    """Return how many slots the queue has."""
    environment = Environment.open_reader(data / "log")
    head = LmdbTree(environment).get(("queues", "heads", "default"))
    assert LmdbTree(environment).get(name_path("default")) is not None
    environment.close()
    assert head is not None
    slot: int = orjson.loads(head)["slot"]
    return slot + 1


def test_a_reader_that_is_stopped_inside_a_look_holds_up_nothing_and_costs_a_bounded_file(
    data: Path,
) -> None:
    file = data / "log" / "data.mdb"
    command = [sys.executable, "-c", STOPPED, str(data)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        try:
            assert reader.stdout is not None
            assert reader.stdin is not None
            assert reader.stdout.readline() == b"inside\n"
            os.waitpid(reader.pid, os.WUNTRACED)
            slots, size = slots_of(data), file.stat().st_size
            asyncio.run(work(data, 100))  # none of it waits for the reader
            slots_now, size_now = slots_of(data), file.stat().st_size
            grown = size_now - size
            assert 0 < grown <= (slots_now - slots) * PAGES_PER_SLOT_MAX * PAGE_BYTES
            reader.send_signal(signal.SIGCONT)
            assert reader.stdout.readline() == b"out\n"
            asyncio.run(work(data, 50))
            after = file.stat().st_size - size_now
            assert after < grown / 10, "what it held is used again"
        finally:
            reader.kill()
