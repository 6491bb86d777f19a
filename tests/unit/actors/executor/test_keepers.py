"""Keepers that keep one command after the other: none of them notices."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from seriatim.actors.executor.keepers import Keepers
from seriatim.actors.executor.kept import Keeper, Order
from seriatim.formats.jobs.limits import Limits
from seriatim.formats.jobs.outcome import Ending
from tests.support.executing import command, descendants, descriptors, ran
from tests.support.waiting import until

Run = Callable[[Coroutine[Any, Any, None]], None]

NO_LIMITS = Limits()


async def keeper_of(keepers: Keepers) -> int:
    """Return the number of the keeper that the next command has."""
    output = (await ran("sh", "-c", "echo $PPID", keepers=keepers)).output
    return int(output)


def test_a_keeper_keeps_one_command_after_the_other_however_they_end(run: Run) -> None:
    async def main() -> None:
        keepers = Keepers(1)
        first = await keeper_of(keepers)
        few = Limits(processes=2, memory_bytes=1 << 30, files=16)
        assert (await ran("sh", "-c", "exit 3", keepers=keepers)).outcome.exit_code == 3
        assert (await ran("no-such-program", keepers=keepers)).outcome.code is Ending.NOT_FOUND
        bomb = ("sh", "-c", "sleep 1000 & setsid sleep 1000 & wait")
        outcome, _ = await ran(*bomb, keepers=keepers, limits=few)
        assert outcome.code is Ending.PROCESSES
        slow = command("sh", "-c", "echo ready; sleep 1000", keepers=keepers, limits=NO_LIMITS)
        await slow.prints()
        slow.stop.stop("enough")
        assert (await slow.end()).outcome.code is Ending.CANCELLED
        # Nothing of what those were held to is left.
        output = (await ran("sh", "-c", "ulimit -v; ulimit -n", keepers=keepers)).output
        assert output.split()[0] == b"unlimited"
        assert int(output.split()[1]) > 16
        assert await keeper_of(keepers) == first
        await keepers.close()
        assert descendants(os.getpid()) == []

    run(main())


def test_each_command_has_its_own_output_and_its_own_use(run: Run) -> None:
    async def main() -> None:
        keepers = Keepers(1)
        big = await ran("sh", "-c", "head -c 100000 /dev/zero", keepers=keepers)
        assert len(big.output) == 100_000
        outcome, _ = await ran(
            "sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done", keepers=keepers
        )
        spent_ms = outcome.usage.cpu_ms
        outcome, output = await ran("echo", "x", keepers=keepers)
        assert output == b"x\n"
        assert outcome.usage.cpu_ms < spent_ms
        await keepers.close()

    run(main())


def test_a_keeper_that_has_died_is_replaced(run: Run) -> None:
    async def main() -> None:
        keepers = Keepers(1)
        first = await keeper_of(keepers)
        os.kill(first, signal.SIGKILL)
        outcome, _ = await ran("true", keepers=keepers)
        assert outcome.is_success or (outcome.code is Ending.CRASHED and outcome.is_crash)
        assert await keeper_of(keepers) != first
        await keepers.close()

    run(main())


def test_no_more_keepers_wait_than_may(run: Run) -> None:
    async def main() -> None:
        await ran("true")  # what the loop opens, it has opened now
        before = descriptors()
        keepers = Keepers(2)
        await asyncio.gather(*(ran("true", keepers=keepers) for _ in range(4)))
        assert len(descendants(os.getpid())) == 2
        running = command("sh", "-c", "echo ready; sleep 1000", keepers=keepers)
        await running.prints()
        await keepers.close()
        running.stop.stop("enough")
        await running.end()
        assert descendants(os.getpid()) == []
        assert descriptors() == before

    run(main())


def test_an_order_to_end_that_comes_too_late_does_not_meet_the_next_command(run: Run) -> None:
    async def main() -> None:
        keeper = await Keeper.start()
        output = bytearray()
        order = Order(("echo", "x"), dict(os.environ), "", NO_LIMITS)
        keeper.capture.begin(output.extend, 100)
        await keeper.keep(order).gone.wait()
        keeper.tell(b"kill\nterm\nprocesses 1\n")
        kept = keeper.keep(order)
        await kept.gone.wait()
        assert kept.ended.status == 0
        keeper.capture.finish()
        assert bytes(output) == b"x\nx\n"
        kept.kill()
        await keeper.close()
        await until(lambda: descendants(os.getpid()) == [])

    run(main())
