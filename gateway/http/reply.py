"""Replies: the few shapes that every protocol here sends, with the headers that all share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from aiohttp import web

from seriatim.formats.errors import UnsupportedError
from seriatim.formats.httpsig.placement import BODY_KEYS, HttpMessage
from seriatim.formats.limits import HTTP_LINE_MAX_BYTES
from seriatim.formats.schedule.mode import MODE_HEADER, SchedulingMode
from seriatim.gateway.problems import Problem

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"
PROBLEM: Final = "application/problem+json"
MULTIPART: Final = "multipart/form-data"

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# What says where a reply ends: the server's alone.
_FRAMING: Final = frozenset(
    {"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")

# Browsers call every one of these APIs; none of them uses cookies, so any origin may.
ALLOW_ORIGIN: Final = "access-control-allow-origin"
_COMMON: Final = {
    ALLOW_ORIGIN: "*",
    "access-control-expose-headers": "*",
    "server": "seriatim",
}
VIA: Final = "via"
_JSON_HEADERS: Final = {**_COMMON, "content-type": JSON}


def mode_headers(mode: SchedulingMode) -> dict[str, str]:
    """Return what says, beside an answer, what stands behind it; nothing for the default."""
    return {} if mode is SchedulingMode.LOCAL else {MODE_HEADER: mode.value}


def reply_json(
    body: bytes | Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return *body* (bytes as they are, a map as compact JSON) as ``application/json``."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    every = _JSON_HEADERS if headers is None else {**_JSON_HEADERS, **headers}
    return web.Response(body=raw, status=status, headers=every)


def reply_bytes(
    body: bytes, content_type: str, *, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return *body* as it is."""
    every = {**_COMMON, "content-type": content_type, **(headers or {})}
    return web.Response(body=body, headers=every)


def reply_message(message: HttpMessage, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a HyperBEAM message, with *headers* beside its own.

    Which parts the body has is said by the body, too: a long list of them is left out.

    Raises:
        UnsupportedError: a name or a value is none that a header can have.
    """
    for name, value in message.headers.items():
        if name in _FRAMING or not _NAME.fullmatch(name) or _CONTROL.search(value):
            raise UnsupportedError(
                f"{name[:64]!r} has no form as a header; accept application/json"
            )
    own = {
        name: value.decode("utf-8", "replace")
        for name, value in message.headers.items()
        if name != BODY_KEYS or len(value) < HTTP_LINE_MAX_BYTES // 2
    }
    every = {**_COMMON, **(headers or {}), **own}
    return web.Response(body=message.body, headers=every)


def reply_text(
    text: str,
    *,
    status: int = 200,
    content_type: str = TEXT,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Return *text* as it is."""
    every = {**_COMMON, "content-type": content_type, **(headers or {})}
    return web.Response(body=text.encode(), status=status, headers=every)


def reply_other(body: bytes, *, status: int, headers: Mapping[str, str]) -> web.Response:
    """Return what another node has replied: *headers* are those of its reply that are meant."""
    return web.Response(body=body, status=status, headers={**headers, **_COMMON})


def via_of(lines: Iterable[str], name: str) -> str:
    """Return the header ``via`` of a reply that the node called *name* hands on.

    Args:
        lines: what it said when it came; what is no plain text is left out.
        name: the address of the node's wallet, 43 characters.
    """
    return ", ".join([*(line for line in lines if line.isprintable()), f"1.1 {name}"])


def reply_problem(problem: Problem) -> web.Response:
    """Return *problem* as RFC 9457 JSON."""
    headers = {**_COMMON, "content-type": PROBLEM, **problem.headers}
    return web.Response(body=problem.encode(), status=problem.status, headers=headers)


def reply_preflight(asked_headers: str) -> web.Response:
    """Return the answer to a CORS preflight: everything is allowed."""
    headers = {
        **_COMMON,
        "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS, PATCH",
        "access-control-allow-headers": asked_headers or "*",
        "access-control-max-age": "86400",
    }
    return web.Response(status=204, headers=headers)


def stream_headers(content_type: str, headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the headers of a reply that is sent in pieces."""
    return {**_COMMON, "content-type": content_type, **(headers or {})}
