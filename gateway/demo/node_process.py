"""A node as users start it: ``seriatim serve`` as an OS process of its own."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Final

from seriatim.gateway.server_process import start_server

KILLED: Final = -signal.SIGKILL
"""The exit status of an OS process that was killed."""


class NodeProcess:
    """Starts, kills and stops a node on one data folder.

    Attributes:
        url: where the node that was started last takes requests.
        pid: its OS process.
    """

    def __init__(self, data: Path, wallet: Path) -> None:
        """Use the data folder *data* and the wallet file *wallet*; start nothing yet."""
        self._data = data
        self._wallet = wallet
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""
        self.pid = 0

    async def start(self) -> None:
        """Start a node and wait until it takes requests.

        Raises:
            UnavailableError: it ended before that; it has said why on stderr.
        """
        command = ["seriatim", "serve", "--json", "--port", "0"]
        command += ["--data", str(self._data), "--wallet", str(self._wallet)]
        self._process, self.url = await start_server(*command)
        self.pid = self._process.pid

    async def kill(self) -> int:
        """Kill the node without warning; return its exit status."""
        return await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """Ask the node to stop; return its exit status."""
        return await self._end(signal.SIGTERM)

    async def aclose(self) -> None:
        """Stop the node if one runs."""
        await self.stop()

    async def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        if self._process.returncode is None:
            self._process.send_signal(number)
        return await self._process.wait()
