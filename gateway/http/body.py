"""Reading requests' bodies: bounded in size, in time and together; refused when compressed."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from seriatim.formats.errors import LimitExceededError, MalformedError, OverloadedError
from seriatim.formats.limits import (
    BODIES_MAX_BYTES,
    BODY_MAX_BYTES,
    BODY_READ_GRACE_MS,
    BODY_READ_MIN_BYTES_PER_S,
    RETRY_AFTER_MS,
)

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class BodyReader:
    """Reads bodies; one for all connections, so that together they have a bound, too."""

    def __init__(self) -> None:
        self._held_bytes = 0

    async def read(self, request: web.BaseRequest) -> bytes:
        """Return the whole body of *request*.

        Raises:
            LimitExceededError: over ``BODY_MAX_BYTES``.
            MalformedError: it has a content encoding (code ``encoded_body``): signatures cover
                the bytes as they are; it ended early (code ``truncated_body``); or it comes
                slower than ``BODY_READ_MIN_BYTES_PER_S`` (code ``slow_body``).
            OverloadedError: bodies that are on their way hold ``BODIES_MAX_BYTES``.
        """
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
        limit_s = _read_limit_s(BODY_MAX_BYTES if length is None else length)
        try:
            async with asyncio.timeout(limit_s):
                await _invite(request)
                return await self._gather(request)
        except TimeoutError:
            raise MalformedError(
                f"the body was not here within {limit_s:.1f} s", code="slow_body"
            ) from None
        except (web.RequestPayloadError, ConnectionError) as error:
            raise MalformedError("the body ended early", code="truncated_body") from error

    async def _gather(self, request: web.BaseRequest) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            while chunk := await request.content.readany():
                size += len(chunk)
                self._held_bytes += len(chunk)
                if size > BODY_MAX_BYTES:
                    raise LimitExceededError("body", given=size, maximum=BODY_MAX_BYTES)
                if self._held_bytes > BODIES_MAX_BYTES:
                    raise OverloadedError(
                        "the memory for bodies on their way", retry_after_ms=RETRY_AFTER_MS
                    )
                chunks.append(chunk)
            return b"".join(chunks)
        finally:
            self._held_bytes -= size


async def _invite(request: web.BaseRequest) -> None:
    """Tell a client that waits for it (``Expect: 100-continue``) to send its body."""
    if request.headers.get("expect", "").lower() == "100-continue":
        writer = request.writer
        await writer.write(_CONTINUE)
        writer.output_size = 0  # this was no part of the reply


def _read_limit_s(length: int) -> float:
    """Return how long a body of *length* bytes may take."""
    return BODY_READ_GRACE_MS / 1000 + length / BODY_READ_MIN_BYTES_PER_S
