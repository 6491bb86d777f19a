"""The ceiling for HTTP: an ordinary aiohttp application that does as little as one can.

Run as ``python -m seriatim.gateway.bench.hello [NAME=FILE …]``. ``POST`` reads the body and
answers with a small JSON object; ``GET /page/NAME`` sends FILE's bytes. Prints its URL as JSON.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import orjson
from aiohttp import web


async def _post(request: web.Request) -> web.Response:
    body = await request.read()
    return web.json_response({"received": len(body)})


def make_application(pages: dict[str, bytes]) -> web.Application:
    """Return the application; *pages* are what it sends, by name."""

    async def get(request: web.Request) -> web.Response:
        return web.Response(body=pages[request.match_info["name"]], content_type="application/json")

    application = web.Application()
    application.router.add_post("/", _post)
    application.router.add_post("/~scheduler@1.0/schedule", _post)
    application.router.add_get("/page/{name}", get)
    return application


async def serve(pages: dict[str, bytes]) -> None:
    """Serve on a free port of the loopback until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    runner = web.AppRunner(make_application(pages), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    host, port = runner.addresses[0][:2]
    sys.stdout.buffer.write(orjson.dumps({"url": f"http://{host}:{port}"}) + b"\n")
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()


def main(arguments: list[str]) -> None:
    """Serve what the command line names."""
    import uvloop  # noqa: PLC0415  # only this OS process needs a loop of its own

    named = [argument.partition("=") for argument in arguments]
    uvloop.run(serve({name: Path(file).read_bytes() for name, _, file in named}))


if __name__ == "__main__":
    main(sys.argv[1:])
