"""Reading a request's body: bounded in size and in time, refused when it is compressed."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from seriatim.formats.errors import DeadlineExceededError, LimitExceededError, MalformedError
from seriatim.formats.limits import (
    BODY_MAX_BYTES,
    BODY_READ_GRACE_MS,
    BODY_READ_MIN_BYTES_PER_S,
)

# Read once, for whoever asks: a request that is sent on to another node takes its body along.
_BODY: Final = web.RequestKey("body", bytes)

_READ_LIMIT_S: Final = BODY_READ_GRACE_MS / 1000 + BODY_MAX_BYTES / BODY_READ_MIN_BYTES_PER_S


async def read_body(request: web.BaseRequest) -> bytes:
    """Return the whole body of *request*, however often it is asked for.

    Raises:
        LimitExceededError: over ``BODY_MAX_BYTES``.
        MalformedError: it has a content encoding (code ``encoded_body``): signatures cover the
            bytes as they are; or it ended early (code ``truncated_body``).
        DeadlineExceededError: it comes slower than ``BODY_READ_MIN_BYTES_PER_S``.
    """
    if _BODY not in request:
        request[_BODY] = await _read(request)
    return request[_BODY]


async def _read(request: web.BaseRequest) -> bytes:
    length = request.content_length
    if length is not None and length > BODY_MAX_BYTES:
        raise LimitExceededError("body", given=length, maximum=BODY_MAX_BYTES)
    encoding = request.headers.get("content-encoding")
    if encoding is not None and encoding.lower() != "identity":
        raise MalformedError(
            f"send the body without content-encoding {encoding[:32]!r}", code="encoded_body"
        )
    content = request.content
    if content.is_eof():
        return content.read_nowait(-1)
    try:
        async with asyncio.timeout(_read_limit_s(length)):
            return await _read_bounded(request)
    except TimeoutError:
        raise DeadlineExceededError(
            "the body", deadline_ms=round(_read_limit_s(length) * 1000)
        ) from None
    except (web.RequestPayloadError, ConnectionError, asyncio.IncompleteReadError) as error:
        raise MalformedError("the body ended early", code="truncated_body") from error


async def _read_bounded(request: web.BaseRequest) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := await request.content.readany():
        size += len(chunk)
        if size > BODY_MAX_BYTES:
            raise LimitExceededError("body", given=size, maximum=BODY_MAX_BYTES)
        chunks.append(chunk)
    return b"".join(chunks)


def _read_limit_s(length: int | None) -> float:
    """Return how long a body of *length* bytes may take."""
    if length is None:
        return _READ_LIMIT_S
    return BODY_READ_GRACE_MS / 1000 + length / BODY_READ_MIN_BYTES_PER_S
