"""A request as this server's handlers get it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from aiohttp import web


class Request(web.BaseRequest):
    """A request that may rest, and that knows which of its preferences were kept (RFC 7240).

    Attributes:
        applied: what the reply says in ``preference-applied``, whatever reply it is; empty for
            nothing.
    """

    applied: str = ""
    _resting: asyncio.Task[object] | None = None

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Be cancelled, inside, as soon as the client has gone, or at once where it has.

        Everywhere else a request is answered whether or not somebody is left to hear it: a
        message that was taken has to reach its slot.
        """
        if self.transport is None or self.transport.is_closing():
            raise asyncio.CancelledError
        self._resting = asyncio.current_task()
        try:
            yield
        finally:
            self._resting = None

    def _cancel(self, exc: BaseException) -> None:
        """Hear from aiohttp that the connection is lost."""
        super()._cancel(exc)
        if self._resting is not None:
            self._resting.cancel()

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        """Be asked by aiohttp what to add before a reply's head is sent."""
        if self.applied:
            response.headers["preference-applied"] = self.applied


def resting(request: web.BaseRequest) -> AbstractContextManager[None]:
    """Return what `Request.resting` does; nothing, for a request that is none of this server's."""
    return request.resting() if isinstance(request, Request) else nullcontext()
