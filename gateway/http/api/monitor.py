"""``/api/v1/monitor``: queues and workers as they are, once or as a stream of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

import orjson

from seriatim.actors.monitor.monitor import Monitor, View
from seriatim.actors.node import Node
from seriatim.formats.errors import DisabledError, OverloadedError, StoppingError
from seriatim.formats.limits import MONITOR_STREAMS_MAX, RETRY_AFTER_MS, STREAM_COMMENT_MS
from seriatim.gateway.http.api.route import Asked, Route
from seriatim.gateway.http.reply import reply_json
from seriatim.gateway.http.request import resting
from seriatim.gateway.http.stream import send_events

if TYPE_CHECKING:
    from aiohttp import web

_COMMENT: Final = b": nothing new\n\n"


class MonitorApi:
    """What the node's monitor sees."""

    def __init__(self, node: Node) -> None:
        """Show what the monitor of *node* sees."""
        self._node = node
        self._streams = 0

    def routes(self) -> tuple[Route, ...]:
        """Return what can be asked for."""
        return (
            Route("GET", "/api/v1/monitor", self._show),
            Route("GET", "/api/v1/monitor/stream", self._stream),
        )

    async def _show(self, asked: Asked) -> web.StreamResponse:
        del asked
        return reply_json(self._monitor.look_now())

    async def _stream(self, asked: Asked) -> web.StreamResponse:
        """Answer with each view as it comes; who reads too slowly is cut off."""
        monitor = self._monitor
        if self._streams >= MONITOR_STREAMS_MAX:
            raise OverloadedError("streams of the monitor", retry_after_ms=RETRY_AFTER_MS)
        first = monitor.look_now()  # where it cannot look, that is the answer
        self._streams += 1
        try:
            with resting(asked.request):  # who has gone makes room at once
                return await send_events(asked.request, _events(monitor, first))
        finally:
            self._streams -= 1

    @property
    def _monitor(self) -> Monitor:
        if self._node.monitor is None:
            raise DisabledError("this node places no messages, and so has nothing to monitor")
        return self._node.monitor


async def _events(monitor: Monitor, first: View) -> AsyncIterator[bytes]:
    """Yield *first*, and what *monitor* sees from now on, until it ends."""
    yield _event(first)
    while True:
        try:
            async with asyncio.timeout(STREAM_COMMENT_MS / 1_000):
                view = await monitor.next_view()
        except TimeoutError:
            yield _COMMENT
        except StoppingError:
            return
        else:
            yield _event(view)


def _event(view: View) -> bytes:
    tick = view["observer"]["tick"]
    return b"id: %d\nevent: view\ndata: %s\n\n" % (tick, orjson.dumps(view))
