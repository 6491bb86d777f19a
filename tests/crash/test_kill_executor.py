"""Jobs that mean no good, many jobs, and a worker that is killed: what is left is nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seriatim.actors.executor.keepers import Keepers
from seriatim.formats.jobs.limits import Limits
from seriatim.formats.jobs.outcome import Ending
from seriatim.formats.limits import JOB_PROCESSES_DEFAULT, JOB_PROCESSES_MAX
from tests.crash import executor_driver
from tests.support.executing import Children, command, descendants, descriptors, is_alive, ran
from tests.support.waiting import until

pytestmark = [pytest.mark.crash, pytest.mark.slow]

MIB = 1024 * 1024
ROOT = Path(__file__).parents[2]

# 4,096 OS processes in as many sessions, each of which goes on when its parent is gone.
DOUBLING = """
import os, signal
for _ in range(12):
    if not os.fork():
        os.setsid()
signal.pause()
"""


def resident_bytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


@pytest.mark.parametrize("idle_max", [0, 4])
@pytest.mark.long
def test_a_thousand_commands_leave_no_zombie_and_no_descriptor(idle_max: int) -> None:
    """Each with a keeper of its own, or with few keepers for all of them."""

    async def main() -> None:
        await ran("true")
        before = descriptors()
        keepers = Keepers(idle_max)
        for _ in range(50):
            rans = await asyncio.gather(*(ran("true", keepers=keepers) for _ in range(20)))
            assert all(outcome.is_success for outcome, _ in rans)
        assert len(descendants(os.getpid())) == idle_max
        await keepers.close()
        assert descendants(os.getpid()) == []
        assert descriptors() == before

    asyncio.run(main())


def test_a_thousand_functions_leave_no_zombie_and_no_descriptor() -> None:
    async def main() -> None:
        async with Children(2) as children:
            await asyncio.gather(*(children.ran("add", 1) for _ in range(2)))
            before, family = descriptors(), len(descendants(os.getpid()))
            for number in range(500):
                first, second = await asyncio.gather(
                    children.ran("add", number), children.ran("raise_error")
                )
                assert first.outcome.result == b"%d" % (number + 1)
                assert second.outcome.code is Ending.RAISED
            assert len(descendants(os.getpid())) == family
            assert descriptors() == before
        assert descendants(os.getpid()) == []

    asyncio.run(main())


def test_a_gigabyte_of_output_leaves_the_memory_as_it_is() -> None:
    async def main() -> None:
        await ran("true")
        forget_peak()
        before = resident_bytes("VmRSS")
        outcome, output = await ran("head", "-c", "1000000000", "/dev/zero")
        assert outcome.is_success
        assert len(output) < 2 * MIB
        assert resident_bytes("VmHWM") - before < 16 * MIB

    asyncio.run(main())


@pytest.mark.parametrize("processes", [50, JOB_PROCESSES_DEFAULT, JOB_PROCESSES_MAX])
def test_a_fork_bomb_is_ended_with_all_that_it_has_started(processes: int) -> None:
    """Within a limit by itself, beyond any when it is stopped; the others run meanwhile."""

    async def main() -> None:
        bomb = command(
            sys.executable, "-I", "-S", "-c", DOUBLING, limits=Limits(processes=processes)
        )
        if processes == JOB_PROCESSES_MAX:
            await until(lambda: len(descendants(os.getpid())) > 500)
            assert bomb.task is not None
            bomb.task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await bomb.task
        else:
            outcome, _ = await bomb.end()
            assert outcome.code is Ending.PROCESSES
        assert descendants(os.getpid()) == []
        assert (await ran("true")).outcome.is_success

    asyncio.run(main())


def test_a_function_that_forks_a_bomb_is_ended_with_all_that_it_has_started() -> None:
    async def main() -> None:
        async with Children() as children:
            outcome, _ = await children.ran("fork_bomb", limits=Limits(processes=50))
            assert outcome.code is Ending.PROCESSES
            assert descendants(os.getpid()) == []
            assert (await children.ran("add", 2)).outcome.is_success

    asyncio.run(main())


def test_nothing_of_its_jobs_outlives_a_worker_that_is_killed() -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", executor_driver.__name__], cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        assert worker.stdout is not None
        heard = b""
        while heard.count(executor_driver.READY) < 2:
            heard += os.read(worker.stdout.fileno(), 1024)
        started = descendants(worker.pid)
        # Two keepers, a shell, a child, and three programs.
        assert len(started) >= 7
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
    asyncio.run(until(none_of(started)))


def none_of(processes: list[int]) -> Callable[[], bool]:
    return lambda: not any(is_alive(process) for process in processes)
