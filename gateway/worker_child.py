"""A worker that lives with its node: started beside it, begun anew when it dies, ended with it.

One that has ended as it should, because it was drained or asked to end, stays away. Where none
could ever begin, the node ends, too: its operator is told at once, and not by jobs that wait.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from seriatim.actors.operator_token import token_file
from seriatim.actors.runtime.clock import SystemClock
from seriatim.actors.runtime.pauses import Pauses
from seriatim.formats.codecs.json import parse_json
from seriatim.formats.errors import RefusedError
from seriatim.formats.limits import (
    STOP_DEADLINE_MS,
    WORKER_PAUSE_MAX_MS,
    WORKER_PAUSE_MIN_MS,
)
from seriatim.gateway.reply import field

if TYPE_CHECKING:
    from asyncio.subprocess import Process

_LOG: Final = logging.getLogger("seriatim.gateway")
_AWAY: Final = "it could not begin; the log of the node says why"


class WorkerBeside:
    """A worker beside a node.

    Attributes:
        reason: why it is not well, for people; empty where it is, or has ended as it was told to.
            It names nothing of the machine.
    """

    def __init__(self, data: Path, modules: Sequence[str], *, log_json: bool = False) -> None:
        """Have it run the functions of *modules*, for the node on the data folder *data*.

        With *log_json*, what it logs on its stderr, which is the node's, is JSON.
        """
        self.reason = ""
        self._data = data
        self._modules = modules
        self._log_json = log_json
        self._was_there = False
        self._is_there = False

    @asynccontextmanager
    async def living(self, url: str, stop: Callable[[], object]) -> AsyncIterator[None]:
        """Have it work for the node at *url* while the block runs.

        It hears of the end of this OS process, however that comes, by the end of its stdin, and
        takes no more jobs then. At the end of the block it has ``STOP_DEADLINE_MS`` to finish what
        it has.

        Args:
            url: the node's.
            stop: is called when it cannot begin, and never could: the block is to end then.

        Raises:
            RefusedError: at the end of the block, with its own code and sentence: it could not.
        """

        def look(kept: asyncio.Task[None]) -> None:
            if not kept.cancelled() and kept.exception() is not None:
                stop()

        keeping = asyncio.ensure_future(self._keep(url))
        keeping.add_done_callback(look)
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
        if not keeping.cancelled():
            keeping.result()

    async def _keep(self, url: str) -> None:
        clock = SystemClock(asyncio.get_running_loop())
        pauses = Pauses(clock, WORKER_PAUSE_MIN_MS, WORKER_PAUSE_MAX_MS)
        command = [sys.executable, "-m", "seriatim", "worker", "run", "--beside", "--node", url]
        command += ["--token-file", str(token_file(self._data)), "--json", *self._modules]
        if self._log_json:
            command.append("--log-json")
        while True:
            began_ms = clock.monotonic_ms()
            self._is_there = False
            try:
                status = await self._run(command)
                if not status:
                    _LOG.warning(
                        "the worker of this node has ended as it was told to, and stays away"
                    )
                    return
                how = f"has ended with status {status}"
            except OSError as error:
                how = f"could not be started: {error}"
            if not self._is_there:
                self.reason = _AWAY
            _LOG.warning("the worker of this node %s; it begins anew", how)
            if clock.monotonic_ms() - began_ms > WORKER_PAUSE_MAX_MS:
                pauses.restart()
            await pauses.rest()

    async def _run(self, command: Sequence[str]) -> int:
        """Return the status with which *command* ends by itself; who is cancelled has it end.

        Raises:
            OSError: the system does not start it.
            RefusedError: see `_hear`.
        """
        mine, its = socket.socketpair()
        with its:
            reader, writer = await asyncio.open_connection(sock=mine)
            try:
                child = await asyncio.create_subprocess_exec(
                    *command, stdin=its.fileno(), stdout=asyncio.subprocess.DEVNULL
                )
                its.close()
                try:
                    self._hear(await reader.readline())
                    return await child.wait()
                except BaseException:
                    writer.close()
                    await _end(child)
                    raise
            finally:
                writer.close()

    def _hear(self, line: bytes) -> None:
        """Take note of how its beginning went: *line* is as of `WorkerTether`, empty for a death.

        Raises:
            RefusedError: it could not begin, and none could before.
        """
        if not line:
            return
        word = parse_json(line)
        if "error" not in word:
            self._is_there = self._was_there = True
            self.reason = ""
            return
        error = RefusedError(field(word, "reason", str), code=field(word, "error", str))
        if not self._was_there:
            raise error
        _LOG.warning("the worker of this node cannot begin: %s", error)


async def _end(child: Process) -> None:
    try:
        async with asyncio.timeout(STOP_DEADLINE_MS / 1_000):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
