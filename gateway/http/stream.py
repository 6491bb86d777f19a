"""Sending a reply, whole or in pieces, to a client that has to take it in time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from aiohttp import web

from seriatim.formats.limits import (
    PAGE_CHUNK_BYTES,
    REPLY_PIECE_BYTES,
    REPLY_SEND_GRACE_MS,
    REPLY_SEND_MIN_BYTES_PER_S,
)
from seriatim.gateway.http.reply import reply_json, stream_headers

_LOG: Final = logging.getLogger("seriatim.gateway")


async def send_whole(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Send what is not yet sent of *response*.

    A client that takes it slower than ``REPLY_SEND_MIN_BYTES_PER_S``, after a grace, loses its
    connection: it would hold the reply, and one of the node's connections, for ever.
    """
    try:
        async with asyncio.timeout(_send_limit_s(response.content_length or 0)):
            await response.prepare(request)
            await response.write_eof()
    except ConnectionError:
        pass  # the client has gone; nobody is left to tell
    except TimeoutError:
        _cut(request)


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
    if request.method == "HEAD":
        return await _send_head(request, stream_headers(content_type, headers))
    piece, has_more = await _gather(pieces)
    if not has_more:
        return reply_json(piece, headers={"content-type": content_type, **(headers or {})})
    response = web.StreamResponse(headers=stream_headers(content_type, headers))
    await response.prepare(request)
    with _in_the_middle(request):
        await _write(response, piece)
        while has_more:
            piece, has_more = await _gather(pieces)
            await _write(response, piece)
    return response


async def send_events(request: web.BaseRequest, events: AsyncIterator[bytes]) -> web.StreamResponse:
    """Send *events*, each as it comes, as ``text/event-stream``; the end of them ends the reply.

    Whoever takes one of them too slowly loses the connection; an error between two breaks it, too.
    """
    headers = stream_headers("text/event-stream", {"cache-control": "no-store"})
    if request.method == "HEAD":
        return await _send_head(request, headers)
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    with _in_the_middle(request):
        async for event in events:
            await _write(response, event)
    return response


@contextmanager
def _in_the_middle(request: web.BaseRequest) -> Iterator[None]:
    """End the reply to *request*, of which some was sent, by whatever goes wrong inside."""
    try:
        yield
    except ConnectionError:
        pass  # the client has gone; nobody is left to tell
    except TimeoutError:
        _cut(request)
    except Exception as error:  # noqa: BLE001  # a second reply must not follow inside this one
        _LOG.error("a reply was cut off: %s: %s", type(error).__name__, error)
        _cut(request)


async def _send_head(request: web.BaseRequest, headers: Mapping[str, str]) -> web.StreamResponse:
    """Send the headers of a page alone; its length would take reading it."""
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    return response


async def _write(response: web.StreamResponse, piece: bytes) -> None:
    async with asyncio.timeout(_send_limit_s(len(piece))):
        await response.write(piece)


def _send_limit_s(size: int) -> float:
    """Return how long a client may take for *size* bytes."""
    return REPLY_SEND_GRACE_MS / 1000 + size / REPLY_SEND_MIN_BYTES_PER_S


def _cut(request: web.BaseRequest) -> None:
    """Break the connection: a body that just ends would look whole to its reader."""
    if request.transport is not None:
        request.transport.abort()


async def _gather(pieces: Iterator[bytes]) -> tuple[bytes, bool]:
    """Return the next *pieces*, joined, and whether more may follow.

    About ``REPLY_PIECE_BYTES``, because each piece costs system calls. Reading and rendering
    take the loop's time, so that everybody else gets a turn in between.
    """
    waiting: list[bytes] = []
    size = 0
    turn_bytes = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= REPLY_PIECE_BYTES:
            return b"".join(waiting), True
        turn_bytes += len(piece)
        if turn_bytes >= PAGE_CHUNK_BYTES // 2:
            turn_bytes = 0
            await asyncio.sleep(0)
    return b"".join(waiting), False
