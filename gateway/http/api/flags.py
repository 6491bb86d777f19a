"""``/api/v1/flags``: what the operator wants of the whole node; the monitor only reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seriatim.actors.node import Node
from seriatim.actors.queue.wishes import Wishes
from seriatim.formats.errors import DisabledError, MalformedError
from seriatim.formats.monitor.flags import Flags
from seriatim.gateway.http.api.route import Asked, Body, Route
from seriatim.gateway.http.reply import reply_json

if TYPE_CHECKING:
    from aiohttp import web

_PATH: Final = "/api/v1/flags"
_FLAGS: Final = Body(frozenset(Flags._fields), "bad_flags")


class FlagApi:
    """The flags of one node."""

    def __init__(self, node: Node) -> None:
        """Show the flags of *node*, and change them."""
        self._node = node

    def routes(self) -> tuple[Route, ...]:
        """Return what can be asked for."""
        return (Route("GET", _PATH, self._show), Route("POST", _PATH, self._change, body=_FLAGS))

    async def _show(self, asked: Asked) -> web.StreamResponse:
        del asked
        return reply_json(self._wishes.flags._asdict())

    async def _change(self, asked: Asked) -> web.StreamResponse:
        """Set some flags, and leave the others; answer with all of them."""
        change: dict[str, bool] = {}
        for name, value in asked.body.items():
            if not isinstance(value, bool):
                raise MalformedError(f"{name}: expected true or false", code="bad_flags")
            change[name] = value
        return reply_json((await self._wishes.change_flags(**change))._asdict())

    @property
    def _wishes(self) -> Wishes:
        if self._node.queues is None:
            raise DisabledError("this node places no messages, and so has no flags")
        return self._node.queues.wishes
