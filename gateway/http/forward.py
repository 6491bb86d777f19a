"""Requests for another node, sent there by this one, and the reply handed on.

Only where the operator has said so (``serve --follow-redirects``), and only to where
``gateway/outbound.py`` may go. What a reply says stays the other node's word: ``via`` names the
nodes that it has come through, and nothing in it is checked here.

A request takes the names of its nodes along (RFC 9110 §7.6.3), each by the address of its wallet,
so that two nodes that send each other everything hear of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web

from seriatim.formats.errors import (
    ForwardLoopError,
    MalformedError,
    OverloadedError,
    UnavailableError,
)
from seriatim.formats.limits import (
    FORWARD_HOPS_MAX,
    FORWARDS_MAX,
    FORWARDS_PER_ORIGIN_MAX,
    FORWARDS_STRANGE_MAX,
    RETRY_AFTER_MS,
)
from seriatim.formats.schedule.mode import MODE_HEADER
from seriatim.gateway.http.body import read_body
from seriatim.gateway.http.reply import VIA, reply_other, via_of
from seriatim.gateway.http.request import resting
from seriatim.gateway.outbound import Outbound, OutboundReply
from seriatim.gateway.url import Origin, read_url

# The connection's own, and what a client says to this node alone.
_KEPT_BACK: Final = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "prefer",  # who waits there would keep a place from others here
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        VIA,
    }
)
# What a scheduler's replies mean, by the specification: §1.6, §2, §4 and §5.3, and our own.
_HANDED_ON: Final = frozenset(
    {
        "address",
        "addresses",
        "ao-body-key",
        "ao-ids",
        "ao-result",
        "ao-types",
        "block-hash",
        "block-height",
        "block-timestamp",
        "body+link",
        "body-keys",
        "cache-control",
        "content-digest",
        "content-encoding",
        "content-type",
        "continues",
        "current",
        "data-protocol",
        "epoch",
        "hash-chain",
        "inline-body-key",
        "live",
        "path",
        "process",
        "reason",
        "retry-after",
        MODE_HEADER,
        "seriatim-error",
        "seriatim-verifiable",
        "signature",
        "signature-input",
        "slot",
        "timestamp",
        "type",
        "variant",
        "wallet-address",
    }
)
# A stranger's page is not this node's word: browsers run nothing of it under this node's name.
_GUARDS: Final = {"content-security-policy": "sandbox", "x-content-type-options": "nosniff"}
_STATUSES: Final = range(200, 600)
_ITEM: Final = {"accept": "application/json", "content-type": "application/octet-stream"}


class Forwarder:
    """Sends requests on; belongs to one event loop."""

    def __init__(self, outbound: Outbound, name: str) -> None:
        """Send through *outbound*, as the node *name*: its address, 43 characters."""
        self._outbound = outbound
        self.name = name
        self._on_their_way: Counter[Origin] = Counter()
        self._strange = 0  # of them, to nodes that the operator has not named

    async def __call__(self, request: web.BaseRequest, url: str, *, is_named: bool) -> web.Response:
        """Return the reply of the node at *url* to *request*.

        Args:
            request: as it came.
            url: where it belongs.
            is_named: whether the operator has named that node.

        Raises:
            ForwardLoopError: it has been here before, or has come through too many nodes.
            OverloadedError: ``FORWARDS_MAX`` are on their way, or ``FORWARDS_PER_ORIGIN_MAX`` to
                that node, or ``FORWARDS_STRANGE_MAX`` to those that the operator has not named:
                who is slow keeps no others back.
            MalformedError: a header is no text; code ``bad_header``.
            OutboundError: the operator does not let this node go there.
            LimitExceededError: the reply is too long to be handed on.
            UnavailableError: nobody answers in time, or not as HTTP is spoken.
        """
        via = self._via_of(request)
        with self._on_the_way(url, is_named=is_named):
            headers = _headers_of(request) | via
            if request.method == "POST":
                body = await read_body(request)
                reply = await self._outbound.post(url, body, headers=headers)
            else:
                with resting(request):
                    reply = await self._outbound.get(url, headers=headers)
        if reply.status not in _STATUSES:
            raise UnavailableError(f"{reply.url} answers {reply.status}, which is no status")
        # A value that is no plain text has no place in a header of ours.
        meant = {
            name: value
            for name, value in reply.headers.items()
            if name in _HANDED_ON and value.isprintable()
        }
        their_via = [reply.headers[VIA]] if VIA in reply.headers else []
        own = {VIA: via_of(their_via, self.name), **_GUARDS}
        return reply_other(reply.body, status=reply.status, headers=meant | own)

    async def post_item(
        self, request: web.BaseRequest, url: str, item: bytes, *, is_named: bool
    ) -> OutboundReply:
        """Return the reply of the node at *url* to the data item that *request* has brought.

        Raises:
            ForwardLoopError, OverloadedError, OutboundError, LimitExceededError, UnavailableError:
                as for a request that is sent on as it is.
        """
        via = self._via_of(request)
        with self._on_the_way(url, is_named=is_named):
            return await self._outbound.post(url, item, headers=_ITEM | via)

    @contextmanager
    def _on_the_way(self, url: str, *, is_named: bool) -> Iterator[None]:
        """Count one more that is on its way to the node at *url*.

        Raises:
            OverloadedError: there are too many.
        """
        origin = read_url(url).origin
        if (
            self._on_their_way.total() >= FORWARDS_MAX
            or self._on_their_way[origin] >= FORWARDS_PER_ORIGIN_MAX
            or (not is_named and self._strange >= FORWARDS_STRANGE_MAX)
        ):
            raise OverloadedError("what is sent on to other nodes", retry_after_ms=RETRY_AFTER_MS)
        self._on_their_way[origin] += 1
        self._strange += not is_named
        try:
            yield
        finally:
            self._on_their_way -= Counter([origin])  # and nothing is left of it at 0
            self._strange -= not is_named

    def _via_of(self, request: web.BaseRequest) -> dict[str, str]:
        """Return the header that says where *request* has come through, this node among them.

        Raises:
            ForwardLoopError: it has been here before, or has come through too many nodes.
        """
        lines = request.headers.getall(VIA, [])
        # A comment may hold commas: it counts as a node more, which ends a request sooner.
        hops = [hop.split() for line in lines for hop in line.split(",")]
        if any(self.name in hop[1:] for hop in hops):
            raise ForwardLoopError("it has been at this node before")
        if len(hops) >= FORWARD_HOPS_MAX:
            raise ForwardLoopError(f"it has come through {len(hops)} nodes")
        return {VIA: via_of(lines, self.name)}


def _headers_of(request: web.BaseRequest) -> dict[str, str]:
    """Return what of a request's headers is meant for whoever answers it."""
    named = request.headers.get("connection", "")
    kept_back = _KEPT_BACK | {name.strip().lower() for name in named.split(",")}
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.raw_headers:
        try:
            name, value = raw_name.decode("ascii").lower(), raw_value.decode()
        except UnicodeDecodeError as error:
            raise MalformedError(
                "a header that is not UTF-8 is not sent on", code="bad_header"
            ) from error
        if name not in kept_back:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
