"""Listening: sockets, bounds on connections, and a stop that loses nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Final

from aiohttp import web
from aiohttp.http import HttpRequestParser
from aiohttp.http_exceptions import BadHttpMessage, BadHttpMethod, InvalidURLError, LineTooLong
from aiohttp.http_parser import HttpRequestParserPy
from aiohttp.web_protocol import RequestHandler

from seriatim.actors.runtime.clock import SystemClock
from seriatim.formats.errors import MalformedError, StoreError
from seriatim.formats.ids import encode_id
from seriatim.formats.limits import (
    BODY_MAX_BYTES,
    CONNECTIONS_MAX,
    FORWARD_REPLY_MAX_BYTES,
    HTTP_HEADERS_MAX,
    HTTP_LINE_MAX_BYTES,
    HTTP_LINGER_MS,
    KEEPALIVE_MS,
    STOP_DEADLINE_MS,
)
from seriatim.gateway.chain import ChainGateway, refresh_block
from seriatim.gateway.http.api.route import Api
from seriatim.gateway.http.api.routes import every_route
from seriatim.gateway.http.dispatch import Dispatcher, Handler
from seriatim.gateway.http.foreign import ForeignMessages
from seriatim.gateway.http.forward import Forwarder
from seriatim.gateway.http.health import HealthApi
from seriatim.gateway.http.hyperbeam.registry import make_registry
from seriatim.gateway.http.hyperbeam.resolve import Resolver
from seriatim.gateway.http.legacy import LegacyApi
from seriatim.gateway.http.operator import NOBODY, Operator
from seriatim.gateway.http.own_paths import asking_own_paths
from seriatim.gateway.http.reply import reply_problem
from seriatim.gateway.http.request import Request
from seriatim.gateway.http.stream import send_whole
from seriatim.gateway.metrics import Metrics
from seriatim.gateway.outbound import Outbound, OutboundPolicy
from seriatim.gateway.problems import Problem
from seriatim.gateway.stop import stop_signal

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http_parser import RawRequestMessage
    from aiohttp.streams import StreamReader

    from seriatim.actors.node import Node
    from seriatim.formats.schedule.assignment import Block
    from seriatim.gateway.worker_child import WorkerBeside

EXIT_OK: Final = 0
EXIT_CANNOT_WRITE: Final = 75

_ABSOLUTE: Final = ("http://", "https://")

_LOG: Final = logging.getLogger("seriatim.gateway")
_HTTP_LOG: Final = logging.getLogger("seriatim.http")


class HttpServer(web.Server):
    """aiohttp's low-level server with a cap on connections, and limits on bodies and replies."""

    def __init__(self, handler: Handler) -> None:
        _HTTP_LOG.addFilter(_one_line)

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            response = await handler(request)
            await send_whole(request, response)
            return response

        super().__init__(
            answer,
            request_factory=_make_request,
            # Also how long a head may take: aiohttp counts from the end of the reply before it.
            keepalive_timeout=KEEPALIVE_MS / 1000,
            lingering_time=HTTP_LINGER_MS / 1000,
            max_line_size=HTTP_LINE_MAX_BYTES,
            max_field_size=HTTP_LINE_MAX_BYTES,
            max_headers=HTTP_HEADERS_MAX,
            auto_decompress=False,
            access_log=None,
            logger=_HTTP_LOG,
        )

    def __call__(self) -> RequestHandler:
        """Return what speaks to one client."""
        return _Handler(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Take a connection, or close it when there are too many."""
        super().connection_made(handler, transport)
        if len(self._connections) > CONNECTIONS_MAX:
            # A turn later: aiohttp's task for it fails if the connection is gone before it begins.
            self._loop.call_soon(transport.close)

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  # aiohttp's
        """Wait for the requests that were taken, *timeout* seconds at most."""
        # aiohttp cannot close a connection whose task has not begun, and would then wait for a
        # request on it until the time is up: those that came last are closed a turn later.
        await asyncio.sleep(0)
        self.pre_shutdown()
        await super().shutdown(timeout)


class _Handler(RequestHandler):
    """One connection; what is no request that can be read is answered as every other error."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the reply to what aiohttp's parser refuses, and end the connection."""
        if request.writer.output_size > 0 or not isinstance(exc, BadHttpMessage):
            return super().handle_error(request, status, exc, message)
        _HTTP_LOG.debug("a request that cannot be read: %s", type(exc).__name__)
        error = MalformedError(_unread(exc), code="bad_http")
        response = reply_problem(Problem(error))
        response.force_close()
        return response


def _unread(error: BadHttpMessage) -> str:
    """Return what is wrong with a request; what it says itself is a stranger's, and left out."""
    if isinstance(error, LineTooLong):
        return f"the request line, or a header, is longer than {HTTP_LINE_MAX_BYTES} bytes"
    if isinstance(error, BadHttpMethod):
        return "the request has no method that is known"
    if isinstance(error, InvalidURLError):
        return "the request's target is no plain ASCII path; percent-encode what is not"
    return "the request is no HTTP/1.1"


async def run_server(
    node: Node,
    *,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    gateway_url: str | None = None,
    outbound_policy: OutboundPolicy | None = None,
    operator: Operator = NOBODY,
    worker: WorkerBeside | None = None,
) -> int:
    """Serve *node* until SIGTERM or SIGINT; return the exit status.

    On a signal: no new connections, no new work, every request that was taken is answered, the
    node is closed, and the status is 0. A second signal (`stop_signal`) ends at once, which is
    safe: whatever was acknowledged is on disk.

    Args:
        node: closed on return.
        host: address to listen on.
        port: 0 picks a free one.
        on_ready: called with the URL once requests are taken.
        gateway_url: the operator's Arweave gateway, if any.
        outbound_policy: where requests for other nodes may be sent on to; ``None`` tells clients
            to go there themselves.
        operator: who may do what only the operator may.
        worker: lives from then on until the node is told to stop; at its end it is still served.

    Raises:
        StoreError: the port cannot be had.
        RefusedError: the worker could not begin; see `WorkerBeside.living`.
    """
    async with AsyncExitStack() as ending:  # last in, first out
        ending.push_async_callback(node.close)
        _require_c_parser()
        gateway = ChainGateway(gateway_url) if gateway_url else None
        if gateway is not None:
            ending.push_async_callback(gateway.close)
        forwarder = None
        if outbound_policy is not None:
            forwarder = await ending.enter_async_context(forwarding(node, outbound_policy))
        handler = make_dispatcher(node, gateway, forwarder, operator, worker)
        runner = web.ServerRunner(HttpServer(handler), shutdown_timeout=STOP_DEADLINE_MS / 1000)
        ending.push_async_callback(runner.cleanup)
        await runner.setup()
        await ending.enter_async_context(asking_own_paths(node, HttpServer(handler)))
        refreshing = _start_refresh(node, gateway)
        if refreshing is not None:
            ending.callback(refreshing.cancel)
        ending.callback(node.refuse_new_work)
        url = await _listen(runner, host, port)
        stop = stop_signal(SystemClock(asyncio.get_running_loop()))
        if node.monitor is not None:
            node.monitor.start()
        on_ready(url)
        async with worker.living(url, stop.set) if worker else nullcontext():
            return await _wait(node, stop)


@asynccontextmanager
async def forwarding(node: Node, policy: OutboundPolicy) -> AsyncIterator[Forwarder]:
    """Send requests on in the name of *node*, to where *policy* allows, while the block runs.

    Raises:
        RefusedError: the node has no wallet, and so no name; code ``no_wallet``.
    """
    async with Outbound(policy, reply_max_bytes=FORWARD_REPLY_MAX_BYTES) as outbound:
        yield Forwarder(outbound, encode_id(node.address))


def make_dispatcher(
    node: Node,
    gateway: ChainGateway | None,
    forwarder: Forwarder | None = None,
    operator: Operator = NOBODY,
    worker: WorkerBeside | None = None,
) -> Dispatcher:
    """Return the HTTP face of *node*.

    Args:
        node: answers.
        gateway: is asked about foreign messages, if any.
        forwarder: sends on what is for other nodes; without one, clients are told to.
        operator: who may do what only the operator may.
        worker: lives with it, if any.
    """
    return Dispatcher(
        LegacyApi(node, ForeignMessages(node, gateway)),
        Resolver(node, make_registry(forwarder, operator)),
        Api(every_route(node, operator), operator),
        Metrics(node),
        HealthApi(node, worker),
        forwarder,
    )


async def _listen(runner: web.ServerRunner, host: str, port: int) -> str:
    site = web.TCPSite(runner, host, port, backlog=1024)
    try:
        await site.start()
    except OSError as error:
        raise StoreError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    bound_port = runner.addresses[0][1]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{bound_port}"


async def _wait(node: Node, stop: asyncio.Event) -> int:
    """Return the exit status when the node is asked to stop, or cannot write any more."""
    node.failed.add_done_callback(lambda _: stop.set())
    await stop.wait()
    error = node.failed.error() if node.failed.done() else None
    if error is None:
        return EXIT_OK
    _LOG.critical("the node has to end: %s", error)
    return EXIT_CANNOT_WRITE


def _start_refresh(node: Node, gateway: ChainGateway | None) -> asyncio.Task[None] | None:
    if gateway is None:
        return None

    def accept(block: Block) -> None:
        node.block = block

    return asyncio.create_task(refresh_block(gateway, accept))


def _make_request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    if message.path[:8].lower().startswith(_ABSOLUTE):
        # As to a proxy: a server takes that form, too (RFC 9112 §3.2.2).
        _, slash, path = message.path.partition("://")[2].partition("/")
        message = message._replace(path=slash + path or "/")
    return Request(
        message,
        payload,
        protocol,
        writer,
        task,
        asyncio.get_running_loop(),
        client_max_size=BODY_MAX_BYTES,
    )


def _require_c_parser() -> None:
    """Refuse aiohttp's pure-Python parser: it is slow, and has had smuggling holes of its own."""
    if HttpRequestParser is HttpRequestParserPy:
        raise StoreError("aiohttp came without its C parser; install a wheel of aiohttp")


def _one_line(record: logging.LogRecord) -> bool:
    """Keep aiohttp's complaints about bad requests to a line each, without a traceback."""
    record.exc_info = None
    record.exc_text = None
    return True
