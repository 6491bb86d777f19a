"""Outgoing requests to addresses that somebody else has had a say in.

A client names a location, a node redirects, a name resolves to whatever its owner likes. None of
them may make this node speak to its own loopback, its private network or its machine's metadata
service. So: one reading of a URL, every address of a name checked, and the check once more on the
very socket that connects; redirects by hand, each like the first, with a bound.

An origin (scheme, host, port) that the operator has named is taken as it is, whatever it resolves
to; a redirect away from it is a stranger's URL again.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, NamedTuple, Self, cast
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from seriatim.formats.errors import LimitExceededError, OutboundError, UnavailableError
from seriatim.formats.limits import (
    HTTP_HEADERS_MAX,
    HTTP_LINE_MAX_BYTES,
    OUTBOUND_DEADLINE_MS,
    OUTBOUND_REDIRECTS_MAX,
)
from seriatim.gateway.failure import reason_of
from seriatim.gateway.url import Origin, Url, is_number, read_url

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# Those that leave no room for sending a POST again as something else (RFC 9110 §15.4).
_POST_REDIRECTS: Final = frozenset({307, 308})
_OK_MAX: Final = 299
# Not compressed: a bound on what is read is a bound on what is held.
_HEADERS: Final = {"accept-encoding": "identity"}

# Global unicast; all else of IPv6 is reserved, local, or carries an IPv4 address inside.
_GLOBAL_V6: Final = IPv6Network("2000::/3")
_CARRIERS: Final = (IPv6Network("2002::/16"), IPv6Network("2001::/32"))
# Public by their numbers, and a cloud's own services by use.
_METADATA: Final = frozenset({ip_address("168.63.129.16")})


class OutboundPolicy(NamedTuple):
    """What the operator allows beyond public addresses.

    Attributes:
        origins: taken as they are.
        networks: addresses that are allowed whoever names them.
    """

    origins: frozenset[Origin] = frozenset()
    networks: tuple[Network, ...] = ()

    def check(self, address_text: str) -> None:
        """Return when a stranger may make us connect to *address_text*.

        Raises:
            OutboundError: it is no address, or neither public unicast nor allowed.
        """
        try:
            address = plain_address(ip_address(address_text))
        except ValueError:
            raise OutboundError(f"{address_text[:64]!r} is no address") from None
        if not is_public(address) and not any(address in network for network in self.networks):
            raise OutboundError(
                f"{address} is not a public address, and the operator has not allowed it"
            )


class OutboundReply(NamedTuple):
    """The end of a request, redirects followed.

    Attributes:
        url: who answered.
        status: HTTP status; never a redirect that leads anywhere.
        body: the whole body.
        headers: by lower-case name, several lines of one name as a list (RFC 9110 §5.3); at most
            ``HTTP_HEADERS_MAX`` lines of ``HTTP_LINE_MAX_BYTES``.
    """

    url: str
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def is_ok(self) -> bool:
        """Whether the request was answered as it was meant."""
        return self.status <= _OK_MAX


def plain_address(address: Address) -> Address:
    """Return *address*, or the IPv4 address that it maps into IPv6."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_public(address: Address) -> bool:
    """Tell whether *address*, a `plain_address`, is public unicast, and no cloud's metadata."""
    if not address.is_global or address.is_multicast or address in _METADATA:
        return False
    if isinstance(address, IPv4Address):
        return not address.is_reserved
    return address in _GLOBAL_V6 and not any(address in carrier for carrier in _CARRIERS)


class _Request(NamedTuple):
    method: str
    body: bytes | None
    headers: Mapping[str, str]


class _CheckedResolver(AbstractResolver):
    """Resolves a name once, and refuses it when one of its addresses is not allowed."""

    def __init__(self, inner: AbstractResolver, policy: OutboundPolicy) -> None:
        self._inner = inner
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for each in found:
            self._policy.check(each["host"])
        return found

    async def close(self) -> None:
        await self._inner.close()


class Outbound:
    """Requests under one policy; a context manager that owns its connections."""

    def __init__(
        self,
        policy: OutboundPolicy,
        *,
        reply_max_bytes: int,
        cuts_replies: bool = False,
        resolver: AbstractResolver | None = None,
        deadline_ms: int = OUTBOUND_DEADLINE_MS,
    ) -> None:
        """Speak to what *policy* allows.

        Args:
            policy: the operator's.
            reply_max_bytes: the longest body that is read.
            cuts_replies: whether a longer body is cut there, instead of refused: for those who
                care about the status alone.
            resolver: gives the addresses of names; the system's by default.
            deadline_ms: for a request with all its redirects.
        """
        self._policy = policy
        self._reply_max_bytes = reply_max_bytes
        self._cuts_replies = cuts_replies
        self._resolver = resolver
        self._deadline_ms = deadline_ms

    async def __aenter__(self) -> Self:
        """Open for requests."""
        inner = self._resolver or ThreadedResolver()
        self._named = _session(aiohttp.TCPConnector(resolver=inner))
        self._strange = _session(
            aiohttp.TCPConnector(
                resolver=_CheckedResolver(inner, self._policy),
                use_dns_cache=False,
                socket_factory=self._open_socket,
            )
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close every connection."""
        await self._named.close()
        await self._strange.close()

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> OutboundReply:
        """Return the reply to a GET of *url*.

        Args:
            url: anybody's.
            headers: sent with each request, redirected ones too: nothing secret.

        Raises:
            OutboundError: the URL, or one that it was redirected to, leads where the operator
                allows nobody to lead us; or the redirects do not end.
            LimitExceededError: the body is too long.
            UnavailableError: nobody answers in time.
        """
        return await self._send(url, _Request("GET", None, headers or {}))

    async def post(
        self, url: str, body: bytes, *, headers: Mapping[str, str] | None = None
    ) -> OutboundReply:
        """Return the reply to a POST of *body* to *url*.

        A redirect is followed with the same method and body where it says so (307, 308).

        Args:
            url: anybody's.
            body: sent with each request, redirected ones too: nothing secret.
            headers: as for `get`.

        Raises:
            OutboundError: as for `get`; or a redirect says to go on as a GET.
            LimitExceededError: the reply's body is too long.
            UnavailableError: nobody answers in time. Whether the POST was heard is not known.
        """
        return await self._send(url, _Request("POST", body, headers or {}))

    async def _send(self, url: str, request: _Request) -> OutboundReply:
        try:
            async with asyncio.timeout(self._deadline_ms / 1000):
                return await self._follow(read_url(url), request)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnavailableError(f"{url} cannot be reached: {reason_of(error)}") from error

    async def _follow(self, url: Url, request: _Request) -> OutboundReply:
        seen: set[Url] = set()
        while url not in seen:
            seen.add(url)
            if len(seen) > OUTBOUND_REDIRECTS_MAX + 1:
                raise OutboundError(f"more than {OUTBOUND_REDIRECTS_MAX} redirects")
            reply = await self._ask(url, request)
            if isinstance(reply, OutboundReply):
                return reply
            url = _redirected(url, reply)
        raise OutboundError(f"{url.text} redirects in a circle")

    async def _ask(self, url: Url, request: _Request) -> OutboundReply | str:
        """Return the reply, or where it says that the answer is to be found."""
        async with self._session_for(url.origin).request(
            request.method,
            URL(url.text, encoded=True),
            data=request.body,
            headers=request.headers,
            allow_redirects=False,
        ) as response:
            target = response.headers.get("location")
            if response.status in _REDIRECTS and target is not None:
                if request.method == "POST" and response.status not in _POST_REDIRECTS:
                    raise OutboundError(
                        f"{url.text} answers a POST with {response.status}, which turns it "
                        "into a GET; that is not followed"
                    )
                return target
            body = await self._read(response.content)
            return OutboundReply(url.text, response.status, body, _headers_of(response))

    async def _read(self, content: aiohttp.StreamReader) -> bytes:
        body = bytearray()
        while chunk := await content.readany():
            body += chunk
            if len(body) > self._reply_max_bytes:
                if self._cuts_replies:
                    return bytes(body[: self._reply_max_bytes])
                raise LimitExceededError(
                    "the length of a reply", given=len(body), maximum=self._reply_max_bytes
                )
        return bytes(body)

    def _session_for(self, origin: Origin) -> aiohttp.ClientSession:
        if origin in self._policy.origins:
            return self._named
        if ":" in origin.host or is_number(origin.host.rpartition(".")[2]):
            self._policy.check(origin.host)  # an address is not resolved, so nobody else looks
        return self._strange

    def _open_socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """Open the socket for one address, the very one that it connects to."""
        family, kind, protocol, _, address = info
        self._policy.check(cast("str", address[0]))
        return socket.socket(family, kind, protocol)


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None),  # a request's deadline is over all redirects
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers=_HEADERS,
        # What a body is and what is accepted, the caller says, or nobody.
        skip_auto_headers=("accept", "content-type"),
        max_line_size=HTTP_LINE_MAX_BYTES,
        max_field_size=HTTP_LINE_MAX_BYTES,
        max_headers=HTTP_HEADERS_MAX,
    )


def _redirected(url: Url, target: str) -> Url:
    """Return where a reply from *url* sends us with *target*, its ``location``."""
    try:
        joined = urljoin(url.text, target)
    except ValueError as error:
        raise OutboundError(f"{url.text} redirects to what is no URL: {error}") from error
    return read_url(joined)


def _headers_of(response: aiohttp.ClientResponse) -> dict[str, str]:
    lines = response.headers
    return {name.lower(): ", ".join(lines.getall(name)) for name in lines}
