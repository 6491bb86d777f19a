"""A worker that lives with its node: started beside it, begun anew when it dies, ended with it.

One that has ended as it should, because it was drained or asked to end, stays away.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from seriatim.actors.operator_token import token_file
from seriatim.actors.runtime.clock import SystemClock
from seriatim.actors.runtime.pauses import Pauses
from seriatim.formats.limits import (
    STOP_DEADLINE_MS,
    WORKER_PAUSE_MAX_MS,
    WORKER_PAUSE_MIN_MS,
)

if TYPE_CHECKING:
    from asyncio.subprocess import Process

_LOG: Final = logging.getLogger("seriatim.gateway")


@asynccontextmanager
async def working_beside(url: str, data: Path, modules: Sequence[str]) -> AsyncIterator[None]:
    """Have a worker run the functions of *modules* while the block runs.

    It hears of the end of this OS process, however that comes, by the end of its stdin, and takes
    no more jobs then. At the end of the block it has ``STOP_DEADLINE_MS`` to finish what it has.

    Args:
        url: the node's.
        data: its data folder, where the operator's token is.
        modules: where the functions are.
    """
    keeping = asyncio.ensure_future(_keep(url, data, modules))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def _keep(url: str, data: Path, modules: Sequence[str]) -> None:
    clock = SystemClock(asyncio.get_running_loop())
    pauses = Pauses(clock, WORKER_PAUSE_MIN_MS, WORKER_PAUSE_MAX_MS)
    command = [sys.executable, "-m", "seriatim", "worker", "run", "--until-eof", "--node", url]
    command += ["--token-file", str(token_file(data)), *modules]
    while True:
        began_ms = clock.monotonic_ms()
        child = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            status = await child.wait()
        except asyncio.CancelledError:
            await _end(child)
            raise
        if not status:
            _LOG.warning("the worker of this node has ended as it was told to, and stays away")
            return
        _LOG.warning("the worker of this node has ended with status %s; it begins anew", status)
        if clock.monotonic_ms() - began_ms > WORKER_PAUSE_MAX_MS:
            pauses.restart()
        await pauses.rest()


async def _end(child: Process) -> None:
    assert child.stdin is not None, "a pipe was asked for"
    child.stdin.close()
    try:
        async with asyncio.timeout(STOP_DEADLINE_MS / 1_000):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
