"""Resolving a path: where it starts, the device, its key, and what is looked up in the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from seriatim.actors.node import Node
from seriatim.formats.errors import NotFoundError, UnsupportedError
from seriatim.formats.ids import decode_id
from seriatim.gateway.http.hyperbeam.answer import Answer, Literal, Placed, Promised
from seriatim.gateway.http.hyperbeam.device import NO_BASE, Call, refuse_key
from seriatim.gateway.http.hyperbeam.devices.scheduler_device import PROCESS, SCHEDULER
from seriatim.gateway.http.hyperbeam.path import Keys, Path, Step
from seriatim.gateway.http.hyperbeam.registry import Registry
from seriatim.gateway.http.hyperbeam.reply_format import ReplyFormat
from seriatim.gateway.http.reply import ALLOW_ORIGIN, VIA, via_of

# What clients of HyperBEAM post without naming a process or a device: spawns.
_ROOT_KEYS: Final = frozenset({("POST", "push"), ("POST", "schedule")})
_HEADER_KEYS: Final = ("target", "process-id", "from", "to")


class Resolver:
    """Answers HyperBEAM's paths from one node."""

    def __init__(self, node: Node, registry: Registry) -> None:
        self._node = node
        self._registry = registry

    async def __call__(
        self, request: web.BaseRequest, method: str, path: Path
    ) -> web.StreamResponse:
        """Answer *request* for *path*.

        Raises:
            SchedulerError: as the device, or the reply format, raises it.
            TypeError: one that another package has added answers with something else.
        """
        call, device, at = self._call(request, method, path)
        handler = self._registry.devices.get(device)
        if handler is None:
            if not device:
                refuse_key(call)
            raise NotFoundError(f"no device {device[:64]!r} here")
        required = self._registry.replies.required(request, call.keys)
        answer = await handler.answer(call)
        if not hasattr(answer, "look_up"):
            raise _odd(handler, answer)
        try:
            response = await self._reply(call, required, answer, path.steps[at + 1 :])
        except (NotFoundError, UnsupportedError):
            if not isinstance(answer, (Placed, Promised)):
                raise
            # What it was for is done: an error would say that it is not, and never will be.
            response = await self._registry.replies.default.send(request, answer)
        if isinstance(answer, Promised) and answer.via:
            response.headers[VIA] = via_of([], answer.via)
        return response

    async def _reply(
        self, call: Call, required: ReplyFormat | None, answer: Answer, keys: Sequence[Step]
    ) -> web.StreamResponse:
        """Reply with what *answer* says under *keys*, one within another."""
        for step in keys:
            answer = answer.look_up(step.name)
        chosen = required or self._registry.replies.choose(call.request, call.keys, answer)
        response = await chosen.send(call.request, answer)
        if not isinstance(response, web.StreamResponse):
            raise _odd(chosen, response)
        if not response.prepared:
            response.headers.setdefault(ALLOW_ORIGIN, "*")
            if isinstance(answer, Literal):
                response.set_status(answer.status)
        return response

    def _call(self, request: web.BaseRequest, method: str, path: Path) -> tuple[Call, str, int]:
        """Return what is asked, the device that is asked, and which step its key is."""
        steps = path.steps
        process, device, at = None, "", 0
        if steps and steps[0].is_id:
            process, device, at = decode_id(steps[0].name), steps[0].device or PROCESS, 1
        while at < len(steps) and not steps[at].name and steps[at].device:
            device = steps[at].device
            at += 1
        if at == len(steps):
            keys: Keys = path.keys_at(at - 1) if steps else {}
            return Call(self._node, request, method, "", keys, process), device, at
        key = steps[at].name
        device = steps[at].device or device
        if not device and (method, key) in _ROOT_KEYS:
            device = SCHEDULER
        keys = _with_headers(request, path.keys_at(at))
        base = path.values_at(0) if at and process is None else NO_BASE
        return Call(self._node, request, method, key, keys, process, base), device, at


def _odd(source: object, found: object) -> TypeError:
    """Return the error of what another package has added and that does not keep to its shape."""
    return TypeError(f"{type(source).__name__} gives a {type(found).__name__}")


def _with_headers(request: web.BaseRequest, keys: Keys) -> Keys:
    """Return *keys*, and those that the request says in its headers only."""
    headers = request.headers
    said = {name: headers[name] for name in _HEADER_KEYS if name in headers}
    return {**said, **keys} if said else keys
