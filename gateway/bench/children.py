"""The OS processes of a run: servers that say where they are, and tools that say what they found.

Every child is ended with its block. One that ends badly fails the run: its figures mean nothing.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from seriatim.formats.errors import UnavailableError
from seriatim.gateway.bench.figure import Sample, make_sample
from seriatim.gateway.server_process import start_server

SIGN: Final = "seriatim.gateway.bench.corpus"
LOAD: Final = "seriatim.gateway.bench.load"
HELLO: Final = "seriatim.gateway.bench.hello"
IDLE: Final = "seriatim.gateway.bench.idle_child"
TIMERS: Final = "seriatim.gateway.bench.timers_child"
PEER_TIMERS: Final = "seriatim.gateway.bench.timers_peer"


@asynccontextmanager
async def serving(module: str, *arguments: str) -> AsyncIterator[str]:
    """Run *module* as a server for as long as the block runs; give its URL.

    Raises:
        UnavailableError: it does not start, or does not end well.
    """
    child, url = await start_server(module, *arguments)
    try:
        yield url
    finally:
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
        status = await child.wait()
    if status:
        raise UnavailableError(f"{module} ended with status {status}")


@asynccontextmanager
async def serving_node(data: Path, wallet: Path) -> AsyncIterator[str]:
    """Run ``seriatim serve`` on the folder *data* for as long as the block runs."""
    options = ["--json", "--port", "0", "--data", str(data), "--wallet", str(wallet)]
    async with serving("seriatim", "serve", "--accept-unsigned", *options) as url:
        yield url


async def run_tool(module: str, *arguments: str) -> Any:
    """Run *module* to its end and return the JSON value that it prints; ``None`` for nothing.

    Raises:
        UnavailableError: it did not end well.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        printed, _ = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        raise UnavailableError(f"{module} ended with status {child.returncode}")
    return orjson.loads(printed) if printed else None


async def load(url: str, requests: Path, *, connections: int, first: int, count: int) -> Sample:
    """Send *count* of *requests* to *url*, and return their rate per second and latencies.

    Raises:
        UnavailableError: an answer was not 200.
    """
    target = urlsplit(url)
    numbers = (target.port, connections, first, count)
    found = await run_tool(LOAD, str(target.hostname), *map(str, numbers), str(requests))
    if found["statuses"] != {"200": count}:
        raise UnavailableError(f"{count} requests were answered {found['statuses']}")
    return make_sample(count, found["elapsed_ns"], found["latencies_ns"])
