"""Resolving a path: where it starts, the device, its key, and what is looked up in the answer."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from seriatim.actors.node import Node
from seriatim.formats.errors import NotFoundError
from seriatim.formats.ids import decode_id
from seriatim.gateway.http.hyperbeam.device import Call, refuse_key
from seriatim.gateway.http.hyperbeam.devices.scheduler_device import PROCESS, SCHEDULER
from seriatim.gateway.http.hyperbeam.path import Keys, Path
from seriatim.gateway.http.hyperbeam.registry import Registry

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
        """
        call, device, at = self._call(request, method, path)
        handler = self._registry.devices.get(device)
        if handler is None:
            if not device:
                refuse_key(call)
            raise NotFoundError(f"no device {device[:64]!r} here")
        answer = await handler.answer(call)
        for step in path.steps[at + 1 :]:
            answer = answer.look_up(step.name)
        chosen = self._registry.replies.choose(request, call.keys, answer)
        return await chosen.send(request, answer)

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
        return Call(self._node, request, method, key, keys, process), device, at


def _with_headers(request: web.BaseRequest, keys: Keys) -> Keys:
    """Return *keys*, and those that the request says in its headers only."""
    headers = request.headers
    said = {name: headers[name] for name in _HEADER_KEYS if name in headers}
    return {**said, **keys} if said else keys
