"""Sending a reply that comes in pieces, without holding all of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Final

from aiohttp import web

from seriatim.formats.errors import SchedulerError
from seriatim.formats.limits import REPLY_PIECE_BYTES
from seriatim.gateway.http.reply import reply_json, stream_headers

_LOG: Final = logging.getLogger("seriatim.gateway")


async def send_stream(
    request: web.BaseRequest,
    content_type: str,
    pieces: Iterator[bytes],
    headers: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Send *pieces* as one body; a single piece goes out as an ordinary reply.

    Pieces are read as the client takes them: a slow client holds one piece, not the page. An
    error between two pieces breaks the connection, so that half a page is never taken for one.
    """
    gathered = _gather(pieces)
    first = next(gathered, b"")
    second = next(gathered, None)
    if second is None:
        return reply_json(first, headers={"content-type": content_type, **(headers or {})})
    response = web.StreamResponse(headers=stream_headers(content_type, headers))
    await response.prepare(request)
    try:
        await response.write(first)
        await response.write(second)
        for piece in gathered:
            await response.write(piece)
        await response.write_eof()
    except ConnectionError:
        pass  # the client has gone; nobody is left to tell
    except SchedulerError as error:
        _LOG.error("a page was cut off: %s", error)
        _cut(request)
    return response


def _cut(request: web.BaseRequest) -> None:
    """Break the connection: a body that just ends would look whole to its reader."""
    if request.transport is not None:
        request.transport.abort()


def _gather(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield *pieces* joined to about ``REPLY_PIECE_BYTES``: each one costs system calls."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= REPLY_PIECE_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)
