"""Which handler answers a request, and what becomes of an error.

One table per API; a path is legacy's when the legacy unit knows it, HyperBEAM's otherwise::

    GET  /  /timestamp  /health  /metrics  /{id}  /{process}/latest  /processes/{id}     legacy
    POST /                                                                               legacy
    *    /~scheduler@1.0/KEY  /{process}/KEY  /{process}~process@1.0/KEY
         /{process}/~scheduler@1.0/KEY  /push  /schedule  /~meta@1.0/info[/address]   HyperBEAM
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Final, NoReturn

from aiohttp import web

from seriatim.actors.node import Node
from seriatim.formats.errors import NotFoundError, UnsupportedError
from seriatim.formats.ids import ID_CHARS, decode_id, encode_id
from seriatim.gateway.http import legacy
from seriatim.gateway.http.legacy import LegacyApi
from seriatim.gateway.http.path import Path, parse_path
from seriatim.gateway.http.reply import (
    reply_json,
    reply_preflight,
    reply_problem,
    reply_text,
)
from seriatim.gateway.http.scheduler import SchedulerApi
from seriatim.gateway.metrics import Metrics
from seriatim.gateway.problems import Problem

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
KeyHandler = Callable[
    [web.BaseRequest, Mapping[str, str], bytes | None], Awaitable[web.StreamResponse]
]

_DEVICES: Final = frozenset({"scheduler@1.0", "process@1.0"})
_COMPUTE_KEYS: Final = frozenset({"compute", "now", "result", "results", "dry-run", "dryrun"})
# What clients of HyperBEAM post without naming a process or a device: spawns.
_ROOT_KEYS: Final = frozenset({("POST", "push"), ("POST", "schedule")})


class Dispatcher:
    """The node's HTTP face; an aiohttp handler."""

    def __init__(
        self, node: Node, legacy_api: LegacyApi, scheduler_api: SchedulerApi, metrics: Metrics
    ) -> None:
        self._node = node
        self._legacy = legacy_api
        self._metrics = metrics
        self._exact: dict[tuple[str, str], Handler] = {
            ("GET", "/"): legacy_api.get_identity,
            ("POST", "/"): legacy_api.post,
            ("GET", "/timestamp"): legacy_api.get_timestamp,
            ("GET", "/health"): self._get_health,
            ("GET", "/metrics"): self._get_metrics,
        }
        # POST is allowed where clients of HyperBEAM send signed requests for reading, too.
        self._keys: dict[tuple[str, str], KeyHandler] = {
            ("POST", "schedule"): scheduler_api.post_schedule,
            ("POST", "push"): scheduler_api.post_schedule,
            ("GET", "schedule"): scheduler_api.get_schedule,
            ("GET", "slot"): scheduler_api.get_slot,
            ("POST", "slot"): scheduler_api.get_slot,
            ("GET", "slot/current"): scheduler_api.get_slot_current,
            ("POST", "slot/current"): scheduler_api.get_slot_current,
            ("GET", "status"): scheduler_api.get_status,
        }

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer *request*: always, and never with a traceback."""
        started_s = perf_counter()
        method = "GET" if request.method == "HEAD" else request.method
        if method == "OPTIONS":
            return reply_preflight(request.headers.get("access-control-request-headers", ""))
        target = request.raw_path
        exact = self._exact.get((method, target.partition("?")[0]))
        is_legacy = exact is not None
        try:
            if exact is not None:
                response = await exact(request)
            else:
                path = parse_path(target)
                is_legacy = method == "GET" and _is_legacy(path)
                response = await (
                    self._read_legacy(request, path)
                    if is_legacy
                    else self._resolve(request, method, path)
                )
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  # every request gets an answer
            problem = Problem(error)
            response = legacy.reply_error(problem) if is_legacy else reply_problem(problem)
        self._metrics.count(
            "legacy" if is_legacy else "hyperbeam",
            method,
            response.status,
            perf_counter() - started_s,
        )
        return response

    async def _read_legacy(self, request: web.BaseRequest, path: Path) -> web.StreamResponse:
        names = [segment.name for segment in path.segments]
        if names[0] == "processes":
            return await self._legacy.get_process(request, names[1])
        if len(names) == 1:
            return await self._legacy.get_message(request, names[0])
        return await self._legacy.get_latest(request, names[0])

    async def _resolve(
        self, request: web.BaseRequest, method: str, path: Path
    ) -> web.StreamResponse:
        """Answer a HyperBEAM path: an optional process, an optional device, and a key."""
        segments = list(path.segments)
        process: bytes | None = None
        devices: list[str] = []
        if segments and len(segments[0].name) == ID_CHARS:
            first = segments.pop(0)
            process = decode_id(first.name)
            devices.append(first.device)
        if segments and not segments[0].name and segments[0].device:
            devices.append(segments.pop(0).device)
        key = "/".join(segment.name for segment in segments)
        device = next((each for each in reversed(devices) if each), "")
        if device == "meta@1.0" and method == "GET":
            return self._get_meta(key)
        if device and device not in _DEVICES:
            raise NotFoundError(f"no device {device[:64]!r} here")
        handler = self._keys.get((method, key))
        if handler is None or not (devices or (method, key) in _ROOT_KEYS):
            _refuse(method, key)
        return await handler(request, path.keys, process)

    def _get_meta(self, key: str) -> web.StreamResponse:
        address = encode_id(self._node.address)
        if key == "info/address":
            return reply_text(address)
        if key == "info":
            return reply_json({"address": address})
        raise NotFoundError(f"~meta@1.0 has no key {key[:64]!r} here")

    async def _get_health(self, request: web.BaseRequest) -> web.StreamResponse:
        """``GET /health``: 200 and no body, as the legacy unit answers."""
        del request
        return reply_text("")

    async def _get_metrics(self, request: web.BaseRequest) -> web.StreamResponse:
        """``GET /metrics``: OpenMetrics text."""
        del request
        text, content_type = self._metrics.render()
        return reply_text(text, content_type=content_type)


def _is_legacy(path: Path) -> bool:
    """Tell whether the legacy unit has a ``GET`` at *path*."""
    if any(segment.device for segment in path.segments):
        return False
    names = [segment.name for segment in path.segments]
    return (len(names) == 1 and len(names[0]) == ID_CHARS) or (
        len(names) == 2  # noqa: PLR2004  # a pair
        and (names[0] == "processes" or (names[1] == "latest" and len(names[0]) == ID_CHARS))
    )


def _refuse(method: str, key: str) -> NoReturn:
    """Raise what a request for an unknown *key* deserves."""
    if _COMPUTE_KEYS & {part.partition("=")[0] for part in key.split("/")} or "as=" in key:
        raise UnsupportedError(
            "this node schedules and does not compute; ask a compute unit for results"
        )
    raise NotFoundError(f"no {method} {key[:64]!r} here; see the README for the paths")
