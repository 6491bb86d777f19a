"""Which handler answers a request, and what becomes of an error.

One table per API; a path is legacy's when an ao unit knows it, HyperBEAM's otherwise::

    GET  /livez  /readyz                                                                 the node's
    GET  /  /timestamp  /health  /metrics  /{id}  /{process}/latest  /processes/{id}     legacy
    POST /                                                                               legacy
    *    /api/v1/…                                                                       the API
    *    /~DEVICE/KEY  /{process}/KEY  /{process}~DEVICE/KEY  /push  /schedule        HyperBEAM
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Final

from aiohttp import web

from seriatim.formats.errors import ElsewhereError, LimitExceededError, OutboundError
from seriatim.formats.ids import ID_CHARS
from seriatim.gateway.http import legacy
from seriatim.gateway.http.api.route import API, Api
from seriatim.gateway.http.forward import Forwarder
from seriatim.gateway.http.health import HealthApi
from seriatim.gateway.http.hyperbeam.path import Path, parse_path
from seriatim.gateway.http.hyperbeam.resolve import Resolver
from seriatim.gateway.http.legacy import LegacyApi
from seriatim.gateway.http.reply import (
    reply_preflight,
    reply_problem,
    reply_text,
)
from seriatim.gateway.metrics import Metrics
from seriatim.gateway.problems import Problem

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


_HINT: Final = re.compile(r"(?:[?&]|%3f)hint(?:=|%3d)[^&]*", re.IGNORECASE)
_HINT_KEY: Final = re.compile("hint(?:=|%3d)", re.IGNORECASE)


class Dispatcher:
    """The node's HTTP face; an aiohttp handler."""

    def __init__(
        self,
        legacy_api: LegacyApi,
        resolver: Resolver,
        api: Api,
        metrics: Metrics,
        health: HealthApi,
        forwarder: Forwarder | None = None,
    ) -> None:
        """Answer from these; what is for another node goes there by *forwarder*, if any."""
        self._resolve = resolver
        self._api = api
        self._forward = forwarder
        self._legacy = legacy_api
        self._metrics = metrics
        self._exact: dict[tuple[str, str], Handler] = {
            ("GET", "/"): legacy_api.get_identity,
            ("POST", "/"): legacy_api.post,
            ("GET", "/timestamp"): legacy_api.get_timestamp,
            ("GET", "/health"): health.get_health,
            ("GET", "/livez"): health.get_livez,
            ("GET", "/readyz"): health.get_readyz,
            ("GET", "/metrics"): self._get_metrics,
        }

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer *request*: always, and never with a traceback."""
        started_s = perf_counter()
        method = "GET" if request.method == "HEAD" else request.method
        if method == "OPTIONS":
            return reply_preflight(request.headers.get("access-control-request-headers", ""))
        target = request.raw_path
        exact = self._exact.get((method, target.partition("?")[0]))
        face = "hyperbeam" if exact is None else "legacy"
        try:
            if exact is not None:
                answering = exact(request)
            elif target.startswith(API):
                face = "api"
                answering = self._api(request, method)
            else:
                path = parse_path(target)
                if method == "GET" and _is_legacy(path):
                    face = "legacy"
                    answering = self._read_legacy(request, path)
                else:
                    answering = self._resolve(request, method, path)
            try:
                response = await answering
            except ElsewhereError as error:
                response = await self._send_on(request, error)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  # every request gets an answer
            problem = Problem(error)
            if problem.url:
                problem.headers["location"] = _place_of(problem.url, target)
            response = legacy.reply_error(problem) if face == "legacy" else reply_problem(problem)
        self._metrics.count(face, method, response.status, perf_counter() - started_s)
        return response

    async def _send_on(
        self, request: web.BaseRequest, elsewhere: ElsewhereError
    ) -> web.StreamResponse:
        """Send *request* where it belongs, or tell the client where that is.

        Raises:
            ElsewhereError: it is for the client to go there: the operator does not let this node,
                or the reply is longer than what is handed on.
            SchedulerError: see `Forwarder`.
        """
        if self._forward is None:
            raise elsewhere
        try:
            url = _place_of(elsewhere.url, request.raw_path)
            return await self._forward(request, url, is_named=elsewhere.is_named)
        except (OutboundError, LimitExceededError) as error:
            raise elsewhere from error

    async def _read_legacy(self, request: web.BaseRequest, path: Path) -> web.StreamResponse:
        names = [step.name for step in path.steps]
        if names[0] == "processes":
            return await self._legacy.get_process(request, names[1])
        if len(names) == 1:
            return await self._legacy.get_message(request, names[0])
        return await self._legacy.get_latest(request, names[0])

    async def _get_metrics(self, request: web.BaseRequest) -> web.StreamResponse:
        """``GET /metrics``: OpenMetrics text."""
        del request
        text, content_type = self._metrics.render()
        return reply_text(text, content_type=content_type)


def _place_of(url: str, target: str) -> str:
    """Return where the node at *url* has what was asked for here as *target*."""
    return url.rstrip("/") + without_hint(target)


def without_hint(target: str) -> str:
    """Return *target* without a hint where a process may be: who follows it has arrived."""
    path, _, query = target.partition("?")
    keys = [_HINT.sub("", key) for key in query.split("&") if not _HINT_KEY.match(key)]
    query = "&".join(keys)
    return _HINT.sub("", path) + (f"?{query}" if query else "")


def _is_legacy(path: Path) -> bool:
    """Tell whether an ao unit has a ``GET`` at *path*."""
    if any(step.device for step in path.steps):
        return False
    names = [step.name for step in path.steps]
    return (len(names) == 1 and len(names[0]) == ID_CHARS) or (
        len(names) == 2  # noqa: PLR2004  # a pair
        and (names[0] == "processes" or (names[1] == "latest" and len(names[0]) == ID_CHARS))
    )
