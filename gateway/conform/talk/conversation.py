"""The kit's client: blocking, bounded in time and size, and everything that it says is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import aiohttp
from yarl import URL

from seriatim.formats.errors import (
    DeadlineExceededError,
    LimitExceededError,
    UnavailableError,
)
from seriatim.gateway.client import read_bounded
from seriatim.gateway.conform.talk.exchange import Exchange, Reply, Request
from seriatim.gateway.failure import reason_of

# Not compressed: a bound on what is read is a bound on what is held.
_HEADERS: Final = {"accept-encoding": "identity"}


class Conversation:
    """Speaks to the node at *url*; a context manager. Not for a thread that runs a loop.

    Attributes:
        url: an origin, without a slash at its end.
        exchanges: what was said since `begin`, in order.
        is_silent: the node has let a request go without a reply in time.
    """

    def __init__(self, url: str, *, deadline_ms: int) -> None:
        """Prepare; nothing is sent. A reply has *deadline_ms* to be whole."""
        self.url = url.rstrip("/")
        self.exchanges: list[Exchange] = []
        self.is_silent = False
        self._deadline_ms = deadline_ms
        self._runner = asyncio.Runner()
        self._session: aiohttp.ClientSession | None = None

    def __enter__(self) -> Self:
        """Open connections."""
        self._runner.__enter__()
        self._session = self._runner.run(self._open())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close them."""
        if self._session is not None:
            self._runner.run(self._session.close())
        self._runner.__exit__(kind, error, trace)

    def begin(self) -> None:
        """Forget what was said."""
        self.exchanges = []

    def send(self, request: Request) -> Reply:
        """Return the reply to *request*.

        Raises:
            UnavailableError: none came: nobody listens, or the connection was cut.
            DeadlineExceededError: none came in time.
            LimitExceededError: it is over ``CLIENT_REPLY_MAX_BYTES``.
        """
        return self.send_at_once([request])[0]

    def send_at_once(self, requests: Sequence[Request]) -> list[Reply]:
        """Return the replies to *requests*, all of which are sent before the first is answered.

        Raises:
            UnavailableError, LimitExceededError: as for `send`, of the first that failed.
        """
        found = self._runner.run(self._send_all(requests))
        for place, (request, reply) in enumerate(zip(requests, found, strict=True)):
            came = reply if isinstance(reply, Reply) else None
            self.exchanges.append(Exchange(request, came, at_once=place > 0))
        for reply in found:
            if isinstance(reply, BaseException):
                self.is_silent |= isinstance(reply, DeadlineExceededError)
                raise reply
        return [reply for reply in found if isinstance(reply, Reply)]

    async def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._deadline_ms / 1000),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers=_HEADERS,
        )

    async def _send_all(self, requests: Sequence[Request]) -> list[Reply | BaseException]:
        return await asyncio.gather(*map(self._send, requests), return_exceptions=True)

    async def _send(self, request: Request) -> Reply:
        assert self._session is not None, "a conversation is opened first"
        try:
            async with self._session.request(
                request.method,
                URL(self.url + request.target, encoded=True),
                data=request.body or None,
                headers=request.headers,
                allow_redirects=False,
            ) as response:
                raw = await read_bounded(response.content)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Reply(response.status, headers, raw)
        except LimitExceededError:
            raise
        except TimeoutError:
            raise DeadlineExceededError(self.url, deadline_ms=self._deadline_ms) from None
        except (aiohttp.ClientError, OSError) as error:
            raise UnavailableError(f"{self.url} gives no reply: {reason_of(error)}") from error
