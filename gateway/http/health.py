"""``/livez``, ``/readyz`` and ``/health``: how the node is, for whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from seriatim.gateway.health import health_view, is_alive
from seriatim.gateway.http.reply import JSON, reply_json, reply_text

if TYPE_CHECKING:
    from seriatim.actors.node import Node
    from seriatim.gateway.worker_child import WorkerBeside


class HealthApi:
    """The health of one node."""

    def __init__(self, node: Node, worker: WorkerBeside | None = None) -> None:
        """Tell of *node*, and of the *worker* that lives with it."""
        self._node = node
        self._worker = worker

    async def get_livez(self, request: web.BaseRequest) -> web.StreamResponse:
        """``GET /livez``: 200 as long as starting it anew would be of no use."""
        del request
        is_well = is_alive(self._node)
        return reply_json(
            {"status": "healthy" if is_well else "unhealthy"}, status=200 if is_well else 503
        )

    async def get_readyz(self, request: web.BaseRequest) -> web.StreamResponse:
        """``GET /readyz``: 200 while it takes work and all its parts are well; else 503."""
        del request
        view = health_view(self._node, self._worker)
        if self._node.is_stopping:
            view = {**view, "status": "stopping"}
        return reply_json(view, status=200 if view["status"] == "healthy" else 503)

    async def get_health(self, request: web.BaseRequest) -> web.StreamResponse:
        """``GET /health``: 200 or 503, with each part as JSON.

        An ao unit answers 200 and no body; so does this one, while it is well, to whoever does not
        ask for JSON.
        """
        view = health_view(self._node, self._worker)
        if view["status"] != "healthy":
            return reply_json(view, status=503)
        if JSON in request.headers.get("accept", ""):
            return reply_json(view)
        return reply_text("")
