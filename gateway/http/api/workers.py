"""``/api/v1/workers``: who runs jobs, and having one of them end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seriatim.actors.node import Node
from seriatim.formats.errors import DisabledError
from seriatim.gateway.http.api.route import Asked, Route
from seriatim.gateway.http.reply import reply_json

if TYPE_CHECKING:
    from aiohttp import web

_ALL: Final = "/api/v1/workers"


class WorkerApi:
    """The workers of one node, by their names."""

    def __init__(self, node: Node) -> None:
        """Show the workers of *node*, and drain them."""
        self._node = node

    def routes(self) -> tuple[Route, ...]:
        """Return what can be asked for."""
        return (
            Route("GET", _ALL, self._list),
            Route("POST", f"{_ALL}/{{worker}}/drain", self._drain),
        )

    async def _list(self, asked: Asked) -> web.StreamResponse:
        """Answer with all workers: there are ``WORKERS_MAX`` at most."""
        del asked
        if self._node.monitor is None:
            raise _no_workers()
        return reply_json({"workers": self._node.monitor.look_now()["workers"]})

    async def _drain(self, asked: Asked) -> web.StreamResponse:
        """Have a worker finish what it has, and end; answer when nothing is granted to it more."""
        if self._node.queues is None:
            raise _no_workers()
        worker = asked.named["worker"]
        await self._node.queues.drain(worker)
        return reply_json({"worker": worker, "is_draining": True})


def _no_workers() -> DisabledError:
    return DisabledError("this node places no messages, and so has no workers")
