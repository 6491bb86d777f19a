"""A server as an OS process of its own, for the tour and for measurements."""

from __future__ import annotations

import asyncio
import sys

from seriatim.formats.codecs.json import parse_json
from seriatim.formats.errors import FormatError, UnavailableError
from seriatim.gateway.reply import field


async def start_server(module: str, *arguments: str) -> tuple[asyncio.subprocess.Process, str]:
    """Run *module* as a server; return its OS process, and its URL once it takes requests.

    Its first line on stdout has to be a JSON object with a ``url``, as from ``serve --json``.

    Raises:
        UnavailableError: it says anything else, or ends before; it does not run any more.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdout is not None, "a pipe was asked for"
        line = await child.stdout.readline()
        try:
            return child, field(parse_json(line), "url", str)
        except (FormatError, UnavailableError) as error:
            raise UnavailableError(f"{module} did not start: {line!r}") from error
    except BaseException:
        if child.returncode is None:
            child.kill()
        await child.wait()
        raise
