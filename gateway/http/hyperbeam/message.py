"""Requests as HyperBEAM messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from seriatim.formats.errors import MalformedError
from seriatim.formats.httpsig.commitments import signed_of
from seriatim.formats.httpsig.placement import HttpMessage
from seriatim.formats.httpsig.received import Received, receive
from seriatim.formats.tabm.model import normal_key

# What every HTTP client says of itself and of the connection; in a message that nobody signed,
# it is not part of it. What somebody signed is, whatever it is called.
_TRANSPORT: Final = frozenset(
    {
        "accept",
        "accept-bundle",
        "accept-codec",
        "accept-encoding",
        "accept-language",
        "authorization",
        "cache-control",
        "codec-device",
        "connection",
        "content-length",
        "cookie",
        "dnt",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "origin",
        "pragma",
        "prefer",
        "priority",
        "proxy-authorization",
        "referer",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
        "x-api-key",
        "x-real-ip",
    }
)
_TRANSPORT_PREFIXES: Final = ("sec-", "x-forwarded-")


def read_message(request: web.BaseRequest, body: bytes) -> Received:
    """Return the message that *request* with *body* is.

    Raises:
        MalformedError: a header's name is not ASCII (code ``bad_header``), or as for `receive`.
        LimitExceededError: as for `receive`.
    """
    headers: dict[str, bytes] = {}
    for raw_name, value in request.raw_headers:
        try:
            name = normal_key(raw_name.decode("ascii"))
        except UnicodeDecodeError as error:
            raise MalformedError("a header's name is not ASCII", code="bad_header") from error
        # RFC 9110 §5.3: one field in several lines is a list.
        headers[name] = b", ".join((headers[name], value)) if name in headers else value
    received = receive(HttpMessage(headers, body))
    if received.signatures or signed_of(received.fields):
        return received
    return Received(
        {name: value for name, value in received.fields.items() if not _is_transport(name)}
    )


def scheduled_part(received: Received) -> Received:
    """Return what of a request is to be scheduled: its body where that is a message itself."""
    body = received.fields.get("body")
    return Received(dict(body)) if isinstance(body, Mapping) else received


def _is_transport(name: str) -> bool:
    return name in _TRANSPORT or name.startswith(_TRANSPORT_PREFIXES)
